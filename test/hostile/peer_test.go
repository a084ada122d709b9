package hostile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/rtmp/handshake"
	"penstock/status"
)

// attack is one row being run.
type attack struct {
	t     *testing.T
	s     *stage
	crowd *audience
	peers []*peer
	// counted is how often each limit had been met before.
	counted map[string]uint64
}

// peer is an attacker's connection. It writes what it is told to and reads only when it is
// asked to.
type peer struct {
	a       *attack
	nc      net.Conn
	tcp     *net.TCPConn
	r       *chunk.Reader
	w       chunk.Writer
	sid     uint32
	answers []string // codes and ends, in order, each once
	acks    int
	windows int
	pings   int
	video   int
	configs int
	in      int // payload bytes
}

// wait bounds everything that an attacker waits for.
const wait = 5 * time.Second

// dial connects from an address of its own.
func (a *attack) dial() *peer { a.t.Helper(); return a.dialFrom(a.s.address(), 0) }

// dialFrom connects from a given address, with a receive buffer of that many bytes (0: any).
func (a *attack) dialFrom(from netip.Addr, buffer int) *peer {
	a.t.Helper()
	d := net.Dialer{Timeout: wait, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	if buffer > 0 {
		d.ControlContext = func(_ context.Context, _, _ string, c syscall.RawConn) error {
			var err error
			_ = c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, buffer) })
			return err
		}
	}
	nc, err := d.Dial("tcp", a.s.addr)
	if err != nil {
		a.t.Fatal(err)
	}
	p := &peer{a: a, nc: nc, tcp: nc.(*net.TCPConn)}
	p.r = chunk.NewReader(nc, chunk.Limits{ChunkStreams: 1 << 20})
	a.peers = append(a.peers, p)
	return p
}

// shaken is a peer whose handshake is done.
func (a *attack) shaken() *peer { a.t.Helper(); return a.dial().shake() }

func (p *peer) shake() *peer {
	p.a.t.Helper()
	_ = p.nc.SetDeadline(time.Now().Add(wait))
	if _, err := handshake.Client(p.nc, handshake.Options{}); err != nil {
		p.a.t.Fatalf("handshake: %v", err)
	}
	_ = p.nc.SetDeadline(time.Time{})
	return p
}

// connected is a peer whose connect was accepted.
func (a *attack) connected(name string) *peer {
	a.t.Helper()
	p := a.shaken()
	p.connect(name)
	p.wantCode(status.ConnectSuccess)
	return p
}

// reluctant is connected with a small receive buffer.
func (a *attack) reluctant(name string) *peer {
	a.t.Helper()
	p := a.dialFrom(a.s.address(), 8<<10).shake()
	p.connect(name)
	p.wantCode(status.ConnectSuccess)
	return p
}

func connectObject(name string, props ...amf.Prop) *amf.Object {
	o := amf.NewObject(amf.Prop{Key: "app", Value: name}, amf.Prop{Key: "flashVer", Value: "WIN 32,0,0,465"},
		amf.Prop{Key: "tcUrl", Value: "rtmp://127.0.0.1/"}, amf.Prop{Key: "objectEncoding", Value: 0.0})
	for _, p := range props {
		o.Set(p.Key, p.Value)
	}
	return o
}

func (p *peer) connect(name string, props ...amf.Prop) {
	p.send(&rtmp.Command{Name: "connect", Transaction: 1, Object: connectObject(name, props...)})
}

// publishing is a peer that publishes name; it has sent nothing yet.
func (a *attack) publishing(name string) *peer {
	a.t.Helper()
	p := a.connected("live")
	p.stream()
	p.on("publish", name, "live")
	p.wantCode(status.PublishStart)
	return p
}

// playing is a peer that plays name.
func (a *attack) playing(name string) *peer {
	a.t.Helper()
	p := a.connected("live")
	p.stream()
	p.on("play", name)
	p.wantCode(status.PlayStart)
	return p
}

// stream creates a message stream.
func (p *peer) stream() {
	p.a.t.Helper()
	p.call(2, "createStream")
	m := p.until("_result of createStream", func(m *answer) bool { return m.cmd != nil && m.cmd.Name == "_result" && m.cmd.Transaction == 2 })
	n, _ := m.cmd.NumberArg(0)
	p.sid = uint32(n)
}

// raw writes bytes; an error is the server's good right and shows when the peer reads.
func (p *peer) raw(b []byte) bool {
	_ = p.nc.SetWriteDeadline(time.Now().Add(wait))
	_, err := p.nc.Write(b)
	return err == nil
}

func (p *peer) message(m *rtmp.Message) bool { return p.raw(p.w.Append(nil, m)) }

// body sends a message of that type on chunk stream 6.
func (p *peer) body(typ uint8, ts uint32, payload []byte) bool {
	return p.message(&rtmp.Message{Type: typ, CSID: 6, StreamID: p.sid, Timestamp: ts, Payload: payload})
}

func (p *peer) control(typ uint8, payload ...byte) bool {
	return p.message(&rtmp.Message{Type: typ, CSID: 2, Payload: payload})
}

func (p *peer) send(cmds ...*rtmp.Command) bool {
	var b []byte
	for _, c := range cmds {
		m, err := c.Message()
		if err != nil {
			p.a.t.Fatal(err)
		}
		b = p.w.Append(b, m)
	}
	return p.raw(b)
}

func (p *peer) call(txn float64, name string, args ...amf.Value) bool {
	return p.send(&rtmp.Command{Name: name, Transaction: txn, Args: args})
}

// on sends a command on the peer's message stream.
func (p *peer) on(name string, args ...amf.Value) bool {
	return p.send(&rtmp.Command{Name: name, Transaction: 7, StreamID: p.sid, Args: args})
}

// bytesCommand sends a command whose name and transaction are valid and whose rest is raw AMF0.
func (p *peer) bytesCommand(name string, rest []byte) bool {
	b, err := amf.Append0(nil, name, 9.0)
	if err != nil {
		p.a.t.Fatal(err)
	}
	return p.message(&rtmp.Message{Type: rtmp.TypeCommandAMF0, CSID: 3, Payload: append(b, rest...)})
}

// chunkSize announces a chunk size and uses it.
func (p *peer) chunkSize(n uint32) bool { return p.message(rtmp.SetChunkSize(n)) }

func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// answer is a message of the server.
type answer struct {
	rtmp.Message
	cmd    *rtmp.Command
	status *status.Status
}

func (p *peer) note(s string) {
	if !slices.Contains(p.answers, s) {
		p.answers = append(p.answers, s)
	}
}

// read is the next message, or how the connection ended.
func (p *peer) read(until time.Time) (*answer, error) {
	_ = p.nc.SetReadDeadline(until)
	m := &answer{}
	if err := p.r.ReadMessage(&m.Message); err != nil {
		return nil, err
	}
	p.in += len(m.Payload)
	switch m.Type {
	case rtmp.TypeCommandAMF0, rtmp.TypeCommandAMF3:
		c, err := rtmp.ParseCommand(&m.Message, amf.Limits{Bytes: 4 << 20, LongString: 4 << 20})
		if err != nil {
			return nil, fmt.Errorf("the server's answer cannot be decoded: %w", err)
		}
		m.cmd = c
		for _, v := range append([]amf.Value{c.Object}, c.Args...) {
			if s, ok := status.FromObject(v); ok {
				m.status = s
				p.note(strings.TrimPrefix(strings.TrimPrefix(string(s.Code), "NetConnection."), "NetStream."))
			}
		}
	case rtmp.TypeAcknowledgement:
		p.acks++
	case rtmp.TypeWindowAckSize:
		p.windows++
	case rtmp.TypeUserControl:
		if u, err := rtmp.ParseUserControl(m.Payload); err == nil && u.Event == rtmp.EventPingRequest {
			p.pings++
		}
	case rtmp.TypeVideo:
		p.video++
		if len(m.Payload) > 1 && m.Payload[0] == 0x17 && m.Payload[1] == 0 {
			p.configs++
		}
	}
	return m, nil
}

// until reads until a message satisfies want.
func (p *peer) until(what string, want func(*answer) bool) *answer {
	p.a.t.Helper()
	deadline := time.Now().Add(wait)
	for {
		m, err := p.read(deadline)
		if err != nil {
			p.a.t.Fatalf("want %s, got %v after %v", what, err, p.answers)
		}
		if want(m) {
			return m
		}
	}
}

func (p *peer) wantCode(c status.Code) *answer {
	p.a.t.Helper()
	return p.until(string(c), func(m *answer) bool { return m.status != nil && m.status.Code == c })
}

// wantResult wants the `_result` of a transaction.
func (p *peer) wantResult(txn float64) *rtmp.Command {
	p.a.t.Helper()
	return p.until("a result", func(m *answer) bool { return m.cmd != nil && m.cmd.Name == "_result" && m.cmd.Transaction == txn }).cmd
}

// end reads until the connection ends and tells how.
func (p *peer) end() string {
	p.a.t.Helper()
	deadline := time.Now().Add(wait)
	for {
		_, err := p.read(deadline)
		switch {
		case err == nil:
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			return "open"
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			p.note("FIN")
			return "FIN"
		case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
			p.note("RST")
			return "RST"
		}
		p.a.t.Errorf("reading: %v", err)
		return err.Error()
	}
}

// wantFIN wants the server to end the connection in order.
func (p *peer) wantFIN() {
	p.a.t.Helper()
	if how := p.end(); how != "FIN" {
		p.a.t.Errorf("want FIN, the connection is %s after %v", how, p.answers)
	}
}

// wantCut wants the server to end the connection, in whatever way.
func (p *peer) wantCut() {
	p.a.t.Helper()
	if how := p.end(); how != "FIN" && how != "RST" {
		p.a.t.Errorf("want the connection to be ended, it is %s after %v", how, p.answers)
	}
}

// alive wants an answer to a ping.
func (p *peer) alive() {
	p.a.t.Helper()
	p.message(rtmp.NewUserControl(rtmp.EventPingRequest, 0xA11CE))
	p.until("a pong", func(m *answer) bool {
		u, err := rtmp.ParseUserControl(m.Payload)
		return m.Type == rtmp.TypeUserControl && err == nil && u.Event == rtmp.EventPingResponse && u.Value == 0xA11CE
	})
	p.note("lives")
}

// drainFor reads for that long, whatever comes.
func (p *peer) drainFor(d time.Duration) {
	deadline := time.Now().Add(d)
	for {
		if _, err := p.read(deadline); err != nil {
			return
		}
	}
}

// wantRefusal waits for a refusal with that cause and rule ("" is any).
func (a *attack) wantRefusal(cause app.Cause, rule string) *app.Refusal {
	a.t.Helper()
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		for _, r := range a.s.seen() {
			if (cause == "" || r.Cause == cause) && (rule == "" || r.Rule == rule) {
				return r
			}
		}
		if time.Now().After(deadline) {
			var list []string
			for i, r := range a.s.seen() {
				if i == 10 {
					list = append(list, "…")
					break
				}
				list = append(list, r.Error())
			}
			a.t.Errorf("no refusal with cause %q and rule %q; there are: %s", cause, rule, strings.Join(list, "; "))
			return &app.Refusal{}
		}
	}
}

// eventually waits for a condition.
func (a *attack) eventually(what string, ok func() bool) {
	a.t.Helper()
	for deadline := time.Now().Add(3 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			a.t.Errorf("still not: %s", what)
			return
		}
	}
}
