package script

import (
	"sync"
	"time"

	"penstock/app"
	running "penstock/app/instance"
	"penstock/status"
)

// tally is what is known of an instance from outside, also while its script does not come back.
type tally struct {
	mu       sync.Mutex
	members  map[*app.Client]struct{} // accepted, and still there
	gone     running.Stats            // counts, of those that have left what they did
	idle     time.Time                // since when there are no members
	parting  *status.Status           // what clients are told at the end; nil: the usual words
	unloaded bool
}

// count adds what a client did.
func count(s *running.Stats, c *app.Client) {
	answered, refused := c.Calls()
	s.Calls += answered
	s.CallsRefused += refused
	s.BytesIn += c.BytesRead()
	s.BytesOut += c.BytesWritten()
}

func (t *tally) accepted(c *app.Client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.members[c] = struct{}{}
	t.gone.Total++
	t.gone.Peak = max(t.gone.Peak, len(t.members))
	t.idle = time.Time{}
}

func (t *tally) refused() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone.Refused++
}

func (t *tally) left(c *app.Client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	count(&t.gone, c)
	if delete(t.members, c); len(t.members) == 0 {
		t.idle = time.Now()
	}
}

// stats is a snapshot of the instance.
func (in *instance) stats() running.Stats {
	t := &in.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.gone
	s.App, s.Name, s.Kind, s.Started, s.IdleSince = in.app.name, in.name, running.KindScript, in.born, t.idle
	s.Clients, s.Stopping = len(t.members), t.unloaded
	for c := range t.members {
		count(&s, c)
	}
	return s
}

// unload notes that the instance ends, and with which words; the first time counts.
func (t *tally) unload(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if reason != "" && !t.unloaded {
		t.parting = status.New(status.ConnectAppShutdown, reason)
	}
	t.unloaded = true
}

func (t *tally) isUnloaded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.unloaded
}

// words are what a client is told at the end of the instance.
func (in *instance) words() *status.Status {
	in.tally.mu.Lock()
	defer in.tally.mu.Unlock()
	if in.tally.parting != nil {
		return in.tally.parting
	}
	return shutdownStatus(in.app.name)
}
