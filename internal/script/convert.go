package script

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/dop251/goja"

	"penstock/amf"
)

// maxDepth and maxNodes bound what goes to a client: a script's objects may be graphs of any size.
const (
	maxDepth = 32
	maxNodes = 100_000
)

// toScript turns an AMF value into one of the engine. What the decoder let through is small. (loop)
func (in *instance) toScript(v amf.Value) goja.Value {
	return (&importer{in: in, seen: make(map[any]goja.Value)}).value(v)
}

type importer struct {
	in   *instance
	seen map[any]goja.Value
}

func (m *importer) value(v amf.Value) goja.Value {
	vm := m.in.vm
	switch v := v.(type) {
	case nil:
		return goja.Null()
	case amf.UndefinedType, amf.UnsupportedType:
		return goja.Undefined()
	case bool, string, float64:
		return vm.ToValue(v)
	case int32:
		return vm.ToValue(float64(v))
	case amf.XML:
		return m.document(string(v))
	case amf.XMLDocument:
		return m.document(string(v))
	case amf.Date:
		d, err := vm.New(vm.Get("Date"), vm.ToValue(v.Millis))
		if err != nil {
			return goja.Null()
		}
		return d
	case *amf.ByteArray:
		a, err := vm.New(vm.Get("Uint8Array"), vm.ToValue(vm.NewArrayBuffer(v.Data)))
		if err != nil {
			return goja.Null()
		}
		return a
	case *amf.Object:
		if known := m.seen[v]; known != nil {
			return known
		}
		o := vm.NewObject()
		m.seen[v] = o
		m.members(o, v.Props)
		return o
	case *amf.Array:
		if known := m.seen[v]; known != nil {
			return known
		}
		list := vm.NewArray()
		m.seen[v] = list
		for i, x := range v.Dense {
			_ = list.Set(strconv.Itoa(i), m.value(x))
		}
		m.members(list, v.Assoc)
		return list
	}
	if props, ok := amf.PropsOf(v); ok {
		o := vm.NewObject()
		m.members(o, props)
		return o
	}
	return goja.Null()
}

// document is XML as an object of that class.
func (m *importer) document(text string) goja.Value {
	o, err := m.in.vm.New(m.in.xml, m.in.vm.ToValue(text))
	if err != nil {
		return goja.Null()
	}
	return o
}

func (m *importer) members(o *goja.Object, props []amf.Prop) {
	for _, p := range props {
		if p.Key == "__proto__" || p.Key == "length" {
			continue
		}
		_ = o.Set(p.Key, m.value(p.Value))
	}
}

var (
	errDeep  = errors.New("a value for a client is nested too deep")
	errLarge = errors.New("a value for a client has too many members")
)

// fromScript turns a value of the engine into an AMF value; functions and symbols are left out. (loop)
func (in *instance) fromScript(v goja.Value) (amf.Value, error) {
	return (&exporter{in: in, seen: make(map[*goja.Object]amf.Value)}).value(v, 0)
}

func (in *instance) fromAll(list []goja.Value) ([]amf.Value, error) {
	e := &exporter{in: in, seen: make(map[*goja.Object]amf.Value)}
	out := make([]amf.Value, len(list))
	for i, v := range list {
		var err error
		if out[i], err = e.value(v, 0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

var (
	typeOfTime   = reflect.TypeFor[time.Time]()
	typeOfBuffer = reflect.TypeFor[goja.ArrayBuffer]()
	typeOfBytes  = reflect.TypeFor[[]byte]()
)

type exporter struct {
	in    *instance
	seen  map[*goja.Object]amf.Value
	nodes int
}

func (e *exporter) value(v goja.Value, depth int) (amf.Value, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	if e.nodes++; e.nodes > maxNodes {
		return nil, errLarge
	}
	if v == nil || goja.IsUndefined(v) {
		return amf.Undefined, nil
	}
	if goja.IsNull(v) {
		return nil, nil
	}
	o, ok := v.(*goja.Object)
	if !ok {
		switch x := v.Export().(type) {
		case int64:
			return float64(x), nil
		case float64:
			return x, nil
		case bool:
			return x, nil
		case string:
			return x, nil
		}
		return v.String(), nil
	}
	if known, ok := e.seen[o]; ok {
		return known, nil
	}
	if _, isFunction := goja.AssertFunction(o); isFunction {
		return amf.Undefined, nil
	}
	switch o.ExportType() { // Export itself would copy everything below
	case typeOfTime:
		if t, ok := o.Export().(time.Time); ok {
			return amf.DateOf(t), nil
		}
	case typeOfBuffer:
		if b, ok := o.Export().(goja.ArrayBuffer); ok {
			return &amf.ByteArray{Data: append([]byte(nil), b.Bytes()...)}, nil
		}
	case typeOfBytes:
		if b, ok := o.Export().([]byte); ok {
			return &amf.ByteArray{Data: append([]byte(nil), b...)}, nil
		}
	}
	if o.ClassName() == "Array" {
		return e.array(o, depth)
	}
	if e.in.inherits(o, e.in.xmlNode) {
		return amf.XMLDocument(o.String()), nil
	}
	out := amf.NewObject()
	e.seen[o] = out
	for _, key := range o.Keys() {
		member, skip, err := e.member(o, key, depth)
		if err != nil {
			return nil, err
		}
		if !skip {
			out.Props = append(out.Props, amf.Prop{Key: key, Value: member})
		}
	}
	return out, nil
}

// inherits reports whether an object has another among those it inherits from. (loop)
func (in *instance) inherits(o, from *goja.Object) bool {
	for p, n := o.Prototype(), 0; p != nil && n < maxDepth; p, n = p.Prototype(), n+1 {
		if p == from {
			return true
		}
	}
	return false
}

func (e *exporter) member(o *goja.Object, key string, depth int) (v amf.Value, skip bool, err error) {
	x := o.Get(key)
	if _, isFunction := goja.AssertFunction(x); isFunction || key == "" {
		return nil, true, nil
	}
	v, err = e.value(x, depth+1)
	return v, false, err
}

func (e *exporter) array(o *goja.Object, depth int) (amf.Value, error) {
	out := &amf.Array{}
	e.seen[o] = out
	n := o.Get("length").ToInteger()
	if n < 0 || n > maxNodes || n > math.MaxInt32 {
		return nil, errLarge
	}
	for i := range n {
		v, _, err := e.member(o, strconv.FormatInt(i, 10), depth)
		if err != nil {
			return nil, err
		}
		out.Dense = append(out.Dense, v)
	}
	for _, key := range o.Keys() {
		if i, err := strconv.ParseInt(key, 10, 64); err == nil && i >= 0 && i < n {
			continue
		}
		v, skip, err := e.member(o, key, depth)
		if err != nil {
			return nil, err
		}
		if !skip {
			out.Assoc = append(out.Assoc, amf.Prop{Key: key, Value: v})
		}
	}
	return out, nil
}
