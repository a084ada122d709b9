package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// decoder reads the values of one body. AMF0 references and AMF3's three tables live as long as the body.
type decoder struct {
	b      []byte
	pos    int
	values int
	refs   []any // AMF0: complex values in the order of their beginning

	strings []string
	objects []any
	traits  []*traits
}

// DecodeAll reads all values of an AMF0 body, in which 0x11 switches to AMF3 for one value. With an error it returns what came
// before.
func DecodeAll(b []byte) ([]any, error) {
	d := &decoder{b: b}
	var list []any
	for d.pos < len(d.b) {
		v, err := d.value0(0)
		if err != nil {
			return list, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (d *decoder) fail(format string, args ...any) error {
	return &SyntaxError{Offset: d.pos, Text: fmt.Sprintf(format, args...)}
}

func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.b)-d.pos {
		return nil, d.fail("%d bytes are wanted, %d are there", n, len(d.b)-d.pos)
	}
	b := d.b[d.pos : d.pos+n]
	d.pos += n
	return b, nil
}

// enter counts one value.
func (d *decoder) enter(depth int) error {
	if d.values++; d.values > maxValues {
		return d.fail("more than %d values", maxValues)
	}
	if depth > maxDepth {
		return d.fail("deeper than %d", maxDepth)
	}
	return nil
}

func (d *decoder) double() (float64, error) {
	b, err := d.take(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

// text reads a string behind a length of two or four bytes.
func (d *decoder) text(lengthBytes int) (string, error) {
	l, err := d.take(lengthBytes)
	if err != nil {
		return "", err
	}
	n := 0
	for _, c := range l {
		n = n<<8 | int(c)
	}
	b, err := d.take(n)
	return string(b), err
}

func (d *decoder) value0(depth int) (any, error) {
	if err := d.enter(depth); err != nil {
		return nil, err
	}
	m, err := d.take(1)
	if err != nil {
		return nil, err
	}
	switch m[0] {
	case 0x00:
		return d.double()
	case 0x01:
		b, err := d.take(1)
		return err == nil && b[0] != 0, err
	case 0x02:
		return d.text(2)
	case 0x03:
		return d.object0(&Object{}, depth)
	case 0x05:
		return nil, nil
	case 0x06:
		return Undefined{}, nil
	case 0x07:
		return d.reference0()
	case 0x08:
		if _, err := d.take(4); err != nil { // the count is only a hint
			return nil, err
		}
		return d.object0(&Object{ECMA: true}, depth)
	case 0x0A:
		return d.strict0(depth)
	case 0x0B:
		f, err := d.double()
		if err == nil {
			_, err = d.take(2)
		}
		return Date(f), err
	case 0x0C:
		return d.text(4)
	case 0x0D:
		return Undefined{}, nil
	case 0x0F:
		s, err := d.text(4)
		return XML(s), err
	case 0x10:
		class, err := d.text(2)
		if err != nil {
			return nil, err
		}
		return d.object0(&Object{Class: class}, depth)
	case 0x11:
		return d.value3(depth + 1)
	}
	d.pos--
	return nil, d.fail("marker 0x%02X", m[0])
}

func (d *decoder) object0(o *Object, depth int) (any, error) {
	d.refs = append(d.refs, o)
	for {
		key, err := d.text(2)
		if err != nil {
			return nil, err
		}
		if key == "" && d.pos < len(d.b) && d.b[d.pos] == 0x09 {
			d.pos++
			return o, nil
		}
		v, err := d.value0(depth + 1)
		if err != nil {
			return nil, err
		}
		o.Props = append(o.Props, Prop{key, v})
	}
}

func (d *decoder) strict0(depth int) (any, error) {
	b, err := d.take(4)
	if err != nil {
		return nil, err
	}
	n := int(get32(b))
	if n > len(d.b)-d.pos { // each value has a byte at least
		return nil, d.fail("an array of %d values in %d bytes", n, len(d.b)-d.pos)
	}
	at := len(d.refs)
	d.refs = append(d.refs, nil)
	list := make(Array, 0, n)
	for range n {
		v, err := d.value0(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	d.refs[at] = list
	return list, nil
}

func (d *decoder) reference0() (any, error) {
	b, err := d.take(2)
	if err != nil {
		return nil, err
	}
	i := int(b[0])<<8 | int(b[1])
	if i >= len(d.refs) {
		return nil, d.fail("reference %d of %d", i, len(d.refs))
	}
	return d.refs[i], nil
}

// Append0 appends values as AMF0. A value with AMF3 set, and what only AMF3 has, is appended behind 0x11.
func Append0(b []byte, values ...any) []byte {
	for _, v := range values {
		b = append0(b, v)
	}
	return b
}

func append0(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 0x05)
	case Undefined:
		return append(b, 0x06)
	case bool:
		if v {
			return append(b, 0x01, 1)
		}
		return append(b, 0x01, 0)
	case int:
		return append0(b, float64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 0x00), math.Float64bits(v))
	case string:
		if len(v) > 0xFFFF {
			return append(binary.BigEndian.AppendUint32(append(b, 0x0C), uint32(len(v))), v...)
		}
		return key0(append(b, 0x02), v)
	case Date:
		return append(binary.BigEndian.AppendUint64(append(b, 0x0B), math.Float64bits(float64(v))), 0, 0)
	case XML:
		return append(binary.BigEndian.AppendUint32(append(b, 0x0F), uint32(len(v))), v...)
	case Array:
		b = binary.BigEndian.AppendUint32(append(b, 0x0A), uint32(len(v)))
		return Append0(b, v...)
	case *Object:
		if !v.AMF3 {
			return object0(b, v)
		}
	}
	return Append3(append(b, 0x11), v)
}

func object0(b []byte, o *Object) []byte {
	switch {
	case o.ECMA:
		b = binary.BigEndian.AppendUint32(append(b, 0x08), uint32(len(o.Props)))
	case o.Class != "":
		b = key0(append(b, 0x10), o.Class)
	default:
		b = append(b, 0x03)
	}
	for _, p := range o.Props {
		b = append0(key0(b, p.Key), p.Value)
	}
	return append(b, 0, 0, 0x09)
}

func key0(b []byte, s string) []byte {
	return append(append(b, byte(len(s)>>8), byte(len(s))), s...)
}
