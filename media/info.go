package media

import (
	"strings"
	"time"

	"penstock/flv"
)

// StreamInfo describes a stream for pages.
type StreamInfo struct {
	Key           string
	Live          bool      // has a publisher; without one most fields are zero
	Since         time.Time // when the publisher came
	Owner         any       // as passed to Publish
	VideoCodec    string    // "H.264"; "" without video
	AudioCodec    string
	VideoTracks   int
	AudioTracks   int
	Width, Height int     // from SetInfo
	FrameRate     float64 // from SetInfo
	BytesIn       uint64  // payloads
	FramesIn      uint64  // messages
	Bitrate       int     // bit/s over the last 3 s
	Players       int     // subscribers, waiting ones included
	Time          int64   // newest stream time, ms
	GOPMillis     int64   // time between the last two key frames
	GOPFrames     int     // frames in the cache
	GOPBytes      int     // what they count against Options.GOPBytes
	GOPDrops      uint64  // times the cache overflowed
}

// Info returns a snapshot.
func (s *Stream) Info() StreamInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := StreamInfo{Key: s.key, Players: len(s.subs) + len(s.flushed), Time: s.clock.Now()}
	if s.pub == nil {
		return i
	}
	st := &s.state
	i.Live, i.Since, i.Owner = true, st.since, s.pub.owner
	i.VideoCodec, i.AudioCodec = st.stats.video.CodecName(), st.stats.audio.CodecName()
	if !st.stats.videoSet {
		i.VideoCodec = ""
	}
	if !st.stats.audioSet {
		i.AudioCodec = ""
	}
	i.VideoTracks, i.AudioTracks = st.video.Len(), st.audio.Len()
	i.Width, i.Height, i.FrameRate = st.stats.width, st.stats.height, st.stats.fps
	i.BytesIn, i.FramesIn = st.stats.bytes, st.stats.frames
	i.Bitrate = st.stats.rate.bits(time.Now(), st.since)
	i.GOPMillis = st.stats.gopMillis
	i.GOPFrames, i.GOPBytes, i.GOPDrops = len(s.gop.frames), s.gop.bytes, st.stats.gopDrops
	return i
}

// stats counts what a publisher sends. Guarded by Stream.mu.
type stats struct {
	bytes, frames      uint64
	rate               meter
	audio, video       flv.Info // of the first track
	audioSet, videoSet bool
	width, height      int
	fps                float64
	keySeen            bool
	keyTime, gopMillis int64
	gopDrops           uint64
}

func (st *stats) count(f *Frame) {
	st.bytes += uint64(len(f.Payload))
	st.frames++
	st.rate.add(time.Now(), len(f.Payload))
	if i := &f.Info; i.Config || i.Coded() && f.Kind != Data {
		last, set := &st.video, &st.videoSet
		if f.Kind == Audio {
			last, set = &st.audio, &st.audioSet
		}
		if !*set || (last.Codec != i.Codec || last.LegacyID != i.LegacyID) && i.Tracks.Has(0) {
			*last, *set = *i, true
		}
	}
}

func (st *stats) key(time int64) {
	if st.keySeen {
		st.gopMillis = time - st.keyTime
	}
	st.keySeen, st.keyTime = true, time
}

// meter sums bytes by the second.
type meter struct {
	second  int64 // of the newest bucket
	buckets [meterSeconds + 1]uint64
}

const meterSeconds = 3

// advance makes now's second the newest bucket.
func (m *meter) advance(now time.Time) {
	sec := now.Unix()
	for n := min(sec-m.second, int64(len(m.buckets))); n > 0; n-- {
		m.buckets[(sec-n+1)%int64(len(m.buckets))] = 0
	}
	m.second = max(m.second, sec)
}

func (m *meter) add(now time.Time, n int) {
	m.advance(now)
	m.buckets[m.second%int64(len(m.buckets))] += uint64(n)
}

// bits returns the bits per second over the last full seconds, or since the start
// of a younger stream.
func (m *meter) bits(now, since time.Time) int {
	m.advance(now)
	var sum uint64
	for _, n := range m.buckets {
		sum += n
	}
	if age := now.Sub(since); age < meterSeconds*time.Second {
		return int(float64(sum*8) / max(age, time.Second).Seconds())
	}
	sum -= m.buckets[m.second%int64(len(m.buckets))]
	return int(sum * 8 / meterSeconds)
}

// redact shortens the last element of a name, which may be a secret, for the log.
func redact(key string) string {
	i := strings.LastIndexByte(key, '/') + 1
	return key[:i+(len(key)-i)*3/10] + "…"
}
