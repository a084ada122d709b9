package rtmp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"penstock/amf"
	"penstock/sharedobject"
	"penstock/status"
)

// SharedObjectOptions configures Client.SharedObject.
type SharedObjectOptions struct {
	Persistent bool
	// OnSync hears what happened to the object, a list for each message of the server, in the order of the Client's other
	// callbacks: what there was at first, others' changes, whether the own ones were accepted (sharedobject.Succeeded) or
	// another's value stands (Rejected), handlers called by Send, refusals. May be nil.
	OnSync func([]sharedobject.Notice)
	// Interval is the least time between two messages to the server; changes within it travel together. 33 ms.
	Interval time.Duration
}

// SharedObject is a remote shared object that a Client uses. Own changes show at once; when the server does not accept one,
// its value comes back. It is safe for concurrent use.
type SharedObject struct {
	c       *Client
	o       SharedObjectOptions
	decided chan error // capacity 1

	sending sync.Mutex // held while a change is made and queued, so that the server hears them in order; before mu

	mu      sync.Mutex
	replica *sharedobject.Replica
	used    bool
	ended   error
	pending []sharedobject.Event // own changes that wait for the interval
	knew    uint32               // the version known at the first of them
	sent    time.Time
	timer   *time.Timer
}

// ErrObjectClosed is what a SharedObject returns after Close.
var ErrObjectClosed = errors.New("rtmp: shared object closed")

// SharedObject uses an object of the application instance and waits until the server has told what it holds. The error
// holds a *status.Status (errors.As): the server's, such as SharedObject.NoReadAccess, or NetConnection.Call.Failed when ctx
// or the connection ended first. One object can be used once at a time.
func (c *Client) SharedObject(ctx context.Context, name string, o SharedObjectOptions) (*SharedObject, error) {
	if err := c.cfg.allowed(c.url, "SharedObject"); err != nil {
		return nil, err
	}
	orDefault(&o.Interval, 33*time.Millisecond)
	so := &SharedObject{c: c, o: o, decided: make(chan error, 1), replica: sharedobject.NewReplica(name, o.Persistent)}
	c.mu.Lock()
	if c.objects == nil {
		defer c.mu.Unlock()
		return nil, because(status.CallFailed, c.err, "shared object %s", name)
	}
	if c.objects[name] != nil {
		c.mu.Unlock()
		return nil, fmt.Errorf("rtmp: shared object %s is in use already", name)
	}
	c.objects[name] = so
	c.mu.Unlock()
	err := so.transmit(so.replica.Use())
	if err == nil {
		select {
		case err = <-so.decided:
			if err == nil {
				return so, nil
			}
		case <-ctx.Done():
			_ = so.transmit(so.message((*sharedobject.Replica).Release))
			err = context.Cause(ctx)
		}
	}
	so.forget(ErrObjectClosed)
	if _, ok := status.Of(err); !ok {
		err = because(status.CallFailed, err, "no answer for shared object %s", name)
	}
	return nil, err
}

// sharedObject takes a message from the server. known tells that it is for an object in use.
func (c *Client) sharedObject(m *Message) (known bool, err error) {
	// The server's word is long at times: its length bounds it.
	in, err := sharedobject.Parse(m.Payload, m.Type == TypeSharedObjectAMF3, sharedobject.ParseLimits{Events: 1 << 20, AMF: c.conn.limits.AMF})
	name := ""
	var bad *sharedobject.ParseError
	if errors.As(err, &bad) {
		name = bad.Name
	} else {
		name = in.Name
	}
	c.mu.Lock()
	so := c.objects[name]
	c.mu.Unlock()
	if so == nil {
		return false, nil
	}
	if err != nil {
		return true, c.emit(status.New(status.CallBadVersion, err.Error()))
	}
	notices := so.receive(in)
	if so.o.OnSync == nil || len(notices) == 0 {
		return true, nil
	}
	return true, c.callback(func() { so.o.OnSync(notices) })
}

func (so *SharedObject) receive(m *sharedobject.Message) []sharedobject.Notice {
	so.mu.Lock()
	defer so.mu.Unlock()
	notices, used := so.replica.Receive(m)
	if so.used {
		return notices
	}
	if used {
		so.used = true
		so.decided <- nil
		return notices
	}
	for _, e := range m.Events {
		if e.Type == sharedobject.Status && so.ended == nil {
			so.ended = &status.Status{Level: e.Level, Code: status.Code(e.Code)}
			so.decided <- so.ended
		}
	}
	return notices
}

// end is called when the connection has ended.
func (so *SharedObject) end(err error) {
	so.mu.Lock()
	defer so.mu.Unlock()
	if so.ended == nil {
		so.ended = err
		if !so.used {
			so.decided <- err
		}
	}
	so.stop()
}

// stop needs mu.
func (so *SharedObject) stop() {
	so.pending = nil
	if so.timer != nil {
		so.timer.Stop()
		so.timer = nil
	}
}

// Name is the object's name.
func (so *SharedObject) Name() string { return so.replica.Name }

// Get returns a slot's value, which must not be changed.
func (so *SharedObject) Get(key string) (amf.Value, bool) {
	so.mu.Lock()
	defer so.mu.Unlock()
	return so.replica.Get(key)
}

// Slots returns all slots and the version the server said last. The values must not be changed.
func (so *SharedObject) Slots() (slots []amf.Prop, version uint32) {
	so.mu.Lock()
	defer so.mu.Unlock()
	return so.replica.Slots(), so.replica.Version()
}

// Set changes a slot. value may be anything that amf.ToValue takes; it is copied.
func (so *SharedObject) Set(key string, value amf.Value) error {
	v, err := ownValue(value)
	if err != nil {
		return fmt.Errorf("rtmp: slot %s: %w", key, err)
	}
	return so.change(func(r *sharedobject.Replica) *sharedobject.Message { return r.Set(key, v) })
}

func ownValue(value amf.Value) (amf.Value, error) {
	v, err := amf.ToValue(value)
	if err != nil {
		return nil, err
	}
	return amf.Copy(v)
}

// Remove removes a slot.
func (so *SharedObject) Remove(key string) error {
	return so.change(func(r *sharedobject.Replica) *sharedobject.Message { return r.Remove(key) })
}

// Clear removes all slots.
func (so *SharedObject) Clear() error {
	return so.change(func(r *sharedobject.Replica) *sharedobject.Message { return r.Clear() })
}

// Send lets the handler of every client be called, this one's too: a Notice with the code sharedobject.Called.
func (so *SharedObject) Send(handler string, args ...amf.Value) error {
	own := make([]amf.Value, len(args))
	for i, a := range args {
		v, err := ownValue(a)
		if err != nil {
			return fmt.Errorf("rtmp: argument of %s: %w", handler, err)
		}
		own[i] = v
	}
	return so.change(func(r *sharedobject.Replica) *sharedobject.Message { return r.Send(handler, own...) })
}

// maxPending is how many changes travel in one message.
const maxPending = 256

// change makes an own change and sends it, at once or with others at the end of the interval.
func (so *SharedObject) change(f func(*sharedobject.Replica) *sharedobject.Message) error {
	so.sending.Lock()
	defer so.sending.Unlock()
	so.mu.Lock()
	if so.ended != nil {
		defer so.mu.Unlock()
		return so.ended
	}
	m := f(so.replica)
	if len(so.pending) == 0 {
		so.knew = m.Version
	}
	so.pending = append(so.pending, m.Events...)
	rest := so.o.Interval - time.Since(so.sent)
	if rest > 0 && len(so.pending) < maxPending {
		if so.timer == nil {
			so.timer = time.AfterFunc(rest, func() { _ = so.Flush() })
		}
		so.mu.Unlock()
		return nil
	}
	so.mu.Unlock()
	return so.flush()
}

// Flush sends what waits for the interval.
func (so *SharedObject) Flush() error {
	so.sending.Lock()
	defer so.sending.Unlock()
	return so.flush()
}

// flush needs sending.
func (so *SharedObject) flush() error {
	so.mu.Lock()
	if so.timer != nil {
		so.timer.Stop()
		so.timer = nil
	}
	if len(so.pending) == 0 {
		defer so.mu.Unlock()
		return so.ended
	}
	m := so.replica.Use() // its name and flags
	m.Version, m.Events = so.knew, so.pending
	so.pending, so.sent = nil, time.Now()
	so.mu.Unlock()
	return so.transmit(m)
}

func (so *SharedObject) message(f func(*sharedobject.Replica) *sharedobject.Message) *sharedobject.Message {
	so.mu.Lock()
	defer so.mu.Unlock()
	return f(so.replica)
}

func (so *SharedObject) transmit(m *sharedobject.Message) error {
	out := &Message{Type: TypeSharedObjectAMF0, CSID: CSIDCommand}
	if so.c.amf3 {
		out.Type = TypeSharedObjectAMF3
	}
	var err error
	if out.Payload, err = m.Append(nil, so.c.amf3); err != nil {
		return err
	}
	err = so.c.conn.SendWait(so.c.conn.Context(), out)
	if ended := so.c.Err(); err != nil && ended != nil {
		return ended
	}
	return err
}

// Close sends what waits and ends the use of the object.
func (so *SharedObject) Close() error {
	err := so.Flush()
	if errors.Is(err, ErrObjectClosed) {
		return nil
	}
	if err == nil {
		err = so.transmit(so.message((*sharedobject.Replica).Release))
	}
	so.forget(ErrObjectClosed)
	return err
}

// forget takes the object out of the client.
func (so *SharedObject) forget(why error) {
	c := so.c
	c.mu.Lock()
	if c.objects[so.replica.Name] == so {
		delete(c.objects, so.replica.Name)
	}
	c.mu.Unlock()
	so.mu.Lock()
	defer so.mu.Unlock()
	if so.ended == nil {
		so.ended = why
	}
	so.stop()
}
