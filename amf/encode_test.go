package amf

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestEncodeErrors(t *testing.T) {
	big := strings.Repeat("k", 1<<16)
	tests := []struct {
		name string
		e    Encoder
		v    Value
		err  error
		path string
	}{
		{"name of 64 KiB", Encoder{}, obj(big, nil), ErrString, `[0]."kkk`},
		{"class of 64 KiB", Encoder{}, &Object{Class: big}, ErrString, "[0]"},
		{"unsupported in AMF3", Encoder{Version: AMF3}, NewArray(nil, Unsupported), ErrType, "[0][1]"},
		{"dynamic member without name", Encoder{Version: AMF3}, obj("a", obj("", nil)), ErrKeys, `[0].a.""`},
		{"unknown externalizable", Encoder{}, &Externalizable{Class: "X"}, ErrExternalizable, "[0]"},
		{"unknown member of a small message", Encoder{}, &Externalizable{"DSA", props("operation", nil)}, ErrExternalizable, "[0].operation"},
		{"malformed flag", Encoder{}, &Externalizable{"DSA", props("flag0.2.7", nil)}, ErrExternalizable, "[0]."},
		{"known flag by number", Encoder{}, &Externalizable{"DSA", props("flag0.0.0", nil)}, ErrExternalizable, "[0]."},
		{"second member of a collection", Encoder{}, &Externalizable{"flex.messaging.io.ArrayList", props("source", nil, "x", nil)}, ErrExternalizable, "[0]"},
		{"Go type without AMF", Encoder{}, obj("f", func() {}), ErrType, "[0].f"},
		{"Go integer out of range", Encoder{Version: AMF3}, NewArray(map[string]any{"n": uint64(math.MaxUint64)}), ErrRange, "[0][0].n"},
		{"depth", Encoder{Limits: Limits{Depth: 2}}, NewArray(NewArray(NewArray())), ErrDepth, "[0][0][0]"},
		{"nodes", Encoder{Limits: Limits{Nodes: 2}}, NewArray(nil, nil), ErrNodes, "[0][1]"},
		{"bytes", Encoder{Limits: Limits{Bytes: 9}}, NewArray("abcdefgh"), ErrBytes, "[0][0]"},
		{"bytes of AMF3", Encoder{Version: AMF3, Limits: Limits{Bytes: 9}}, &VectorInt{Data: make([]int32, 3)}, ErrBytes, "[0]"},
		{"bytes at the end", Encoder{Limits: Limits{Bytes: 8}}, 1.0, ErrBytes, "[0]"},
		{"laughs", Encoder{}, laughs(40), ErrNodes, "[0][0]"},
		{"AMF3 laughs", Encoder{Version: AMF3}, laughs(40), ErrNodes, "[0][0]"},
		{"deep", Encoder{}, laughs(200), ErrDepth, "[0][0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := tt.e.Append([]byte("before"), tt.v)
			var e *SyntaxError
			if !errors.Is(err, tt.err) || !errors.As(err, &e) || !strings.HasPrefix(e.Path, tt.path) {
				t.Fatalf("%v, want %v in %s", err, tt.err, tt.path)
			}
			if string(out) != "before" {
				t.Errorf("left %q", out)
			}
		})
	}
}

// laughs returns an array of two same arrays of two same arrays, n levels.
func laughs(n int) Value {
	v := Value(nil)
	for range n {
		v = NewArray(v, v)
	}
	return v
}

func TestEncodeReferences(t *testing.T) {
	shared := obj()
	bytes3 := &ByteArray{[]byte{9}}
	deep, inner := NewArray(obj(), loop3()), "0a 00000002 03 000009 0a 00000001 07 %04x"
	for range 10 {
		deep, inner = NewArray(deep, NewArray()), "0a 00000002 "+inner+" 0a 00000000"
	}
	mutual := NewArray()
	mutual.Dense = vals(NewArray(mutual))
	viaAMF3 := obj("v", nil)
	viaAMF3.Props[0].Value = &VectorObject{Data: vals(viaAMF3)}
	tests := []struct {
		name string
		e    Encoder
		v    []Value
		want string
	}{
		{"twice", Encoder{}, vals(shared, shared), "03 000009 03 000009"},
		{"twice by reference", Encoder{References: true}, vals(shared, shared), "03 000009 07 0000"},
		{"index counts all complex values", Encoder{References: true}, vals(NewArray(), ecma(), &Object{Class: "C"}, shared, shared),
			"0a 00000000 08 00000000 000009 10 0001 43 000009 03 000009 07 0003"},
		{"cycle", Encoder{}, vals(nil, mutual), "05 0a 00000001 0a 00000001 07 0000"},
		{"deep cycle", Encoder{}, vals(deep), fmt.Sprintf(inner, 12)},
		{"AMF3 dates count", Encoder{Version: AMF3, References: true}, vals(NewArray(Date{}, XML("x"), XMLDocument("y"), bytes3, bytes3)),
			"09 0b 01 08 01 0000000000000000 0b 03 78 07 03 79 0c 03 09 0c 08"},
		{"cycle of AMF3", Encoder{Version: AMF3}, vals(mutual), "09 03 01 09 03 01 09 00"},
		{"AMF3 twice", Encoder{Version: AMF3}, vals(NewArray(bytes3, bytes3)), "09 05 01 0c 03 09 0c 03 09"},
		{"AMF3 twice by reference", Encoder{Version: AMF3, References: true}, vals(NewArray(bytes3, Date{}, bytes3)),
			"09 07 01 0c 03 09 08 01 0000000000000000 0c 02"},
		{"only the first AMF3 value refers", Encoder{References: true}, vals(&VectorObject{Type: "T", Data: vals("T", bytes3, bytes3)}, &VectorObject{Type: "T", Data: vals("T", bytes3, bytes3)}),
			"11 10 07 00 0354 0600 0c0309 0c02  11 10 07 00 0354 060354 0c0309 0c0309"},
		{"AMF3 messages of several values", Encoder{Version: AMF3}, vals("a", "a", NewArray("a", "a")), "06 03 61 06 03 61 09 05 01 06 03 61 06 03 61"},
		{"plain traits", Encoder{Version: AMF3}, vals(nil, NewArray(obj(), obj())), "01 09 05 01 0a 0b 01 01 0a 0b 01 01"},
		{"cycle through AMF3", Encoder{}, vals(viaAMF3), "03 0001 76 11 10 03 00 01 0a 0b 01 03 76 10 00 01 000009"},
		{"objects behind 0x11", Encoder{Avmplus: true}, vals("x", obj("k", NewArray("k"), "d", Date{}), nil, Date{}),
			"02 0001 78 11 0a 0b 01 03 6b 09 03 01 06 00 03 64 08 01 0000000000000000 01 05 11 08 01 0000000000000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := tt.e.Append(nil, tt.v...)
			if want := unhex(t, tt.want); err != nil || string(b) != string(want) {
				t.Fatalf("%x, %v; want %x", b, err, want)
			}
			got, err := NewDecoder(b, tt.e.Version).DecodeAll()
			if err != nil || !Equal(NewArray(got...), NewArray(tt.v...)) {
				t.Errorf("read back as %s, %v", Format(NewArray(got...)), err)
			}
		})
	}
	e := Encoder{Version: AMF3}
	if _, err := e.Append(nil, nil, loop3()); !errors.Is(err, ErrCycle) {
		t.Errorf("cycle in the second AMF3 value: %v", err)
	}
	// Index 65,535 is the last that a reference can name.
	for n, want := range map[int]error{65535: nil, 65536: ErrCycle} {
		a := NewArray()
		for range n {
			a.Dense = append(a.Dense, NewArray())
		}
		last := NewArray()
		last.Dense = vals(last)
		a.Dense[n-1] = last // its index is n
		if _, err := Append0(nil, a); !errors.Is(err, want) {
			t.Errorf("cycle at index %d: %v, want %v", n, err, want)
		}
	}
}

func TestEncodeManyStringsAndClasses(t *testing.T) {
	a := NewArray()
	for range 2 {
		for i := range 100 {
			name := fmt.Sprint("name", i)
			a.Dense = append(a.Dense, &Object{Class: name, Sealed: 1, Props: props(name, name)})
		}
	}
	b, err := Marshal(a, AMF3)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 3000 {
		t.Errorf("%d bytes: strings or traits are repeated", len(b))
	}
	got, err := NewDecoder(b, AMF3).Decode()
	if err != nil || !Equal(got, a) {
		t.Errorf("read back as %s, %v", Format(got), err)
	}
}

func TestEncodeOtherVersion(t *testing.T) {
	tests := []struct {
		v       Value
		version Version
		want    string
	}{
		{int32(1), AMF0, "00 3ff0000000000000"},
		{int32(1 << 28), AMF3, "05 41b0000000000000"},
		{int32(-1<<28 - 1), AMF3, "05 c1b0000001000000"},
		{ecma("a", nil), AMF3, "09 01 03 61 01 01"},
		{&Array{Dense: vals(nil), Assoc: props("a", true)}, AMF0, "08 00000002 0001 30 05 0001 61 0101 000009"},
		{&Object{Class: "C", Sealed: 1, Static: true, Props: props("a", true)}, AMF0, "10 0001 43 0001 61 0101 000009"},
		{&Object{Class: "C", Static: true, Props: props("a", true)}, AMF3, "0a 13 03 43 03 61 03"},
		{&Object{Class: "C", Sealed: 9, Props: props("a", true)}, AMF3, "0a 1b 03 43 03 61 03 01"},
		{Date{0, 60}, AMF3, "08 01 0000000000000000"},
		{(*Object)(nil), AMF0, "05"},
		{(*Array)(nil), AMF0, "05"},
		{(*Dictionary)(nil), AMF0, "05"},
		{(*Object)(nil), AMF3, "01"},
		{(*VectorInt)(nil), AMF3, "01"},
		{7, AMF0, "00 401c000000000000"},
		{[]string{"a"}, AMF3, "09 03 01 06 03 61"},
		{map[string]int{"b": 1, "a": 2}, AMF3, "0a 0b 01 03 61 04 02 03 62 04 01 01"},
		{time.UnixMilli(0), AMF0, "0b 0000000000000000 0000"},
		{&Externalizable{"flex.messaging.io.ObjectProxy", nil}, AMF3, "0a 07 3b 666c65782e6d6573736167696e672e696f2e4f626a65637450726f7879 01"},
		{&Externalizable{"DSA", props("body", 1.0, "body", nil)}, AMF3, "0a 07 07 445341 01 01 00"},
	}
	for _, tt := range tests {
		e := Encoder{Version: tt.version}
		if b, err := e.Append(nil, tt.v); err != nil || string(b) != string(unhex(t, tt.want)) {
			t.Errorf("%#v as AMF%d: %x, %v; want %s", tt.v, tt.version, b, err, tt.want)
		}
	}
}
