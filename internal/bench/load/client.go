package load

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/rtmp/handshake"
)

// Server is where to connect.
type Server struct {
	URL     rtmp.URL // without the stream
	Timeout time.Duration
	TLS     *tls.Config // for rtmps
	From    net.Addr    // the own address; nil: the system chooses
}

// end is a connection to the server until it publishes or plays: everything is done by one goroutine, one step after the other.
type end struct {
	nc      net.Conn
	timeout time.Duration
	p       parser
	in      []byte
	out     []byte
	txn     float64
	chunk   int // size of our chunks
	window  uint64
	acked   uint64
}

// answerError is a refusal by the server.
type answerError struct{ Command, Code, Description string }

func (e *answerError) Error() string {
	return fmt.Sprintf("%s: the server answers %s %q", e.Command, e.Code, e.Description)
}

// dial connects and does the handshake. narrow makes the receive window small, for ends that do not read.
func (s *Server) dial(ctx context.Context, narrow bool) (*end, error) {
	d := net.Dialer{Timeout: s.Timeout, LocalAddr: s.From, KeepAlive: -1} // four calls less for each
	nc, err := d.DialContext(ctx, "tcp", s.URL.Address())
	if err != nil {
		return nil, err
	}
	if tcp, ok := nc.(*net.TCPConn); ok && narrow {
		_ = tcp.SetReadBuffer(8 << 10)
	}
	_ = nc.SetDeadline(time.Now().Add(s.Timeout))
	if s.URL.Scheme == "rtmps" {
		t := tls.Client(nc, s.TLS)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = nc.Close()
			return nil, err
		}
		nc = t
	}
	e := &end{nc: nc, timeout: s.Timeout, p: newParser(), chunk: chunk.DefaultChunkSize, window: rtmp.DefaultWindow}
	if _, err := handshake.Client(nc, handshake.Options{}); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return e, nil
}

// send writes messages at once.
func (e *end) send(msgs ...*rtmp.Message) error {
	e.out = e.out[:0]
	for _, m := range msgs {
		e.out = chunk.Append(e.out, m, e.chunk)
		if m.Type == chunk.TypeSetChunkSize {
			e.chunk = int(binary.BigEndian.Uint32(m.Payload))
		}
	}
	_, err := e.nc.Write(e.out)
	return err
}

// plumb answers what the protocol wants answered: pings and windows. It returns what to send, nil for nothing.
func (e *end) plumb(m *message) *rtmp.Message {
	switch m.typ {
	case chunk.TypeWindowAckSize:
		if len(m.body) == 4 {
			e.window = uint64(max(binary.BigEndian.Uint32(m.body), 1<<16))
		}
	case chunk.TypeUserControl:
		if len(m.body) >= 6 && binary.BigEndian.Uint16(m.body) == uint16(rtmp.EventPingRequest) {
			return rtmp.NewUserControl(rtmp.EventPingResponse, binary.BigEndian.Uint32(m.body[2:]))
		}
	}
	if n := e.p.received; n-e.acked >= e.window/2 {
		e.acked = n
		return rtmp.Acknowledgement(uint32(n))
	}
	return nil
}

// ask sends a command and waits for the answer to it: the result, or the status that publish and play have.
func (e *end) ask(cmd *rtmp.Command, onStatus string, other func(*message)) (*rtmp.Command, error) {
	m, err := cmd.Message()
	if err != nil {
		return nil, err
	}
	if err := e.send(m); err != nil {
		return nil, err
	}
	return e.await(cmd, onStatus, other)
}

func (e *end) await(asked *rtmp.Command, onStatus string, other func(*message)) (*rtmp.Command, error) {
	var answer *rtmp.Command
	var refused error
	for answer == nil {
		if e.in == nil {
			e.in = make([]byte, 4<<10)
		}
		n, err := e.nc.Read(e.in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", asked.Name, err)
		}
		err = e.p.feed(e.in[:n], func(m *message) error {
			if reply := e.plumb(m); reply != nil {
				if err := e.send(reply); err != nil {
					return err
				}
			}
			if m.typ != chunk.TypeCommand && m.typ != chunk.TypeCommandAMF3 {
				if other != nil {
					other(m)
				}
				return nil
			}
			cmd, err := rtmp.ParseCommand(&rtmp.Message{Type: m.typ, StreamID: m.msid, Payload: m.body}, amf.Limits{})
			if err != nil {
				return err
			}
			if done, err := answers(asked, cmd, onStatus); done {
				answer, refused = cmd, err
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", asked.Name, err)
		}
	}
	return answer, refused
}

// answers tells whether cmd is what was waited for.
func answers(asked, cmd *rtmp.Command, onStatus string) (bool, error) {
	switch {
	case cmd.Name == "_error" && cmd.Transaction == asked.Transaction:
	case cmd.Name == "_result" && cmd.Transaction == asked.Transaction && onStatus == "":
		return true, nil
	case cmd.Name == "onStatus" && property(cmd, "level") == "error":
	case cmd.Name == "onStatus" && onStatus != "" && property(cmd, "code") == onStatus:
		return true, nil
	default:
		return false, nil
	}
	return true, &answerError{asked.Name, property(cmd, "code"), property(cmd, "description")}
}

// property is a property of the information object.
func property(cmd *rtmp.Command, key string) string {
	props, _ := amf.PropsOf(cmd.Arg(0))
	return (&amf.Object{Props: props}).String(key)
}

func (e *end) next() float64 {
	e.txn++
	return e.txn
}

// connect opens the application.
func (e *end) connect(u *rtmp.URL) error {
	_, err := e.ask(&rtmp.Command{Name: "connect", Transaction: e.next(), Object: amf.NewObject(
		amf.Prop{Key: "app", Value: u.App}, amf.Prop{Key: "type", Value: "nonprivate"},
		amf.Prop{Key: "flashVer", Value: "FMLE/3.0 (compatible; penstock)"}, amf.Prop{Key: "tcUrl", Value: u.TCURL()},
		amf.Prop{Key: "fpad", Value: false}, amf.Prop{Key: "capabilities", Value: 15.0},
		amf.Prop{Key: "audioCodecs", Value: 4071.0}, amf.Prop{Key: "videoCodecs", Value: 252.0},
	)}, "", nil)
	return err
}

func (e *end) createStream() (uint32, error) {
	r, err := e.ask(&rtmp.Command{Name: "createStream", Transaction: e.next()}, "", nil)
	if err != nil {
		return 0, err
	}
	id, ok := r.NumberArg(0)
	if !ok {
		return 0, errors.New("createStream: the answer has no stream ID")
	}
	return uint32(id), nil
}

// open connects, opens the application and creates a stream.
func (s *Server) open(ctx context.Context, narrow bool) (*end, uint32, error) {
	e, err := s.dial(ctx, narrow)
	if err != nil {
		return nil, 0, err
	}
	id, err := uint32(0), e.connect(&s.URL)
	if err == nil {
		id, err = e.createStream()
	}
	if err != nil {
		_ = e.nc.Close()
		return nil, 0, err
	}
	return e, id, nil
}

// Connect does one cycle of handshake and connect; the connection is left open and must be closed.
func (s *Server) Connect(ctx context.Context) (net.Conn, error) {
	e, err := s.dial(ctx, false)
	if err != nil {
		return nil, err
	}
	if err := e.connect(&s.URL); err != nil {
		_ = e.nc.Close()
		return nil, err
	}
	return e.nc, nil
}
