package amf

import (
	"errors"
	"math"
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
