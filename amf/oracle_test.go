package amf

import (
	"encoding/binary"
	"fmt"
	"math"
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

func (o *oracle) u8() int { return int(o.n(1)[0]) }

func (o *oracle) u16() int { return int(binary.BigEndian.Uint16(o.n(2))) }

func (o *oracle) u32() uint32 { return binary.BigEndian.Uint32(o.n(4)) }

func (o *oracle) f64() string {
	return oracleFloat(math.Float64frombits(binary.BigEndian.Uint64(o.n(8))))
}

func (o *oracle) short() string { return string(o.n(o.u16())) }

func (o *oracle) long() string { return string(o.n(int(o.u32()))) }

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
