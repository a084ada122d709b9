// Package instance gives Go applications instances with a life of their own, as Flash Media Server had them: the clients of
// rtmp://host/game/tuesday share one instance of game, which starts with the first of them and stops when it has been without clients for
// a while, when it is unloaded, or when the server ends.
//
//	h := instance.New(func(ctx context.Context, in *instance.Instance) (instance.Application, error) {
//		return &game{in: in}, nil
//	}, instance.Options{})
//	mux.Handle("game", h)
//
// A Handler is an app.Lifecycle: app.Server.Shutdown and Close stop its instances after the last client's Session.Close.
package instance

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/status"
)

// Application is one running instance, as its author writes it.
type Application interface {
	// Connect decides about a client as an app.Handler does, for many clients at the same time.
	Connect(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error)
	// Stop is called once, last: when the Close of every session and all of Instance.Go have returned. reason is ErrIdle, ErrShutdown or
	// the *status.Status that clients were told.
	Stop(reason error)
}

// Leaver is an Application that is told when a client that it accepted has left, after the Close of its session: where sessions are
// those of package rpc, which have none.
type Leaver interface {
	Leave(c *app.Client, reason error)
}

// Reasons of Stop.
var (
	ErrIdle     = errors.New("instance: nobody uses it")
	ErrShutdown = errors.New("instance: the server ends")
)

// Instance is what runs of an application under one name. It is safe for concurrent use.
type Instance struct {
	App, Name string
	Started   time.Time

	h       *Handler
	ctx     context.Context
	cancel  context.CancelCauseFunc
	running sync.WaitGroup // Go
	ready   chan struct{}  // closed when the factory has returned
	done    chan struct{}  // closed when Stop has returned
	failed  error          // readable when ready is closed
	own     Application    // likewise; nil when failed

	mu      sync.Mutex
	members map[*app.Client]bool // true: accepted; false: being decided about
	now     int                  // accepted members
	past    Stats                // counters; of what clients did, those that have left
	idle    *time.Timer          // runs while there is no member
	since   time.Time            // when the last left
	reason  error                // why it stops; nil: it does not
	empty   chan struct{}        // closed when it stops and the last member has left
}

// Context ends when the instance begins to stop; its cause is the reason.
func (in *Instance) Context() context.Context { return in.ctx }

// Done is closed when the instance has stopped.
func (in *Instance) Done() <-chan struct{} { return in.done }

// Clients are those that were accepted and answered and have not left, the oldest first.
func (in *Instance) Clients() []*app.Client {
	in.mu.Lock()
	list := make([]*app.Client, 0, len(in.members))
	for c, accepted := range in.members {
		if accepted {
			list = append(list, c)
		}
	}
	in.mu.Unlock()
	list = slices.DeleteFunc(list, func(c *app.Client) bool {
		select {
		case <-c.Answered():
			return c.Context().Err() != nil
		default:
			return true
		}
	})
	slices.SortFunc(list, func(a, b *app.Client) int { return a.Since.Compare(b.Since) })
	return list
}

// Go runs f in a goroutine of the instance's. It must return when ctx, which is Context, ends: Stop waits for it. A panic in it ends the
// instance, not the server. Go is for the factory, sessions, and functions that Go runs.
func (in *Instance) Go(f func(ctx context.Context)) {
	in.running.Go(func() {
		if !in.guard("a goroutine", func() { f(in.ctx) }) {
			in.end(status.New(status.ConnectAppShutdown, "The application failed."))
		}
	})
}

// Unload ends the instance as Source.UnloadInstance does.
func (in *Instance) Unload(reason string) { in.end(shutdownStatus(in.App, reason)) }

// Stats is a snapshot.
func (in *Instance) Stats() Stats {
	in.mu.Lock()
	defer in.mu.Unlock()
	st := in.past
	st.App, st.Name, st.Kind, st.Started, st.Clients = in.App, in.Name, KindGo, in.Started, in.now
	for c, accepted := range in.members {
		if accepted {
			st.add(c)
		}
	}
	if len(in.members) == 0 {
		st.IdleSince = in.since
	}
	st.Stopping = in.reason != nil
	return st
}

func newInstance(h *Handler, k key) *Instance {
	in := &Instance{App: k.app, Name: k.name, Started: time.Now(), h: h, ready: make(chan struct{}), done: make(chan struct{}),
		members: make(map[*app.Client]bool), empty: make(chan struct{})}
	in.ctx, in.cancel = context.WithCancelCause(context.Background())
	return in
}
