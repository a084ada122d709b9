package clientcases

import (
	"fmt"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/scripted"
)

func works(got string) Finding { return Finding{Verdict: conformance.Works, Got: got} }

func differs(expected, got string) Finding {
	return Finding{Verdict: conformance.Differs, Expected: expected, Got: got}
}

func fails(expected, got string) Finding {
	return Finding{Verdict: conformance.Fails, Expected: expected, Got: got}
}

// gaveUp judges a client that was refused: it stops by itself, as a failure, in the server's words, and does not come again at once.
func gaveUp(code, description string) func(*Observation) Finding {
	return func(o *Observation) Finding {
		const expected = "the client stops within 8 s, does not come again at once, and says why: the code or the description"
		if f, ok := o.ruled(expected); ok {
			return f
		}
		if text, ok := o.loops(); ok {
			return fails(expected, text+o.words(code, description))
		}
		if _, ok := o.stopped(); !ok {
			return fails(expected, stayed(o)+o.words(code, description))
		}
		got := o.how() + again(o) + o.words(code, description)
		switch {
		case !o.Command:
			return works(got)
		case o.Exit.Code == 0:
			return differs("an exit code that says failure", got)
		case len(o.lines(code, description)) == 0:
			return differs("the code or the description in its output", got)
		}
		return works(got)
	}
}

// stayed says what a client that should have stopped does instead.
func stayed(o *Observation) string {
	a := o.acted()
	switch {
	case a.After > 0 && a.Role == scripted.Publisher:
		return fmt.Sprintf("went on: it sent %d more frames; %s", a.After, o.how())
	case o.Command && !a.Ended.IsZero():
		return "hung: it closed the connection, but " + o.how()
	}
	return "hung: " + o.how()
}

// again says that a client connected more than once.
func again(o *Observation) string {
	if n := len(o.Connections); n > 1 {
		return fmt.Sprintf(", with %d connections", n)
	}
	return ""
}

// ending is how a client is told that its connection is over.
type ending struct {
	code, description string // of the server's words; empty when it has none
	failure           bool   // a player must take it for a failure, too
}

// unaware is how long a publisher may still send after its connection was ended: what was under way, and what it takes to notice.
const unaware = 1500 * time.Millisecond

// ended judges a client whose connection was ended while it was publishing or playing: it stops, or connects again without haste.
func (e ending) ended(o *Observation) Finding {
	const expected = "the client stops within 8 s, or connects again without haste"
	if f, ok := o.ruled(expected); ok {
		return f
	}
	if text, ok := o.loops(); ok {
		return fails(expected, text+o.words(e.code, e.description))
	}
	a := o.acted()
	if a.Role == scripted.Publisher && a.Latest.Sub(a.Acted) > unaware {
		return fails(expected, stayed(o)+o.words(e.code, e.description))
	}
	if n := len(o.Connections); n > 1 {
		return works(fmt.Sprintf("it connected again, %s later%s", seconds(o.last().Began.Sub(o.since())), o.words(e.code, e.description)))
	}
	if _, ok := o.stopped(); !ok {
		return fails(expected, stayed(o)+o.words(e.code, e.description))
	}
	got := o.how() + o.words(e.code, e.description)
	if !o.Command {
		return works(got)
	}
	if o.Given != nil && len(a.Frames) >= len(o.Given) {
		return Finding{Verdict: conformance.NotReproduced, Got: got, Needs: "a client that does not send everything before it can notice: {in} is to be published in real time"}
	}
	if o.Exit.Code == 0 && (e.failure || a.Role == scripted.Publisher) {
		return differs("an exit code that says failure: not all of the stream went through", got)
	}
	if e.code != "" && len(o.lines(e.code, e.description)) == 0 {
		return differs("the code or the description in its output", got)
	}
	return works(got)
}

// goesOn judges a client that meets something unusual but legal: its stream goes through all the same, whole and in time.
func goesOn(o *Observation) Finding {
	const expected = "the stream goes through, every frame whole and at its time"
	if f, ok := o.ruled(expected); ok {
		return f
	}
	if text, ok := o.loops(); ok {
		return fails(expected, text+o.words())
	}
	a := o.acted()
	if a.Role == scripted.Unknown {
		return fails(expected, fmt.Sprintf("it got no further: %s; %s%s", a.Stage, o.how(), o.words()))
	}
	if len(a.Frames) == 0 {
		return fails(expected, fmt.Sprintf("no media: %s; %s%s", a.Stage, o.how(), o.words()))
	}
	if a.Role == scripted.Publisher {
		return published(o, expected)
	}
	return played(o, expected)
}

func published(o *Observation, expected string) Finding {
	a := o.acted()
	got := fmt.Sprintf("%d frames came, %d of them afterwards; %s", len(a.Frames), a.After, o.how())
	_, stopped := o.stopped()
	if !stopped && a.After < enough {
		return fails(expected, "hung: "+got+o.words())
	}
	if o.failed() {
		return fails(expected, got+o.words())
	}
	if o.Given == nil {
		if a.Stage != scripted.StageEnd && a.After < enough {
			return fails(expected, "it left without ending its stream: "+got+o.words())
		}
		return works(got)
	}
	return o.compared(o.Given, a.Frames, got)
}

// failed tells whether the client's exit code says failure where it does not usually.
func (o *Observation) failed() bool {
	return o.Exit != nil && o.Exit.Code != 0 && (o.Usual == nil || o.Usual.Exit == nil || o.Usual.Exit.Code == 0)
}

func played(o *Observation, expected string) Finding {
	a := o.acted()
	got := fmt.Sprintf("%d frames went out; %s", len(a.Frames), o.how())
	if !a.FedAll {
		return fails(expected, "it left before the end: "+got+o.words())
	}
	if o.Command && o.failed() {
		return fails(expected, got+o.words())
	}
	if !o.Recorded {
		return Finding{Verdict: conformance.NotReproduced, Got: "it stayed to the end of the stream: " + got,
			Needs: "a COMMAND that writes what it plays to {out} as FLV, to compare it with what was sent"}
	}
	if len(o.Recording) == 0 {
		problem := "there is no frame in its recording"
		if o.RecordErr != nil {
			problem = "its recording cannot be read: " + o.RecordErr.Error()
		}
		return fails(expected, problem+"; "+got+o.words())
	}
	return o.compared(a.Frames, o.Recording, got)
}

// compared judges the frames that arrived by those that were sent.
func (o *Observation) compared(sent, came []scripted.Frame, got string) Finding {
	c := compare(sent, came)
	if o.Usual != nil && o.Usual.reworks() {
		// A client that usually changes frames can only be judged by how many there are.
		if lost := c.short(); lost > maxTail {
			return fails("as many frames as were sent", fmt.Sprintf("%d frames are missing; %s", lost, got))
		}
		return works("as many frames as usual; " + got)
	}
	switch {
	case c.foreign > 0:
		return fails("no frame that was not sent", fmt.Sprintf("desynchronised: %d frames are none of those sent; %s", c.foreign, got))
	case c.lost > 0:
		return fails("every frame", fmt.Sprintf("%d frames are missing; %s", c.lost, got))
	case c.drift != "":
		return differs("every frame at its time", c.drift+"; "+got)
	}
	return works(fmt.Sprintf("%d frames are whole and in time; %s", c.same, got))
}

// reworks tells whether the client changes frames on their way even in an ordinary session.
func (o *Observation) reworks() bool {
	a := o.acted()
	if a == nil {
		return false
	}
	if a.Role == scripted.Publisher {
		return o.Given != nil && compare(o.Given, a.Frames).foreign > 0
	}
	return o.Recorded && compare(a.Frames, o.Recording).foreign > 0
}
