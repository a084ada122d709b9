package media

import (
	"slices"
	"sync"
	"time"
)

// Flusher may be implemented by a Subscriber that does not pass frames on as they are delivered,
// but when it is told that it is time: after a video frame, with the audio before it. Flush is
// called without locks, by any goroutine, possibly by two at once and once more after Close of
// the subscription. It must not wait for anybody.
type Flusher interface {
	Flush(w *Sweep)
}

// Sweep is one round of Flush calls to the subscribers of a stream, one after the other.
type Sweep struct {
	// Scratch belongs to who calls Flush's implementations their own; it is kept from round to round.
	Scratch any

	list []*Subscription
	// What Join made last: most subscribers are in the same position.
	of       []*Frame
	streamID uint32
	bytes    []byte
}

// Join returns frames that have chunks as they follow each other on the wire. The bytes are
// shared and must not be changed. fs belongs to the caller.
func (w *Sweep) Join(fs []*Frame, streamID uint32) []byte {
	if len(fs) == 1 {
		return fs[0].Chunks(streamID)
	}
	if streamID == w.streamID && slices.Equal(fs, w.of) {
		return w.bytes
	}
	n := 0
	for _, f := range fs {
		n += len(f.Chunks(streamID))
	}
	b := make([]byte, 0, n)
	for _, f := range fs {
		b = append(b, f.Chunks(streamID)...)
	}
	w.of, w.streamID, w.bytes = append(w.of[:0], fs...), streamID, b
	return b
}

const (
	// ride is the longest time for which audio waits for a video frame to go with: a write for
	// both costs as much as one for either.
	ride = 40 * time.Millisecond
	// rideGap is the distance of video frames from which on audio does not wait.
	rideGap = 55 * time.Millisecond
	// sweepInline is up to how many subscribers are flushed by the publisher's goroutine: to wake
	// another one for them costs more.
	sweepInline = 8
	// MaxMergeWindow is the longest time for which Publication.SetMergeWindow holds frames.
	MaxMergeWindow = 350 * time.Millisecond
)

// sweeping is when a stream's subscribers are flushed. It is guarded by Stream.mu.
type sweeping struct {
	dirty  []*Subscription // have something to flush
	due    bool            // and shall
	active bool            // somebody is at it, and looks again before he ends
	timer  *time.Timer     // for what is held; made when first needed
	held   bool            // the timer runs for it

	lastVideo time.Time     // arrival
	gap       time.Duration // between the last two
	merge     time.Duration
}

// deliver hands f to a subscription's subscriber.
func (s *Stream) deliver(sub *Subscription, f *Frame) {
	sub.dst.Deliver(f)
	if sub.flusher != nil && !sub.dirty {
		sub.dirty = true
		s.sweep.dirty = append(s.sweep.dirty, sub)
	}
}

// schedule decides when those that f was delivered to are flushed.
func (s *Stream) schedule(f *Frame) {
	w := &s.sweep
	wait := w.merge
	if f.Kind == Video || f.Kind == Audio && wait == 0 {
		now := time.Now()
		since := now.Sub(w.lastVideo)
		switch {
		case f.Kind == Video:
			w.lastVideo, w.gap = now, since
		case since < rideGap && w.gap < rideGap:
			wait = ride
		}
	}
	switch {
	case len(w.dirty) == 0:
	case wait == 0:
		w.due, w.held = true, false
	case !w.held && !w.due:
		w.held = true
		if w.timer == nil {
			w.timer = time.AfterFunc(wait, s.flushHeld)
		} else {
			w.timer.Reset(wait)
		}
	}
}

// flushHeld runs when frames have been held for long enough.
func (s *Stream) flushHeld() {
	s.mu.Lock()
	if s.sweep.held {
		s.sweep.due, s.sweep.held = true, false
	}
	few := s.claimSweep()
	s.mu.Unlock()
	if few {
		s.flush()
	}
}

// claimSweep starts to flush what is due, unless somebody is at it. true: the caller has to,
// without the lock; Stream.mu must be held for this.
func (s *Stream) claimSweep() bool {
	w := &s.sweep
	if !w.due || w.active {
		return false
	}
	w.active = true
	if len(w.dirty) > sweepInline {
		go s.flush()
		return false
	}
	return true
}

// sweeps holds Sweeps between rounds.
var sweeps = sync.Pool{New: func() any { return new(Sweep) }}

// flush flushes until nothing is due. What becomes due meanwhile goes out in one piece: the more
// there is to do, the less it costs.
func (s *Stream) flush() {
	w := sweeps.Get().(*Sweep)
	for s.takeDirty(w) {
		for _, sub := range w.list {
			sub.flusher.Flush(w)
		}
	}
	w.of, w.bytes = w.of[:0], nil
	clear(w.of[:cap(w.of)])
	sweeps.Put(w)
}

// takeDirty moves those that shall be flushed to w; false: there are none and the caller is not
// at it any more.
func (s *Stream) takeDirty(w *Sweep) bool {
	clear(w.list)
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.sweep
	if !o.due || len(o.dirty) == 0 {
		w.list, o.due, o.active = w.list[:0], false, false
		return false
	}
	w.list, o.dirty = o.dirty, w.list[:0]
	o.due, o.held = false, false
	for _, sub := range w.list {
		sub.dirty = false
	}
	return true
}
