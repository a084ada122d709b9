package chunk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// head returns a type 0 chunk header.
func head(csid uint32, typ uint8, length int) []byte {
	return appendHeader(nil, &header{csid: csid, typ: typ, length: length, msid: 1})
}

// full returns a whole message of n bytes, in chunks of 128.
func full(csid uint32, typ uint8, n int) []byte {
	return Append(nil, &Message{Type: typ, CSID: csid, Payload: make([]byte, n)}, 0)
}

func setChunkSize(n uint32) []byte {
	return Append(nil, &Message{Type: TypeSetChunkSize, CSID: 2, Payload: binary.BigEndian.AppendUint32(nil, n)}, 0)
}

// many concatenates f(0) to f(n-1).
func many(n int, f func(i int) []byte) []byte {
	var b []byte
	for i := range n {
		b = append(b, f(i)...)
	}
	return b
}

// limitTests reach each limit, and go one past it.
var limitTests = []struct {
	name   string
	limits Limits
	limit  string // which is exceeded
	max    int64
	value  int64
	ok     []byte // just accepted
	bad    []byte // just refused
}{
	{"video", Limits{Message: 1000}, LimitMessage, 1000, 1001, full(6, TypeVideo, 1000), head(6, TypeVideo, 1001)},
	{"video default", Limits{}, LimitMessage, 4 << 20, 4<<20 + 1, full(6, TypeVideo, 4<<20), head(6, TypeVideo, 4<<20+1)},
	{"audio", Limits{Message: 1000}, LimitMessage, 1000, 1001, full(4, TypeAudio, 1000), head(4, TypeAudio, 1001)},
	{"command", Limits{Command: 16 << 10}, LimitCommand, 16 << 10, 16<<10 + 1, full(3, TypeCommand, 16<<10), head(3, TypeCommand, 16<<10+1)},
	{"command default", Limits{}, LimitCommand, 256 << 10, 256<<10 + 1, full(3, TypeCommand, 256<<10), head(3, TypeCommand, 256<<10+1)},
	{"AMF3 command", Limits{Command: 100}, LimitCommand, 100, 101, full(3, TypeCommandAMF3, 100), head(3, TypeCommandAMF3, 101)},
	{"data", Limits{Command: 100}, LimitCommand, 100, 101, full(5, TypeData, 100), head(5, TypeData, 101)},
	{"AMF3 data", Limits{Command: 100}, LimitCommand, 100, 101, full(5, TypeDataAMF3, 100), head(5, TypeDataAMF3, 101)},
	{"unknown type", Limits{Command: 100}, LimitCommand, 100, 101, full(5, 99, 100), head(5, 99, 101)},
	{"control default", Limits{}, LimitControl, 64, 65, full(2, TypeUserControl, 64), head(2, TypeUserControl, 65)},
	{"chunk size message", Limits{Control: 4}, LimitControl, 4, 5, setChunkSize(128), head(2, TypeSetChunkSize, 5)},
	{"acknowledgement", Limits{Control: 4}, LimitControl, 4, 5, full(2, TypeAck, 4), head(2, TypeAck, 5)},
	{"shared object", Limits{SharedObject: 100}, LimitSharedObject, 100, 101, full(3, TypeSharedObject, 100), head(3, TypeSharedObject, 101)},
	{"shared object default", Limits{}, LimitSharedObject, 256 << 10, 256<<10 + 1, full(3, TypeSharedObjectAMF3, 256<<10), head(3, TypeSharedObjectAMF3, 256<<10+1)},
	{"aggregate default", Limits{}, LimitAggregate, 4 << 20, 4<<20 + 1, full(3, TypeAggregate, 4<<20), head(3, TypeAggregate, 4<<20+1)},
	{"length inherited by type 1", Limits{Message: 10}, LimitMessage, 10, 11,
		full(6, TypeVideo, 10), append(full(6, TypeVideo, 10), unhex("46 000000 00000b 09")...)},

	{"chunk streams default", Limits{}, LimitChunkStreams, 64, 65,
		many(64, func(i int) []byte { return full(uint32(30+i), TypeAudio, 1) }),
		many(65, func(i int) []byte { return full(uint32(30+i), TypeAudio, 1) })},
	{"chunk streams", Limits{ChunkStreams: 2}, LimitChunkStreams, 2, 3,
		many(9, func(i int) []byte { return full(uint32(2+i%2), TypeAudio, 1) }),
		many(3, func(i int) []byte { return full(uint32(400+i), TypeAudio, 1) })},

	{"partial default", Limits{}, LimitPartial, 8, 9,
		append(append(many(8, func(i int) []byte { return full(uint32(10+i), TypeVideo, 129)[:140] }), // 12 + 128
			full(2, TypeUserControl, 6)...), // a message in one chunk is welcome meanwhile
			many(8, func(i int) []byte { return []byte{byte(0xC0 + 10 + i), 0} })...),
		many(9, func(i int) []byte { return full(uint32(10+i), TypeVideo, 129)[:140] })},

	{"reassembly", Limits{Reassembly: 257, Message: 200}, LimitReassembly, 257, 258,
		append(append(append(full(10, TypeVideo, 130)[:140], full(11, TypeVideo, 129)[:140]...), 0xCB, 1), 0xCA, 1, 2),
		append(append(full(10, TypeVideo, 130)[:140], full(11, TypeVideo, 130)[:140]...), 0xCB, 1, 2)},
	{"reassembly, one message", Limits{Reassembly: 1000}, LimitReassembly, 1000, 1001, full(6, TypeVideo, 1000), head(6, TypeVideo, 1001)},

	{"smallest chunk size default", Limits{}, LimitMinChunkSize, 32, 31, setChunkSize(32), setChunkSize(31)},
	{"smallest chunk size", Limits{MinChunkSize: 1000}, LimitMinChunkSize, 1000, 999, setChunkSize(1000), setChunkSize(999)},
	{"changes of the chunk size default", Limits{}, LimitSetChunkSizes, 16, 17,
		many(32, func(i int) []byte { return setChunkSize(uint32(1000 + i/2)) }),
		many(17, func(i int) []byte { return setChunkSize(uint32(1000 + i)) })},
	{"changes of the chunk size", Limits{SetChunkSizes: 2}, LimitSetChunkSizes, 2, 3,
		many(2, func(i int) []byte { return setChunkSize(uint32(1000 + i)) }),
		many(3, func(i int) []byte { return setChunkSize(uint32(1000 + i%2)) })},
}

func TestLimits(t *testing.T) {
	for _, tt := range limitTests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := readAll(NewReader(bytes.NewReader(tt.ok), tt.limits)); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			r := NewReader(bytes.NewReader(tt.bad), tt.limits)
			_, err := readAll(r)
			wantLimit(t, err, tt.limit, tt.value, tt.max)
			var m Message
			if again := r.ReadMessage(&m); again != err {
				t.Errorf("next call returned %v, want the same error", again)
			}
		})
	}
}

func wantLimit(t *testing.T, err error, limit string, value, bound int64) {
	t.Helper()
	var pe *ProtocolError
	var le *LimitError
	if !errors.As(err, &pe) || !errors.As(err, &le) {
		t.Fatalf("error %v, want a LimitError in a ProtocolError", err)
	}
	if le.Limit != limit || le.Value != value || le.Max != bound {
		t.Errorf("%+v, want limit %s, value %d, max %d", *le, limit, value, bound)
	}
	if !strings.Contains(err.Error(), limit) {
		t.Errorf("%q does not name the option", err)
	}
}

func TestDefaultLimits(t *testing.T) {
	want := Limits{
		Message: 4 << 20, Command: 256 << 10, Control: 64, SharedObject: 256 << 10, Aggregate: 4 << 20, AggregateMessages: 4096,
		ChunkStreams: 64, Partial: 8, Reassembly: 8 << 20, SetChunkSizes: 16, MinChunkSize: 32,
	}
	if got := DefaultLimits(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := (Limits{Command: -1}).withDefaults(); got != want {
		t.Errorf("negative: %+v, want %+v", got, want)
	}
	if got := (Limits{Message: 16 << 20}).withDefaults().Reassembly; got != 2*MaxPayload {
		t.Errorf("Reassembly for 16 MiB messages = %d, want %d", got, 2*MaxPayload)
	}
}

func TestSetLimits(t *testing.T) {
	src := append(full(6, TypeVideo, 100), full(6, TypeVideo, 101)...)
	src = append(src, full(6, TypeVideo, 102)...)
	r := NewReader(bytes.NewReader(src), Limits{Message: 100})
	var m Message
	if err := r.ReadMessage(&m); err != nil {
		t.Fatal(err)
	}
	r.SetLimits(Limits{Message: 101})
	if err := r.ReadMessage(&m); err != nil {
		t.Fatalf("after raising the limit: %v", err)
	}
	wantLimit(t, r.ReadMessage(&m), LimitMessage, 102, 101)
}

// Lowering a limit does not break what is under way, but Reassembly does.
func TestSetLimitsMidMessage(t *testing.T) {
	first := func() (*Reader, *bytes.Buffer) {
		var src bytes.Buffer
		src.Write(full(6, TypeVideo, 300)[:140])
		r := NewReader(&src, Limits{})
		var m Message
		if err := r.ReadMessage(&m); err == nil {
			t.Fatal("incomplete message returned")
		}
		src.Write(full(6, TypeVideo, 300)[140:])
		return r, &src
	}
	var m Message
	r, _ := first()
	r.SetLimits(Limits{Message: 10, Partial: 1, ChunkStreams: 1})
	if err := r.ReadMessage(&m); err != nil || len(m.Payload) != 300 {
		t.Errorf("message under way: %d bytes, %v", len(m.Payload), err)
	}
	r, _ = first()
	r.SetLimits(Limits{Reassembly: 200})
	wantLimit(t, r.ReadMessage(&m), LimitReassembly, 256, 200)
}

func TestProtocolErrorSaysWhere(t *testing.T) {
	src := append(full(6, TypeVideo, 10), unhex("c7")...)
	_, err := readAll(NewReader(bytes.NewReader(src), Limits{}))
	var pe *ProtocolError
	if !errors.As(err, &pe) || pe.Offset != 22 || pe.CSID != 7 || !errors.Is(err, ErrNoBase) {
		t.Errorf("%#v, want ErrNoBase at byte 22 on chunk stream 7", err)
	}
	if want := "rtmp chunk stream 7, byte 22: header inherits from a chunk stream not used before"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}
