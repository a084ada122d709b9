package rtmp

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"penstock/amf"
)

func TestTracer(t *testing.T) {
	connect, _ := (&Command{Name: "connect", Transaction: 1, Object: amf.NewObject(prop("app", "live"))}).Message()
	quoted, _ := (&Command{Name: "a\nb", Transaction: 2}).Message()
	data, _ := NewData(1, 40, "onMetaData", amf.NewECMA(prop("width", 64.0)))
	for _, tt := range []struct {
		m    *Message
		want string // after direction and elapsed time
	}{
		{connect, "Command         cs=3 ms=0 t=0 35 bytes  connect 1 {app:\"live\"}"},
		{quoted, "Command         cs=3 ms=0 t=0 16 bytes  \"a\\nb\" 2 null"},
		{data, `Data            cs=5 ms=1 t=40 37 bytes  onMetaData`},
		{&Message{Type: 20, CSID: 3, Payload: []byte{2, 0, 1, 'x', 0xFF, 1}}, "Command         cs=3 ms=0 t=0 6 bytes  x <amf: "},
		{&Message{Type: 9, CSID: 6, StreamID: 1, Timestamp: 7, Payload: []byte{0x17, 1, 0, 0, 0}}, "Video           cs=6 ms=1 t=7 5 bytes  key H.264 1701000000"},
		{&Message{Type: 9, Payload: []byte{0x17, 0}}, "key H.264 config 1700"},
		{&Message{Type: 9, Payload: []byte{0x27, 1}}, "  H.264 2701"},
		{&Message{Type: 9, Payload: []byte{0x57, 0}}, "  command H.264 config 5700"},
		{&Message{Type: 9, Payload: []byte{0x12}}, "  key H.263 12"},
		{&Message{Type: 9, Payload: []byte{0x1F}}, "  key codec 15 1f"},
		{&Message{Type: 9, Payload: []byte{0x90, 'h', 'v', 'c', '1', 0}}, `key "hvc1" config 906876633100`},
		{&Message{Type: 9, Payload: []byte{0xA3, 'a', 'v', '0', '1'}}, `  "av01" frame`},
		{&Message{Type: 9, Payload: []byte{0x96, 'a'}}, "  key enhanced 9661"},
		{&Message{Type: 9}, "0 bytes  empty"},
		{&Message{Type: 8, Payload: []byte{0xAF, 0}}, "AAC config af00"},
		{&Message{Type: 8, Payload: []byte{0xAF, 1}}, "AAC af01"},
		{&Message{Type: 8, Payload: []byte{0x2F}}, "MP3 2f"},
		{&Message{Type: 8, Payload: []byte{0xD0}}, "format 13 d0"},
		{&Message{Type: 8, Payload: []byte{0x91, 'O', 'p', 'u', 's'}}, `"Opus" frame 914f707573`},
		{&Message{Type: 8, Payload: []byte{0x95}}, "enhanced 95"},
		{&Message{Type: 8, Payload: bytes.Repeat([]byte{0x2F}, 20)}, "20 bytes  MP3 2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f2f…"},
		{&Message{Type: 99, Payload: []byte{1}}, "Unknown(99)     cs=0 ms=0 t=0 1 bytes  01"},
		{&Message{Type: 6, Payload: []byte{1}}, "SetPeerBandwidth cs=0 ms=0 t=0 1 bytes  01"},
		{&Message{Type: 3, Payload: []byte{1}}, "1 bytes  01"},
		{&Message{Type: 4, Payload: []byte{0, 0}}, "2 bytes  0000"},
	} {
		var b bytes.Buffer
		NewTracer(&b)(In, tt.m)
		if !strings.Contains(b.String(), tt.want) || strings.Count(b.String(), "\n") != 1 {
			t.Errorf("line %q, want %q in it", b.String(), tt.want)
		}
	}
}

func TestTracerLines(t *testing.T) {
	var b bytes.Buffer
	trace := NewTracer(&b)
	o := amf.NewObject()
	for i := range 500 {
		o.Props = append(o.Props, prop(fmt.Sprintf("property number %d", i), strings.Repeat("z", 100)))
	}
	for _, args := range [][]amf.Value{{o}, {strings.Repeat("y", 60000)}, make([]amf.Value, 5000)} {
		b.Reset()
		long, _ := (&Command{Name: strings.Repeat("x", 60000), Transaction: 1, Args: args}).Message()
		trace(Out, long)
		if b.Len() > maxTraceLine+200 {
			t.Errorf("a line of %d bytes", b.Len())
		}
	}
	if !regexp.MustCompile(`^ +\d+\.\d -> Command `).Match(b.Bytes()) {
		t.Errorf("line %.60q", b.String())
	}
	b.Reset()
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 50 {
				trace(In, WindowAckSize(1))
			}
		}()
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 400 {
		t.Fatalf("%d lines, want 400", len(lines))
	}
	for _, l := range lines {
		if !strings.HasSuffix(l, "<- WindowAckSize   cs=2 ms=0 t=0 4 bytes  1") {
			t.Fatalf("line %q", l)
		}
	}
}
