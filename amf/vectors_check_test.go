package amf

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"testing"
)

// want is a value as the vectors describe it.
type want struct {
	T      string
	V      json.RawMessage
	Class  string
	Hex    string
	Ms     *float64
	Len    int
	Repeat string
}

// pairs returns the members of an object, which the recorder sorted by name.
func (w *want) pairs() (names []string, vals []want, err error) {
	var raw [][2]json.RawMessage
	if err := json.Unmarshal(w.V, &raw); err != nil {
		return nil, nil, err
	}
	for _, p := range raw {
		var name string
		var val want
		if err := json.Unmarshal(p[0], &name); err != nil {
			return nil, nil, err
		}
		if err := json.Unmarshal(p[1], &val); err != nil {
			return nil, nil, err
		}
		names, vals = append(names, name), append(vals, val)
	}
	return names, vals, nil
}

// check compares what was decoded with what the other implementation read.
func (w *want) check(v Value) error {
	bad := func() error { return fmt.Errorf("got %s, want %s %s", Format(v), w.T, w.V) }
	ok := false
	switch w.T {
	case "py-object", "ref": // another language's object, a pointer: the bytes must do
		return nil
	case "null":
		ok = v == nil
	case "undefined":
		ok = v == Undefined
	case "bool":
		ok = Format(v) == string(w.V)
	case "int":
		f, isNum := number(v)
		x, err := strconv.ParseFloat(string(w.V), 64)
		ok = isNum && err == nil && f == x
	case "double":
		f, isNum := number(v)
		bits, err := strconv.ParseUint(w.Hex, 16, 64)
		ok = isNum && err == nil && same(f, math.Float64frombits(bits))
	case "string":
		s, isString := v.(string)
		if w.Len > 0 {
			ok = isString && len(s) == w.Len
			break
		}
		var x string
		ok = json.Unmarshal(w.V, &x) == nil && isString && s == x
	case "xml":
		var x string
		err := json.Unmarshal(w.V, &x)
		ok = err == nil && (v == XML(x) || v == XMLDocument(x))
	case "date":
		d, isDate := v.(Date)
		ok = isDate && w.Ms != nil && math.Abs(d.Millis-*w.Ms) < 1e-3
	case "bytearray":
		b, isBytes := v.(*ByteArray)
		ok = isBytes && hex.EncodeToString(b.Data) == w.Hex
	case "array":
		return w.checkArray(v)
	case "object", "ecma-array", "typed-object":
		return w.checkMembers(v)
	}
	if !ok {
		return bad()
	}
	return nil
}

func (w *want) checkArray(v Value) error {
	var elems []want
	if x, ok := v.(*Externalizable); ok {
		v, _ = x.Get("source") // the recorder looked through the collection
	}
	a, ok := v.(*Array)
	if err := json.Unmarshal(w.V, &elems); err != nil || !ok || a.associative() || len(a.Dense) != len(elems) {
		return fmt.Errorf("got %s, want array %s", Format(v), w.V)
	}
	for i := range elems {
		if err := elems[i].check(a.Dense[i]); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return nil
}

func (w *want) checkMembers(v Value) error {
	if x, ok := v.(*Externalizable); ok {
		v, _ = x.Get("object") // the recorder looked through the proxy
	}
	m := mapper{left: walkBudget()}
	props, err := m.members(v, reflect.TypeFor[Object]())
	if err != nil {
		return fmt.Errorf("got %s, want %s %s", Format(v), w.T, w.V)
	}
	if o, ok := v.(*Object); ok && w.T == "typed-object" && o.Class != w.Class {
		return fmt.Errorf("got class %q, want %q", o.Class, w.Class)
	}
	names, vals, err := w.pairs()
	if err != nil {
		return err
	}
	if len(names) != len(props) {
		return fmt.Errorf("got %s, want %s", Format(v), w.V)
	}
	for i, name := range names {
		x, ok := lookup(props, name)
		if !ok {
			return fmt.Errorf("no %q in %s", name, Format(v))
		}
		if err := vals[i].check(x); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// record is one row of the PyAMF value tables.
type record struct {
	AMF        Version
	Kind, Test string
	Clear      bool
	Flags      map[string]string
	Hex        string
	Observed   string
	Head       string
	Len        int
	TailRepeat string
	Value      *want
	Values     []want
}

func (r *record) bytes() ([]byte, error) {
	if r.Head != "" { // a long string, abbreviated
		b, err := hex.DecodeString(r.Head)
		tail, err2 := hex.DecodeString(r.TailRepeat)
		if err != nil || err2 != nil || len(tail) != 1 {
			return nil, fmt.Errorf("head %q, tail %q", r.Head, r.TailRepeat)
		}
		return append(b, bytes.Repeat(tail, r.Len-len(b))...), nil
	}
	if r.Hex == "" {
		return hex.DecodeString(r.Observed)
	}
	return hex.DecodeString(r.Hex)
}

// session decodes the records of one test one after the other: some go on with
// the reference tables of those before.
type session struct {
	test string
	dec  map[bool]*Decoder // by whether the record is of the writing side
}

func (s *session) values(r *record, b []byte) ([]Value, error) {
	writing := r.Kind[0] == 'e'
	d := s.dec[writing]
	if s.test != r.Test || s.dec == nil {
		s.test, s.dec, d = r.Test, map[bool]*Decoder{}, nil
	}
	if d == nil || r.Clear {
		d = NewDecoder(nil, r.AMF)
		s.dec[writing] = d
	}
	d.b, d.off, d.err, d.index = b, 0, nil, 0
	d.left = budget{d.lim.Depth, d.lim.Nodes, d.lim.Bytes}
	return d.DecodeAll()
}

func (r *record) check(s *session) error {
	b, err := r.bytes()
	if err != nil {
		return err
	}
	vs, err := s.values(r, b)
	if err != nil {
		return err
	}
	wants := r.Values
	if r.Value != nil {
		wants = []want{*r.Value}
	}
	if len(vs) != len(wants) {
		return fmt.Errorf("got %d values, want %d", len(vs), len(wants))
	}
	for i := range wants {
		if err := wants[i].check(vs[i]); err != nil {
			return err
		}
	}
	e := Encoder{Version: r.AMF, References: true, Avmplus: r.Flags["use_amf3"] != ""}
	return sameBytes(e, vs, b)
}

// sameBytes checks that vs are written as they were read, or at least as bytes
// that mean the same.
func sameBytes(e Encoder, vs []Value, b []byte) error {
	out, err := e.Append(nil, vs...)
	if err != nil {
		return err
	}
	again, err := NewDecoder(out, e.Version).DecodeAll()
	if err != nil || !Equal(NewArray(vs...), NewArray(again...)) {
		return fmt.Errorf("encodes to %x, which decodes to %s (%v)", out, Format(NewArray(again...)), err)
	}
	if !bytes.Equal(out, b) {
		return fmt.Errorf("encodes to %x", out)
	}
	return nil
}

// difference says why records of a test differ, and how many.
type difference struct {
	test, reason string
	count        int
}

// account runs check for each of n records; a record that fails it must have a
// difference, and all differences must be met.
func account(t *testing.T, n int, diffs []difference, name func(i int) string, check func(i int) error) {
	t.Helper()
	left := make(map[string]int)
	for _, d := range diffs {
		left[d.test] += d.count
	}
	agree, differ := 0, 0
	for i := range n {
		err := check(i)
		if err == nil {
			agree++
			continue
		}
		differ++
		if left[name(i)]--; left[name(i)] < 0 {
			t.Errorf("record %d, %s, differs for no known reason: %v", i, name(i), err)
		}
	}
	for test, n := range left {
		if n > 0 {
			t.Errorf("%s: %d records that should differ agree", test, n)
		}
	}
	t.Logf("%d records: %d agree, %d differ for known reasons", n, agree, differ)
	for _, d := range diffs {
		t.Logf("  %d of %s: %s", d.count, d.test, d.reason)
	}
}
