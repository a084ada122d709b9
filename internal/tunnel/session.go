package tunnel

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// session is one RTMPT session: the server's end of a pipe, and requests that feed and drain the other end.
type session struct {
	id string
	h  *Handler
	// inner is what the RTMP server has, outer what requests write to and pump reads from.
	inner, outer net.Conn
	remote       net.Addr
	local        net.Addr
	expiry       *time.Timer
	ended        chan struct{} // closed with the session
	end          func()        // ends the session at once; idempotent

	mu       sync.Mutex
	out      []byte        // for the client's next request
	written  int64         // bytes that the server has written
	pumped   int64         // of these, bytes that have been in out
	finished bool          // nothing will follow out
	waiting  int           // requests that wait for their turn
	active   int           // requests under way
	changed  chan struct{} // closed, and replaced, when something above or below has changed
	turn     turn
}

// turn is the order of requests, which may come over several HTTP connections. session.mu guards it.
type turn struct {
	started bool
	next    uint64 // number of the request whose turn it is
	busy    bool   // it is being served
	last    []byte // the answer to next-1, for a client that asks again because it did not get it
	idle    int    // answers without content, one after the other
}

func newSession(h *Handler, id string, r *http.Request) *session {
	s := &session{id: id, h: h, remote: ClientAddr(r), ended: make(chan struct{}), changed: make(chan struct{})}
	s.local, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if s.local == nil {
		s.local = peer("")
	}
	s.inner, s.outer = net.Pipe()
	s.end = sync.OnceFunc(func() {
		close(s.ended)
		_ = s.outer.Close()
		_ = s.inner.Close()
	})
	s.expiry = time.AfterFunc(h.o.Idle, s.end)
	return s
}

// run serves the session and returns when nothing of it runs any more.
func (s *session) run() {
	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		s.pump()
	}()
	s.h.o.Serve((*conn)(s))
	s.end()
	s.expiry.Stop()
	s.h.forget(s)
	<-pumped
}

// linger waits until the client has fetched the last words, or has given up.
func (s *session) linger() {
	for {
		s.mu.Lock()
		fetched, changed := len(s.out) == 0 && s.pumped == s.written, s.changed
		s.mu.Unlock()
		if fetched {
			return
		}
		select {
		case <-changed:
		case <-s.ended:
			return
		}
	}
}

// pump moves what the server writes to out, which is bounded: a client that does not fetch stops the server's writes.
func (s *session) pump() {
	buf := make([]byte, 32<<10)
	for {
		n, err := s.outer.Read(buf)
		if n > 0 && !s.put(buf[:n]) {
			return
		}
		if err != nil {
			s.finish()
			return
		}
	}
}

func (s *session) put(p []byte) bool {
	for {
		s.mu.Lock()
		if len(s.out)+len(p) <= outBytes {
			s.out = append(s.out, p...)
			s.pumped += int64(len(p))
			s.signal()
			s.mu.Unlock()
			return true
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-s.ended:
			return false
		}
	}
}

// signal wakes whoever waits for a change. mu must be held.
func (s *session) signal() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *session) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.finished {
		s.finished = true
		s.signal()
	}
}

var (
	errOrder   = errors.New("the number is none of those whose turn it could be")
	errTurn    = errors.New("the requests before this one did not come")
	errEnded   = errors.New("the session has ended")
	errGoneOut = errors.New("the client has gone")
)

// serve answers one request, when it is its turn.
func (s *session) serve(w http.ResponseWriter, r *http.Request, command string, seq uint64) {
	s.enter()
	defer s.leave()
	again, err := s.await(r.Context(), seq)
	if err != nil {
		code := http.StatusBadRequest
		if errors.Is(err, errEnded) {
			code = http.StatusNotFound
		}
		http.Error(w, "RTMPT: "+err.Error()+".", code)
		return
	}
	if again != nil {
		reply(w, again)
		return
	}
	var answer []byte
	switch command {
	case "close":
		answer = []byte{0}
		s.end()
	default:
		if command == "send" {
			if err := s.feed(r); err != nil {
				s.end()
			}
		} else {
			s.hold(r.Context())
		}
		answer = s.take()
	}
	reply(w, answer)
	s.done(answer)
}

func (s *session) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active++
	s.expiry.Stop()
}

func (s *session) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active--; s.active == 0 {
		select {
		case <-s.ended:
		default:
			s.expiry.Reset(s.h.o.Idle)
		}
	}
}

// await waits for the turn of request seq. It returns the answer that was given before when the client repeats its last request.
func (s *session) await(ctx context.Context, seq uint64) (again []byte, err error) {
	late := time.NewTimer(s.h.o.Transfer)
	defer late.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.turn
	if !t.started {
		t.started, t.next = true, seq
	}
	s.waiting++
	s.signal() // a held request makes way
	defer func() { s.waiting-- }()
	for {
		switch {
		case seq == t.next && !t.busy:
			t.busy = true
			return nil, nil
		case seq == t.next-1 && t.last != nil && !t.busy:
			return t.last, nil
		case seq+1 < t.next || seq > t.next+aheadWindow:
			return nil, errOrder
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-late.C:
			err = errTurn
		case <-s.ended:
			err = errEnded
		case <-ctx.Done():
			err = errGoneOut
		}
		s.mu.Lock()
		if err != nil {
			return nil, err
		}
	}
}

// done gives the turn to the next request.
func (s *session) done(answer []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn.busy, s.turn.last = false, answer
	s.turn.next++
	s.signal()
}

// feed gives a request's body to the server, at the pace at which the server reads.
func (s *session) feed(r *http.Request) error {
	_ = s.outer.SetWriteDeadline(time.Now().Add(s.h.o.Transfer))
	_, err := io.Copy(s.outer, r.Body)
	return err
}

// hold waits until there is something to answer, another request waits for its turn, or Hold has passed.
func (s *session) hold(ctx context.Context) {
	late := time.NewTimer(s.h.o.Hold)
	defer late.Stop()
	for {
		s.mu.Lock()
		ready, changed := len(s.out) > 0 || s.finished || s.waiting > 0, s.changed
		s.mu.Unlock()
		if ready {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			return
		case <-s.ended:
			return
		case <-ctx.Done():
			return
		}
	}
}

// take makes the answer of what waits for the client. The first byte is the polling interval as others have it: 1, and after
// ten answers without content twice as much, up to 33.
func (s *session) take() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.turn
	if len(s.out) > 0 {
		t.idle = 0
	} else {
		t.idle++
	}
	interval := min(33, 1<<min(t.idle/10, 6))
	answer := append(make([]byte, 0, 1+len(s.out)), byte(interval))
	answer = append(answer, s.out...)
	s.out = s.out[:0]
	s.signal()
	return answer
}

// conn is a session as the RTMP server sees it.
type conn session

// Read implements net.Conn. After CloseWrite it ends as soon as the client has fetched everything: there is no other way for
// a client to say that it has seen the end.
func (c *conn) Read(p []byte) (int, error) { return c.inner.Read(p) }

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.inner.Write(p)
	c.mu.Lock()
	c.written += int64(n)
	c.mu.Unlock()
	return n, err
}

// CloseWrite says that nothing follows. What was written is there for the client to fetch.
func (c *conn) CloseWrite() error {
	s := (*session)(c)
	s.finish()
	s.h.wg.Go(func() {
		s.linger()
		_ = s.outer.Close() // what the server reads as the client's end
	})
	return nil
}

// Close implements net.Conn: as with TCP, what the client has not fetched is lost unless CloseWrite came before and the
// client's end was waited for.
func (c *conn) Close() error { return c.inner.Close() }

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn: where the session was opened from.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return c.inner.SetDeadline(t) }

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.inner.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.inner.SetWriteDeadline(t) }

// ClientAddr is who sent a request: whom a proxy on this machine or in its network names last, when there is one, since the
// applications' rules are about people and not about the proxy. One that names nobody who can be understood has come from
// an unknown address, which is in no network.
func ClientAddr(r *http.Request) net.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return peer(r.RemoteAddr)
	}
	if ip := ap.Addr().Unmap(); !ip.IsLoopback() && !ip.IsPrivate() && !ip.IsLinkLocalUnicast() {
		return peer(r.RemoteAddr)
	}
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded"} {
		lines := r.Header.Values(name)
		if len(lines) == 0 {
			continue
		}
		all := strings.Split(lines[len(lines)-1], ",")
		if ip, err := netip.ParseAddr(strings.TrimSpace(all[len(all)-1])); err == nil && name != "Forwarded" {
			return peer(netip.AddrPortFrom(ip.WithZone(""), ap.Port()).String())
		}
		return peer("0.0.0.0:0")
	}
	return peer(r.RemoteAddr)
}

// peer is the address of a client.
type peer string

// Network implements net.Addr.
func (peer) Network() string { return "tcp" }

// String implements net.Addr.
func (p peer) String() string { return string(p) }
