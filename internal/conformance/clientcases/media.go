package clientcases

import (
	"bytes"

	"penstock/amf"
	"penstock/internal/conformance"
	"penstock/internal/conformance/scripted"
	"penstock/rtmp"
)

const (
	nearExtended = 0xFFFFFF - 1000 // ms: after a second the timestamp is extended
	nearWrap     = 0xFFFFFFFF - 1000
)

func media() []*Case {
	section := func(id, title, what, source string) conformance.Case {
		return describe("media/"+id, "Media", title, undisturbed+what, source)
	}
	out := []*Case{
		playing(section("extended", "Time beyond 4 h 39 min", "from 0xFFFFFF ms on a timestamp is extended, in chunks of type 3 too.", "RTMP 1.0 §5.3.1.3"), scripted.Feed{Base: nearExtended}, scripted.Cut{}, 128),
		playing(section("extended-compact", "Time beyond 4 h 39 min, with heads of types 1 and 2", "after an extended timestamp a short delta has none.", "RTMP 1.0 §5.3.1.3; errata §5.1"), scripted.Feed{Base: nearExtended}, scripted.Cut{Compact: true}, 128),
		playing(section("extended-missing", "Time beyond 4 h 39 min, not in chunks of type 3", "old encoders leave the extended timestamp out of chunks of type 3.", "old librtmp, FFmpeg and cameras"), scripted.Feed{Base: nearExtended}, scripted.Cut{OmitExt: true}, 128),
		playing(section("wrap", "Time beyond 49 days", "timestamps begin again after 2^32−1 ms.", "RTMP 1.0 §5.3.1.2; RFC 1982"), scripted.Feed{Base: nearWrap}, scripted.Cut{}, 4096),
		playing(section("aggregate", "Aggregate messages", "several messages may come as one of type 22.", "RTMP 1.0 §7.1.6"), scripted.Feed{Group: 8}, scripted.Cut{}, 0),
		playing(section("empty", "Empty audio and video messages", "a message may be empty.", "RTMP 1.0 §5.3.1.2; silence of Flash Media Server"), scripted.Feed{Empty: true}, scripted.Cut{}, 0),
		playing(section("data", "Data messages among the frames", "data that nobody asked for comes among the frames.", "RTMP 1.0 §7.1.2; |RtmpSampleAccess, onCuePoint"), scripted.Feed{Foreign: foreignData}, scripted.Cut{}, 0),
		playing(section("same-chunk-stream", "Audio and video on one chunk stream", "one chunk stream may carry everything, as OBS Studio sends it.", "OBS Studio"), scripted.Feed{CSID: onCSID(4)}, scripted.Cut{Compact: true}, 0),
	}
	out[2].Severity = conformance.Optional
	for _, i := range []int{3, 4} {
		out[i].Severity = conformance.Recommended
	}
	return append(out, longPublish())
}

// longPublish gives a publisher a file whose time is near a limit.
func longPublish() *Case {
	c := describe("media/publish-extended", "Media", "Publishing beyond 4 h 39 min", "A publisher writes timestamps of 0xFFFFFF ms and more so that they can be followed.", "RTMP 1.0 §5.3.1.3")
	judge := func(o *Observation) Finding {
		f := goesOn(o)
		if a := o.acted(); a != nil && f.Verdict == conformance.Works {
			crossed := false
			for i := range a.Frames {
				crossed = crossed || i > 0 && (a.Frames[i].Time >= extended) != (a.Frames[i-1].Time >= extended)
			}
			if !crossed {
				return Finding{Verdict: conformance.NotReproduced, Got: f.Got, Needs: "a client that keeps the time of the file it is given ({in})"}
			}
		}
		return f
	}
	out := unusual(c, func() *scripted.Script {
		return &scripted.Script{Late: acting("the file to publish begins near a limit of time", nil)}
	})
	out.Role, out.Base, out.Judge = scripted.Publisher, nearExtended, judge
	return out
}

const extended = 0xFFFFFF

func foreignData(n int) []*rtmp.Message {
	if n%15 != 14 {
		return nil
	}
	access, _ := rtmp.NewData(scripted.StreamID, 0, "|RtmpSampleAccess", true, true)
	cue, _ := rtmp.NewData(scripted.StreamID, 0, "onCuePoint", amf.NewObject(amf.Prop{Key: "name", Value: string(bytes.Repeat([]byte("n"), 300))}))
	return []*rtmp.Message{access, cue}
}
