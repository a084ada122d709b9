package sharedobject

import (
	"context"
	"errors"
	"path"
	"sync"

	"penstock/amf"
)

// Shared is an object as the server's own program holds it. It is safe for concurrent use. As long as it is not closed the
// object stays.
type Shared struct {
	live *live

	mu     sync.Mutex
	closed bool
}

// ErrClosed is what a closed Shared returns.
var ErrClosed = errors.New("sharedobject: closed")

// Get returns an object, making or loading it when it is not there. A *NameError, a *LimitError, ErrPersistence,
// ErrNoStore and ErrHubClosed are its errors, and those of the store.
func (h *Hub) Get(ctx context.Context, instance, name string, persistent bool) (*Shared, error) {
	l, err := h.open(ctx, place{instance, name}, persistent, true)
	if err != nil {
		return nil, err
	}
	return &Shared{live: l}, nil
}

func (h *Hub) nextID() ID { return ID(h.lastID.Add(1)) }

// Close lets the object go when nobody else uses it.
func (s *Shared) Close() {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if !was {
		s.live.hub.release(s.live)
	}
}

// Name is the object's name.
func (s *Shared) Name() string { return s.live.at.name }

// Get returns a slot's value, which must not be changed.
func (s *Shared) Get(key string) (amf.Value, bool) {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	return s.live.obj.Get(key)
}

// Slots returns all slots, which must not be changed, and their version.
func (s *Shared) Slots() (slots []amf.Prop, version uint32) {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	return s.live.obj.Slots(), s.live.obj.Version()
}

// Version is the object's version.
func (s *Shared) Version() uint32 {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	return s.live.obj.Version()
}

// ChangedSince reports whether anything changed after a version.
func (s *Shared) ChangedSince(version uint32) bool {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	return s.live.obj.ChangedSince(version)
}

// Tx is an update being made. It is valid within the function given to Update only.
type Tx struct {
	o      *Object
	events []Event
	over   map[string]*Event // what events make of a slot
	gone   bool              // cleared
}

// Get returns a slot's value as the update has it, which must not be changed.
func (tx *Tx) Get(key string) (amf.Value, bool) {
	if e := tx.over[key]; e != nil {
		return e.Value, e.Type == RequestChange
	}
	if tx.gone {
		return nil, false
	}
	return tx.o.Get(key)
}

// Set changes a slot. value may be anything that amf.ToValue takes; it is copied.
func (tx *Tx) Set(key string, value amf.Value) error {
	if err := tx.o.limits.checkKey(key); err != nil {
		return err
	}
	v, raw, err := own(value)
	if err != nil {
		return err
	}
	if err := over("shared_object_value_bytes", len(raw), tx.o.limits.ValueBytes); err != nil {
		return err
	}
	tx.add(Event{Type: RequestChange, Key: key, Value: v, raw: raw})
	return nil
}

// own copies a value.
func own(value amf.Value) (v amf.Value, raw []byte, err error) {
	if v, err = amf.ToValue(value); err != nil {
		return nil, nil, err
	}
	if v, err = amf.Copy(v); err != nil {
		return nil, nil, err
	}
	raw, err = amf.Append0(nil, v)
	return v, raw, err
}

// Remove removes a slot.
func (tx *Tx) Remove(key string) { tx.add(Event{Type: RequestRemove, Key: key}) }

// Clear removes all slots.
func (tx *Tx) Clear() {
	tx.gone, tx.over, tx.events = true, nil, append(tx.events, Event{Type: RequestClear})
}

// Send lets every member's handler of that name be called, in its place among the changes.
func (tx *Tx) Send(handler string, args ...amf.Value) error {
	e := Event{Type: Send, Handler: handler}
	for _, a := range args {
		v, _, err := own(a)
		if err != nil {
			return err
		}
		e.Args = append(e.Args, v)
	}
	tx.events = append(tx.events, e)
	return nil
}

func (tx *Tx) add(e Event) {
	if tx.over == nil {
		tx.over = make(map[string]*Event)
	}
	tx.over[e.Key] = &e
	tx.events = append(tx.events, e)
}

// Update changes the object atomically: nobody sees a part of it, and it is one version. An error of f, or of the object's
// limits, changes nothing. f must not use the Shared.
func (s *Shared) Update(f func(tx *Tx) error) error {
	l := s.live
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return ErrHubClosed
	}
	tx := &Tx{o: l.obj}
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.fits(); err != nil {
		return err
	}
	err := l.apply(Server, 0, tx.events, true)
	l.changed()
	return err
}

// fits checks what the object would become.
func (tx *Tx) fits() error {
	o, l := tx.o, &tx.o.limits
	count, bytes := len(o.slots), o.bytes
	if tx.gone {
		count, bytes = 0, 0
	}
	for key, e := range tx.over {
		if s := o.slots[key]; s != nil && !tx.gone {
			count, bytes = count-1, bytes-len(key)-len(s.raw)
		}
		if e.Type == RequestChange {
			count, bytes = count+1, bytes+len(key)+len(e.raw)
		}
	}
	if err := over("shared_object_slots", count, l.Slots); err != nil {
		return err
	}
	return over("shared_object_total_bytes", bytes, l.ObjectBytes)
}

// Set is an Update of one slot.
func (s *Shared) Set(key string, value amf.Value) error {
	return s.Update(func(tx *Tx) error { return tx.Set(key, value) })
}

// Remove is an Update that removes one slot.
func (s *Shared) Remove(key string) error {
	return s.Update(func(tx *Tx) error { tx.Remove(key); return nil })
}

// Clear is an Update that removes all slots.
func (s *Shared) Clear() error { return s.Update(func(tx *Tx) error { tx.Clear(); return nil }) }

// Send is an Update that only calls the members' handlers.
func (s *Shared) Send(handler string, args ...amf.Value) error {
	return s.Update(func(tx *Tx) error { return tx.Send(handler, args...) })
}

// Lock keeps members waiting: what they do is put aside, what they are to be told is gathered, until Unlock was called as
// often. Update goes on working. To change several slots at once Update alone is enough.
func (s *Shared) Lock() { s.live.lock() }

// Unlock undoes one Lock. With the last one the members are told in one message, and what they did meanwhile is done.
func (s *Shared) Unlock() { s.live.unlock() }

// Flush stores the object now. When it returns nil, everything that was changed before is as durable as the Store makes it.
// Without it that happens within Options.SaveInterval. A temporary object is an error, ErrNoStore.
func (s *Shared) Flush(ctx context.Context) error {
	if !s.live.obj.Persistent() {
		return ErrNoStore
	}
	return s.live.hub.saver.save(ctx)
}

// Purge forgets the removals of slots up to a version: clients that know only older ones get everything again.
func (s *Shared) Purge(version uint32) {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	s.live.obj.Purge(version)
}

// SetResyncDepth sets how many removals are remembered, see Limits.ResyncDepth.
func (s *Shared) SetResyncDepth(n int) {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	s.live.obj.SetResyncDepth(n)
}

// Clear removes all slots of the objects of an instance whose names match pattern (see path.Match; "" matches all), and
// removes those that are only stored. It returns how many there were.
func (h *Hub) Clear(ctx context.Context, instance, pattern string) (int, error) {
	matches := func(name string) (bool, error) {
		if pattern == "" {
			return true, nil
		}
		return path.Match(pattern, name)
	}
	names := make(map[string]bool)
	for _, i := range h.Objects() {
		if ok, err := matches(i.Name); err != nil {
			return 0, err
		} else if !ok || i.Instance != instance {
			continue
		}
		s, err := h.Get(ctx, instance, i.Name, i.Persistent)
		if err != nil {
			return len(names), err
		}
		err = s.Clear()
		s.Close()
		if err != nil {
			return len(names), err
		}
		names[i.Name] = true
	}
	if h.o.Store == nil {
		return len(names), nil
	}
	if err := h.count(ctx); err != nil {
		return len(names), err
	}
	return h.clearStored(ctx, instance, names, matches)
}

func (h *Hub) clearStored(ctx context.Context, instance string, done map[string]bool, matches func(string) (bool, error)) (int, error) {
	n := len(done)
	keys, err := h.o.Store.List(ctx, h.o.Name, instance)
	if err != nil {
		return n, err
	}
	for _, k := range keys {
		if ok, err := matches(k.Name); err != nil {
			return n, err
		} else if !ok || done[k.Name] {
			continue
		}
		if err := h.deleteStored(ctx, place{instance, k.Name}); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Notice is something that happened to an object, as onSync and message handlers see it in Flash.
type Notice struct {
	Code  NoticeCode
	Key   string      // the slot; the handler's name when Called
	Value amf.Value   // of a Changed or Succeeded slot; must not be changed
	Old   amf.Value   // what a Replica had before; must not be changed
	Args  []amf.Value // when Called; must not be changed
}

// NoticeCode says what happened.
type NoticeCode string

// Codes, as in the list that Flash hands to onSync; Called is a call of a handler by send, Refused a status event.
const (
	Succeeded NoticeCode = "success" // the own change was accepted
	Rejected  NoticeCode = "reject"  // the own change was not: another's value stands
	Changed   NoticeCode = "change"
	Deleted   NoticeCode = "delete"
	Cleared   NoticeCode = "clear"
	Called    NoticeCode = "message"
	Refused   NoticeCode = "status" // Key is the status code
)

// Watch is the server's own view of an object's changes, whoever made them.
type Watch struct {
	a *attachment

	mu      sync.Mutex
	notices []Notice
	wake    chan struct{} // capacity 1
}

// maxNotices is how many notices wait for a Watch before it is told the whole object instead.
const maxNotices = 8192

// Watch begins to watch. Next returns first the slots there are, then what happens. Close it.
func (s *Shared) Watch() *Watch {
	l := s.live
	h := l.hub
	w := &Watch{wake: make(chan struct{}, 1)}
	w.a = &attachment{id: h.nextID(), live: l, watch: w}
	h.mu.Lock()
	l.users++
	h.mu.Unlock()
	_ = l.receive(deferred{from: w.a, use: true}) // a hub that was closed has nothing to tell
	return w
}

// Close ends the watch.
func (w *Watch) Close() { w.a.live.detach(w.a) }

// Next waits for what happened since the last call, each slot's last value only for what happened at the same time. The error is
// ctx's.
func (w *Watch) Next(ctx context.Context) ([]Notice, error) {
	for {
		w.mu.Lock()
		n := w.notices
		w.notices = nil
		w.mu.Unlock()
		if len(n) > 0 {
			return n, nil
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// deliver is called with the object's lock held.
func (w *Watch) deliver(_ uint32, events []Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range events {
		switch e := &events[i]; e.Type {
		case Change:
			w.notices = append(w.notices, Notice{Code: Changed, Key: e.Key, Value: e.Value})
		case Remove:
			w.notices = append(w.notices, Notice{Code: Deleted, Key: e.Key})
		case Clear:
			w.notices = append(w.notices, Notice{Code: Cleared})
		case Send:
			w.notices = append(w.notices, Notice{Code: Called, Key: e.Handler, Args: e.Args})
		}
	}
	if len(w.notices) > maxNotices {
		w.notices = []Notice{{Code: Cleared}}
		for _, p := range w.a.live.obj.Slots() {
			w.notices = append(w.notices, Notice{Code: Changed, Key: p.Key, Value: p.Value})
		}
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
