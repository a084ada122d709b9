// Package sharedobject is remote shared objects, the ones Flash knows as SharedObject.getRemote: a set of named slots that
// every client of an application sees, changes and is told about, temporary or persistent.
//
// A [Hub] holds the objects of one application. Clients reach them through [Hub.Receive], Go code through [Hub.Get]:
//
//	objects := sharedobject.NewHub(sharedobject.Options{})
//	board, err := objects.Get(ctx, "_definst_", "board", false)
//	err = board.Update(func(tx *sharedobject.Tx) error { return tx.Set("colour", "red") })
//
// # Layers
//
// [Message] is the wire: what types 19 (AMF0) and 16 (AMF3) carry. [Object] is the rules: versions, who is answered what, in
// which order; it does no I/O, takes no locks and knows no time. [Replica] is the same for a client's end. The Hub adds
// time, locking, access, limits and a [Store].
//
// # What clients are told
//
// Use is answered by use success, clear and one change for each slot, in one message. A change that is accepted is answered
// by success, and the others get the change; a remove or clear goes to everybody. A change is refused when the client may
// not write, when a limit is reached, or when it was made without knowledge of another client's change of the same slot (its
// version is older): the answer is the slot's present value, so that every client ends with the same state whatever happens
// at the same time. What changes within [Options.Interval] travels as one message, each slot once.
//
// Sources: the RTMP errata by M. Thornburgh (2024), the tables that deployed servers and clients agree on, and the Adobe
// ActionScript references for what programs see.
package sharedobject

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options configures a Hub. The zero value keeps temporary objects only.
type Options struct {
	// Name tells the hub's objects from those of others in the same Store, usually the application's name.
	Name string
	// Store keeps persistent objects; without one there are none.
	Store Store
	// Interval is how long changes are gathered before everyone is told; a change after a rest is told at once. 0 is 20 ms,
	// growing to 50 ms with the number of members.
	Interval time.Duration
	// SaveInterval is how long changes of persistent objects may wait to be stored; 100 ms.
	SaveInterval time.Duration
	Limits       Limits
	Log          *slog.Logger // nil: slog.Default
}

// Hub holds the shared objects of one application, in all its instances. It is safe for concurrent use.
type Hub struct {
	o      Options
	limits Limits
	lastID atomic.Uint64
	bytes  atomic.Int64 // of all objects in memory
	stored atomic.Int64 // of all persistent objects, loaded or not; right when isKnown

	mu      sync.Mutex
	objects map[place]*live
	closed  bool
	kept    int // persistent objects, loaded or not; right when isKnown

	counted sync.Mutex // held while usage is asked for
	isKnown bool       // under counted: the store has been asked

	saver saver
}

// place is where an object is within its hub.
type place struct{ instance, name string }

// Errors that attach returns, beside a *NameError and a *LimitError.
var (
	ErrPersistence = errors.New("sharedobject: the object exists with the other persistence")
	ErrNoObject    = errors.New("sharedobject: no such object")
	ErrNoStore     = errors.New("sharedobject: persistent objects need a store")
	ErrNotUsed     = errors.New("sharedobject: the client does not use the object")
	ErrHubClosed   = errors.New("sharedobject: hub closed")
)

// NewHub returns an empty hub. Close it to store what is not stored yet.
func NewHub(o Options) *Hub {
	if o.SaveInterval <= 0 {
		o.SaveInterval = 100 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	h := &Hub{o: o, limits: o.Limits.WithDefaults(), objects: make(map[place]*live)}
	h.saver.h = h
	return h
}

// Close stores what is not stored yet and ends the hub: objects are told no more and take no more. The store stays open.
func (h *Hub) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	all := make([]*live, 0, len(h.objects))
	for _, l := range h.objects {
		all = append(all, l)
	}
	h.mu.Unlock()
	for _, l := range all {
		l.stop()
	}
	return h.saver.close(ctx)
}

// open returns an object for one use, which release ends, making or loading it when it is not in memory.
func (h *Hub) open(ctx context.Context, at place, persistent, create bool) (*live, error) {
	if err := h.limits.checkName(at.name); err != nil {
		return nil, err
	}
	if persistent && h.o.Store == nil {
		return nil, ErrNoStore
	}
	for {
		h.mu.Lock()
		if h.closed {
			h.mu.Unlock()
			return nil, ErrHubClosed
		}
		l := h.objects[at]
		if l == nil {
			if err := over("shared_objects", len(h.objects)+1, h.limits.Objects); err != nil {
				h.mu.Unlock()
				return nil, err
			}
			l = newLive(h, at, persistent)
			h.objects[at] = l
			h.mu.Unlock()
			return h.make(ctx, l, create)
		}
		l.users++
		h.mu.Unlock()
		select {
		case <-l.ready:
		case <-ctx.Done():
			h.release(l)
			return nil, context.Cause(ctx)
		}
		switch {
		case l.failed == nil && l.obj.Persistent() != persistent:
			h.release(l)
			return nil, ErrPersistence
		case l.failed == nil:
			return l, nil
		}
		// It could not be made for another; this one may create, or asks for the other persistence.
		h.release(l)
	}
}

// make loads a new object from the store, or lets it begin empty.
func (h *Hub) make(ctx context.Context, l *live, create bool) (*live, error) {
	err := h.load(ctx, l, create)
	if err != nil {
		h.mu.Lock()
		delete(h.objects, l.at)
		l.dropped = true
		h.mu.Unlock()
		l.failed = err
	}
	close(l.ready)
	if err != nil {
		h.release(l)
		return nil, err
	}
	return l, nil
}

func (h *Hub) load(ctx context.Context, l *live, create bool) error {
	persistent := l.obj.Persistent()
	if h.o.Store != nil {
		if err := h.count(ctx); err != nil {
			return err
		}
		r, err := h.o.Store.Load(ctx, h.key(l.at))
		switch {
		case err == nil && !persistent:
			return ErrPersistence
		case err == nil:
			if err := l.obj.Restore(r); err != nil {
				return err
			}
			l.isStored = true
			h.bytes.Add(int64(l.obj.Bytes()))
			return nil
		case !errors.Is(err, ErrNotStored):
			return fmt.Errorf("sharedobject: load %s: %w", l.at.name, err)
		}
	}
	if !create {
		return ErrNoObject
	}
	if !persistent {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := over("shared_objects", h.kept+1, h.limits.Objects); err != nil {
		return err
	}
	h.kept++
	return nil
}

// deleteStored removes an object that is only stored; one that has come into memory meanwhile is cleared.
func (h *Hub) deleteStored(ctx context.Context, at place) error {
	h.mu.Lock()
	if h.objects[at] != nil {
		h.mu.Unlock()
		s, err := h.Get(ctx, at.instance, at.name, true)
		if err != nil {
			return err
		}
		defer s.Close()
		return s.Clear()
	}
	l := newLive(h, at, true) // who wants it meanwhile waits, and finds that it could not be made
	l.failed = ErrNoObject
	h.objects[at] = l
	h.mu.Unlock()
	defer close(l.ready)
	r, err := h.o.Store.Load(ctx, h.key(at))
	if err == nil {
		err = h.o.Store.Delete(ctx, h.key(at))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.objects, at)
	l.dropped = true
	if err != nil {
		return err
	}
	h.kept--
	for _, s := range r.Slots {
		h.stored.Add(-int64(len(s.Key) + len(s.Value)))
	}
	return nil
}

// count asks the store once how much it holds.
func (h *Hub) count(ctx context.Context) error {
	h.counted.Lock()
	defer h.counted.Unlock()
	if h.isKnown {
		return nil
	}
	objects, bytes, err := h.o.Store.Usage(ctx, h.o.Name)
	if err != nil {
		return fmt.Errorf("sharedobject: ask the store: %w", err)
	}
	h.stored.Store(bytes)
	h.mu.Lock()
	h.kept = objects
	h.mu.Unlock()
	h.isKnown = true
	return nil
}

func (h *Hub) key(at place) Key { return Key{Hub: h.o.Name, Instance: at.instance, Name: at.name} }

// release ends one use. A temporary object goes with the last one, a persistent one when it is stored too.
func (h *Hub) release(l *live) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.users--
	h.drop(l)
}

// drop forgets an object that nobody uses. h.mu must be held; lock order Hub → live.
func (h *Hub) drop(l *live) {
	if l.users > 0 || l.dropped {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.obj.Persistent() && l.waitsToBeStored() && !h.closed {
		h.saver.add(l)
		return
	}
	l.dropped = true
	delete(h.objects, l.at)
	h.bytes.Add(-int64(l.obj.Bytes()))
	if l.obj.Persistent() && !l.isStored {
		h.kept--
	}
}

// room is what an object may still grow by.
func (h *Hub) room(persistent bool) (room int, limit string) {
	room, limit = h.limits.HubBytes-int(h.bytes.Load()), "shared_objects_bytes"
	if persistent {
		if r := h.limits.StoreBytes - int(h.stored.Load()); r < room {
			room, limit = r, "shared_objects_stored_bytes"
		}
	}
	return max(room, 0), limit
}

func (h *Hub) grew(by int, persistent bool) {
	h.bytes.Add(int64(by))
	if persistent {
		h.stored.Add(int64(by))
	}
}
