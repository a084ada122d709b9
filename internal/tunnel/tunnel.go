// Package tunnel carries RTMP through HTTP and WebSocket: RTMPT, as Flash Player, FFmpeg and rtmpdump speak it, and RTMP in the
// binary messages of a WebSocket, for programs in a browser. What comes out is a net.Conn for an RTMP server, which decides
// about everything else; this package knows no RTMP.
package tunnel

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options configures New. Zero numbers and times take the values that stand behind them.
type Options struct {
	// Serve serves one connection and returns when it has ended. It owns the connection.
	Serve func(net.Conn)
	// Allow is asked before a session is opened: a request that it returns an error for is answered 403 with the error's
	// text. nil allows every request.
	Allow func(*http.Request) error
	// Origins are the hosts whose pages may open a WebSocket, beside pages of the server itself: "example.com", "*.example.com".
	Origins []string

	Sessions int           // RTMPT sessions at once (1000)
	Idle     time.Duration // a session without a request for this long has ended (20 s)
	Hold     time.Duration // how long an idle request waits for something to answer (500 ms)
	Transfer time.Duration // for one request's body and turn, and for one answer (30 s)
	Log      *slog.Logger  // nil: slog.Default
}

// What one session may keep.
const (
	outBytes    = 256 << 10 // bytes that wait for the client's next request
	aheadWindow = 8         // requests that may come before their turn
)

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&o.Idle, 20*time.Second)
	set(&o.Hold, 500*time.Millisecond)
	set(&o.Transfer, 30*time.Second)
	if o.Sessions <= 0 {
		o.Sessions = 1000
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Handler serves RTMPT (ServeHTTP) and RTMP over WebSocket (WebSocket). It is safe for concurrent use.
type Handler struct {
	o Options

	mu       sync.Mutex
	sessions map[string]*session // by ID; RTMPT only
	sockets  map[*socket]struct{}
	closed   bool
	wg       sync.WaitGroup // the goroutines of sessions
}

// New returns a Handler. Close it to end its sessions.
func New(o Options) *Handler {
	return &Handler{o: o.withDefaults(), sessions: make(map[string]*session), sockets: make(map[*socket]struct{})}
}

// Close ends every session at once and waits for them; later requests are answered 503. To end them in order, let the RTMP
// server end its connections first.
func (h *Handler) Close() {
	h.mu.Lock()
	h.closed = true
	sessions := slices.Collect(maps.Values(h.sessions))
	sockets := slices.Collect(maps.Keys(h.sockets))
	h.mu.Unlock()
	for _, s := range sessions {
		s.end()
	}
	for _, s := range sockets {
		_ = s.ws.CloseNow()
	}
	h.wg.Wait()
}

// Drain waits until no session and no WebSocket is left, or ctx ends. The RTMP server must be ending them meanwhile: clients of RTMPT
// fetch their last words by requests, for which the HTTP server has to be there still, and a WebSocket that Close cuts off has none.
func (h *Handler) Drain(ctx context.Context) {
	for h.connections() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Sessions is how many RTMPT sessions there are.
func (h *Handler) Sessions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}

func (h *Handler) connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions) + len(h.sockets)
}

// Handles reports whether a path is one of RTMPT's.
func Handles(path string) bool {
	for _, p := range []string{"/fcs/ident", "/open/", "/send/", "/idle/", "/close/"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// ServeHTTP answers RTMPT: POST /open/1, /send/ID/SEQ, /idle/ID/SEQ, /close/ID/SEQ. Each answer begins with a byte that says how
// long the client should wait before it asks again, unless it has something to send.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	deadline := time.Now().Add(h.o.Transfer)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(deadline)
	_ = control.SetWriteDeadline(deadline.Add(h.o.Transfer))
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }() // the connection may serve something else next
	w.Header().Set("Cache-Control", "no-cache")
	command, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if command == "fcs" {
		http.NotFound(w, r) // "where is the server of this session?": here, as a client takes this answer to mean
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "RTMPT is spoken by POST.", http.StatusMethodNotAllowed)
		return
	}
	if command == "open" {
		h.open(w, r)
		return
	}
	id, number, _ := strings.Cut(rest, "/")
	seq, err := strconv.ParseUint(number, 10, 63)
	if err != nil {
		http.Error(w, "The path has to be /"+command+"/SESSION/NUMBER.", http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	s := h.sessions[id]
	h.mu.Unlock()
	if s == nil {
		http.Error(w, "There is no such session; it may have ended. Open another.", http.StatusNotFound)
		return
	}
	s.serve(w, r, command, seq)
}

func (h *Handler) open(w http.ResponseWriter, r *http.Request) {
	if h.o.Allow != nil {
		if err := h.o.Allow(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
	}
	var random [12]byte
	_, _ = rand.Read(random[:])
	id := base64.RawURLEncoding.EncodeToString(random[:])
	s := newSession(h, id, r)
	h.mu.Lock()
	full := len(h.sessions) >= h.o.Sessions
	closed := h.closed
	if !full && !closed {
		h.sessions[id] = s
		h.wg.Add(1)
	}
	h.mu.Unlock()
	switch {
	case closed:
		http.Error(w, "The server is being stopped.", http.StatusServiceUnavailable)
		return
	case full:
		h.o.Log.Warn("an RTMPT client was turned away", "peer", r.RemoteAddr, "limit", "tunnel_sessions", "max", h.o.Sessions)
		w.Header().Set("Retry-After", "10")
		http.Error(w, "The server's limit tunnel_sessions is reached.", http.StatusServiceUnavailable)
		return
	}
	go func() {
		defer h.wg.Done()
		s.run()
	}()
	reply(w, []byte(id+"\n"))
}

func (h *Handler) forget(s *session) {
	h.mu.Lock()
	delete(h.sessions, s.id)
	h.mu.Unlock()
}

// reply sends an answer of RTMPT's. The length is said, as old clients cannot do without.
func reply(w http.ResponseWriter, parts ...[]byte) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	w.Header().Set("Content-Type", "application/x-fcs")
	w.Header().Set("Content-Length", strconv.Itoa(n))
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return
		}
	}
}
