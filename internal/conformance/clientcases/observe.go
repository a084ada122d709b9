package clientcases

import (
	"fmt"
	"strings"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/scripted"
)

// Observation is all that was seen of a client in one case.
type Observation struct {
	Connections []scripted.Facts // in order
	Command     bool             // the client was started here, so that its exit and its words are known
	Exit        *Exit            // nil: it was still running at the end, or nobody knows
	Said        []string         // its output, cleaned, the last lines
	Ended       time.Time        // when watching ended

	Given     []scripted.Frame // what a publisher was given to publish; nil: nobody knows what it publishes
	Recorded  bool             // a player was asked to write a recording
	Recording []scripted.Frame
	RecordErr error
	Usual     *Observation // of the ordinary session; nil in that case itself
}

// Exit is how a client's process ended by itself.
type Exit struct {
	Code   int
	Signal string // that it died of; "" for none
	At     time.Time
}

// Finding is the verdict on an observation.
type Finding struct {
	Verdict              conformance.Verdict
	Expected, Got, Needs string
}

// acted is the connection on which the server did what the case is about.
func (o *Observation) acted() *scripted.Facts {
	for i := range o.Connections {
		if !o.Connections[i].Acted.IsZero() {
			return &o.Connections[i]
		}
	}
	return nil
}

// last is the connection that the client opened last.
func (o *Observation) last() *scripted.Facts {
	if len(o.Connections) == 0 {
		return nil
	}
	return &o.Connections[len(o.Connections)-1]
}

// stopped tells when the client stopped: its process ended, or without one, its last connection.
func (o *Observation) stopped() (at time.Time, ok bool) {
	if o.Command {
		if o.Exit == nil {
			return time.Time{}, false
		}
		return o.Exit.At, true
	}
	if last := o.last(); last != nil && !last.Ended.IsZero() {
		return last.Ended, true
	}
	return time.Time{}, false
}

// how says how the client stopped.
func (o *Observation) how() string {
	at, ok := o.stopped()
	if !ok {
		return "it was still there after " + seconds(o.Ended.Sub(o.since()))
	}
	after := seconds(at.Sub(o.since()))
	if !o.Command {
		return "it closed the connection after " + after
	}
	if o.Exit.Signal != "" {
		return fmt.Sprintf("it died of %s after %s", o.Exit.Signal, after)
	}
	return fmt.Sprintf("it stopped with exit code %d after %s", o.Exit.Code, after)
}

// since is when the server did what the case is about, or when the client first connected.
func (o *Observation) since() time.Time {
	if a := o.acted(); a != nil {
		return a.Acted
	}
	if len(o.Connections) > 0 {
		return o.Connections[0].Began
	}
	return o.Ended
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", max(d, 0).Seconds()) }

// maxSaid bounds what a result quotes of a client's output, in lines.
const maxSaid = 3

// words quotes what the client said: the lines that have one of the texts in them, else the last ones.
func (o *Observation) words(texts ...string) string {
	if !o.Command {
		return ""
	}
	lines := o.lines(texts...)
	if len(lines) == 0 {
		lines = o.lines("error", "Error", "ERROR", "failed", "Failed")
	}
	if len(lines) == 0 {
		lines = o.Said
	}
	lines = lines[max(0, len(lines)-maxSaid):]
	if len(lines) == 0 {
		return "; it said nothing"
	}
	return "; it said: " + strings.Join(lines, " / ")
}

// lines are the lines of output with one of the texts in them.
func (o *Observation) lines(texts ...string) []string {
	var out []string
	for _, line := range o.Said {
		for _, t := range texts {
			if t != "" && strings.Contains(line, t) {
				out = append(out, line)
				break
			}
		}
	}
	return out
}

// ruled finds what decides any case: the client crashed, cannot be followed, floods, or never came to the point.
func (o *Observation) ruled(expected string) (Finding, bool) {
	fails := func(got string) (Finding, bool) {
		return Finding{Verdict: conformance.Fails, Expected: expected, Got: got}, true
	}
	if o.Exit != nil && o.Exit.Signal != "" {
		return fails("crashed: " + o.how() + o.words())
	}
	for i := range o.Connections {
		if f := o.Connections[i].Fault; f != nil {
			kind := "desynchronised"
			if f == scripted.ErrFlood || f == scripted.ErrStalled {
				kind = "misbehaved"
			}
			return fails(fmt.Sprintf("%s: %v; %s", kind, f, o.how()))
		}
		if d := o.Connections[i].Damaged; d != "" {
			return fails("desynchronised: " + d)
		}
	}
	if o.acted() != nil {
		return Finding{}, false
	}
	far := scripted.StageNone
	if last := o.last(); last != nil {
		far = last.Stage
	}
	return Finding{
		Verdict: conformance.NotReproduced, Needs: "a client that gets as far as this",
		Got: fmt.Sprintf("the last that was seen: %s; %s%s", far, o.how(), o.words()),
	}, true
}

// loops tells whether the client tries again and again.
func (o *Observation) loops() (string, bool) {
	const many = 4
	if n := len(o.Connections); n >= many {
		return fmt.Sprintf("looped: %d connections within %s", n, seconds(o.Connections[n-1].Began.Sub(o.Connections[0].Began))), true
	}
	return "", false
}
