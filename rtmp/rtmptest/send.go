package rtmptest

import (
	"fmt"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/status"
)

// ConnectOption changes the connect command of Connect.
type ConnectOption func(*rtmp.Command)

// Property sets a property of the connect object.
func Property(key string, v amf.Value) ConnectOption {
	return func(c *rtmp.Command) { c.Object.(*amf.Object).Set(key, v) }
}

// Args are arguments of connect after its object.
func Args(v ...amf.Value) ConnectOption {
	return func(c *rtmp.Command) { c.Args = append(c.Args, v...) }
}

// Connect sends connect, transaction 1, for an application of that name. It does not wait:
// want the status that should follow.
func (p *Peer) Connect(app string, options ...ConnectOption) {
	p.t.Helper()
	c := &rtmp.Command{Name: "connect", Transaction: 1, Object: amf.NewObject(
		amf.Prop{Key: "app", Value: app},
		amf.Prop{Key: "flashVer", Value: "WIN 32,0,0,465"},
		amf.Prop{Key: "tcUrl", Value: "rtmp://" + p.nc.RemoteAddr().String() + "/" + app},
		amf.Prop{Key: "fpad", Value: false},
		amf.Prop{Key: "capabilities", Value: 239.0},
		amf.Prop{Key: "audioCodecs", Value: 3575.0},
		amf.Prop{Key: "videoCodecs", Value: 252.0},
		amf.Prop{Key: "videoFunction", Value: 1.0},
		amf.Prop{Key: "objectEncoding", Value: 0.0},
	)}
	for _, o := range options {
		o(c)
	}
	p.txn = max(p.txn, 1)
	p.Send(c)
}

// Open does the handshake, connects and wants NetConnection.Connect.Success.
func (p *Peer) Open(app string, options ...ConnectOption) *Received {
	p.t.Helper()
	p.Handshake()
	p.Connect(app, options...)
	return p.WantStatus(status.ConnectSuccess)
}

// Send sends commands.
func (p *Peer) Send(cmds ...*rtmp.Command) {
	p.t.Helper()
	for _, c := range cmds {
		m, err := c.Message()
		if err != nil {
			p.failf("%v", err)
		}
		p.SendMessage(m)
	}
}

// SendMessage sends messages; a SetChunkSize among them takes effect for the next.
func (p *Peer) SendMessage(msgs ...*rtmp.Message) {
	p.t.Helper()
	var b []byte
	for _, m := range msgs {
		if err := m.Validate(); err != nil {
			p.failf("%v", err)
		}
		p.trace(rtmp.Out, m)
		b = p.w.Append(b, m)
	}
	p.write(b)
}

// SendRaw sends bytes as they are.
func (p *Peer) SendRaw(b []byte) {
	p.t.Helper()
	p.talk.add(fmt.Sprintf("-> %d raw bytes  %s", len(b), shortHex(b)))
	p.write(b)
}

func (p *Peer) write(b []byte) {
	p.t.Helper()
	p.deadline()
	if n, err := p.nc.Write(b); err != nil {
		p.failf("sent %d of %d bytes: %v", n, len(b), err)
	}
}

// Call sends a command with the next transaction ID, on the connection, and returns that ID.
func (p *Peer) Call(name string, args ...amf.Value) (transaction float64) {
	p.t.Helper()
	p.txn++
	p.Send(&rtmp.Command{Name: name, Transaction: p.txn, Args: args})
	return p.txn
}

// CreateStream asks for a message stream and returns its ID, which is StreamID from then on.
func (p *Peer) CreateStream() uint32 {
	p.t.Helper()
	res := p.WantResult(p.Call("createStream"))
	n, ok := res.Command.NumberArg(0)
	if !ok || n < 1 || n != float64(uint32(n)) {
		p.failf("createStream returned %s, want a stream ID", amf.Format(res.Command.Arg(0)))
	}
	p.StreamID = uint32(n)
	return p.StreamID
}

// Publish sends publish as "live" on the stream, which it creates if there is none. Want the
// status that should follow.
func (p *Peer) Publish(name string) { p.t.Helper(); p.onStream("publish", name, "live") }

// Play sends play on the stream, which it creates if there is none.
func (p *Peer) Play(name string, args ...amf.Value) {
	p.t.Helper()
	p.onStream("play", append([]amf.Value{name}, args...)...)
}

func (p *Peer) onStream(method string, args ...amf.Value) {
	p.t.Helper()
	if p.StreamID == 0 {
		p.CreateStream()
	}
	p.Send(&rtmp.Command{Name: method, StreamID: p.StreamID, Args: args})
}

// SendAudio sends an audio message on the stream: timestamp in ms, body as in an FLV tag.
func (p *Peer) SendAudio(timestamp uint32, body []byte) {
	p.t.Helper()
	p.SendMessage(&rtmp.Message{Type: rtmp.TypeAudio, CSID: rtmp.CSIDAudio, StreamID: p.StreamID, Timestamp: timestamp, Payload: body})
}

// SendVideo sends a video message on the stream.
func (p *Peer) SendVideo(timestamp uint32, body []byte) {
	p.t.Helper()
	p.SendMessage(&rtmp.Message{Type: rtmp.TypeVideo, CSID: rtmp.CSIDVideo, StreamID: p.StreamID, Timestamp: timestamp, Payload: body})
}

// SendData sends a data message on the stream.
func (p *Peer) SendData(timestamp uint32, name string, args ...amf.Value) {
	p.t.Helper()
	m, err := rtmp.NewData(p.StreamID, timestamp, name, args...)
	if err != nil {
		p.failf("%v", err)
	}
	p.SendMessage(m)
}

// Accept answers connect as Flash Media Server does: window, bandwidth and `_result` with
// NetConnection.Connect.Success. For scripts of Serve.
func (p *Peer) Accept(connect *Received) {
	p.t.Helper()
	p.SendMessage(rtmp.WindowAckSize(rtmp.DefaultWindow), rtmp.SetPeerBandwidth(rtmp.DefaultWindow, rtmp.LimitDynamic))
	properties := amf.NewObject(amf.Prop{Key: "fmsVer", Value: "FMS/4,5,2,524"},
		amf.Prop{Key: "capabilities", Value: 127.0}, amf.Prop{Key: "mode", Value: 1.0})
	encoding, _ := connect.Command.Object.(*amf.Object).Number("objectEncoding")
	info := status.New(status.ConnectSuccess, "Connection succeeded.").With("objectEncoding", encoding)
	p.Send(connect.Command.Result(properties, info.Object()))
}

// Refuse answers a command with `_error`.
func (p *Peer) Refuse(cmd *Received, s *status.Status) { p.t.Helper(); p.Send(cmd.Command.Error(s)) }
