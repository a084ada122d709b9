package servercases

import (
	"fmt"

	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

func control() []judge.Case {
	return section("control", "Control messages", []judge.Case{
		{Case: about("window-ack-size", "", recommended, "Window Acknowledgement Size", "The server announces its window when a client connects.", "RTMP 1.0 §7.2.1.1; "+fmsCapture),
			Run: func(t *judge.Trial) error { return announces(t, wire.TypeWindowAckSize) }},
		{Case: about("set-peer-bandwidth", "", recommended, "Set Peer Bandwidth", "The server announces the bandwidth of its peer when a client connects.", "RTMP 1.0 §7.2.1.1; "+fmsCapture),
			Run: func(t *judge.Trial) error { return announces(t, wire.TypeSetPeerBandwidth) }},
		{Case: about("set-chunk-size", "", recommended, "Set Chunk Size before the answer", "The server announces its chunk size before the _result of connect: FFmpeg takes it over, and else publishes in chunks of 128 bytes.",
			"FFmpeg libavformat/rtmpproto.c"), Run: chunkSizeFirst},
		{Case: about("acknowledgement", "", required, "Acknowledgement", "A client that announced its window and sent more than that gets an Acknowledgement, of no more than it sent.",
			"RTMP 1.0 §5.4.3, §5.4.4; FMLE stops without"), Run: acknowledged},
		{Case: about("no-acknowledgement", "", recommended, "a player that never acknowledges", "A player that sends no Acknowledgement is not left without media.", "OBS Studio and many encoders never acknowledge"), Run: neverAcknowledges},
		{Case: about("bandwidth-answer", "", optional, "the answer to Set Peer Bandwidth", "Set Peer Bandwidth with another window is answered by Window Acknowledgement Size.", "RTMP 1.0 §5.4.5"), Run: bandwidthAnswer},
		{Case: about("ping", "", required, "ping", "A ping request is answered by a ping response with the same timestamp.", "RTMP 1.0 §7.1.7"), Run: ping},
		{Case: about("stream-begin", "", recommended, "StreamBegin", "StreamBegin of the message stream comes before the media of a play.", "RTMP 1.0 §7.1.7, §7.2.2.1"), Run: streamBegin},
		{Case: about("unknown-event", "", required, "an unknown user control event", "A user control event that the server does not know is ignored.", "RTMP 1.0 §7.1.7; clients send events of Flash Media Server"),
			Run: func(t *judge.Trial) error { return ignored(t, wire.UserControl(99, 7)) }},
		{Case: about("short-event", "", recommended, "a user control message without operand", "A user control message that is too short is ignored.", "servers have crashed on it"),
			Run: func(t *judge.Trial) error { return ignored(t, wire.Control(wire.TypeUserControl, 0, 3)) }},
		{Case: about("unknown-type", "", required, "an unknown message type", "A message of a type that the server does not know is ignored.", "errata and addenda to RTMP 1.0"),
			Run: func(t *judge.Trial) error {
				return ignored(t, &wire.Message{Type: 13, CSID: 5, Payload: pattern(20, 1)})
			}},
		{Case: about("buffer-length", "", required, "SetBufferLength", "SetBufferLength before play is accepted.", "RTMP 1.0 §7.1.7; every player sends it"),
			Run: func(t *judge.Trial) error { return ignored(t, wire.UserControl(wire.EventSetBufferLength, 1, 3000)) }},
	})
}

func announces(t *judge.Trial, typ uint8) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	h, err := c.Await(wire.TypeName(typ), func(h *judge.Heard) bool { return h.Type == typ })
	if err != nil {
		return err
	}
	if v, ok := h.Value(); !ok || v == 0 {
		return judge.Differs("a window above 0", wire.Describe(h.Message))
	}
	return nil
}

func chunkSizeFirst(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	for _, h := range c.All() {
		switch {
		case h.Type == wire.TypeSetChunkSize:
			return nil
		case h.Named("_result"):
			return judge.Differs("SetChunkSize before _result", "_result before SetChunkSize, if that comes")
		}
	}
	return judge.Fails("SetChunkSize", "none")
}

func acknowledged(t *judge.Trial) error {
	const window = 100_000
	p, id, err := published(t, t.Stream(""))
	if err != nil {
		return err
	}
	if err := p.Send(wire.ControlValue(wire.TypeWindowAckSize, window), wire.ControlValue(wire.TypeSetChunkSize, 4096)); err != nil {
		return err
	}
	if err := sendHeaders(p, id); err != nil {
		return err
	}
	for i := range uint32(10) {
		if err := p.Send(videoMessage(id, 40*i, frame(i == 0, 40_000, byte(i)))); err != nil {
			return err
		}
	}
	h, err := p.Await("an Acknowledgement of about 100000 bytes or more", func(h *judge.Heard) bool {
		v, _ := h.Value()
		return h.Type == wire.TypeAck && v > window/4
	})
	if err != nil {
		return err
	}
	if v, _ := h.Value(); int64(v) > p.Raw.Sent() {
		return judge.Differs(fmt.Sprintf("no more than the %d bytes sent", p.Raw.Sent()), wire.Describe(h.Message))
	}
	return nil
}

func neverAcknowledges(t *judge.Trial) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	if err := p.Send(wire.ControlValue(wire.TypeSetChunkSize, 65536)); err != nil {
		return err
	}
	for i := range uint32(24) { // 7 MB: more than the window of any server we know
		if err := relay(p, c, "frame after frame", videoMessage(id, 40*(i+1), frame(i%8 == 0, 300_000, byte(i)))); err != nil {
			return err
		}
	}
	return nil
}

func bandwidthAnswer(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	if err := c.Send(wire.Control(wire.TypeSetPeerBandwidth, 0, 12, 0, 0, 0)); err != nil {
		return err
	}
	before := len(c.All())
	if err := c.Barrier(); err != nil {
		return err
	}
	for _, h := range c.All()[before:] {
		if h.Type == wire.TypeWindowAckSize {
			return nil
		}
	}
	return judge.Fails("WindowAckSize", "none before the answer to a later command")
}

func ping(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	const stamp = 0x12345678
	if err := c.Send(wire.UserControl(wire.EventPing, stamp)); err != nil {
		return err
	}
	h, err := c.Await("PingResponse", func(h *judge.Heard) bool {
		event, _, ok := h.Event()
		return ok && event == wire.EventPong
	})
	if err != nil {
		return err
	}
	if want := wire.UserControl(wire.EventPong, stamp); string(h.Payload) != string(want.Payload) {
		return judge.Differs(wire.Describe(want), wire.Describe(h.Message))
	}
	return nil
}

func streamBegin(t *judge.Trial) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	if err := relay(p, c, "a key frame", picture(id, 40, true, 1)); err != nil {
		return err
	}
	for _, h := range c.All() {
		if event, body, ok := h.Event(); ok && event == wire.EventStreamBegin && len(body) >= 4 && body[3] != 0 {
			return nil
		}
		if h.Type == wire.TypeVideo {
			return judge.Differs("StreamBegin before media", "media first")
		}
	}
	return judge.Fails("StreamBegin", "none")
}

// ignored checks that the connection lives on after a message, for publishing even.
func ignored(t *judge.Trial, m *wire.Message) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	if err := c.Send(m); err != nil {
		return err
	}
	return c.Barrier()
}
