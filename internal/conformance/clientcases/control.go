package clientcases

import (
	"encoding/binary"
	"fmt"
	"slices"

	"penstock/internal/conformance"
	"penstock/internal/conformance/scripted"
	"penstock/rtmp"
)

func control() []*Case {
	section := func(id, title, what, source string) conformance.Case {
		return describe("control/"+id, "Control messages", title, undisturbed+what, source)
	}
	out := []*Case{
		ping(), pongless(), acknowledged(),
		unusual(section("no-acknowledgements", "No acknowledgements", "a server need not acknowledge what comes.", "RTMP 1.0 §5.4.3; many servers never do"), func() *scripted.Script {
			return &scripted.Script{Ackless: true, Late: acting("the server acknowledges nothing", nil)}
		}),
		unusual(section("unknown-events", "User control events that nobody knows", "unknown user control events are ignored.", "RTMP 1.0 §7.1.7"), func() *scripted.Script {
			return &scripted.Script{Midway: acting("user control events that nobody knows", unknownEvents)}
		}),
		unusual(section("unknown-messages", "Message types that nobody knows", "messages of unknown types are ignored.", "RTMP 1.0 §7.1"), func() *scripted.Script {
			return &scripted.Script{Midway: acting("messages of types that nobody knows", unknownMessages)}
		}),
		unusual(section("on-other-chunk-stream", "Control messages on chunk stream 3", "control messages are known by their type.", "cameras and appliances send them on chunk stream 3"), func() *scripted.Script {
			return &scripted.Script{Midway: acting("control messages on chunk stream 3", func(p *scripted.Peer) error {
				begin, window := rtmp.NewUserControl(rtmp.EventStreamBegin, scripted.StreamID), word(rtmp.TypeWindowAckSize, 2_500_000)
				begin.CSID, window.CSID = rtmp.CSIDCommand, rtmp.CSIDCommand
				return p.Message(begin, window)
			})}
		}),
	}
	for _, b := range []struct {
		name  string
		limit uint8
		size  uint32
	}{{"hard", 0, 1_000_000}, {"soft", 1, 1_000_000}, {"dynamic", 2, 5_000_000}, {"unknown", 9, 1_000_000}} {
		c := section("bandwidth-"+b.name, "Set Peer Bandwidth, "+b.name+" limit", "Set Peer Bandwidth limits what is under way, not the connection.", "RTMP 1.0 §5.4.5")
		out = append(out, unusual(c, func() *scripted.Script {
			return &scripted.Script{Bandwidth: scripted.Bandwidth(b.size, b.limit), Late: acting("Set Peer Bandwidth "+b.name, nil)}
		}))
	}
	short := section("bandwidth-short", "Set Peer Bandwidth without a limit type", "a message that is a byte short is no reason to end.", "seen from deployed servers")
	short.Severity = conformance.Optional
	return append(out, unusual(short, func() *scripted.Script {
		return &scripted.Script{Bandwidth: word(rtmp.TypeSetPeerBandwidth, 2_500_000), Late: acting("Set Peer Bandwidth of 4 bytes", nil)}
	}))
}

func word(typ uint8, v uint32) *rtmp.Message {
	return &rtmp.Message{Type: typ, CSID: rtmp.CSIDControl, Payload: binary.BigEndian.AppendUint32(nil, v)}
}

// pingValue is what the client has to send back.
const pingValue = 47110815

func ping() *Case {
	c := describe("control/ping", "Control messages", "PingRequest",
		"A client answers PingRequest with a PingResponse of the same value.", "RTMP 1.0 §7.1.7")
	c.Severity = conformance.Recommended
	judge := func(o *Observation) Finding {
		const expected = "a PingResponse with the value of the PingRequest"
		if f, ok := o.ruled(expected); ok {
			return f
		}
		a := o.acted()
		switch {
		case slices.Contains(a.Pongs, uint32(pingValue)):
			return works(fmt.Sprintf("PingResponse %d came; %s", pingValue, o.how()))
		case len(a.Pongs) > 0:
			return differs(expected, fmt.Sprintf("PingResponse %d", a.Pongs[0]))
		}
		return fails(expected, "no PingResponse; "+o.how())
	}
	return &Case{Case: c, Judge: judge, Watch: forMedia, Enough: enough, Script: func() *scripted.Script {
		return &scripted.Script{Midway: acting("PingRequest", func(p *scripted.Peer) error {
			return p.Message(rtmp.NewUserControl(rtmp.EventPingRequest, pingValue))
		})}
	}}
}

// pongless leaves the client's own pings unanswered.
func pongless() *Case {
	c := describe("control/ping-unanswered", "Control messages", "A PingRequest of the client's is not answered",
		"A client whose ping is not answered goes on as long as anything else comes.", "RTMP 1.0 §7.1.7; OBS Studio answers no ping while it publishes")
	c.Severity = conformance.Optional
	out := unusual(c, func() *scripted.Script {
		return &scripted.Script{Pongless: true, Late: acting("pings will not be answered", nil)}
	})
	out.Judge = func(o *Observation) Finding {
		f := goesOn(o)
		if a := o.acted(); f.Verdict == conformance.Works && a.Pings == 0 {
			return Finding{Verdict: conformance.NotReproduced, Got: "it sent no PingRequest; " + f.Got, Needs: "a client that sends PingRequest within seconds"}
		}
		return f
	}
	return out
}

// smallWindow is a window that the clip fills many times.
const smallWindow = 40_000

// acknowledged gives a player a small window, which it has to acknowledge.
func acknowledged() *Case {
	c := describe("control/acknowledges", "Control messages", "Acknowledgements of a player",
		"A player acknowledges what it gets, once in every window of the server's at the least, with numbers that never go back.", "RTMP 1.0 §5.4.3, §5.4.4")
	judge := func(o *Observation) Finding {
		const expected = "an Acknowledgement for every 40000 bytes"
		if f, ok := o.ruled(expected); ok {
			return f
		}
		a := o.acted()
		if a.Sent < 3*smallWindow {
			return Finding{Verdict: conformance.NotReproduced, Got: fmt.Sprintf("%d bytes went out; %s", a.Sent, o.how()), Needs: "a player that stays for longer"}
		}
		got := fmt.Sprintf("%d acknowledgements for %d bytes; %s", a.AckCount, a.Sent, o.how())
		switch {
		case a.AckCount == 0:
			return fails(expected, got)
		case !slices.IsSorted(a.Acks):
			return differs(expected, fmt.Sprintf("they go back: %v; %s", a.Acks, got))
		case int64(a.Acks[len(a.Acks)-1]) > a.Sent:
			return differs(expected, fmt.Sprintf("%d bytes are acknowledged; %s", a.Acks[len(a.Acks)-1], got))
		case int64(a.AckCount) < a.Sent/smallWindow-1:
			return differs(expected, got)
		}
		return works(got)
	}
	return &Case{Case: c, Role: scripted.Player, Judge: judge, Watch: forMedia, Enough: enough, Script: func() *scripted.Script {
		return &scripted.Script{Window: smallWindow, Feed: scripted.Feed{Length: 5120}, Late: acting("the window is 40000 bytes", nil)}
	}}
}

func unknownEvents(p *scripted.Peer) error {
	for _, event := range []rtmp.Event{5, 8, 33, 4711} {
		if err := p.Message(rtmp.NewUserControl(event, scripted.StreamID)); err != nil {
			return err
		}
	}
	// An event without its body.
	return p.Message(&rtmp.Message{Type: rtmp.TypeUserControl, CSID: rtmp.CSIDControl, Payload: []byte{0, byte(rtmp.EventStreamDry)}})
}

func unknownMessages(p *scripted.Peer) error {
	for _, typ := range []uint8{7, 10, 14, 21, 23, 200} {
		if err := p.Message(&rtmp.Message{Type: typ, CSID: rtmp.CSIDData, StreamID: scripted.StreamID, Payload: []byte("\x02\x00\x05hello")}); err != nil {
			return err
		}
	}
	return nil
}
