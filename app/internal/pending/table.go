// Package pending holds the calls that a server has made to one client and that wait for the client's answer.
package pending

import (
	"sync"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/status"
)

// Option is the name of the limit on the calls that wait.
const Option = "pending_calls"

// Table is safe for concurrent use once Init was called.
type Table struct {
	mu      sync.Mutex
	next    float64
	max     int
	waiting map[float64]func(amf.Value, error)
	asked   chan struct{} // closed while any wait
}

// Init prepares the table for at most max calls.
func (t *Table) Init(max int) {
	t.max, t.waiting, t.asked = max, make(map[float64]func(amf.Value, error)), make(chan struct{})
}

// Waits returns a channel that is closed when a call waits for its answer.
func (t *Table) Waits() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked
}

// Len is how many wait.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// Add enters a call. done is called with its answer, by whoever brings it and without the table's lock, unless Remove comes first.
// The error is a *rtmp.LimitError when too many wait.
func (t *Table) Add(done func(amf.Value, error)) (transaction float64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= t.max {
		return 0, &rtmp.LimitError{Option: Option, Value: len(t.waiting) + 1, Max: t.max}
	}
	if len(t.waiting) == 0 {
		close(t.asked)
	}
	t.next++
	t.waiting[t.next] = done
	return t.next, nil
}

func (t *Table) take(transaction float64) func(amf.Value, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	done := t.waiting[transaction]
	delete(t.waiting, transaction)
	if done != nil && len(t.waiting) == 0 {
		t.asked = make(chan struct{})
	}
	return done
}

// Remove gives a call up. false: it has been answered or removed already.
func (t *Table) Remove(transaction float64) bool { return t.take(transaction) != nil }

// Answer resolves a call; an answer to nothing is ignored.
func (t *Table) Answer(transaction float64, v amf.Value, err error) {
	if done := t.take(transaction); done != nil {
		done(v, err)
	}
}

// Fail resolves a call with the client's `_error`.
func (t *Table) Fail(transaction float64, info amf.Value) {
	st, ok := status.FromObject(info)
	if !ok {
		st = status.New(status.CallFailed, "The client reported an error without a code.").With("info", info)
	}
	t.Answer(transaction, nil, st)
}
