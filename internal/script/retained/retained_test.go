package retained

import (
	"bytes"
	"math/big"
	"testing"
)

type node struct {
	next  *node
	name  string
	any   any
	list  []*node
	table map[string]*node
	back  func()
}

const most = 1 << 40

func TestSize(t *testing.T) {
	m := New("penstock/internal/script/retained")
	const size = 8 + 16 + 16 + 24 + 8 + 8 // of a node
	loop := &node{}
	loop.next = &node{next: loop}
	shared := []byte("0123456789")
	for _, tt := range []struct {
		name string
		root any
		want int64
	}{
		{"nothing", nil, 0},
		{"a node", &node{}, size},
		{"a circle of two", loop, 2 * size},
		{"text", &node{name: "0123456789"}, size + 10},
		{"a number in an interface", &node{any: 1.5}, size + 8},
		{"what is held twice", &node{any: &struct{ a, b []byte }{shared, shared}}, size + 48 + 10},
		{"a list", &node{list: []*node{{}, nil, {}}}, size + 3*8 + 2*size},
		{"a table", &node{table: map[string]*node{"ab": {}}}, size + 33 + 2 + size}, // 25 bytes an entry, and room
		{"what a function holds", &node{back: func() { _ = loop }}, size},
		{"another package's", &node{any: bytes.NewBuffer(make([]byte, 1000))}, size},
		{"a pointer within a struct", &node{any: struct{ n *node }{&node{}}}, 2 * size},
		{"structs as keys", &node{any: map[struct{ s string }]int8{{"abc"}: 1, {"d"}: 2}}, size + 2*18*8/6 + 4},
		{"texts in an array", &node{any: [2]string{"ab", "c"}}, size + 32 + 3},
		{"a slice of numbers", &node{any: make([]int32, 3, 100)}, size + 24 + 400},
	} {
		if got := m.Size(tt.root, most); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	if got := New("penstock/internal/script/retained", "math/big").Size(&node{any: new(big.Int).Lsh(big.NewInt(1), 8000)}, most); got < size+1000 {
		t.Errorf("another package that is measured too: %d", got)
	}
}

// A long chain is no deep recursion, and is left when it is enough.
func TestLong(t *testing.T) {
	var n *node
	for range 200_000 {
		n = &node{next: n}
	}
	m := New("penstock/internal/script/retained")
	if got := m.Size(n, most); got != 200_000*80 {
		t.Errorf("%d", got)
	}
	if got := m.Size(n, 1000); got <= 1000 || got > 2000 {
		t.Errorf("with enough at 1000: %d", got)
	}
}
