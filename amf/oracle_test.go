package amf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// oracle is a second reader of both formats, written from the specifications
// and as plainly as can be: no limits, no errors but panics. It prints what it
// reads, in a form of its own, with "#n" for the nth thing that can be
// referred to. Nothing of the package under test is used.
type oracle struct {
	b       []byte
	objects int // of the AMF0 table
	strings []string
	things  int // of the AMF3 object table
	classes []oracleClass
}

type oracleClass struct {
	name     string
	external bool
	dynamic  bool
	sealed   []string
}

func (o *oracle) n(n int) []byte {
	b := o.b[:n]
	o.b = o.b[n:]
	return b
}

func (o *oracle) u8() int     { return int(o.n(1)[0]) }
func (o *oracle) u16() int    { return int(binary.BigEndian.Uint16(o.n(2))) }
func (o *oracle) u32() uint32 { return binary.BigEndian.Uint32(o.n(4)) }
func (o *oracle) f64() string {
	return oracleFloat(math.Float64frombits(binary.BigEndian.Uint64(o.n(8))))
}
func (o *oracle) short() string   { return string(o.n(o.u16())) }
func (o *oracle) long() string    { return string(o.n(int(o.u32()))) }
func (o *oracle) at(i int) string { return "#" + strconv.Itoa(i) }

func oracleFloat(f float64) string { return "f" + strconv.FormatFloat(f, 'x', -1, 64) }

// members0 reads members and the end marker.
func (o *oracle) members0() string {
	s := "{"
	for {
		key := o.short()
		if key == "" && o.b[0] == 9 {
			o.u8()
			return s + "}"
		}
		s += strconv.Quote(key) + ":" + o.amf0() + " "
	}
}

func (o *oracle) amf0() string {
	switch m := o.u8(); m {
	case 0x00:
		return o.f64()
	case 0x01:
		return fmt.Sprint(o.u8() != 0)
	case 0x02:
		return strconv.Quote(o.short())
	case 0x03:
		o.objects++
		return o.members0()
	case 0x05:
		return "null"
	case 0x06:
		return "undefined"
	case 0x07:
		return o.at(o.u16())
	case 0x08:
		o.objects++
		o.u32()
		return "ecma" + o.members0()
	case 0x0A:
		o.objects++
		s := "["
		for range o.u32() {
			s += o.amf0() + " "
		}
		return s + "]"
	case 0x0B:
		return "date " + o.f64() + " " + strconv.Itoa(int(int16(o.u16())))
	case 0x0C:
		return strconv.Quote(o.long())
	case 0x0D:
		return "unsupported"
	case 0x0F:
		return "xmldoc " + strconv.Quote(o.long())
	case 0x10:
		o.objects++
		class := o.short()
		return strconv.Quote(class) + o.members0()
	case 0x11:
		o.strings, o.things, o.classes = nil, 0, nil
		return "<" + o.amf3() + ">"
	default:
		panic(fmt.Sprintf("marker %#x", m))
	}
}

func (o *oracle) u29() int {
	n := 0
	for range 3 {
		b := o.u8()
		n = n<<7 + b&0x7F
		if b < 0x80 {
			return n
		}
	}
	return n<<8 + o.u8()
}

func (o *oracle) text() string {
	n := o.u29()
	if n&1 == 0 {
		return o.strings[n/2]
	}
	s := string(o.n(n / 2))
	if s != "" {
		o.strings = append(o.strings, s)
	}
	return s
}

func (o *oracle) members3() string {
	s := ""
	for {
		key := o.text()
		if key == "" {
			return s
		}
		s += strconv.Quote(key) + ":" + o.amf3() + " "
	}
}

func (o *oracle) list3(n int) string {
	s := "["
	for range n {
		s += o.amf3() + " "
	}
	return s + "]"
}

func (o *oracle) amf3() string {
	m := o.u8()
	switch m {
	case 0x00:
		return "undefined"
	case 0x01:
		return "null"
	case 0x02:
		return "false"
	case 0x03:
		return "true"
	case 0x04:
		n := o.u29()
		if n >= 1<<28 {
			n -= 1 << 29
		}
		return strconv.Itoa(n)
	case 0x05:
		return o.f64()
	case 0x06:
		return strconv.Quote(o.text())
	}
	n := o.u29()
	if n&1 == 0 {
		return o.at(n / 2)
	}
	o.things++
	n /= 2
	switch m {
	case 0x07:
		return "xmldoc " + strconv.Quote(string(o.n(n)))
	case 0x08:
		return "date " + o.f64()
	case 0x09:
		return "array{" + o.members3() + "}" + o.list3(n)
	case 0x0A:
		return o.object3(n)
	case 0x0B:
		return "xml " + strconv.Quote(string(o.n(n)))
	case 0x0C:
		return fmt.Sprintf("bytes %x", o.n(n))
	case 0x11:
		s := fmt.Sprint("dictionary ", o.u8())
		for range n {
			s += " (" + o.amf3() + " " + o.amf3() + ")"
		}
		return s
	}
	s := fmt.Sprintf("vector %#x %d", m, o.u8())
	switch m {
	case 0x0D, 0x0E:
		for range n {
			s += fmt.Sprintf(" %d", o.u32())
		}
	case 0x0F:
		for range n {
			s += " " + o.f64()
		}
	case 0x10:
		return s + " " + strconv.Quote(o.text()) + o.list3(n)
	default:
		panic(fmt.Sprintf("marker %#x", m))
	}
	return s
}

// object3 reads an object whose header, without its lowest bit, is n.
func (o *oracle) object3(n int) string {
	var c oracleClass
	switch {
	case n&1 == 0:
		c = o.classes[n>>1]
	default:
		c.external, c.dynamic = n&2 != 0, n&4 != 0
		c.name = o.text()
		for range n >> 3 {
			c.sealed = append(c.sealed, o.text())
		}
		o.classes = append(o.classes, c)
	}
	if c.external {
		if !strings.HasPrefix(c.name, "flex.messaging.io.") {
			panic("externalizable " + c.name)
		}
		return strconv.Quote(c.name) + "(" + o.amf3() + ")"
	}
	s := strconv.Quote(c.name) + "{"
	for _, key := range c.sealed {
		s += strconv.Quote(key) + ":" + o.amf3() + " "
	}
	s += "|"
	if c.dynamic {
		s += o.members3()
	}
	return s + "}"
}

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

// The oracle reads the same from the rows of the table as the decoder, where
// they hold nothing it does not know.
func TestOracleReadsTable(t *testing.T) {
	read := 0
	for _, r := range slices.Concat(messages(), clients()) {
		if r.version != AMF0 || r.out == "-" {
			continue
		}
		in := r.bytes(t)
		d := NewDecoder(in, AMF0)
		for d.More() {
			start := d.Offset()
			v, err := d.Decode()
			if err != nil {
				t.Fatal(err)
			}
			checkOracle(t, in[start:d.Offset()], v, AMF0)
			read++
		}
	}
	if read < 50 {
		t.Errorf("%d values read", read)
	}
}

// checkOracle compares the oracle's reading of b with v, which was decoded
// from it.
func checkOracle(t *testing.T, b []byte, v Value, ver Version) {
	t.Helper()
	o := oracle{b: b}
	var got string
	if ver == AMF3 {
		got = o.amf3()
	} else {
		got = o.amf0()
	}
	d := drawer{amf3: ver == AMF3, seen: map[Value]int{}}
	if want := d.draw(v); got != want || len(o.b) != 0 {
		t.Fatalf("%x\nreads  %s\nwanted %s\nand %d bytes more", b, got, want, len(o.b))
	}
}

// drawer prints a decoded value as the oracle does: a pointer met again is a
// reference.
type drawer struct {
	amf3 bool
	next int
	seen map[Value]int
}

func (d *drawer) draw(v Value) string {
	if isPointer(v) {
		if i, ok := d.seen[v]; ok {
			return "#" + strconv.Itoa(i)
		}
		d.seen[v] = d.next
		d.next++
	}
	switch v := v.(type) {
	case nil:
		return "null"
	case UndefinedType:
		return "undefined"
	case bool:
		return fmt.Sprint(v)
	case float64:
		return oracleFloat(v)
	case int32:
		return fmt.Sprint(v)
	case string:
		return strconv.Quote(v)
	case XML:
		d.next++
		return "xml " + strconv.Quote(string(v))
	case XMLDocument:
		if d.amf3 {
			d.next++
		}
		return "xmldoc " + strconv.Quote(string(v))
	case Date:
		if d.amf3 {
			d.next++
			return "date " + oracleFloat(v.Millis)
		}
		return "date " + oracleFloat(v.Millis) + " " + fmt.Sprint(v.Zone)
	case *Object:
		return d.object(v)
	case *Array:
		switch {
		case d.amf3:
			return "array{" + d.props(v.Assoc) + "}" + d.values(v.Dense)
		case v.ECMA:
			return "ecma{" + d.props(v.Assoc) + "}"
		}
		return d.values(v.Dense)
	}
	return d.only3(v)
}

func (d *drawer) object(v *Object) string {
	class := strconv.Quote(v.Class)
	switch {
	case d.amf3:
		return class + "{" + d.props(v.Props[:v.Sealed]) + "|" + d.props(v.Props[v.Sealed:]) + "}"
	case v.Class == "":
		class = ""
	}
	return class + "{" + d.props(v.Props) + "}"
}

func (d *drawer) only3(v Value) string {
	bit := map[bool]int{true: 1}
	switch v := v.(type) {
	case *ByteArray:
		return fmt.Sprintf("bytes %x", v.Data)
	case *VectorInt:
		return fmt.Sprintf("vector 0xd %d %d", bit[v.Fixed], uint32(v.Data[0]))
	case *VectorUint:
		return fmt.Sprintf("vector 0xe %d %d", bit[v.Fixed], v.Data[0])
	case *VectorDouble:
		return fmt.Sprintf("vector 0xf %d %s %s", bit[v.Fixed], oracleFloat(v.Data[0]), oracleFloat(v.Data[1]))
	case *VectorObject:
		return fmt.Sprintf("vector 0x10 %d %s%s", bit[v.Fixed], strconv.Quote(v.Type), d.values(v.Data))
	case *Dictionary:
		s := fmt.Sprint("dictionary ", bit[v.Weak])
		for _, e := range v.Entries {
			s += " (" + d.draw(e.Key) + " " + d.draw(e.Value) + ")"
		}
		return s
	case *Externalizable:
		return strconv.Quote(v.Class) + "(" + d.draw(v.Props[0].Value) + ")"
	}
	return fmt.Sprintf("%T", v)
}

func (d *drawer) props(ps []Prop) string {
	s := ""
	for _, p := range ps {
		s += strconv.Quote(p.Key) + ":" + d.draw(p.Value) + " "
	}
	return s
}

func (d *drawer) values(vs []Value) string {
	s := "["
	for _, v := range vs {
		s += d.draw(v) + " "
	}
	return s + "]"
}
