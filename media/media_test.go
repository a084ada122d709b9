package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"penstock/rtmp/chunk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Payloads. The number at the end tells frames apart.
func keyFrame(n uint32) []byte   { return body([]byte{0x17, 1, 0, 0, 0}, n) }
func interFrame(n uint32) []byte { return body([]byte{0x27, 1, 0, 0, 0}, n) }
func videoConfig(n uint32) []byte {
	return body([]byte{0x17, 0, 0, 0, 0}, n)
}
func audioConfig(n uint32) []byte { return body([]byte{0xAF, 0}, n) }
func audioFrame(n uint32) []byte  { return body([]byte{0xAF, 1}, n) }
func colorInfo(n uint32) []byte   { return body([]byte{0xD4, 'h', 'v', 'c', '1'}, n) }
func metadata(n uint32) []byte    { return body([]byte("\x02\x00\x0aonMetaData"), n) }
func trackConfig(id uint8, n uint32) []byte {
	return body([]byte{0x96, 0x00, 'a', 'v', 'c', '1', id}, n)
}
func trackKey(id uint8, n uint32) []byte {
	return body([]byte{0x96, 0x01, 'a', 'v', 'c', '1', id, 0, 0, 0}, n)
}

var videoEnd = []byte{0x17, 2, 0, 0, 0}

func body(head []byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(head), n)
}

func number(f *Frame) uint32 {
	if len(f.Payload) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(f.Payload[len(f.Payload)-4:])
}

// name gives a frame a short name: "K3@120" is key frame 3 at 120 ms.
func name(f *Frame) string {
	c := "?"
	switch {
	case f.Marker():
		return fmt.Sprintf("%v@%d", f.Kind, f.Time)
	case f.Kind == Data && f.Header():
		c = "M"
	case f.Kind == Data:
		c = "D"
	case f.Info.End:
		return fmt.Sprintf("END@%d", f.Time)
	case f.Info.Metadata:
		c = "COL"
	case f.Kind == Video && f.Info.Config:
		c = "VC"
	case f.Kind == Audio && f.Info.Config:
		c = "AC"
	case f.Kind == Audio:
		c = "A"
	case f.Sync:
		c = "K"
	case f.Info.Key:
		c = "k"
	case f.Kind == Video:
		c = "v"
	}
	return fmt.Sprintf("%s%d@%d", c, number(f), f.Time)
}

func names(fs []*Frame) string {
	var b strings.Builder
	for i, f := range fs {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(name(f))
	}
	return b.String()
}

// log is a Subscriber that keeps everything.
type log struct {
	mu     sync.Mutex
	frames []*Frame
}

func (l *log) Deliver(f *Frame) {
	l.mu.Lock()
	l.frames = append(l.frames, f)
	l.mu.Unlock()
}

// take returns the names of what came since the last call.
func (l *log) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := names(l.frames)
	l.frames = nil
	return s
}

func (l *log) want(t *testing.T, want string) {
	t.Helper()
	if got := l.take(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func mustPublish(t testing.TB, r *Registry, key string) *Publication {
	t.Helper()
	p, err := r.Publish(key, nil)
	must(t, err)
	return p
}

func mustFrame(t testing.TB, k Kind, time int64, payload []byte) *Frame {
	t.Helper()
	f, err := NewFrame(k, time, payload)
	must(t, err)
	return f
}

func TestFrameChunks(t *testing.T) {
	long := append(keyFrame(1), make([]byte, 2*OutChunkSize)...)
	for _, tt := range []struct {
		frame    *Frame
		typ      uint8
		csid     uint32
		streamID uint32
	}{
		{mustFrame(t, Audio, 20, audioFrame(1)), 8, 4, 1},
		{mustFrame(t, Video, 0x1_0000_0028, long), 9, 6, 7},
		{NewData(0xFFFFFF, "onCue", []byte("\x02\x00\x05onCue")), 18, 5, 1},
		{mustFrame(t, Audio, 9, nil), 8, 4, 1},
	} {
		want := chunk.Append(nil, &chunk.Message{Type: tt.typ, CSID: tt.csid, StreamID: tt.streamID,
			Timestamp: uint32(tt.frame.Time), Payload: tt.frame.Payload}, OutChunkSize)
		got := tt.frame.Chunks(tt.streamID)
		if !bytes.Equal(got, want) || len(got) == 0 {
			t.Errorf("%v: %d bytes, want %d", tt.frame.Kind, len(got), len(want))
		}
		if len(got) != cap(got) {
			t.Errorf("%v: %d bytes in %d", tt.frame.Kind, len(got), cap(got))
		}
	}
	if b := (&Frame{Kind: Published}).Chunks(1); b != nil {
		t.Errorf("marker has chunks %x", b)
	}
}

func TestFrameChunksOnce(t *testing.T) {
	f := mustFrame(t, Video, 0, keyFrame(1))
	var wg sync.WaitGroup
	got := make([][]byte, 32)
	for i := range got {
		wg.Go(func() { got[i] = f.Chunks(uint32(i % 4)) })
	}
	wg.Wait()
	for i, b := range got {
		if &b[0] != &f.Chunks(uint32(i % 4))[0] {
			t.Errorf("player %d has chunks of its own", i)
		}
	}
	if n := testing.AllocsPerRun(100, func() { f.Chunks(1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	// Ids beyond the bound still get right bytes, which are not kept.
	for id := range uint32(2 * maxCuts) {
		if b := f.Chunks(id); binary.LittleEndian.Uint32(b[8:12]) != id {
			t.Errorf("stream id %d: % x", id, b[:12])
		}
	}
	n := 0
	for c := f.cuts.Load(); c != nil; c = c.next {
		n++
	}
	if n != maxCuts {
		t.Errorf("%d forms are kept, want %d", n, maxCuts)
	}
}

// A client that plays on many streams cannot take the place of the id that nearly everybody uses.
func TestCommonStreamIDIsAlwaysKept(t *testing.T) {
	f, err := NewFrame(Video, 0, []byte{0x17, 1, 0, 0, 0, 1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	for id := range uint32(2 * maxCuts) {
		f.Chunks(id + 2)
	}
	if n := testing.AllocsPerRun(100, func() { f.Chunks(1) }); n != 0 {
		t.Errorf("%v allocations for stream id 1", n)
	}
}

func TestKindString(t *testing.T) {
	for k, want := range map[Kind]string{Audio: "audio", Video: "video", Data: "data", Published: "published", Unpublished: "unpublished", 0: "unknown", 9: "unknown"} {
		if k.String() != want {
			t.Errorf("%d: %q", k, k)
		}
	}
}
