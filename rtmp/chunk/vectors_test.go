package chunk

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// vectorFile returns the contents of a file of byte vectors, which are not part
// of the repository.
func vectorFile(t *testing.T, name string) []byte {
	dir := os.Getenv("PENSTOCK_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		t.Skipf("no vectors: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rtmpyHeader is a header as RTMPy has it. Its channel ids are chunk stream ids
// less 2, and a field which the chunk lacks is -1.
type rtmpyHeader struct {
	BodyLength   int   `json:"bodyLength"`
	ChannelID    int   `json:"channelId"`
	Continuation bool  `json:"continuation"`
	Datatype     int   `json:"datatype"`
	Full         bool  `json:"full"`
	StreamID     int   `json:"streamId"`
	Timestamp    int64 `json:"timestamp"`
}

func (h *rtmpyHeader) message() *Message {
	return &Message{
		Type: uint8(h.Datatype), CSID: uint32(h.ChannelID + 2), StreamID: uint32(h.StreamID),
		Timestamp: uint32(h.Timestamp), Payload: make([]byte, max(0, h.BodyLength)),
	}
}

type rtmpyRecord struct {
	Kind     string
	Hex      string
	Test     string
	Header   *rtmpyHeader
	Previous *rtmpyHeader
}

const absolute = "RTMPy writes the timestamp of the message where RTMP 1.0 §5.3.1.2.2 and §5.3.1.2.3 have the difference from the message before"

// rtmpyDiffers are the heads, of those which RTMPy wrote after another message
// on the same chunk stream, which Writer writes differently, with the reason.
var rtmpyDiffers = map[string]string{
	"82ffffff01000000": absolute,
	"8200000a":         absolute,
	"4200000300009604": absolute,
	"4200000300000507": absolute,
	"4200000300009607": absolute,
	"b600002d":         absolute + "; here it decreases, for which Writer uses type 0",
}

func TestRTMPyHeaders(t *testing.T) {
	var file struct{ Vectors []rtmpyRecord }
	if err := json.Unmarshal(vectorFile(t, "rtmpy.json"), &file); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	seen := map[string]bool{}
	for i, v := range file.Vectors {
		if v.Kind != "header-decode" && v.Kind != "header-encode" {
			continue
		}
		wire, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if !sameHeader(t, wire, &v) {
			t.Errorf("record %d (%s): header %s differs from %+v", i, v.Test, v.Hex, *v.Header)
			continue
		}
		reason := rtmpyDiffers[v.Hex]
		switch {
		case v.Kind == "header-decode":
			count["decoded alike"]++
		case v.Previous != nil && wire[0]>>6 == fmtNone:
			// Writer never starts a message like this, but continues it so.
			two := *v.Header.message()
			two.Payload = make([]byte, 2)
			two.Timestamp = 0
			b := Append(nil, &two, 1)
			if !bytes.Equal(b[len(b)-1-len(wire):len(b)-1], wire) {
				t.Errorf("record %d (%s): continued with %x, want %x", i, v.Test, b, wire)
			}
			count["continued alike"]++
		case bytes.HasPrefix(written(&v), wire):
			if reason != "" {
				t.Errorf("record %d (%s): %s is expected to differ but does not", i, v.Test, v.Hex)
			}
			count["started alike"]++
		case reason != "":
			seen[v.Hex] = true
			count["differs"]++
			t.Logf("record %d (%s): %s, Writer has %x: %s", i, v.Test, v.Hex, written(&v)[:len(wire)], reason)
		default:
			t.Errorf("record %d (%s): Writer has %x, want %s", i, v.Test, written(&v), v.Hex)
		}
	}
	t.Log(count)
	total := 0
	for _, n := range count {
		total += n
	}
	if total != 75 || count["differs"] != 6 || len(seen) != len(rtmpyDiffers) {
		t.Errorf("%d records accounted for, want 75; %d differ, want 6", total, count["differs"])
	}
}

// sameHeader compares the fields on the wire, both ways.
func sameHeader(t *testing.T, wire []byte, v *rtmpyRecord) bool {
	h, n, ok := decodeHeader(wire)
	want := v.Header
	if !ok || n != len(wire) || h.csid != uint32(want.ChannelID+2) {
		return false
	}
	same := (h.fmt > fmtDelta || int64(h.time) == want.Timestamp) &&
		(h.fmt > fmtSame || h.length == want.BodyLength && int(h.typ) == want.Datatype) &&
		(h.fmt > fmtFull || int(h.msid) == want.StreamID)
	if v.Kind == "header-decode" {
		same = same && want.Full == (h.fmt == fmtFull) && want.Continuation == (h.fmt == fmtNone)
	}
	minimal := basicLen(wire[0]) == basicSize(h.csid)
	if again := appendHeader(nil, &h); minimal && !bytes.Equal(again, wire) {
		t.Errorf("%x encoded again is %x", wire, again)
	}
	return same
}

// written is what Writer has for the message of v.
func written(v *rtmpyRecord) []byte {
	w := Writer{Compact: true}
	if v.Previous != nil {
		w.Append(nil, v.Previous.message())
	}
	return w.Append(nil, v.Header.message())
}
