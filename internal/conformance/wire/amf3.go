package wire

import (
	"encoding/binary"
	"math"
)

// traits is what AMF3 says about a class.
type traits struct {
	class   string
	dynamic bool
	members []string
}

// u29 reads a number of one to four bytes (AMF3 §1.3.1).
func (d *decoder) u29() (int, error) {
	n := 0
	for i := range 4 {
		b, err := d.take(1)
		if err != nil {
			return 0, err
		}
		if i == 3 {
			return n<<8 | int(b[0]), nil
		}
		n = n<<7 | int(b[0]&0x7F)
		if b[0]&0x80 == 0 {
			break
		}
	}
	return n, nil
}

func (d *decoder) value3(depth int) (any, error) {
	if err := d.enter(depth); err != nil {
		return nil, err
	}
	m, err := d.take(1)
	if err != nil {
		return nil, err
	}
	switch m[0] {
	case 0x00:
		return Undefined{}, nil
	case 0x01:
		return nil, nil
	case 0x02, 0x03:
		return m[0] == 0x03, nil
	case 0x04:
		n, err := d.u29()
		return Int(int32(n<<3) >> 3), err
	case 0x05:
		return d.double()
	case 0x06:
		return d.string3()
	}
	n, err := d.u29()
	if err != nil {
		return nil, err
	}
	if n&1 == 0 {
		if n>>1 >= len(d.objects) {
			return nil, d.fail("object reference %d of %d", n>>1, len(d.objects))
		}
		return d.objects[n>>1], nil
	}
	return d.complex3(m[0], n>>1, depth)
}

// complex3 reads what has a place in the table of objects; n is the number behind the marker without its reference bit.
func (d *decoder) complex3(marker byte, n, depth int) (any, error) {
	at := len(d.objects)
	d.objects = append(d.objects, nil)
	var v any
	var err error
	switch marker {
	case 0x07, 0x0B, 0x0C:
		b, e := d.take(n)
		if v, err = Bytes(b), e; marker != 0x0C {
			v = XML(b)
		}
	case 0x08:
		f, e := d.double()
		v, err = Date(f), e
	case 0x09:
		v, err = d.array3(n, depth)
	case 0x0A:
		o := &Object{AMF3: true}
		d.objects[at] = o
		v, err = o, d.object3(o, n, depth)
	case 0x0D, 0x0E, 0x0F, 0x10:
		v, err = d.vector3(marker, n, depth)
	default:
		return nil, d.fail("AMF3 marker 0x%02X", marker)
	}
	if err != nil {
		return nil, err
	}
	d.objects[at] = v
	return v, nil
}

func (d *decoder) string3() (string, error) {
	n, err := d.u29()
	if err != nil {
		return "", err
	}
	if n&1 == 0 {
		if n>>1 >= len(d.strings) {
			return "", d.fail("string reference %d of %d", n>>1, len(d.strings))
		}
		return d.strings[n>>1], nil
	}
	b, err := d.take(n >> 1)
	if err == nil && len(b) > 0 {
		d.strings = append(d.strings, string(b))
	}
	return string(b), err
}

func (d *decoder) array3(n, depth int) (any, error) {
	o := &Object{ECMA: true, AMF3: true}
	if err := d.named3(o, depth); err != nil {
		return nil, err
	}
	if n > len(d.b)-d.pos {
		return nil, d.fail("an array of %d values in %d bytes", n, len(d.b)-d.pos)
	}
	list := make(Array, 0, n)
	for range n {
		v, err := d.value3(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if len(o.Props) == 0 {
		return list, nil
	}
	for i, v := range list {
		o.Props = append(o.Props, Prop{number(float64(i)), v})
	}
	return o, nil
}

// named3 reads names and values up to the empty name.
func (d *decoder) named3(o *Object, depth int) error {
	for {
		key, err := d.string3()
		if err != nil || key == "" {
			return err
		}
		v, err := d.value3(depth + 1)
		if err != nil {
			return err
		}
		o.Props = append(o.Props, Prop{key, v})
	}
}

func (d *decoder) object3(o *Object, n, depth int) error {
	t, err := d.traits3(n)
	if err != nil {
		return err
	}
	o.Class = t.class
	for _, key := range t.members {
		v, err := d.value3(depth + 1)
		if err != nil {
			return err
		}
		o.Props = append(o.Props, Prop{key, v})
	}
	if t.dynamic {
		return d.named3(o, depth)
	}
	return nil
}

func (d *decoder) traits3(n int) (*traits, error) {
	if n&1 == 0 {
		if n>>1 >= len(d.traits) {
			return nil, d.fail("traits reference %d of %d", n>>1, len(d.traits))
		}
		return d.traits[n>>1], nil
	}
	if n&2 != 0 {
		return nil, d.fail("an externalizable object, whose length only its class knows")
	}
	t := &traits{dynamic: n&4 != 0}
	var err error
	if t.class, err = d.string3(); err != nil {
		return nil, err
	}
	for range n >> 3 {
		s, err := d.string3()
		if err != nil {
			return nil, err
		}
		t.members = append(t.members, s)
	}
	d.traits = append(d.traits, t)
	return t, nil
}

func (d *decoder) vector3(marker byte, n, depth int) (any, error) {
	size := map[byte]int{0x0D: 4, 0x0E: 4, 0x0F: 8, 0x10: 1}[marker]
	if _, err := d.take(1); err != nil { // fixed length or not
		return nil, err
	}
	if marker == 0x10 {
		if _, err := d.string3(); err != nil {
			return nil, err
		}
	}
	if n*size > len(d.b)-d.pos {
		return nil, d.fail("a vector of %d values in %d bytes", n, len(d.b)-d.pos)
	}
	list := make(Array, 0, n)
	for range n {
		var v any
		var err error
		switch marker {
		case 0x0F:
			v, err = d.double()
		case 0x10:
			v, err = d.value3(depth + 1)
		default:
			b, e := d.take(4)
			if err = e; e == nil {
				v = float64(get32(b))
				if marker == 0x0D {
					v = float64(int32(get32(b)))
				}
			}
		}
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// Append3 appends a value as AMF3, without references.
func Append3(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 0x01)
	case Undefined:
		return append(b, 0x00)
	case bool:
		if v {
			return append(b, 0x03)
		}
		return append(b, 0x02)
	case Int:
		return appendU29(append(b, 0x04), int(v)&(1<<29-1))
	case int:
		return Append3(b, float64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 0x05), math.Float64bits(v))
	case string:
		return append3text(append(b, 0x06), v)
	case Date:
		return binary.BigEndian.AppendUint64(append(b, 0x08, 0x01), math.Float64bits(float64(v)))
	case XML:
		return append3text(append(b, 0x0B), string(v))
	case Bytes:
		return append3text(append(b, 0x0C), string(v))
	case Array:
		b = append(appendU29(append(b, 0x09), len(v)<<1|1), 0x01)
		for _, e := range v {
			b = Append3(b, e)
		}
		return b
	case *Object:
		if v.ECMA {
			b = appendU29(append(b, 0x09), 1)
		} else {
			b = append3text(append(b, 0x0A, 0x0B), v.Class) // inline traits, dynamic, no sealed members
		}
		for _, p := range v.Props {
			b = Append3(append3text(b, p.Key), p.Value)
		}
		return append(b, 0x01)
	}
	return append(b, 0x00)
}

func append3text(b []byte, s string) []byte { return append(appendU29(b, len(s)<<1|1), s...) }

func appendU29(b []byte, n int) []byte {
	switch {
	case n < 1<<7:
		return append(b, byte(n))
	case n < 1<<14:
		return append(b, byte(n>>7)|0x80, byte(n)&0x7F)
	case n < 1<<21:
		return append(b, byte(n>>14)|0x80, byte(n>>7)|0x80, byte(n)&0x7F)
	}
	return append(b, byte(n>>22)|0x80, byte(n>>15)|0x80, byte(n>>8)|0x80, byte(n))
}
