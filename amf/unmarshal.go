package amf

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Unmarshal reads one value in the given format, with the default limits, and
// stores it in dst as [Assign] does. More input than that is ErrTrailing.
func Unmarshal(b []byte, ver Version, dst any) error {
	d := NewDecoder(b, ver)
	v, err := d.Decode()
	if err != nil {
		if d.Offset() == len(b) {
			err = d.fail(ErrTruncated)
		}
		return err
	}
	if d.More() {
		return d.fail(ErrTrailing)
	}
	return Assign(dst, v)
}

// Assign stores v in what dst points to, the inverse of [ToValue], and more
// lenient: null and undefined leave numbers, strings and structs as they are
// and set the rest to nil; numbers become booleans (0 and NaN are false);
// arrays with named members become slices when their keys are the indices; an
// ArrayCollection or ObjectProxy is what it holds. Members without a field are
// ignored, fields without a member stay as they are. An interface or a type of
// this package receives the value itself, not a copy. A number for an integer
// must be whole, finite and in range, else ErrRange.
//
// The error is a *[MappingError] whose Path names the member. What was stored
// before it stays.
func Assign(dst any, v Value) error {
	p := reflect.ValueOf(dst)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return &MappingError{To: fmt.Sprintf("%T, not a pointer", dst), Err: ErrType}
	}
	m := mapper{left: walkBudget()}
	return m.assign(p.Elem(), v)
}

// assign stores v in dst.
func (m *mapper) assign(dst reflect.Value, v Value) error {
	if err := m.left.spend(0); err != nil {
		return m.fail(err, "", "")
	}
	t := dst.Type()
	if isNil(v) {
		v = nil
	}
	if v != nil && reflect.TypeOf(v).AssignableTo(t) {
		dst.Set(reflect.ValueOf(v))
		return nil
	}
	if v == nil || v == Undefined {
		switch dst.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
			dst.SetZero()
		}
		return nil
	}
	if t == reflect.TypeFor[time.Time]() {
		d, ok := v.(Date)
		if !ok {
			return m.misfit(v, t)
		}
		dst.Set(reflect.ValueOf(d.Time()))
		return nil
	}
	if err := m.left.enter(); err != nil {
		return m.fail(err, "", "")
	}
	defer m.left.leave()
	if dst.Kind() == reflect.Pointer {
		if dst.IsNil() {
			dst.Set(reflect.New(t.Elem()))
		}
		return m.assign(dst.Elem(), v)
	}
	if x, ok := v.(*Externalizable); ok {
		if key, ok := single(x.Class); ok {
			inner, _ := x.Get(key)
			return m.assign(dst, inner)
		}
	}
	return m.convert(dst, v)
}

func (m *mapper) misfit(v Value, t reflect.Type) error {
	return m.fail(ErrType, kind(v), t.String())
}

// kind names the type of v for error messages.
func kind(v Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case UndefinedType:
		return "undefined"
	case UnsupportedType:
		return "unsupported"
	case bool:
		return "boolean"
	case float64:
		return "number " + string(appendNumber(nil, v))
	case int32:
		return "number " + strconv.Itoa(int(v))
	case string:
		return "string"
	case *Object:
		return strings.TrimSpace("object " + v.Class)
	case *Externalizable:
		return "object " + v.Class
	}
	return strings.TrimPrefix(strings.TrimPrefix(goType(v), "*"), "amf.")
}

// convert stores v, of another type than dst's and not null.
func (m *mapper) convert(dst reflect.Value, v Value) error {
	switch dst.Kind() {
	case reflect.Bool:
		if b, ok := v.(bool); ok {
			dst.SetBool(b)
			return nil
		}
		if f, ok := number(v); ok {
			dst.SetBool(f != 0 && !math.IsNaN(f))
			return nil
		}
	case reflect.String:
		switch v := v.(type) {
		case string:
			dst.SetString(v)
			return nil
		case XMLDocument:
			dst.SetString(string(v))
			return nil
		case XML:
			dst.SetString(string(v))
			return nil
		}
	case reflect.Float32, reflect.Float64:
		if f, ok := number(v); ok {
			dst.SetFloat(f)
			return nil
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if f, ok := number(v); ok {
			if setInteger(dst, f) {
				return nil
			}
			return m.fail(ErrRange, kind(v), dst.Type().String())
		}
	case reflect.Struct:
		return m.toStruct(dst, v)
	case reflect.Map:
		return m.toMap(dst, v)
	case reflect.Slice, reflect.Array:
		return m.toList(dst, v)
	}
	return m.misfit(v, dst.Type())
}

// setInteger stores f if it is an integer that dst can hold.
func setInteger(dst reflect.Value, f float64) bool {
	if f != math.Trunc(f) { // true for NaN, not for infinities
		return false
	}
	if dst.CanInt() {
		if f < -1<<63 || f >= 1<<63 || dst.OverflowInt(int64(f)) {
			return false
		}
		dst.SetInt(int64(f))
		return true
	}
	if f < 0 || f >= 1<<64 || dst.OverflowUint(uint64(f)) {
		return false
	}
	dst.SetUint(uint64(f))
	return true
}

// members returns the named members of v, elements under their index. It pays
// for each: a value met a thousand times is searched a thousand times.
func (m *mapper) members(v Value, t reflect.Type) ([]Prop, error) {
	props, ok := PropsOf(v)
	if x, isExt := v.(*Externalizable); isExt {
		props, ok = x.Props, true
	}
	if !ok {
		return nil, m.misfit(v, t)
	}
	var dense []Value
	if a, ok := v.(*Array); ok {
		dense = a.Dense
	}
	if m.left.nodes -= len(props) + len(dense); m.left.nodes < 0 {
		return nil, m.fail(ErrNodes, "", "")
	}
	if len(dense) == 0 {
		return props, nil
	}
	all := make([]Prop, 0, len(dense)+len(props))
	for i, e := range dense {
		all = append(all, Prop{strconv.Itoa(i), e})
	}
	return append(all, props...), nil
}

func (m *mapper) toStruct(dst reflect.Value, v Value) error {
	props, err := m.members(v, dst.Type())
	if err != nil {
		return err
	}
	for _, f := range m.structFields(dst.Type()) {
		x, ok := lookup(props, f.name)
		if !ok {
			continue
		}
		if err := m.assign(reach(dst, f.index), x); err != nil {
			return within(err, keyStep(f.name))
		}
	}
	return nil
}

// reach returns the field at index, making the embedded structs on the way.
func reach(v reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}

func (m *mapper) toMap(dst reflect.Value, v Value) error {
	t := dst.Type()
	if t.Key().Kind() != reflect.String {
		return m.misfit(v, t)
	}
	props, err := m.members(v, t)
	if err != nil {
		return err
	}
	if dst.IsNil() {
		dst.Set(reflect.MakeMap(t))
	}
	for i := range props {
		e := reflect.New(t.Elem()).Elem()
		if err := m.assign(e, props[i].Value); err != nil {
			return within(err, keyStep(props[i].Key))
		}
		dst.SetMapIndex(reflect.ValueOf(props[i].Key).Convert(t.Key()), e)
	}
	return nil
}

// elements returns the elements of v as a list.
func (m *mapper) elements(v Value) ([]Value, bool) {
	switch v := v.(type) {
	case *Array:
		return v.list()
	case *VectorObject:
		return v.Data, true
	case *VectorInt:
		return boxAll(m, v.Data, func(n int32) Value { return n })
	case *VectorUint:
		return boxAll(m, v.Data, func(n uint32) Value { return float64(n) })
	case *VectorDouble:
		return boxAll(m, v.Data, func(f float64) Value { return f })
	}
	return nil, false
}

// boxAll converts vector elements, as long as there may be that many.
func boxAll[T any](m *mapper, data []T, box func(T) Value) ([]Value, bool) {
	data = data[:min(len(data), m.left.nodes+1)] // one too many fails in assign
	vals := make([]Value, len(data))
	for i, x := range data {
		vals[i] = box(x)
	}
	return vals, true
}

// list returns all elements of an array whose names, if any, go on counting
// where the dense part ends.
func (a *Array) list() ([]Value, bool) {
	if len(a.Assoc) == 0 {
		return a.Dense, true
	}
	vals := slices.Clone(a.Dense)
	for i := range a.Assoc {
		if a.Assoc[i].Key != strconv.Itoa(len(vals)) {
			return nil, false
		}
		vals = append(vals, a.Assoc[i].Value)
	}
	return vals, true
}

func (m *mapper) toList(dst reflect.Value, v Value) error {
	t := dst.Type()
	if b, ok := v.(*ByteArray); ok && t.Elem().Kind() == reflect.Uint8 {
		return m.toBytes(dst, b.Data)
	}
	vals, ok := m.elements(v)
	if !ok || dst.Kind() == reflect.Array && len(vals) > dst.Len() {
		return m.misfit(v, t)
	}
	if dst.Kind() == reflect.Slice {
		if len(vals) > m.left.nodes {
			return m.fail(ErrNodes, "", "")
		}
		dst.Set(reflect.MakeSlice(t, len(vals), len(vals)))
	} else {
		dst.SetZero()
	}
	for i := range vals {
		if err := m.assign(dst.Index(i), vals[i]); err != nil {
			return within(err, indexStep(i))
		}
	}
	return nil
}

func (m *mapper) toBytes(dst reflect.Value, data []byte) error {
	if err := m.left.pay(len(data)); err != nil {
		return m.fail(err, "", "")
	}
	if dst.Kind() == reflect.Array {
		if len(data) > dst.Len() {
			return m.fail(ErrRange, strconv.Itoa(len(data))+" bytes", dst.Type().String())
		}
		dst.SetZero()
	} else {
		dst.Set(reflect.MakeSlice(dst.Type(), len(data), len(data)))
	}
	for i, c := range data {
		dst.Index(i).SetUint(uint64(c))
	}
	return nil
}
