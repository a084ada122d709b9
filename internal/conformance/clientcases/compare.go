package clientcases

import (
	"fmt"

	"penstock/flv"
	"penstock/internal/conformance/scripted"
)

const (
	// maxTail is how many frames of each kind may be missing at either end: a client need not write out what came last.
	maxTail = 12
	// maxDrift is how far a frame's time may be from where the first frame of its kind puts it, ms: clients round.
	maxDrift = 5
)

// comparison is what became of frames on their way.
type comparison struct {
	same    int    // frames that arrived
	foreign int    // frames that were not sent
	lost    int    // frames missing between others, or more than maxTail at an end
	drift   string // the first frame whose time is wrong
	sent    map[flv.TagType]int
	came    map[flv.TagType]int
}

// compare puts the frames that arrived beside those that were sent, each kind by itself.
func compare(sent, came []scripted.Frame) comparison {
	c := comparison{sent: make(map[flv.TagType]int), came: make(map[flv.TagType]int)}
	for _, kind := range []flv.TagType{flv.TagVideo, flv.TagAudio} {
		c.kind(kind, only(sent, kind), only(came, kind))
	}
	return c
}

func only(frames []scripted.Frame, kind flv.TagType) []scripted.Frame {
	var out []scripted.Frame
	for _, f := range frames {
		if f.Type == kind {
			out = append(out, f)
		}
	}
	return out
}

func (c *comparison) kind(kind flv.TagType, sent, came []scripted.Frame) {
	c.sent[kind], c.came[kind] = len(sent), len(came)
	next, first := 0, true
	var offset int32
	for _, f := range came {
		at := -1
		for i := next; i < len(sent); i++ {
			if sent[i].Sum == f.Sum {
				at = i
				break
			}
		}
		if at < 0 {
			c.foreign++
			continue
		}
		c.same++
		gap := at - next
		if !first || gap > maxTail {
			c.lost += gap
		}
		off := int32(f.Time - sent[at].Time)
		if first {
			offset = off
		}
		if d := off - offset; (d > maxDrift || d < -maxDrift) && c.drift == "" {
			c.drift = fmt.Sprintf("the time of frame %d of %s is wrong by %d ms (%d became %d)", at, name(kind), d, sent[at].Time, f.Time)
		}
		next, first = at+1, false
	}
	if rest := len(sent) - next; rest > maxTail {
		c.lost += rest
	}
}

// short is how many frames fewer came than were sent.
func (c *comparison) short() int {
	n := 0
	for kind, sent := range c.sent {
		n += max(0, sent-c.came[kind])
	}
	return n
}

func name(kind flv.TagType) string {
	if kind == flv.TagVideo {
		return "video"
	}
	return "audio"
}
