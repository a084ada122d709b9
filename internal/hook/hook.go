// Package hook tells a program of the operator over HTTP what the clients of an application do, and lets it refuse: connect,
// publish, play and call wait for the answer, ends are told. The events of one session arrive in order, each with an ID that stays
// the same when it is sent again. The requests are signed. docs/hooks.md is the contract.
//
// Where a request goes is the operator's alone to say: nothing of a client is in the address, and redirects are not followed.
package hook

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"penstock/app"
)

// Event is what a client did.
type Event string

// Events. The first four wait for an answer.
const (
	Connect    Event = "connect"
	Publish    Event = "publish"
	Play       Event = "play"
	Call       Event = "call"
	Unpublish  Event = "unpublish"
	Stop       Event = "stop"       // of playing
	Done       Event = "done"       // Unpublish or Stop, nginx-rtmp's on_done
	Disconnect Event = "disconnect" // of a client whose connect was allowed
)

// stage is what is refused when an event is.
func (e Event) stage() app.Stage { return app.Stage(e) }

// ends are the events that follow e when it is over.
func (e Event) ends() []Event {
	switch e {
	case Connect:
		return []Event{Disconnect}
	case Publish:
		return []Event{Unpublish, Done}
	case Play:
		return []Event{Stop, Done}
	}
	return nil
}

// asks reports whether e may be refused.
func (e Event) asks() bool { return e.ends() != nil || e == Call }

// Options say whom to tell what.
type Options struct {
	App           string
	Path          string // in the configuration, such as apps.live.hooks
	URLs          map[Event]string
	Secret        string // signs requests, "" does not
	Format        string // json, nginx-rtmp or srs
	Timeout       time.Duration
	AllowWhenDown bool
	Log           *slog.Logger
	Transport     http.RoundTripper // nil: over the network
	Observer      Observer          // nil: nobody
}

// Bounds of what waits and what is read.
const (
	maxQueued   = 64       // events of one session
	maxPending  = 8192     // events of all sessions
	maxConns    = 64       // connections to one host at once
	maxAnswer   = 64 << 10 // bytes of an answer
	maxHeaders  = 16 << 10 // bytes of its headers
	maxAttempts = 3        // at telling of an end
)

// Hooks are those of one application. They are safe for concurrent use.
type Hooks struct {
	o      Options
	format format
	http   http.Client
	own    *http.Transport // nil when it is not ours

	ctx      context.Context // ends what still waits when the server stops
	stop     context.CancelFunc
	mu       sync.Mutex
	closed   bool
	sessions sync.WaitGroup // queues that run; none is added once closed is set
	pending  atomic.Int64
	warning  rate.Sometimes
	quiet    atomic.Uint64 // warnings that were left out since the last
}

// New returns the hooks of an application. Close them when the server ends.
func New(o Options) (*Hooks, error) {
	h := &Hooks{o: o, warning: rate.Sometimes{First: 10, Interval: time.Second}}
	switch o.Format {
	case "json":
		h.format = jsonFormat{}
	case "nginx-rtmp":
		h.format = nginxFormat{}
	case "srs":
		h.format = newSRSFormat()
	default:
		return nil, fmt.Errorf("%s.format: %q is not json, nginx-rtmp or srs", o.Path, o.Format)
	}
	transport := o.Transport
	if transport == nil {
		h.own = &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxConnsPerHost: maxConns, MaxIdleConnsPerHost: maxConns / 4, IdleConnTimeout: time.Minute,
			MaxResponseHeaderBytes: maxHeaders, ForceAttemptHTTP2: true,
		}
		transport = h.own
	}
	h.http = http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h, nil
}

// begin counts a queue that is to run; false when no more may.
func (h *Hooks) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.sessions.Add(1)
	}
	return !h.closed
}

// Close waits until everything is told, but not longer than ctx.
func (h *Hooks) Close(ctx context.Context) {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	told := make(chan struct{})
	go func() {
		defer close(told)
		h.sessions.Wait()
	}()
	select {
	case <-told:
	case <-ctx.Done():
		h.stop()
		<-told
	}
	h.stop()
	if h.own != nil {
		h.own.CloseIdleConnections()
	}
}

// Client is who does what events tell of.
type Client struct {
	ID       string // of the session
	Addr     net.Addr
	Over     string // rtmp, rtmps or http
	App      string
	Instance string
	TCURL    string
	PageURL  string
	SWFURL   string
	FlashVer string
}

// Session begins the events of a client. It needs no end.
func (h *Hooks) Session(c Client) *Session { return &Session{hooks: h, client: c} }

// warn logs what went wrong, a few lines a second at the most.
func (h *Hooks) warn(text string, m *Message, err error) {
	logged := false
	h.warning.Do(func() {
		logged = true
		h.o.Log.Warn(text, "rule", h.o.Path, "event", string(m.Event), "session", m.Session, "error", err, "left_out", h.quiet.Swap(0))
	})
	if !logged {
		h.quiet.Add(1)
	}
}
