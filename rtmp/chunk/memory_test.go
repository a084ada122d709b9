package chunk

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// heldBound is what the documentation of Held promises.
func heldBound(l Limits, buffer int) int {
	l = l.withDefaults()
	return 2*l.Reassembly + (l.Partial+2)*max(64<<10, buffer)
}

// A peer which announces 8 messages of 4 MiB each and sends one chunk of each
// gets 8 small buffers.
func TestMemoryFollowsBytes(t *testing.T) {
	src := many(8, func(i int) []byte { return append(head(uint32(10+i), TypeVideo, 4<<20), make([]byte, 128)...) })
	r := NewReader(bytes.NewReader(src), Limits{})
	if _, err := readAll(r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if want := 8 * firstPiece; r.Held() > want {
		t.Errorf("%d bytes held for %d received, want at most %d", r.Held(), 8*128, want)
	}
	if len(r.in.buf) > 8<<10 {
		t.Errorf("read buffer of %d bytes for %d received", len(r.in.buf), len(src))
	}
}

// The capacity is at most twice what arrived (and firstPiece at least) at every
// moment, for every way of arriving.
func TestGrowth(t *testing.T) {
	const n = 1 << 20
	src := append(setChunkSize(4096), Append(nil, &Message{Type: TypeVideo, CSID: 6, Payload: make([]byte, n)}, 4096)...)
	r := NewReader(&stutter{r: iotest.OneByteReader(bytes.NewReader(src))}, Limits{})
	var m Message
	for m.Type != TypeVideo {
		err := r.ReadMessage(&m)
		if err != nil && !errors.Is(err, errStutter) {
			t.Fatal(err)
		}
		if r.held > max(2*r.received, firstPiece) {
			t.Fatalf("%d bytes held with %d received", r.held, r.received)
		}
	}
	if len(m.Payload) != n || cap(m.Payload) != n {
		t.Errorf("payload len %d cap %d, want %d", len(m.Payload), cap(m.Payload), n)
	}
	if r.held != 0 || r.Held() > maxSpare {
		t.Errorf("after the message: %d and %d bytes held", r.held, r.Held())
	}
}

// Payloads are exact and shared with nothing, whichever way they were collected.
func TestPayloadIsOwned(t *testing.T) {
	sizes := []int{1, 100, 4095, 4096, 4097, 8192, 10000, 32 << 10, 64 << 10, 64<<10 + 1, 100_000, 128 << 10, 300_000}
	for name, source := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "bytes": iotest.OneByteReader,
	} {
		t.Run(name, func(t *testing.T) {
			src := setChunkSize(4096)
			for i, n := range append(sizes, sizes...) {
				src = Append(src, &Message{Type: TypeVideo, CSID: 6, Payload: bytes.Repeat([]byte{byte(i + 1)}, n)}, 4096)
			}
			got, err := readAll(NewReader(source(bytes.NewReader(src)), Limits{}))
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range got[1:] {
				n := sizes[i%len(sizes)]
				if len(m.Payload) != n || cap(m.Payload) != n || !bytes.Equal(m.Payload, bytes.Repeat([]byte{byte(i + 1)}, n)) {
					t.Errorf("message %d: len %d cap %d, want %d bytes of %d", i, len(m.Payload), cap(m.Payload), n, i+1)
				}
				for j := range m.Payload {
					m.Payload[j] = 0xEE // must not show up in any other
				}
			}
		})
	}
}

// An idle connection costs nothing but the Reader, a playing one 4 KiB, and the
// configured size is never exceeded.
func TestReadBuffer(t *testing.T) {
	r := NewReader(bytes.NewReader(full(2, TypeUserControl, 6)), Limits{})
	if r.in.buf != nil {
		t.Error("buffer taken before the first read")
	}
	if _, err := readAll(r); err != nil || len(r.in.buf) != firstBuffer {
		t.Errorf("buffer of %d bytes after one small message (%v), want %d", len(r.in.buf), err, firstBuffer)
	}
	for size, want := range map[int]int{0: 64, 64: 64, 5000: 5000, 32 << 10: 32 << 10} {
		wire := many(1000, func(int) []byte { return full(4, TypeAudio, 300) })
		src := &counted{r: bytes.NewReader(wire)}
		r := NewReaderSize(src, Limits{}, size)
		got, err := readAll(r)
		if most := len(wire)/want*3/2 + 10; src.reads > most {
			t.Errorf("size %d: %d reads for %d bytes, want at most %d", size, src.reads, len(wire), most)
		}
		if err != nil || len(got) != 1000 || len(r.in.buf) != want {
			t.Errorf("size %d: %d messages, buffer of %d bytes, want %d; %v", size, len(got), len(r.in.buf), want, err)
		}
	}
}

type counted struct {
	r     io.Reader
	reads int
}

func (c *counted) Read(p []byte) (int, error) {
	c.reads++
	return c.r.Read(p)
}

// What has been read ahead counts as buffered, not as parsed.
func TestBytes(t *testing.T) {
	src := many(3, func(int) []byte { return full(4, TypeAudio, 200) })
	r := NewReader(bytes.NewReader(src), Limits{})
	var m Message
	for i := 1; i <= 3; i++ {
		if err := r.ReadMessage(&m); err != nil {
			t.Fatal(err)
		}
		if want := uint64(i * len(src) / 3); r.Bytes() != want || r.Buffered() != len(src)-int(want) {
			t.Errorf("after %d messages: %d parsed, %d buffered, want %d of %d", i, r.Bytes(), r.Buffered(), want, len(src))
		}
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func TestNoProgress(t *testing.T) {
	var m Message
	if err := NewReader(nothing{}, Limits{}).ReadMessage(&m); err != io.ErrNoProgress {
		t.Errorf("%v, want io.ErrNoProgress", err)
	}
}

// One allocation per message once the buffers exist, for messages which arrive
// at once and for those which arrive in segments.
func TestAllocs(t *testing.T) {
	for name, step := range map[string]int{"whole": 1 << 20, "segments": 1448} {
		t.Run(name, func(t *testing.T) {
			one := Append(nil, &Message{Type: TypeVideo, CSID: 6, Timestamp: 40, Payload: make([]byte, 10_000)}, 4096)
			src := &endless{data: one, step: step, at: 0, lead: setChunkSize(4096)}
			r := NewReader(src, Limits{})
			var m Message
			for range 50 { // let the buffers grow
				if err := r.ReadMessage(&m); err != nil {
					t.Fatal(err)
				}
			}
			buf := &r.in.buf[0]
			if n := testing.AllocsPerRun(200, func() {
				if err := r.ReadMessage(&m); err != nil {
					t.Fatal(err)
				}
			}); n > 1 {
				t.Errorf("%v allocations per message, want 1", n)
			}
			if buf != &r.in.buf[0] {
				t.Error("the read buffer was replaced")
			}
		})
	}
	m := Message{Type: TypeVideo, CSID: 6, Timestamp: 1 << 30, Payload: make([]byte, 10_000)}
	dst := make([]byte, 0, Size(&m, 4096))
	if n := testing.AllocsPerRun(100, func() { Append(dst, &m, 4096) }); n != 0 {
		t.Errorf("Append: %v allocations, want 0", n)
	}
	w := Writer{Compact: true, ChunkSize: 4096}
	if n := testing.AllocsPerRun(100, func() { w.Append(dst, &m) }); n != 0 {
		t.Errorf("Writer.Append: %v allocations, want 0", n)
	}
}

// endless yields lead once, then data again and again, at most step bytes at a
// time.
type endless struct {
	lead, data []byte
	at, step   int
}

func (e *endless) Read(p []byte) (int, error) {
	p = p[:min(len(p), e.step)]
	if n := copy(p, e.lead); n > 0 {
		e.lead = e.lead[n:]
		return n, nil
	}
	n := 0
	for n < len(p) {
		k := copy(p[n:], e.data[e.at:])
		e.at = (e.at + k) % len(e.data)
		n += k
	}
	return n, nil
}
