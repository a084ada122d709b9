package sharedobject

import (
	"context"
	"sync"

	"penstock/amf"
)

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
