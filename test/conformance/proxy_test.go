package conformance

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"penstock/internal/conformance/wire"
)

// mutant is one way to be broken. A proxy before a good server makes a server of it.
type mutant struct {
	name string
	// kills are the required cases that must not work because of it; all others must.
	kills []string

	// up and down change the messages of client and server; nil leaves them as they are.
	up, down func(s *session, m *wire.Message) []*wire.Message
	// hello changes S0, S1 and S2.
	hello func(c1, s []byte)
	// cut changes how a message to the client is cut.
	cut func(s *session, m *wire.Message, c *wire.Cutting)
	// deadly ends the whole server when it is true of a message, or of what went wrong or was seen of the bytes before.
	deadly func(s *session, m *wire.Message, err error, raw []byte) bool

	oneSegment, flushes, resets, clings bool
}

// session is one connection through the proxy.
type session struct {
	p    *proxy
	mu   sync.Mutex
	last map[string]any // whatever a mutant remembers
	done bool           // the mutant ended it
}

func (s *session) get(key string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[key]
}

func (s *session) set(key string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[key] = v
}

// end ends the connection instead of a message.
func (s *session) end() []*wire.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	return nil
}

func (s *session) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// proxy is a mutant that listens.
type proxy struct {
	m      *mutant
	server string
	addr   string

	mu    sync.Mutex
	l     net.Listener
	conns map[net.Conn]bool
	over  chan struct{}
	wg    sync.WaitGroup
}

func startProxy(t *testing.T, m *mutant, server string) *proxy {
	t.Helper()
	p := &proxy{m: m, server: server, addr: "127.0.0.1:0", conns: make(map[net.Conn]bool), over: make(chan struct{})}
	if err := p.listen(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *proxy) listen() error {
	l, err := net.Listen("tcp", p.addr)
	for range 50 { // the port of a server that was ended a moment ago
		if err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
		l, err = net.Listen("tcp", p.addr)
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.l, p.addr = l, l.Addr().String()
	p.mu.Unlock()
	p.wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(nc) })
		}
	})
	return nil
}

// die ends the listener and every connection.
func (p *proxy) die() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.l.Close()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) stop() {
	close(p.over)
	p.die()
	p.wg.Wait()
}

// keep has a connection closed when the proxy ends; the result closes and forgets it.
func (p *proxy) keep(c net.Conn) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return func() {
		_ = c.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	}
}

func (p *proxy) serve(client net.Conn) {
	defer p.keep(client)()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer p.keep(server)()
	s := &session{p: p, last: make(map[string]any)}
	if !p.handshake(s, client, server) {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { p.upstream(s, client, server) })
	p.downstream(s, client, server)
	wg.Wait()
}

func (p *proxy) handshake(s *session, client, server net.Conn) bool {
	c0c1 := make([]byte, 1+wire.HandshakeSize)
	n, err := client.Read(c0c1)
	if err != nil || p.m.oneSegment && n < len(c0c1) {
		return false
	}
	if p.m.deadly != nil && c0c1[0] != 3 && p.m.deadly(s, nil, nil, c0c1[:n]) {
		p.die()
		return false
	}
	if _, err := io.ReadFull(client, c0c1[n:]); err != nil {
		return false
	}
	if p.m.flushes { // what came early is gone
		_ = client.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
		_, _ = io.ReadAll(client)
		_ = client.SetReadDeadline(time.Time{})
	}
	_, _ = server.Write(c0c1)
	answer := make([]byte, 1+2*wire.HandshakeSize)
	n, err = io.ReadFull(server, answer)
	if err == nil && p.m.hello != nil {
		p.m.hello(c0c1[1:], answer)
	}
	_, _ = client.Write(answer[:n])
	if err != nil {
		return false
	}
	c2 := make([]byte, wire.HandshakeSize)
	if _, err := io.ReadFull(client, c2); err != nil {
		return false
	}
	_, err = server.Write(c2)
	return err == nil
}

// watched remembers the bytes that pass, for mutants that look at them.
type watched struct {
	io.Reader
	seen bytes.Buffer
	look func(seen []byte)
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	if w.look != nil && w.seen.Len() < 1<<20 {
		w.seen.Write(b[:n])
		w.look(w.seen.Bytes())
	}
	return n, err
}

func (p *proxy) upstream(s *session, client, server net.Conn) {
	in := &watched{Reader: client}
	deadly := func(m *wire.Message, err error, raw []byte) {
		if p.m.deadly != nil && p.m.deadly(s, m, err, raw) {
			p.die()
		}
	}
	if p.m.deadly != nil {
		in.look = func(seen []byte) { deadly(nil, nil, seen) }
	}
	r := wire.NewReader(in, 0)
	size := 128
	for {
		m, err := r.Next()
		if err != nil {
			deadly(nil, err, nil)
			break
		}
		deadly(m, nil, nil)
		msgs := []*wire.Message{m}
		if p.m.up != nil {
			msgs = p.m.up(s, m)
		}
		if s.ended() {
			break
		}
		if !forward(server, msgs, &size, nil) {
			break
		}
	}
	if p.m.clings {
		p.cling(server, size)
	}
	if s.ended() {
		_ = client.Close()
	}
	_ = server.(*net.TCPConn).CloseWrite()
}

// cling lets a publisher that is gone go on.
func (p *proxy) cling(server net.Conn, size int) {
	for {
		select {
		case <-p.over:
			return
		case <-time.After(100 * time.Millisecond):
		}
		if !forward(server, []*wire.Message{wire.UserControl(wire.EventPong, 0)}, &size, nil) {
			return
		}
	}
}

func (p *proxy) downstream(s *session, client, server net.Conn) {
	r := wire.NewReader(server, 0)
	size := 128
	for {
		m, err := r.Next()
		if err != nil {
			break
		}
		msgs := []*wire.Message{m}
		if p.m.down != nil {
			msgs = p.m.down(s, m)
		}
		cut := func(m *wire.Message, c *wire.Cutting) {
			if p.m.cut != nil {
				p.m.cut(s, m, c)
			}
		}
		if !forward(client, msgs, &size, cut) {
			break
		}
	}
	if p.m.resets && s.get("refused") != nil {
		select { // the words have arrived by then
		case <-time.After(500 * time.Millisecond):
		case <-p.over:
		}
		_ = client.(*net.TCPConn).SetLinger(0)
		_ = client.Close()
		return
	}
	_ = client.(*net.TCPConn).CloseWrite()
}

// forward writes messages, each from a type 0 chunk on.
func forward(to net.Conn, msgs []*wire.Message, size *int, cut func(*wire.Message, *wire.Cutting)) bool {
	for _, m := range msgs {
		c := wire.Cutting{Size: *size}
		if cut != nil {
			cut(m, &c)
		}
		if _, err := to.Write(wire.AppendMessage(nil, m, c)); err != nil {
			return false
		}
		if v, ok := m.Value(); ok && m.Type == wire.TypeSetChunkSize && v > 0 {
			*size = int(min(v, 1<<24-1))
		}
	}
	return true
}
