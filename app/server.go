package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"penstock/media"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/sharedobject"
	"penstock/status"
)

// Limits bounds connections, sessions and streams. A zero field means its default; the name in
// brackets is the option's.
type Limits struct {
	RTMP rtmp.Limits

	HandlerTimeout     time.Duration // [handler_timeout] one method of a handler or session, 30 s
	CallTimeout        time.Duration // [call_timeout] a client's answer to Client.Call, 30 s
	ActivityTimeout    time.Duration // [activity_timeout] connected to a media application without publishing, playing or calling, 10 s
	RefusedTimeout     time.Duration // [refused_timeout] after a refused publish or play, 3 s
	FirstMedia         time.Duration // [first_media_timeout] from publish to the first message, 30 s
	PublisherIdle      time.Duration // [publisher_idle_timeout] without a byte, 30 s
	PublishTimeout     time.Duration // [publish_timeout] liveness check of a name's publisher, 2 s
	PingInterval       time.Duration // [ping_interval] of silence before a ping, 30 s
	PingTimeout        time.Duration // [ping_timeout] without a byte after it, 60 s
	ResyncInterval     time.Duration // [resync_interval] least time between replays of headers to one player, and of cached frames after four, 1 s
	MessageStreams     int           // [message_streams] per connection, 16
	QueuedCommands     int           // [queued_commands] per connection, 256
	QueuedCommandBytes int           // [queued_command_bytes] their messages together, 1 MiB
	PendingCalls       int           // [pending_calls] of the server to one client, 64
	PropertyBytes      int           // [property_bytes] tcUrl, swfUrl, pageUrl and flashVer each, 2048
	PlayersPerStream   int           // [players_per_stream] 0: no limit

	PlayerQueue  media.QueueLimits   // [player_queue]
	SharedObject sharedobject.Limits // those for one client
}

// WithDefaults fills every zero field but PlayersPerStream.
func (l Limits) WithDefaults() Limits {
	durations := []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&l.HandlerTimeout, 30 * time.Second}, {&l.CallTimeout, 30 * time.Second},
		{&l.ActivityTimeout, 10 * time.Second}, {&l.RefusedTimeout, 3 * time.Second},
		{&l.FirstMedia, 30 * time.Second}, {&l.PublisherIdle, 30 * time.Second},
		{&l.PublishTimeout, 2 * time.Second}, {&l.PingInterval, 30 * time.Second},
		{&l.PingTimeout, 60 * time.Second}, {&l.ResyncInterval, time.Second},
	}
	for _, d := range durations {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	counts := []struct {
		v   *int
		def int
	}{{&l.MessageStreams, 16}, {&l.QueuedCommands, 256}, {&l.QueuedCommandBytes, 1 << 20},
		{&l.PendingCalls, 64}, {&l.PropertyBytes, 2048}}
	for _, c := range counts {
		if *c.v == 0 {
			*c.v = c.def
		}
	}
	l.RTMP = l.RTMP.WithDefaults()
	l.SharedObject = l.SharedObject.WithDefaults()
	return l
}

// Identity is what the server says it is in the answer to connect. The zero value is
// DefaultIdentity.
type Identity struct {
	FMSVer       string  // "FMS/5,0,15,5004"
	Capabilities float64 // 255
	Version      string  // data.version, "5,0,15,5004"
}

// DefaultIdentity is that of Adobe Media Server 5.0.15, as captured.
var DefaultIdentity = Identity{FMSVer: "FMS/5,0,15,5004", Capabilities: 255, Version: "5,0,15,5004"}

// ErrServerClosed is what Serve returns after Shutdown or Close.
var ErrServerClosed = rtmp.ErrServerClosed

// Server runs an application over RTMP. Handler is required; set fields before Serve.
type Server struct {
	Handler   Handler
	Registry  *media.Registry // nil: one of its own, see Streams
	TLSConfig *tls.Config     // also accept RTMPS on the same listeners
	Limits    Limits
	Log       *slog.Logger
	Identity  Identity
	Exempt    []netip.Prefix // see rtmp.Server
	PageURL   string         // see rtmp.Server
	// Policy answers a Flash policy-file request on the RTMP port; "" means a policy that allows nothing.
	Policy string

	// NoBWDone leaves out the onBWDone that follows a successful connect.
	NoBWDone bool
	// ReconnectURL is where clients that can (Enhanced RTMP v2 reconnect request) are sent
	// when the server shuts down; "" sends nobody.
	ReconnectURL string
	// ReconnectGrace is how long those clients may take to leave, 10 s by default.
	ReconnectGrace time.Duration
	// OnRefusal sees every refusal after it was sent. It must not block. May be nil.
	OnRefusal func(*Refusal)
	// OnChallenge sees refusals with CauseChallenge, which are part of a log-in. It must not block. May be nil.
	OnChallenge func(*Refusal)
	// Words may choose what a client is told that is refused connect, publish, play or a call: it returns
	// the status in place of r.Status, or nil to leave that. Of r, at least Stage, Cause, Rule, Status and App are set. It must not block.
	// May be nil.
	Words func(r *Refusal) *status.Status
	// OnSession sees each accepted connection begin (nil reason) and end. May be nil.
	OnSession func(c *Client, ended bool, reason error)
	// OnStream sees what clients do with streams, in the order of each client. It must not block. May be nil.
	OnStream func(c *Client, e StreamEvent)
	// OnGone sees the end of every connection that got through the handshake, accepted or not, after all else: its socket
	// is done with, and Client.Ending is final. It must not block. May be nil.
	OnGone func(c *Client)
	// OnUnload is called by Unload when the clients of the application have been told. May be nil.
	OnUnload func(app string)
	// OnBlock is called by Block when the network is blocked and its clients have been told, for those who are no clients of this
	// server: an outlet's. May be nil.
	OnBlock func(Block)
	// Trace sees every message of every connection. May be nil.
	Trace func(nc net.Conn) rtmp.TraceFunc

	once   sync.Once
	limits Limits
	// What a connected client may send before it asks to publish or play.
	acceptedChunks chunk.Limits
	rtmp           rtmp.Server
	mu             sync.Mutex
	clients        map[*Client]struct{}
	draining       atomic.Bool
	unloaded       map[string]bool // applications that Unload removed
	blocks         map[netip.Prefix]Block
	counts         counters
}

func (s *Server) init() {
	s.once.Do(func() {
		s.limits = s.Limits.WithDefaults()
		if s.Registry == nil {
			s.Registry = media.NewRegistry(media.Options{})
		}
		if s.Log == nil {
			s.Log = slog.Default()
		}
		if s.Identity == (Identity{}) {
			s.Identity = DefaultIdentity
		}
		s.clients = make(map[*Client]struct{})
		s.unloaded = make(map[string]bool)
		s.blocks = make(map[netip.Prefix]Block)
		s.acceptedChunks = acceptedLimits(s.limits.RTMP.Chunk)
		stranger := strangerLimits(s.limits.RTMP.Chunk)
		s.rtmp = rtmp.Server{
			Handler: s.serve, TLSConfig: s.TLSConfig, Limits: s.limits.RTMP, Log: s.Log, Trace: s.Trace,
			Exempt: s.Exempt, PageURL: s.PageURL, Policy: s.Policy, Turned: s.turned, ChunkLimits: &stranger,
		}
	})
}

// strangerLimits are what a client may send before its connect is accepted: one small command.
func strangerLimits(l chunk.Limits) chunk.Limits {
	l.Command, l.Message, l.Reassembly = 16<<10, 16<<10, 64<<10
	return l
}

// acceptedLimits are what a connected client may send before it asks to publish or play.
func acceptedLimits(l chunk.Limits) chunk.Limits {
	l.Message = 16 << 10
	l.Reassembly = 64<<10 + max(l.Command, l.SharedObject, chunk.DefaultLimits().Command)
	return l
}

// ListenAndServe serves handler on a TCP address such as ":1935".
func ListenAndServe(addr string, h Handler) error {
	s := &Server{Handler: h}
	return s.ListenAndServe(addr)
}

// ListenAndServe listens on a TCP address and serves.
func (s *Server) ListenAndServe(addr string) error {
	l, err := rtmp.Listen(addr)
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// Serve accepts connections until Shutdown or Close, then returns ErrServerClosed.
func (s *Server) Serve(l net.Listener) error {
	s.init()
	return s.rtmp.Serve(l)
}

// ServeConn serves one connection and returns when it has ended.
func (s *Server) ServeConn(nc net.Conn) {
	s.init()
	s.rtmp.ServeConn(nc)
}

// Streams is the server's stream registry.
func (s *Server) Streams() *media.Registry {
	s.init()
	return s.Registry
}

// Clients is a snapshot of the accepted connections, oldest first.
func (s *Server) Clients() []*Client {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Client, 0, len(s.clients))
	for c := range s.clients {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *Client) int { return a.Since.Compare(b.Since) })
	return list
}

// Refusals counts what was refused so far.
func (s *Server) Refusals() RefusalCounts { return s.counts.snapshot() }

// Unload ends an application: its clients get NetConnection.Connect.AppShutdown, and so does
// who connects to it until Load.
func (s *Server) Unload(app string) {
	s.init()
	s.mu.Lock()
	s.unloaded[app] = true
	s.mu.Unlock()
	for _, c := range s.Clients() {
		if c.App == app {
			c.shutdown()
		}
	}
	if l, ok := s.Handler.(Lifecycle); ok {
		l.UnloadApp(app)
	}
	if s.OnUnload != nil {
		s.OnUnload(app)
	}
}

// Load undoes Unload.
func (s *Server) Load(app string) {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unloaded, app)
}

// Unloaded tells whether Unload has removed an application.
func (s *Server) Unloaded(app string) bool {
	s.init()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unloaded[app]
}

// stopping tells whether app takes no new clients.
func (s *Server) stopping(app string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining.Load() || s.unloaded[app]
}

// Shutdown ends the server in order: new clients get AppShutdown; those that understand a
// reconnect request get one when ReconnectURL is set and ReconnectGrace to leave; everyone
// else gets AppShutdown and close. It returns when all have left and a Handler that is a Lifecycle has
// ended, or closes what is left when ctx ends and returns its error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.init()
	s.draining.Store(true)
	s.askToReconnect(ctx)
	for _, c := range s.Clients() {
		c.shutdown()
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for len(s.Clients()) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(s.rtmp.Shutdown(ctx), s.endHandler(ctx))
		}
	}
	return errors.Join(s.rtmp.Shutdown(ctx), s.endHandler(ctx))
}

// endHandler ends what the handler keeps running, when all clients have left.
func (s *Server) endHandler(ctx context.Context) error {
	if l, ok := s.Handler.(Lifecycle); ok {
		return l.Shutdown(ctx)
	}
	return nil
}

func (s *Server) askToReconnect(ctx context.Context) {
	if s.ReconnectURL == "" {
		return
	}
	asked := 0
	for _, c := range s.Clients() {
		if c.requestReconnect(s.ReconnectURL) {
			asked++
		}
	}
	if asked == 0 {
		return
	}
	grace := s.ReconnectGrace
	if grace == 0 {
		grace = 10 * time.Second
	}
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left := false
		for _, c := range s.Clients() {
			left = left || c.canReconnect()
		}
		if !left {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// Close ends everything at once; a Handler that is a Lifecycle gets Limits.HandlerTimeout to do so.
func (s *Server) Close() error {
	s.init()
	s.draining.Store(true)
	err := s.rtmp.Close()
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.HandlerTimeout)
	defer cancel()
	return errors.Join(err, s.endHandler(ctx))
}

// Record records a refusal that was made outside RTMP, by an outlet: the log, the counters and
// OnRefusal then know of it too. Time and XStatus are filled in when they are zero.
func (s *Server) Record(r *Refusal) {
	s.init()
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	if r.XStatus == 0 {
		r.XStatus = xStatus(r.Stage, r.Cause)
	}
	s.refuse(r)
}

// refuse records one complete refusal: log line, counter, observer.
func (s *Server) refuse(r *Refusal) {
	peer := ""
	if r.Peer != nil {
		peer = r.Peer.String()
	}
	level, message, observe := slog.LevelWarn, "refused", s.OnRefusal
	if r.Cause == CauseChallenge {
		level, message, observe = slog.LevelInfo, "challenged", s.OnChallenge
	} else {
		s.counts.add(r)
	}
	s.Log.Log(context.Background(), level, message, "session", r.Session, "peer", peer, "refusal", r)
	if observe != nil {
		defer s.observed()
		observe(r)
	}
}

// turned records connections that ended before their first command.
func (s *Server) turned(remote net.Addr, why error) {
	r := &Refusal{Stage: StageAccept, Cause: CauseForeign, Peer: remote, Err: why}
	if cause, rule, ok := causeOf(why); ok {
		r.Cause, r.Rule = cause, rule
	}
	r.Time, r.XStatus = time.Now(), xStatus(r.Stage, r.Cause)
	s.refuse(r)
}

// statusShutdown is the word for an application that is being stopped.
func statusShutdown(app string) *status.Status { return status.For(status.ConnectAppShutdown, app) }
