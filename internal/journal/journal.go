// Package journal keeps what is to be known later of whom the server let in: every refusal, and the networks that the
// operator blocked. It keeps them in an SQLite file, and the newest refusals in memory too, which goes on alone when the file
// cannot be used. Serving never waits for it.
package journal

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"penstock/app"
)

// Options configure a Journal.
type Options struct {
	Path        string        // the file; its folder is made. "": memory only
	MaxRows     int           // refusals in the file; the oldest make room
	MaxAge      time.Duration // refusals older than this are deleted; 0 keeps them
	Repeats     int           // refusals of one kind a minute and network that have rows of their own
	StreamNames bool          // keep whole stream names, which are keys for many
	Log         *slog.Logger
}

const (
	inMemory   = 1000                   // the newest refusals
	maxPending = 8192                   // rows that wait to be written; more are not
	maxWaiting = 64                     // rows of one session that wait for its end
	writeDelay = 500 * time.Millisecond // how long a row waits at most, when the file can be written
)

// Journal is safe for concurrent use. Refusal and Gone wait for nothing and can be a server's OnRefusal and OnGone.
type Journal struct {
	o    Options
	file *file // nil: memory only

	mu      sync.Mutex
	lastID  int64
	recent  []*Refusal // a ring: the oldest is at next once it is full
	next    int
	kinds   kinds
	open    map[string][]*Refusal // by session: rows that wait for its end
	pending map[int64]Refusal     // to be written
	dropped uint64                // rows that were not written for want of room
	subs    map[*Subscription]struct{}
	mute    bool // no more subscriptions
	closed  bool
	changed map[int64]Refusal // rows that subscribers have yet to be told of once more

	// Goroutine of run only.
	saidDropped uint64    // how many dropped rows the log was told of
	saidAt      time.Time // and when

	wake    chan struct{}      // capacity 1: pending or changed has something
	flushes chan chan struct{} // closed when all that was pending has been tried
	stop    chan struct{}
	done    chan struct{}
}

// Open starts a journal. A file that cannot be used is logged, tried again later, and no error.
func Open(o Options) *Journal {
	j := &Journal{
		o: o, kinds: newKinds(o.Repeats), open: make(map[string][]*Refusal), pending: make(map[int64]Refusal),
		changed: make(map[int64]Refusal), subs: make(map[*Subscription]struct{}),
		wake: make(chan struct{}, 1), flushes: make(chan chan struct{}), stop: make(chan struct{}), done: make(chan struct{}),
	}
	if o.Path != "" {
		j.file = newFile(o)
		j.lastID = j.file.lastID()
	}
	go j.run()
	return j
}

// Refusal keeps a refusal. It keeps nothing of r itself.
func (j *Journal) Refusal(r *app.Refusal) {
	v := newRefusal(r, j.o.StreamNames)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	row, share := j.kinds.row(v)
	if row != nil {
		row.repeat(v)
		j.changed[row.ID] = *row
	} else {
		j.lastID = max(j.lastID+1, v.Time.UnixMicro())
		v.ID = j.lastID
		row = v
		if share != nil {
			*share = row
		}
		j.remember(row)
		j.tell(*row)
	}
	if v.Session != "" && v.Stage != app.StageCall {
		if wait := j.open[v.Session]; len(wait) < maxWaiting {
			j.open[v.Session] = append(wait, row)
		}
	}
	j.write(row)
}

func (j *Journal) remember(r *Refusal) {
	if len(j.recent) < inMemory {
		j.recent = append(j.recent, r)
		return
	}
	j.recent[j.next] = r
	j.next = (j.next + 1) % inMemory
}

// write has the row written. mu must be held.
func (j *Journal) write(row *Refusal) {
	if _, known := j.pending[row.ID]; !known && len(j.pending) >= maxPending {
		j.dropped++
		return
	}
	if j.file != nil {
		j.pending[row.ID] = *row
	}
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Gone completes the rows of a connection that has ended.
func (j *Journal) Gone(c *app.Client) { j.ended(c.ID, c.Ending()) }

func (j *Journal) ended(session string, ending app.Ending) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, row := range j.open[session] {
		row.Ending = ending
		j.changed[row.ID] = *row
		j.write(row)
	}
	delete(j.open, session)
}

// Stats are counters of a journal.
type Stats struct {
	Pending int    // rows that wait to be written
	Dropped uint64 // rows that were not written for want of room
	Rows    int    // refusals in the file
	Memory  bool   // the file cannot be used at the moment, or there is none
}

// Stats returns a snapshot.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	s := Stats{Pending: len(j.pending), Dropped: j.dropped, Memory: true}
	j.mu.Unlock()
	if j.file != nil {
		s.Rows, s.Memory = j.file.state()
	}
	return s
}

// run writes what is pending and tells subscribers of changed rows.
func (j *Journal) run() {
	defer close(j.done)
	var due <-chan time.Time
	for {
		select {
		case <-j.wake:
			if due == nil {
				due = time.After(writeDelay)
			}
		case <-due:
			due = j.flush(false)
		case reply := <-j.flushes:
			due = j.flush(false)
			close(reply)
		case <-j.stop:
			j.flush(true)
			return
		}
	}
}

// flush does the work of run and returns when there is more to try, nil for no work. last tries in any case.
func (j *Journal) flush(last bool) <-chan time.Time {
	j.mu.Lock()
	for _, r := range j.changed {
		j.tell(r)
	}
	clear(j.changed)
	j.kinds.forget(time.Now())
	dropped := j.dropped
	j.mu.Unlock()
	if now := time.Now(); dropped > j.saidDropped && (last || now.Sub(j.saidAt) >= time.Minute) {
		j.o.Log.Warn("refusals are not in the journal: more came than could be written", "count", dropped-j.saidDropped, "waiting", maxPending)
		j.saidDropped, j.saidAt = dropped, now
	}
	if j.file == nil {
		return nil
	}
	if wait := j.file.pause(time.Now()); wait > 0 && !last {
		return time.After(wait)
	}
	j.mu.Lock()
	batch := j.pending
	j.pending = make(map[int64]Refusal)
	j.mu.Unlock()
	if j.file.write(batch) {
		return nil
	}
	j.mu.Lock()
	for id, r := range batch {
		if _, newer := j.pending[id]; newer {
			continue
		}
		if len(j.pending) >= maxPending {
			j.dropped++
			continue
		}
		j.pending[id] = r
	}
	j.mu.Unlock()
	return time.After(j.file.pause(time.Now()))
}

// settle waits until everything that was pending when it was called has been tried, or ctx has ended.
func (j *Journal) settle(ctx context.Context) {
	reply := make(chan struct{})
	select {
	case j.flushes <- reply:
	case <-j.done:
		return
	case <-ctx.Done():
		return
	}
	select {
	case <-reply:
	case <-ctx.Done():
	}
}

// Close writes what is pending, ends all subscriptions and closes the file.
func (j *Journal) Close() {
	j.EndSubscriptions()
	j.mu.Lock()
	was := j.closed
	j.closed = true
	j.mu.Unlock()
	if was {
		return
	}
	close(j.stop)
	<-j.done
	if j.file != nil {
		j.file.close()
	}
}
