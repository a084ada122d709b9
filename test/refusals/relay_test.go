package refusals

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/status"
)

// A relay stands between one client and the server. It gives the client a loopback address of its own, by which the server's
// records of it are found, and keeps what the server said.
type relay struct {
	addr string // where the client connects
	ip   string // which the server sees

	mu    sync.Mutex
	conns []*relayed
	sent  atomic.Int64 // bytes that the client sent, handshakes included
}

// relayed is one connection.
type relayed struct {
	mu   sync.Mutex
	said bytes.Buffer // by the server, handshake included
}

func (r *relayed) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.Write(p)
}

// relays counts addresses: 127.1.0.1 and so on.
var relays atomic.Int32

// relayTo starts a relay to a server's address.
func relayTo(t *testing.T, target string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := relays.Add(1)
	r := &relay{addr: l.Addr().String(), ip: fmt.Sprintf("127.1.%d.%d", n/250, n%250+1)}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.pass(c, target) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return r
}

func (r *relay) pass(c net.Conn, target string) {
	defer c.Close()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(r.ip)}, Timeout: 10 * time.Second}
	s, err := d.Dial("tcp", target)
	if err != nil {
		return
	}
	defer s.Close()
	conn := &relayed{}
	r.mu.Lock()
	r.conns = append(r.conns, conn)
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.MultiWriter(s, counter{&r.sent}), c)
		_ = s.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(io.MultiWriter(conn, c), s)
	_ = c.(*net.TCPConn).CloseWrite()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
	}
}

// counter counts what is written.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// connections returns how many there were so far.
func (r *relay) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// said are the information objects that the server sent, in order, on all connections.
func (r *relay) said(t *testing.T) []*status.Status {
	t.Helper()
	var list []*status.Status
	for _, cmd := range r.commands(t) {
		if s, ok := status.FromObject(cmd.Arg(0)); ok {
			list = append(list, s)
		}
	}
	return list
}

// waited reports whether the server had to end the connection: it then says close, which a client that has left is not told.
func (r *relay) waited(t *testing.T) bool {
	t.Helper()
	return slices.ContainsFunc(r.commands(t), func(cmd *rtmp.Command) bool { return cmd.Name == "close" })
}

// commands are what the server sent, in order, on all connections.
func (r *relay) commands(t *testing.T) []*rtmp.Command {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*rtmp.Command
	for _, c := range r.conns {
		c.mu.Lock()
		b := bytes.Clone(c.said.Bytes())
		c.mu.Unlock()
		if len(b) < 3073 {
			continue
		}
		reader := chunk.NewReader(bytes.NewReader(b[3073:]), chunk.Limits{})
		for {
			var m rtmp.Message
			if reader.ReadMessage(&m) != nil {
				break
			}
			if m.Type != rtmp.TypeCommandAMF0 && m.Type != rtmp.TypeCommandAMF3 {
				continue
			}
			cmd, err := rtmp.ParseCommand(&m, amf.DefaultLimits())
			if err != nil {
				t.Errorf("the server sent a command that cannot be decoded: %v", err)
				continue
			}
			list = append(list, cmd)
		}
	}
	return list
}
