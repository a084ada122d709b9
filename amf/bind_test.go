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

type size struct {
	Width  int `amf:"width"`
	Height int `amf:"height,omitempty"`
}

type named struct {
	Name string
	ID   int `amf:"id"`
}

type hidden struct{ Inside string }

type clip struct {
	named
	*Size2
	hidden  `amf:"-"`
	Size    size           `amf:"size"`
	More    *size          `amf:"more,omitempty"`
	Tags    []string       `amf:"tags"`
	Rates   map[string]int `amf:"rates,omitempty"`
	Data    []byte         `amf:"data,omitempty"`
	At      time.Time      `amf:"at,omitempty"`
	Any     any            `amf:"any,omitempty"`
	Live    bool           `amf:",omitempty"`
	Pair    [2]float32     `amf:"pair"`
	Raw     *Object        `amf:"raw,omitempty"`
	ID      uint8          `amf:"id"` // wins over named.ID
	private int
	Ignored chan int `amf:"-"`
}

type Size2 struct{ Deep string }

func TestToValueStruct(t *testing.T) {
	c := clip{named: named{Name: "n", ID: 7}, Size: size{Width: 640}, Tags: []string{}, ID: 9, private: 1}
	v, err := ToValue(&c)
	want := obj("Name", "n", "size", obj("width", int32(640)), "tags", NewArray(), "pair", NewArray(0.0, 0.0), "id", int32(9))
	if err != nil || !Equal(v, want) {
		t.Fatalf("%s, %v; want %s", Format(v), err, Format(want))
	}
	c = clip{Size2: &Size2{"d"}, More: &size{1, 2}, Rates: map[string]int{"b": 2, "a": 1}, Data: []byte{1}, At: time.UnixMilli(5),
		Any: []any{nil, Undefined, int64(1 << 40)}, Live: true, Raw: obj("x", nil)}
	v, err = ToValue(c)
	want = obj("Name", "", "Deep", "d", "size", obj("width", int32(0)), "more", obj("width", int32(1), "height", int32(2)), "tags", nil,
		"rates", obj("a", int32(1), "b", int32(2)), "data", &ByteArray{[]byte{1}}, "at", Date{Millis: 5},
		"any", NewArray(nil, Undefined, float64(1<<40)), "Live", true, "pair", NewArray(0.0, 0.0), "raw", obj("x", nil), "id", int32(0))
	if err != nil || !Equal(v, want) {
		t.Fatalf("%s, %v; want %s", Format(v), err, Format(want))
	}
	for _, ver := range []Version{AMF0, AMF3} {
		b, err := Marshal(c, ver)
		if err != nil {
			t.Fatal(err)
		}
		var back clip
		if err := Unmarshal(b, ver, &back); err != nil {
			t.Fatal(err)
		}
		any := back.Any.(*Array)
		if f, _ := number(any.Dense[2]); len(any.Dense) != 3 || f != 1<<40 {
			t.Errorf("any: %s", Format(any))
		}
		back.Any, back.At = c.Any, back.At.Local()
		if diff := cmp.Diff(c, back, cmp.AllowUnexported(clip{}, named{}, hidden{}, Size2{})); diff != "" {
			t.Errorf("AMF%d: %s", ver, diff)
		}
	}
}

type left struct{ X, Y int }

type right struct{ X, Z int }

func TestNamesThatMeet(t *testing.T) {
	var both struct {
		left
		right
		Y string
	}
	if err := Assign(&both, obj("X", 1.0, "Y", "y", "Z", 3.0)); err != nil || both.left.X != 1 || both.right.X != 0 || both.Y != "y" || both.Z != 3 {
		t.Errorf("%+v, %v", both, err)
	}
	v, err := ToValue(both)
	if want := obj("X", int32(1), "Z", int32(3), "Y", "y"); err != nil || !Equal(v, want) {
		t.Errorf("%s, %v; want %s", Format(v), err, Format(want))
	}
}

type myString string

type myBool bool

type node struct {
	Next *node
	Self any
}

func TestToValue(t *testing.T) {
	var nilMap map[string]int
	o := obj()
	tests := []struct{ v, want any }{
		{nil, nil},
		{(*int)(nil), nil},
		{nilMap, nil},
		{[]int(nil), nil},
		{(*Object)(nil), nil},
		{map[string]int{}, obj()},
		{int8(-1), int32(-1)},
		{uint16(9), int32(9)},
		{1<<28 - 1, int32(1<<28 - 1)},
		{1 << 28, float64(1 << 28)},
		{-1 << 28, int32(-1 << 28)},
		{-1<<28 - 1, float64(-1<<28 - 1)},
		{int64(1 << 53), float64(1 << 53)},
		{float32(0.5), 0.5},
		{myString("s"), "s"},
		{[2]byte{1, 2}, &ByteArray{[]byte{1, 2}}},
		{[]int{1}, NewArray(int32(1))},
		{map[myString]bool{"k": true}, obj("k", true)},
		{Object{Class: "C"}, &Object{Class: "C"}},
		{props("a", nil), obj("a", nil)},
		{*NewArray(nil), NewArray(nil)},
		{XML("x"), XML("x")},
		{Undefined, Undefined},
		{new(true), true},
	}
	for _, tt := range tests {
		if v, err := ToValue(tt.v); err != nil || !Equal(v, tt.want) {
			t.Errorf("%#v: %s, %v; want %s", tt.v, Format(v), err, Format(tt.want))
		}
	}
	if v, _ := ToValue(o); v != Value(o) {
		t.Error("a Value is not itself")
	}
	loop := &node{}
	loop.Next = loop
	wide := any("x")
	for range 30 {
		wide = []any{wide, wide}
	}
	for _, tt := range []struct {
		v    any
		err  error
		path string
	}{
		{int64(1<<53 + 1), ErrRange, ""},
		{[]any{uint64(math.MaxUint64)}, ErrRange, "[0]"},
		{func() {}, ErrType, ""},
		{map[int]int{}, ErrType, ""},
		{struct{ C chan int }{}, ErrType, ".C"},
		{map[string]any{"a b": complex(1, 1)}, ErrType, `."a b"`},
		{loop, ErrDepth, ".Next.Next"},
		{wide, ErrNodes, "[0]"},
		{make([]byte, 1<<24), ErrBytes, ""},
		{make([]int, 1<<20), ErrNodes, ""},
	} {
		_, err := ToValue(tt.v)
		var e *MappingError
		if !errors.Is(err, tt.err) || !errors.As(err, &e) || !strings.HasPrefix(e.Path, tt.path) {
			t.Errorf("%T: %v, want %v in %s", tt.v, err, tt.err, tt.path)
		}
		if _, err := Marshal(tt.v, AMF0); !errors.Is(err, tt.err) {
			t.Errorf("Marshal of %T: %v", tt.v, err)
		}
	}
}

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
