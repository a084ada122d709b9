package admission

import (
	"errors"
	"strings"
	"sync"
	"time"

	"penstock/app"
	"penstock/internal/lockout"
)

// How long an encoder may take to answer the first question of a log-in, and how many are waited for.
const (
	answerTime    = 5 * time.Second
	maxUnanswered = 1024
)

// unanswered are clients that were asked to log in and have not begun to: an encoder does at once, another client never does. After
// answerTime that was a refusal.
type unanswered struct {
	mu     sync.Mutex
	asked  map[string]*question // by address and application
	closed bool
}

type question struct{ timer *time.Timer }

func newUnanswered() *unanswered { return &unanswered{asked: make(map[string]*question)} }

var errNoLogin = errors.New("no log-in followed")

// Challenge returns an app.Server's OnChallenge, which has a challenge recorded as a refusal when no log-in follows.
func (ad *Admission) Challenge(record func(*app.Refusal)) func(*app.Refusal) {
	return func(r *app.Refusal) {
		refused := *r
		refused.Cause, refused.XStatus, refused.Err = app.CauseHandler, 0, errNoLogin
		if !ad.unanswered.saw(r, func() { record(&refused) }) {
			record(&refused)
		}
	}
}

// saw notes a challenge. record is called later unless a further step follows; false: there are too many to wait for.
func (u *unanswered) saw(r *app.Refusal, record func()) bool {
	key := lockout.AddrKey(r.Peer) + " " + r.App
	u.mu.Lock()
	defer u.mu.Unlock()
	old := u.asked[key]
	switch {
	case u.closed:
	case !strings.Contains(r.Status.Description, "code=403 need auth"): // a further step
		if old != nil {
			old.timer.Stop()
			delete(u.asked, key)
		}
	case old != nil:
	case len(u.asked) >= maxUnanswered:
		return false
	default:
		q := &question{}
		q.timer = time.AfterFunc(answerTime, func() {
			if u.take(key, q) {
				record()
			}
		})
		u.asked[key] = q
	}
	return true
}

// take forgets a question whose time is over; false when it has been answered.
func (u *unanswered) take(key string, q *question) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed || u.asked[key] != q {
		return false
	}
	delete(u.asked, key)
	return true
}

func (u *unanswered) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for key, q := range u.asked {
		q.timer.Stop()
		delete(u.asked, key)
	}
}
