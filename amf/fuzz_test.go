package amf

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

func FuzzAMF0(f *testing.F) { fuzz(f, AMF0) }
func FuzzAMF3(f *testing.F) { fuzz(f, AMF3) }

// fuzz checks that whatever can be read can be written, and reads the same
// again; and that no walker hangs or panics on it.
func fuzz(f *testing.F, ver Version) {
	for _, r := range rows() {
		if r.version == ver && len(r.hex) < 4096 {
			f.Add(r.bytes(f))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		d := NewDecoderLimits(in, ver, Limits{Nodes: 1000, Bytes: 1 << 17})
		vs, err := d.DecodeAll()
		if err != nil && d.Offset() > len(in) || err == nil && d.More() {
			t.Fatalf("stopped at %d: %v", d.Offset(), err)
		}
		v := Value(NewArray(vs...))
		walk(t, v)
		e := Encoder{Version: ver, References: true}
		out, err := e.Append(nil, vs...)
		if err != nil {
			// Later AMF3 values are written without references: a graph there
			// grows, or cannot be written at all.
			for _, ok := range []error{ErrCycle, ErrNodes, ErrBytes, ErrDepth} {
				if errors.Is(err, ok) {
					return
				}
			}
			t.Fatalf("%s: %v", Format(v), err)
		}
		wide := Limits{Depth: 128, Nodes: 1e6, Bytes: 1 << 24, Keys: 1e6, LongString: 1 << 24}
		again, err := NewDecoderLimits(out, ver, wide).DecodeAll()
		if err != nil {
			t.Fatalf("%x: %v", out, err)
		}
		w := Value(NewArray(again...))
		if ver == AMF3 || !d.switched() {
			if !Equal(v, w) {
				t.Fatalf("%x was %s, is %s", out, Format(v), Format(w))
			}
		}
		out2, err := e.Append(nil, again...)
		if err != nil || string(out2) != string(out) {
			t.Fatalf("%x, then %x (%v)", out, out2, err)
		}
	})
}

// switched reports whether AMF3 has been read behind AMF0: an AMF3 integer
// comes back as a number then, an object without its traits.
func (d *Decoder) switched() bool { return bytes.IndexByte(d.b, mark0AMF3) >= 0 }

func walk(t *testing.T, v Value) {
	if len(Format(v)) > 3*formatBytes {
		t.Fatal("long format")
	}
	if b, err := AppendJSON(nil, v); err == nil && !json.Valid(b) {
		t.Fatalf("%s is not JSON", b)
	}
	c, err := Copy(v)
	if err != nil {
		t.Fatalf("copy: %v", err)
	}
	if !Equal(c, v) {
		t.Fatalf("copy of %s is %s", Format(v), Format(c))
	}
	var into struct {
		A int
		B []string
		C map[string]any
		D *[]byte
	}
	_ = Assign(&into, v)
	_ = Assign(&[]any{}, v)
	_ = Assign(&map[string]map[string]float64{}, v)
}

func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,"x",null,true],"a":{}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := FromJSON(in)
		if err != nil {
			return
		}
		out, err := AppendJSON(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		w, err := FromJSON(out)
		if err != nil || !Equal(v, w) {
			t.Fatalf("%s, %v; was %s", Format(w), err, Format(v))
		}
	})
}
