package amf

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAssign(t *testing.T) {
	type pair struct{ A, B int }
	tests := []struct {
		dst  any // a pointer, to what is there before
		v    Value
		want any
	}{
		{new(0), 3.0, 3},
		{new(int8(0)), int32(-128), int8(-128)},
		{new(uint64(0)), 1e18, uint64(1e18)},
		{new(0.0), int32(1), 1.0},
		{new(float32(0)), 0.5, float32(0.5)},
		{new(7), nil, 7},
		{new("s"), Undefined, "s"},
		{new(""), XML("<a/>"), "<a/>"},
		{new(""), XMLDocument("<a/>"), "<a/>"},
		{new(myString("")), "s", myString("s")},
		{new(myBool(false)), true, myBool(true)},
		{new(false), 1.0, true},
		{new(true), int32(0), false},
		{new(true), math.NaN(), false},
		{new([]int{1}), nil, []int(nil)},
		{new(any(1)), Undefined, any(Undefined)},
		{new(any(1)), nil, any(nil)},
		{new(new(1)), Undefined, (*int)(nil)},
		{new((*int)(nil)), 5.0, new(5)},
		{new([]int{}), NewArray(1.0, int32(2)), []int{1, 2}},
		{new([]string{}), ecma("0", "a", "1", "b"), []string{"a", "b"}},
		{new([2]int{9, 9}), NewArray(1.0), [2]int{1, 0}},
		{new([]int{}), &VectorInt{Data: []int32{-1}}, []int{-1}},
		{new([]uint32{}), &VectorUint{Data: []uint32{math.MaxUint32}}, []uint32{math.MaxUint32}},
		{new([]any{}), &VectorDouble{Data: []float64{1.5}}, []any{1.5}},
		{new([]bool{}), &VectorObject{Data: vals(true)}, []bool{true}},
		{new([]string{}), &Externalizable{"flex.messaging.io.ArrayCollection", props("source", NewArray("a"))}, []string{"a"}},
		{new(pair{}), &Externalizable{"flex.messaging.io.ObjectProxy", props("object", obj("A", 1.0))}, pair{A: 1}},
		{new(pair{1, 2}), obj("B", 3.0, "C", "ignored", "B", 4.0), pair{1, 4}},
		{new(pair{}), ecma("A", 1.0), pair{A: 1}},
		{new(map[string]int{}), &Array{Dense: vals(1.0), Assoc: props("x", 2.0)}, map[string]int{"0": 1, "x": 2}},
		{new(map[myString]any(nil)), &Externalizable{"DSC", props("operation", int32(5))}, map[myString]any{"operation": int32(5)}},
		{new(map[string]int{"a": 1}), obj("b", 2.0), map[string]int{"a": 1, "b": 2}},
		{new([]byte{}), &ByteArray{[]byte{1, 2}}, []byte{1, 2}},
		{new([3]byte{9, 9, 9}), &ByteArray{[]byte{1}}, [3]byte{1, 0, 0}},
		{new([]byte{}), NewArray(1.0), []byte{1}},
		{new(time.Time{}), Date{Millis: 1}, time.UnixMilli(1).UTC()},
		{new(Date{}), Date{Millis: 1, Zone: 2}, Date{1, 2}},
	}
	for _, tt := range tests {
		err := Assign(tt.dst, tt.v)
		got := reflect.ValueOf(tt.dst).Elem().Interface()
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%T from %s: %v %s", tt.dst, Format(tt.v), err, diff)
		}
	}
	o, a := obj(), any(nil)
	var po *Object
	if Assign(&a, o) != nil || a != any(o) || Assign(&po, o) != nil || po != o {
		t.Error("a Value is not itself")
	}
}

func TestAssignErrors(t *testing.T) {
	type bad struct{ N []int8 }
	loop := obj("Next", nil)
	loop.Set("Next", loop)
	deep := Value(NewArray())
	for range 200 {
		deep = NewArray(deep)
	}
	type list []list
	row := NewArray(make([]Value, 5000)...)
	table := &Array{Dense: make([]Value, 5000)}
	for i := range table.Dense {
		table.Dense[i] = row
	}
	tests := []struct {
		dst  any
		v    Value
		err  error
		path string
	}{
		{new(0), math.NaN(), ErrRange, ""},
		{new(0), math.Inf(1), ErrRange, ""},
		{new(0), 1.5, ErrRange, ""},
		{new(int64(0)), 0x1p63, ErrRange, ""},
		{new(int8(0)), 128.0, ErrRange, ""},
		{new(uint(0)), -1.0, ErrRange, ""},
		{new(uint64(0)), 0x1p64, ErrRange, ""},
		{new(uint8(0)), int32(256), ErrRange, ""},
		{new(bad{}), obj("N", NewArray(1.0, 1e300)), ErrRange, ".N[1]"},
		{new(map[string]int{}), obj("a\n", "x"), ErrType, `."a\n"`},
		{new(""), 1.0, ErrType, ""},
		{new(0), "1", ErrType, ""},
		{new(0), obj(), ErrType, ""},
		{new(0.0), true, ErrType, ""},
		{new(false), "true", ErrType, ""},
		{new(size{}), "x", ErrType, ""},
		{new(map[int]int{}), obj(), ErrType, ""},
		{new(map[string]int{}), NewArray("x"), ErrType, ".0"},
		{new([]int{}), obj(), ErrType, ""},
		{new([]int{}), ecma("1", 1.0), ErrType, ""},
		{new([1]int{}), NewArray(1.0, 2.0), ErrType, ""},
		{new([1]byte{}), &ByteArray{[]byte{1, 2}}, ErrRange, ""},
		{new(time.Time{}), 1.0, ErrType, ""},
		{new(func() {}), true, ErrType, ""},
		{new(""), Unsupported, ErrType, ""},
		{0, 1.0, ErrType, ""},
		{(*int)(nil), 1.0, ErrType, ""},
		{nil, nil, ErrType, ""},
		{new(node{}), loop, ErrDepth, ".Next.Next"},
		{new(list{}), deep, ErrDepth, "[0][0]"},
		{new(list{}), laughs(40), ErrNodes, "[0][0]"},
		{new([]map[string]any{}), table, ErrNodes, "["},
		{new([]size{}), table, ErrNodes, "["},
		{new([]byte{}), &ByteArray{make([]byte, 1<<24)}, ErrBytes, ""},
		{new([]float64{}), &VectorInt{Data: make([]int32, 1<<20)}, ErrNodes, ""},
	}
	for _, tt := range tests {
		err := Assign(tt.dst, tt.v)
		var e *MappingError
		if !errors.Is(err, tt.err) || !errors.As(err, &e) || !strings.HasPrefix(e.Path, tt.path) {
			t.Errorf("%T from %s: %v, want %v in %s", tt.dst, Format(tt.v), err, tt.err, tt.path)
		}
	}
	err := Assign(new(bad{}), obj("N", NewArray(200.0)))
	if want := "amf: number does not fit: number 200 to int8 in .N[0]"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestUnmarshalErrors(t *testing.T) {
	var v any
	for in, want := range map[string]error{"": ErrTruncated, "05 05": ErrTrailing, "ff": ErrMarker} {
		if err := Unmarshal(unhex(t, in), AMF0, &v); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
}
