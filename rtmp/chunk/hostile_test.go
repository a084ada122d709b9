package chunk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
)

// CVE-2016-10191 (FFmpeg) and CVE-2026-78066 (bRPC): a second header on the
// same chunk stream announces another length while the message is incomplete.
// The message keeps the length it began with, and the connection ends.
func TestHostileLengthChange(t *testing.T) {
	for _, length := range []int{0, 1, 127, 128, 129, 255, 257, 1 << 20, 0xFFFFFF} {
		for _, format := range []uint8{fmtFull, fmtSame} {
			t.Run(fmt.Sprintf("type %d length %d", format, length), func(t *testing.T) {
				src := append(head(6, TypeVideo, 256), make([]byte, 128)...)
				src = appendHeader(src, &header{fmt: format, csid: 6, typ: TypeVideo, length: length, msid: 1})
				src = append(src, make([]byte, 4096)...)
				r := NewReader(bytes.NewReader(src), Limits{Message: MaxPayload})
				got, err := readAll(r)
				if !errors.Is(err, ErrMidMessage) || len(got) != 0 {
					t.Errorf("%d messages, %v; want ErrMidMessage", len(got), err)
				}
				if r.Held() > firstPiece {
					t.Errorf("%d bytes held for 128 received", r.Held())
				}
			})
		}
	}
}

// nginx-rtmp: the length shrinks below what has arrived, and the remainder
// underflows. Here with a type 2 header, which cannot change the length.
func TestHostileShrink(t *testing.T) {
	src := append(head(6, TypeVideo, 300), make([]byte, 128)...)
	src = append(src, unhex("86 000001 00*128 c6 00*44")...)
	got, err := readAll(NewReader(bytes.NewReader(src), Limits{}))
	if err != nil || len(got) != 1 || len(got[0].Payload) != 300 {
		t.Errorf("%d messages, %v", len(got), err)
	}
}

// CVE-2026-84727 (bRPC): Abort frees the chunk stream which is in use. Here the
// chunk stream outlives every Abort, in whatever state it is.
func TestHostileAbort(t *testing.T) {
	abort := func(on, of uint32) []byte {
		return Append(nil, &Message{Type: TypeAbort, CSID: on, Payload: []byte{byte(of >> 24), byte(of >> 16), byte(of >> 8), byte(of)}}, 0)
	}
	partial := append(head(6, TypeVideo, 300), make([]byte, 128)...)
	var src []byte
	src = append(src, abort(2, 2)...) // itself
	src = append(src, partial...)
	src = append(src, abort(7, 6)...) // on another chunk stream
	src = append(src, abort(7, 6)...) // again
	src = append(src, abort(7, 7)...) // itself
	src = append(src, unhex("86 000001 00*128")...)
	src = append(src, abort(2, 6)...)
	src = append(src, abort(2, 0)...)
	src = append(src, abort(2, 0xFFFFFFFF)...)
	src = append(src, full(6, TypeVideo, 10)...)
	r := NewReader(bytes.NewReader(src), Limits{})
	got, err := readAll(r)
	if err != nil || len(got) != 8 || got[7].Type != TypeVideo {
		t.Errorf("%d messages, %v", len(got), err)
	}
	if r.held != 0 || r.partial != 0 || r.received != 0 || r.known != 3 {
		t.Errorf("held %d, partial %d, received %d, %d chunk streams", r.held, r.partial, r.received, r.known)
	}
	// Abort does not help around the limits either.
	src = many(1000, func(int) []byte { return append(append([]byte(nil), partial...), abort(2, 6)...) })
	r = NewReader(bytes.NewReader(src), Limits{Partial: 1, Reassembly: 400})
	if got, err = readAll(r); err != nil || len(got) != 1000 || r.Held() > maxSpare {
		t.Errorf("%d messages, %d bytes held, %v", len(got), r.Held(), err)
	}
}

// CVE-2026-56387 (bRPC) and its kind: memory for an announced length. 64 chunk
// streams announce the longest message each; the ninth is refused, and what is
// held corresponds to what was sent.
func TestHostileAnnouncements(t *testing.T) {
	src := many(64, func(i int) []byte { return append(head(uint32(2+i), TypeVideo, 4<<20), make([]byte, 128)...) })
	r := NewReader(bytes.NewReader(src), Limits{})
	_, err := readAll(r)
	wantLimit(t, err, LimitPartial, 9, 8)
	if r.Held() > 8*firstPiece {
		t.Errorf("%d bytes held", r.Held())
	}
	// With chunks as long as the message, only one can be incomplete; its head
	// alone allocates nothing of note.
	src = append(setChunkSize(1<<31-1), head(6, TypeVideo, 4<<20)...)
	r = NewReader(bytes.NewReader(append(src, 1)), Limits{})
	if _, err := readAll(r); err != io.ErrUnexpectedEOF || r.Held() > firstPiece {
		t.Errorf("%v with %d bytes held", err, r.Held())
	}
}

// lal #331, go2rtc #2241: control messages of any length, the empty one
// included, on any chunk stream, do not panic. The chunk layer itself needs the
// bodies of two.
func TestHostileControlBodies(t *testing.T) {
	for typ := range uint8(23) {
		for n := range 65 {
			body := bytes.Repeat([]byte{1}, n)
			src := Append(nil, &Message{Type: typ, CSID: 3, StreamID: 7, Payload: body}, 0)
			got, err := readAll(NewReader(bytes.NewReader(src), Limits{}))
			short := n < 4 && (typ == TypeSetChunkSize || typ == TypeAbort)
			if short && !errors.Is(err, ErrControlBody) {
				t.Errorf("type %d, %d bytes: %v, want ErrControlBody", typ, n, err)
			}
			if !short && (err != nil || len(got) != 1 || len(got[0].Payload) != n) {
				t.Errorf("type %d, %d bytes: %d messages, %v", typ, n, len(got), err)
			}
		}
	}
}

// A message of one chunk stream may not be continued with the state of
// another, and fresh ones have none (T11).
func TestHostileStaleState(t *testing.T) {
	for _, format := range []byte{fmtDelta, fmtNone} {
		for csid := uint32(2); csid < 400; csid++ {
			src := append(full(6, TypeVideo, 10), appendBasic(nil, format, csid)...)
			src = append(src, make([]byte, 13)...)
			_, err := readAll(NewReader(bytes.NewReader(src), Limits{}))
			if csid != 6 && !errors.Is(err, ErrNoBase) {
				t.Fatalf("type %d on chunk stream %d: %v, want ErrNoBase", format, csid, err)
			}
		}
	}
}
