// Package ping pairs the ping requests of one connection with the responses, and so measures round trips.
package ping

import (
	"sync"
	"time"
)

// kept is how many requests without a response are remembered: a peer that answers none costs no more.
const kept = 8

// Table is safe for concurrent use. The zero value is ready.
type Table struct {
	mu   sync.Mutex
	last uint32
	sent []request // oldest first
	rtt  time.Duration
}

type request struct {
	value uint32
	at    time.Time
	done  chan time.Duration // capacity 1; nil: nobody waits
}

// Request enters a request that is about to be sent and returns its value: the clock in ms, as is usual, but no two the same. done,
// which may be nil and must have a capacity, gets the round trip.
func (t *Table) Request(now time.Time, done chan time.Duration) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := uint32(now.UnixMilli())
	if len(t.sent) > 0 && int32(v-t.last) <= 0 {
		v = t.last + 1
	}
	t.last = v
	if len(t.sent) == kept {
		t.sent = append(t.sent[:0], t.sent[1:]...)
	}
	t.sent = append(t.sent, request{v, now, done})
	return v
}

// Response notes a response. One to nothing is ignored; those to earlier requests will not come any more.
func (t *Table) Response(value uint32, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, r := range t.sent {
		if r.value != value {
			continue
		}
		t.rtt = max(now.Sub(r.at), 1)
		if r.done != nil {
			r.done <- t.rtt
		}
		t.sent = append(t.sent[:0], t.sent[i+1:]...)
		return
	}
}

// RTT is the round trip that was measured last, 0 before the first.
func (t *Table) RTT() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rtt
}
