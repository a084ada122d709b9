package instance

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/status"
)

// begin runs the factory; the instance stops when that fails.
func (in *Instance) begin() {
	own, err := in.make()
	if err == nil && own == nil {
		err = errors.New("instance: the factory returned neither an Application nor an error")
	}
	if err != nil && in.ctx.Err() != nil { // it was ended before it had started
		err = in.told(context.Cause(in.ctx))
	}
	in.own, in.failed = own, err
	defer close(in.ready)
	if err != nil {
		in.h.log.Error("an instance could not start", "app", in.App, "instance", in.Name, "error", err)
		in.end(err)
		return
	}
	in.h.log.Info("instance started", "app", in.App, "instance", in.Name)
}

func (in *Instance) make() (own Application, err error) {
	ctx, cancel := context.WithTimeout(in.ctx, in.h.o.Timeout)
	defer cancel()
	if !in.guard("the factory", func() { own, err = in.h.start(ctx, in) }) {
		return nil, fmt.Errorf("instance: the factory of %s/%s panicked", in.App, in.Name)
	}
	return own, err
}

// guard calls the author's code; false: it panicked, which is logged.
func (in *Instance) guard(what string, f func()) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			in.h.log.Error("an instance panicked", "app", in.App, "instance", in.Name, "in", what, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	f()
	return true
}

// connect decides about a client that has entered.
func (in *Instance) connect(ctx context.Context, c *app.Client, args []amf.Value) (s app.Session, err error) {
	accepted := false
	defer func() { // also of a panic
		if !accepted {
			in.exit(c)
		}
	}()
	select {
	case <-in.ready:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if in.failed != nil {
		return nil, in.failed
	}
	if s, err = in.own.Connect(ctx, c, args); err != nil {
		return nil, err
	}
	accepted = true
	in.accept(c)
	return s, nil
}

// enter notes a client that is to be decided about. false: the instance stops.
func (in *Instance) enter(c *app.Client) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.reason != nil {
		return false
	}
	if in.idle != nil {
		in.idle.Stop()
		in.idle = nil
	}
	in.members[c] = false
	return true
}

// accept makes c one of the instance's clients until its connection has ended.
func (in *Instance) accept(c *app.Client) {
	in.mu.Lock()
	in.members[c] = true
	in.now++
	in.past.Total++
	in.past.Peak = max(in.past.Peak, in.now)
	reason := in.reason
	in.mu.Unlock()
	c.OnClose(func(reason error) {
		if l, ok := in.own.(Leaver); ok {
			in.guard("Leave", func() { l.Leave(c, reason) })
		}
		in.exit(c)
	})
	if reason != nil { // end did not know it
		in.tell(c, reason)
	}
}

// neverUsed is for how long, at the most, an instance is kept that has accepted nobody: whoever is refused must not fill the server.
const neverUsed = 5 * time.Second

// exit takes a client out that was not accepted, or has left.
func (in *Instance) exit(c *app.Client) {
	in.mu.Lock()
	defer in.mu.Unlock()
	accepted, ok := in.members[c]
	switch {
	case !ok:
		return
	case accepted:
		in.now--
		in.past.add(c)
	default:
		in.past.Refused++
	}
	delete(in.members, c)
	if len(in.members) > 0 {
		return
	}
	in.since = time.Now()
	if in.reason != nil {
		close(in.empty)
		return
	}
	kept := in.h.o.Idle
	if in.past.Total == 0 {
		kept = min(kept, neverUsed)
	}
	in.idle = time.AfterFunc(kept, func() { in.unused(kept) })
}

// idleSince is when the last client left; zero while there are any, and when the instance stops.
func (in *Instance) idleSince() time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.idle == nil || in.reason != nil {
		return time.Time{}
	}
	return in.since
}

// unused begins to stop an instance that has been without clients for so long. false: it has not.
func (in *Instance) unused(long time.Duration) bool {
	return in.endIf(ErrIdle, func() bool { return in.idle != nil && time.Since(in.since) >= long })
}

func (in *Instance) end(reason error) { in.endIf(reason, func() bool { return true }) }

// endIf begins to stop the instance if it does not stop already and still, called under the lock, says so.
func (in *Instance) endIf(reason error, still func() bool) bool {
	in.mu.Lock()
	if in.reason != nil || !still() {
		in.mu.Unlock()
		return false
	}
	in.reason = reason
	if in.idle != nil {
		in.idle.Stop()
	}
	var list []*app.Client
	for c, accepted := range in.members {
		if accepted {
			list = append(list, c)
		}
	}
	if len(in.members) == 0 {
		close(in.empty)
	}
	in.mu.Unlock()
	in.cancel(reason)
	for _, c := range list {
		in.tell(c, reason)
	}
	go in.stop()
	return true
}

// told is what clients are told of the reason why the instance ends.
func (in *Instance) told(reason error) *status.Status {
	if st, ok := status.Of(reason); ok && st.Code == status.ConnectAppShutdown {
		return st
	}
	return shutdownStatus(in.App, "")
}

// tell ends a client's connection in order, when its connect has been answered.
func (in *Instance) tell(c *app.Client, reason error) {
	st := in.told(reason)
	select {
	case <-c.Answered():
		c.Disconnect(st)
		return
	default:
	}
	go func() {
		select {
		case <-c.Answered():
			c.Disconnect(st)
		case <-c.Context().Done():
		}
	}()
}

// stop waits for everything that is the instance's, and ends it.
func (in *Instance) stop() {
	<-in.ready
	<-in.empty
	in.running.Wait()
	if in.own != nil {
		in.guard("Stop", func() { in.own.Stop(in.reason) })
		in.h.log.Info("instance stopped", "app", in.App, "instance", in.Name, "why", in.reason)
	}
	in.h.forget(in)
	close(in.done)
}
