package auth

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"penstock/app"
)

// Bounds on guessing: after maxFailures within failureWindow, the address and user pay with penalty. maxAttempts is how many
// such pairs are remembered; the one longest unused is forgotten first.
const (
	maxFailures   = 5
	failureWindow = time.Minute
	penalty       = time.Minute
	maxAttempts   = 8192
)

// attempts slows down guessing, per address and user.
type attempts struct {
	mu     sync.Mutex
	byWho  map[string]*list.Element
	recent *list.List // of *attempt, the most recently used first
}

type attempt struct {
	who      string
	turn     chan struct{} // one attempt at a time, so that many at once are not many free ones
	users    int           // who hold or wait for the turn; guarded by attempts.mu, as the rest
	failures int
	since    time.Time // of the first failure
	until    time.Time // end of the penalty
}

func newAttempts() *attempts {
	return &attempts{byWho: make(map[string]*list.Element), recent: list.New()}
}

// try runs verify unless who must wait, and counts its failure. One who must wait is told how long, whatever it brings.
func (t *attempts) try(ctx context.Context, who string, verify func() (bool, error)) (wait time.Duration, ok bool, err error) {
	a := t.enter(who)
	if a == nil {
		return time.Second, false, nil
	}
	defer t.leave(a)
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
	if wait := t.penalty(a); wait > 0 {
		return wait, false, nil
	}
	if ok, err = verify(); err == nil {
		t.count(a, ok)
	}
	return 0, ok, err
}

// enter finds or makes the entry of who; nil when every place is in use.
func (t *attempts) enter(who string) *attempt {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byWho[who]; e != nil {
		t.recent.MoveToFront(e)
		a := e.Value.(*attempt)
		a.users++
		return a
	}
	if len(t.byWho) >= maxAttempts && !t.forget() {
		return nil
	}
	a := &attempt{who: who, turn: make(chan struct{}, 1), users: 1}
	t.byWho[who] = t.recent.PushFront(a)
	return a
}

// forget makes room. t.mu must be held.
func (t *attempts) forget() bool {
	for e := t.recent.Back(); e != nil; e = e.Prev() {
		if a := e.Value.(*attempt); a.users == 0 {
			t.recent.Remove(e)
			delete(t.byWho, a.who)
			return true
		}
	}
	return false
}

// leave drops entries that remember nothing.
func (t *attempts) leave(a *attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.users--
	if e := t.byWho[a.who]; a.users == 0 && a.failures == 0 && e != nil {
		t.recent.Remove(e)
		delete(t.byWho, a.who)
	}
}

func (t *attempts) penalty(a *attempt) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if a.until.After(now) {
		return a.until.Sub(now)
	}
	if !a.until.IsZero() || now.Sub(a.since) >= failureWindow {
		a.failures, a.until = 0, time.Time{}
	}
	return 0
}

func (t *attempts) count(a *attempt, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ok {
		a.failures = 0
		return
	}
	if a.failures++; a.failures == 1 {
		a.since = time.Now()
	}
	if a.failures >= maxFailures {
		a.until = time.Now().Add(penalty)
	}
}

// tooMany is the refusal of one who must wait.
func tooMany(rule string, wait time.Duration) *failure {
	return &failure{rule: rule, cause: app.CausePolicy, err: fmt.Errorf("%d failures within %v", maxFailures, failureWindow),
		words: fmt.Sprintf("Too many wrong attempts from your address: wait %d seconds, correct what you entered, then try again.",
			int(wait.Seconds())+1)}
}
