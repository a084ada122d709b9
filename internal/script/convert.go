package script

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/dop251/goja"

	"penstock/amf"
	"penstock/internal/script/xmldoc"
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
		o := m.instanceOf(v.Class)
		m.seen[v] = o
		m.members(o, v.Props)
		if f, ok := goja.AssertFunction(o.Get("onInitialize")); ok && m.in.classes[v.Class] != nil {
			if _, err := f(o); err != nil {
				panic(err)
			}
		}
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

// instanceOf makes an object of a class that the script has registered, whose constructor comes before the members; else a plain one.
func (m *importer) instanceOf(class string) *goja.Object {
	constructor := m.in.classes[class]
	if class == "" || constructor == nil {
		return m.in.vm.NewObject()
	}
	o, err := m.in.vm.New(constructor)
	if err != nil {
		panic(err)
	}
	return o
}

// classOf is the name under which an object's class is registered; of several its constructor's own. (loop)
func (in *instance) classOf(o *goja.Object) (class string) {
	if len(in.classes) == 0 {
		return ""
	}
	proto := o.Prototype()
	for name, constructor := range in.classes {
		if p, ok := constructor.Get("prototype").(*goja.Object); !ok || p != proto {
			continue
		}
		if constructor.Get("name").String() == name {
			return name
		}
		if class == "" || name < class {
			class = name
		}
	}
	return class
}

// maxClasses is how many classes, and how many proxies, a script may register.
const maxClasses = 1000

// registerClass is application.registerClass(name, constructor); null takes it back.
func (in *instance) registerClass(f goja.FunctionCall) goja.Value {
	name := f.Argument(0).String()
	constructor, ok := f.Argument(1).(*goja.Object)
	if !ok {
		delete(in.classes, name)
		return goja.Undefined()
	}
	if _, ok := goja.AssertConstructor(constructor); !ok || name == "" || len(in.classes) >= maxClasses {
		panic(in.vm.NewTypeError(fmt.Sprintf("a class has a name and a constructor, and there are %d at the most", maxClasses)))
	}
	in.classes[name] = constructor
	return goja.Undefined()
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
	out := &amf.Object{Class: e.in.classOf(o)}
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

// Bounds of JSON, which the engine reads and writes recursively and without a stop.
const (
	maxJSONDepth = 512
	maxJSONNodes = 1_000_000
	maxJSONBytes = 16 << 20 // of strings, as they are
)

// nestsTooDeep is nestsTooDeep(text) for JSON.parse. (loop)
func (in *instance) nestsTooDeep(f goja.FunctionCall) goja.Value {
	depth, quoted := 0, false
	text := f.Argument(0).String()
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > maxJSONDepth {
				return in.vm.ToValue(true)
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return in.vm.ToValue(false)
}

// counted is counted(replacer) for JSON.stringify: a replacer, on top of another one when there is one, that throws when the value is too
// deep or too large. One value may be in many places, and counts in each. (loop)
func (in *instance) counted(f goja.FunctionCall) goja.Value {
	inner, hasInner := goja.AssertFunction(f.Argument(0))
	var holders []*goja.Object // those that are open
	var last *goja.Object      // what was given last: the next holder, when it is one
	nodes, bytes := 0, 0
	return in.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		holder, _ := call.This.(*goja.Object)
		if holder == last || len(holders) == 0 {
			holders = append(holders, holder)
		}
		for len(holders) > 1 && holders[len(holders)-1] != holder {
			holders = holders[:len(holders)-1]
		}
		v := call.Argument(1)
		if hasInner {
			var err error
			if v, err = inner(call.This, call.Arguments...); err != nil {
				panic(err)
			}
		}
		last, _ = v.(*goja.Object)
		if s, ok := v.(goja.String); ok {
			bytes += s.Length()
		}
		if nodes++; nodes > maxJSONNodes || bytes > maxJSONBytes || len(holders) > maxJSONDepth {
			panic(in.vm.NewGoError(errLargeJSON))
		}
		return v
	})
}

var errLargeJSON = errors.New("JSON: that is too large or nested too deep")

// parseXML is parseXML(text, ignoreWhite) for the XML class: what was read, each node as [depth, name or "", text, attribute, value, …].
// (loop)
func (in *instance) parseXML(f goja.FunctionCall) goja.Value {
	d := xmldoc.Parse(f.Argument(0).String(), f.Argument(1).ToBoolean(), xmldoc.Limits{})
	nodes := make([]any, len(d.Nodes))
	for i, n := range d.Nodes {
		node := make([]any, 0, 3+2*len(n.Attributes))
		node = append(node, n.Depth, n.Name, n.Text)
		for _, a := range n.Attributes {
			node = append(node, a.Name, a.Value)
		}
		nodes[i] = in.vm.NewArray(node...)
	}
	o := in.vm.NewObject()
	for name, v := range map[string]any{"status": int(d.Status), "declaration": d.Declaration, "docType": d.DocType, "nodes": in.vm.NewArray(nodes...)} {
		_ = o.Set(name, v)
	}
	return o
}

// configFile is the file whose ApplicationObject/config is application.config.
const configFile = "Application.xml"

// config is what Application.xml of the application's folder says for its script: elements by name, with their texts or what is in them.
// (loop)
func (in *instance) config() *goja.Object {
	root := in.vm.NewObject()
	text, changed, err := in.app.readFile(configFile)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			in.log.Warn("the application's configuration cannot be read", "file", configFile, "error", err)
		}
		return root
	}
	in.files[configFile] = changed
	d := xmldoc.Parse(string(text), true, xmldoc.Limits{})
	if d.Status != xmldoc.OK {
		in.log.Warn("the application's configuration is no XML", "file", configFile, "status", int(d.Status))
		return root
	}
	path := make([]xmldoc.Node, 0, 8) // down to the node
	at := map[int]*goja.Object{}      // the object at each depth below config
	for i, n := range d.Nodes {
		path = append(path[:n.Depth], n)
		switch from := n.Depth - 1; {
		case n.Name == "config" && from >= 0 && path[from].Name == "ApplicationObject":
			at = map[int]*goja.Object{n.Depth + 1: root}
		case at[n.Depth] == nil || n.Name == "":
			if n.Depth == 0 || n.Name != "" {
				at = map[int]*goja.Object{}
			}
		case i+1 < len(d.Nodes) && d.Nodes[i+1].Depth == n.Depth+1 && d.Nodes[i+1].Name != "":
			inner := in.vm.NewObject()
			_ = at[n.Depth].Set(n.Name, inner)
			at[n.Depth+1] = inner
		case i+1 < len(d.Nodes) && d.Nodes[i+1].Depth == n.Depth+1:
			_ = at[n.Depth].Set(n.Name, d.Nodes[i+1].Text)
		default:
			_ = at[n.Depth].Set(n.Name, "")
		}
	}
	return root
}
