package hook

import (
	"context"
	"errors"
	"time"
)

// Outcomes of a request.
const (
	Allowed  = "allowed"
	Refused  = "refused"
	Taken    = "taken"    // the program was told, and asked nothing
	Nonsense = "nonsense" // it answered a question with what is no answer
	Late     = "timeout"
	Failed   = "failed" // no connection, or a status of 500 and above
)

// Observer hears how requests end. Its methods are called by many goroutines, and must not wait for anything.
type Observer interface {
	// HookAnswered hears of a request that is over: its event, one of the outcomes, and how long it took.
	HookAnswered(event, outcome string, took time.Duration)
	// HookLost hears of an event of which the program was not told, after all attempts or because too many waited.
	HookLost(event string)
}

// outcome is that of a question, or of an attempt to tell that failed.
func outcome(a answer, err error) string {
	switch {
	case err == nil && a.allow:
		return Allowed
	case err == nil:
		return Refused
	case errors.Is(err, errNonsense):
		return Nonsense
	case errors.Is(err, context.DeadlineExceeded):
		return Late
	}
	return Failed
}

// observe tells the observer of a request, unless the end of the server cut it off: that says nothing about the program.
func (h *Hooks) observe(e Event, outcome string, begin time.Time) {
	if h.o.Observer != nil && h.ctx.Err() == nil {
		h.o.Observer.HookAnswered(string(e), outcome, time.Since(begin))
	}
}

// lost warns of an event that only tells and was not told.
func (h *Hooks) lost(text string, m *Message, err error) {
	h.warn(text, m, err)
	if h.o.Observer != nil {
		h.o.Observer.HookLost(string(m.Event))
	}
}
