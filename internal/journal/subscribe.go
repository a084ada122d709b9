package journal

import (
	"cmp"
	"errors"
	"slices"
)

// MaxSubscribers is how many subscriptions there can be at once.
const MaxSubscribers = 32

// subscriberQueue is how many refusals wait for one subscriber; one that has more is ended.
const subscriberQueue = 256

// ErrTooManySubscribers is the error of Subscribe beyond MaxSubscribers.
var ErrTooManySubscribers = errors.New("journal: too many subscribers")

// ErrClosed is the error of a journal that is closed.
var ErrClosed = errors.New("journal: closed")

// Subscription gets refusals as they come, and rows again that changed: with a higher count or an ending.
type Subscription struct {
	j *Journal
	f Filter
	c chan Refusal // closed at the end of the subscription
}

// C has the refusals. It is closed when the subscription ends: by Close, with the journal, or because its reader was so slow
// that more refusals waited for it than are kept waiting.
func (s *Subscription) C() <-chan Refusal { return s.c }

// Subscribe begins with what memory has after the refusal lastID (0: nothing). The bounds of f on time, cursor and number do
// not count.
func (j *Journal) Subscribe(f Filter, lastID int64) (*Subscription, error) {
	s := &Subscription{j: j, f: f}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.mute:
		return nil, ErrClosed
	case len(j.subs) >= MaxSubscribers:
		return nil, ErrTooManySubscribers
	}
	var missed []Refusal
	if lastID > 0 {
		for _, r := range j.recent {
			if r.ID > lastID && f.matches(r) {
				missed = append(missed, *r)
			}
		}
		slices.SortFunc(missed, func(a, b Refusal) int { return cmp.Compare(a.ID, b.ID) })
	}
	s.c = make(chan Refusal, subscriberQueue+len(missed))
	for _, r := range missed {
		s.c <- r
	}
	j.subs[s] = struct{}{}
	return s, nil
}

// tell gives r to the subscribers. mu must be held.
func (j *Journal) tell(r Refusal) {
	for s := range j.subs {
		if !s.f.matches(&r) {
			continue
		}
		select {
		case s.c <- r:
		default:
			j.end(s)
		}
	}
}

// end ends a subscription. mu must be held.
func (j *Journal) end(s *Subscription) {
	if _, ok := j.subs[s]; ok {
		delete(j.subs, s)
		close(s.c)
	}
}

// Close ends the subscription. Later calls do nothing.
func (s *Subscription) Close() {
	s.j.mu.Lock()
	defer s.j.mu.Unlock()
	s.j.end(s)
}

// EndSubscriptions ends all of them and takes no more, so that whoever serves them can stop.
func (j *Journal) EndSubscriptions() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mute = true
	for s := range j.subs {
		j.end(s)
	}
}
