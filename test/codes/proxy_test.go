// Package codes shows the nine NetConnection information objects to clients that we did not
// write: rtmpdump, GStreamer, FFmpeg and the npm package rtmp-client. A proxy between keeps the
// bytes, so that what they saw is compared with what Flash Media Server sent.
package codes

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/chunk"
)

// proxy passes connections on to a server and keeps what the server said.
type proxy struct {
	addr string

	mu    sync.Mutex
	conns []*recorded
}

type recorded struct {
	mu  sync.Mutex
	b   bytes.Buffer
	end error // how the server's side ended: io.EOF is FIN
}

func (r *recorded) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String()}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.pass(c, target) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return p
}

func (p *proxy) pass(c net.Conn, target string) {
	defer c.Close()
	s, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer s.Close()
	r := &recorded{}
	p.mu.Lock()
	p.conns = append(p.conns, r)
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(s, c)
		_ = s.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(io.MultiWriter(r, c), s)
	r.mu.Lock()
	r.end = err
	if err == nil {
		r.end = io.EOF
	}
	r.mu.Unlock()
	_ = c.(*net.TCPConn).CloseWrite()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
	}
}

// messages are what the server sent on the i-th connection, after the handshake.
func (p *proxy) messages(t *testing.T, i int) []rtmp.Message {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if i >= len(p.conns) {
		t.Fatalf("there were %d connections", len(p.conns))
	}
	r := p.conns[i]
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.b.Bytes()
	if len(b) < 3073 {
		t.Fatalf("no whole handshake in %d bytes", len(b))
	}
	reader := chunk.NewReader(bytes.NewReader(bytes.Clone(b[3073:])), chunk.Limits{})
	var list []rtmp.Message
	for {
		var m rtmp.Message
		if err := reader.ReadMessage(&m); err != nil {
			return list
		}
		list = append(list, m)
	}
}

// body is the first message whose payload holds all of these strings.
func (p *proxy) body(t *testing.T, has ...string) []byte {
	t.Helper()
	p.mu.Lock()
	n := len(p.conns)
	p.mu.Unlock()
	for i := range n {
	next:
		for _, m := range p.messages(t, i) {
			for _, s := range has {
				if !strings.Contains(string(m.Payload), s) {
					continue next
				}
			}
			return m.Payload
		}
	}
	t.Errorf("no message with %q on the wire", has)
	return nil
}
