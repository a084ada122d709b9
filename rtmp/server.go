package rtmp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"penstock/rtmp/chunk"
	"penstock/rtmp/handshake"
	"penstock/rtmp/internal/socket"
)

// ErrServerClosed is what Serve returns after Close or Shutdown.
var ErrServerClosed = errors.New("rtmp: server closed")

// Server accepts connections, does the handshake and hands each connection to Handler. Only
// Handler is required. RTMP and, with a TLSConfig, RTMPS are told apart by their first byte.
type Server struct {
	// Handler serves one connection in a goroutine of its own; the connection is closed when
	// it returns, once a Finish that is under way has been flushed, or panics. A connection with
	// a non-nil over must be refused: it is over a limit and was let in only to be told so.
	Handler func(c *Conn, over *LimitError)

	TLSConfig *tls.Config // nil: RTMPS is answered with a TLS alert
	Limits    Limits
	Log       *slog.Logger // nil: slog.Default
	Trace     func(c net.Conn) TraceFunc

	// ChunkLimits bounds messages until the handler raises them (nil: Limits.Chunk).
	ChunkLimits *chunk.Limits
	// Exempt lists the networks which ConnectionsPerIP, ConnectRatePerIP and PendingTLSPerIP do not count;
	// nil means loopback.
	Exempt []netip.Prefix
	// PageURL is named to an HTTP client that comes to the RTMP port, "" names none.
	PageURL string
	// Policy answers a Flash policy-file request; "" means a policy that allows nothing.
	Policy string
	// Turned is told of each connection that ended before Handler: why is a *LimitError,
	// a *TimeoutError, a handshake error or a *NotRTMPError. May be nil.
	Turned func(remote net.Addr, why error)

	once      sync.Once
	limits    Limits // with every default filled in
	admission admission
	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[net.Conn]struct{}
	closed    bool
	wg        sync.WaitGroup
}

// NotRTMPError reports a peer whose first byte opens another protocol.
type NotRTMPError struct {
	Kind  handshake.Kind
	First byte
}

func (e *NotRTMPError) Error() string {
	return fmt.Sprintf("rtmp: first byte 0x%02x is not RTMP but %v", e.First, e.Kind)
}

func (s *Server) log() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.Default()
}

// Listen listens on a TCP address such as ":1935", so that its connections cost less to accept than those of net.Listen.
func Listen(addr string) (net.Listener, error) { return socket.Listen(addr) }

// Serve accepts from l until Close or Shutdown, then returns ErrServerClosed. It closes l.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = l.Close()
		return ErrServerClosed
	}
	if s.listeners == nil {
		s.listeners = make(map[net.Listener]struct{})
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
		_ = l.Close()
	}()
	backoff := 5 * time.Millisecond
	for {
		nc, err := l.Accept()
		if err != nil {
			if s.isClosed() {
				return ErrServerClosed
			}
			var ne net.Error
			if errors.Is(err, net.ErrClosed) || !errors.As(err, &ne) {
				return fmt.Errorf("rtmp: accept: %w", err)
			}
			s.log().Warn("accept failed, trying again", "error", err, "after", backoff)
			time.Sleep(backoff)
			backoff = min(2*backoff, time.Second)
			continue
		}
		backoff = 5 * time.Millisecond
		if !s.track(nc) {
			_ = nc.Close()
			return ErrServerClosed
		}
		go func() {
			v, ok := s.begin(nc)
			if !ok {
				s.untrack(nc)
				return
			}
			// The handshake needed a deep stack, which the rest of the connection's life does not.
			go func() {
				defer s.untrack(nc)
				s.serve(v)
			}()
		}()
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Server) track(nc net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.conns == nil {
		s.conns = make(map[net.Conn]struct{})
		s.admission.exempt = s.Exempt
		if s.Exempt == nil {
			s.admission.exempt = loopback
		}
	}
	s.conns[nc] = struct{}{}
	s.wg.Add(1)
	return true
}

func (s *Server) untrack(nc net.Conn) {
	s.mu.Lock()
	delete(s.conns, nc)
	s.mu.Unlock()
	_ = nc.Close()
	s.wg.Done()
}

// ServeConn serves one connection that was accepted elsewhere and returns when it has ended.
func (s *Server) ServeConn(nc net.Conn) {
	if !s.track(nc) {
		_ = nc.Close()
		return
	}
	defer s.untrack(nc)
	if v, ok := s.begin(nc); ok {
		s.serve(v)
	}
}

// served is a connection that its handler is to get.
type served struct {
	conn    *Conn
	over    *LimitError
	release func() // undoes what admission counted
}

// begin admits a connection and does the handshake; false: it is not for the handler.
func (s *Server) begin(nc net.Conn) (served, bool) {
	s.once.Do(func() { s.limits = s.Limits.WithDefaults() })
	limits := &s.limits
	began := time.Now()
	release, over, ok := s.admission.enter(nc.RemoteAddr(), limits, began)
	if !ok {
		s.turned(nc, over)
		return served{}, false
	}
	_ = nc.SetDeadline(time.Now().Add(limits.HandshakeTimeout))
	secured, hs, err := s.open(nc, limits)
	if err != nil {
		s.turned(nc, timedOut(err, "handshake_timeout", limits.HandshakeTimeout))
		release()
		return served{}, false
	}
	_ = secured.SetDeadline(time.Time{})
	o := ConnOptions{limits: limits, Handshake: hs, HandshakeTime: time.Since(began), Strict: true, ChunkLimits: s.ChunkLimits}
	if s.Trace != nil {
		o.Trace = s.Trace(nc)
	}
	return served{NewConn(secured, o), over, release}, true
}

// serve runs the handler and sees the connection to its end.
func (s *Server) serve(v served) {
	defer v.release()
	c := v.conn
	s.handle(c, v.over)
	if c.finishing.Load() {
		c.Wait() // last words are still under way; WriteTimeout bounds this
	}
	c.Close(ErrServerClosed)
	c.Wait()
}

// handle calls Handler. One that panics loses its own connection only.
func (s *Server) handle(c *Conn, over *LimitError) {
	defer func() {
		if p := recover(); p != nil {
			s.log().Error("connection handler panicked", "peer", c.RemoteAddr().String(), "panic", p, "stack", string(debug.Stack()))
			c.Close(fmt.Errorf("rtmp: handler panicked: %v", p))
		}
	}()
	s.Handler(c, over)
}

func (s *Server) turned(nc net.Conn, why error) {
	if s.Turned != nil {
		s.Turned(nc.RemoteAddr(), why)
	}
}

// open sees the connection through TLS, when it is, and through the RTMP handshake.
func (s *Server) open(nc net.Conn, l *Limits) (net.Conn, handshake.Result, error) {
	var none handshake.Result
	hello := hellos.Get().(*[helloSize]byte)
	defer hellos.Put(hello)
	first, err := readFirst(nc, hello[:])
	if err != nil {
		return nil, none, err
	}
	if handshake.Sniff(first[0]) == handshake.TLS && s.TLSConfig != nil {
		t, err := s.startTLS(nc, bytes.Clone(first), l)
		if err != nil {
			return nil, none, err
		}
		_ = nc.SetDeadline(time.Now().Add(l.HandshakeTimeout))
		if first, err = readFirst(t, hello[:]); err != nil {
			return nil, none, err
		}
		nc = t
	}
	if kind := handshake.Sniff(first[0]); kind != handshake.RTMP {
		answerForeign(nc, kind, s.PageURL, s.Policy)
		return nil, none, &NotRTMPError{Kind: kind, First: first[0]}
	}
	hs, err := handshake.Server(nc, handshake.Options{First: first})
	return nc, hs, err
}

// helloSize is that of C0 and C1, which a client sends at once: what is read first is never more, so that nothing has to be given
// back.
const helloSize = 1 + 1536

var hellos = sync.Pool{New: func() any { return new([helloSize]byte) }}

// startTLS does the TLS handshake, of which first has been read already; it keeps that.
func (s *Server) startTLS(nc net.Conn, first []byte, l *Limits) (net.Conn, error) {
	release, over := s.admission.enterTLS(nc.RemoteAddr(), l)
	if over != nil {
		return nil, over
	}
	defer release()
	_ = nc.SetDeadline(time.Now().Add(l.TLSTimeout))
	var under net.Conn = &prefixConn{Conn: nc, prefix: first}
	if d := socket.NewDeferred(nc, first); d != nil {
		under = d
	}
	t := tls.Server(under, s.TLSConfig)
	if err := t.Handshake(); err != nil {
		return nil, timedOut(fmt.Errorf("rtmp: TLS handshake: %w", err), "tls_timeout", l.TLSTimeout)
	}
	return t, nil
}

// Close stops listening and ends every connection at once.
func (s *Server) Close() error {
	s.stop(true)
	s.wg.Wait()
	return nil
}

// Shutdown stops listening and waits for the connections to end; those left when ctx ends are
// closed and the context's error is returned, a second later at the most: a handler that does
// not notice its connection's end is not waited for. It does not ask connections to end: the handler's
// owner does (see Conn.Finish).
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop(false)
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.stop(true)
		late := time.NewTimer(time.Second)
		defer late.Stop()
		select {
		case <-done:
		case <-late.C:
		}
		return context.Cause(ctx)
	}
}

// StopListening closes the listeners; connections live on.
func (s *Server) StopListening() { s.closeListeners() }

func (s *Server) stop(hard bool) {
	s.closeListeners()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if hard {
		for nc := range s.conns {
			_ = nc.Close()
		}
	}
}

func (s *Server) closeListeners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for l := range s.listeners {
		_ = l.Close()
	}
}

// readFirst reads what is there, at least one byte.
func readFirst(r net.Conn, b []byte) ([]byte, error) {
	for {
		n, err := r.Read(b)
		if n > 0 {
			return b[:n], nil
		}
		if err != nil {
			return nil, fmt.Errorf("rtmp: before the handshake: %w", err)
		}
	}
}

// noPolicy is the answer to a Flash policy-file request that allows nothing.
const noPolicy = `<?xml version="1.0"?><cross-domain-policy><site-control permitted-cross-domain-policies="none"/></cross-domain-policy>`

// tlsHandshakeFailure is the TLS alert record "handshake_failure" (RFC 8446 §6.2).
var tlsHandshakeFailure = []byte{0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28}

// answerForeign tells a peer that speaks another protocol, in that protocol, where it is, and
// ends our side so that the words arrive. What it already sent is read away, within limits.
func answerForeign(nc net.Conn, k handshake.Kind, pageURL, policy string) {
	var answer []byte
	switch k {
	case handshake.HTTP:
		text := "This is an RTMP port, not a web page.\n"
		if pageURL != "" {
			text += "The page is at " + pageURL + "\n"
		}
		answer = fmt.Appendf(nil, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"+
			"Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text)
	case handshake.TLS:
		answer = tlsHandshakeFailure
	case handshake.Policy:
		if policy == "" {
			policy = noPolicy
		}
		answer = append([]byte(policy), 0)
	default:
		return
	}
	if _, err := nc.Write(answer); err != nil {
		return
	}
	w, ok := nc.(interface{ CloseWrite() error })
	if !ok || w.CloseWrite() != nil {
		return
	}
	_ = nc.SetReadDeadline(time.Now().Add(time.Second))
	var scratch [4096]byte
	for range 16 {
		if _, err := nc.Read(scratch[:]); err != nil {
			return
		}
	}
}

// prefixConn gives back bytes that were read to look at them.
type prefixConn struct {
	net.Conn
	prefix []byte
}

func (c *prefixConn) Read(p []byte) (int, error) {
	if len(c.prefix) > 0 {
		n := copy(p, c.prefix)
		c.prefix = c.prefix[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}
