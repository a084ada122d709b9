// Package app is what an author of RTMP applications writes against: handlers that decide who
// may connect, sessions that answer calls and let streams be published and played, and the
// server that runs them.
//
//	mux := app.NewMux()
//	mux.Handle("live", app.Live(app.LiveOptions{}))
//	log.Fatal(app.ListenAndServe(":1935", mux))
//
// The error a handler returns is the reply: a *status.Status goes to the client as it is, any
// other error becomes the fitting code without its detail, which goes to the log. Nothing is
// exposed by reflection: a session without [Caller] cannot be called, one without [Publisher]
// or [Player] takes and gives no streams.
package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/amf"
	"penstock/sharedobject"
	"penstock/status"
)

// Handler decides about connections. Connect is called once per connection, with the arguments
// that followed the connect command's object. A nil session with a nil error accepts a client
// that may do nothing. ctx ends with the connection or after Limits.HandlerTimeout.
//
// Implementations must be safe for concurrent use: every connection has its own goroutine.
type Handler interface {
	Connect(ctx context.Context, c *Client, args []amf.Value) (Session, error)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, c *Client, args []amf.Value) (Session, error)

// Connect calls f.
func (f HandlerFunc) Connect(ctx context.Context, c *Client, args []amf.Value) (Session, error) {
	return f(ctx, c, args)
}

// Session is an accepted connection's application side. Its methods, and those of the
// abilities below, run one at a time in the order the client asked; they may use Client.Call
// and wait for the answer. Close is called once, last, with the reason the connection ended.
type Session interface {
	Close(reason error)
}

// Caller is a session whose methods the client may call. ErrNoMethod answers Method not found.
type Caller interface {
	Call(ctx context.Context, name string, args []amf.Value) (amf.Value, error)
}

// Publisher is a session that takes streams.
type Publisher interface {
	Publish(ctx context.Context, r *PublishRequest) error
}

// Player is a session that gives streams.
type Player interface {
	Play(ctx context.Context, r *PlayRequest) error
}

// PublishRequest asks to publish. The handler may change Name: the stream is then published
// under that name, and the client keeps being told the one it asked for.
type PublishRequest struct {
	Client *Client
	Name   string     // canonical, without query
	Query  url.Values // of the stream name and of the connection, the stream's last
	Type   string     // live, record, append or appendWithGap

	// MergeWindow, which the handler may set, is for how long frames are held so that players get
	// several at once, at most media.MaxMergeWindow: cheaper, and later by as much.
	MergeWindow time.Duration

	// Ended, when the handler sets it, is called once: when the publication has ended, or at once
	// when it did not come about although the handler allowed it. It must not block.
	Ended func(StreamEnd)
	// Watch, when the handler sets it, is called about once a second while the stream is
	// published, with the bytes of media so far. An error ends the publication, and the client is
	// told as if the handler had returned it. It must not block.
	Watch func(now time.Time, bytes uint64) error
}

// StreamEnd is the end of what a client published or played.
type StreamEnd struct {
	Began time.Time // zero when it did not come about
	Bytes uint64    // of media: the messages that were published, the chunks that were played
}

// PlayRequest asks to play. The handler may change Name.
type PlayRequest struct {
	Client *Client
	Name   string
	Query  url.Values
	Start  float64 // seconds; -2 live or else recorded, -1 live only, ≥ 0 recorded
	Length float64 // seconds, -1 to the end
	Reset  bool

	// Replaces is set when the message stream plays already: it stops doing so if this is allowed.
	Replaces bool

	// Ended is PublishRequest.Ended for a play.
	Ended func(StreamEnd)
}

// ErrNoMethod is what a Caller returns for a name it does not know.
var ErrNoMethod = errors.New("app: no such method")

// Method is a remote procedure. The arguments are the client's; the result is the client's
// responder's.
type Method func(ctx context.Context, args []amf.Value) (amf.Value, error)

// Methods is a session that only answers calls: by name, explicitly listed.
type Methods map[string]Method

// Call implements Caller.
func (m Methods) Call(ctx context.Context, name string, args []amf.Value) (amf.Value, error) {
	f := m[name]
	if f == nil {
		return nil, ErrNoMethod
	}
	return f(ctx, args)
}

// Close implements Session.
func (Methods) Close(error) {}

// Only guards a method by a policy: allow returns why this client may not call it. The client
// is answered NetConnection.Call.Prohibited; the reason goes to the log.
func Only(allow func() error, f Method) Method {
	return func(ctx context.Context, args []amf.Value) (amf.Value, error) {
		if err := allow(); err != nil {
			return nil, &Refusal{
				Cause: CausePolicy, Rule: "only", Err: err,
				Status: status.New(status.CallProhibited, "This method may not be called from here."),
			}
		}
		return f(ctx, args)
	}
}

// Origins returns a policy for Only: the client's pageUrl or swfUrl must be of one of these
// hosts ("example.com", or ".example.com" for its subdomains too). A client that names neither
// is refused. What a client says of its origin can be forged: this keeps pages apart, not people.
func Origins(c *Client, hosts ...string) func() error {
	return func() error {
		for _, raw := range []string{c.PageURL, c.SWFURL} {
			u, err := url.Parse(raw)
			if raw == "" || err != nil {
				continue
			}
			for _, h := range hosts {
				if u.Hostname() == strings.TrimPrefix(h, ".") || (strings.HasPrefix(h, ".") && strings.HasSuffix(u.Hostname(), h)) {
					return nil
				}
			}
		}
		return fmt.Errorf("page %q and movie %q are of no allowed origin", shorten(c.PageURL, 128), shorten(c.SWFURL, 128))
	}
}

// LiveOptions configures Live. Where nothing else is said, nil functions allow everybody.
type LiveOptions struct {
	Publish func(ctx context.Context, r *PublishRequest) error
	Play    func(ctx context.Context, r *PlayRequest) error
	Call    func(ctx context.Context, method string) error // asked before a method is looked for
	// Share lets clients use shared objects; nil lets nobody.
	Share   func(ctx context.Context, r *ShareRequest) (*sharedobject.Hub, error)
	Methods Caller             // Methods or those of package rpc; nil: none
	Close   func(reason error) // see Session
	// MergeWindow is PublishRequest.MergeWindow for all streams.
	MergeWindow time.Duration
}

// Live is the plain live application: streams are published and played, nothing else happens.
func Live(o LiveOptions) Handler {
	return HandlerFunc(func(context.Context, *Client, []amf.Value) (Session, error) {
		return &liveSession{o}, nil
	})
}

type liveSession struct{ o LiveOptions }

// Close implements Session.
func (s *liveSession) Close(reason error) {
	if s.o.Close != nil {
		s.o.Close(reason)
	}
}

// Publish implements Publisher.
func (s *liveSession) Publish(ctx context.Context, r *PublishRequest) error {
	r.MergeWindow = s.o.MergeWindow
	if s.o.Publish == nil {
		return nil
	}
	return s.o.Publish(ctx, r)
}

// Play implements Player.
func (s *liveSession) Play(ctx context.Context, r *PlayRequest) error {
	if s.o.Play == nil {
		return nil
	}
	return s.o.Play(ctx, r)
}

// Share implements Sharer.
func (s *liveSession) Share(ctx context.Context, r *ShareRequest) (*sharedobject.Hub, error) {
	if s.o.Share == nil {
		return nil, errNoSharing
	}
	return s.o.Share(ctx, r)
}

// Call implements Caller.
func (s *liveSession) Call(ctx context.Context, name string, args []amf.Value) (amf.Value, error) {
	if s.o.Call != nil {
		if err := s.o.Call(ctx, name); err != nil {
			return nil, err
		}
	}
	if s.o.Methods == nil {
		return nil, ErrNoMethod
	}
	return s.o.Methods.Call(ctx, name, args)
}

// Mux hands a connection to the handler of its application: "chat" is every instance of chat,
// "chat/lobby" that one instance, "*" everything else. It is safe for concurrent use.
type Mux struct {
	mu       sync.RWMutex
	handlers map[string]Handler
}

// NewMux returns an empty Mux, which rejects every connection.
func NewMux() *Mux { return &Mux{handlers: make(map[string]Handler)} }

// Handle sets the handler of an application or instance; "chat/*" means the same as "chat". It
// replaces an earlier one. It panics when the pattern is not a name: that is a programmer's
// mistake which no client can cause.
func (m *Mux) Handle(pattern string, h Handler) {
	key := strings.TrimSuffix(pattern, "/*")
	if key != "*" {
		if err := checkName("application", key, MaxAppName+1+MaxInstanceName); err != nil {
			panic(err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handlers[key] = h
}

// HandleFunc is Handle for a function.
func (m *Mux) HandleFunc(pattern string, f func(ctx context.Context, c *Client, args []amf.Value) (Session, error)) {
	m.Handle(pattern, HandlerFunc(f))
}

// Remove forgets a handler. Connections it accepted stay; see Server.Unload.
func (m *Mux) Remove(pattern string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.handlers, strings.TrimSuffix(pattern, "/*"))
}

// Apps lists the patterns in order.
func (m *Mux) Apps() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var names []string
	for k := range m.handlers {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// Handler finds the handler for an application and instance, nil when there is none.
func (m *Mux) Handler(app, instance string) Handler {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, key := range []string{app + "/" + instance, app, "*"} {
		if h := m.handlers[key]; h != nil {
			return h
		}
	}
	return nil
}

// Lifecycle is a Handler that keeps something running besides its clients' sessions, such as instances of an application. The server
// calls it, also through a Mux.
type Lifecycle interface {
	// UnloadApp ends what runs of an application, whose clients have been told. It does not wait. Who connects later, when the
	// application is loaded again, meets it anew.
	UnloadApp(app string)
	// Shutdown ends everything, for good, and returns when it has ended or ctx has. It may be called again.
	Shutdown(ctx context.Context) error
}

// lifecycles are the handlers with a life of their own.
func (m *Mux) lifecycles() []Lifecycle {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var list []Lifecycle
	for _, h := range m.handlers {
		if l, ok := h.(Lifecycle); ok {
			list = append(list, l)
		}
	}
	return list
}

// UnloadApp implements Lifecycle for the handlers that do.
func (m *Mux) UnloadApp(app string) {
	for _, l := range m.lifecycles() {
		l.UnloadApp(app)
	}
}

// Shutdown implements Lifecycle for the handlers that do, all at once.
func (m *Mux) Shutdown(ctx context.Context) error {
	list := m.lifecycles()
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, l := range list {
		wg.Go(func() { errs[i] = l.Shutdown(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Connect implements Handler. An application without a handler is rejected in the words of
// Flash Media Server.
func (m *Mux) Connect(ctx context.Context, c *Client, args []amf.Value) (Session, error) {
	h := m.Handler(c.App, c.Instance)
	if h == nil {
		return nil, &Refusal{
			Cause: CauseUnknownApp,
			Status: status.New(status.ConnectRejected,
				fmt.Sprintf("[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (%s) is not defined.", c.App)),
		}
	}
	return h.Connect(ctx, c, args)
}

// Reject is the refusal of a connect with the application's own words. An empty description
// becomes "Connection failed.", as in Flash Media Server; object is what the client reads as
// info.application and may be nil.
func Reject(description string, object amf.Value) *status.Status {
	if description == "" {
		description = "Connection failed."
	}
	return status.New(status.ConnectRejected, description).With("application", object)
}

// Redirect refuses a connect and names the URL to connect to instead.
func Redirect(url string) *status.Status {
	ex := amf.NewObject(amf.Prop{Key: "code", Value: 302.0}, amf.Prop{Key: "redirect", Value: url})
	return status.New(status.ConnectRejected, "Connection failed").With("ex", ex)
}
