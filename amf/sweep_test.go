package amf

import (
	"errors"
	"strings"
	"testing"
)

// Every row is written under every limit below what it needs: each time the
// error is that limit's, and never is much more made than the limit says.
func TestEncodeUnderEveryLimit(t *testing.T) {
	for _, r := range rows() {
		if len(r.hex) > 4096 {
			continue
		}
		for _, refs := range []bool{false, true} {
			e := Encoder{Version: r.version, References: refs}
			whole, err := e.Append(nil, r.want...)
			if err != nil {
				t.Fatal(err)
			}
			for n := 1; n < len(whole); n++ {
				e.Limits = Limits{Bytes: n}
				if _, err := e.Append(nil, r.want...); !errors.Is(err, ErrBytes) {
					t.Errorf("%s in %d bytes of %d: %v", r.name, n, len(whole), err)
				}
			}
			e.Limits = Limits{Bytes: len(whole)}
			if _, err := e.Append(nil, r.want...); err != nil {
				t.Errorf("%s in all its bytes: %v", r.name, err)
			}
			most := 0
			for n := 1; ; n++ {
				e.Limits = Limits{Nodes: n}
				_, err := e.Append(nil, r.want...)
				if err == nil {
					break
				}
				if most++; !errors.Is(err, ErrNodes) || most > len(whole) {
					t.Fatalf("%s with %d nodes: %v", r.name, n, err)
				}
			}
		}
	}
}

// Every row is read under every limit below what it needs.
func TestDecodeUnderEveryLimit(t *testing.T) {
	wide := Limits{Depth: 128, Nodes: 1 << 20, Bytes: 1 << 20, String: 1 << 20, LongString: 1 << 20, Keys: 1 << 20, Sealed: 1 << 20}
	for _, r := range rows() {
		if strings.Contains(r.name, "long string") {
			continue
		}
		in := r.bytes(t)
		for _, limit := range []struct {
			name string
			of   func(*Limits) *int
			err  error
		}{
			{"Depth", func(l *Limits) *int { return &l.Depth }, ErrDepth},
			{"Nodes", func(l *Limits) *int { return &l.Nodes }, ErrNodes},
			{"Bytes", func(l *Limits) *int { return &l.Bytes }, ErrBytes},
			{"String", func(l *Limits) *int { return &l.String }, ErrString},
			{"LongString", func(l *Limits) *int { return &l.LongString }, ErrString},
			{"Keys", func(l *Limits) *int { return &l.Keys }, ErrKeys},
			{"Sealed", func(l *Limits) *int { return &l.Sealed }, ErrKeys},
		} {
			l := wide
			for n := 1; ; n++ {
				*limit.of(&l) = n
				_, err := NewDecoderLimits(in, r.version, l).DecodeAll()
				if err == nil {
					break
				}
				if !errors.Is(err, limit.err) {
					t.Fatalf("%s with %s %d: %v, want %v", r.name, limit.name, n, err, limit.err)
				}
			}
		}
	}
}

// Every prefix of every row ends as truncated, or as fewer values, or as one of
// the two tolerated ends of a top-level object; never otherwise.
func TestDecodeEveryPrefix(t *testing.T) {
	for _, r := range rows() {
		in := r.bytes(t)
		if len(in) > 1024 {
			continue
		}
		for n := range in {
			d := NewDecoder(in[:n], r.version)
			vs, err := d.DecodeAll()
			switch {
			case len(vs) > len(r.want):
				t.Errorf("%s, %d bytes: %d values of %d", r.name, n, len(vs), len(r.want))
			case err == nil && d.Offset() != n:
				t.Errorf("%s, %d bytes: stopped at %d", r.name, n, d.Offset())
			case err != nil && !errors.Is(err, ErrTruncated):
				t.Errorf("%s, %d bytes: %v", r.name, n, err)
			}
		}
	}
}

func TestDefaultLimits(t *testing.T) {
	want := Limits{Depth: 32, Nodes: 10_000, Bytes: 1 << 20, String: 64 << 10, LongString: 256 << 10, Keys: 1024, Sealed: 256}
	if got := DefaultLimits(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := (Limits{Depth: -1, Nodes: 5}).or(DefaultLimits()); got.Depth != 32 || got.Nodes != 5 || got.Keys != 1024 {
		t.Errorf("%+v", got)
	}
}

func TestErrorsRead(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{&SyntaxError{Offset: 7, Err: ErrMarker}, "amf: unexpected type marker at byte 7"},
		{&SyntaxError{7, "[0].a", ErrDepth}, "amf: nested too deep at byte 7 in [0].a"},
		{&MappingError{Err: ErrNodes}, "amf: too many values"},
		{&MappingError{".a", "string", "int", ErrType}, "amf: type does not fit: string to int in .a"},
		{unknownClass("a.B"), `unknown externalizable class "a.B"`},
		{unknownClass(strings.Repeat("é", 99)), `unknown externalizable class "` + strings.Repeat("é", 32) + `…"`},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
	for key, want := range map[string]string{
		"a-b_c$@9": ".a-b_c$@9", "": `.""`, "a b": `."a b"`, "\n": `."\n"`, strings.Repeat("k", 65): `."` + strings.Repeat("k", 64) + `…"`,
	} {
		if got := keyStep(key); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for _, tt := range []struct {
		v    Value
		want string
	}{
		{nil, "null"}, {Undefined, "undefined"}, {Unsupported, "unsupported"}, {true, "boolean"}, {1.5, "number 1.5"}, {int32(1), "number 1"},
		{"x", "string"}, {obj(), "object"}, {&Object{Class: "C"}, "object C"}, {&Externalizable{Class: "DSA"}, "object DSA"},
		{NewArray(), "Array"}, {&VectorInt{}, "VectorInt"}, {Date{}, "Date"},
	} {
		if got := kind(tt.v); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}
