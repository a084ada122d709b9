// Package quota bounds what the clients of one application do together, from one address, and as one user: connections, streams
// that are published and played, connects a second and bits a second. It knows numbers; who a client is, others say. What it
// refuses is an *app.Refusal with the configuration path of the limit, and words that say which limit it is and what to do.
package quota

import (
	"sync"
	"time"

	"penstock/app"
)

// Bound is one limit at three scopes. 0 is no limit.
type Bound struct{ Total, PerIP, PerUser float64 }

// Limits are those of one application.
type Limits struct {
	Connections, Publishers, Players Bound
	ConnectRate                      Bound   // connects a second
	Bitrate                          Bound   // bits a second of all streams within the scope
	StreamBitrate                    float64 // bits a second of one stream; 0 is no limit
}

// Who is whom to count. An empty field is not counted.
type Who struct{ IP, User string }

// Quota counts the clients of one application. It is safe for concurrent use.
type Quota struct {
	app, path string
	limits    Limits

	mu    sync.Mutex
	total scope
	by    [2]table // by address, by user
}

// New returns the Quota of an application whose limits have that configuration path.
func New(application, path string, l Limits) *Quota {
	q := &Quota{app: application, path: path, limits: l}
	for i := range q.by {
		q.by[i].most = maxScopes
	}
	return q
}

// kind is what is counted.
type kind int

const (
	connections kind = iota
	publishers
	players
	kinds
)

func (q *Quota) bound(k kind) Bound {
	return [...]Bound{q.limits.Connections, q.limits.Publishers, q.limits.Players}[k]
}

// at is the limit at a level: 0 in total, 1 per address, 2 per user.
func (b Bound) at(level int) float64 { return [...]float64{b.Total, b.PerIP, b.PerUser}[level] }

// Connect counts a client in. release, to be called once, counts it out.
func (q *Quota) Connect(who Who) (release func(), err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	scopes := q.scopes(who, now)
	// All rates are asked before any is used: who is refused by one does not use up another.
	for level, s := range scopes {
		if max := q.limits.ConnectRate.at(level); s != nil && max > 0 && !s.rate.has(now, max) {
			return nil, q.exceeded(app.StageConnect, over{option: "connect_rate", level: level, max: max})
		}
	}
	if err := q.enter(scopes, connections, 0); err != nil {
		return nil, err
	}
	for level, s := range scopes {
		if s != nil && q.limits.ConnectRate.at(level) > 0 {
			s.rate.tokens--
		}
	}
	return q.release(scopes, connections), nil
}

// Play counts a player in. release, to be called once, counts it out. One that replaces a player of the same who makes none more.
func (q *Quota) Play(who Who, replaces bool) (release func(), err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	scopes, spare := q.scopes(who, time.Now()), 0
	if replaces {
		spare = 1
	}
	if err := q.enter(scopes, players, spare); err != nil {
		return nil, err
	}
	return q.release(scopes, players), nil
}

// enter counts one more when no scope has enough already, of which spare are about to leave. q.mu must be held.
func (q *Quota) enter(scopes scopes, k kind, spare int) error {
	for level, s := range scopes {
		if max := q.bound(k).at(level); s != nil && max > 0 && float64(s.n[k]+1-spare) > max {
			return q.exceeded(k.stage(), over{option: k.option(), level: level, max: max})
		}
	}
	scopes.add(k, 1)
	return nil
}

func (q *Quota) release(scopes scopes, k kind) func() {
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		scopes.add(k, -1)
		q.tidy(scopes)
	}
}
