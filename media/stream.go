package media

import (
	"sync"
	"time"

	"penstock/flv"
)

// Stream is one name of a Registry: at most one publisher, any number of
// subscribers, and what newcomers need. All methods are safe for concurrent use.
type Stream struct {
	key  string
	reg  *Registry
	refs int // publication, subscriptions and waiters; guarded by Registry.mu

	mu   sync.Mutex
	pub  *Publication
	live chan struct{} // closed while there is a publisher
	// Those whose subscriber is a Flusher, and all others.
	flushed, subs []*Subscription

	clock Clock
	state state
	gop   gop
	burst burst
	sweep sweeping
}

// state is what is known of the current publication. It is reset with each.
type state struct {
	since        time.Time
	head         headers
	audio, video flv.TrackSet // track ids seen
	mainSet      bool
	main         uint8 // track whose key frames start a GOP
	lastKey      bool  // the last frame of the main track was a key frame
	lastKeyTime  int64
	stats        stats
}

// hasVideo reports whether pictures are to be expected.
func (st *state) hasVideo() bool { return st.mainSet }

// burst is the replay of headers, kept so that many newcomers share one copy.
type burst struct {
	frames []*Frame
	time   int64
}

// Key returns the name.
func (s *Stream) Key() string { return s.key }

// Publication returns the current publication, nil when there is none.
func (s *Stream) Publication() *Publication {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pub
}

// published returns a channel that is closed while the stream has a publisher.
func (s *Stream) published() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

func (s *Stream) publish(owner any) (*Publication, error) {
	s.mu.Lock()
	defer s.unlock()
	if s.pub != nil {
		return nil, &BusyError{Key: s.key, Current: s.pub}
	}
	p := &Publication{stream: s, owner: owner, done: make(chan struct{})}
	s.pub = p
	s.clock.Restart()
	s.state = state{since: time.Now()}
	s.burst = burst{}
	s.sweep.merge, s.sweep.lastVideo = 0, time.Time{}
	close(s.live)
	s.awaitKey()
	s.broadcast(&Frame{Kind: Published, Time: s.clock.Now()})
	return p, nil
}

// unpublish ends p; it reports false when p has ended before.
func (s *Stream) unpublish(p *Publication, err error) bool {
	s.mu.Lock()
	defer s.unlock()
	if s.pub != p {
		return false
	}
	p.err = err
	close(p.done)
	s.pub = nil
	s.live = make(chan struct{})
	s.gop.reset(&s.reg.gopTotal)
	s.gop = gop{}
	s.state = state{}
	s.burst = burst{}
	s.broadcast(&Frame{Kind: Unpublished, Time: s.clock.Now()})
	return true
}

// awaitKey makes every subscriber wait for a key frame, after what has been broadcast so far.
func (s *Stream) awaitKey() {
	for _, sub := range s.subs {
		sub.wait(false, 0)
	}
	if len(s.flushed) > 0 {
		s.sweep.gather(&Frame{Kind: awaitKey}, nil)
	}
}

// broadcast hands f to every subscriber that is not waiting for a key frame. For Flushers that is
// found out when they are flushed.
func (s *Stream) broadcast(f *Frame) {
	for _, sub := range s.subs {
		if !sub.waitKey || sub.pass(f) {
			sub.dst.Deliver(f)
		}
	}
	if len(s.flushed) > 0 {
		s.sweep.gather(f, nil)
	}
	s.schedule(f)
}

// unlock unlocks mu and flushes what became due while it was held.
func (s *Stream) unlock() {
	flush := s.claimSweep()
	s.mu.Unlock()
	if flush {
		s.flush()
	}
}

// admit checks f against the limits.
func (s *Stream) admit(f *Frame) error {
	o, i := &s.reg.o, &f.Info
	switch {
	case i.Config && len(f.Payload) > o.ConfigBytes:
		return &LimitError{"config_bytes", o.ConfigBytes, len(f.Payload)}
	case i.Metadata && len(f.Payload) > o.ColorInfoBytes:
		return &LimitError{"color_info_bytes", o.ColorInfoBytes, len(f.Payload)}
	}
	seen := &s.state.video
	if f.Kind == Audio {
		seen = &s.state.audio
	}
	if all := union(*seen, i.Tracks); all != *seen {
		if n := all.Len(); n > o.Tracks {
			return &LimitError{"tracks", o.Tracks, n}
		}
		*seen = all
	}
	if i.Config {
		next := headers{configs: s.state.head.with(f)}
		if n := next.count(f.Kind); n > 2*o.Tracks {
			return &LimitError{"tracks", o.Tracks, n}
		}
	}
	return nil
}

// publishMedia takes an audio or video frame whose Time is not set yet.
func (s *Stream) publishMedia(f *Frame, ts uint32) error {
	if err := s.admit(f); err != nil {
		return err
	}
	f.Time = s.clock.Map(f.Kind, ts)
	st := &s.state
	st.stats.count(f)
	i := &f.Info
	if f.Kind == Video {
		s.mark(f)
	}
	switch {
	case i.Config:
		if st.head.known(f) {
			return nil
		}
		st.head.configs = st.head.with(f)
		s.burst = burst{}
	case i.Metadata:
		st.head.color = f
		s.burst = burst{}
	case i.End:
		s.end(f)
	case f.Sync:
		st.stats.key(f.Time)
		if s.reg.o.GOPBytes > 0 {
			s.gop.begin(f, st.head, &s.reg.gopTotal)
			s.burst = burst{}
		}
	}
	s.relay(f)
	return nil
}

// relay caches f and hands it out.
func (s *Stream) relay(f *Frame) {
	f.seal()
	if s.gop.open && !s.gop.add(f, &s.reg.o, &s.reg.gopTotal) {
		s.burst = burst{}
		s.state.stats.gopDrops++
		if s.state.stats.gopDrops == 1 {
			s.reg.o.Log.Warn("media: frames since the last key frame exceed the cache; newcomers wait for the next key frame",
				"stream", redact(s.key), "limits", "GOPBytes, GOPDuration, TotalGOPBytes")
		}
	}
	s.broadcast(f)
}

// mark chooses the main track and sets Sync on the first message of its key frames.
func (s *Stream) mark(f *Frame) {
	st, i := &s.state, &f.Info
	if !i.Config && !i.Coded() {
		return
	}
	if id, ok := i.Tracks.First(); ok && (!st.mainSet || id == 0) {
		st.mainSet, st.main = true, id
	}
	if i.Config || !i.Tracks.Has(st.main) {
		return
	}
	// Some encoders split a picture into messages of the same time, each with
	// the key frame flag (seen from DJI remote controls).
	f.Sync = i.Key && !(st.lastKey && st.lastKeyTime == f.Time)
	st.lastKey, st.lastKeyTime = i.Key, f.Time
}

// end forgets the headers of the tracks that an end of sequence names. The end of
// the main track also closes the cache: there is nothing to join until it
// starts again.
func (s *Stream) end(f *Frame) {
	st := &s.state
	st.head.configs = st.head.ended(f)
	if f.Kind == Video && (!st.mainSet || f.Info.Tracks.Has(st.main)) {
		st.head.color = nil
		st.lastKey = false
		s.gop.reset(&s.reg.gopTotal)
	}
	s.burst = burst{}
}

// publishData takes a data frame whose Time is set.
func (s *Stream) publishData(f *Frame) error {
	if f.Name == MetadataName {
		if n, limit := len(f.Payload), s.reg.o.MetadataBytes; n > limit {
			return &LimitError{"metadata_bytes", limit, n}
		}
		s.state.head.metadata = f
		s.burst = burst{}
	}
	s.state.stats.count(f)
	s.relay(f)
	return nil
}
