package media

import (
	"errors"
	"fmt"
	"time"
)

// Publication is a publisher's hold on a name. Its methods are safe for concurrent
// use, though frames are ordered only when one goroutine sends them.
//
// The methods that send return nil, or: an error of the flv package for a payload
// that cannot be parsed and a *LimitError (both: this message was not relayed, the
// publication goes on), or the error of Err when the publication has ended.
type Publication struct {
	stream *Stream
	owner  any
	done   chan struct{} // closed under Stream.mu after err is set
	err    error
}

// Audio publishes an audio message: an FLV audio tag body with its timestamp in ms,
// mod 2^32. The payload passes to the stream and must not be changed afterwards.
func (p *Publication) Audio(ts uint32, payload []byte) error { return p.send(Audio, ts, payload) }

// Video is Audio for an FLV video tag body.
func (p *Publication) Video(ts uint32, payload []byte) error { return p.send(Video, ts, payload) }

// MaxPayload is the largest message that RTMP and FLV can frame; larger ones are
// refused with a *LimitError.
const MaxPayload = 1<<24 - 1

func (p *Publication) send(k Kind, ts uint32, payload []byte) error {
	if n := len(payload); n > MaxPayload {
		return &LimitError{"payload_bytes", MaxPayload, n}
	}
	f, err := NewFrame(k, 0, payload)
	if err != nil {
		return err
	}
	f.Sync = false // the stream knows which track leads
	return p.locked(func(s *Stream) error { return s.publishMedia(f, ts) })
}

// Data publishes a data message: AMF0 values that begin with name as a string. One
// named "onMetaData" is also stored for newcomers, as with SetMetadata. The
// payload passes to the stream.
func (p *Publication) Data(ts uint32, name string, payload []byte) error {
	if n := len(payload); n > MaxPayload {
		return &LimitError{"payload_bytes", MaxPayload, n}
	}
	return p.locked(func(s *Stream) error {
		return s.publishData(NewData(s.clock.Map(Data, ts), name, payload))
	})
}

// SetMetadata stores the stream's metadata for newcomers and delivers it now.
// payload is what players get: the AMF0 string "onMetaData" and its value, without
// "@setDataFrame". It passes to the stream.
func (p *Publication) SetMetadata(payload []byte) error {
	return p.locked(func(s *Stream) error {
		return s.publishData(NewData(s.clock.Now(), MetadataName, payload))
	})
}

// ClearMetadata forgets the metadata; newcomers get none. Players are not told.
func (p *Publication) ClearMetadata() error {
	return p.locked(func(s *Stream) error {
		s.state.head.metadata = nil
		s.burst = burst{}
		return nil
	})
}

// Reset forgets the metadata, the sequence headers, the tracks and the cached frames, for a publication whose source is another one
// from now on: newcomers get nothing of the old one, the new one's headers are handed out even when they are the same, and its
// video begins with a key frame. Stream time goes on; players are not told.
func (p *Publication) Reset() error {
	return p.locked(func(s *Stream) error {
		s.gop.reset(&s.reg.gopTotal)
		s.state = state{since: s.state.since, stats: s.state.stats}
		s.burst = burst{}
		s.awaitKey()
		return nil
	})
}

// SetInfo sets the picture size and frames per second that StreamInfo shows; the
// caller knows them from the metadata.
func (p *Publication) SetInfo(width, height int, fps float64) {
	_ = p.locked(func(s *Stream) error {
		st := &s.state.stats
		st.width, st.height, st.fps = width, height, fps
		return nil
	})
}

// locked runs fn under the stream's lock while the publication lives.
func (p *Publication) locked(fn func(*Stream) error) error {
	s := p.stream
	s.mu.Lock()
	defer s.unlock()
	if s.pub != p {
		return p.err
	}
	return fn(s)
}

// SetMergeWindow makes subscribers that are Flushers get frames together, those of as long a time
// at once, which costs less and delays as much. 0, the default, delays no video, and audio until
// the next video frame at the most; more than MaxMergeWindow is MaxMergeWindow.
func (p *Publication) SetMergeWindow(d time.Duration) {
	_ = p.locked(func(s *Stream) error {
		s.sweep.merge = min(max(d, 0), MaxMergeWindow)
		return nil
	})
}

// Close ends the publication: subscribers get Unpublished and stay, and the name is
// free when Close returns. Later calls do nothing.
func (p *Publication) Close() { p.end(ErrRevoked) }

// Revoke is Close with a reason: the publisher's next call, and Err, return an
// error with err's text for which errors.Is holds with err and with ErrRevoked.
func (p *Publication) Revoke(err error) {
	if err == nil {
		p.end(ErrRevoked)
		return
	}
	p.end(&revoked{err})
}

func (p *Publication) end(err error) {
	if p.stream.unpublish(p, err) {
		p.stream.reg.release(p.stream)
	}
}

// Err returns nil while the publication lives, then why it ended.
func (p *Publication) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Done is closed when the publication ends.
func (p *Publication) Done() <-chan struct{} { return p.done }

// Owner returns what was passed to Registry.Publish.
func (p *Publication) Owner() any { return p.owner }

// Key returns the stream's name.
func (p *Publication) Key() string { return p.stream.key }

var (
	// ErrRevoked is what a Publication returns after Revoke or Close.
	ErrRevoked = errors.New("media: publication ended")
	// ErrSlow is what a Queue reports after its hard bound was passed.
	ErrSlow = errors.New("media: subscriber too slow")
	// ErrQueueClosed is what a Queue reports after Close.
	ErrQueueClosed = errors.New("media: queue closed")
)

// BusyError is returned by Publish when the name has a publisher.
type BusyError struct {
	Key     string
	Current *Publication // who holds the name; may be revoked
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("media: stream %q is already being published", e.Key)
}

// LimitError is returned when a publisher exceeds a limit. The frame was not
// relayed; the publication goes on.
type LimitError struct {
	Option string // config_bytes, metadata_bytes, color_info_bytes or tracks (see Options); payload_bytes is MaxPayload
	Limit  int
	Got    int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("media: %d exceeds the limit %s of %d", e.Got, e.Option, e.Limit)
}

// revoked is the error of a publication that was ended with a cause.
type revoked struct{ cause error }

func (e *revoked) Error() string   { return e.cause.Error() }
func (e *revoked) Unwrap() []error { return []error{ErrRevoked, e.cause} }
