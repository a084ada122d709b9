package amf

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// hazards are values that are small to send and endless to follow.
func hazards() map[string]Value {
	ring := obj("next", nil)
	last := ring
	for range 20 {
		last = obj("next", last)
	}
	ring.Set("next", last)
	byKey := &Dictionary{}
	byKey.Entries = []Entry{{Key: byKey, Value: byKey}}
	typed := &VectorObject{Type: "T"}
	typed.Data = vals(typed, typed)
	proxy := &Externalizable{Class: "flex.messaging.io.ObjectProxy"}
	proxy.Props = props("object", proxy)
	list := &Externalizable{Class: "flex.messaging.io.ArrayCollection"}
	list.Props = props("source", NewArray(list, list))
	mixed := &Array{}
	mixed.Assoc = props("0", mixed, "1", obj("up", mixed))
	members := Value(obj())
	for range 40 {
		members = obj("a", members, "b", members)
	}
	keyed := Value("k")
	for range 40 {
		keyed = &Dictionary{Entries: []Entry{{keyed, keyed}}}
	}
	text := strings.Repeat("x", 1<<18)
	texts := NewArray(make([]Value, 10_000)...)
	for i := range texts.Dense {
		texts.Dense[i] = text
	}
	wide := NewArray(make([]Value, 5000)...)
	square := NewArray(make([]Value, 5000)...)
	for i := range square.Dense {
		square.Dense[i] = wide
	}
	data := &ByteArray{make([]byte, 1<<18)}
	blobs := NewArray(make([]Value, 10_000)...)
	for i := range blobs.Dense {
		blobs.Dense[i] = data
	}
	return map[string]Value{
		"object in itself": loop0(), "array in itself": loop3(), "ring": ring, "dictionary as its key": byKey,
		"vector in itself": typed, "proxy of itself": proxy, "collection of itself": list, "mixed array": mixed,
		"laughs": laughs(40), "members": members, "keys": keyed, "deep": laughs(5000), "one text often": texts,
		"square": square, "one blob often": blobs,
	}
}

// Every walker ends on every hazard, soon, and with an error of this package
// if with any.
func TestWalkersEnd(t *testing.T) {
	type tree struct {
		Next, A, B *tree
		Source     []any `amf:"source"`
		Object     any   `amf:"object"`
	}
	encode := func(e Encoder) func(Value) error {
		return func(v Value) error {
			_, err := e.Append(nil, nil, v)
			return err
		}
	}
	assign := func(dst any) func(Value) error {
		return func(v Value) error { return Assign(dst, v) }
	}
	var lists []any
	type rec []rec
	type recMap map[string]recMap
	walkers := map[string]func(Value) error{
		"AMF0":            encode(Encoder{}),
		"AMF0 references": encode(Encoder{References: true}),
		"AMF0 avmplus":    encode(Encoder{Avmplus: true}),
		"AMF3":            encode(Encoder{Version: AMF3}),
		"AMF3 references": encode(Encoder{Version: AMF3, References: true}),
		"JSON":            func(v Value) error { _, err := AppendJSON(nil, v); return err },
		"Copy":            func(v Value) error { _, err := Copy(v); return err },
		"Format":          func(v Value) error { Format(v); return nil },
		"Equal":           func(v Value) error { Equal(v, hazards()["laughs"]); return nil },
		"Equal to a copy": func(v Value) error {
			c, err := Copy(v)
			if err == nil {
				Equal(v, c)
			}
			return err
		},
		"ToValue":        func(v Value) error { _, err := ToValue([]any{v, []any{v}}); return err },
		"Assign struct":  assign(new(tree)),
		"Assign any":     assign(&lists),
		"Assign slices":  assign(new(rec)),
		"Assign maps":    assign(new(recMap)),
		"Assign strings": assign(new([]string)),
		"Assign bytes":   assign(new([][]byte)),
		"Assign structs": assign(new([]tree)),
	}
	sentinels := []error{ErrCycle, ErrDepth, ErrNodes, ErrBytes, ErrType}
	for what, v := range hazards() {
		for how, walk := range walkers {
			start := time.Now()
			err := walk(v)
			if d := time.Since(start); d > 30*time.Second {
				t.Errorf("%s of %s took %v", how, what, d)
			}
			known := err == nil
			for _, s := range sentinels {
				known = known || errors.Is(err, s)
			}
			if !known {
				t.Errorf("%s of %s: %v", how, what, err)
			}
			var path string
			if e, ok := err.(*SyntaxError); ok {
				path = e.Path
			} else if e, ok := err.(*MappingError); ok {
				path = e.Path
			} else if err != nil {
				t.Errorf("%s of %s: %T", how, what, err)
			}
			if len(path) > 128*70 {
				t.Errorf("%s of %s: a path of %d bytes", how, what, len(path))
			}
		}
	}
}

// What a peer sends to build such a value is read in no time and little memory.
func TestHazardsOnTheWire(t *testing.T) {
	// Each strict array holds the one before twice, by reference.
	in := []byte{mark0Strict, 0, 0, 0, 31, mark0Strict, 0, 0, 0, 0}
	for i := range 30 {
		in = append(in, mark0Strict, 0, 0, 0, 2, mark0Reference, 0, byte(i+1), mark0Reference, 0, byte(i+1))
	}
	v, err := NewDecoder(in, AMF0).Decode()
	if err != nil {
		t.Fatal(err)
	}
	for name, walk := range map[string]func() error{
		"encode": func() error { _, err := Append0(nil, v); return err },
		"JSON":   func() error { _, err := AppendJSON(nil, v); return err },
	} {
		if err := walk(); !errors.Is(err, ErrNodes) {
			t.Errorf("%s: %v, want %v", name, err, ErrNodes)
		}
	}
	if c, err := Copy(v); err != nil || !Equal(c, v) {
		t.Errorf("copy: %v", err)
	}
	refs := Encoder{References: true}
	if out, err := refs.Append(nil, v); err != nil || !bytes.Equal(out, in) {
		t.Errorf("with references: %x, %v", out, err)
	}
	// 2-byte objects, each a node.
	flood := append([]byte{mark3Array, 0xFF, 0xFF, 0x7F, 1, mark3Object, 0x0B, 1, 1}, bytes.Repeat([]byte{mark3Object, 1, 1}, 1<<20)...)
	if _, err := NewDecoder(flood, AMF3).Decode(); !errors.Is(err, ErrNodes) {
		t.Errorf("flood of empty objects: %v", err)
	}
	// One name of 64 KiB, used by every member.
	e := Encoder{Version: AMF3}
	long := strings.Repeat("k", 60_000)
	many := obj()
	for range 1000 {
		many.Props = append(many.Props, Prop{long, nil})
	}
	b, err := e.Append(nil, many)
	if err != nil || len(b) > 70_000 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if v, err = NewDecoder(b, AMF3).Decode(); err != nil {
		t.Fatal(err)
	}
	if _, err := Append0(nil, v); !errors.Is(err, ErrBytes) { // 60 MB
		t.Errorf("60 MB of names: %v", err)
	}
	if _, err := AppendJSON(nil, v); !errors.Is(err, ErrBytes) {
		t.Errorf("60 MB of names as JSON: %v", err)
	}
	if s := Format(v); len(s) > 3*formatBytes {
		t.Errorf("%d bytes of text", len(s))
	}
}

func TestEncoderIsSharedSafely(t *testing.T) {
	e := Encoder{References: true}
	vs := vals("connect", 1.0, hazards()["ring"], hazards()["vector in itself"])
	want, err := e.Append(nil, vs...)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got, err := e.Append(nil, vs...); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%x, %v; want %x", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}
