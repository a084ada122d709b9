package rpc

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

var (
	typeContext = reflect.TypeFor[context.Context]()
	typeError   = reflect.TypeFor[error]()
	typeServed  = reflect.TypeFor[*app.Client]()
	typeClient  = reflect.TypeFor[*rtmp.Client]()
)

// method is a function that may be called.
type method struct {
	name  string
	allow func(*app.Client) error
	fn    reflect.Value

	context, client bool // it wants these first
	params          []param
	rest            *param // of a variadic function
	least           int    // arguments that must be there
	result, failure bool   // it returns these
}

// newMethod reads a function's signature.
func newMethod(f any, forClient bool) (*method, error) {
	m := &method{fn: reflect.ValueOf(f)}
	if m.fn.Kind() != reflect.Func {
		return nil, fmt.Errorf("%T is not a function", f)
	}
	if m.fn.IsNil() {
		return nil, errors.New("the function is nil")
	}
	t := m.fn.Type()
	i := 0
	if i < t.NumIn() && t.In(i) == typeContext {
		m.context = true
		i++
	}
	own := typeServed
	if forClient {
		own = typeClient
	}
	if i < t.NumIn() && t.In(i) == own {
		m.client = true
		i++
	}
	first := i
	for ; i < t.NumIn(); i++ {
		in, variadic := t.In(i), t.IsVariadic() && i == t.NumIn()-1
		if in == typeContext || in == typeServed || in == typeClient {
			return nil, fmt.Errorf("argument %d is %v, which no caller can send: at the beginning there may be context.Context, then %v", i-first+1, in, own)
		}
		if variadic {
			in = in.Elem()
		}
		if why := unfit(in, nil); why != "" {
			return nil, fmt.Errorf("argument %d is %v: %s", i-first+1, t.In(i), why)
		}
		p := newParam(in)
		if variadic {
			m.rest = &p
			break
		}
		m.params = append(m.params, p)
		if in.Kind() != reflect.Pointer {
			m.least = len(m.params)
		}
	}
	return m, m.results(t)
}

func (m *method) results(t reflect.Type) error {
	n := t.NumOut()
	if n > 0 && t.Out(n-1) == typeError {
		m.failure = true
		n--
	}
	if n > 1 {
		return fmt.Errorf("it returns %d results: a call has one, beside an error that comes last", n)
	}
	if n == 1 {
		if t.Out(0) == typeError {
			return errors.New("it returns two errors")
		}
		if why := unfit(t.Out(0), nil); why != "" {
			return fmt.Errorf("the result is %v: %s", t.Out(0), why)
		}
		m.result = true
	}
	return nil
}

// unfit says why values of a type cannot travel, "" when they can.
func unfit(t reflect.Type, above []reflect.Type) string {
	for _, a := range above {
		if a == t {
			return ""
		}
	}
	if t.PkgPath() == reflect.TypeFor[amf.Object]().PkgPath() || t == reflect.TypeFor[amf.Value]() {
		return "" // amf's own
	}
	above = append(above, t)
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return fmt.Sprintf("AMF has nothing like %v", t)
	case reflect.Interface:
		return fmt.Sprintf("AMF knows no implementations of %v; any takes everything", t)
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return "the keys of an AMF object are strings"
		}
		return unfit(t.Elem(), above)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return unfit(t.Elem(), above)
	case reflect.Struct:
		if t == typeTime {
			return ""
		}
		for f := range t.Fields() {
			if f.Tag.Get("amf") == "-" || !f.IsExported() && !f.Anonymous {
				continue
			}
			if why := unfit(f.Type, above); why != "" {
				return "its field " + f.Name + ": " + why
			}
		}
	}
	return ""
}

// call maps the arguments, calls the function and maps its result.
func (m *method) call(ctx context.Context, args []amf.Value) (amf.Value, error) {
	in := make([]reflect.Value, 0, 2+len(m.params)+len(args))
	if m.context {
		in = append(in, reflect.ValueOf(ctx))
	}
	c := app.ClientOf(ctx)
	if m.client {
		own := reflect.ValueOf(c)
		if m.fn.Type().In(len(in)) == typeClient {
			own = reflect.ValueOf(rtmp.ClientOf(ctx))
		}
		if own.IsNil() {
			return nil, fmt.Errorf("rpc: %s was called without a client: the context is not that of a call", m.name)
		}
		in = append(in, own)
	}
	if m.allow != nil {
		if err := m.allow(c); err != nil {
			return nil, &app.Refusal{Cause: app.CausePolicy, Rule: "only", Err: err,
				Status: status.New(status.CallProhibited, "This method may not be called from here.")}
		}
	}
	in, bad := m.arguments(in, args)
	if bad != nil {
		return nil, bad.refusal()
	}
	return m.returned(m.fn.Call(in))
}

// arguments appends the arguments to in.
func (m *method) arguments(in []reflect.Value, args []amf.Value) ([]reflect.Value, *ArgumentError) {
	if n := len(args); n < m.least {
		return nil, &ArgumentError{Method: m.name, Index: n, Want: m.params[n].words, Err: ErrMissing}
	}
	if len(args) > len(m.params) && m.rest == nil {
		return nil, &ArgumentError{Method: m.name, Index: len(m.params), Got: describe(args[len(m.params)]), Err: ErrTooMany}
	}
	for i := range max(len(args), len(m.params)) {
		p := m.rest
		if i < len(m.params) {
			p = &m.params[i]
		}
		if i >= len(args) {
			in = append(in, reflect.Zero(p.t))
			continue
		}
		v, err := p.from(args[i])
		if err != nil {
			return nil, p.mismatch(m.name, i, args[i], err)
		}
		in = append(in, v)
	}
	return in, nil
}

func (m *method) returned(out []reflect.Value) (amf.Value, error) {
	if m.failure {
		if err, _ := out[len(out)-1].Interface().(error); err != nil {
			return nil, err
		}
	}
	if !m.result {
		return nil, nil
	}
	v, err := amf.ToValue(out[0].Interface())
	if err != nil {
		return nil, fmt.Errorf("rpc: the result of %s: %w", m.name, err)
	}
	return v, nil
}
