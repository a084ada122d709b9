package quota

import (
	"container/list"
	"time"

	"penstock/app"
)

// window is the time over which bits a second are measured.
const window = 5 * time.Second

// Stream is a stream that is published.
type Stream struct {
	q        *Quota
	scopes   scopes
	places   [len(scopes{})]*list.Element
	samples  []sample // of the last window and one before it
	bits     float64
	hasEnded bool
}

type sample struct {
	at    time.Time
	bytes uint64
}

// Publish counts a publisher in.
func (q *Quota) Publish(who Who) (*Stream, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	found := q.scopes(who, now)
	for level, s := range found {
		if max := q.limits.Bitrate.at(level); s != nil && max > 0 && s.bits >= max {
			return nil, q.exceeded(app.StagePublish, over{option: bitrateOption(level), level: level, max: max, value: s.bits})
		}
	}
	if err := q.enter(found, publishers, 0); err != nil {
		return nil, err
	}
	s := &Stream{q: q, scopes: found, samples: []sample{{at: now}}}
	for i, scope := range found {
		if scope != nil {
			s.places[i] = scope.streams.PushBack(s)
		}
	}
	return s, nil
}

// End counts the publisher out. Further calls do nothing.
func (s *Stream) End() {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	if s.hasEnded {
		return
	}
	s.hasEnded = true
	s.measured(0)
	for i, scope := range s.scopes {
		if scope != nil {
			scope.streams.Remove(s.places[i])
			if scope.streams.Len() == 0 {
				scope.bits = 0 // what adding and subtracting has left
			}
		}
	}
	s.scopes.add(publishers, -1)
	s.q.tidy(s.scopes)
}

// Check notes how many bytes came so far, and returns an error when there are too many: of this stream, or of all streams of a
// scope in which this one is the newest.
func (s *Stream) Check(now time.Time, bytes uint64) error {
	q := s.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if s.hasEnded {
		return nil
	}
	s.measured(s.rate(now, bytes))
	if max := q.limits.StreamBitrate; max > 0 && s.bits > max {
		return q.exceeded(app.StagePublish, over{option: "bitrate", max: max, value: s.bits})
	}
	for level, scope := range s.scopes {
		max := q.limits.Bitrate.at(level)
		if scope != nil && max > 0 && scope.bits > max && scope.streams.Back().Value == s {
			return q.exceeded(app.StagePublish, over{option: bitrateOption(level), level: level, max: max, value: scope.bits})
		}
	}
	return nil
}

// measured notes the stream's rate. q.mu must be held.
func (s *Stream) measured(bits float64) {
	for _, scope := range s.scopes {
		if scope != nil {
			scope.bits = max(0, scope.bits+bits-s.bits)
		}
	}
	s.bits = bits
}

// rate is bits a second over the window; a stream that is younger has sent nothing before.
func (s *Stream) rate(now time.Time, bytes uint64) float64 {
	for len(s.samples) > 1 && now.Sub(s.samples[1].at) >= window {
		s.samples = s.samples[1:]
	}
	first, last := s.samples[0], s.samples[len(s.samples)-1]
	if now.Sub(last.at) >= window/10 {
		s.samples = append(s.samples, sample{now, bytes})
	}
	return float64(bytes-first.bytes) * 8 / max(window, now.Sub(first.at)).Seconds()
}

func bitrateOption(level int) string {
	if level == 0 {
		return "bitrate_total"
	}
	return "bitrate"
}
