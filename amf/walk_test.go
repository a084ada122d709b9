package amf

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestEqual(t *testing.T) {
	a1, a2 := loop3(), loop3()
	unrolled := NewArray(a1)
	different := []Value{nil, Undefined, Unsupported, true, false, 0.0, 1.0, int32(1), "", "1", Date{}, Date{Zone: 1},
		Date{Millis: 1}, XMLDocument("1"), XML("1"), obj(), obj("a", nil), obj("a", nil, "b", nil), obj("b", nil, "a", nil),
		&Object{Class: "C"}, &Object{Static: true}, &Object{Sealed: 1, Props: props("a", nil)}, NewArray(), NewArray(nil), ecma(),
		ecma("a", nil), &ByteArray{}, &ByteArray{[]byte{1}}, &VectorInt{}, &VectorInt{Data: []int32{1}}, &VectorInt{Fixed: true},
		&VectorUint{}, &VectorUint{Data: []uint32{1}}, &VectorDouble{}, &VectorDouble{Data: []float64{1}}, &VectorObject{},
		&VectorObject{Type: "T"}, &VectorObject{Data: vals(nil)}, &Dictionary{}, &Dictionary{Weak: true},
		&Dictionary{Entries: []Entry{{}}}, &Dictionary{Entries: []Entry{{Key: 1.0}}}, &Externalizable{}, &Externalizable{Class: "X"},
		&Externalizable{Props: props("a", nil)}, a1}
	for i, a := range different {
		for j, b := range different {
			if Equal(a, b) != (i == j) {
				t.Errorf("Equal(%s, %s) = %v", Format(a), Format(b), i != j)
			}
		}
		c, err := Copy(a)
		if err != nil || !Equal(a, c) {
			t.Errorf("copy of %s: %s, %v", Format(a), Format(c), err)
		}
		if c != nil && isPointer(c) && c == a {
			t.Errorf("copy of %s is itself", Format(a))
		}
	}
	same := [][2]Value{
		{math.NaN(), math.NaN()},
		{Date{Millis: math.NaN()}, Date{Millis: math.NaN()}},
		{nil, (*Object)(nil)},
		{(*Array)(nil), nil},
		{&VectorDouble{Data: []float64{math.NaN()}}, &VectorDouble{Data: []float64{math.NaN()}}},
		{a1, a2},
		{a1, unrolled},
		{unrolled, a2},
		{laughs(100), laughs(100)},
		{&Array{Assoc: props("a", nil)}, ecma("a", nil)},
		{&Object{Static: true, Props: props("a", nil)}, &Object{Static: true, Sealed: 1, Props: props("a", nil)}},
	}
	for _, p := range same {
		if !Equal(p[0], p[1]) || !Equal(p[1], p[0]) {
			t.Errorf("%s and %s are not equal", Format(p[0]), Format(p[1]))
		}
	}
	if Equal([]int{1}, []int{1}) || Equal(obj("a", []int{}), obj("a", []int{})) || Equal(NewArray(), []int{}) {
		t.Error("foreign types are equal")
	}
	if Equal(laughs(200), laughs(200)) {
		t.Error("values beyond the limit are equal")
	}
	long := make([]Value, walkNodes)
	if Equal(NewArray(long...), NewArray(long...)) {
		t.Error("values beyond the limit are equal")
	}
}

func TestCopy(t *testing.T) {
	shared := &ByteArray{[]byte{1}}
	v := obj("a", shared, "b", NewArray(shared), "c", &Dictionary{Entries: []Entry{{shared, &VectorInt{Data: []int32{1}}}}})
	v.Set("self", v)
	x, err := Copy(v)
	if err != nil {
		t.Fatal(err)
	}
	c := x.(*Object)
	b, _ := c.Get("b")
	a, _ := c.Get("a")
	if self, _ := c.Get("self"); self != x || b.(*Array).Dense[0] != a {
		t.Error("the copy is another graph")
	}
	shared.Data[0] = 2
	if a.(*ByteArray).Data[0] != 1 {
		t.Error("the copy shares memory")
	}
	if _, err := Copy(laughs(100)); err != nil {
		t.Errorf("shared values are copied once: %v", err)
	}
	for _, tt := range []struct {
		v    Value
		err  error
		path string
	}{
		{laughs(129), ErrDepth, "[0][0]"},
		{NewArray(make([]Value, walkNodes)...), ErrNodes, "[99999]"},
		{obj("x", []int{1}), ErrType, ".x"},
		{ecma("x", NewArray(1)), ErrType, ".x[0]"},
		{&Dictionary{Entries: []Entry{{nil, struct{}{}}}}, ErrType, "[0]"},
		{&VectorDouble{Data: make([]float64, 1<<21)}, ErrBytes, ""},
		{&ByteArray{make([]byte, 1<<24)}, ErrBytes, ""},
	} {
		_, err := Copy(tt.v)
		var e *MappingError
		if !errors.Is(err, tt.err) || !errors.As(err, &e) || !strings.HasPrefix(e.Path, tt.path) {
			t.Errorf("%v, want %v in %s", err, tt.err, tt.path)
		}
	}
}

func TestFormat(t *testing.T) {
	tests := []struct {
		v    Value
		want string
	}{
		{obj("level", "status", "code", "a\"b\nc", "my key", 1e6), `{level:"status" code:"a\"b\nc" "my key":1000000}`},
		{&Array{Dense: vals(1.0, int32(2)), Assoc: props("x", 1e300)}, `[1 2 x:1e+300]`},
		{&Object{Class: "a b\n"}, `"a b\n"{}`},
		{&Object{Class: "a.B"}, `a.B{}`},
		{0.1, "0.1"},
		{1e-9, "1e-09"},
		{-0.5, "-0.5"},
		{1e15, "1e+15"},
		{123456789012345.0, "123456789012345"},
		{Date{Millis: 1.5}, "1970-01-01T00:00:00.001Z"},
		{Date{Millis: 1e18}, "date(1e+18)"},
		{struct{}{}, "<struct {}>"},
		{strings.Repeat("é", 200), `"` + strings.Repeat("é", 128) + `…"`},
		{"a" + strings.Repeat("é", 200), `"a` + strings.Repeat("é", 127) + `…"`},
		{obj(strings.Repeat("k", 300), nil), `{"` + strings.Repeat("k", 256) + `…":null}`},
		{(*VectorInt)(nil), "null"},
	}
	for _, tt := range tests {
		if got := Format(tt.v); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
	endless := []Value{laughs(40), laughs(1000), NewArray(make([]Value, 1e6)...), &VectorInt{Data: make([]int32, 1e6)},
		&Dictionary{Entries: make([]Entry, 1e6)}, obj("a", laughs(30), "b", laughs(30))}
	for _, v := range endless {
		s := Format(v)
		if len(s) > formatBytes+1024 || !strings.Contains(s, "…") || strings.Contains(s, "\n") {
			t.Errorf("%d bytes: %.60s", len(s), s)
		}
	}
}

func TestAccessors(t *testing.T) {
	o := obj("a", "x", "n", 1.0, "i", int32(2), "b", true, "a", "y")
	if o.String("a") != "y" || o.String("n") != "" || !o.Bool("b") || o.Bool("a") || o.Bool("none") {
		t.Error("String or Bool")
	}
	o.Set("a", "z")
	o.Set("new", nil)
	if Format(o) != `{a:"x" n:1 i:2 b:true a:"z" new:null}` {
		t.Error(Format(o))
	}
	for key, want := range map[string]float64{"n": 1, "i": 2} {
		if f, ok := o.Number(key); !ok || f != want {
			t.Errorf("%s: %v %v", key, f, ok)
		}
	}
	if _, ok := o.Number("a"); ok {
		t.Error("a string is a number")
	}
	a := ecma("a", "x")
	a.Set("n", 1.0)
	if f, ok := a.Number("n"); a.String("a") != "x" || !ok || f != 1 {
		t.Error("Array")
	}
	x := &Externalizable{"DSC", props("operation", int32(5))}
	if v, ok := x.Get("operation"); !ok || v != int32(5) {
		t.Error("Externalizable")
	}
	var no *Object
	var na *Array
	var nx *Externalizable
	_, ok1 := no.Get("a")
	_, ok2 := na.Number("a")
	_, ok3 := nx.Get("a")
	if ok1 || ok2 || ok3 || no.String("a") != "" || na.String("a") != "" || no.Bool("a") {
		t.Error("nil pointers have members")
	}
	for _, v := range []Value{o, a, no, na} {
		if ps, ok := PropsOf(v); !ok || len(ps) == 0 && v != Value(no) && v != Value(na) {
			t.Errorf("PropsOf(%s): %v %v", Format(v), ps, ok)
		}
	}
	if _, ok := PropsOf(x); ok {
		t.Error("PropsOf of an externalizable")
	}
}

func TestDates(t *testing.T) {
	now := time.Date(2024, 2, 29, 12, 30, 0, 123456789, time.FixedZone("", 3600))
	if got, want := DateOf(now).Time(), now.UTC().Truncate(time.Millisecond); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("%v, want %v", got, want)
	}
	if got := (Date{Millis: -0.5}).Time(); !got.Equal(time.UnixMilli(-1)) {
		t.Errorf("before 1970: %v", got)
	}
	for _, ms := range []float64{math.NaN(), math.Inf(1), -8.65e15} {
		if !(Date{Millis: ms}).Time().IsZero() {
			t.Errorf("%v is a time", ms)
		}
	}
}
