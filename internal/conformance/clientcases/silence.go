package clientcases

import (
	"penstock/internal/conformance"
	"penstock/internal/conformance/scripted"
	"penstock/rtmp"
)

// silence are servers that say nothing any more. The client has the run's patience to give up.
func silence() []*Case {
	judge := func(o *Observation) Finding {
		const expected = "the client gives up by itself"
		if f, ok := o.ruled(expected); ok {
			return f
		}
		if text, ok := o.loops(); ok {
			return fails(expected, text+o.words())
		}
		if _, ok := o.stopped(); !ok {
			return fails(expected+" within the patience of this run (--patience)", stayed(o))
		}
		got := o.how() + again(o) + o.words()
		if o.Command && o.Exit.Code == 0 {
			return differs("an exit code that says failure", got)
		}
		return works(got)
	}
	quiet := func(id, title string, script *scripted.Script) *Case {
		c := describe("silence/"+id, "Silence", title, "A client whose server says nothing gives up in the end, as a failure.", "common sense; RTMP 1.0 has no time limits")
		c.Severity = conformance.Recommended
		return &Case{Case: c, Judge: judge, Script: func() *scripted.Script { return script }}
	}
	wait := func(note string) func(*scripted.Peer) error {
		return func(p *scripted.Peer) error {
			p.Act(note)
			return p.Forever()
		}
	}
	forget := func(command string) *scripted.Script {
		return &scripted.Script{Commands: commands{command: func(p *scripted.Peer, _ *rtmp.Command) error {
			p.Act(command + " is never answered")
			return nil
		}}}
	}
	publish, play := quiet("publish", "No answer to publish", forget("publish")), quiet("play", "No answer to play", forget("play"))
	publish.Role, play.Role = scripted.Publisher, scripted.Player
	return []*Case{
		quiet("handshake", "No handshake", &scripted.Script{Accepted: wait("the server does not do the handshake")}),
		quiet("connect", "No answer to connect", forget("connect")),
		quiet("createstream", "No answer to createStream", forget("createStream")),
		publish, play,
	}
}
