// Package relay stands between clients that we did not write and a server, and keeps what the server said to them.
package relay

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/chunk"
)

// A Relay passes connections on to a server, byte for byte, and ends each side as the other one ended. It is safe for concurrent use.
type Relay struct {
	Addr string // where clients connect, 127.0.0.1:PORT

	target string
	from   net.IP       // nil is any
	sent   atomic.Int64 // bytes of the clients, handshakes included

	mu    sync.Mutex
	conns []*connection
}

// connection is one connection to the server.
type connection struct {
	mu   sync.Mutex
	said bytes.Buffer // by the server, handshake included
	end  error        // how the server's side ended: io.EOF is FIN; nil while it has not
}

func (c *connection) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.Write(p)
}

// To starts a relay to a server's address that ends with the test. With from, an address of the loopback network, the server sees
// the clients there.
func To(t testing.TB, target string, from net.IP) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Addr: l.Addr().String(), target: target, from: from}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.pass(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return r
}

func (r *Relay) pass(c net.Conn) {
	defer c.Close()
	d := net.Dialer{Timeout: 10 * time.Second}
	if r.from != nil {
		d.LocalAddr = &net.TCPAddr{IP: r.from}
	}
	s, err := d.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer s.Close()
	conn := &connection{}
	r.mu.Lock()
	r.conns = append(r.conns, conn)
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.MultiWriter(s, counter{&r.sent}), c)
		_ = s.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(io.MultiWriter(conn, c), s)
	if err == nil {
		err = io.EOF
	}
	conn.mu.Lock()
	conn.end = err
	conn.mu.Unlock()
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

// Sent is how many bytes clients have sent so far, handshakes included.
func (r *Relay) Sent() int64 { return r.sent.Load() }

// Connections is how many there were so far.
func (r *Relay) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

func (r *Relay) connection(i int) *connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns[i]
}

// End is how the server's side of the i-th connection ended: io.EOF is FIN, nil that it has not.
func (r *Relay) End(i int) error {
	c := r.connection(i)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// Messages are what the server has sent so far on the i-th connection, after the handshake.
func (r *Relay) Messages(i int) []rtmp.Message {
	const handshake = 1 + 2*1536
	c := r.connection(i)
	c.mu.Lock()
	b := bytes.Clone(c.said.Bytes())
	c.mu.Unlock()
	if len(b) < handshake {
		return nil
	}
	reader := chunk.NewReader(bytes.NewReader(b[handshake:]), chunk.Limits{})
	var list []rtmp.Message
	for {
		var m rtmp.Message
		if reader.ReadMessage(&m) != nil {
			return list
		}
		list = append(list, m)
	}
}
