package clientcases

import (
	"strings"
	"time"

	"penstock/amf"
	"penstock/internal/conformance"
	"penstock/internal/conformance/scripted"
	"penstock/rtmp"
	"penstock/status"
)

type commands = map[string]func(*scripted.Peer, *rtmp.Command) error

// unusual is a case whose server does something unusual that must not disturb the client.
func unusual(c conformance.Case, script func() *scripted.Script) *Case {
	return &Case{Case: c, Judge: goesOn, Watch: forMedia, Enough: enough, Script: script}
}

// acting is a hook that marks the point and does something.
func acting(note string, do func(*scripted.Peer) error) func(*scripted.Peer) error {
	return func(p *scripted.Peer) error {
		p.Act(note)
		if do == nil {
			return nil
		}
		return do(p)
	}
}

const undisturbed = "A client goes on undisturbed: "

func answers() []*Case {
	section := func(id, title, what, source string) conformance.Case {
		return describe("answers/"+id, "Answers", title, undisturbed+what, source)
	}
	optional := func(c conformance.Case, s conformance.Severity) conformance.Case {
		c.Severity = s
		return c
	}
	return []*Case{
		unusual(section("long", "Answer of 700 bytes in chunks of 128", "an answer to connect may be longer than a chunk, before any Set Chunk Size.", "RTMP 1.0 §5.3, §5.4.1"), longAnswer),
		unusual(section("refused-extras", "_error to releaseStream, FCPublish and others", "releaseStream, FCPublish, FCSubscribe, getStreamLength and _checkbw are unknown to Flash Media Server.", "FMS log: Method not found"), refuseExtras),
		unusual(section("nothing-extra", "No answer to releaseStream, FCPublish and others", "only connect, createStream, publish and play are sure to be answered.", "RTMP 1.0 §7.2"), ignoreExtras),
		unusual(section("late", "Every answer takes a second", "answers take their time.", "RTMP 1.0 §7.2"), func() *scripted.Script {
			return &scripted.Script{Slow: time.Second, Early: acting("every answer takes a second", nil)}
		}),
		unusual(section("unknown-commands", "Commands that nobody knows", "unknown commands are ignored, or answered with _error.", "RTMP 1.0 §7.2.1.2"), func() *scripted.Script {
			return &scripted.Script{Late: acting("the server calls what no client has", unknownCommands)}
		}),
		unusual(section("bandwidth-check", "onBWDone", "onBWDone belongs to every connection of Flash Media Server.", "FMS capture"), func() *scripted.Script {
			return &scripted.Script{Late: acting("onBWDone", func(p *scripted.Peer) error {
				return p.Send(&rtmp.Command{Name: "onBWDone"}, &rtmp.Command{Name: "onBWDone", Args: []amf.Value{8192.0}})
			})}
		}),
		unusual(section("no-window", "connect is answered at once", "window, bandwidth and chunk size need not come before the answer to connect.", "RTMP 1.0 §7.2.1.1"), func() *scripted.Script {
			return &scripted.Script{Commands: commands{"connect": func(p *scripted.Peer, c *rtmp.Command) error {
				p.Act("connect is answered without anything before it")
				properties, info := scripted.Success()
				return p.Send(c.Result(properties, info.Object()))
			}}}
		}),
		unusual(section("extra-properties", "Properties that nobody knows", "objects may have more properties, ECMA arrays among them; data{version} is one in Flash Media Server.", "FMS 4.5 capture"), extraProperties),
		unusual(optional(section("stream-7", "Message stream 7", "createStream may return any message stream.", "RTMP 1.0 §7.2.1.3"), conformance.Recommended), func() *scripted.Script {
			return &scripted.Script{Commands: commands{"createStream": func(p *scripted.Peer, c *rtmp.Command) error {
				p.Act("createStream returns 7")
				return p.Result(c, 7.0)
			}}}
		}),
		unusual(section("warning", "A warning midway", "a status of level warning or status is no failure.", "ActionScript 3 reference, NetStatusEvent"), func() *scripted.Script {
			return &scripted.Script{Midway: acting("warnings", warnings)}
		}),
	}
}

func longAnswer() *scripted.Script {
	return &scripted.Script{Unsized: true, Commands: commands{"connect": func(p *scripted.Peer, c *rtmp.Command) error {
		p.Act("a long answer in chunks of 128 bytes")
		if err := p.Open(); err != nil {
			return err
		}
		properties, info := scripted.Success()
		info.Description = strings.Repeat("Connection succeeded. ", 25)
		return p.Send(c.Result(properties, info.Object()))
	}}}
}

// extras are commands that a server need not know.
func extras(answer func(*scripted.Peer, *rtmp.Command) error) commands {
	out := make(commands)
	for _, name := range []string{"releaseStream", "FCPublish", "FCUnpublish", "FCSubscribe", "getStreamLength", "_checkbw", "checkBandwidth"} {
		out[name] = answer
	}
	return out
}

func refuseExtras() *scripted.Script {
	return &scripted.Script{Late: acting("the server knows none of them", nil), Commands: extras(func(p *scripted.Peer, c *rtmp.Command) error {
		if c.Transaction == 0 {
			return nil
		}
		return p.Refuse(c, status.For(status.CallFailed, c.Name))
	})}
}

func ignoreExtras() *scripted.Script {
	return &scripted.Script{Late: acting("the server answers none of them", nil), Commands: extras(func(*scripted.Peer, *rtmp.Command) error { return nil })}
}

func unknownCommands(p *scripted.Peer) error {
	return p.Send(&rtmp.Command{Name: "onNobodyKnows", Args: []amf.Value{"text", 1.0, amf.NewArray(nil, true)}},
		&rtmp.Command{Name: "whoAreYou", Transaction: 77, Args: []amf.Value{amf.NewObject()}},
		&rtmp.Command{Name: "onFCSubscribe", Args: []amf.Value{status.New(status.PlayStart, "x").Object()}})
}

func extraProperties() *scripted.Script {
	return &scripted.Script{Commands: commands{"connect": func(p *scripted.Peer, c *rtmp.Command) error {
		p.Act("an answer with more properties than usual")
		if err := p.Open(); err != nil {
			return err
		}
		properties, info := scripted.Success()
		properties.Set("x-more", amf.NewObject(amf.Prop{Key: "nested", Value: amf.NewObject(amf.Prop{Key: "deep", Value: nil})}))
		info = info.With("data", amf.NewECMA(amf.Prop{Key: "version", Value: "4,5,2,524"})).With("x-date", amf.Date{Millis: 1e12}).With("x-none", amf.Undefined)
		return p.Send(c.Result(properties, info.Object()))
	}}}
}

func warnings(p *scripted.Peer) error {
	if err := p.Status(scripted.StreamID, status.For(status.PlayInsufficientBW, "x")); err != nil {
		return err
	}
	return p.Status(0, &status.Status{Level: status.LevelStatus, Code: "NetConnection.Connect.NetworkChange", Description: "just so"})
}
