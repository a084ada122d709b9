package amf

import (
	"bytes"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
)

func TestDecodeErrors(t *testing.T) {
	tests := []struct {
		name    string
		version Version
		hex     string
		err     error
		offset  int
		path    string
	}{
		{"movie clip", AMF0, "04", ErrMarker, 0, "[0]"},
		{"record set", AMF0, "0e", ErrMarker, 0, "[0]"},
		{"stray object end", AMF0, "05 09", ErrMarker, 1, "[1]"},
		{"unknown marker", AMF0, "12", ErrMarker, 0, "[0]"},
		{"number cut", AMF0, "00 3ff0", ErrTruncated, 1, "[0]"},
		{"boolean cut", AMF0, "01", ErrTruncated, 1, "[0]"},
		{"string cut", AMF0, "02 0005 61", ErrTruncated, 3, "[0]"},
		{"string length cut", AMF0, "02 00", ErrTruncated, 1, "[0]"},
		{"date cut", AMF0, "0b 42702b3621158000 00", ErrTruncated, 9, "[0]"},
		{"long string of 4 GiB", AMF0, "0c ffffffff 61", ErrString, 5, "[0]"},
		{"XML cut", AMF0, "0f 00000002 61", ErrTruncated, 5, "[0]"},
		{"reference to nothing", AMF0, "07 0000", ErrReference, 1, "[0]"},
		{"reference to the next value", AMF0, "03 0001 61 07 0001 0000 09", ErrReference, 5, "[0].a"},
		{"strict array of 4 G", AMF0, "0a ffffffff 05", ErrTruncated, 5, "[0]"},
		{"member cut at its value", AMF0, "03 0001 61", ErrTruncated, 4, "[0].a"},
		{"member cut in its name", AMF0, "03 0002 61", ErrTruncated, 3, "[0]"},
		{"inner object ended by the message", AMF0, "03 0001 61 03 0001 62 05", ErrTruncated, 9, "[0].a"},
		{"object in array ended by the message", AMF0, "0a 00000001 03 0000", ErrTruncated, 8, "[0][0]."},
		{"name that needs quotes", AMF0, "03 0002 0a62 04", ErrMarker, 5, `[0]."\nb"`},
		{"AMF3 cut", AMF0, "11", ErrTruncated, 1, "[0]"},
		{"unknown AMF3 marker", AMF3, "12", ErrMarker, 0, "[0]"},
		{"integer cut", AMF3, "04 80", ErrTruncated, 2, "[0]"},
		{"string reference", AMF3, "06 00", ErrReference, 2, "[0]"},
		{"empty string is not in the table", AMF3, "09 05 01 06 01 06 00", ErrReference, 7, "[0][1]"},
		{"object reference", AMF3, "09 03 01 0a 02", ErrReference, 5, "[0][0]"},
		{"traits reference", AMF3, "0a 01", ErrReference, 2, "[0]"},
		{"sealed members of 2^24", AMF3, "0a fffffffb 01", ErrKeys, 6, "[0]"},
		{"sealed members cut", AMF3, "0a 85 03 01", ErrTruncated, 4, "[0]"},
		{"dense array of 2^28", AMF3, "09 ffffffff 01 01", ErrTruncated, 6, "[0]"},
		{"byte array of 2^28", AMF3, "0c ffffffff 01", ErrString, 5, "[0]"},
		{"vector of 2^28 ints", AMF3, "0d ffffffff 00 00000000", ErrTruncated, 6, "[0]"},
		{"vector of 2^28 doubles", AMF3, "0f ffffffff 00 00000000", ErrTruncated, 6, "[0]"},
		{"vector of 2^28 objects", AMF3, "10 ffffffff 00 01 01", ErrTruncated, 7, "[0]"},
		{"dictionary of 2^28", AMF3, "11 ffffffff 00 01", ErrTruncated, 6, "[0]"},
		{"unknown externalizable", AMF3, "0a 07 03 58 01", ErrExternalizable, 4, "[0]"},
		{"endless flags", AMF3, "0a 07 07 445341" + strings.Repeat("80", 9) + "00", ErrKeys, 14, "[0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := NewDecoder(unhex(t, tt.hex), tt.version)
			_, err := d.DecodeAll()
			var e *SyntaxError
			if !errors.Is(err, tt.err) || !errors.As(err, &e) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if e.Offset != tt.offset || e.Path != tt.path && !strings.HasPrefix(e.Path, tt.path+`"`) {
				t.Errorf("at byte %d in %s, want %d in %s", e.Offset, e.Path, tt.offset, tt.path)
			}
			if _, again := d.Decode(); again != err {
				t.Errorf("then %v, want the same error", again)
			}
		})
	}
}

func TestDecoderPosition(t *testing.T) {
	d := NewDecoder(unhex(t, "05 03 0000 09 0a 00000001 04"), AMF0)
	for _, want := range []int{1, 5} {
		if _, err := d.Decode(); err != nil || d.Offset() != want || !d.More() {
			t.Fatalf("offset %d (%v), want %d", d.Offset(), err, want)
		}
	}
	vs, err := d.DecodeAll()
	if !errors.Is(err, ErrMarker) || len(vs) != 0 || d.More() {
		t.Errorf("%v, %v", vs, err)
	}
	if d.Offset() != 5 || !bytes.Equal(d.Rest(), []byte{10, 0, 0, 0, 1, 4}) {
		t.Errorf("rest %x at %d", d.Rest(), d.Offset())
	}
	d = NewDecoder(nil, AMF3)
	if _, err := d.Decode(); err != io.EOF || d.More() {
		t.Errorf("empty input: %v", err)
	}
}

func TestGarbageAfterValues(t *testing.T) {
	vs, err := NewDecoder(unhex(t, "05 06 ff"), AMF0).DecodeAll()
	if err == nil || len(vs) != 2 {
		t.Errorf("%v, %v; want the values before the garbage, and an error", vs, err)
	}
}

// nest returns n values, each within the other.
func nest(n int, v Version) []byte {
	if v == AMF0 {
		return append(bytes.Repeat([]byte{mark0Strict, 0, 0, 0, 1}, n), mark0Null)
	}
	return append(bytes.Repeat([]byte{mark3Array, 3, 1}, n), mark3Null)
}

func TestLimits(t *testing.T) {
	str := func(n int) []byte { return append([]byte{mark0String, byte(n >> 8), byte(n)}, make([]byte, n)...) }
	keys := func(n int) []byte {
		b := []byte{mark0Object}
		for range n {
			b = append(b, 0, 1, 'k', mark0Null)
		}
		return append(b, 0, 0, mark0End)
	}
	sealed := func(n int) []byte {
		e := Encoder{Version: AMF3}
		b, err := e.Append(nil, &Object{Static: true, Props: make([]Prop, n)})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tests := []struct {
		name      string
		version   Version
		l         Limits
		good, bad []byte
		err       error
	}{
		{"depth", AMF0, Limits{Depth: 3}, nest(3, AMF0), nest(4, AMF0), ErrDepth},
		{"depth of AMF3", AMF3, Limits{Depth: 3}, nest(3, AMF3), nest(4, AMF3), ErrDepth},
		{"depth behind 0x11", AMF0, Limits{Depth: 3}, append([]byte{0x11}, nest(3, AMF3)...),
			append([]byte{0x11}, nest(4, AMF3)...), ErrDepth},
		{"default depth", AMF0, Limits{}, nest(32, AMF0), nest(33, AMF0), ErrDepth},
		{"greatest depth", AMF0, Limits{Depth: 1 << 30}, nest(128, AMF0), nest(129, AMF0), ErrDepth},
		{"a million levels", AMF0, Limits{}, nest(1, AMF0), nest(1e6, AMF0), ErrDepth},
		{"nodes", AMF0, Limits{Nodes: 3}, []byte{5, 5, 5}, []byte{5, 5, 5, 5}, ErrNodes},
		{"nodes of AMF3", AMF3, Limits{Nodes: 3}, []byte{1, 1, 1}, []byte{1, 1, 1, 1}, ErrNodes},
		{"default nodes", AMF0, Limits{}, bytes.Repeat([]byte{5}, 1e4), bytes.Repeat([]byte{5}, 1e4+1), ErrNodes},
		{"bytes", AMF0, Limits{Bytes: 100}, str(36), str(37), ErrBytes},
		{"bytes by nodes", AMF0, Limits{Bytes: 128}, []byte{5, 5}, []byte{5, 5, 5}, ErrBytes},
		{"bytes of a vector", AMF3, Limits{Bytes: 72}, []byte{0x0F, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0},
			append([]byte{0x0F, 5, 0}, make([]byte, 16)...), ErrBytes},
		{"bytes of table entries", AMF3, Limits{Bytes: 2 * (64 + 16 + 1)}, []byte("\x06\x03a\x06\x03b"),
			[]byte("\x06\x03a\x06\x05bc"), ErrBytes},
		{"bytes of sealed names", AMF3, Limits{Bytes: 64 + 16 + 16 + 2 + 64}, []byte("\x0a\x13\x01\x05ab\x01"),
			[]byte("\x0a\x13\x01\x07abc\x01"), ErrBytes},
		{"string", AMF0, Limits{String: 5}, str(5), str(6), ErrString},
		{"string of AMF3", AMF3, Limits{LongString: 3}, []byte("\x06\x07abc"), []byte("\x06\x09abcd"), ErrString},
		{"long name by reference", AMF3, Limits{String: 3}, []byte("\x09\x03\x07abc\x01\x01\x06\x00"),
			[]byte("\x09\x05\x01\x06\x09abcd\x0a\x0b\x00"), ErrString},
		{"long string", AMF0, Limits{LongString: 2}, []byte("\x0c\x00\x00\x00\x02ab"), []byte("\x0c\x00\x00\x00\x03abc"), ErrString},
		{"byte array", AMF3, Limits{LongString: 2}, []byte("\x0c\x05ab"), []byte("\x0c\x07abc"), ErrString},
		{"keys", AMF0, Limits{Keys: 2}, keys(2), keys(3), ErrKeys},
		{"default keys", AMF0, Limits{}, keys(1024), keys(1025), ErrKeys},
		{"sealed", AMF3, Limits{Sealed: 2}, sealed(2), sealed(3), ErrKeys},
		{"default sealed", AMF3, Limits{}, sealed(256), sealed(257), ErrKeys},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := NewDecoderLimits(tt.good, tt.version, tt.l).DecodeAll(); err != nil {
				t.Errorf("within the limit: %v", err)
			}
			if _, err := NewDecoderLimits(tt.bad, tt.version, tt.l).DecodeAll(); !errors.Is(err, tt.err) {
				t.Errorf("beyond the limit: %v, want %v", err, tt.err)
			}
		})
	}
}

// Declared counts and lengths cost nothing until the data has come.
func TestNoAllocationByDeclaration(t *testing.T) {
	inputs := map[string][]byte{
		"strict arrays": bytes.Repeat([]byte{mark0Strict, 0, 15, 0, 0}, 1<<18),
		"AMF3 arrays":   append([]byte{0x11}, bytes.Repeat([]byte{mark3Array, 0x81, 0x80, 0x01, 1}, 1<<18)...),
		"vectors":       append([]byte{0x11, mark3VectorDouble, 0xBF, 0xFF, 0xFF, 0xFF, 0}, make([]byte, 1<<16)...),
		"long string":   {mark0LongString, 0x7F, 0xFF, 0xFF, 0xFF, 0},
	}
	for name, in := range inputs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := NewDecoderLimits(in, AMF0, Limits{Depth: 128, LongString: math.MaxInt, Bytes: 1 << 30}).DecodeAll()
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; err == nil || grown > 1<<20 {
			t.Errorf("%s: %d bytes allocated, %v", name, grown, err)
		}
	}
}

func TestDecodedValuesKeepNothing(t *testing.T) {
	in := unhex(t, "03 0001 6b 02 0001 61 0000 09 10 0001 43 0000 09 11 0c 03 61 11 06 03 61")
	vs, err := NewDecoder(in, AMF0).DecodeAll()
	if err != nil {
		t.Fatal(err)
	}
	want := Format(NewArray(vs...))
	clear(in)
	if got := Format(NewArray(vs...)); got != want {
		t.Errorf("changed with the input: %s, was %s", got, want)
	}
}

func TestReferencesArePointers(t *testing.T) {
	vs, err := NewDecoder(unhex(t, "03 0000 09 0a 00000002 07 0000 07 0001"), AMF0).DecodeAll()
	if err != nil {
		t.Fatal(err)
	}
	a := vs[1].(*Array)
	if a.Dense[0] != vs[0] || a.Dense[1] != vs[1] {
		t.Errorf("%s: elements are other values", Format(a))
	}
	v, err := NewDecoder(unhex(t, "09 07 01 0c 03 ff 0c 02 09 00"), AMF3).Decode()
	if err != nil {
		t.Fatal(err)
	}
	if a := v.(*Array); a.Dense[0] != a.Dense[1] || a.Dense[2] != v {
		t.Errorf("%s: elements are other values", Format(a))
	}
}

// Peers disagree on the life of AMF3 tables between the values of a message.
func TestTablesOfSeveralAMF3Values(t *testing.T) {
	tests := []struct{ name, hex, want string }{
		{"shared strings", "11 06 07 666f6f 11 09 05 01 06 07 626172 06 00", `["foo" ["bar" "foo"]]`},
		{"shared objects", "11 0a 0b 01 01 11 0a 00", `[{} {}]`},
		{"fresh, told by the type of object 0", "11 0a 0b 01 01 11 09 05 01 0c 03 aa 09 00 11 09 03 01 09 00",
			`[{} [<1 bytes> <cycle>] [<cycle>]]`},
		{"fresh, told by the members of class 0",
			"11 0a 23 03 50 03 61 03 62 01 01 11 09 05 01 0a 0b 01 01 0a 01 01",
			`[P{a:null b:null} [{} {}]]`},
	}
	for _, tt := range tests {
		vs, err := NewDecoder(unhex(t, tt.hex), AMF0).DecodeAll()
		if got := Format(NewArray(vs...)); err != nil || got != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.name, got, err, tt.want)
		}
	}
	_, err := NewDecoder(unhex(t, "11 06 03 61 11 06 02"), AMF0).DecodeAll()
	var e *SyntaxError
	if !errors.As(err, &e) || e.Err != ErrReference || e.Offset != 7 {
		t.Errorf("reference to nothing in either way: %v", err)
	}
}
