package instance

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

// Options configures New. Zero values take what stands behind them.
type Options struct {
	Idle    time.Duration // [instance_idle] that an instance without clients is kept, 20 min
	Max     int           // [instances] at once, since clients choose their names, 1000
	Timeout time.Duration // [instance_start_time] for the factory, 30 s
	Log     *slog.Logger  // nil: slog.Default
}

// Factory starts an instance: it is called once for each, when the first client comes, and others wait for it. An error refuses the
// clients that wait, as that of an app.Handler does, and the next one tries again. ctx is for the start only; in.Context is the instance's.
type Factory func(ctx context.Context, in *Instance) (Application, error)

type key struct{ app, name string }

// Handler is the application: an app.Handler that hands each client to its instance. It is an app.Lifecycle and a Source, and safe for
// concurrent use.
type Handler struct {
	start Factory
	o     Options
	log   *slog.Logger

	mu        sync.Mutex
	instances map[key]*Instance // until they have stopped
	closed    bool
}

// New returns a Handler.
func New(start Factory, o Options) *Handler {
	if o.Idle <= 0 {
		o.Idle = 20 * time.Minute
	}
	if o.Max <= 0 {
		o.Max = 1000
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Handler{start: start, o: o, log: o.Log, instances: make(map[key]*Instance)}
}

// Connect implements app.Handler.
func (h *Handler) Connect(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
	for {
		in, stops, err := h.enter(c)
		if err != nil {
			return nil, err
		}
		if in != nil {
			return in.connect(ctx, c, args)
		}
		select {
		case <-stops.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// enter finds the instance of a client, which starts when there is none, and enters it; or returns one that stops and has to have
// done so first: that of the same name or, where there are as many as may be, one that makes room.
func (h *Handler) enter(c *app.Client) (in, stops *Instance, err error) {
	k := key{c.App, c.Instance}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, nil, shutdownStatus(k.app, "")
	}
	if in := h.instances[k]; in != nil {
		if in.enter(c) {
			return in, nil, nil
		}
		return nil, in, nil
	}
	if n := len(h.instances); n >= h.o.Max {
		if stops = h.longestIdle(); stops == nil || !stops.unused(0) {
			limit := &rtmp.LimitError{Option: "instances", Value: n + 1, Max: h.o.Max}
			return nil, nil, &app.Refusal{Cause: app.CauseLimit, Rule: limit.Option, Err: limit, Status: status.Newf(status.ConnectRejected,
				"[ Resource.Limit.Exceeded ] : The limit instances (%d) is reached: try again later, or ask the operator to raise it.", h.o.Max)}
		}
		return nil, stops, nil
	}
	in = newInstance(h, k)
	in.enter(c) // before it begins: should that fail, somebody has to be told
	h.instances[k] = in
	go in.begin()
	return in, nil, nil
}

// longestIdle is the instance that has been without clients for longest; nil when all have some.
func (h *Handler) longestIdle() *Instance {
	var found *Instance
	var since time.Time
	for _, in := range h.instances {
		if t := in.idleSince(); !t.IsZero() && (found == nil || t.Before(since)) {
			found, since = in, t
		}
	}
	return found
}

// forget takes an instance that has stopped out.
func (h *Handler) forget(in *Instance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.instances, key{in.App, in.Name})
}

// all are the instances that which wants.
func (h *Handler) all(which func(*Instance) bool) []*Instance {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]*Instance, 0, len(h.instances))
	for _, in := range h.instances {
		if which(in) {
			list = append(list, in)
		}
	}
	return list
}

func every(*Instance) bool { return true }

// Instances implements Source.
func (h *Handler) Instances() []Stats {
	list := h.all(every)
	stats := make([]Stats, len(list))
	for i, in := range list {
		stats[i] = in.Stats()
	}
	return stats
}

// Instance finds an instance that runs or starts, nil when there is none: Handler makes none but for clients.
func (h *Handler) Instance(app, name string) *Instance {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.instances[key{app, name}]
}

// UnloadInstance implements Source.
func (h *Handler) UnloadInstance(app, name, reason string) bool {
	in := h.Instance(app, name)
	if in != nil {
		in.Unload(reason)
	}
	return in != nil
}

// Collect implements Collector.
func (h *Handler) Collect() (n int) {
	for _, in := range h.all(every) {
		if in.unused(0) {
			n++
		}
	}
	return n
}

// UnloadApp implements app.Lifecycle.
func (h *Handler) UnloadApp(app string) {
	for _, in := range h.all(func(in *Instance) bool { return in.App == app }) {
		in.Unload("")
	}
}

// Shutdown implements app.Lifecycle.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	list := h.all(every)
	for _, in := range list {
		in.end(ErrShutdown)
	}
	for _, in := range list {
		select {
		case <-in.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
