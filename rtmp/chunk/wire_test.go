package chunk

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// Who writes the bytes of a wireTest.
const (
	nobody    = iota // legal or not, Penstock does not write it
	stateless        // Append
	compact          // Writer with Compact
)

// wireTest is one row of the table which drives reading, writing and fuzzing.
type wireTest struct {
	name   string
	wire   string // see unhex
	want   []Message
	err    error // nil means io.EOF after want
	writer int
}

func msg(typ uint8, csid, msid, time uint32, payload string) Message {
	return Message{Type: typ, CSID: csid, StreamID: msid, Timestamp: time, Payload: unhex(payload)}
}

// unhex decodes hexadecimal bytes with spaces between; "61*128" is a byte
// repeated.
func unhex(s string) []byte {
	var out []byte
	for _, f := range strings.Fields(s) {
		f, times, _ := strings.Cut(f, "*")
		b, err := hex.DecodeString(f)
		if err != nil {
			panic(err)
		}
		n := 1
		if times != "" {
			if n, err = strconv.Atoi(times); err != nil {
				panic(err)
			}
		}
		out = append(out, bytes.Repeat(b, n)...)
	}
	return out
}

var wireTests = []wireTest{
	{name: "nothing"},
	{name: "type 0", writer: stateless,
		wire: "05 00000a 000002 08 01000000 aabb",
		want: []Message{msg(8, 5, 1, 10, "aabb")}},
	{name: "message stream id is little-endian", writer: stateless,
		wire: "05 00000a 000001 08 04030201 aa",
		want: []Message{msg(8, 5, 0x01020304, 10, "aa")}},
	{name: "empty message", writer: stateless,
		wire: "04 000000 000000 08 01000000",
		want: []Message{msg(8, 4, 1, 0, "")}},
	{name: "exactly one chunk", writer: stateless,
		wire: "04 000001 000080 08 01000000 61*128",
		want: []Message{msg(8, 4, 1, 1, "61*128")}},
	{name: "one byte more than a chunk", writer: stateless,
		wire: "04 000001 000081 08 01000000 61*128 c4 62",
		want: []Message{msg(8, 4, 1, 1, "61*128 62")}},
	{name: "three chunks", writer: stateless,
		wire: "04 000001 000102 08 01000000 61*128 c4 62*128 c4 63*2",
		want: []Message{msg(8, 4, 1, 1, "61*128 62*128 63*2")}},
	{name: "chunk stream 63", writer: stateless,
		wire: "3f 000001 000001 08 01000000 61",
		want: []Message{msg(8, 63, 1, 1, "61")}},
	{name: "chunk stream 64", writer: stateless,
		wire: "00 00 000001 000081 08 01000000 61*128 c0 00 62",
		want: []Message{msg(8, 64, 1, 1, "61*128 62")}},
	{name: "chunk stream 319", writer: stateless,
		wire: "00 ff 000001 000001 08 01000000 61",
		want: []Message{msg(8, 319, 1, 1, "61")}},
	{name: "chunk stream 320", writer: stateless,
		wire: "01 00 01 000001 000081 08 01000000 61*128 c1 00 01 62",
		want: []Message{msg(8, 320, 1, 1, "61*128 62")}},
	{name: "chunk stream 65599", writer: stateless,
		wire: "01 ff ff 000001 000001 08 01000000 61",
		want: []Message{msg(8, 65599, 1, 1, "61")}},
	{name: "chunk stream 65 in three bytes, then in two",
		wire: "01 01 00 000001 000001 08 01000000 61  80 01 000001 62",
		want: []Message{msg(8, 65, 1, 1, "61"), msg(8, 65, 1, 2, "62")}},

	{name: "type 1", writer: compact,
		wire: "04 000064 000001 08 01000000 61  44 00000a 000002 09 6263",
		want: []Message{msg(8, 4, 1, 100, "61"), msg(9, 4, 1, 110, "6263")}},
	{name: "type 2", writer: compact,
		wire: "04 000064 000001 08 01000000 61  84 00000a 62  84 000000 63",
		want: []Message{msg(8, 4, 1, 100, "61"), msg(8, 4, 1, 110, "62"), msg(8, 4, 1, 110, "63")}},
	{name: "type 2 head with type 3 continuations", writer: compact,
		wire: "04 000064 000081 08 01000000 61*128 c4 62  84 00000a 63*128 c4 64",
		want: []Message{msg(8, 4, 1, 100, "61*128 62"), msg(8, 4, 1, 110, "63*128 64")}},
	{name: "another message stream needs type 0", writer: compact,
		wire: "04 000064 000001 08 01000000 61  04 000065 000001 08 02000000 62",
		want: []Message{msg(8, 4, 1, 100, "61"), msg(8, 4, 2, 101, "62")}},
	{name: "backwards needs type 0", writer: compact,
		wire: "04 000064 000001 08 01000000 61  04 000063 000001 08 01000000 62",
		want: []Message{msg(8, 4, 1, 100, "61"), msg(8, 4, 1, 99, "62")}},
	{name: "wrap needs type 0", writer: compact,
		wire: "04 ffffff 000001 08 01000000 ffffffff 61  04 000001 000001 08 01000000 62",
		want: []Message{msg(8, 4, 1, 0xFFFFFFFF, "61"), msg(8, 4, 1, 1, "62")}},
	{name: "large delta needs type 0", writer: compact,
		wire: "04 000000 000001 08 01000000 61  04 ffffff 000001 08 01000000 00ffffff 62",
		want: []Message{msg(8, 4, 1, 0, "61"), msg(8, 4, 1, 0xFFFFFF, "62")}},
	{name: "largest short delta", writer: compact,
		wire: "04 000000 000001 08 01000000 61  84 fffffe 62",
		want: []Message{msg(8, 4, 1, 0, "61"), msg(8, 4, 1, 0xFFFFFE, "62")}},
	{name: "short delta after an extended timestamp", writer: compact,
		wire: "04 ffffff 000081 08 01000000 01000000 61*128 c4 01000000 62  84 00000a 63*128 c4 64",
		want: []Message{msg(8, 4, 1, 0x1000000, "61*128 62"), msg(8, 4, 1, 0x100000A, "63*128 64")}},
	{name: "delta wraps",
		wire: "04 ffffff 000001 08 01000000 fffffff0 61  84 000020 62",
		want: []Message{msg(8, 4, 1, 0xFFFFFFF0, "61"), msg(8, 4, 1, 0x10, "62")}},
	{name: "backwards as an extended delta (GStreamer)",
		wire: "04 000064 000001 08 01000000 61  84 ffffff fffffff6 62  84 00000a 63",
		want: []Message{msg(8, 4, 1, 100, "61"), msg(8, 4, 1, 90, "62"), msg(8, 4, 1, 100, "63")}},

	{name: "type 3 starts a message after type 0: the timestamp is the delta",
		wire: "04 00001a 000001 08 01000000 61  c4 62  c4 63",
		want: []Message{msg(8, 4, 1, 26, "61"), msg(8, 4, 1, 52, "62"), msg(8, 4, 1, 78, "63")}},
	{name: "type 3 starts a message after types 1 and 2",
		wire: "04 000064 000001 08 01000000 61  44 00000a 000001 08 62  c4 63  84 000001 64  c4 65",
		want: []Message{msg(8, 4, 1, 100, "61"), msg(8, 4, 1, 110, "62"), msg(8, 4, 1, 120, "63"), msg(8, 4, 1, 121, "64"), msg(8, 4, 1, 122, "65")}},
	{name: "type 3 starts empty messages",
		wire: "04 00000a 000000 08 01000000 c4 c4",
		want: []Message{msg(8, 4, 1, 10, ""), msg(8, 4, 1, 20, ""), msg(8, 4, 1, 30, "")}},
	{name: "type 3 starts a message with an extended timestamp",
		wire: "04 ffffff 000001 08 01000000 01000000 61  c4 01000000 62",
		want: []Message{msg(8, 4, 1, 0x1000000, "61"), msg(8, 4, 1, 0x2000000, "62")}},
	{name: "type 3 starts a message with an extended delta",
		wire: "04 000001 000001 08 01000000 61  84 ffffff 01000000 62  c4 01000000 63",
		want: []Message{msg(8, 4, 1, 1, "61"), msg(8, 4, 1, 0x1000001, "62"), msg(8, 4, 1, 0x2000001, "63")}},

	{name: "last short timestamp", writer: stateless,
		wire: "04 fffffe 000081 08 01000000 61*128 c4 62",
		want: []Message{msg(8, 4, 1, 0xFFFFFE, "61*128 62")}},
	{name: "first extended timestamp", writer: stateless,
		wire: "04 ffffff 000081 08 01000000 00ffffff 61*128 c4 00ffffff 62",
		want: []Message{msg(8, 4, 1, 0xFFFFFF, "61*128 62")}},
	{name: "extended timestamp in every continuation", writer: stateless,
		wire: "04 ffffff 000101 08 01000000 fedcba98 61*128 c4 fedcba98 62*128 c4 fedcba98 63",
		want: []Message{msg(8, 4, 1, 0xFEDCBA98, "61*128 62*128 63")}},
	{name: "extended timestamp without its top bit in the continuation",
		wire: "04 ffffff 000081 08 01000000 fedcba98 61*128 c4 7edcba98 62",
		want: []Message{msg(8, 4, 1, 0xFEDCBA98, "61*128 62")}},
	{name: "extended timestamp missing in continuations",
		wire: "04 ffffff 000182 08 01000000 01234567 61*128 c4 01*128 c4 012345*42 0162 c4 0163",
		want: []Message{msg(8, 4, 1, 0x1234567, "61*128 01*128 012345*42 0162 0163")}},
	{name: "a peer which omits it twice is not asked again",
		wire: "04 ffffff 000181 08 01000000 01234567 61*128 c4 62*128 c4 63*128 c4 01" +
			"04 ffffff 000084 08 01000000 01234567 61*128 c4 01234567",
		want: []Message{msg(8, 4, 1, 0x1234567, "61*128 62*128 63*128 01"), msg(8, 4, 1, 0x1234567, "61*128 01234567")}},
	{name: "one miss between hits is not enough",
		wire: "04 ffffff 000201 08 01000000 01234567 61*128 c4 62*128 c4 01234567 63*128 c4 64*128 c4 01234567 65",
		want: []Message{msg(8, 4, 1, 0x1234567, "61*128 62*128 63*128 64*128 65")}},

	{name: "interleaved chunk streams",
		wire: "04 000001 000081 08 01000000 61*128  06 000002 000081 09 01000000 62*128  c4 63  c6 64",
		want: []Message{msg(8, 4, 1, 1, "61*128 63"), msg(9, 6, 1, 2, "62*128 64")}},
	{name: "control message between chunks",
		wire: "06 000002 000081 09 01000000 62*128  02 000000 000004 03 00000000 00000005  c6 64",
		want: []Message{msg(3, 2, 0, 0, "00000005"), msg(9, 6, 1, 2, "62*128 64")}},
	{name: "chunk size applies to the next chunk of a message in progress",
		wire: "06 000002 000103 09 01000000 62*128  02 000000 000004 01 00000000 00000081  c6 63*129 c6 64*2",
		want: []Message{msg(1, 2, 0, 0, "00000081"), msg(9, 6, 1, 2, "62*128 63*129 64*2")}},
	{name: "chunk size beyond any message",
		wire: "02 000000 000004 01 00000000 7fffffff  06 000002 000300 09 01000000 62*768",
		want: []Message{msg(1, 2, 0, 0, "7fffffff"), msg(9, 6, 1, 2, "62*768")}},
	{name: "chunk size with bytes to spare, on another chunk stream",
		wire: "03 000000 000005 01 01000000 0000100000  06 000002 000300 09 01000000 62*768",
		want: []Message{msg(1, 3, 1, 0, "0000100000"), msg(9, 6, 1, 2, "62*768")}},
	{name: "chunk size zero", wire: "02 000000 000004 01 00000000 00000000", err: ErrChunkSize},
	{name: "chunk size with top bit", wire: "02 000000 000004 01 00000000 80000080", err: ErrChunkSize},
	{name: "chunk size short", wire: "02 000000 000003 01 00000000 000080", err: ErrControlBody},
	{name: "chunk size empty", wire: "02 000000 000000 01 00000000", err: ErrControlBody},

	{name: "abort",
		wire: "06 000064 000081 09 01000000 62*128  02 000000 000004 02 00000000 00000006  86 00000a 63*128 c6 64",
		want: []Message{msg(2, 2, 0, 0, "00000006"), msg(9, 6, 1, 110, "63*128 64")}},
	{name: "abort, then type 3 starts a message",
		wire: "06 000064 000081 09 01000000 62*128  02 000000 000004 02 00000000 00000006  c6 63*128 c6 64",
		want: []Message{msg(2, 2, 0, 0, "00000006"), msg(9, 6, 1, 200, "63*128 64")}},
	{name: "abort of idle, unknown and its own chunk stream",
		wire: "06 000064 000001 09 01000000 62  02 000000 000004 02 00000000 00000006  c2 00010000 c2 00000002  c2 ffffffff",
		want: []Message{msg(9, 6, 1, 100, "62"), msg(2, 2, 0, 0, "00000006"), msg(2, 2, 0, 0, "00010000"), msg(2, 2, 0, 0, "00000002"), msg(2, 2, 0, 0, "ffffffff")}},
	{name: "abort short", wire: "02 000000 000003 02 00000000 000006", err: ErrControlBody},

	{name: "fresh chunk stream with type 1 (librtmp)",
		wire: "42 00000a 000004 03 00000005 c2 00000006",
		want: []Message{msg(3, 2, 0, 10, "00000005"), msg(3, 2, 0, 20, "00000006")}},
	{name: "fresh chunk stream with type 2", wire: "84 00000a 61", err: ErrNoBase},
	{name: "fresh chunk stream with type 3", wire: "c4 61", err: ErrNoBase},
	{name: "fresh chunk stream 64 with type 3", wire: "c0 00 61", err: ErrNoBase},

	{name: "type 1 continues with the same length and type",
		wire: "04 000064 000101 08 01000000 61*128  44 000005 000101 08 62*128  44 000005 000101 08 63  84 00000a 64*128",
		want: []Message{msg(8, 4, 1, 100, "61*128 62*128 63")}, err: io.ErrUnexpectedEOF},
	{name: "type 2 continues",
		wire: "04 000064 000081 08 01000000 61*128  84 000005 62",
		want: []Message{msg(8, 4, 1, 100, "61*128 62")}},
	{name: "type 0 in the middle of a message", wire: "04 000064 000081 08 01000000 61*128  04 000064 000081 08 01000000 62", err: ErrMidMessage},
	{name: "longer in the middle of a message", wire: "04 000064 000081 08 01000000 61*128  44 000000 000082 08 62", err: ErrMidMessage},
	{name: "shorter in the middle of a message", wire: "04 000064 000081 08 01000000 61*128  44 000000 000001 08 62", err: ErrMidMessage},
	{name: "another type in the middle of a message", wire: "04 000064 000081 08 01000000 61*128  44 000000 000081 09 62", err: ErrMidMessage},

	{name: "ends in a basic header", wire: "00", err: io.ErrUnexpectedEOF},
	{name: "ends in a message header", wire: "04 000064 0000", err: io.ErrUnexpectedEOF},
	{name: "ends in an extended timestamp", wire: "04 ffffff 000001 08 01000000 0100", err: io.ErrUnexpectedEOF},
	{name: "ends in a repeated extended timestamp", wire: "04 ffffff 000081 08 01000000 01000000 61*128 c4 0100", err: io.ErrUnexpectedEOF},
	{name: "ends in the payload", wire: "04 000064 000002 08 01000000 61", err: io.ErrUnexpectedEOF},
	{name: "ends between chunks", wire: "04 000064 000081 08 01000000 61*128", err: io.ErrUnexpectedEOF},
	{name: "ends between chunks, other messages complete",
		wire: "04 000064 000081 08 01000000 61*128 06 000000 000001 09 01000000 62",
		want: []Message{msg(9, 6, 1, 0, "62")}, err: io.ErrUnexpectedEOF},
}

// readAll reads messages until an error, which it returns, io.EOF as nil.
func readAll(r *Reader) (got []Message, err error) {
	for {
		var m Message
		if err := r.ReadMessage(&m); err == io.EOF {
			return got, nil
		} else if err != nil {
			return got, err
		}
		got = append(got, m)
	}
}

// diffMessages is cmp.Diff, but fast when there is none.
func diffMessages(want, got []Message) string {
	same := func(a, b Message) bool {
		return a.Type == b.Type && a.CSID == b.CSID && a.StreamID == b.StreamID && a.Timestamp == b.Timestamp &&
			(a.Payload == nil) == (b.Payload == nil) && bytes.Equal(a.Payload, b.Payload)
	}
	if slices.EqualFunc(want, got, same) {
		return ""
	}
	return cmp.Diff(want, got)
}

// stutter fails before every read, as a connection with a short deadline does.
type stutter struct {
	r     io.Reader
	again bool
}

var errStutter = errors.New("try again")

func (s *stutter) Read(p []byte) (int, error) {
	if s.again = !s.again; s.again {
		return 0, errStutter
	}
	return s.r.Read(p[:min(len(p), 3)])
}

func TestRead(t *testing.T) {
	sources := map[string]func(io.Reader) io.Reader{
		"whole":        func(r io.Reader) io.Reader { return r },
		"byte by byte": iotest.OneByteReader,
		"data and EOF": iotest.DataErrReader,
	}
	for _, tt := range wireTests {
		for name, source := range sources {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				wire := unhex(tt.wire)
				r := NewReader(source(bytes.NewReader(wire)), Limits{})
				got, err := readAll(r)
				if !errors.Is(err, tt.err) {
					t.Errorf("error %v, want %v", err, tt.err)
				}
				if diff := diffMessages(tt.want, got); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
				if err == nil && r.Bytes() != uint64(len(wire)) {
					t.Errorf("Bytes() = %d, want %d", r.Bytes(), len(wire))
				}
				if err == nil && r.held != 0 {
					t.Errorf("%d bytes held with nothing incomplete", r.held)
				}
			})
		}
	}
}

func TestReadAfterTimeouts(t *testing.T) {
	for _, tt := range wireTests {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(&stutter{r: bytes.NewReader(unhex(tt.wire))}, Limits{})
			var got []Message
			for {
				more, err := readAll(r)
				got = append(got, more...)
				if errors.Is(err, errStutter) {
					continue
				}
				if !errors.Is(err, tt.err) {
					t.Errorf("error %v, want %v", err, tt.err)
				}
				break
			}
			if diff := diffMessages(tt.want, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	for _, tt := range wireTests {
		if tt.writer == nobody {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			var got []byte
			w := Writer{Compact: tt.writer == compact}
			for i := range tt.want {
				got = w.Append(got, &tt.want[i])
			}
			want := unhex(tt.wire)
			if !bytes.Equal(got, want) {
				t.Errorf("wrote\n%x, want\n%x", got, want)
			}
			if tt.writer != stateless {
				return
			}
			got = nil
			size := 0
			for i := range tt.want {
				got = Append(got, &tt.want[i], 0)
				size += Size(&tt.want[i], DefaultChunkSize)
			}
			if !bytes.Equal(got, want) || size != len(want) {
				t.Errorf("Append wrote\n%x, want\n%x; Size %d, want %d", got, want, size, len(want))
			}
		})
	}
}

func TestUnframable(t *testing.T) {
	for _, m := range []Message{
		{CSID: 0}, {CSID: 1}, {CSID: 65600}, {CSID: 4, Payload: make([]byte, 1<<24)},
	} {
		if err := m.Validate(); !errors.Is(err, ErrUnframable) {
			t.Errorf("csid %d: Validate() = %v, want ErrUnframable", m.CSID, err)
		}
		var w Writer
		if got := Append([]byte("x"), &m, 128); string(got) != "x" || Size(&m, 128) != 0 {
			t.Errorf("csid %d: Append wrote %d bytes", m.CSID, len(got)-1)
		}
		if got := w.Append([]byte("x"), &m); string(got) != "x" {
			t.Errorf("csid %d: Writer wrote %d bytes", m.CSID, len(got)-1)
		}
	}
	m := Message{CSID: MaxCSID, Payload: make([]byte, MaxPayload)}
	if err := m.Validate(); err != nil {
		t.Errorf("the longest message: %v", err)
	}
	if got := Append(nil, &m, 1<<31-1); len(got) != 14+MaxPayload || Size(&m, 1<<31-1) != len(got) {
		t.Errorf("the longest message took %d bytes, Size %d", len(got), Size(&m, 1<<31-1))
	}
}

func TestSize(t *testing.T) {
	for _, csid := range []uint32{2, 63, 64, 319, 320, 65599} {
		for _, time := range []uint32{0, 0xFFFFFE, 0xFFFFFF, 0xFFFFFFFF} {
			for _, n := range []int{0, 1, 127, 128, 129, 255, 256, 257, 5000} {
				for _, size := range []int{-1, 0, 1, 128, 4096, 1 << 30} {
					m := Message{Type: 9, CSID: csid, StreamID: 1, Timestamp: time, Payload: make([]byte, n)}
					if got, want := Size(&m, size), len(Append(nil, &m, size)); got != want {
						t.Fatalf("csid %d time %d len %d chunk %d: Size %d, want %d", csid, time, n, size, got, want)
					}
				}
			}
		}
	}
}

func TestWriterAdoptsChunkSize(t *testing.T) {
	var w Writer
	big := msg(9, 6, 1, 0, "62*300")
	b := w.Append(nil, &big)
	set := msg(1, 2, 0, 0, "00001000")
	b = w.Append(b, &set)
	if w.ChunkSize != 4096 {
		t.Fatalf("ChunkSize = %d, want 4096", w.ChunkSize)
	}
	b = w.Append(b, &big)
	for _, bad := range []string{"", "000010", "00000000", "80000000"} {
		m := msg(1, 2, 0, 0, bad)
		if w.Append(nil, &m); w.ChunkSize != 4096 {
			t.Errorf("body %q changed the chunk size to %d", bad, w.ChunkSize)
		}
	}
	got, err := readAll(NewReader(bytes.NewReader(b), Limits{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := diffMessages([]Message{big, set, big}, got); diff != "" {
		t.Error(diff)
	}
}

// Turning Compact off and on again must not refer to messages which were
// written in between.
func TestWriterForgets(t *testing.T) {
	w := Writer{Compact: true}
	ms := []Message{msg(8, 4, 1, 10, "61"), msg(8, 4, 1, 1000, "62"), msg(8, 4, 1, 1010, "63"), msg(8, 4, 1, 1020, "64")}
	var b []byte
	for i := range ms {
		w.Compact = i != 1
		b = w.Append(b, &ms[i])
	}
	got, err := readAll(NewReader(bytes.NewReader(b), Limits{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := diffMessages(ms, got); diff != "" {
		t.Error(diff)
	}
}
