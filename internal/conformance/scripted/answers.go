package scripted

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"penstock/amf"
	"penstock/flv"
	"penstock/rtmp"
	"penstock/status"
)

// StreamID is the message stream that every client gets.
const StreamID uint32 = 1

// loop serves messages and feeds the player until the connection's end.
func (p *Peer) loop() error {
	for {
		tick := p.feed.tick(p.quiet)
		select {
		case m, ok := <-p.in:
			if !ok {
				return nil
			}
			if err := p.handle(m); err != nil {
				return err
			}
		case <-tick:
			if err := p.feed.send(p); err != nil {
				return err
			}
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		}
		if err := p.acknowledge(); err != nil {
			return err
		}
	}
}

func (p *Peer) handle(m *rtmp.Message) error {
	switch m.Type {
	case rtmp.TypeWindowAckSize:
		if len(m.Payload) >= 4 {
			p.window = binary.BigEndian.Uint32(m.Payload)
			p.know(func(f *Facts) { f.Windows = append(f.Windows[:min(len(f.Windows), 32)], p.window) })
		}
	case rtmp.TypeAcknowledgement:
		if len(m.Payload) >= 4 {
			p.know(func(f *Facts) {
				f.AckCount++
				f.Acks = append(f.Acks[max(0, len(f.Acks)-32):], binary.BigEndian.Uint32(m.Payload))
			})
		}
	case rtmp.TypeUserControl:
		return p.control(m)
	case rtmp.TypeAudio, rtmp.TypeVideo:
		return p.received(m)
	case rtmp.TypeCommandAMF0, rtmp.TypeCommandAMF3:
		cmd, err := rtmp.ParseCommand(m, amf.DefaultLimits())
		if err != nil {
			p.log.note("that command cannot be read: " + err.Error())
			return nil
		}
		return p.command(cmd)
	}
	return nil
}

func (p *Peer) control(m *rtmp.Message) error {
	u, err := rtmp.ParseUserControl(m.Payload)
	if err != nil {
		return nil // it is in the transcript
	}
	switch u.Event {
	case rtmp.EventPingRequest:
		p.know(func(f *Facts) { f.Pings++ })
		if !p.script.Pongless && !p.over {
			return p.Message(rtmp.NewUserControl(rtmp.EventPingResponse, u.Value))
		}
	case rtmp.EventPingResponse:
		p.know(func(f *Facts) { f.Pongs = append(f.Pongs[:min(len(f.Pongs), 32)], u.Value) })
	}
	return nil
}

// acknowledge does so twice in each window of the client's.
func (p *Peer) acknowledge() error {
	got := p.Facts().Received
	if p.script.Ackless || p.over || p.window == 0 || got-p.acked < int64(max(p.window/2, 1<<16)) {
		return nil
	}
	p.acked = got
	return p.Message(control(rtmp.TypeAcknowledgement, uint32(got)))
}

func control(typ uint8, v uint32) *rtmp.Message {
	return &rtmp.Message{Type: typ, CSID: rtmp.CSIDControl, Payload: binary.BigEndian.AppendUint32(nil, v)}
}

// ChunkSize is a Set Chunk Size message.
func ChunkSize(n uint32) *rtmp.Message { return control(rtmp.TypeSetChunkSize, n) }

// Bandwidth is a Set Peer Bandwidth message.
func Bandwidth(n uint32, limit uint8) *rtmp.Message {
	m := control(rtmp.TypeSetPeerBandwidth, n)
	m.Payload = append(m.Payload, limit)
	return m
}

// received is a frame of a publisher.
func (p *Peer) received(m *rtmp.Message) error {
	f := p.Facts()
	if f.Role != Publisher {
		return nil
	}
	damaged := ""
	if err := whole(m); err != nil {
		damaged = fmt.Sprintf("%s at %d ms: %v", rtmp.TypeName(m.Type), m.Timestamp, err)
	}
	frame, ok := NewFrame(flv.TagType(m.Type), m.Timestamp, m.Payload)
	count := 0
	p.know(func(f *Facts) {
		f.Stage, f.Latest = StageMedia, time.Now()
		if f.Damaged == "" {
			f.Damaged = damaged
		}
		if ok && len(f.Frames) < maxFrames {
			f.Frames = append(f.Frames, frame)
		}
		if ok && !f.Acted.IsZero() {
			f.After++
		}
		count = len(f.Frames)
	})
	return p.passed(count)
}

// passed runs what the script does midway.
func (p *Peer) passed(frames int) error {
	after := p.script.After
	if after == 0 {
		after = 20
		if !p.Publishes() {
			after = 100 // players look at a stream for a while before they play it
		}
	}
	if p.midway || p.script.Midway == nil || frames < after {
		return nil
	}
	p.midway = true
	return p.script.Midway(p)
}

// whole checks that the inside of a frame adds up: the units of H.264 fill their message exactly.
func whole(m *rtmp.Message) error {
	if m.Type != rtmp.TypeVideo {
		_, err := flv.ParseAudio(m.Payload)
		return err
	}
	info, err := flv.ParseVideo(m.Payload)
	if err != nil || !info.Coded() || info.Enhanced || info.Codec != flv.FourCCAVC {
		return err
	}
	for rest := m.Payload[info.DataOffset:]; len(rest) > 0; {
		if len(rest) < 4 {
			return fmt.Errorf("%d bytes after the last unit", len(rest))
		}
		n := int64(binary.BigEndian.Uint32(rest))
		if n > int64(len(rest)-4) {
			return fmt.Errorf("a unit of %d bytes where %d are left", n, len(rest)-4)
		}
		rest = rest[4+n:]
	}
	return nil
}

// command answers one command, as the script has it or in the ordinary way.
func (p *Peer) command(c *rtmp.Command) error {
	p.know(func(f *Facts) {
		if len(f.Calls) < 64 {
			f.Calls = append(f.Calls, c.Name)
		}
		meet(f, c)
	})
	if p.over {
		return nil
	}
	if c.Transaction != 0 || c.Name == "publish" || c.Name == "play" {
		if err := p.Pause(p.script.Slow); err != nil {
			return err
		}
	}
	if hook := p.script.Commands[c.Name]; hook != nil {
		return hook(p, c)
	}
	return p.Ordinary(c)
}

// meet notes what a command tells about the client.
func meet(f *Facts, c *rtmp.Command) {
	switch c.Name {
	case "connect":
		f.Stage = StageConnect
		props, _ := amf.PropsOf(c.Object)
		for _, prop := range props {
			text, _ := prop.Value.(string)
			switch prop.Key {
			case "app":
				f.App = text
			case "tcUrl":
				f.TCURL = text
			case "flashVer":
				f.FlashVer = text
			case "capsEx":
				if n, ok := prop.Value.(float64); ok && n >= 0 && n < 1<<16 {
					f.CapsEx = int(n)
				}
			}
		}
	case "createStream":
		f.Stage = StageStream
	case "publish":
		f.Stage, f.Role, f.Stream = StageAction, Publisher, c.StringArg(0)
	case "play":
		f.Stage, f.Role, f.Stream = StageAction, Player, c.StringArg(0)
	case "deleteStream", "closeStream", "FCUnpublish":
		f.Stage = StageEnd
	}
}

// Ordinary answers a command as any server would.
func (p *Peer) Ordinary(c *rtmp.Command) error {
	switch c.Name {
	case "connect":
		return p.connect(c)
	case "createStream":
		return p.Result(c, float64(StreamID))
	case "getStreamLength":
		return p.Result(c, 0.0)
	case "publish":
		return p.publish(c)
	case "play":
		return p.play(c)
	case "FCUnpublish":
		return p.Send(c.Result(nil, amf.Undefined), &rtmp.Command{Name: "onFCUnpublish", Args: []amf.Value{
			status.New(status.UnpublishSuccess, c.StringArg(0)).Object()}})
	case "FCPublish":
		return p.Send(c.Result(nil, amf.Undefined), &rtmp.Command{Name: "onFCPublish", Args: []amf.Value{
			status.New(status.PublishStart, c.StringArg(0)).Object()}})
	case "closeStream":
		if p.Publishes() {
			return p.Status(c.StreamID, status.For(status.UnpublishSuccess, p.Facts().Stream))
		}
	case "pause":
		code := status.PauseNotify
		if flag, ok := c.Arg(0).(bool); ok && !flag {
			code = status.UnpauseNotify
		}
		return p.Status(c.StreamID, status.For(code, p.Facts().Stream))
	case "deleteStream", "_result", "_error", "receiveAudio", "receiveVideo", "close":
	default:
		if c.Transaction != 0 {
			return p.Result(c, amf.Undefined)
		}
	}
	return nil
}

// Success is the information object of an accepted connect.
func Success() (properties *amf.Object, info *status.Status) {
	properties = amf.NewObject(amf.Prop{Key: "fmsVer", Value: "FMS/4,5,2,524"}, amf.Prop{Key: "capabilities", Value: 127.0}, amf.Prop{Key: "mode", Value: 1.0})
	return properties, status.For(status.ConnectSuccess).With("objectEncoding", 0.0)
}

// Open sends what comes before the answer to connect: window, bandwidth and chunk size.
func (p *Peer) Open() error {
	window := p.script.Window
	if window == 0 {
		window = rtmp.DefaultWindow
	}
	bandwidth := p.script.Bandwidth
	if bandwidth == nil {
		bandwidth = Bandwidth(rtmp.DefaultWindow, uint8(rtmp.LimitDynamic))
	}
	if err := p.Message(control(rtmp.TypeWindowAckSize, window), bandwidth); err != nil {
		return err
	}
	if p.script.Unsized {
		return nil
	}
	size := p.script.ChunkSize
	if size == 0 {
		size = 4096
	}
	return p.Message(ChunkSize(size))
}

func (p *Peer) connect(c *rtmp.Command) error {
	if err := p.Open(); err != nil {
		return err
	}
	properties, info := Success()
	if err := p.Send(c.Result(properties, info.Object())); err != nil || p.script.Late == nil {
		return err
	}
	return p.script.Late(p)
}

func (p *Peer) publish(c *rtmp.Command) error {
	if err := p.Message(rtmp.NewUserControl(rtmp.EventStreamBegin, c.StreamID)); err != nil {
		return err
	}
	return p.Status(c.StreamID, status.For(status.PublishStart, c.StringArg(0)))
}

func (p *Peer) play(c *rtmp.Command) error {
	name := c.StringArg(0)
	if err := p.Message(rtmp.NewUserControl(rtmp.EventStreamBegin, c.StreamID)); err != nil {
		return err
	}
	for _, s := range []*status.Status{status.For(status.PlayReset, name), status.For(status.PlayStart, name)} {
		if err := p.Status(c.StreamID, s.With("details", name)); err != nil {
			return err
		}
	}
	meta, err := rtmp.NewData(c.StreamID, 0, "onMetaData", Metadata())
	if err != nil {
		return err
	}
	meta.Timestamp = p.script.Feed.Base
	if err := p.Message(meta); err != nil {
		return err
	}
	p.piece = 0
	p.feed = newFeeder(&p.script.Feed, c.StreamID)
	return nil
}
