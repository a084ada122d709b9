package clientcases

import (
	"strings"

	"penstock/internal/conformance"
	"penstock/internal/conformance/scripted"
	"penstock/rtmp"
	"penstock/status"
)

// tail is the last word of a code, in lower case.
func tail(c status.Code) string {
	return strings.ToLower(string(c)[strings.LastIndexByte(string(c), '.')+1:])
}

// midway is a case whose server does something in the middle of the stream.
func midway(c conformance.Case, judge func(*Observation) Finding, do func(*scripted.Peer) error) *Case {
	return &Case{Case: c, Judge: judge, Watch: forEnd, Script: func() *scripted.Script { return &scripted.Script{Midway: do} }}
}

func endings() []*Case {
	told := func(code status.Code, hangUp bool) func(*scripted.Peer) error {
		return func(p *scripted.Peer) error {
			p.Act("the server says " + string(code))
			p.StopMedia()
			if err := p.Status(0, status.New(code, refusalText)); err != nil || !hangUp {
				return err
			}
			if err := p.Send(rtmp.CloseCommand()); err != nil {
				return err
			}
			return p.Finish()
		}
	}
	const requirement = "A client whose connection is over stops, or connects again without haste; a failure that was told is passed on."
	ends := func(id, title, source string) conformance.Case {
		return describe("ended/"+id, "Ended midway", title, requirement, source)
	}
	coded := func(code status.Code, failure bool) *Case {
		c := ends(tail(code), string(code)+", close, FIN", "ActionScript 3 reference, NetStatusEvent; FMS: close follows, then FIN")
		c.Code = string(code)
		e := ending{failure: failure}
		if failure {
			e.code, e.description = string(code), refusalText
		}
		return midway(c, e.ended, told(code, true))
	}
	open := ends("closed-open", "NetConnection.Connect.Closed, and the server does not hang up", "ActionScript 3 reference, NetStatusEvent")
	open.Code, open.Severity = string(status.ConnectClosed), conformance.Recommended
	word := ends("close", "close, and the server does not hang up", "Flash Player closes its socket on close")
	word.Severity = conformance.Recommended
	return []*Case{
		coded(status.ConnectAppShutdown, true), coded(status.ConnectIdleTimeOut, false), coded(status.ConnectClosed, false),
		midway(open, ending{}.ended, told(status.ConnectClosed, false)),
		midway(word, ending{}.ended, func(p *scripted.Peer) error {
			p.Act("the server says close")
			p.StopMedia()
			return p.Send(rtmp.CloseCommand())
		}),
		midway(ends("fin", "FIN without a word", "RFC 9293 §3.6"), ending{}.ended, func(p *scripted.Peer) error {
			p.Act("the connection ends")
			return p.Finish()
		}),
		midway(ends("rst", "RST without a word", "RFC 9293 §3.5.2"), ending{}.ended, func(p *scripted.Peer) error {
			p.Act("the connection breaks")
			return p.Reset()
		}),
		unpublished(), reconnect(),
	}
}

// unpublished ends what a player plays, and leaves the connection to it.
func unpublished() *Case {
	c := describe("ended/play-stop", "Ended midway", "NetStream.Play.UnpublishNotify, StreamEOF, Play.Stop",
		"A player whose stream stops ends, or waits for the stream to come again; it does not break.", "RTMP 1.0 §7.2.2; FMS capture of NetStream.Play.Stop")
	c.Code = string(status.PlayStop)
	judge := func(o *Observation) Finding {
		if f, ok := o.ruled("the player ends or waits"); ok {
			return f
		}
		if text, ok := o.loops(); ok {
			return fails("the player ends or waits", text)
		}
		if o.failed() {
			return differs("an end without a failure", o.how()+o.words())
		}
		if _, ok := o.stopped(); !ok {
			return works("it waits: " + o.how())
		}
		return works(o.how())
	}
	out := midway(c, judge, func(p *scripted.Peer) error {
		p.Act("the stream stops")
		p.StopMedia()
		name := p.Facts().Stream
		if err := p.Status(scripted.StreamID, status.For(status.PlayUnpublishNotify, name)); err != nil {
			return err
		}
		if err := p.Message(rtmp.NewUserControl(rtmp.EventStreamEOF, scripted.StreamID)); err != nil {
			return err
		}
		return p.Status(scripted.StreamID, status.For(status.PlayStop, name).With("details", name))
	})
	out.Role = scripted.Player
	return out
}

// reconnect asks the client to move (Enhanced RTMP v2).
func reconnect() *Case {
	c := describe("ended/reconnectrequest", "Ended midway", "NetConnection.Connect.ReconnectRequest",
		"A client that declares capsEx 1 connects to the address it is given and goes on there; any other goes on where it is.",
		"Enhanced RTMP v2, Reconnect Request")
	c.Code, c.Severity = string(status.ConnectReconnectRequest), conformance.Recommended
	judge := func(o *Observation) Finding {
		a := o.acted()
		if a == nil || a.CapsEx&1 == 0 {
			return goesOn(o)
		}
		const expected = "a second connection, for the application it is sent to"
		if f, ok := o.ruled(expected); ok {
			return f
		}
		if last := o.last(); len(o.Connections) > 1 && last.App == elsewhere {
			return works("it moved, " + seconds(last.Began.Sub(a.Acted)) + " after it was asked")
		}
		return fails(expected, o.how()+again(o)+o.words())
	}
	return &Case{Case: c, Judge: judge, Watch: forMedia, Enough: enough, Script: func() *scripted.Script {
		return &scripted.Script{Again: &scripted.Script{}, Midway: func(p *scripted.Peer) error {
			p.Act("the server asks the client to reconnect")
			return p.Status(0, status.New(status.ConnectReconnectRequest, "Please move.").With("tcUrl", "rtmp://"+p.Addr()+"/"+elsewhere))
		}}
	}}
}
