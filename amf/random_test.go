package amf

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// maker makes random values, sharing and cycles included.
type maker struct {
	r     *rand.Rand
	amf3  bool
	depth int
	made  []Value // pointers
}

func (m *maker) text() string {
	words := []string{"", "a", "code", "level", "é\x00", "x y", strings.Repeat("long", 50)}
	return words[m.r.IntN(len(words))]
}

func (m *maker) key() string {
	if s := m.text(); s != "" {
		return s
	}
	return "k" + strconv.Itoa(m.r.IntN(100))
}

func (m *maker) float() float64 {
	special := []float64{0, 1, -1, 0.5, math.NaN(), math.Inf(1), 1 << 28, -1<<28 - 1, 1e300}
	return special[m.r.IntN(len(special))]
}

func (m *maker) props() []Prop {
	var ps []Prop
	for range m.r.IntN(4) {
		ps = append(ps, Prop{m.key(), m.value()})
	}
	return ps
}

func (m *maker) values() []Value {
	var vs []Value
	for range m.r.IntN(4) {
		vs = append(vs, m.value())
	}
	return vs
}

func (m *maker) value() Value {
	if m.depth > 6 {
		return nil
	}
	m.depth++
	defer func() { m.depth-- }()
	if len(m.made) > 0 && m.r.IntN(6) == 0 {
		return m.made[m.r.IntN(len(m.made))]
	}
	simple := []func() Value{
		func() Value { return nil },
		func() Value { return Undefined },
		func() Value { return m.r.IntN(2) == 0 },
		func() Value { return m.float() },
		func() Value { return m.text() },
		func() Value { return Date{Millis: m.float()} },
		func() Value { return XMLDocument(m.text()) },
		m.object, m.array, m.object, m.array,
	}
	if !m.amf3 {
		return simple[m.r.IntN(len(simple))]()
	}
	simple = append(simple,
		func() Value { return int32(m.r.Uint32()) >> (3 + m.r.IntN(29)) },
		func() Value { return XML(m.text()) },
		func() Value { return &ByteArray{[]byte(m.text())} },
		func() Value { return &VectorInt{m.r.IntN(2) == 0, []int32{int32(m.r.Uint32())}} },
		func() Value { return &VectorUint{m.r.IntN(2) == 0, []uint32{m.r.Uint32()}} },
		func() Value { return &VectorDouble{m.r.IntN(2) == 0, []float64{m.float(), m.float()}} },
		m.vector, m.dictionary, m.collection)
	return simple[m.r.IntN(len(simple))]()
}

func (m *maker) object() Value {
	o := &Object{}
	m.made = append(m.made, o)
	if m.r.IntN(2) == 0 {
		o.Class = m.text()
	}
	o.Props = m.props()
	if m.amf3 {
		o.Sealed = m.r.IntN(len(o.Props) + 1)
		o.Static = o.Sealed == len(o.Props) && m.r.IntN(2) == 0
	}
	return o
}

func (m *maker) array() Value {
	a := &Array{}
	m.made = append(m.made, a)
	if m.amf3 || m.r.IntN(2) == 0 {
		a.Dense = m.values()
	}
	if m.amf3 || a.Dense == nil {
		a.Assoc = m.props()
	}
	a.ECMA = len(a.Assoc) > 0
	return a
}

func (m *maker) vector() Value {
	v := &VectorObject{Fixed: true, Type: m.text()}
	m.made = append(m.made, v)
	v.Data = m.values()
	return v
}

func (m *maker) dictionary() Value {
	v := &Dictionary{Weak: m.r.IntN(2) == 0}
	m.made = append(m.made, v)
	for range m.r.IntN(3) {
		v.Entries = append(v.Entries, Entry{m.value(), m.value()})
	}
	return v
}

func (m *maker) collection() Value {
	x := &Externalizable{Class: "flex.messaging.io.ArrayCollection"}
	m.made = append(m.made, x)
	x.Props = props("source", m.value())
	return x
}

// Random values come back as they were, in both settings of the encoder, and
// the oracle agrees with the bytes: it reads the same from what was written
// first as from what was written again, and the graph of references it sees is
// the graph of pointers.
func TestRandomValues(t *testing.T) {
	written, cut := 0, 0
	for seed := range uint64(700) {
		for _, ver := range []Version{AMF0, AMF3} {
			m := maker{r: rand.New(rand.NewPCG(seed, uint64(ver))), amf3: ver == AMF3}
			v := NewArray(m.object(), m.array(), m.value(), m.value())
			for _, refs := range []bool{false, true} {
				e := Encoder{Version: ver, References: refs}
				b, err := e.Append(nil, v)
				if err != nil { // a dense graph, unrolled
					if refs || !errors.Is(err, ErrNodes) && !errors.Is(err, ErrBytes) {
						t.Fatalf("seed %d: %s: %v", seed, Format(v), err)
					}
					cut++
					continue
				}
				wide := Limits{Depth: 128, Nodes: walkNodes, Bytes: walkBytes}
				w, err := NewDecoderLimits(b, ver, wide).Decode()
				if err != nil || !Equal(v, w) {
					t.Fatalf("seed %d: %s came back as %s, %v", seed, Format(v), Format(w), err)
				}
				again, err := e.Append(nil, w)
				if err != nil || string(again) != string(b) {
					t.Fatalf("seed %d: %x, then %x (%v)", seed, b, again, err)
				}
				written += len(b)
				if len(b) < 10_000 {
					checkOracle(t, b, w, ver)
				}
			}
		}
	}
	if written < 1<<19 || cut > 100 {
		t.Errorf("%d bytes, %d values too large to unroll", written, cut)
	}
}
