// Package clientcases holds what a good RTMP client does, case by case: what a server says or does that is legal, and what has to be
// seen of the client for a verdict. Cases are data; running them is the business of clientrun.
package clientcases

import (
	"slices"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/scripted"
)

// Case is one situation that a client is put into.
type Case struct {
	conformance.Case
	Role   scripted.Role           // of the clients that it is for; Unknown is every client
	Script func() *scripted.Script // of the server, made anew for each run
	Judge  func(*Observation) Finding
	// Watch is how long the client is watched after the server's deed, if it does not end before; 0 is the run's patience.
	Watch time.Duration
	// Enough frames after the deed are proof that the client goes on; 0 waits for its end.
	Enough int
	// Base is where the time begins of what a publisher is given to publish, ms.
	Base uint32
}

// Fits reports whether the case is for clients of a role.
func (c *Case) Fits(r scripted.Role) bool {
	return c.Role == scripted.Unknown || r == scripted.Unknown || c.Role == r
}

// Ordinary is the id of the first case, which tells what the client does at all.
const Ordinary = "session/ordinary"

// All are the cases in their order.
func All() []*Case {
	return slices.Concat(ordinary(), refusals(), streamRefusals(), endings(), answers(), control(), chunks(), media(), silence())
}

// Watching times.
const (
	forEnd   = 8 * time.Second  // of a client that should stop
	forMedia = 20 * time.Second // of a client that should go on; it is done long before
)

// enough is some four seconds of the clip.
const enough = 260

// describe fills in what a case says of itself.
func describe(id, section, title, requirement, source string) conformance.Case {
	return conformance.Case{ID: id, Section: section, Title: title, Requirement: requirement, Source: source, Severity: conformance.Required}
}

func ordinary() []*Case {
	return []*Case{{
		Case: describe(Ordinary, "Session", "Ordinary session",
			"With a server that accepts everything, a client publishes or plays its stream to the end.", "RTMP 1.0 §7.2"),
		Script: func() *scripted.Script {
			return &scripted.Script{Late: func(p *scripted.Peer) error {
				p.Act("the client is connected")
				return nil
			}}
		},
		Judge: goesOn, Watch: forMedia, Enough: enough,
	}}
}
