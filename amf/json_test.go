package amf

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	tests := []struct {
		v    Value
		want string
	}{
		{nil, `null`},
		{Undefined, `null`},
		{Unsupported, `null`},
		{true, `true`},
		{1.0, `1`},
		{int32(-2), `-2`},
		{1e21, `1e+21`},
		{-1e-7, `-1e-07`},
		{math.NaN(), `null`},
		{math.Inf(1), `null`},
		{"a\"\\\n\x00\x7f<é>\u2028\xff", `"a\"\\\u000a\u0000\u007f\u003cé\u003e\u2028�"`},
		{XMLDocument("<a/>"), `"\u003ca/\u003e"`},
		{XML(""), `""`},
		{Date{Millis: 1}, `"1970-01-01T00:00:00.001Z"`},
		{Date{Millis: math.NaN()}, `null`},
		{Date{Millis: 1e15}, `null`},
		{Date{Millis: -62135596800000}, `"0001-01-01T00:00:00Z"`},
		{&ByteArray{[]byte("hello")}, `"aGVsbG8="`},
		{obj("b", 1.0, "a", NewArray(nil, "x"), "b", 2.0), `{"b":1,"a":[null,"x"],"b":2}`},
		{&Array{Dense: vals("x", "y"), Assoc: props("n", 1.0)}, `{"0":"x","1":"y","n":1}`},
		{ecma(), `{}`},
		{NewArray(), `[]`},
		{(*Array)(nil), `null`},
		{&VectorInt{Data: []int32{-1, 2}}, `[-1,2]`},
		{&VectorUint{Data: []uint32{math.MaxUint32}}, `[4294967295]`},
		{&VectorDouble{Data: []float64{1.5}}, `[1.5]`},
		{&VectorObject{Data: vals(nil)}, `[null]`},
		{&Dictionary{Entries: []Entry{{"k", 1.0}, {obj(), nil}}}, `[["k",1],[{},null]]`},
		{&Externalizable{"DSC", props("operation", int32(5))}, `{"operation":5}`},
	}
	for _, tt := range tests {
		b, err := AppendJSON([]byte("x"), tt.v)
		if err != nil || string(b) != "x"+tt.want {
			t.Errorf("%s: %s, %v; want %s", Format(tt.v), b, err, tt.want)
			continue
		}
		if !json.Valid(b[1:]) {
			t.Errorf("%s is not JSON", b[1:])
		}
		if _, err := FromJSON(b[1:]); err != nil {
			t.Errorf("%s: %v", b[1:], err)
		}
	}
}

func TestJSONErrors(t *testing.T) {
	tests := []struct {
		v    Value
		err  error
		path string
	}{
		{obj("a", NewArray(nil, loop0())), ErrCycle, ".a[1].me"},
		{laughs(40), ErrNodes, "[0]"},
		{laughs(200), ErrDepth, "[0]"},
		{obj("a", 7), ErrType, ".a"},
		{&Dictionary{Entries: []Entry{{7, nil}}}, ErrType, "[0]"},
		{&Dictionary{Entries: []Entry{{nil, 7}}}, ErrType, "[0]"},
		{NewArray(strings.Repeat("x", 1<<23), strings.Repeat("x", 1<<23)), ErrBytes, "[1]"},
		{&ByteArray{make([]byte, 1<<24)}, ErrBytes, ""},
		{NewArray(&ByteArray{make([]byte, 1<<23+1<<22)}, nil), ErrBytes, "[1]"},
	}
	for _, tt := range tests {
		b, err := AppendJSON([]byte("x"), tt.v)
		var e *SyntaxError
		if !errors.Is(err, tt.err) || !errors.As(err, &e) || !strings.HasPrefix(e.Path, tt.path) || string(b) != "x" {
			t.Errorf("%v in %s, want %v in %s", err, b, tt.err, tt.path)
		}
	}
}

// A limit of the caller's own: what is within it is the same, what is beyond costs no more than that.
func TestJSONMax(t *testing.T) {
	v := obj("a", NewArray("x", 1.0), "b", "<")
	whole, err := AppendJSON(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	for max := range len(whole) + 2 {
		b, err := AppendJSONMax([]byte("x"), v, max)
		if max >= len(whole) {
			if err != nil || string(b) != "x"+string(whole) {
				t.Errorf("%d: %s %v", max, b, err)
			}
		} else if !errors.Is(err, ErrBytes) || string(b) != "x" {
			t.Errorf("%d: %s %v, want %v", max, b, err, ErrBytes)
		}
	}
	many := make([]Value, 1000) // 1000 times the same thousand characters
	for i := range many {
		many[i] = strings.Repeat("x", 1000)
	}
	for _, long := range []Value{NewArray(many...), laughs(30), &ByteArray{make([]byte, 1<<20)}, strings.Repeat("<", 1<<20)} {
		big := make([]byte, 0, 64<<10)
		if b, err := AppendJSONMax(big, long, 16<<10); !errors.Is(err, ErrBytes) || len(b) != 0 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		if n := testing.AllocsPerRun(1, func() { _, _ = AppendJSONMax(big, long, 16<<10) }); n > 100 {
			t.Errorf("it took %.0f allocations to find out", n)
		}
	}
}

func TestFromJSON(t *testing.T) {
	v, err := FromJSON([]byte(` {"b": [1, -2.5e3, true, null, "é"], "a": {}, "b": false} `))
	want := obj("b", NewArray(1.0, -2500.0, true, nil, "é"), "a", obj(), "b", false)
	if err != nil || !Equal(v, want) {
		t.Errorf("%s, %v; want %s", Format(v), err, Format(want))
	}
	for text, want := range map[string]error{
		``: ErrJSON, `{`: ErrJSON, `[1,`: ErrJSON, `{"a"`: ErrJSON, `{"a":}`: ErrJSON, `]`: ErrJSON, `{1:2}`: ErrJSON,
		`nul`: ErrJSON, `1e999`: ErrJSON, `1 2`: ErrTrailing, `[] x`: ErrTrailing, `[[[1e999]]]`: ErrJSON,
		strings.Repeat("[", 129) + strings.Repeat("]", 129): ErrDepth,
		"[" + strings.Repeat("0,", walkNodes) + "0]":        ErrNodes,
		`{"a":` + strings.Repeat(`{"b":`, 200):              ErrDepth,
		`"` + strings.Repeat("x", walkBytes) + `"`:          ErrBytes,
	} {
		_, err := FromJSON([]byte(text))
		var e *SyntaxError
		if !errors.Is(err, want) || !errors.As(err, &e) {
			t.Errorf("%.20s: %v, want %v", text, err, want)
		}
	}
}
