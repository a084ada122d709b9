package hook

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Session is the events of one client: they are sent one after the other, in the order in which they were asked or told.
type Session struct {
	hooks  *Hooks
	client Client

	sequence int // of the last event that was sent; the goroutine that sends has it

	mu      sync.Mutex
	queue   []*item
	running bool          // a goroutine sends what is queued
	hurry   chan struct{} // closed while a question waits; see patience
	asked   int           // questions that wait
}

// item is an event that waits to be sent.
type item struct {
	m        *Message
	reply    chan result // of a question; nil: nothing waits for the answer
	deadline time.Time   // of the answer

	// Guarded by Session.mu.
	gone gone
}

// gone is why nobody waits for the answer of a question any more.
type gone int

const (
	waits   gone = iota
	allowed      // it took too long, and the client was let pass
	refused      // it took too long, or the client has left
)

type result struct {
	answer answer
	err    error // there is no answer
}

// Ask sends an event that may be refused, and waits for the answer: it returns the name that a stream gets ("" as it is), or an
// *app.Refusal. An event without an address is allowed.
func (s *Session) Ask(ctx context.Context, e Event, d Details) (stream string, err error) {
	h := s.hooks
	if h.o.URLs[e] == "" {
		return "", nil
	}
	it, err := s.ask(e, d)
	if err == nil {
		var r result
		r, err = s.wait(ctx, it)
		switch {
		case err != nil:
			return "", err
		case r.err == nil:
			return r.answer.stream, h.verdict(it.m, r.answer)
		}
		err = r.err
	}
	if h.o.AllowWhenDown {
		h.warn("hook did not answer, the client was let pass", it.m, err)
		return "", nil
	}
	return "", h.noAnswer(e, err)
}

// errLate is that no answer came in time.
var errLate = errors.New("no answer in time")

// wait returns the result of a question, which errLate is when none came in time; its own error is the context's.
func (s *Session) wait(ctx context.Context, it *item) (result, error) {
	t := time.NewTimer(time.Until(it.deadline))
	defer t.Stop()
	r, why, err := result{err: errLate}, refused, error(nil)
	select {
	case r = <-it.reply:
		return r, nil
	case <-t.C:
		if s.hooks.o.AllowWhenDown {
			why = allowed
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(it.reply) > 0 {
		return <-it.reply, nil
	}
	it.gone = why
	s.answered()
	return r, err
}

// ask queues a question.
func (s *Session) ask(e Event, d Details) (*item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := &item{m: s.message(e, d), reply: make(chan result, 1), deadline: time.Now().Add(s.hooks.o.Timeout)}
	if err := s.push(it); err != nil {
		return it, err
	}
	if s.asked++; s.asked == 1 && s.hurry != nil {
		close(s.hurry)
	}
	return it, nil
}

// answered counts a question out. s.mu must be held.
func (s *Session) answered() {
	if s.asked--; s.asked == 0 {
		s.hurry = make(chan struct{})
	}
}

// Tell sends an event and waits for nothing.
func (s *Session) Tell(e Event, d Details) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(e, d)
	if e == Unpublish || e == Stop {
		s.tell(Done, d)
	}
}

// tell queues an event. s.mu must be held.
func (s *Session) tell(e Event, d Details) {
	if s.hooks.o.URLs[e] == "" {
		return
	}
	it := &item{m: s.message(e, d)}
	if err := s.push(it); err != nil {
		s.hooks.lost("event left out", it.m, err)
	}
}

var (
	errQueued  = errors.New("too many events of this session wait already")
	errPending = errors.New("too many events wait already")
	errClosed  = errors.New("the server is stopping")
)

// push queues an event, and has the queue sent. s.mu must be held.
func (s *Session) push(it *item) error {
	h := s.hooks
	if len(s.queue) >= maxQueued && it.m.Event != Disconnect {
		return errQueued
	}
	if h.pending.Add(1) > maxPending {
		h.pending.Add(-1)
		return errPending
	}
	if s.hurry == nil {
		s.hurry = make(chan struct{})
	}
	s.queue = append(s.queue, it)
	if !s.running {
		if !h.begin() {
			s.queue = nil
			h.pending.Add(-1)
			return errClosed
		}
		s.running = true
		go s.run()
	}
	return nil
}

// run sends what is queued, and ends when nothing is.
func (s *Session) run() {
	defer s.hooks.sessions.Done()
	for {
		s.mu.Lock()
		if len(s.queue) == 0 {
			s.queue, s.running = nil, false
			s.mu.Unlock()
			return
		}
		it := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.mu.Unlock()
		s.send(it)
		s.hooks.pending.Add(-1)
	}
}
