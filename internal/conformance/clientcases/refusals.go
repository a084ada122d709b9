package clientcases

import (
	"penstock/amf"
	"penstock/internal/conformance"
	"penstock/internal/conformance/scripted"
	"penstock/rtmp"
	"penstock/status"
)

// refusalText is the description of every refusal: unlikely enough to be recognised in a client's output.
const refusalText = "penstock-check says no: quota 4711 used up."

// refusal is a connect answered with `_error`, `close` and FIN.
func refusal(id, title string, s *status.Status) *Case {
	c := describe("refused/"+id, "Connect refused", title,
		"A client whose connect is refused stops, says the server's words, and does not come again at once.",
		"RTMP 1.0 §7.2.1.1; FMS capture of a refused connect: _error, close, FIN")
	c.Code = string(s.Code)
	return &Case{Case: c, Judge: gaveUp(string(s.Code), refusalText), Watch: forEnd, Script: func() *scripted.Script {
		return &scripted.Script{Commands: map[string]func(*scripted.Peer, *rtmp.Command) error{"connect": func(p *scripted.Peer, cmd *rtmp.Command) error {
			if err := p.Open(); err != nil {
				return err
			}
			p.Act("connect is refused with " + string(s.Code))
			if err := p.Refuse(cmd, s); err != nil {
				return err
			}
			if err := p.Send(rtmp.CloseCommand()); err != nil {
				return err
			}
			return p.Finish()
		}}}
	}}
}

func refusals() []*Case {
	plain := func(c status.Code) *status.Status { return status.New(c, refusalText) }
	out := []*Case{
		refusal("rejected", "NetConnection.Connect.Rejected", plain(status.ConnectRejected).With("application", nil)),
		refusal("invalidapp", "NetConnection.Connect.InvalidApp", plain(status.ConnectInvalidApp)),
		refusal("failed", "NetConnection.Connect.Failed", plain(status.ConnectFailed)),
		refusal("appshutdown", "NetConnection.Connect.AppShutdown in answer to connect", plain(status.ConnectAppShutdown)),
		refusal("callfailed", "NetConnection.Call.Failed in answer to connect", plain(status.CallFailed)),
		refusal("unknown-code", "A code that nobody knows", status.New("NetConnection.Connect.Unheard", refusalText)),
	}
	open := refusal("rejected-open", "NetConnection.Connect.Rejected, and the server does not hang up", plain(status.ConnectRejected))
	open.Requirement = "A client whose connect is refused stops by itself; it does not wait for the server to end the connection."
	open.Severity = conformance.Recommended
	script := open.Script
	open.Script = func() *scripted.Script {
		s := script()
		s.Commands["connect"] = func(p *scripted.Peer, cmd *rtmp.Command) error {
			p.Act("connect is refused, and the connection stays open")
			return p.Refuse(cmd, plain(status.ConnectRejected))
		}
		return s
	}
	return append(out, open, redirect(), hangUp("closed", "FIN in answer to connect", (*scripted.Peer).Finish), hangUp("reset", "RST in answer to connect", (*scripted.Peer).Reset))
}

// redirect is a refusal that names another address: ex.code 302, ex.redirect.
func redirect() *Case {
	c := describe("refused/redirect", "Connect refused", "NetConnection.Connect.Rejected with a redirect",
		"A client that is redirected (ex.code 302) connects to ex.redirect, or stops as after any refusal.", "Server-Side ActionScript reference, application.redirectConnection")
	c.Code = string(status.ConnectRejected)
	c.Severity = conformance.Optional
	gives := gaveUp(c.Code, refusalText)
	judge := func(o *Observation) Finding {
		if last := o.last(); last != nil && len(o.Connections) == 2 && last.App == elsewhere {
			return works("it followed: the second connection is for " + elsewhere)
		}
		return gives(o)
	}
	return &Case{Case: c, Judge: judge, Watch: forEnd, Enough: 40, Script: func() *scripted.Script {
		return &scripted.Script{Again: &scripted.Script{}, Commands: map[string]func(*scripted.Peer, *rtmp.Command) error{"connect": func(p *scripted.Peer, cmd *rtmp.Command) error {
			p.Act("connect is redirected")
			s := status.New(status.ConnectRejected, refusalText).With("ex", amf.NewObject(
				amf.Prop{Key: "code", Value: 302.0}, amf.Prop{Key: "redirect", Value: "rtmp://" + p.Addr() + "/" + elsewhere}))
			if err := p.Refuse(cmd, s); err != nil {
				return err
			}
			if err := p.Send(rtmp.CloseCommand()); err != nil {
				return err
			}
			return p.Finish()
		}}}
	}}
}

// elsewhere is the application that a client is sent to.
const elsewhere = "elsewhere"

func hangUp(id, title string, end func(*scripted.Peer) error) *Case {
	c := describe("refused/"+id, "Connect refused", title,
		"A client whose connection ends before connect is answered stops and says so, and does not come again at once.",
		"RTMP 1.0 §5.2; ActionScript 3 reference, NetConnection.Connect.Failed")
	judge := func(o *Observation) Finding {
		f := gaveUp("", "")(o)
		if f.Verdict == conformance.Differs && o.Exit != nil && o.Exit.Code != 0 && len(o.Said) > 0 {
			return works(f.Got) // no words were given that it could repeat
		}
		return f
	}
	return &Case{Case: c, Judge: judge, Watch: forEnd, Script: func() *scripted.Script {
		return &scripted.Script{Commands: map[string]func(*scripted.Peer, *rtmp.Command) error{"connect": func(p *scripted.Peer, _ *rtmp.Command) error {
			p.Act("the connection is ended instead of an answer")
			return end(p)
		}}}
	}}
}

// streamRefusals are refusals of createStream, publish and play.
func streamRefusals() []*Case {
	out := []*Case{createStream(status.CallFailed), createStream(status.CallProhibited)}
	for _, code := range []status.Code{status.PublishDenied, status.PublishBadName, status.PublishRejected, "NetStream.Publish.Unauthorized", status.StreamFailed} {
		out = append(out, streamRefusal(code, scripted.Publisher, "publish"))
	}
	for _, code := range []status.Code{status.PlayStreamNotFound, status.PlayFailed, status.StreamFailed} {
		out = append(out, streamRefusal(code, scripted.Player, "play"))
	}
	return out
}

func createStream(code status.Code) *Case {
	c := describe("refused/createstream-"+tail(code), "Stream refused", string(code)+" in answer to createStream",
		"A client that gets no message stream stops and says why.", "RTMP 1.0 §7.2.1.3")
	c.Code = string(code)
	return &Case{Case: c, Judge: gaveUp(string(code), refusalText), Watch: forEnd, Script: func() *scripted.Script {
		return &scripted.Script{Commands: map[string]func(*scripted.Peer, *rtmp.Command) error{"createStream": func(p *scripted.Peer, cmd *rtmp.Command) error {
			p.Act("createStream is refused")
			return p.Refuse(cmd, status.New(code, refusalText))
		}}}
	}}
}

// streamRefusal is onStatus on the stream, after which the server waits for the client.
func streamRefusal(code status.Code, role scripted.Role, command string) *Case {
	id := "refused/" + command + "-" + tail(code)
	if code == status.StreamFailed {
		id = "refused/" + command + "-netstream-failed" // the code has no middle
	}
	c := describe(id, "Stream refused", string(code)+" in answer to "+command,
		"A client whose "+command+" is refused stops, says the server's words, and does not come again at once.",
		"RTMP 1.0 §7.2.2; FMS capture of NetStream.Play.StreamNotFound: onStatus on the stream, the connection stays open")
	c.Code = string(code)
	return &Case{Case: c, Role: role, Judge: gaveUp(string(code), refusalText), Watch: forEnd, Script: func() *scripted.Script {
		return &scripted.Script{Commands: map[string]func(*scripted.Peer, *rtmp.Command) error{command: func(p *scripted.Peer, cmd *rtmp.Command) error {
			p.Act(command + " is refused with " + string(code))
			s := status.New(code, refusalText).With("details", cmd.StringArg(0))
			s.Level = status.LevelError
			return p.Status(cmd.StreamID, s)
		}}}
	}}
}
