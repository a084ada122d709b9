package media

// Subscriber receives the frames of a stream.
type Subscriber interface {
	// Deliver is called under the stream's lock, in order, never twice at once. It
	// must not block, and must not call methods of the registry, the stream, its
	// publication or its subscriptions.
	Deliver(f *Frame)
}

// Replayer may be implemented by a Subscriber that needs to tell the frames that a
// newcomer gets at once from the live ones. Replay is called like Deliver; fs
// belongs to the stream and must not be kept or changed. A Subscriber that wraps a
// Queue should have this method and pass it on: the frames since the last key
// frame may be more than the queue's bounds allow for live ones.
type Replayer interface {
	Replay(fs []*Frame)
}

// holdMillis is how long (stream time) audio and data of a newcomer wait for a key frame.
const holdMillis = 2000

// Subscription is a Subscriber's place in a stream. Its methods are safe for
// concurrent use, but must not be called from within Deliver.
type Subscription struct {
	stream  *Stream
	dst     Subscriber
	flusher Flusher // dst, when it is one

	// guarded by Stream.mu
	index int // in its list of the Stream; -1 after Close

	from uint64 // for a Flusher: number of the first frame that comes by Flush; immutable

	// Guarded by Stream.mu; those of a Flusher, once it is in the list, by who flushes.
	waitKey bool
	hold    bool  // audio and data wait too
	since   int64 // stream time when hold began
}

func (s *Stream) subscribe(dst Subscriber, cached bool) *Subscription {
	sub := &Subscription{stream: s, dst: dst}
	sub.flusher, _ = dst.(Flusher)
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.list(sub)
	sub.index, sub.from = len(*list), s.sweep.next()
	*list = append(*list, sub)
	sub.wait(s.state.hasVideo(), s.clock.Now())
	if s.pub == nil {
		return sub
	}
	if cached && s.gop.open {
		sub.waitKey = false
		deliver(dst, s.opening(s.gop.time, &s.gop.start))
		deliver(dst, s.gop.frames)
		return sub
	}
	// Without the cache each newcomer may have its own time, so nothing is shared.
	now := s.headTime()
	deliver(dst, s.state.head.stamped([]*Frame{{Kind: Published, Time: now}}, now))
	return sub
}

// list is the one that sub is in.
func (s *Stream) list(sub *Subscription) *[]*Subscription {
	if sub.flusher != nil {
		return &s.flushed
	}
	return &s.subs
}

func deliver(dst Subscriber, fs []*Frame) {
	if r, ok := dst.(Replayer); ok {
		r.Replay(fs)
		return
	}
	for _, f := range fs {
		dst.Deliver(f)
	}
}

// opening returns the marker and headers for newcomers at the given time. All
// newcomers to one GOP share them, and so their chunks.
func (s *Stream) opening(time int64, h *headers) []*Frame {
	if s.burst.frames == nil || s.burst.time != time {
		s.burst = burst{h.stamped([]*Frame{{Kind: Published, Time: time}}, time), time}
	}
	return s.burst.frames
}

// headTime is the time for headers that precede live frames: the older of the
// newest audio and video, so that neither kind's time falls. A kind that has
// been silent for a second does not hold it back.
func (s *Stream) headTime() int64 {
	a, v := &s.clock.audio, &s.clock.video
	if t := min(a.out, v.out); a.set && v.set && s.clock.Now()-t <= 1000 {
		return t
	}
	return s.clock.Now()
}

// wait makes the subscriber wait for a key frame, with hold for audio and data too.
func (sub *Subscription) wait(hold bool, now int64) {
	sub.waitKey, sub.hold, sub.since = true, hold, now
}

// pass reports whether f goes to a subscriber that waits for a key frame.
func (sub *Subscription) pass(f *Frame) bool {
	switch {
	case f.Sync:
		sub.waitKey = false
		return true
	case f.Marker() || f.Header():
		return true
	case f.Kind == Video:
		return false
	case sub.hold && f.Time-sub.since < holdMillis:
		return false
	}
	sub.hold = false
	return true
}

// Stream returns the stream.
func (sub *Subscription) Stream() *Stream { return sub.stream }

// Resync delivers the metadata, colour information and sequence headers once more.
// It does nothing without a publisher. The caller limits its rate.
func (sub *Subscription) Resync() {
	s := sub.stream
	s.mu.Lock()
	defer s.unlock()
	if sub.index < 0 || s.pub == nil {
		return
	}
	for _, f := range s.state.head.stamped(nil, s.headTime()) {
		if sub.flusher == nil {
			sub.dst.Deliver(f)
			continue
		}
		s.sweep.gather(f, sub)
		s.sweep.due = true
	}
}

// Close ends delivery: when it returns no Deliver is running and none will follow.
// Later calls do nothing.
func (sub *Subscription) Close() {
	s := sub.stream
	s.mu.Lock()
	i := sub.index
	if i >= 0 {
		list := s.list(sub)
		subs, last := *list, len(*list)-1
		subs[i] = subs[last]
		subs[i].index = i
		subs[last] = nil
		*list = subs[:last]
		sub.index = -1
	}
	s.mu.Unlock()
	if i >= 0 {
		s.reg.release(s)
	}
}
