package wire

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Values of AMF0 and AMF3 are nil (null), Undefined, bool, float64, Int, string, Date, XML, Bytes, Array and *Object.
type (
	// Undefined is the undefined value.
	Undefined struct{}
	// Int is an AMF3 integer.
	Int int32
	// Date is ms since 1970.
	Date float64
	// XML is a document, unparsed.
	XML string
	// Bytes is an AMF3 ByteArray.
	Bytes []byte
	// Array is a strict array, an AMF3 array without names, or a vector.
	Array []any
)

// Object is an object of either version, or an array with names.
type Object struct {
	Class string
	ECMA  bool // an ECMA array in AMF0, an array with names in AMF3
	Props []Prop
	// AMF3 tells that it travels as AMF3, behind the AMF0 marker 0x11.
	AMF3 bool
}

// Prop is one property.
type Prop struct {
	Key   string
	Value any
}

// Obj builds an object from keys and values in turn.
func Obj(pairs ...any) *Object {
	o := &Object{}
	for i := 0; i+1 < len(pairs); i += 2 {
		k, _ := pairs[i].(string)
		o.Props = append(o.Props, Prop{k, pairs[i+1]})
	}
	return o
}

// Get returns a property; ok is false without it, and for a nil object.
func (o *Object) Get(key string) (v any, ok bool) {
	if o == nil {
		return nil, false
	}
	for _, p := range o.Props {
		if p.Key == key {
			return p.Value, true
		}
	}
	return nil, false
}

// Text returns a property that is a string.
func (o *Object) Text(key string) string {
	v, _ := o.Get(key)
	s, _ := v.(string)
	return s
}

// Number returns a property that is a number of either version.
func (o *Object) Number(key string) (float64, bool) {
	v, _ := o.Get(key)
	return Number(v)
}

// Number returns a number of either version.
func Number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case Int:
		return float64(n), true
	}
	return 0, false
}

// SyntaxError says where a body is no AMF.
type SyntaxError struct {
	Offset int // in the body
	Text   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("no AMF at byte %d: %s", e.Offset, e.Text) }

// Bounds of one body.
const (
	maxDepth  = 64
	maxValues = 20000
	maxShown  = 400 // runes of a printed value
)

// Format prints a value on one line: Flash's names for null and undefined, strings quoted.
func Format(v any) string {
	var b strings.Builder
	format(&b, v, 0)
	return shorten(b.String(), maxShown)
}

func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

func format(b *strings.Builder, v any, depth int) {
	if depth > 6 || b.Len() > 4*maxShown {
		b.WriteString("…")
		return
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case Undefined:
		b.WriteString("undefined")
	case string:
		b.WriteString(strconv.Quote(v))
	case float64:
		b.WriteString(number(v))
	case Int:
		fmt.Fprintf(b, "int %d", int32(v))
	case Date:
		fmt.Fprintf(b, "date %s", number(float64(v)))
	case XML:
		fmt.Fprintf(b, "xml %q", string(v))
	case Bytes:
		fmt.Fprintf(b, "bytes(%d)", len(v))
	case Array:
		formatList(b, "[", len(v), "]", func(i int) { format(b, v[i], depth+1) })
	case *Object:
		open := "{"
		if v.Class != "" {
			open = v.Class + "{"
		}
		if v.ECMA {
			open = "ecma{"
		}
		formatList(b, open, len(v.Props), "}", func(i int) {
			b.WriteString(v.Props[i].Key + ": ")
			format(b, v.Props[i].Value, depth+1)
		})
	default:
		fmt.Fprintf(b, "%v", v)
	}
}

func formatList(b *strings.Builder, open string, n int, end string, item func(i int)) {
	b.WriteString(open)
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == 40 {
			b.WriteString("…")
			break
		}
		item(i)
	}
	b.WriteString(end)
}

func number(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
