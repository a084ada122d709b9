// Package retained tells how many bytes a graph of Go values keeps from being collected: what a script's engine holds, for which the
// engine itself has no count.
package retained

import (
	"reflect"
	"strings"
	"unsafe"
)

// Meter measures. It remembers what it learnt about types, so that one should be kept; it must not be used by two goroutines at once.
type Meter struct {
	within []string
	types  map[reflect.Type]*kind
}

// New returns a meter that follows pointers to types of the packages whose paths begin with one of these, and to types without a name.
// What else there is counts as the pointer that it is: so a measure of a library's values does not wander into its callers'.
func New(packages ...string) *Meter {
	return &Meter{within: packages, types: make(map[reflect.Type]*kind)}
}

// kind is what has to be known of a type.
type kind struct {
	of     reflect.Kind
	typ    reflect.Type
	plain  bool // nothing in it leads anywhere
	enter  bool // a pointer to it is followed
	size   int64
	count  int   // of an array
	elem   *kind // of a pointer, slice, array or map
	key    *kind // of a map
	fields []field
}

// field is a field of a struct that leads somewhere.
type field struct {
	offset uintptr
	kind   *kind
}

func (m *Meter) kindOf(t reflect.Type) *kind {
	if k := m.types[t]; k != nil {
		return k
	}
	k := &kind{of: t.Kind(), typ: t, enter: t.PkgPath() == "", size: int64(t.Size())}
	for _, p := range m.within {
		if strings.HasPrefix(t.PkgPath(), p) {
			k.enter = true
		}
	}
	m.types[t] = k // a type may be made of itself by way of a pointer
	switch k.of {
	case reflect.Pointer, reflect.Slice:
		k.elem = m.kindOf(t.Elem())
	case reflect.Map:
		k.key, k.elem = m.kindOf(t.Key()), m.kindOf(t.Elem())
	case reflect.Interface, reflect.String:
	case reflect.Array:
		k.elem, k.count = m.kindOf(t.Elem()), t.Len()
		k.plain = k.elem.plain || k.count == 0
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if e := m.kindOf(f.Type); !e.plain {
				k.fields = append(k.fields, field{f.Offset, e})
			}
		}
		k.plain = len(k.fields) == 0
	default: // numbers; functions and channels, which cannot be looked into
		k.plain = true
	}
	return k
}

// direct reports whether an interface holds the value itself: a struct or an array of nothing but one pointer.
func (k *kind) direct() bool {
	switch {
	case k.of == reflect.Pointer || k.of == reflect.Map || k.of == reflect.Func || k.of == reflect.Chan || k.of == reflect.UnsafePointer:
		return true
	case k.of == reflect.Struct && k.typ.NumField() == 1:
		return (&kind{of: k.typ.Field(0).Type.Kind(), typ: k.typ.Field(0).Type}).direct()
	case k.of == reflect.Array && k.typ.Len() == 1:
		return (&kind{of: k.typ.Elem().Kind(), typ: k.typ.Elem()}).direct()
	}
	return false
}

// place is where a value is that has to be looked at.
type place struct {
	at   unsafe.Pointer
	kind *kind
}

// walk is one measure. It reads memory by what the types say of it, since package reflect is slow for millions of values.
type walk struct {
	*Meter
	size  int64
	seen  map[unsafe.Pointer]struct{}
	stack []place
}

// Size is the number of bytes that can be reached from root, or a number above most as soon as it is above that. Nobody may change the
// graph meanwhile. What several places hold is counted once; what functions have captured is not counted.
func (m *Meter) Size(root any, most int64) int64 {
	w := &walk{Meter: m, seen: make(map[unsafe.Pointer]struct{})}
	w.push(unsafe.Pointer(&root), m.kindOf(reflect.TypeFor[any]()))
	for len(w.stack) > 0 && w.size <= most {
		p := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		w.visit(p)
	}
	return w.size
}

func (w *walk) push(at unsafe.Pointer, k *kind) {
	if !k.plain {
		w.stack = append(w.stack, place{at, k})
	}
}

// first reports whether memory has not been counted yet.
func (w *walk) first(p unsafe.Pointer) bool {
	if p == nil {
		return false
	}
	if _, ok := w.seen[p]; ok {
		return false
	}
	w.seen[p] = struct{}{}
	return true
}

// slice is a slice in memory.
type slice struct {
	data          unsafe.Pointer
	length, large int
}

func (w *walk) visit(p place) {
	k := p.kind
	switch k.of {
	case reflect.Pointer:
		w.follow(*(*unsafe.Pointer)(p.at), k.elem)
	case reflect.Interface:
		w.inside(p)
	case reflect.String:
		if s := *(*string)(p.at); w.first(unsafe.Pointer(unsafe.StringData(s))) {
			w.size += int64(len(s))
		}
	case reflect.Slice:
		if s := (*slice)(p.at); s.large > 0 && w.first(s.data) {
			w.size += int64(s.large) * k.elem.size
			w.elements(s.data, s.length, k.elem)
		}
	case reflect.Array:
		w.elements(p.at, k.count, k.elem)
	case reflect.Struct:
		for _, f := range k.fields {
			w.push(unsafe.Add(p.at, f.offset), f.kind)
		}
	case reflect.Map:
		w.table(reflect.NewAt(k.typ, p.at).Elem(), k)
	}
}

func (w *walk) elements(at unsafe.Pointer, n int, k *kind) {
	if k.plain {
		return
	}
	for i := range n {
		w.push(unsafe.Add(at, uintptr(i)*uintptr(k.size)), k)
	}
}

// follow goes where a pointer leads.
func (w *walk) follow(to unsafe.Pointer, k *kind) {
	if k.enter && w.first(to) {
		w.size += k.size
		w.push(to, k)
	}
}

// inside looks at what is in an interface: a pointer, a map, or the address of anything else.
func (w *walk) inside(p place) {
	v := reflect.NewAt(p.kind.typ, p.at).Elem()
	if v.IsNil() {
		return
	}
	word := (*[2]unsafe.Pointer)(p.at)[1]
	e := v.Elem()
	switch k := w.kindOf(e.Type()); k.of {
	case reflect.Pointer:
		w.follow(word, k.elem)
	case reflect.Map:
		w.table(e, k)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
	default:
		if k.direct() { // it is held as the pointer that it is
			w.visit(place{unsafe.Pointer(&word), k})
			return
		}
		if w.first(word) {
			w.size += k.size
			w.push(word, k)
		}
	}
}

// table looks at a map.
func (w *walk) table(v reflect.Value, k *kind) {
	if v.IsNil() || !w.first(v.UnsafePointer()) {
		return
	}
	w.size += int64(v.Len()) * (k.key.size + k.elem.size + 1) * 8 / 6 // tables are at most 7/8 full, and half of that when they have grown
	if k.key.plain && k.elem.plain {
		return
	}
	key, elem := reflect.New(k.key.typ), reflect.New(k.elem.typ)
	for it := v.MapRange(); it.Next(); {
		if k.key.of == reflect.Struct || k.elem.of == reflect.Struct || k.key.of == reflect.Array || k.elem.of == reflect.Array {
			key, elem = reflect.New(k.key.typ), reflect.New(k.elem.typ) // their parts are looked at later
		}
		if !k.key.plain {
			key.Elem().SetIterKey(it)
			w.visit(place{key.UnsafePointer(), k.key})
		}
		if !k.elem.plain {
			elem.Elem().SetIterValue(it)
			w.visit(place{elem.UnsafePointer(), k.elem})
		}
	}
}
