package sharedobject

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"penstock/amf"
)

const head = "0002736f 00000007 00000002 00000000 " // "so", version 7, persistent

// One row is a message and its bytes in both directions. The two with a source are as captured.
var wireTable = []struct {
	name string
	amf3 bool
	hex  string
	m    Message
}{
	{name: "use, by rtmp-client", hex: "0003666f6f 00000000 00000010 00000000 01 00000000", m: Message{Name: "foo", Flags: FlagProxied, Events: []Event{{Type: Use}}}},
	{name: "change, by rtmp-client", hex: "0003666f6f 00000000 00000010 00000000 03 0000000c 0001 61 003ff0000000000000",
		m: Message{Name: "foo", Flags: FlagProxied, Events: []Event{{Type: RequestChange, Key: "a", Value: 1.0}}}},
	{name: "nothing", hex: head, m: message()},
	{name: "first answer", hex: head + "0b00000000 0800000000 0400000004 000161 05 0400000005 000162 0101",
		m: message(Event{Type: UseSuccess}, Event{Type: Clear}, Event{Type: Change, Key: "a"}, Event{Type: Change, Key: "b", Value: true})},
	{name: "release", hex: head + "0200000000", m: message(Event{Type: Release})},
	{name: "success", hex: head + "0500000003 000161", m: message(Event{Type: Success, Key: "a"})},
	{name: "send", hex: head + "060000000b 0200026869 020001780101",
		m: message(Event{Type: Send, Handler: "hi", Args: []amf.Value{"x", true}})},
	{name: "send without arguments", hex: head + "0600000005 0200026869", m: message(Event{Type: Send, Handler: "hi"})},
	{name: "status", hex: head + "0700000022 0019 5368617265644f626a6563742e4e6f52656164416363657373 0005 6572726f72",
		m: message(StatusEvent(NoReadAccess))},
	{name: "remove", hex: head + "0900000003 000161", m: message(Event{Type: Remove, Key: "a"})},
	{name: "request remove", hex: head + "0a00000003 000161", m: message(Event{Type: RequestRemove, Key: "a"})},
	{name: "slot version", hex: head + "0c00000009 0003666f6f 00000001", m: message(Event{Type: SlotVersion, Key: "foo", Number: 1})},
	{name: "change echo", hex: head + "0d0000000b 0003666f6f 020003626172", m: message(Event{Type: ChangeEcho, Key: "foo", Value: "bar"})},
	{name: "request clear", hex: head + "0e00000000", m: message(Event{Type: RequestClear})},
	{name: "AMF3: scalars in AMF0, the others behind a marker", amf3: true,
		hex: "00" + head + "030000000c 000161 003ff0000000000000 0300000009 000162 11 0903 01 0401",
		m:   message(Event{Type: RequestChange, Key: "a", Value: 1.0}, Event{Type: RequestChange, Key: "b", Value: amf.NewArray(int32(1))})},
	{name: "AMF3: only the first value may refer", amf3: true,
		hex: "00" + head + "040000000d 000161 11 0905 01 060568 69 0600" + "040000000f 000162 11 0905 01 06056869 06056869",
		m:   message(Event{Type: Change, Key: "a", Value: amf.NewArray("hi", "hi")}, Event{Type: Change, Key: "b", Value: amf.NewArray("hi", "hi")})},
	{name: "AMF3 send", amf3: true, hex: "00" + head + "0600000009 0200026869 11 090101",
		m: message(Event{Type: Send, Handler: "hi", Args: []amf.Value{amf.NewArray()}})},
}

func message(e ...Event) Message {
	return Message{Name: "so", Version: 7, Flags: FlagPersistent, Events: e}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWire(t *testing.T) {
	for _, tt := range wireTable {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.hex)
			got, err := tt.m.Append([]byte{1, 2}, tt.amf3)
			if err != nil || hex.EncodeToString(got) != "0102"+hex.EncodeToString(want) {
				t.Errorf("written as %x, %v\nwant       %x", got[2:], err, want)
			}
			back, err := Parse(want, tt.amf3, ParseLimits{})
			if err != nil || !sameMessage(back, &tt.m) {
				t.Errorf("read as %+v, %v", back, err)
			}
			// Whatever is cut off is missed, unless what is left is a message.
			for n := range want {
				if m, err := Parse(want[:n], tt.amf3, ParseLimits{}); err == nil && len(m.Events) >= len(tt.m.Events) && len(tt.m.Events) > 0 {
					t.Errorf("%d bytes of %d are read as %+v", n, len(want), m)
				}
			}
		})
	}
}

func sameMessage(a, b *Message) bool {
	if a.Name != b.Name || a.Version != b.Version || a.Flags != b.Flags || len(a.Events) != len(b.Events) {
		return false
	}
	for i := range a.Events {
		x, y := a.Events[i], b.Events[i]
		if !amf.Equal(x.Value, y.Value) || len(x.Args) != len(y.Args) {
			return false
		}
		for j := range x.Args {
			if !amf.Equal(x.Args[j], y.Args[j]) {
				return false
			}
		}
		x.Value, x.Args, x.raw, y.Value, y.Args, y.raw = nil, nil, nil, nil, nil, nil
		if !reflect.DeepEqual(x, y) {
			return false
		}
	}
	return true
}

// What others send otherwise is understood all the same.
func TestWireOfOthers(t *testing.T) {
	for _, tt := range []struct {
		name, hex string
		amf3      bool
		m         Message
	}{
		{"several pairs in an event", head + "0300000008 000161 05 000162 05", false,
			message(Event{Type: RequestChange, Key: "a"}, Event{Type: RequestChange, Key: "b"})},
		{"several keys in an event", head + "0500000006 000161 000162", false,
			message(Event{Type: Success, Key: "a"}, Event{Type: Success, Key: "b"})},
		{"a change of nothing", head + "0300000000", false, message()},
		{"an unknown event is left out", head + "ff00000002 0102 0100000000", false, message(Event{Type: Use})},
		{"data where there should be none", head + "0100000002 0102", false, message(Event{Type: Use})},
		{"pure AMF3", "03" + head + "0300000005 000161 0405", true, message(Event{Type: RequestChange, Key: "a", Value: int32(5)})},
		{"pure AMF3 send", "03" + head + "0600000006 06056869 0405", true, message(Event{Type: Send, Handler: "hi", Args: []amf.Value{int32(5)}})},
	} {
		got, err := Parse(unhex(t, tt.hex), tt.amf3, ParseLimits{})
		if err != nil || !sameMessage(got, &tt.m) {
			t.Errorf("%s: read as %+v, %v", tt.name, got, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	many := head + strings.Repeat("0500000003 000161", 5)
	for _, tt := range []struct {
		name, hex string
		amf3      bool
		l         ParseLimits
		err       error
	}{
		{"empty", "", false, ParseLimits{}, ErrShort},
		{"no selector", "", true, ParseLimits{}, ErrShort},
		{"unknown selector", "01" + head, true, ParseLimits{}, ErrSelector},
		{"name too short", "0005 736f", false, ParseLimits{}, ErrShort},
		{"event longer than the message", head + "03 ffffffff 000161", false, ParseLimits{}, ErrLength},
		{"key longer than the event", head + "0900000003 ffff61", false, ParseLimits{}, ErrShort},
		{"value longer than the event", head + "0400000005 000161 0061 0100000000", false, ParseLimits{}, amf.ErrTruncated},
		{"no value", head + "0400000003 000161", false, ParseLimits{}, nil},
		{"status with half", head + "0700000003 000161", false, ParseLimits{}, ErrShort},
		{"handler is no string", head + "0600000002 0101", false, ParseLimits{}, nil},
		{"no handler", head + "0600000000", false, ParseLimits{}, ErrShort},
		{"too many events", many, false, ParseLimits{Events: 4}, ErrEvents},
		{"too many pairs", head + "050000000f" + strings.Repeat("000161", 5), false, ParseLimits{Events: 4}, ErrEvents},
		{"too deep", head + "030000000d 000161 0a00000001 0a00000000", false, ParseLimits{AMF: amf.Limits{Depth: 1}}, amf.ErrDepth},
	} {
		m, err := Parse(unhex(t, tt.hex), tt.amf3, tt.l)
		var pe *ParseError
		if !errors.As(err, &pe) || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: %+v, %v", tt.name, m, err)
			continue
		}
		if len(tt.hex) > 0 && strings.HasPrefix(tt.hex, head) && (pe.Name != "so" || pe.Offset < 16 || pe.Offset > len(unhex(t, tt.hex))) {
			t.Errorf("%s: error says %q, byte %d", tt.name, pe.Name, pe.Offset)
		}
	}
	if _, err := Parse(unhex(t, many), false, ParseLimits{Events: 5}); err != nil {
		t.Errorf("as many events as allowed: %v", err)
	}
}

func TestAppendErrors(t *testing.T) {
	for _, m := range []Message{
		{Name: strings.Repeat("x", 1<<16)}, message(Event{Type: Remove, Key: strings.Repeat("x", 1<<16)}),
		message(Event{Type: Change, Key: "a", Value: make(chan int)}), message(Event{Type: Send, Handler: "x", Args: []amf.Value{make(chan int)}}),
	} {
		if b, err := m.Append([]byte("kept"), true); err == nil || string(b) != "kept" {
			t.Errorf("%.40q: %v", b, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range wireTable {
		f.Add(unhex(f, tt.hex), tt.amf3)
	}
	f.Fuzz(func(t *testing.T, b []byte, amf3 bool) {
		m, err := Parse(b, amf3, ParseLimits{})
		if err != nil {
			return
		}
		again, err := m.Append(nil, amf3)
		if err != nil {
			return // AMF0 values from AMF3 input may have no form, and names of more than 64 KiB neither
		}
		back, err := Parse(again, amf3, ParseLimits{})
		if err != nil || len(back.Events) != len(m.Events) || back.Name != m.Name {
			t.Fatalf("%+v was written as %x and read as %+v, %v", m, again, back, err)
		}
		// The rules take anything.
		o := NewObject(false, Limits{})
		o.Attach(1, 0)
		_ = o.Apply(1, m.Version, m.Events, Rights{Write: true, Room: -1})
		o.Flush()
	})
}
