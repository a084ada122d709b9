// Package lockout slows down the guessing of passwords and keys, for whoever checks them.
package lockout

import (
	"container/list"
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Bounds on guessing: after MaxFailures within Window, who fails pays with Penalty. maxAttempts is how many are remembered;
// the one longest unused is forgotten first.
const (
	MaxFailures = 5
	Window      = time.Minute
	Penalty     = time.Minute
	maxAttempts = 8192
)

// Table remembers failures, by whom the caller says: an address together with a user. It is safe for concurrent use.
type Table struct {
	max int

	mu     sync.Mutex
	byWho  map[string]*list.Element
	recent *list.List // of *attempt, the most recently used first
}

type attempt struct {
	who      string
	turn     chan struct{} // one attempt at a time, so that many at once are not many free ones
	users    int           // who hold or wait for the turn; guarded by Table.mu, as the rest
	failures int
	since    time.Time // of the first failure
	until    time.Time // end of the penalty
}

// New returns an empty Table.
func New() *Table { return NewTable(MaxFailures) }

// NewTable returns an empty Table of another limit than MaxFailures.
func NewTable(failures int) *Table {
	return &Table{max: failures, byWho: make(map[string]*list.Element), recent: list.New()}
}

// Try runs verify unless who must wait, and counts its failure. One who must wait is told how long, whatever it brings; attempts
// of the same who run one after the other. The error is verify's or the context's.
func (t *Table) Try(ctx context.Context, who string, verify func() (bool, error)) (wait time.Duration, ok bool, err error) {
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
func (t *Table) enter(who string) *attempt {
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
func (t *Table) forget() bool {
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
func (t *Table) leave(a *attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.users--
	if e := t.byWho[a.who]; a.users == 0 && a.failures == 0 && e != nil {
		t.recent.Remove(e)
		delete(t.byWho, a.who)
	}
}

func (t *Table) penalty(a *attempt) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if a.until.After(now) {
		return a.until.Sub(now)
	}
	if !a.until.IsZero() || now.Sub(a.since) >= Window {
		a.failures, a.until = 0, time.Time{}
	}
	return 0
}

func (t *Table) count(a *attempt, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ok {
		a.failures = 0
		return
	}
	if a.failures++; a.failures == 1 {
		a.since = time.Now()
	}
	if a.failures >= t.max {
		a.until = time.Now().Add(Penalty)
	}
}

// AddrKey is a peer for tables: an IPv4 address or an IPv6 /64, since whoever has one IPv6 address has the whole /64.
func AddrKey(a net.Addr) string {
	if a == nil {
		return ""
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	ip := ap.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, _ := ip.Prefix(64)
	return p.String()
}
