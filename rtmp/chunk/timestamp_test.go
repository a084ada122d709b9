package chunk

import (
	"bytes"
	"fmt"
	"testing"
)

// appendOld writes m like an encoder of before 2010: the extended timestamp
// only in the first chunk.
func appendOld(dst []byte, m *Message) []byte {
	h := header{csid: m.CSID, time: m.Timestamp, length: len(m.Payload), typ: m.Type, msid: m.StreamID}
	dst = appendHeader(dst, &h)
	p := m.Payload
	for ; len(p) > DefaultChunkSize; p = p[DefaultChunkSize:] {
		dst = append(dst, p[:DefaultChunkSize]...)
		dst = append(dst, 0xC0|byte(m.CSID))
	}
	return append(dst, p...)
}

// Twelve hours of audio and video, across 0xFFFFFF ms (4 h 39 min 37 s) and
// across the wrap of the 32-bit clock.
func TestTwelveHours(t *testing.T) {
	const hour = 3_600_000
	wrap := uint64(1) << 32
	writers := map[string]func() func([]byte, *Message) []byte{
		"full heads": func() func([]byte, *Message) []byte { return new(Writer).Append },
		"compact":    func() func([]byte, *Message) []byte { return (&Writer{Compact: true}).Append },
		"old":        func() func([]byte, *Message) []byte { return appendOld },
	}
	for name, writer := range writers {
		for _, start := range []uint64{0, wrap - 6*hour, wrap/2 - 6*hour} {
			t.Run(fmt.Sprintf("%s from %d", name, start), func(t *testing.T) {
				write := writer()
				var src bytes.Buffer
				r := NewReader(&src, Limits{})
				audio := Message{Type: TypeAudio, CSID: CSIDAudio, StreamID: 1, Payload: bytes.Repeat([]byte{0xAF}, 200)}
				video := Message{Type: TypeVideo, CSID: CSIDVideo, StreamID: 1, Payload: bytes.Repeat([]byte{0x17}, 300)}
				for now := start; now < start+12*hour; now += 4999 {
					audio.Timestamp, video.Timestamp = uint32(now), uint32(now+40)
					wire := write(nil, &audio)
					src.Write(write(wire, &video))
					for _, want := range []*Message{&audio, &video} {
						var got Message
						if err := r.ReadMessage(&got); err != nil {
							t.Fatalf("at %d: %v", now, err)
						}
						if got.Timestamp != want.Timestamp || !bytes.Equal(got.Payload, want.Payload) {
							t.Fatalf("at %d: timestamp %d, want %d; %d bytes, want %d", now, got.Timestamp, want.Timestamp, len(got.Payload), len(want.Payload))
						}
					}
				}
				if r.noRepeat != (name == "old") {
					t.Errorf("peer known to omit the extended timestamp: %v", r.noRepeat)
				}
			})
		}
	}
}

// A peer which omits the extended timestamp may be waiting for an answer when
// its last chunk is shorter than one. The reader must not ask for more.
func TestOmittedTimestampDoesNotBlock(t *testing.T) {
	m := Message{Type: TypeCommand, CSID: 3, Timestamp: 0x1234567, Payload: bytes.Repeat([]byte{0x61}, 129)}
	r := NewReader(&once{t: t, data: appendOld(nil, &m)}, Limits{})
	var got Message
	if err := r.ReadMessage(&got); err != nil || !bytes.Equal(got.Payload, m.Payload) {
		t.Errorf("%d bytes, %v", len(got.Payload), err)
	}
}

// once yields data and fails the test when asked for more.
type once struct {
	t    *testing.T
	data []byte
}

func (o *once) Read(p []byte) (int, error) {
	if len(o.data) == 0 {
		o.t.Fatal("reader waits for more than it needs")
	}
	n := copy(p, o.data)
	o.data = o.data[n:]
	return n, nil
}

// No message waits for a byte beyond its own last one.
func TestReadsNoFurther(t *testing.T) {
	for _, tt := range wireTests {
		if tt.err != nil {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(&once{t: t, data: unhex(tt.wire)}, Limits{})
			for range tt.want {
				var m Message
				if err := r.ReadMessage(&m); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
