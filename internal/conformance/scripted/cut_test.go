package scripted

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"penstock/rtmp"
	"penstock/rtmp/chunk"
)

// An independent reader finds every message again, however it was cut.
func TestCutIsRead(t *testing.T) {
	var ms []*rtmp.Message
	for i, n := range []int{0, 1, 127, 128, 129, 4096, 9000} {
		for j, csid := range []uint32{2, 63, 64, 319, 320, 65599} {
			ms = append(ms, &rtmp.Message{Type: rtmp.TypeVideo, CSID: csid, StreamID: 1, Timestamp: 0xFFFFFF - 60 + uint32(20*i+j),
				Payload: bytes.Repeat([]byte{byte(n)}, n)})
		}
	}
	for _, size := range []int{1, 128, 4096, 0x7FFFFFFF} {
		for _, c := range []Cut{{}, {Compact: true}, {WideIDs: true}, {OmitExt: true}} {
			t.Run(fmt.Sprintf("%d %+v", size, c), func(t *testing.T) {
				c.Size = chunk.DefaultChunkSize
				var wire []byte
				for _, part := range c.Chunks(ChunkSize(uint32(size))) {
					wire = append(wire, part...)
				}
				c.Size = size
				for _, m := range ms {
					for _, part := range c.Chunks(m) {
						wire = append(wire, part...)
					}
				}
				r := chunk.NewReader(bytes.NewReader(wire), chunk.Limits{MinChunkSize: 1})
				var got rtmp.Message
				if err := r.ReadMessage(&got); err != nil {
					t.Fatal(err)
				}
				for i, m := range ms {
					if err := r.ReadMessage(&got); err != nil {
						t.Fatalf("message %d: %v", i, err)
					}
					if got.Type != m.Type || got.CSID != m.CSID || got.StreamID != m.StreamID || got.Timestamp != m.Timestamp || !bytes.Equal(got.Payload, m.Payload) {
						t.Fatalf("message %d: %d bytes at %d on %d, want %d bytes at %d on %d", i, len(got.Payload), got.Timestamp, got.CSID, len(m.Payload), m.Timestamp, m.CSID)
					}
				}
				if err := r.ReadMessage(&got); err != io.EOF {
					t.Errorf("after the last: %v", err)
				}
			})
		}
	}
}

// The heads are those of the specification, byte for byte.
func TestHeads(t *testing.T) {
	first := &rtmp.Message{Type: 9, CSID: 4, StreamID: 1, Timestamp: 0x01000000, Payload: []byte{0xAA, 0xBB}}
	second := &rtmp.Message{Type: 9, CSID: 4, StreamID: 1, Timestamp: 0x01000010, Payload: []byte{0xCC, 0xDD}}
	for _, c := range []struct {
		name string
		cut  Cut
		want string
	}{
		{"full", Cut{Size: 1}, "04ffffff00000209010000000100" + "0000aac401000000bb" + "04ffffff0000020901000000" + "01000010ccc401000010dd"},
		{"compact", Cut{Size: 1, Compact: true}, "04ffffff00000209010000000100" + "0000aac401000000bb" + "84000010ccc4dd"},
		{"omitted", Cut{Size: 1, OmitExt: true}, "04ffffff00000209010000000100" + "0000aac4bb" + "04ffffff0000020901000000" + "01000010ccc4dd"},
	} {
		var b []byte
		for _, m := range []*rtmp.Message{first, second} {
			for _, part := range c.cut.Chunks(m) {
				b = append(b, part...)
			}
		}
		if got := fmt.Sprintf("%x", b); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	for csid, want := range map[uint32]string{2: "02", 63: "3f", 64: "0000", 319: "00ff", 320: "010001", 65599: "01ffff"} {
		if got := fmt.Sprintf("%x", new(Cut).basic(nil, 0, csid)); got != want {
			t.Errorf("chunk stream %d: got %s, want %s", csid, got, want)
		}
	}
	if got := fmt.Sprintf("%x", (&Cut{WideIDs: true}).basic(nil, 3, 64)); got != "c10000" {
		t.Errorf("chunk stream 64, long: %s", got)
	}
}

// What a publisher is given to publish is what is compared.
func TestFileOfClip(t *testing.T) {
	const base = 0xFFFFFF - 100
	tags := Clip(1000, base)
	want := FramesOf(tags)
	got, err := Recording(bytes.NewReader(File(tags)))
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 60 || len(got) != len(want) {
		t.Fatalf("%d frames of %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("frame %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if got[0].Time < base || got[len(got)-1].Time < 0xFFFFFF {
		t.Errorf("times %d to %d", got[0].Time, got[len(got)-1].Time)
	}
	half := File(tags)
	cut, err := Recording(bytes.NewReader(half[:len(half)-20]))
	if err != nil || len(cut) != len(want)-1 {
		t.Errorf("a file cut short: %d frames, %v", len(cut), err)
	}
	if _, err := Recording(bytes.NewReader([]byte("no FLV file at all"))); err == nil {
		t.Error("no error for what is no FLV")
	}
}

// A video message whose units do not fill it exactly is damaged.
func TestWhole(t *testing.T) {
	unit := func(declared byte, n int) []byte {
		return append([]byte{0x17, 1, 0, 0, 0, 0, 0, 0, declared}, make([]byte, n)...)
	}
	for name, c := range map[string]struct {
		body []byte
		bad  bool
	}{
		"whole": {unit(5, 5), false}, "too long a unit": {unit(6, 5), true}, "bytes left": {unit(5, 7), true}, "header": {[]byte{0x17, 0, 0, 0, 0, 1, 2}, false}, "empty": {nil, false},
		"cut header": {[]byte{0x17}, true},
	} {
		if err := whole(&rtmp.Message{Type: rtmp.TypeVideo, Payload: c.body}); (err != nil) != c.bad {
			t.Errorf("%s: %v", name, err)
		}
	}
}
