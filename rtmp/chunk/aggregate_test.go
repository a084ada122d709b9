package chunk

import (
	"bytes"
	"errors"
	"testing"
)

var aggregateTests = []struct {
	name   string
	wire   string // the payload
	limits Limits
	want   []Message // inner ones, for an outer one at 1000 ms on chunk stream 4 and message stream 1
	err    error
	write  bool // AppendAggregate writes the same, for inner timestamps from 500 ms on
}{
	{name: "empty"},
	{name: "one", write: true,
		wire: "08 000002 0001f4 00 000000 aabb 0000000d",
		want: []Message{msg(8, 4, 1, 1000, "aabb")}},
	{name: "three", write: true,
		wire: "08 000001 0001f4 00 000000 aa 0000000c  09 000002 0001fe 00 000000 bbcc 0000000d  12 000000 000208 00 000000 0000000b",
		want: []Message{msg(8, 4, 1, 1000, "aa"), msg(9, 4, 1, 1010, "bbcc"), msg(18, 4, 1, 1020, "")}},
	{name: "AMF3 data", write: true,
		wire: "0f 000001 0001f4 00 000000 aa 0000000c",
		want: []Message{msg(15, 4, 1, 1000, "aa")}},
	{name: "upper timestamp byte",
		wire: "08 000000 ffffff ff 000000 0000000b  08 000000 00000a 00 000000 0000000b  08 000000 fffff5 ff 000000 0000000b",
		want: []Message{msg(8, 4, 1, 1000, ""), msg(8, 4, 1, 1011, ""), msg(8, 4, 1, 990, "")}},
	{name: "inner message stream is ignored",
		wire: "08 000001 0001f4 00 000007 aa 0000000c",
		want: []Message{msg(8, 4, 1, 1000, "aa")}},
	{name: "wrong back pointer",
		wire: "08 000001 0001f4 00 000000 aa ffffffff  08 000001 0001f5 00 000000 bb 00000000",
		want: []Message{msg(8, 4, 1, 1000, "aa"), msg(8, 4, 1, 1001, "bb")}},
	{name: "last back pointer missing",
		wire: "08 000001 0001f4 00 000000 aa 0000000c  08 000001 0001f5 00 000000 bb",
		want: []Message{msg(8, 4, 1, 1000, "aa"), msg(8, 4, 1, 1001, "bb")}},
	{name: "back pointer cut short", wire: "08 000001 0001f4 00 000000 aa 000000", err: ErrAggregate},
	{name: "head cut short", wire: "08 000001 0001f4 00 0000", err: ErrAggregate},
	{name: "body cut short", wire: "08 000002 0001f4 00 000000 aa", err: ErrAggregate},
	{name: "size beyond everything", wire: "08 ffffff 0001f4 00 000000 aa 0000000c", err: &LimitError{Limit: LimitMessage, Value: 0xFFFFFF, Max: 4 << 20}},
	{name: "nested", wire: "16 000000 0001f4 00 000000 0000000b", err: ErrAggregate},
	{name: "command", wire: "14 000000 0001f4 00 000000 0000000b", err: ErrAggregate},
	{name: "chunk size", wire: "01 000004 0001f4 00 000000 00000001 0000000f", err: ErrAggregate},
	{name: "zeros", wire: "00*64", err: ErrAggregate},
	{name: "second one bad",
		wire: "08 000001 0001f4 00 000000 aa 0000000c  16 000000 0001f4 00 000000 0000000b",
		want: []Message{msg(8, 4, 1, 1000, "aa")}, err: ErrAggregate},
	{name: "data limit", limits: Limits{Command: 1},
		wire: "12 000002 0001f4 00 000000 aabb 0000000d",
		err:  &LimitError{Limit: LimitCommand, Value: 2, Max: 1}},
	{name: "bytes", limits: Limits{Aggregate: 15},
		wire: "08 000001 0001f4 00 000000 aa 0000000c",
		err:  &LimitError{Limit: LimitAggregate, Value: 16, Max: 15}},
	{name: "count", limits: Limits{AggregateMessages: 1},
		wire: "08 000000 0001f4 00 000000 0000000b  08 000000 0001f4 00 000000 0000000b",
		want: []Message{msg(8, 4, 1, 1000, "")},
		err:  &LimitError{Limit: LimitAggregateMessages, Value: 2, Max: 1}},
}

func split(payload []byte, l Limits) (got []Message, err error) {
	m := Message{Type: TypeAggregate, CSID: 4, StreamID: 1, Timestamp: 1000, Payload: payload}
	err = SplitAggregate(&m, l, func(sub *Message) error {
		got = append(got, *sub)
		return nil
	})
	return got, err
}

func TestSplitAggregate(t *testing.T) {
	for _, tt := range aggregateTests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := split(unhex(tt.wire), tt.limits)
			var want *LimitError
			if errors.As(tt.err, &want) {
				wantLimit(t, err, want.Limit, want.Value, want.Max)
			} else if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if diff := diffMessages(tt.want, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if !tt.write {
				return
			}
			var wire []byte
			for _, m := range tt.want {
				m.Timestamp -= 500
				wire = AppendAggregate(wire, &m)
			}
			if !bytes.Equal(wire, unhex(tt.wire)) {
				t.Errorf("wrote %x, want %x", wire, unhex(tt.wire))
			}
		})
	}
}

// 4096 messages are fine and 4097 too many; the payloads are copies.
func TestSplitAggregateDefaults(t *testing.T) {
	one := AppendAggregate(nil, &Message{Type: TypeAudio, Payload: []byte{1}})
	payload := bytes.Repeat(one, 4096)
	got, err := split(payload, Limits{})
	if err != nil || len(got) != 4096 {
		t.Fatalf("%d messages, %v", len(got), err)
	}
	clear(payload)
	if got[0].Payload[0] != 1 || cap(got[0].Payload) != 1 {
		t.Error("payload is shared with the aggregate")
	}
	got, err = split(bytes.Repeat(one, 4097), Limits{})
	wantLimit(t, err, LimitAggregateMessages, 4097, 4096)
	var pe *ProtocolError
	if errors.As(err, &pe); pe.Offset != 4096*16 || pe.CSID != 4 || len(got) != 4096 {
		t.Errorf("offset %d, chunk stream %d, after %d messages", pe.Offset, pe.CSID, len(got))
	}
	_, err = split(make([]byte, 4<<20+1), Limits{})
	wantLimit(t, err, LimitAggregate, 4<<20+1, 4<<20)
	if b := AppendAggregate(nil, &Message{Payload: make([]byte, 1<<24)}); b != nil {
		t.Errorf("wrote %d bytes for a payload which does not fit", len(b))
	}
}

func TestSplitAggregateStops(t *testing.T) {
	stop := errors.New("stop")
	m := Message{CSID: 4, Payload: unhex("08 000000 000000 00 000000 0000000b 08 000000 000000 00 000000 0000000b")}
	calls := 0
	err := SplitAggregate(&m, Limits{}, func(*Message) error { calls++; return stop })
	if err != stop || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func FuzzAggregate(f *testing.F) {
	for _, tt := range aggregateTests {
		f.Add(unhex(tt.wire))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := split(payload, Limits{})
		var pe *ProtocolError
		if err != nil && (!errors.As(err, &pe) || pe.Offset > uint64(len(payload))) {
			t.Fatalf("error %v", err)
		}
		// The same again from what came out, as far as it went.
		var wire []byte
		for i := range got {
			wire = AppendAggregate(wire, &got[i])
		}
		if len(wire) > len(payload)+backPointerLen {
			t.Fatalf("%d messages of %d bytes from %d", len(got), len(wire), len(payload))
		}
		again, err := split(wire, Limits{Aggregate: len(wire) + 1})
		if diff := diffMessages(got, again); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}
