package media

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the limits of a Registry. Zero fields take the default. A negative
// GOPBytes turns the cache of frames since the last key frame off. The cache
// counts payloads and 256 bytes for each frame; frames that were cut into chunks
// hold their payload a second time.
type Options struct {
	GOPBytes       int           // cached frames of one stream; default 16 MiB
	GOPDuration    time.Duration // default 10 s
	TotalGOPBytes  int           // cached frames of all streams; default 1 GiB
	ConfigBytes    int           // one sequence header; default 64 KiB
	MetadataBytes  int           // default 64 KiB
	ColorInfoBytes int           // default 16 KiB
	Tracks         int           // tracks, and sequence headers, of one kind in a stream; default 16
	Log            *slog.Logger  // default: nothing is logged
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.GOPBytes, 16<<20)
	def(&o.TotalGOPBytes, 1<<30)
	def(&o.ConfigBytes, 64<<10)
	def(&o.MetadataBytes, 64<<10)
	def(&o.ColorInfoBytes, 16<<10)
	def(&o.Tracks, 16)
	if o.GOPDuration == 0 {
		o.GOPDuration = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Registry maps names to streams. All methods are safe for concurrent use.
type Registry struct {
	o        Options
	gopTotal atomic.Int64

	mu      sync.Mutex
	streams map[string]*Stream
}

// NewRegistry returns an empty registry.
func NewRegistry(o Options) *Registry {
	return &Registry{o: o.withDefaults(), streams: make(map[string]*Stream)}
}

// acquire returns the stream of a name, made when there is none. The caller holds
// it until release.
func (r *Registry) acquire(key string) *Stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.streams[key]
	if s == nil {
		s = &Stream{key: key, reg: r, live: make(chan struct{})}
		r.streams[key] = s
	}
	s.refs++
	return s
}

// release gives a stream back; the last one takes it from the map.
func (r *Registry) release(s *Stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.refs--; s.refs == 0 {
		delete(r.streams, s.key)
	}
}

func (r *Registry) lookup(key string) *Stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streams[key]
}

// Publish takes the name for a publisher; waiting subscribers get the Published
// marker. owner is kept for Owner and StreamInfo. It returns a *BusyError when the
// name has a publisher. The caller must end the publication with Close.
func (r *Registry) Publish(key string, owner any) (*Publication, error) {
	s := r.acquire(key)
	p, err := s.publish(owner)
	if err != nil {
		r.release(s)
		return nil, err
	}
	return p, nil
}

// Subscribe adds a subscriber. With a publisher, it gets at once: the Published
// marker, metadata, colour information, sequence headers and the frames since the
// last key frame; the live frames follow without a gap. When no key frame is
// cached but the stream has video, audio and video begin with the next key frame;
// audio and data not later than after 2 s of stream time. Without a publisher it
// waits, and gets the Published marker when one comes and Unpublished after its
// last frame. It stays subscribed until Close, which the caller must call.
func (r *Registry) Subscribe(key string, s Subscriber) *Subscription {
	return r.acquire(key).subscribe(s, true)
}

// SubscribeLive is Subscribe without the cached frames, for the shortest delay.
func (r *Registry) SubscribeLive(key string, s Subscriber) *Subscription {
	return r.acquire(key).subscribe(s, false)
}

// Wait returns when the name has a publisher, or with the cause of ctx. The
// publisher may have left again when it returns.
func (r *Registry) Wait(ctx context.Context, key string) (*Stream, error) {
	s := r.acquire(key)
	defer r.release(s)
	select {
	case <-s.published():
		return s, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Live reports whether the name has a publisher.
func (r *Registry) Live(key string) bool {
	s := r.lookup(key)
	return s != nil && s.Publication() != nil
}

// Streams returns a snapshot of all streams, waiting ones included, sorted by key.
func (r *Registry) Streams() []StreamInfo {
	r.mu.Lock()
	all := make([]*Stream, 0, len(r.streams))
	for _, s := range r.streams {
		all = append(all, s)
	}
	r.mu.Unlock()
	slices.SortFunc(all, func(a, b *Stream) int { return strings.Compare(a.key, b.key) })
	list := make([]StreamInfo, len(all))
	for i, s := range all {
		list[i] = s.Info()
	}
	return list
}

// Stream returns a snapshot of one stream; ok is false when the name is not in use.
func (r *Registry) Stream(key string) (info StreamInfo, ok bool) {
	s := r.lookup(key)
	if s == nil {
		return StreamInfo{}, false
	}
	return s.Info(), true
}

// GOPBytes returns what the caches of all streams hold, to compare with
// Options.TotalGOPBytes.
func (r *Registry) GOPBytes() int64 { return r.gopTotal.Load() }
