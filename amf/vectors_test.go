package amf

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// The vectors were recorded from other implementations' own test suites. They
// are no part of this repository; the tests read them where they lie, and skip
// without them. Every record is accounted for: it agrees, or it differs for a
// reason in a table here.

func readVectors(t *testing.T, file string, into any) {
	t.Helper()
	dir := os.Getenv("PENSTOCK_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	}
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Skip("no vectors: ", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

const (
	becauseCount    = "PyAMF writes the count of an ECMA array as 0 or by its highest index; it is a hint, here the number of members"
	becauseCarried  = "a reference into the tables of an earlier record; written alone it is the value itself"
	becauseZone     = "PyAMF was told to shift dates by a time zone"
	becauseAMF3     = "PyAMF was told to write as AMF3 what AMF0 has a marker for"
	becauseSequence = "a Python generator is one value there, its items are several here"
	becauseNested   = "written out of order, inside another value whose beginning was not recorded"
	becauseClass    = "a test's own externalizable class: the length of its body is not on the wire"
)

func TestVectorsPyAMF(t *testing.T) {
	files := map[string][]difference{
		"pyamf-amf0": {
			{"DecoderTestCase.test_amf3", becauseAMF3, 1},
			{"EncoderTestCase.test_force_amf3", becauseAMF3, 1},
			{"DecoderTestCase.test_complex_list", becauseCount, 1},
			{"DecoderTestCase.test_dict", becauseCount, 2},
			{"DecoderTestCase.test_mixed_array", becauseCount, 2},
			{"DecoderTestCase.test_numerical_keys_mixed_array", becauseCount, 2},
			{"EncoderTestCase.test_mixed_array", becauseCount, 1},
			{"EncoderTestCase.test_mixed_array", becauseCarried, 1},
			{"DecoderTestCase.test_dynamic", "PyAMF dropped a member that its class alias excludes", 1},
			{"DecoderTestCase.test_timezone", becauseZone, 1},
			{"EncoderTestCase.test_timezone", becauseZone, 1},
			{"DecoderTestCase.test_unsupported", "PyAMF has no unsupported value, it reads null", 1},
			{"DecoderTestCase.test_xml_references", "PyAMF counts XML documents among the values references count; AMF0 spec §2.9 does not", 1},
			{"EncoderTestCase.test_generators", becauseSequence, 1},
		},
		"pyamf-amf3": {
			{"ComplexEncodingTestCase.test_class_refs", becauseNested, 3},
			{"DataInputTestCase.test_object", becauseCarried, 1},
			{"DataOutputTestCase.test_object", becauseCarried, 1},
			{"DataOutputTestCase.test_object_proxy", becauseCarried, 1},
			{"DataOutputTestCase.test_object_proxy_mixed_array", becauseCarried, 1},
			{"DecoderTestCase.test_list_references", becauseCarried, 2},
			{"DecoderTestCase.test_string_references", becauseCarried, 1},
			{"DecoderTestCase.test_xmlstring", becauseCarried, 1},
			{"DecoderTestCase.test_xmlstring_references", becauseCarried, 1},
			{"EncoderTestCase.test_date", becauseCarried, 1},
			{"EncoderTestCase.test_list_proxy_references", becauseCarried, 1},
			{"EncoderTestCase.test_list_references", becauseCarried, 1},
			{"EncoderTestCase.test_xmlstring", becauseCarried, 1},
			{"ObjectDecodingTestCase.test_object_references", becauseCarried, 1},
			{"ObjectEncodingTestCase.test_class_references", becauseCarried, 1},
			{"ObjectEncodingTestCase.test_object_references", becauseCarried, 1},
			{"DecoderTestCase.test_timezone", becauseZone, 1},
			{"EncoderTestCase.test_timezone", becauseZone, 1},
			{"EncoderTestCase.test_generator", becauseSequence, 1},
			{"ObjectDecodingTestCase.test_external", becauseClass, 1},
			{"ObjectEncodingTestCase.test_external", becauseClass, 1},
		},
	}
	for file, diffs := range files {
		t.Run(file, func(t *testing.T) {
			var all struct {
				Count   int
				Vectors []record
			}
			readVectors(t, file+".json", &all)
			if len(all.Vectors) != all.Count {
				t.Fatalf("%d records, the file says %d", len(all.Vectors), all.Count)
			}
			var s session
			account(t, all.Count, diffs,
				func(i int) string { return all.Vectors[i].Test },
				func(i int) error {
					r := &all.Vectors[i]
					if r.Test == "ArrayCollectionTestCase.test_encode_amf0" {
						r.AMF = AMF0 // as the name says, in the file of AMF3
					}
					return r.check(&s)
				})
		})
	}
}

// envelope is an AMF packet as the vectors describe it.
type envelope struct {
	Bodies []struct {
		Name, Type string
		Body       want
	}
}

// packet reads an AMF packet: as much as it takes to find the values.
func packet(b []byte) (headers, bodies []Value, err error) {
	d := NewDecoder(b, AMF0)
	read := func(names int, flag bool) (Value, error) {
		for range names {
			n, err := d.u16()
			if err != nil {
				return nil, err
			}
			if _, err := d.take(n); err != nil {
				return nil, err
			}
		}
		if flag {
			if _, err := d.u8(); err != nil {
				return nil, err
			}
		}
		size, err := d.u32() // often 0 or -1
		if err != nil {
			return nil, err
		}
		body := NewDecoder(d.Rest(), AMF0)
		v, err := body.Decode()
		if err != nil {
			return nil, err
		}
		if size > 0 && uint32(size) != math.MaxUint32 && size != body.Offset() {
			return nil, fmt.Errorf("%d bytes of value, the packet says %d", body.Offset(), size)
		}
		_, err = d.take(body.Offset())
		return v, sameBytesOr(err, v, body)
	}
	if _, err := d.u16(); err != nil {
		return nil, nil, err
	}
	for _, part := range []struct {
		names int
		flag  bool
		out   *[]Value
	}{{1, true, &headers}, {2, false, &bodies}} {
		n, err := d.u16()
		if err != nil {
			return nil, nil, err
		}
		for range n {
			v, err := read(part.names, part.flag)
			if err != nil {
				return nil, nil, err
			}
			*part.out = append(*part.out, v)
		}
	}
	return headers, bodies, nil
}

// sameBytesOr checks that what d has read is written so again, but for the
// count of ECMA arrays.
func sameBytesOr(err error, v Value, d *Decoder) error {
	if err != nil {
		return err
	}
	out, err := Append0(nil, v)
	if err != nil {
		return err
	}
	in := d.b[:d.off]
	if len(in) > 10 && in[5] == mark0ECMA {
		copy(in[6:10], out[6:10])
	}
	if bytes.Equal(in, out) {
		return nil
	}
	again, err := NewDecoder(out, AMF0).Decode()
	if err != nil || !bytes.Contains(in, []byte{mark0AMF3, mark3Object}) || Format(v) != Format(again) {
		return fmt.Errorf("%x encodes to %x", in, out)
	}
	return nil
}

func TestVectorsRemoting(t *testing.T) {
	var all struct {
		Count   int
		Vectors []struct {
			Kind, Test, Hex, Head string
			Envelope              envelope
		}
	}
	readVectors(t, "pyamf-remoting.json", &all)
	diffs := []difference{
		{"GZipTestCase.test_good_response", "the record keeps 16 of 150,436 bytes", 2},
		{"GZipTestCase.test_bad_response", "the record keeps 16 of 150,436 bytes", 1},
		{"DecoderTestCase.test_client_version", "an error of the envelope, which ends early", 3},
		{"DecoderTestCase.test_simple_body", "an error of the envelope, which ends early", 1},
		{"DecoderTestCase.test_invalid_body_data_length", "an error of the envelope, whose length is wrong", 2},
		{"DecoderTestCase.test_invalid_header_data_length", "an error of the envelope, whose length is wrong", 2},
		{"DecoderTestCase.test_timezone", becauseZone, 1},
		{"EncoderTestCase.test_timezone", becauseZone, 1},
	}
	account(t, all.Count, diffs,
		func(i int) string { return all.Vectors[i].Test },
		func(i int) error {
			r := &all.Vectors[i]
			b, err := hex.DecodeString(r.Hex)
			if err != nil {
				return err
			}
			_, bodies, err := packet(b)
			if err != nil {
				return err
			}
			if r.Kind == "remoting-decode-error" {
				return fmt.Errorf("the values have no error")
			}
			for j, body := range r.Envelope.Bodies {
				// PyAMF kept bodies by response name, not in order
				ok := false
				for _, v := range bodies {
					ok = ok || body.Body.check(v) == nil
				}
				if !ok {
					return fmt.Errorf("body %d: none of %s is %s", j, Format(NewArray(bodies...)), body.Body.V)
				}
			}
			return nil
		})
}

func TestVectorsSharedObjectFiles(t *testing.T) {
	var all struct {
		Count   int
		Vectors []struct {
			Test, Hex, Name string
			Value           want
		}
	}
	readVectors(t, "pyamf-sol.json", &all)
	account(t, all.Count, nil,
		func(i int) string { return all.Vectors[i].Test },
		func(i int) error {
			r := &all.Vectors[i]
			b, err := hex.DecodeString(r.Hex)
			if err != nil {
				return err
			}
			body := b[16+2+len(r.Name)+3:] // magic, size, "TCSO", padding, name, padding
			d := NewDecoder(body[1:], Version(body[0]))
			o := NewObject()
			for d.More() {
				var key string
				if d.version == AMF3 {
					key, err = d.string3(d.lim.String)
				} else {
					key, err = d.key0()
				}
				if err != nil {
					return err
				}
				v, err := d.Decode()
				if err != nil {
					return err
				}
				if end, err := d.u8(); err != nil || end != 0 {
					return fmt.Errorf("%q ends with %d, %v", key, end, err)
				}
				o.Set(key, v)
			}
			return r.Value.check(o)
		})
}

func TestVectorsRTMPy(t *testing.T) {
	var all struct {
		Count   int
		Vectors []struct {
			Kind, Test, Message, Hex string
			Attrs                    map[string]want
		}
	}
	readVectors(t, "rtmpy.json", &all)
	headers, controls, commands := 0, 0, 0
	defer func() {
		t.Logf("of which %d chunk headers are the chunk package's, %d messages hold no AMF, %d do", headers, controls, commands)
	}()
	account(t, all.Count, nil,
		func(i int) string { return all.Vectors[i].Test },
		func(i int) error {
			r := &all.Vectors[i]
			switch {
			case r.Kind == "header-decode" || r.Kind == "header-encode": // the chunk package's
				headers++
				return nil
			case r.Message != "Invoke" && r.Message != "Notify": // no AMF in them
				controls++
				return nil
			}
			commands++
			b, err := hex.DecodeString(r.Hex)
			if err != nil {
				return err
			}
			vs, err := NewDecoder(b, AMF0).DecodeAll()
			if err != nil {
				return err
			}
			var args []want
			if err := json.Unmarshal(r.Attrs["argv"].V, &args); err != nil {
				return err
			}
			wants := []want{r.Attrs["name"]}
			if id, ok := r.Attrs["id"]; ok {
				wants = append(wants, id)
			}
			wants = append(wants, args...)
			if len(wants) != len(vs) {
				return fmt.Errorf("got %d values, want %d", len(vs), len(wants))
			}
			for i := range wants {
				if err := wants[i].check(vs[i]); err != nil {
					return err
				}
			}
			return sameBytes(Encoder{}, vs, b)
		})
	if headers != 75 || controls != 20 || commands != 12 {
		t.Errorf("%d chunk headers, %d messages without AMF, %d with; want 75, 20, 12", headers, controls, commands)
	}
}

func TestVectorsRuffle(t *testing.T) {
	var all struct {
		Count int
		Tests []struct {
			VM, Test  string
			Requests  []string  `json:"requests_hex"`
			Responses []*string `json:"server_responses_hex"`
		}
	}
	readVectors(t, "ruffle-netconnection.json", &all)
	var names, bodies []string
	requests := 0
	for _, test := range all.Tests {
		requests += len(test.Requests)
		for _, h := range test.Requests {
			names, bodies = append(names, test.VM+" "+test.Test), append(bodies, h)
		}
		for _, h := range test.Responses {
			if h != nil {
				names, bodies = append(names, test.VM+" "+test.Test), append(bodies, *h)
			}
		}
	}
	if requests != all.Count {
		t.Errorf("%d requests, the file says %d", requests, all.Count)
	}
	diffs := []difference{{"avm1 netconnection_serialize_arrays",
		"an ECMA array counts its indices in Flash, its members here", 1}}
	account(t, len(bodies), diffs,
		func(i int) string { return names[i] },
		func(i int) error {
			b, err := hex.DecodeString(bodies[i])
			if err != nil {
				return err
			}
			_, vs, err := packet(b)
			if err == nil && len(vs) == 0 {
				err = fmt.Errorf("no body")
			}
			return err
		})
}
