// Package amf reads and writes the Action Message Format, versions 0 and 3:
// the values in RTMP commands, data messages and shared objects, in FLV script
// tags and in AMF packets.
//
// # Values
//
// A [Value] is one of a closed set of Go types; what a peer sent is written
// again as it was. Objects are ordered lists of members, since order means
// something to some clients. Undefined is not null, an ECMA array is not a
// strict one, an AMF3 integer (int32) is not a double (float64). Classes are
// names: nothing is ever instantiated, and XML is never parsed.
//
// # Reading
//
// A [Decoder] reads the values of one message, one by one or all at once.
// References give the same pointer again, so that values may be graphs, with
// cycles. Everything a peer can declare is bounded by [Limits], and memory is
// taken only for what has arrived. A [SyntaxError] says where and why reading
// stopped: the byte, the way to the member, and one of the Err variables.
//
// # Writing
//
// An [Encoder] appends to a slice, without allocating for plain AMF0.
// [Append0] is the shorthand nearly everything needs.
//
// # Go types
//
// [Marshal], [Unmarshal], [ToValue] and [Assign] map structs, maps, slices and
// times, with `amf` field tags. [AppendJSON] and [FromJSON] talk to the web,
// [Format] to people.
//
// Whatever walks over a value follows at most 128 levels and 100,000 nodes and
// ends with an error beyond, so that a small message in which each object
// holds the one before twice costs nobody anything.
//
// The specifications are Adobe's "Action Message Format -- AMF 0" (2007,
// called AMF0 spec here) and "AMF 3" (2013, AMF3 spec).
package amf

import (
	"math"
	"time"
)

// Version selects one of the two wire formats.
type Version uint8

// The two versions of the Action Message Format.
const (
	AMF0 Version = 0
	AMF3 Version = 3
)

// Value is any AMF value: nil (null), [Undefined], [Unsupported], bool,
// float64, int32 (the AMF3 integer), string, [Date], [XMLDocument], [XML],
// *[ByteArray], *[Array], *[Object], *[VectorInt], *[VectorUint],
// *[VectorDouble], *[VectorObject], *[Dictionary] or *[Externalizable].
//
// Values that have an identity on the wire are pointers: a reference decodes
// to the same pointer as the value it refers to, so a decoded value may be a
// graph with cycles. Nothing in this package locks; a value may be read by
// several goroutines as long as none changes it.
type Value = any

// UndefinedType is the type of [Undefined].
type UndefinedType struct{}

// UnsupportedType is the type of [Unsupported].
type UnsupportedType struct{}

var (
	// Undefined is ActionScript's undefined (AMF0 marker 0x06, AMF3 marker
	// 0x00). It is not null. Compare with ==.
	Undefined = UndefinedType{}
	// Unsupported is AMF0 marker 0x0D, written by a peer in place of a value
	// it could not serialise. AMF3 has no such marker.
	Unsupported = UnsupportedType{}
)

// Date is a point in time: milliseconds since 1970-01-01 UTC, possibly
// negative, fractional or NaN. Zone is the reserved time zone field of AMF0
// (AMF0 spec §2.13: should be 0); it is kept as received, means nothing, and
// does not exist in AMF3.
type Date struct {
	Millis float64
	Zone   int16
}

// maxMillis is the largest time an ECMAScript date holds (ECMA-262 §15.9.1.1).
const maxMillis = 8.64e15

// Time returns d in UTC, cut to whole milliseconds; the zero time when d is
// not a number or beyond ±8.64e15 ms.
func (d Date) Time() time.Time {
	if !(math.Abs(d.Millis) <= maxMillis) {
		return time.Time{}
	}
	return time.UnixMilli(int64(math.Floor(d.Millis))).UTC()
}

// DateOf returns t as a Date, cut to whole milliseconds.
func DateOf(t time.Time) Date { return Date{Millis: float64(t.UnixMilli())} }

// XMLDocument is the text of a legacy XML document (AMF0 marker 0x0F, AMF3
// marker 0x07). It is opaque: never parsed, never checked.
type XMLDocument string

// XML is the text of an E4X XML value (AMF3 marker 0x0B), opaque as well.
type XML string

// ByteArray is AMF3's byte array. Decoded data is a copy owned by the value.
type ByteArray struct{ Data []byte }

// Prop is one named member of an object or associative array.
type Prop struct {
	Key   string
	Value Value
}

// Object is an ordered list of members. Order is kept as received and written
// as given; keys may repeat, the last one wins.
type Object struct {
	Class  string // "" for an anonymous object
	Props  []Prop
	Sealed int  // AMF3: the first Sealed members are sealed; the others dynamic
	Static bool // AMF3: the class is not dynamic; members after Sealed cannot be written
}

// NewObject returns an anonymous object with the given members.
func NewObject(props ...Prop) *Object { return &Object{Props: props} }

// Get returns the last member named key. It works on a nil Object.
func (o *Object) Get(key string) (Value, bool) {
	if o == nil {
		return nil, false
	}
	return lookup(o.Props, key)
}

// Set replaces the last member named key, or appends one.
func (o *Object) Set(key string, v Value) { o.Props = replace(o.Props, key, v) }

// String returns the member named key, "" when it is absent or no string.
func (o *Object) String(key string) string {
	v, _ := o.Get(key)
	s, _ := v.(string)
	return s
}

// Number returns the member named key when it is a float64 or int32.
func (o *Object) Number(key string) (float64, bool) {
	v, _ := o.Get(key)
	return number(v)
}

// Bool returns the member named key, false when it is absent or no boolean.
func (o *Object) Bool(key string) bool {
	v, _ := o.Get(key)
	b, _ := v.(bool)
	return b
}

// Array is an array with a dense part (indices 0…) and named members.
//
// AMF3 has both parts in one value. AMF0 has two kinds: a strict array
// (marker 0x0A) of dense elements, and an ECMA array (marker 0x08) of named
// members. ECMA tells them apart; a decoded ECMA array has everything in
// Assoc, numeric keys too. An Array with named members is written to AMF0 as
// an ECMA array whatever ECMA says, dense elements first under their index.
type Array struct {
	Dense []Value
	Assoc []Prop
	ECMA  bool
}

// NewArray returns a strict array of the given elements.
func NewArray(v ...Value) *Array { return &Array{Dense: v} }

// NewECMA returns an ECMA array of the given members.
func NewECMA(props ...Prop) *Array { return &Array{Assoc: props, ECMA: true} }

// Get returns the last named member key. It works on a nil Array and does not
// look at the dense part.
func (a *Array) Get(key string) (Value, bool) {
	if a == nil {
		return nil, false
	}
	return lookup(a.Assoc, key)
}

// Set replaces the last named member key, or appends one.
func (a *Array) Set(key string, v Value) { a.Assoc = replace(a.Assoc, key, v) }

// String returns the named member key, "" when it is absent or no string.
func (a *Array) String(key string) string {
	v, _ := a.Get(key)
	s, _ := v.(string)
	return s
}

// Number returns the named member key when it is a float64 or int32.
func (a *Array) Number(key string) (float64, bool) {
	v, _ := a.Get(key)
	return number(v)
}

// associative reports whether AMF0 needs an ECMA array for a.
func (a *Array) associative() bool { return a.ECMA || len(a.Assoc) > 0 }

// VectorInt is AMF3's Vector.<int> (marker 0x0D).
type VectorInt struct {
	Fixed bool
	Data  []int32
}

// VectorUint is AMF3's Vector.<uint> (marker 0x0E).
type VectorUint struct {
	Fixed bool
	Data  []uint32
}

// VectorDouble is AMF3's Vector.<Number> (marker 0x0F).
type VectorDouble struct {
	Fixed bool
	Data  []float64
}

// VectorObject is AMF3's Vector of any other type (marker 0x10). Type is the
// element class, "" or "*" for any.
type VectorObject struct {
	Fixed bool
	Type  string
	Data  []Value
}

// Dictionary is AMF3's Dictionary (marker 0x11): keys are values of any type,
// objects compare by identity.
type Dictionary struct {
	Weak    bool
	Entries []Entry
}

// Entry is one key and value of a [Dictionary].
type Entry struct{ Key, Value Value }

// Externalizable is an AMF3 object that writes its own body. Only the fixed
// list of Flex classes is known, see [ErrExternalizable]: for
// flex.messaging.io.ArrayCollection and ArrayList the single member "source",
// for flex.messaging.io.ObjectProxy the single member "object", for the small
// messages (DSA, DSK, DSC and their long class names) the members present,
// under their ActionScript names ("body", "clientId", "operation" …), unknown
// ones as "flag<section>.<byte>.<bit>".
type Externalizable struct {
	Class string
	Props []Prop
}

// Get returns the last member named key. It works on a nil Externalizable.
func (x *Externalizable) Get(key string) (Value, bool) {
	if x == nil {
		return nil, false
	}
	return lookup(x.Props, key)
}

// PropsOf returns the members of an object or the named members of an array:
// peers send the connect object and onMetaData as either. The slice is v's
// own. A nil pointer has no members but is an object.
func PropsOf(v Value) ([]Prop, bool) {
	switch v := v.(type) {
	case *Object:
		if v == nil {
			return nil, true
		}
		return v.Props, true
	case *Array:
		if v == nil {
			return nil, true
		}
		return v.Assoc, true
	}
	return nil, false
}

// isNil reports whether v is null or a nil pointer, which stands for null.
func isNil(v Value) bool {
	switch v := v.(type) {
	case nil:
		return true
	case *Object:
		return v == nil
	case *Externalizable:
		return v == nil
	case *Array:
		return v == nil
	case *ByteArray:
		return v == nil
	case *VectorInt:
		return v == nil
	case *VectorUint:
		return v == nil
	case *VectorDouble:
		return v == nil
	case *VectorObject:
		return v == nil
	case *Dictionary:
		return v == nil
	}
	return false
}

func lookup(props []Prop, key string) (Value, bool) {
	for i := len(props) - 1; i >= 0; i-- {
		if props[i].Key == key {
			return props[i].Value, true
		}
	}
	return nil, false
}

func replace(props []Prop, key string, v Value) []Prop {
	for i := len(props) - 1; i >= 0; i-- {
		if props[i].Key == key {
			props[i].Value = v
			return props
		}
	}
	return append(props, Prop{key, v})
}

func number(v Value) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int32:
		return float64(v), true
	}
	return 0, false
}
