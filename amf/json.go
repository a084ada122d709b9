package amf

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends v as JSON (RFC 8259), for web pages and hooks. It loses
// what JSON has no word for: undefined, unsupported, NaN and infinities become
// null; a date becomes an RFC 3339 string (null out of the years 0 to 9999), a
// byte array base64, XML a string; an ECMA or mixed array an object, other
// arrays and vectors an array; a dictionary an array of [key, value] pairs;
// class names go. Members keep their order, repeated ones too. Invalid UTF-8
// becomes U+FFFD, and <, >, &, U+2028 and U+2029 are escaped, so the text can
// stand in a page.
//
// The error is a *[SyntaxError]: ErrCycle for a value within itself, ErrNodes,
// ErrDepth, ErrBytes when v is beyond 100,000 nodes, 128 levels or 16 MiB, and
// ErrType for a Go type that is no [Value]; dst is then returned as it was.
func AppendJSON(dst []byte, v Value) ([]byte, error) { return appendJSON(dst, v, walkBytes) }

// AppendJSONMax is [AppendJSON] for a reader who wants at most max bytes of
// JSON. More is ErrBytes, found before much more than that was written: what a
// peer sent in a few bytes may be long, when it holds one value many times.
func AppendJSONMax(dst []byte, v Value, max int) ([]byte, error) {
	max = min(max, walkBytes)
	b, err := appendJSON(dst, v, max)
	if err == nil && len(b)-len(dst) > max {
		return dst, &SyntaxError{Offset: max, Err: ErrBytes}
	}
	return b, err
}

func appendJSON(dst []byte, v Value, max int) ([]byte, error) {
	j := jsonWriter{dst: dst, start: len(dst), max: max, left: walkBudget()}
	if err := j.value(v); err != nil {
		return dst, err
	}
	return j.dst, nil
}

type jsonWriter struct {
	dst   []byte
	start int
	max   int // bytes, from start on; checked before each value
	left  budget
	open  []Value
}

func (j *jsonWriter) fail(err error) error {
	return &SyntaxError{Offset: len(j.dst) - j.start, Err: err}
}

func (j *jsonWriter) print(s string) { j.dst = append(j.dst, s...) }

func (j *jsonWriter) value(v Value) error {
	if err := j.left.spend(0); err != nil {
		return j.fail(err)
	}
	if len(j.dst)-j.start > j.max {
		return j.fail(ErrBytes)
	}
	if isNil(v) {
		j.print("null")
		return nil
	}
	switch v := v.(type) {
	case UndefinedType, UnsupportedType:
		j.print("null")
	case bool:
		j.dst = strconv.AppendBool(j.dst, v)
	case float64:
		j.number(v)
	case int32:
		j.dst = strconv.AppendInt(j.dst, int64(v), 10)
	case string:
		return j.string(v)
	case XMLDocument:
		return j.string(string(v))
	case XML:
		return j.string(string(v))
	case Date:
		j.date(v)
	case *ByteArray:
		if len(v.Data) > j.max {
			return j.fail(ErrBytes)
		}
		j.print(`"`)
		j.dst = base64.StdEncoding.AppendEncode(j.dst, v.Data)
		j.print(`"`)
	case *Object, *Array, *VectorInt, *VectorUint, *VectorDouble, *VectorObject, *Dictionary, *Externalizable:
		if slices.Contains(j.open, v) {
			return j.fail(ErrCycle)
		}
		if err := j.left.enter(); err != nil {
			return j.fail(err)
		}
		j.open = append(j.open, v)
		err := j.container(v)
		j.open = j.open[:len(j.open)-1]
		j.left.leave()
		return err
	default:
		return j.fail(ErrType)
	}
	return nil
}

func (j *jsonWriter) number(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		j.print("null")
		return
	}
	j.dst = appendNumber(j.dst, f)
}

func (j *jsonWriter) date(d Date) {
	n := len(j.dst)
	j.print(`"`)
	var ok bool
	if j.dst, ok = appendTime(j.dst, d); ok {
		j.print(`"`)
	} else {
		j.dst = append(j.dst[:n], "null"...)
	}
}

func (j *jsonWriter) string(s string) error {
	if len(s) > j.max-(len(j.dst)-j.start) {
		return j.fail(ErrBytes)
	}
	const hex = "0123456789abcdef"
	j.dst = append(j.dst, '"')
	for i := 0; i < len(s); {
		n := i
		for n < len(s) && plainJSON(s[n]) {
			n++
		}
		j.dst = append(j.dst, s[i:n]...)
		if i = n; i == len(s) {
			break
		}
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			j.dst = append(j.dst, '\\', c)
		case c < utf8.RuneSelf:
			j.dst = append(j.dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == 0x2028 || r == 0x2029 {
				j.dst = append(j.dst, `\u202`...)
				j.dst = append(j.dst, hex[r&15])
			} else {
				j.dst = utf8.AppendRune(j.dst, r) // U+FFFD when invalid
			}
			i += n
			continue
		}
		i++
	}
	j.dst = append(j.dst, '"')
	return nil
}

// plainJSON reports whether c stands for itself in a JSON string.
func plainJSON(c byte) bool {
	return c >= 0x20 && c < 0x7F && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
}

func (j *jsonWriter) container(v Value) error {
	switch v := v.(type) {
	case *Object:
		return j.object(nil, v.Props)
	case *Externalizable:
		return j.object(nil, v.Props)
	case *Array:
		if v.associative() {
			return j.object(v.Dense, v.Assoc)
		}
		return j.array(len(v.Dense), func(i int) error { return j.value(v.Dense[i]) })
	case *VectorObject:
		return j.array(len(v.Data), func(i int) error { return j.value(v.Data[i]) })
	case *VectorInt:
		return j.array(len(v.Data), func(i int) error { return j.value(v.Data[i]) })
	case *VectorUint:
		return j.array(len(v.Data), func(i int) error { return j.value(float64(v.Data[i])) })
	case *VectorDouble:
		return j.array(len(v.Data), func(i int) error { return j.value(v.Data[i]) })
	case *Dictionary:
		return j.array(len(v.Entries), func(i int) error {
			j.print("[")
			if err := j.value(v.Entries[i].Key); err != nil {
				return err
			}
			j.print(",")
			if err := j.value(v.Entries[i].Value); err != nil {
				return err
			}
			j.print("]")
			return nil
		})
	}
	return nil
}

func (j *jsonWriter) array(n int, item func(i int) error) error {
	j.print("[")
	for i := range n {
		if i > 0 {
			j.print(",")
		}
		if err := item(i); err != nil {
			return within(err, indexStep(i))
		}
	}
	j.print("]")
	return nil
}

// object writes dense elements under their index, then members.
func (j *jsonWriter) object(dense []Value, props []Prop) error {
	j.print("{")
	for i := range dense {
		if err := j.member(i > 0, strconv.Itoa(i), dense[i]); err != nil {
			return err
		}
	}
	for i := range props {
		if err := j.member(i > 0 || len(dense) > 0, props[i].Key, props[i].Value); err != nil {
			return err
		}
	}
	j.print("}")
	return nil
}

func (j *jsonWriter) member(comma bool, key string, v Value) error {
	if comma {
		j.print(",")
	}
	if err := j.string(key); err != nil {
		return err
	}
	j.print(":")
	if err := j.value(v); err != nil {
		return within(err, keyStep(key))
	}
	return nil
}

// FromJSON reads one JSON text: objects become *[Object] with their members in
// order, arrays strict *[Array], numbers float64, null nil. The error is a
// *[SyntaxError]: ErrJSON, with details, ErrTrailing when more follows, or a
// limit as for [AppendJSON].
func FromJSON(b []byte) (Value, error) {
	j := jsonReader{dec: json.NewDecoder(bytes.NewReader(b)), left: walkBudget()}
	if len(b) > walkBytes {
		return nil, j.fail(ErrBytes)
	}
	t, err := j.token()
	if err != nil {
		return nil, err
	}
	v, err := j.value(t)
	if err != nil {
		return nil, err
	}
	if _, err := j.dec.Token(); err != io.EOF {
		return nil, j.fail(ErrTrailing)
	}
	return v, nil
}

type jsonReader struct {
	dec  *json.Decoder
	left budget
}

func (j *jsonReader) fail(err error) error {
	return &SyntaxError{Offset: int(j.dec.InputOffset()), Err: err}
}

func (j *jsonReader) token() (json.Token, error) {
	t, err := j.dec.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, j.fail(fmt.Errorf("%w: %w", ErrJSON, err))
	}
	return t, nil
}

// value reads the value that starts with t.
func (j *jsonReader) value(t json.Token) (Value, error) {
	if err := j.left.spend(0); err != nil {
		return nil, j.fail(err)
	}
	d, ok := t.(json.Delim)
	if !ok {
		return t, nil // nil, bool, float64 or string
	}
	if err := j.left.enter(); err != nil {
		return nil, j.fail(err)
	}
	defer j.left.leave()
	if d == '[' {
		return j.array()
	}
	return j.object()
}

func (j *jsonReader) array() (Value, error) {
	a := &Array{}
	for {
		t, err := j.token()
		if err != nil {
			return nil, err
		}
		if t == json.Delim(']') {
			return a, nil
		}
		v, err := j.value(t)
		if err != nil {
			return nil, within(err, indexStep(len(a.Dense)))
		}
		a.Dense = append(a.Dense, v)
	}
}

func (j *jsonReader) object() (Value, error) {
	o := &Object{}
	for {
		t, err := j.token()
		if err != nil {
			return nil, err
		}
		key, ok := t.(string)
		if !ok {
			return o, nil
		}
		if t, err = j.token(); err != nil {
			return nil, err
		}
		v, err := j.value(t)
		if err != nil {
			return nil, within(err, keyStep(key))
		}
		o.Props = append(o.Props, Prop{key, v})
	}
}
