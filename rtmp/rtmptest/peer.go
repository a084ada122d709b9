package rtmptest

import (
	"encoding/hex"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/rtmp/handshake"
	"penstock/status"
)

// DefaultTimeout bounds every Want and every send.
const DefaultTimeout = 5 * time.Second

// Peer is one end of a connection in a test. It belongs to the goroutine of the test, or of
// the script given to Serve.
type Peer struct {
	// Timeout bounds every Want and every send, DefaultTimeout at first.
	Timeout time.Duration
	// StreamID is the message stream of Publish, Play, SendAudio, SendVideo and SendData:
	// what CreateStream got last.
	StreamID uint32

	t      testing.TB
	nc     net.Conn
	r      *chunk.Reader
	w      chunk.Writer
	server bool // this end is the server
	txn    float64
	talk   conversation
	trace  rtmp.TraceFunc
}

// Received is a message that came, with what it says when that can be decoded. Payload, and
// Type and the other fields of rtmp.Message, are as on the wire.
type Received struct {
	rtmp.Message
	Command *rtmp.Command    // types 17 and 20
	Name    string           // the command's or the data message's name
	Args    []amf.Value      // their arguments
	Status  *status.Status   // an information object among the arguments
	Control rtmp.UserControl // type 4
	Err     error            // why it could not be decoded
}

// Dial connects to a server over TCP. The connection is closed when the test ends.
func Dial(t testing.TB, addr string) *Peer {
	t.Helper()
	nc, err := net.DialTimeout("tcp", addr, DefaultTimeout)
	if err != nil {
		t.Fatalf("rtmptest: %v", err)
	}
	return NewPeer(t, nc)
}

// NewPeer is the client's end of nc, which is closed when the test ends.
func NewPeer(t testing.TB, nc net.Conn) *Peer {
	p := newPeer(t, nc)
	t.Cleanup(func() { _ = nc.Close() })
	return p
}

func newPeer(t testing.TB, nc net.Conn) *Peer {
	p := &Peer{Timeout: DefaultTimeout, t: t, nc: nc}
	p.r = chunk.NewReader(nc, chunk.Limits{})
	p.trace = rtmp.NewTracer(&p.talk)
	return p
}

// Pipe runs serve with one end of an in-memory connection and returns the other. The pipe has
// no buffer: each side waits for the other to read. When the test ends both ends are closed
// and serve is waited for.
func Pipe(t testing.TB, serve func(net.Conn)) *Peer {
	near, far := net.Pipe()
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = near.Close()
		_ = far.Close()
		<-done
	})
	go func() {
		defer close(done)
		serve(far)
	}()
	return newPeer(t, near)
}

// Serve listens on a loopback address and runs script for every connection, each in a
// goroutine of its own, as the server's end of it; the connection is closed when the script
// returns. A failed Want ends the script and fails the test. When the test ends, scripts that
// still run are waited for.
func Serve(t testing.TB, script func(p *Peer)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("rtmptest: %v", err)
	}
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			p := newPeer(t, nc)
			p.server = true
			wg.Add(1)
			go func() {
				defer wg.Done()
				defer func() { _ = nc.Close() }()
				script(p)
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// Conn is the connection below.
func (p *Peer) Conn() net.Conn { return p.nc }

// Close ends the connection.
func (p *Peer) Close() { _ = p.nc.Close() }

// CloseWrite sends FIN and goes on reading.
func (p *Peer) CloseWrite() {
	p.t.Helper()
	w, ok := p.nc.(interface{ CloseWrite() error })
	if !ok {
		p.failf("%T cannot be closed for writing only", p.nc)
	}
	if err := w.CloseWrite(); err != nil {
		p.failf("FIN: %v", err)
	}
	p.talk.add("-> FIN")
}

// Reset ends the connection with RST.
func (p *Peer) Reset() {
	p.t.Helper()
	tcp, ok := p.nc.(*net.TCPConn)
	if !ok {
		p.failf("%T cannot be reset", p.nc)
	}
	_ = tcp.SetLinger(0)
	_ = tcp.Close()
}

// Handshake does the simple handshake of this end.
func (p *Peer) Handshake() { p.t.Helper(); p.HandshakeWith(handshake.Options{}) }

// HandshakeWith does the handshake of this end.
func (p *Peer) HandshakeWith(o handshake.Options) handshake.Result {
	p.t.Helper()
	p.deadline()
	shake := handshake.Client
	if p.server {
		shake = handshake.Server
	}
	res, err := shake(p.nc, o)
	if err != nil {
		p.failf("handshake: %v", err)
	}
	p.talk.add("-- handshake: " + res.Scheme.String())
	return res
}

// deadline starts the time for one step.
func (p *Peer) deadline() { _ = p.nc.SetDeadline(time.Now().Add(p.Timeout)) }

// failf ends the test, or the script, with the conversation so far.
func (p *Peer) failf(format string, a ...any) {
	p.t.Helper()
	text := "rtmptest: " + fmt.Sprintf(format, a...) + "\nconversation (-> sent by the test):\n" + p.talk.String()
	if !p.server {
		p.t.Fatal(text)
	}
	p.t.Error(text) // FailNow is for the test's own goroutine
	runtime.Goexit()
}

// Conversation is what was sent and received so far, a line each.
func (p *Peer) Conversation() string { return p.talk.String() }

// conversation keeps the latest lines.
type conversation struct {
	lines   []string
	dropped int
}

const maxLines = 400

func (c *conversation) add(line string) {
	if len(c.lines) == maxLines {
		n := copy(c.lines, c.lines[maxLines/2:])
		c.dropped += maxLines - n
		c.lines = c.lines[:n]
	}
	c.lines = append(c.lines, line)
}

// Write takes one line of a trace.
func (c *conversation) Write(b []byte) (int, error) {
	c.add(strings.TrimRight(string(b), "\n"))
	return len(b), nil
}

func (c *conversation) String() string {
	head := ""
	if c.dropped > 0 {
		head = fmt.Sprintf("(%d earlier lines)\n", c.dropped)
	}
	return head + strings.Join(c.lines, "\n")
}

func shortHex(b []byte) string {
	const shown = 48
	if len(b) > shown {
		return hex.EncodeToString(b[:shown]) + "…"
	}
	return hex.EncodeToString(b)
}
