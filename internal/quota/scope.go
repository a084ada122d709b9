package quota

import (
	"container/list"
	"time"
)

// scope is the counters of all clients, of those from one address, or of one user. Quota.mu guards it.
type scope struct {
	key     string
	n       [kinds]int
	rate    bucket
	bits    float64   // a second, of the streams within it as last measured
	streams list.List // of *Stream, the newest last
}

// scopes are the counters that one client is in: all clients, its address, its user; nil where it is not counted.
type scopes [3]*scope

func (ss scopes) add(k kind, by int) {
	for _, s := range ss {
		if s != nil {
			s.n[k] += by
		}
	}
}

// maxScopes is how many addresses, and how many users, are counted one by one; those beyond share one count.
const maxScopes = 65536

// sweepEvery is how often those that count nothing are looked for.
const sweepEvery = time.Minute

// table is the scopes by address or by user.
type table struct {
	scopes map[string]*scope
	most   int // how many are counted one by one
	others scope
	swept  time.Time
}

// scopes finds or makes the counters of a client. q.mu must be held.
func (q *Quota) scopes(who Who, now time.Time) scopes {
	found := scopes{&q.total}
	for i, key := range [...]string{who.IP, who.User} {
		if key != "" {
			found[1+i] = q.by[i].scope(key, now)
		}
	}
	return found
}

func (t *table) scope(key string, now time.Time) *scope {
	if t.scopes == nil {
		t.scopes = make(map[string]*scope)
	}
	if now.Sub(t.swept) > sweepEvery || len(t.scopes) >= t.most && now.Sub(t.swept) > time.Second {
		t.swept = now
		for key, s := range t.scopes {
			if s.idle() && now.Sub(s.rate.last) > sweepEvery {
				delete(t.scopes, key)
			}
		}
	}
	s := t.scopes[key]
	switch {
	case s != nil:
	case len(t.scopes) >= t.most:
		return &t.others
	default:
		s = &scope{key: key}
		t.scopes[key] = s
	}
	return s
}

// idle reports whether nothing is going on within the scope.
func (s *scope) idle() bool { return s.n == [kinds]int{} }

// tidy forgets counters that count nothing and remember no rate. q.mu must be held.
func (q *Quota) tidy(scopes scopes) {
	for i := range q.by {
		s := scopes[1+i]
		if s != nil && s.idle() && s.rate.last.IsZero() && q.by[i].scopes[s.key] == s {
			delete(q.by[i].scopes, s.key)
		}
	}
}

// bucket is a token bucket: so many a second, twice as many at once.
type bucket struct {
	tokens float64
	last   time.Time
}

// has fills the bucket and reports whether it holds a whole token.
func (b *bucket) has(now time.Time, perSecond float64) bool {
	burst := max(1, 2*perSecond)
	if b.last.IsZero() {
		b.tokens = burst
	} else {
		b.tokens = min(burst, b.tokens+now.Sub(b.last).Seconds()*perSecond)
	}
	b.last = now
	return b.tokens >= 1
}
