package amf

import (
	"encoding/binary"
	"math"
)

// maxU28 is the largest length or index of AMF3.
const maxU28 = 1<<28 - 1

// shared is the state of one AMF3 value being written.
type shared struct {
	plain   bool // write no references
	base    int  // where this value starts in encoding.open
	next    int  // reference index of the next value of the object table
	seen    map[Value]int
	strings []string
	index   map[string]int // of strings, once there are many
	traits  []shape
}

// shape is what a class was first written with. Only the first few are
// remembered: looking one up compares names.
type shape struct {
	class             string
	external, dynamic bool
	sealed            []Prop // the names count
}

const (
	maxShapes  = 64
	fewStrings = 24
)

// top3 writes one AMF3 value with fresh tables.
func (e *encoding) top3(v Value) error {
	e.values++
	s := &e.e3
	*s = shared{plain: e.values > 1, base: e.open.n, strings: s.strings[:0], traits: s.traits[:0]}
	return e.value3(v)
}

// value3 writes one AMF3 value.
func (e *encoding) value3(v Value) error {
	if err := e.begin(); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		e.dst = append(e.dst, mark3Null)
	case UndefinedType:
		e.dst = append(e.dst, mark3Undefined)
	case UnsupportedType:
		return e.fail(ErrType)
	case bool:
		m := byte(mark3False)
		if v {
			m = mark3True
		}
		e.dst = append(e.dst, m)
	case float64:
		e.dst = append(e.dst, mark3Double)
		e.f64(v)
	case int32:
		if v < -1<<28 || v >= 1<<28 {
			e.dst = append(e.dst, mark3Double)
			e.f64(float64(v))
			break
		}
		e.dst = append(e.dst, mark3Integer)
		e.u29(uint32(v) & (1<<29 - 1))
	case string:
		e.dst = append(e.dst, mark3String)
		return e.string3(v)
	case Date:
		e.e3.next++
		e.dst = append(e.dst, mark3Date, 1)
		e.f64(v.Millis)
	case XMLDocument:
		e.e3.next++
		return e.bytes3(mark3XMLDocument, string(v))
	case XML:
		e.e3.next++
		return e.bytes3(mark3XML, string(v))
	case *Object, *Array, *ByteArray, *VectorInt, *VectorUint, *VectorDouble, *VectorObject, *Dictionary, *Externalizable:
		return e.pointer3(v)
	default:
		v, err := ToValue(v)
		if err != nil {
			return e.foreign(err)
		}
		return e.value3(v)
	}
	return nil
}

func (e *encoding) u29(u uint32) {
	switch {
	case u < 1<<7:
		e.dst = append(e.dst, byte(u))
	case u < 1<<14:
		e.dst = append(e.dst, byte(u>>7)|0x80, byte(u)&0x7F)
	case u < 1<<21:
		e.dst = append(e.dst, byte(u>>14)|0x80, byte(u>>7)|0x80, byte(u)&0x7F)
	default:
		e.dst = append(e.dst, byte(u>>22)|0x80, byte(u>>15)|0x80, byte(u>>8)|0x80, byte(u))
	}
}

// header writes a count or length with the bit that says it is no reference.
func (e *encoding) header(n int) error {
	if n > maxU28 {
		return e.fail(ErrString)
	}
	e.u29(uint32(n)<<1 | 1)
	return nil
}

func (e *encoding) string3(s string) error {
	t := &e.e3
	if s != "" && !t.plain {
		if i, ok := t.find(s); ok {
			e.u29(uint32(i) << 1)
			return nil
		}
		t.add(s)
	}
	if err := e.room(len(s)); err != nil {
		return err
	}
	if err := e.header(len(s)); err != nil {
		return err
	}
	e.dst = append(e.dst, s...)
	return nil
}

func (t *shared) find(s string) (int, bool) {
	if t.index != nil {
		i, ok := t.index[s]
		return i, ok
	}
	for i, o := range t.strings {
		if o == s {
			return i, true
		}
	}
	return 0, false
}

func (t *shared) add(s string) {
	t.strings = append(t.strings, s)
	if t.index == nil && len(t.strings) > fewStrings {
		t.index = make(map[string]int, 2*fewStrings)
		for i, o := range t.strings {
			t.index[o] = i
		}
	} else if t.index != nil {
		t.index[s] = len(t.strings) - 1
	}
}

func (e *encoding) bytes3(mark byte, s string) error {
	if err := e.room(len(s)); err != nil {
		return err
	}
	e.dst = append(e.dst, mark)
	if err := e.header(len(s)); err != nil {
		return err
	}
	e.dst = append(e.dst, s...)
	return nil
}

// mark3 returns the marker of a value that has a place in the object table.
func mark3(v Value) byte {
	switch v.(type) {
	case Date:
		return mark3Date
	case XMLDocument:
		return mark3XMLDocument
	case XML:
		return mark3XML
	case *Array:
		return mark3Array
	case *ByteArray:
		return mark3ByteArray
	case *VectorInt:
		return mark3VectorInt
	case *VectorUint:
		return mark3VectorUint
	case *VectorDouble:
		return mark3VectorDouble
	case *VectorObject:
		return mark3VectorObject
	case *Dictionary:
		return mark3Dictionary
	}
	return mark3Object
}

// pointer3 writes a value that has identity, or a reference to it.
func (e *encoding) pointer3(v Value) error {
	if isNil(v) {
		e.dst = append(e.dst, mark3Null)
		return nil
	}
	t := &e.e3
	i, known := t.seen[v]
	if !known {
		i, known = e.open.find(v, t.base)
	}
	if known && t.plain {
		return e.fail(ErrCycle)
	}
	e.dst = append(e.dst, mark3(v))
	if known {
		e.u29(uint32(i) << 1)
		return nil
	}
	if e.references && !t.plain {
		if t.seen == nil {
			t.seen = make(map[Value]int)
		}
		t.seen[v] = t.next
	}
	if err := e.left.enter(); err != nil {
		return e.fail(err)
	}
	e.open.push(v, t.next)
	t.next++
	err := e.body3(v)
	e.open.pop()
	e.left.leave()
	return err
}

// body3 writes what follows the marker of a pointer value.
func (e *encoding) body3(v Value) error {
	switch v := v.(type) {
	case *Object:
		return e.object3(v)
	case *Externalizable:
		if err := e.traits3(shape{class: v.Class, external: true}); err != nil {
			return err
		}
		return e.external(v)
	case *Array:
		return e.array3(v)
	case *ByteArray:
		if err := e.room(len(v.Data)); err != nil {
			return err
		}
		if err := e.header(len(v.Data)); err != nil {
			return err
		}
		e.dst = append(e.dst, v.Data...)
	case *VectorInt:
		if err := e.vector(len(v.Data), 4, v.Fixed); err != nil {
			return err
		}
		for _, n := range v.Data {
			e.dst = binary.BigEndian.AppendUint32(e.dst, uint32(n))
		}
	case *VectorUint:
		if err := e.vector(len(v.Data), 4, v.Fixed); err != nil {
			return err
		}
		for _, n := range v.Data {
			e.dst = binary.BigEndian.AppendUint32(e.dst, n)
		}
	case *VectorDouble:
		if err := e.vector(len(v.Data), 8, v.Fixed); err != nil {
			return err
		}
		for _, f := range v.Data {
			e.dst = binary.BigEndian.AppendUint64(e.dst, math.Float64bits(f))
		}
	case *VectorObject:
		if err := e.vector(len(v.Data), 1, v.Fixed); err != nil {
			return err
		}
		if err := e.string3(v.Type); err != nil {
			return err
		}
		return e.elements3(v.Data)
	case *Dictionary:
		return e.dictionary(v)
	}
	return nil
}

// vector writes the head of a vector of n elements of at least size bytes.
func (e *encoding) vector(n, size int, fixed bool) error {
	if n > maxU28 {
		return e.fail(ErrString)
	}
	if err := e.room(n * size); err != nil {
		return err
	}
	e.u29(uint32(n)<<1 | 1)
	e.flag(fixed)
	return nil
}

func (e *encoding) flag(set bool) {
	if set {
		e.dst = append(e.dst, 1)
	} else {
		e.dst = append(e.dst, 0)
	}
}

func (e *encoding) elements3(vals []Value) error {
	for i := range vals {
		if err := e.value3(vals[i]); err != nil {
			return within(err, indexStep(i))
		}
	}
	return nil
}

func (e *encoding) dictionary(v *Dictionary) error {
	if err := e.vector(len(v.Entries), 2, v.Weak); err != nil {
		return err
	}
	for i := range v.Entries {
		if err := e.value3(v.Entries[i].Key); err != nil {
			return within(err, indexStep(2*i))
		}
		if err := e.value3(v.Entries[i].Value); err != nil {
			return within(err, indexStep(2*i+1))
		}
	}
	return nil
}

func (e *encoding) array3(a *Array) error {
	if err := e.header(len(a.Dense)); err != nil {
		return err
	}
	if err := e.dynamic3(a.Assoc); err != nil {
		return err
	}
	return e.elements3(a.Dense)
}

// dynamic3 writes named members and the empty name that ends them.
func (e *encoding) dynamic3(props []Prop) error {
	for i := range props {
		if props[i].Key == "" { // AMF3 cannot say it
			return within(e.fail(ErrKeys), keyStep(""))
		}
		if err := e.string3(props[i].Key); err != nil {
			return err
		}
		if err := e.value3(props[i].Value); err != nil {
			return within(err, keyStep(props[i].Key))
		}
	}
	e.dst = append(e.dst, 1)
	return nil
}

// sealed returns how many members of o are sealed.
func (o *Object) sealed() int {
	if o.Static {
		return len(o.Props)
	}
	return min(max(o.Sealed, 0), len(o.Props))
}

func (e *encoding) object3(o *Object) error {
	n := o.sealed()
	if err := e.traits3(shape{class: o.Class, dynamic: !o.Static, sealed: o.Props[:n]}); err != nil {
		return err
	}
	for i := range n {
		if err := e.value3(o.Props[i].Value); err != nil {
			return within(err, keyStep(o.Props[i].Key))
		}
	}
	if o.Static {
		return nil
	}
	return e.dynamic3(o.Props[n:])
}

// traits3 writes the traits of an object, or a reference to them.
func (e *encoding) traits3(s shape) error {
	t := &e.e3
	if !t.plain {
		for i := range t.traits {
			if t.traits[i].same(&s) {
				e.u29(uint32(i)<<2 | 1)
				return nil
			}
		}
		if len(t.traits) < maxShapes {
			t.traits = append(t.traits, s)
		}
	}
	u := uint32(3)
	if s.external {
		u |= 4
	}
	if s.dynamic {
		u |= 8
	}
	if len(s.sealed) > 1<<25-1 {
		return e.fail(ErrKeys)
	}
	e.u29(u | uint32(len(s.sealed))<<4)
	if err := e.string3(s.class); err != nil {
		return err
	}
	for i := range s.sealed {
		if err := e.string3(s.sealed[i].Key); err != nil {
			return err
		}
	}
	return nil
}

func (s *shape) same(o *shape) bool {
	if s.class != o.class || s.external != o.external || s.dynamic != o.dynamic || len(s.sealed) != len(o.sealed) {
		return false
	}
	for i := range s.sealed {
		if s.sealed[i].Key != o.sealed[i].Key {
			return false
		}
	}
	return true
}
