package amf

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Marshal returns v, converted as by [ToValue], as one value in the given
// format.
func Marshal(v any, ver Version) ([]byte, error) {
	x, err := ToValue(v)
	if err != nil {
		return nil, err
	}
	e := Encoder{Version: ver}
	return e.Append(nil, x)
}

// ToValue converts a Go value to a [Value].
//
// A struct becomes an object of its exported fields in their order. The field
// tag `amf:"name,omitempty"` sets the name and leaves the field out when it is
// false, 0, nil or empty; `amf:"-"` leaves it out always. Fields of embedded
// structs count as the outer struct's own unless the embedding has a name;
// where names meet the shallower, then the earlier field wins. A map with
// string keys becomes an object with sorted keys. Slices and arrays become
// strict arrays, but those of bytes a ByteArray; time.Time a Date. Integers
// become int32 when AMF3 has an integer for them, else float64; those that a
// float64 cannot hold exactly are ErrRange. A []Prop becomes an object. Nil
// pointers, slices, maps and interfaces are null. A Value stays itself, not
// copied.
//
// The error is a *[MappingError]. Go values that contain themselves or are too
// large end as ErrDepth, ErrNodes or ErrBytes.
func ToValue(v any) (Value, error) {
	m := mapper{left: walkBudget()}
	return m.value(reflect.ValueOf(v))
}

func goType(v any) string { return fmt.Sprintf("%T", v) }

// mapper is the state of one conversion.
type mapper struct {
	left   budget
	fields map[reflect.Type][]field
}

// field is where a member lives in a struct.
type field struct {
	name      string
	index     []int
	omitEmpty bool
}

// structFields returns the fields of a struct type.
func (m *mapper) structFields(t reflect.Type) []field {
	if f, ok := m.fields[t]; ok {
		return f
	}
	var found []field
	collect(t, nil, nil, &found)
	best := make(map[string]int) // by name, how deep the winner is
	for _, f := range found {
		if n, ok := best[f.name]; !ok || len(f.index) < n {
			best[f.name] = len(f.index)
		}
	}
	found = slices.DeleteFunc(found, func(f field) bool {
		if best[f.name] != len(f.index) {
			return true
		}
		best[f.name] = 0 // only the first of its depth
		return false
	})
	if m.fields == nil {
		m.fields = make(map[reflect.Type][]field)
	}
	m.fields[t] = found
	return found
}

// collect lists all fields of t that can be reached through index.
func collect(t reflect.Type, index []int, above []reflect.Type, out *[]field) {
	if slices.Contains(above, t) {
		return
	}
	above = append(above, t)
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, tagged := sf.Tag.Lookup("amf")
		if tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		at := append(slices.Clone(index), i)
		if sf.Anonymous && name == "" {
			ft := sf.Type
			if ft.Kind() == reflect.Pointer && sf.IsExported() {
				ft = ft.Elem()
			}
			if ft.Kind() == reflect.Struct && ft != reflect.TypeFor[time.Time]() {
				collect(ft, at, above, out)
				continue
			}
		}
		if !sf.IsExported() {
			continue
		}
		if !tagged || name == "" {
			name = sf.Name
		}
		*out = append(*out, field{name, at, options == "omitempty"})
	}
}

func (m *mapper) fail(err error, from, to string) error {
	return &MappingError{From: from, To: to, Err: err}
}

// value converts to AMF.
func (m *mapper) value(v reflect.Value) (Value, error) {
	if err := m.left.spend(0); err != nil {
		return nil, m.fail(err, "", "")
	}
	if !v.IsValid() {
		return nil, nil
	}
	if v.CanInterface() {
		switch x := v.Interface().(type) {
		case UndefinedType, UnsupportedType, Date, XMLDocument, XML, *Object, *Array, *ByteArray,
			*VectorInt, *VectorUint, *VectorDouble, *VectorObject, *Dictionary, *Externalizable:
			if isNil(x) {
				return nil, nil
			}
			return x, nil
		case time.Time:
			return DateOf(x), nil
		case Object:
			return &x, nil
		case Array:
			return &x, nil
		case []Prop:
			return &Object{Props: x}, nil
		}
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	case reflect.String:
		return v.String(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return m.integer(v.Int(), v.Type())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if v.Uint() > math.MaxInt64 {
			return nil, m.fail(ErrRange, strconv.FormatUint(v.Uint(), 10), "number")
		}
		return m.integer(int64(v.Uint()), v.Type())
	}
	if err := m.left.enter(); err != nil {
		return nil, m.fail(err, "", "")
	}
	defer m.left.leave()
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return m.value(v.Elem())
	case reflect.Struct:
		return m.object(v)
	case reflect.Map:
		return m.fromMap(v)
	case reflect.Slice, reflect.Array:
		return m.list(v)
	}
	return nil, m.fail(ErrType, v.Type().String(), "AMF")
}

func (m *mapper) integer(n int64, t reflect.Type) (Value, error) {
	const exact = 1 << 53
	switch {
	case n >= -1<<28 && n < 1<<28:
		return int32(n), nil
	case n >= -exact && n <= exact:
		return float64(n), nil
	}
	return nil, m.fail(ErrRange, strconv.FormatInt(n, 10), "number")
}

func (m *mapper) object(v reflect.Value) (Value, error) {
	fields := m.structFields(v.Type())
	o := &Object{Props: make([]Prop, 0, len(fields))}
	for _, f := range fields {
		fv, err := v.FieldByIndexErr(f.index)
		if err != nil || f.omitEmpty && empty(fv) { // err: behind a nil embedded pointer
			continue
		}
		x, err := m.value(fv)
		if err != nil {
			return nil, within(err, keyStep(f.name))
		}
		o.Props = append(o.Props, Prop{f.name, x})
	}
	return o, nil
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Map, reflect.Array:
		return v.Len() == 0
	case reflect.Struct:
		return v.Type() == reflect.TypeFor[time.Time]() && v.IsZero()
	}
	return v.IsZero()
}

func (m *mapper) fromMap(v reflect.Value) (Value, error) {
	if v.Type().Key().Kind() != reflect.String {
		return nil, m.fail(ErrType, v.Type().String(), "object")
	}
	if v.IsNil() {
		return nil, nil
	}
	if v.Len() > m.left.nodes {
		return nil, m.fail(ErrNodes, "", "")
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	o := &Object{Props: make([]Prop, 0, len(keys))}
	for _, k := range keys {
		x, err := m.value(v.MapIndex(k))
		if err != nil {
			return nil, within(err, keyStep(k.String()))
		}
		o.Props = append(o.Props, Prop{k.String(), x})
	}
	return o, nil
}

func (m *mapper) list(v reflect.Value) (Value, error) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		return nil, nil
	}
	n := v.Len()
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if err := m.left.pay(n); err != nil {
			return nil, m.fail(err, "", "")
		}
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(v.Index(i).Uint())
		}
		return &ByteArray{data}, nil
	}
	if n > m.left.nodes {
		return nil, m.fail(ErrNodes, "", "")
	}
	a := &Array{Dense: make([]Value, n)}
	for i := range n {
		x, err := m.value(v.Index(i))
		if err != nil {
			return nil, within(err, indexStep(i))
		}
		a.Dense[i] = x
	}
	return a, nil
}
