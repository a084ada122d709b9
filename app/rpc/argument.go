package rpc

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/status"
)

var typeTime = reflect.TypeFor[time.Time]()

// Why the number of arguments is wrong.
var (
	ErrMissing = errors.New("argument is missing")
	ErrTooMany = errors.New("argument is one too many")
)

// errNull is a null or undefined for what has no nothing.
var errNull = errors.New("null does not fit")

// ArgumentError says which argument of a call does not fit the method, and why. The client is told the same.
type ArgumentError struct {
	Method string
	Index  int    // of the argument, from 0
	Path   string // within it, ".size[1]"; "" when it is the argument itself
	Want   string // what it has to be, in the words of the caller's language: "a whole number from 0 to 255"
	Got    string // what it was: "a string", "the number 300"; "" when it was not there
	Err    error  // ErrMissing, ErrTooMany, or why a value does not fit, such as amf.ErrRange
}

// Error is one clause: "argument 2 of sum has to be a number, not a string".
func (e *ArgumentError) Error() string { return e.text(" of " + e.Method) }

func (e *ArgumentError) text(of string) string {
	which := fmt.Sprintf("argument %d%s%s", e.Index+1, e.Path, of)
	switch {
	case e.Err == ErrMissing:
		return fmt.Sprintf("%s is missing: it has to be %s", which, e.Want)
	case e.Err == ErrTooMany:
		return fmt.Sprintf("%s, %s, is one too many", which, e.Got)
	case e.Got == "":
		return fmt.Sprintf("%s is too large or nested too deep", which)
	}
	return fmt.Sprintf("%s has to be %s, not %s", which, e.Want, e.Got)
}

// Unwrap returns e.Err.
func (e *ArgumentError) Unwrap() error { return e.Err }

// refusal begins with the words of Flash Media Server, which programs may look for.
func (e *ArgumentError) refusal() error {
	return &app.Refusal{Cause: app.CauseMalformed, Err: e,
		Status: status.Newf(status.CallFailed, "Failed to execute method (%.256s): %s.", e.Method, e.text(""))}
}

// Scan maps the arguments of connect to what each dst points to, as those of a registered function: a pointer may be left out. The error, which Connect can
// return as it is, refuses with NetConnection.Connect.Rejected and says which argument has to be what.
func Scan(args []amf.Value, dst ...any) error {
	if err := scan(args, dst); err != nil {
		return &app.Refusal{Cause: app.CauseMalformed, Err: err, Status: status.Newf(status.ConnectRejected, "Connection failed: %s.", err.text(" of connect"))}
	}
	return nil
}

func scan(args []amf.Value, dst []any) *ArgumentError {
	if len(args) > len(dst) {
		return &ArgumentError{Method: "connect", Index: len(dst), Got: describe(args[len(dst)]), Err: ErrTooMany}
	}
	for i, d := range dst {
		v := reflect.ValueOf(d).Elem()
		p := newParam(v.Type())
		if i >= len(args) {
			if v.Kind() != reflect.Pointer {
				return &ArgumentError{Method: "connect", Index: i, Want: p.words, Err: ErrMissing}
			}
			continue
		}
		got, err := p.from(args[i])
		if err != nil {
			return p.mismatch("connect", i, args[i], err)
		}
		v.Set(got)
	}
	return nil
}

// param is what an argument becomes.
type param struct {
	t     reflect.Type
	words string
	null  bool // null and undefined are nil
}

func newParam(t reflect.Type) param {
	p := param{t: t, words: wanted(t)}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		p.null = true
	}
	return p
}

// from maps an argument.
func (p *param) from(v amf.Value) (reflect.Value, error) {
	if v == nil || v == amf.Undefined {
		if !p.null {
			return reflect.Value{}, errNull
		}
		if p.t.Kind() != reflect.Interface {
			return reflect.Zero(p.t), nil
		}
	}
	if v != nil && reflect.TypeOf(v) == p.t { // the usual numbers and strings
		return reflect.ValueOf(v), nil
	}
	dst := reflect.New(p.t)
	err := amf.Assign(dst.Interface(), v)
	return dst.Elem(), err
}

// mismatch explains why an argument does not fit.
func (p *param) mismatch(name string, i int, v amf.Value, err error) *ArgumentError {
	e := &ArgumentError{Method: name, Index: i, Want: p.words, Got: describe(v), Err: err}
	var m *amf.MappingError
	if !errors.As(err, &m) {
		return e
	}
	e.Path, e.Err = m.Path, m.Err
	switch {
	case m.To == "": // a limit
		e.Got = ""
	case m.Path != "":
		e.Want, e.Got = wantedName(m.To), given(m.From)
	}
	return e
}

// wanted says what has to be sent for a type.
func wanted(t reflect.Type) string {
	if t.Kind() == reflect.Pointer && t.Elem().PkgPath() != reflect.TypeFor[amf.Object]().PkgPath() {
		return wanted(t.Elem()) + " or null"
	}
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
		return "a byte array"
	}
	if t.PkgPath() == "" || t == typeTime || t.Kind() == reflect.Pointer {
		return wantedName(t.String())
	}
	switch t.Kind() { // a named type is as what it is made of
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "an array"
	}
	return wantedName(t.Kind().String())
}

// wantedName is wanted for the name of a type, as amf.MappingError.To has it.
func wantedName(name string) string {
	switch name {
	case "bool":
		return "a boolean"
	case "string":
		return "a string"
	case "float32", "float64":
		return "a number"
	case "int", "int64":
		return "a whole number"
	case "uint", "uint64", "uintptr":
		return "a whole number of 0 or more"
	case "int8":
		return whole(math.MinInt8, math.MaxInt8)
	case "int16":
		return whole(math.MinInt16, math.MaxInt16)
	case "int32":
		return whole(math.MinInt32, math.MaxInt32)
	case "uint8":
		return whole(0, math.MaxUint8)
	case "uint16":
		return whole(0, math.MaxUint16)
	case "uint32":
		return whole(0, math.MaxUint32)
	case "time.Time", "amf.Date":
		return "a date"
	case "interface {}", "any":
		return "any value"
	case "[]uint8", "*amf.ByteArray":
		return "a byte array"
	case "*amf.Array":
		return "an array"
	}
	if strings.HasPrefix(name, "[") {
		return "an array"
	}
	return "an object"
}

func whole(from, to int64) string { return fmt.Sprintf("a whole number from %d to %d", from, to) }

// describe says what a value is.
func describe(v amf.Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case amf.UndefinedType:
		return "undefined"
	case float64, int32:
		return "the number " + amf.Format(v)
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case amf.Date:
		return "a date"
	case *amf.Array, *amf.VectorInt, *amf.VectorUint, *amf.VectorDouble, *amf.VectorObject:
		return "an array"
	case *amf.ByteArray:
		return "a byte array"
	case amf.XML, amf.XMLDocument:
		return "XML"
	}
	return "an object"
}

// given is describe for the words of amf.MappingError.From.
func given(from string) string {
	kind, rest, _ := strings.Cut(from, " ")
	switch kind {
	case "number":
		return "the number " + rest
	case "boolean", "string":
		return "a " + kind
	case "Array", "VectorInt", "VectorUint", "VectorDouble", "VectorObject":
		return "an array"
	case "Date":
		return "a date"
	case "null", "undefined":
		return kind
	}
	return "an object"
}
