package amf

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Copy returns a deep copy of v that shares nothing with it but strings. The
// copy is the same graph: what v holds twice, it holds twice, and cycles stay.
// The error is a *[MappingError] (ErrDepth, ErrNodes, ErrBytes, ErrType).
func Copy(v Value) (Value, error) {
	c := copier{left: walkBudget()}
	return c.copy(v)
}

type copier struct {
	left budget
	seen map[Value]Value
}

func (c *copier) copy(v Value) (Value, error) {
	if err := c.left.spend(0); err != nil {
		return nil, &MappingError{Err: err}
	}
	if isNil(v) {
		return nil, nil
	}
	switch v.(type) {
	case UndefinedType, UnsupportedType, bool, float64, int32, string, Date, XMLDocument, XML:
		return v, nil
	}
	if !isPointer(v) {
		return nil, &MappingError{From: goType(v), Err: ErrType}
	}
	if w, ok := c.seen[v]; ok {
		return w, nil
	}
	if err := c.left.enter(); err != nil {
		return nil, &MappingError{Err: err}
	}
	defer c.left.leave()
	return c.pointer(v)
}

// know records the copy of v before its children are copied.
func (c *copier) know(v, w Value) {
	if c.seen == nil {
		c.seen = make(map[Value]Value)
	}
	c.seen[v] = w
}

func (c *copier) pointer(v Value) (w Value, err error) {
	switch v := v.(type) {
	case *Object:
		o := &Object{Class: v.Class, Sealed: v.Sealed, Static: v.Static}
		c.know(v, o)
		o.Props, err = c.props(v.Props)
		w = o
	case *Array:
		a := &Array{ECMA: v.ECMA}
		c.know(v, a)
		if a.Assoc, err = c.props(v.Assoc); err == nil {
			a.Dense, err = c.values(v.Dense)
		}
		w = a
	case *VectorObject:
		x := &VectorObject{Fixed: v.Fixed, Type: v.Type}
		c.know(v, x)
		x.Data, err = c.values(v.Data)
		w = x
	case *Externalizable:
		x := &Externalizable{Class: v.Class}
		c.know(v, x)
		x.Props, err = c.props(v.Props)
		w = x
	case *Dictionary:
		x := &Dictionary{Weak: v.Weak, Entries: slices.Clone(v.Entries)}
		c.know(v, x)
		for i := range x.Entries {
			e := &x.Entries[i]
			if e.Key, err = c.copy(e.Key); err == nil {
				e.Value, err = c.copy(e.Value)
			}
			if err != nil {
				return nil, within(err, indexStep(i))
			}
		}
		w = x
	case *ByteArray:
		w, err = &ByteArray{slices.Clone(v.Data)}, c.left.pay(len(v.Data))
		c.know(v, w)
	case *VectorInt:
		w, err = &VectorInt{v.Fixed, slices.Clone(v.Data)}, c.left.pay(4*len(v.Data))
		c.know(v, w)
	case *VectorUint:
		w, err = &VectorUint{v.Fixed, slices.Clone(v.Data)}, c.left.pay(4*len(v.Data))
		c.know(v, w)
	case *VectorDouble:
		w, err = &VectorDouble{v.Fixed, slices.Clone(v.Data)}, c.left.pay(8*len(v.Data))
		c.know(v, w)
	}
	if err == ErrBytes { // not yet in an error with a place
		err = &MappingError{From: goType(v), Err: err}
	}
	return boxed(w, err)
}

func (c *copier) props(props []Prop) ([]Prop, error) {
	props = slices.Clone(props)
	for i := range props {
		v, err := c.copy(props[i].Value)
		if err != nil {
			return nil, within(err, keyStep(props[i].Key))
		}
		props[i].Value = v
	}
	return props, nil
}

func (c *copier) values(vals []Value) ([]Value, error) {
	vals = slices.Clone(vals)
	for i := range vals {
		v, err := c.copy(vals[i])
		if err != nil {
			return nil, within(err, indexStep(i))
		}
		vals[i] = v
	}
	return vals, nil
}

// Equal reports whether a and b are the same value: same types, members in the
// same order, same class and traits. NaN equals NaN, a nil pointer equals
// null, an int32 never equals a float64. Identity does not count: a value
// reached twice equals two equal values, and a cycle equals its own unrolling.
// Values beyond 100,000 nodes, 16 MiB or 128 levels are never equal, but to
// themselves.
func Equal(a, b Value) bool {
	q := equality{left: walkBudget()}
	return q.equal(a, b)
}

type equality struct {
	left budget
	seen map[[2]Value]bool // pairs found or assumed equal
}

func (q *equality) equal(a, b Value) bool {
	if q.left.spend(0) != nil {
		return false
	}
	if isNil(a) || isNil(b) {
		return isNil(a) && isNil(b)
	}
	switch a := a.(type) {
	case UndefinedType, UnsupportedType, bool, int32:
		return a == b
	case float64:
		b, ok := b.(float64)
		return ok && same(a, b)
	case string:
		b, ok := b.(string)
		return ok && q.text(a, b)
	case XMLDocument:
		b, ok := b.(XMLDocument)
		return ok && q.text(string(a), string(b))
	case XML:
		b, ok := b.(XML)
		return ok && q.text(string(a), string(b))
	case Date:
		b, ok := b.(Date)
		return ok && same(a.Millis, b.Millis) && a.Zone == b.Zone
	case *Object, *Array, *ByteArray, *VectorInt, *VectorUint, *VectorDouble, *VectorObject, *Dictionary, *Externalizable:
		if a == b {
			return true
		}
		k := [2]Value{a, b}
		if !isPointer(b) {
			return false
		}
		if q.seen[k] {
			return true
		}
		if q.seen == nil {
			q.seen = make(map[[2]Value]bool)
		}
		q.seen[k] = true
		if q.left.enter() != nil {
			return false
		}
		defer q.left.leave()
		return q.pointer(a, b)
	}
	return false
}

func isPointer(v Value) bool {
	switch v.(type) {
	case *Object, *Array, *ByteArray, *VectorInt, *VectorUint, *VectorDouble, *VectorObject, *Dictionary, *Externalizable:
		return true
	}
	return false
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func (q *equality) text(a, b string) bool {
	return len(a) == len(b) && q.left.pay(len(a)) == nil && a == b
}

func (q *equality) pointer(a, b Value) bool {
	switch a := a.(type) {
	case *Object:
		b, ok := b.(*Object)
		return ok && a.Class == b.Class && a.Static == b.Static && a.sealed() == b.sealed() && q.props(a.Props, b.Props)
	case *Array:
		b, ok := b.(*Array)
		return ok && a.associative() == b.associative() && q.props(a.Assoc, b.Assoc) && q.values(a.Dense, b.Dense)
	case *Externalizable:
		b, ok := b.(*Externalizable)
		return ok && a.Class == b.Class && q.props(a.Props, b.Props)
	case *VectorObject:
		b, ok := b.(*VectorObject)
		return ok && a.Fixed == b.Fixed && a.Type == b.Type && q.values(a.Data, b.Data)
	case *Dictionary:
		b, ok := b.(*Dictionary)
		return ok && a.Weak == b.Weak && slices.EqualFunc(a.Entries, b.Entries, func(x, y Entry) bool {
			return q.equal(x.Key, y.Key) && q.equal(x.Value, y.Value)
		})
	case *ByteArray:
		b, ok := b.(*ByteArray)
		return ok && q.left.pay(len(a.Data)) == nil && bytes.Equal(a.Data, b.Data)
	case *VectorInt:
		b, ok := b.(*VectorInt)
		return ok && a.Fixed == b.Fixed && q.left.pay(4*len(a.Data)) == nil && slices.Equal(a.Data, b.Data)
	case *VectorUint:
		b, ok := b.(*VectorUint)
		return ok && a.Fixed == b.Fixed && q.left.pay(4*len(a.Data)) == nil && slices.Equal(a.Data, b.Data)
	case *VectorDouble:
		b, ok := b.(*VectorDouble)
		return ok && a.Fixed == b.Fixed && q.left.pay(8*len(a.Data)) == nil && slices.EqualFunc(a.Data, b.Data, same)
	}
	return false
}

func (q *equality) props(a, b []Prop) bool {
	return slices.EqualFunc(a, b, func(x, y Prop) bool { return x.Key == y.Key && q.equal(x.Value, y.Value) })
}

func (q *equality) values(a, b []Value) bool { return slices.EqualFunc(a, b, q.equal) }

const (
	formatBytes  = 4096 // longest result of Format, but for what closes it
	formatString = 256  // longest string in it
)

// Format returns v as one readable line for logs:
//
//	{level:"status" code:"NetStream.Play.Start" ids:[1 2]}
//
// Names that are no plain words and all strings are quoted with Go escapes, so
// nothing a peer sent can forge a line. Long strings, and all after some 4 KiB,
// are cut with "…"; a value within itself shows as "<cycle>".
func Format(v Value) string {
	p := printer{left: budget{depth: maxDepth}}
	p.value(v)
	return string(p.dst)
}

type printer struct {
	dst  []byte
	left budget
	open []Value
	full bool
}

func (p *printer) print(s string) { p.dst = append(p.dst, s...) }

func (p *printer) value(v Value) {
	if isNil(v) {
		p.print("null")
		return
	}
	switch v := v.(type) {
	case UndefinedType:
		p.print("undefined")
	case UnsupportedType:
		p.print("unsupported")
	case bool:
		p.dst = strconv.AppendBool(p.dst, v)
	case float64:
		p.dst = appendNumber(p.dst, v)
	case int32:
		p.dst = strconv.AppendInt(p.dst, int64(v), 10)
	case string:
		p.quote(v)
	case XMLDocument:
		p.print("xml")
		p.quote(string(v))
	case XML:
		p.print("xml")
		p.quote(string(v))
	case Date:
		p.date(v)
	case *ByteArray:
		p.print("<" + strconv.Itoa(len(v.Data)) + " bytes>")
	case *Object, *Array, *VectorInt, *VectorUint, *VectorDouble, *VectorObject, *Dictionary, *Externalizable:
		if slices.Contains(p.open, v) {
			p.print("<cycle>")
			return
		}
		if p.left.enter() != nil {
			p.print("…")
			return
		}
		p.open = append(p.open, v)
		p.container(v)
		p.open = p.open[:len(p.open)-1]
		p.left.leave()
	default:
		p.print("<" + goType(v) + ">")
	}
}

func (p *printer) quote(s string) {
	if len(s) > formatString {
		n := formatString
		for n > formatString-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	p.dst = strconv.AppendQuote(p.dst, s)
}

func (p *printer) key(s string) {
	if plainKey(s) && len(s) <= formatString {
		p.print(s)
	} else {
		p.quote(s)
	}
	p.print(":")
}

func (p *printer) date(d Date) {
	t := d.Time()
	if t.IsZero() {
		p.print("date(")
		p.dst = appendNumber(p.dst, d.Millis)
		p.print(")")
		return
	}
	p.dst = t.AppendFormat(p.dst, "2006-01-02T15:04:05.000Z07:00")
}

// next separates item i from the one before; false when the line is full.
func (p *printer) next(i int) bool {
	if i > 0 && !p.full {
		p.print(" ")
	}
	if len(p.dst) > formatBytes && !p.full {
		p.full = true
		p.print("…")
	}
	return !p.full
}

func (p *printer) class(s string) {
	if s == "" {
		return
	}
	for i := range s {
		if c := s[i]; c != '.' && !plainKey(s[i:i+1]) || i > formatString {
			p.quote(s)
			return
		}
	}
	p.print(s)
}

func (p *printer) container(v Value) {
	switch v := v.(type) {
	case *Object:
		p.class(v.Class)
		p.print("{")
		p.props(v.Props)
		p.print("}")
	case *Externalizable:
		p.class(v.Class)
		p.print("{")
		p.props(v.Props)
		p.print("}")
	case *Array:
		p.print("[")
		p.values(v.Dense)
		if len(v.Dense) > 0 && len(v.Assoc) > 0 {
			p.next(1)
		}
		p.props(v.Assoc)
		p.print("]")
	case *VectorInt:
		printAll(p, v.Data, func(n int32) { p.dst = strconv.AppendInt(p.dst, int64(n), 10) })
	case *VectorUint:
		printAll(p, v.Data, func(n uint32) { p.dst = strconv.AppendUint(p.dst, uint64(n), 10) })
	case *VectorDouble:
		printAll(p, v.Data, func(f float64) { p.dst = appendNumber(p.dst, f) })
	case *VectorObject:
		p.print("[")
		p.values(v.Data)
		p.print("]")
	case *Dictionary:
		p.print("{")
		for i, e := range v.Entries {
			if !p.next(i) {
				break
			}
			p.value(e.Key)
			p.print(":")
			p.value(e.Value)
		}
		p.print("}")
	}
}

func printAll[T any](p *printer, data []T, one func(T)) {
	p.print("[")
	for i, x := range data {
		if !p.next(i) {
			break
		}
		one(x)
	}
	p.print("]")
}

func (p *printer) props(props []Prop) {
	for i := range props {
		if !p.next(i) {
			return
		}
		p.key(props[i].Key)
		p.value(props[i].Value)
	}
}

func (p *printer) values(vals []Value) {
	for i := range vals {
		if !p.next(i) {
			return
		}
		p.value(vals[i])
	}
}

// appendNumber writes f as a person would: integers without exponent.
func appendNumber(dst []byte, f float64) []byte {
	if a := math.Abs(f); a < 1e15 && a > 1e-6 || a == 0 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// appendTime writes d as RFC 3339; false when the format cannot hold it.
func appendTime(dst []byte, d Date) ([]byte, bool) {
	t := d.Time()
	if t.IsZero() && d.Millis != float64(t.UnixMilli()) || t.Year() < 0 || t.Year() > 9999 {
		return dst, false
	}
	return t.AppendFormat(dst, time.RFC3339Nano), true
}
