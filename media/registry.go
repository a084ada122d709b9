package media

import (
	"context"
	"log/slog"
	"time"
)

// Options are the limits of a Registry. Zero fields take the default. A negative
// GOPBytes turns the cache of frames since the last key frame off.
type Options struct {
	GOPBytes       int           // cached frames of one stream; default 16 MiB
	GOPDuration    time.Duration // default 10 s
	TotalGOPBytes  int           // cached frames of all streams; default 1 GiB
	ConfigBytes    int           // one sequence header; default 64 KiB
	MetadataBytes  int           // default 64 KiB
	ColorInfoBytes int           // default 16 KiB
	Tracks         int           // tracks of one kind in a stream; default 16
	Log            *slog.Logger  // default: nothing is logged
}

// Subscriber receives the frames of a stream.
type Subscriber interface {
	// Deliver is called under the stream's lock, in order. It must not block and
	// must not call methods of the stream, its publication or its subscriptions.
	Deliver(f *Frame)
}

// Registry maps names to streams. All methods are safe for concurrent use.
type Registry struct{}

// NewRegistry returns an empty registry.
func NewRegistry(o Options) *Registry { panic("todo") }

// Publish takes the name for a publisher. owner is kept for Owner and StreamInfo.
// It returns a *BusyError when the name has a publisher.
func (r *Registry) Publish(key string, owner any) (*Publication, error) { panic("todo") }

// Subscribe adds a subscriber, which waits when there is no publisher.
func (r *Registry) Subscribe(key string, s Subscriber) *Subscription { panic("todo") }

// SubscribeLive is Subscribe without the cached frames.
func (r *Registry) SubscribeLive(key string, s Subscriber) *Subscription { panic("todo") }

// Wait returns when the name has a publisher, or with the cause of ctx.
func (r *Registry) Wait(ctx context.Context, key string) (*Stream, error) { panic("todo") }

// Live reports whether the name has a publisher.
func (r *Registry) Live(key string) bool { panic("todo") }

// Streams returns a snapshot of all streams, sorted by key.
func (r *Registry) Streams() []StreamInfo { panic("todo") }

// Stream is one name of a Registry.
type Stream struct{}

// Key returns the name.
func (s *Stream) Key() string { panic("todo") }

// Info returns a snapshot.
func (s *Stream) Info() StreamInfo { panic("todo") }

// StreamInfo describes a stream for pages.
type StreamInfo struct {
	Key           string
	Live          bool      // has a publisher
	Since         time.Time // when the publisher came
	Owner         any       // as passed to Publish
	VideoCodec    string    // "H.264"; "" without video
	AudioCodec    string
	Width, Height int     // from SetInfo
	FrameRate     float64 // from SetInfo
	BytesIn       uint64
	FramesIn      uint64
	Bitrate       int   // bit/s over the last seconds
	Players       int   // subscribers, waiting ones included
	Time          int64 // newest stream time, ms
	GOPMillis     int64 // time between the last two key frames
	GOPFrames     int   // frames in the cache
	GOPBytes      int
	GOPDrops      uint64 // times the cache overflowed
}

// Subscription is a Subscriber's place in a stream.
type Subscription struct{}

// Close ends delivery.
func (s *Subscription) Close() { panic("todo") }

// Stream returns the stream.
func (s *Subscription) Stream() *Stream { panic("todo") }

// Resync delivers the metadata and sequence headers again.
func (s *Subscription) Resync() { panic("todo") }

// Publication is a publisher's hold on a name.
type Publication struct{}

// Audio publishes an audio message; payload passes to the stream.
func (p *Publication) Audio(ts uint32, payload []byte) error { panic("todo") }

// Video publishes a video message; payload passes to the stream.
func (p *Publication) Video(ts uint32, payload []byte) error { panic("todo") }

// Data publishes a data message; payload passes to the stream.
func (p *Publication) Data(ts uint32, name string, payload []byte) error { panic("todo") }

// SetMetadata stores the metadata.
func (p *Publication) SetMetadata(payload []byte) error { panic("todo") }

// ClearMetadata forgets it.
func (p *Publication) ClearMetadata() error { panic("todo") }

// SetInfo sets what StreamInfo shows.
func (p *Publication) SetInfo(width, height int, fps float64) { panic("todo") }

// Close ends the publication.
func (p *Publication) Close() { panic("todo") }

// Revoke ends it with an error.
func (p *Publication) Revoke(err error) { panic("todo") }

// Err returns nil while the publication lives.
func (p *Publication) Err() error { panic("todo") }

// Done is closed at the end.
func (p *Publication) Done() <-chan struct{} { panic("todo") }

// Owner returns the owner.
func (p *Publication) Owner() any { panic("todo") }

// Key returns the name.
func (p *Publication) Key() string { panic("todo") }
