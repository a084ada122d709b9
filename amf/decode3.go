package amf

import (
	"encoding/binary"
	"math"
)

// The type markers of AMF3 (AMF3 spec §3.1).
const (
	mark3Undefined    = 0x00
	mark3Null         = 0x01
	mark3False        = 0x02
	mark3True         = 0x03
	mark3Integer      = 0x04
	mark3Double       = 0x05
	mark3String       = 0x06
	mark3XMLDocument  = 0x07
	mark3Date         = 0x08
	mark3Array        = 0x09
	mark3Object       = 0x0A
	mark3XML          = 0x0B
	mark3ByteArray    = 0x0C
	mark3VectorInt    = 0x0D
	mark3VectorUint   = 0x0E
	mark3VectorDouble = 0x0F
	mark3VectorObject = 0x10
	mark3Dictionary   = 0x11
)

// tables are the three reference tables of AMF3 (AMF3 spec §2.2).
type tables struct {
	strings []string
	objects []Value
	traits  []*traits
	carried int // objects of earlier values in the message
}

// traits is the shape of a class (AMF3 spec §3.12).
type traits struct {
	class             string
	external, dynamic bool
	sealed            []string
}

// stringBytes is what an entry of the string table or a sealed name counts
// against Limits.Bytes, beside its text.
const stringBytes = 16

func (t *tables) empty() bool {
	return len(t.strings) == 0 && len(t.objects) == 0 && len(t.traits) == 0
}

// value3 reads one AMF3 value.
func (d *Decoder) value3() (Value, error) {
	m, err := d.begin()
	if err != nil {
		return nil, err
	}
	switch m {
	case mark3Undefined:
		return Undefined, nil
	case mark3Null:
		return nil, nil
	case mark3False:
		return false, nil
	case mark3True:
		return true, nil
	case mark3Integer:
		u, err := d.u29()
		return int32(u<<3) >> 3, err
	case mark3Double:
		return boxed(d.f64())
	case mark3String:
		return boxed(d.string3(d.lim.LongString))
	}
	if m > mark3Dictionary {
		d.off--
		return nil, d.fail(ErrMarker)
	}
	u, err := d.u29()
	if err != nil {
		return nil, err
	}
	if u&1 == 0 {
		return d.reference3(m, int(u>>1))
	}
	switch m {
	case mark3XMLDocument, mark3XML, mark3Date, mark3ByteArray, mark3VectorInt, mark3VectorUint, mark3VectorDouble:
		v, err := d.leaf3(m, int(u>>1))
		if err != nil {
			return nil, err
		}
		d.t.objects = append(d.t.objects, v)
		return v, nil
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.left.leave()
	switch m {
	case mark3Array:
		return d.array3(int(u >> 1))
	case mark3VectorObject:
		return d.vectorObject(int(u >> 1))
	case mark3Dictionary:
		return d.dictionary(int(u >> 1))
	}
	return d.object3(u)
}

// u29 reads a variable length unsigned 29-bit integer (AMF3 spec §1.3.1): the
// fourth byte has eight bits of the value, the others seven.
func (d *Decoder) u29() (uint32, error) {
	var u uint32
	for i := range 4 {
		b, err := d.u8()
		if err != nil {
			return 0, err
		}
		if i == 3 {
			return u<<8 | uint32(b), nil
		}
		u = u<<7 | uint32(b&0x7F)
		if b < 0x80 {
			break
		}
	}
	return u, nil
}

// string3 reads a string or a reference to one. The empty string is never in
// the table.
func (d *Decoder) string3(limit int) (string, error) {
	u, err := d.u29()
	if err != nil {
		return "", err
	}
	if u&1 == 0 {
		if i := int(u >> 1); i < len(d.t.strings) {
			if len(d.t.strings[i]) > limit {
				return "", d.fail(ErrString)
			}
			return d.t.strings[i], nil
		}
		return "", d.fail(ErrReference)
	}
	if u == 1 {
		return "", nil
	}
	if err := d.left.pay(stringBytes); err != nil {
		return "", d.fail(err)
	}
	b, err := d.text(int(u>>1), limit)
	if err != nil {
		return "", err
	}
	s := name(b)
	d.t.strings = append(d.t.strings, s)
	return s, nil
}

func (d *Decoder) reference3(m byte, i int) (Value, error) {
	if i >= len(d.t.objects) || i < d.t.carried && mark3(d.t.objects[i]) != m {
		return nil, d.fail(ErrReference)
	}
	return d.t.objects[i], nil
}

// leaf3 reads the values that have a place in the object table but no
// children.
func (d *Decoder) leaf3(m byte, n int) (Value, error) {
	switch m {
	case mark3XMLDocument:
		s, err := d.string(n, d.lim.LongString)
		return XMLDocument(s), err
	case mark3XML:
		s, err := d.string(n, d.lim.LongString)
		return XML(s), err
	case mark3Date:
		ms, err := d.f64()
		return Date{Millis: ms}, err
	case mark3ByteArray:
		b, err := d.text(n, d.lim.LongString)
		if err != nil {
			return nil, err
		}
		return &ByteArray{append([]byte(nil), b...)}, nil
	}
	fixed, err := d.u8()
	if err != nil {
		return nil, err
	}
	size := 4
	if m == mark3VectorDouble {
		size = 8
	}
	if n > (len(d.b)-d.off)/size {
		return nil, d.fail(ErrTruncated)
	}
	b, err := d.text(n*size, d.left.bytes)
	if err != nil {
		return nil, d.fail(ErrBytes)
	}
	switch m {
	case mark3VectorInt:
		v := &VectorInt{Fixed: fixed != 0, Data: make([]int32, n)}
		for i := range v.Data {
			v.Data[i] = int32(binary.BigEndian.Uint32(b[4*i:]))
		}
		return v, nil
	case mark3VectorUint:
		v := &VectorUint{Fixed: fixed != 0, Data: make([]uint32, n)}
		for i := range v.Data {
			v.Data[i] = binary.BigEndian.Uint32(b[4*i:])
		}
		return v, nil
	}
	v := &VectorDouble{Fixed: fixed != 0, Data: make([]float64, n)}
	for i := range v.Data {
		v.Data[i] = math.Float64frombits(binary.BigEndian.Uint64(b[8*i:]))
	}
	return v, nil
}

// array3 reads an array: named members first, then n dense elements.
func (d *Decoder) array3(n int) (Value, error) {
	a := &Array{}
	d.t.objects = append(d.t.objects, a)
	base := len(d.props)
	if err := d.dynamic3(base); err != nil {
		return nil, err
	}
	a.Assoc = d.popProps(base)
	a.ECMA = len(a.Assoc) > 0
	var err error
	a.Dense, err = d.elements(n, (*Decoder).value3)
	return boxed(a, err)
}

// dynamic3 stacks named members up to the empty name.
func (d *Decoder) dynamic3(base int) error {
	for {
		key, err := d.string3(d.lim.String)
		if err != nil {
			return err
		}
		if key == "" {
			return nil
		}
		if err := d.member3(base, key); err != nil {
			return err
		}
	}
}

// member3 stacks the member of the given name, whose value comes next.
func (d *Decoder) member3(base int, key string) error {
	v, err := d.value3()
	if err != nil {
		return within(err, keyStep(key))
	}
	return d.push(base, key, v)
}

// object3 reads an object whose header is u.
func (d *Decoder) object3(u uint32) (Value, error) {
	tr, err := d.traits3(u)
	if err != nil {
		return nil, err
	}
	if tr.external {
		return d.external(tr.class)
	}
	o := &Object{Class: tr.class, Sealed: len(tr.sealed), Static: !tr.dynamic}
	d.t.objects = append(d.t.objects, o)
	base := len(d.props)
	for _, key := range tr.sealed {
		if err := d.member3(base, key); err != nil {
			return nil, err
		}
	}
	if tr.dynamic {
		if err := d.dynamic3(base); err != nil {
			return nil, err
		}
	}
	o.Props = d.popProps(base)
	return o, nil
}

// traits3 reads the traits of an object or takes them from the table.
func (d *Decoder) traits3(u uint32) (*traits, error) {
	if u&2 == 0 {
		i := int(u >> 2)
		if i >= len(d.t.traits) {
			return nil, d.fail(ErrReference)
		}
		return d.t.traits[i], nil
	}
	tr := &traits{external: u&4 != 0, dynamic: u&8 != 0}
	var err error
	if tr.class, err = d.string3(d.lim.String); err != nil {
		return nil, err
	}
	if n := int(u >> 4); !tr.external && n > 0 {
		if n > d.lim.Sealed {
			return nil, d.fail(ErrKeys)
		}
		if n > len(d.b)-d.off { // each takes a byte at least
			return nil, d.fail(ErrTruncated)
		}
		if err := d.left.pay(n * stringBytes); err != nil {
			return nil, d.fail(err)
		}
		tr.sealed = make([]string, n)
		for i := range tr.sealed {
			if tr.sealed[i], err = d.string3(d.lim.String); err != nil {
				return nil, err
			}
		}
	}
	d.t.traits = append(d.t.traits, tr)
	return tr, nil
}

func (d *Decoder) vectorObject(n int) (Value, error) {
	v := &VectorObject{}
	d.t.objects = append(d.t.objects, v)
	fixed, err := d.u8()
	if err != nil {
		return nil, err
	}
	v.Fixed = fixed != 0
	if v.Type, err = d.string3(d.lim.String); err != nil {
		return nil, err
	}
	v.Data, err = d.elements(n, (*Decoder).value3)
	return boxed(v, err)
}

// dictionary reads n pairs. They wait on the elements' stack, key before
// value.
func (d *Decoder) dictionary(n int) (Value, error) {
	v := &Dictionary{}
	d.t.objects = append(d.t.objects, v)
	weak, err := d.u8()
	if err != nil {
		return nil, err
	}
	v.Weak = weak != 0
	if n > (len(d.b)-d.off)/2 {
		return nil, d.fail(ErrTruncated)
	}
	flat, err := d.elements(2*n, (*Decoder).value3)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		v.Entries = make([]Entry, n)
		for i := range v.Entries {
			v.Entries[i] = Entry{flat[2*i], flat[2*i+1]}
		}
	}
	return v, nil
}
