package page

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/app"
	"penstock/internal/explain"
	"penstock/status"
)

// Recent remembers the last ended sessions. It is safe for concurrent use; Session does not block
// on anything slow and can be a server's OnSession.
type Recent struct {
	mu    sync.Mutex
	ended ring[connection]
	doing map[string]activity // by session ID, of live sessions: what they were last seen doing
}

// activity is what a session publishes and plays.
type activity struct{ publishing, playing []string }

// NewRecent makes one that remembers the last n; with n < 1, none.
func NewRecent(n int) *Recent {
	return &Recent{ended: ring[connection]{max: max(n, 0)}, doing: make(map[string]activity)}
}

// Session is told of a session's begin and, with ended set, of its end. It keeps nothing of c.
func (m *Recent) Session(c *app.Client, ended bool, reason error) {
	v := newConnection(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !ended {
		if m.ended.max > 0 {
			m.doing[c.ID] = activity{}
		}
		return
	}
	// By now its streams are closed: say what it was seen doing.
	did := m.doing[c.ID]
	delete(m.doing, c.ID)
	v.Publishing, v.Playing = did.publishing, did.playing
	v.Ended, v.Reason = time.Now().UnixMilli(), endReason(reason)
	m.ended.add(v)
}

// saw notes what a live session does.
func (m *Recent) saw(v *connection) {
	if len(v.Publishing) == 0 && len(v.Playing) == 0 {
		return // what it did before is still what it did
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.doing[v.ID]; ok {
		m.doing[v.ID] = activity{v.Publishing, v.Playing}
	}
}

// list returns a copy, newest first.
func (m *Recent) list() []connection {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ended.newest()
}

// endReason says in plain words why a session ended.
func endReason(err error) string {
	var r *app.Refusal
	switch {
	case err == nil, err == app.ErrClosedByPeer: // wrapped, it is a connection that was lost
		return "left by itself"
	case errors.Is(err, app.ErrClosedByPeer):
		return "its connection was lost"
	case errors.Is(err, app.ErrDisconnected):
		return "disconnected by the application"
	case errors.As(err, &r):
		return "ended by the server: " + explain.Why(r.Cause)
	}
	if s, ok := status.Of(err); ok {
		return "ended by the server: " + explain.Clean(string(s.Code), maxText)
	}
	text := err.Error()
	if _, rest, ok := strings.Cut(text, ": "); ok { // "package: reason"
		text = rest
	}
	return "ended: " + explain.Clean(text, maxText)
}

// ring holds the last max values.
type ring[T any] struct {
	max  int
	vals []T
	next int // where the next goes, once vals is full
}

func (r *ring[T]) add(v T) {
	switch {
	case r.max == 0:
	case len(r.vals) < r.max:
		r.vals = append(r.vals, v)
	default:
		r.vals[r.next] = v
		r.next = (r.next + 1) % r.max
	}
}

func (r *ring[T]) newest() []T {
	list := append(make([]T, 0, len(r.vals)), r.vals[r.next:]...) // never nil: JSON has [] for it
	list = append(list, r.vals[:r.next]...)
	slices.Reverse(list)
	return list
}
