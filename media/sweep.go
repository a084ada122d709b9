package media

import (
	"slices"
	"sync"
	"time"
)

// Flusher may be implemented by a Subscriber that gets live frames not one by one, but when it is
// time to pass them on: a video frame with the audio before it. What a newcomer gets at once comes
// by Deliver or Replay all the same, and precedes what Flush brings. Flush is called without
// locks, by one goroutine at a time, and possibly once more after Close of the subscription. It
// must not wait for anybody.
type Flusher interface {
	Flush(w *Sweep)
}

// Sweep is one round of Flush calls to the subscribers of a stream, one after the other.
type Sweep struct {
	// Scratch belongs to who calls Flush's implementations their own; it is kept from round to round.
	Scratch any

	frames []*Frame        // of the round
	only   []*Subscription // whom each is for; nil: all of them
	first  uint64          // number of frames[0] within the stream
	plain  bool            // there is nothing among them that is not for all
	list   []*Subscription

	own []*Frame // those of one subscriber who does not get all
	fs  []*Frame // what Frames returns

	// What Join made last: most subscribers are in the same position.
	of       []*Frame
	streamID uint32
	bytes    []byte
}

// Frames returns the frames that the subscriber whose Flush is called gets: at least one. The
// slice is shared and only valid until Flush returns.
func (w *Sweep) Frames() []*Frame { return w.fs }

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

// choose finds what sub gets of the round; false: nothing.
func (w *Sweep) choose(sub *Subscription) bool {
	if w.plain && !sub.waitKey && sub.from <= w.first {
		w.fs = w.frames
		return true
	}
	w.own = w.own[:0]
	for i, f := range w.frames {
		if only := w.only[i]; w.first+uint64(i) < sub.from || only != nil && only != sub {
			continue
		}
		if f.Kind == awaitKey {
			sub.wait(false, 0)
			continue
		}
		if !sub.waitKey || sub.pass(f) {
			w.own = append(w.own, f)
		}
	}
	w.fs = w.own
	return len(w.own) > 0
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
	frames []*Frame        // what waits to be flushed
	only   []*Subscription // whom each is for; nil: all of them
	first  uint64          // number of frames[0]
	due    bool            // and shall
	active bool            // somebody is at it, and looks again before he ends
	timer  *time.Timer     // for what is held; made when first needed
	held   bool            // the timer runs for it

	lastVideo time.Time     // arrival
	gap       time.Duration // between the last two
	merge     time.Duration
}

// awaitKey stands among gathered frames for the place from which on every subscriber waits for a key frame.
const awaitKey Kind = 0

// gather puts f among what the next round brings, to one subscriber or, if that is nil, to all.
func (w *sweeping) gather(f *Frame, only *Subscription) {
	w.frames, w.only = append(w.frames, f), append(w.only, only)
}

// next is the number that the next frame to be gathered gets.
func (w *sweeping) next() uint64 { return w.first + uint64(len(w.frames)) }

// schedule decides when f and what was gathered before it is flushed.
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
	case len(w.frames) == 0:
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
	if len(s.flushed) > sweepInline {
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
	for s.takeRound(w) {
		for _, sub := range w.list {
			if w.choose(sub) {
				sub.flusher.Flush(w)
			}
		}
	}
	w.fs, w.bytes = nil, nil
	clear(w.own[:cap(w.own)])
	clear(w.of[:cap(w.of)])
	w.own, w.of = w.own[:0], w.of[:0]
	sweeps.Put(w)
}

// takeRound moves what shall be flushed to w; false: there is nothing and the caller is not at it
// any more.
func (s *Stream) takeRound(w *Sweep) bool {
	clear(w.frames)
	clear(w.only)
	clear(w.list)
	w.list = w.list[:0]
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &s.sweep
	if !o.due || len(o.frames) == 0 {
		w.frames, w.only = w.frames[:0], w.only[:0]
		o.due, o.active = false, false
		return false
	}
	w.first, o.first = o.first, o.next()
	w.frames, o.frames = o.frames, w.frames[:0]
	w.only, o.only = o.only, w.only[:0]
	o.due, o.held = false, false
	w.plain = true
	for i, f := range w.frames {
		w.plain = w.plain && f.Kind != awaitKey && w.only[i] == nil
	}
	w.list = append(w.list, s.flushed...)
	return true
}
