package amf

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"
)

// A row drives decoding, encoding, the walkers and the fuzz targets.
type row struct {
	name    string
	version Version
	hex     string  // spaces are for the reader
	want    []Value // one message
	out     string  // what want encodes to, if not hex; "-" for another encoding of the same
	text    string  // Format of the values, if not ""
}

func (r *row) bytes(t testing.TB) []byte { return unhex(t, r.hex) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func vals(v ...Value) []Value { return v }

func obj(kv ...any) *Object { return &Object{Props: props(kv...)} }

func ecma(kv ...any) *Array { return &Array{ECMA: true, Assoc: props(kv...)} }

func props(kv ...any) []Prop {
	var ps []Prop
	for i := 0; i < len(kv); i += 2 {
		ps = append(ps, Prop{kv[i].(string), kv[i+1]})
	}
	return ps
}

// loop0 is an object that holds itself.
func loop0() *Object {
	o := obj("me", nil)
	o.Props[0].Value = o
	return o
}

func loop3() *Array {
	a := &Array{}
	a.Dense = []Value{a}
	return a
}

func rows() []row { return slices.Concat(rows0(), messages(), clients(), rows3()) }

func rows0() []row {
	long := strings.Repeat("x", 65536)
	return []row{
		{"zero", AMF0, "00 0000000000000000", vals(0.0), "", "[0]"},
		{"number", AMF0, "00 3ff8000000000000", vals(1.5), "", "[1.5]"},
		{"nan", AMF0, "00 7ff8000000000001", vals(math.NaN()), "", "[NaN]"},
		{"infinity", AMF0, "00 fff0000000000000", vals(math.Inf(-1)), "", "[-Inf]"},
		{"true", AMF0, "01 01", vals(true), "", "[true]"},
		{"false", AMF0, "01 00", vals(false), "", "[false]"},
		{"true by any byte", AMF0, "01 02", vals(true), "0101", ""},
		{"string", AMF0, "02 0003 666f6f", vals("foo"), "", `["foo"]`},
		{"empty string", AMF0, "02 0000", vals(""), "", ""},
		{"string of invalid UTF-8 and NUL", AMF0, "02 0003 ff0041", vals("\xff\x00A"), "", `["\xff\x00A"]`},
		{"null and undefined", AMF0, "05 06", vals(nil, Undefined), "", "[null undefined]"},
		{"unsupported", AMF0, "0d", vals(Unsupported), "", "[unsupported]"},
		{"object", AMF0, "03 0001 62 05 0001 61 0100 0000 09", vals(obj("b", nil, "a", false)), "", "[{b:null a:false}]"},
		{"empty object", AMF0, "03 0000 09", vals(obj()), "", "[{}]"},
		{"duplicate keys", AMF0, "03 0001 61 05 0001 61 06 0000 09", vals(obj("a", nil, "a", Undefined)), "", ""},
		{"empty key", AMF0, "03 0000 05 0001 61 06 0000 09", vals(obj("", nil, "a", Undefined)), "", `[{"":null a:undefined}]`},
		{"object ended by the message", AMF0, "03 0001 61 05", vals(obj("a", nil)), "03 0001 61 05 0000 09", ""},
		{"object ended by the empty key", AMF0, "03 0001 61 05 0000", vals(obj("a", nil)), "03 0001 61 05 0000 09", ""},
		{"typed object", AMF0, "10 0003 612e42 0001 78 05 0000 09",
			vals(&Object{Class: "a.B", Props: props("x", nil)}), "", "[a.B{x:null}]"},
		{"typed object without class", AMF0, "10 0000 0000 09", vals(obj()), "03 0000 09", ""},
		{"reference to itself", AMF0, "03 0002 6d65 07 0000 0000 09", vals(loop0()), "", "[{me:<cycle>}]"},
		{"reference to an earlier value", AMF0, "0a 00000001 05 03 0000 09 07 0001", vals(NewArray(nil), obj(), obj()),
			"0a 00000001 05 03 0000 09 03 0000 09", ""},
		{"ECMA array", AMF0, "08 00000001 0001 61 05 0000 09", vals(ecma("a", nil)), "", "[[a:null]]"},
		{"ECMA array of wrong count", AMF0, "08 00000014 0001 61 05 0000 09", vals(ecma("a", nil)),
			"08 00000001 0001 61 05 0000 09", ""},
		{"ECMA array of huge count", AMF0, "08 ffffffff 0000 09", vals(ecma()), "08 00000000 0000 09", ""},
		{"ECMA array ended by the message", AMF0, "08 00000001 0001 61 05", vals(ecma("a", nil)),
			"08 00000001 0001 61 05 0000 09", ""},
		{"strict array", AMF0, "0a 00000002 05 06", vals(NewArray(nil, Undefined)), "", "[[null undefined]]"},
		{"empty strict array", AMF0, "0a 00000000", vals(NewArray()), "", "[[]]"},
		{"date", AMF0, "0b 42702b3621158000 0000", vals(Date{Millis: 1111111111000}), "", "[2005-03-18T01:58:31.000Z]"},
		{"date with zone", AMF0, "0b 42702b3621158000 ffc4", vals(Date{1111111111000, -60}), "", ""},
		{"date that is none", AMF0, "0b 7ff8000000000001 0000", vals(Date{Millis: math.NaN()}), "", "[date(NaN)]"},
		{"long string", AMF0, "0c 00010000" + strings.Repeat("78", 65536), vals(long), "", ""},
		{"short long string", AMF0, "0c 00000001 78", vals("x"), "02 0001 78", ""},
		{"XML document", AMF0, "0f 00000004 3c612f3e", vals(XMLDocument("<a/>")), "", `[xml"<a/>"]`},
		{"AMF3 integer", AMF0, "11 04 05", vals(int32(5)), "00 4014000000000000", "[5]"},
		{"AMF3 XML", AMF0, "11 0b 09 3c612f3e", vals(XML("<a/>")), "", ""},
		{"AMF3 byte array", AMF0, "11 0c 07 010203", vals(&ByteArray{[]byte{1, 2, 3}}), "", "[<3 bytes>]"},
		{"AMF3 between AMF0", AMF0, "05 11 0d 0300 00000001 06", vals(nil, &VectorInt{Data: []int32{1}}, Undefined), "", ""},
		{"AMF3 values that share tables", AMF0, "11 0f 0100 11 0f 00", vals(&VectorDouble{}, &VectorDouble{}),
			"11 0f 0100 11 0f 0100", ""},
	}
}

func rows3() []row {
	inner := &Object{Class: "P", Sealed: 1, Static: true, Props: props("x", int32(1))}
	return []row{
		{"undefined, null, false, true", AMF3, "00 01 02 03", vals(Undefined, nil, false, true), "", ""},
		{"integer 0", AMF3, "04 00", vals(int32(0)), "", ""},
		{"integer 127", AMF3, "04 7f", vals(int32(127)), "", ""},
		{"integer 128", AMF3, "04 8100", vals(int32(128)), "", ""},
		{"integer 16383", AMF3, "04 ff7f", vals(int32(16383)), "", ""},
		{"integer 16384", AMF3, "04 818000", vals(int32(16384)), "", ""},
		{"integer 2097151", AMF3, "04 ffff7f", vals(int32(2097151)), "", ""},
		{"integer 2097152", AMF3, "04 80c08000", vals(int32(2097152)), "", ""},
		{"integer -1", AMF3, "04 ffffffff", vals(int32(-1)), "", ""},
		{"greatest integer", AMF3, "04 bfffffff", vals(int32(1<<28 - 1)), "", ""},
		{"least integer", AMF3, "04 c0808000", vals(int32(-1 << 28)), "", ""},
		{"integer in too many bytes", AMF3, "04 8000", vals(int32(0)), "0400", ""},
		{"double", AMF3, "05 3ff8000000000000", vals(1.5), "", ""},
		{"integral double", AMF3, "05 3ff0000000000000", vals(1.0), "", ""},
		{"string", AMF3, "06 07 666f6f", vals("foo"), "", ""},
		{"empty string", AMF3, "06 01", vals(""), "", ""},
		{"strings by reference", AMF3, "09 0701 06 07666f6f 06 00 06 01", vals(NewArray("foo", "foo", "")), "", ""},
		{"XML document", AMF3, "07 09 3c612f3e", vals(XMLDocument("<a/>")), "", ""},
		{"XML", AMF3, "0b 09 3c612f3e", vals(XML("<a/>")), "", ""},
		{"date", AMF3, "08 01 42702b3621158000", vals(Date{Millis: 1111111111000}), "", ""},
		{"date by reference", AMF3, "09 0501 08 01 42702b3621158000 08 02",
			vals(NewArray(Date{Millis: 1111111111000}, Date{Millis: 1111111111000})),
			"09 0501 08 01 42702b3621158000 08 01 42702b3621158000", ""},
		{"empty array", AMF3, "09 01 01", vals(NewArray()), "", ""},
		{"dense and associative array", AMF3, "09 03 0361 01 01 00",
			vals(&Array{Dense: vals(Undefined), Assoc: props("a", nil)}), "", "[[undefined a:null]]"},
		{"array of itself", AMF3, "09 03 01 09 00", vals(loop3()), "", "[[<cycle>]]"},
		{"object", AMF3, "0a 0b 01 0361 0401 0362 02 01", vals(obj("a", int32(1), "b", false)), "", ""},
		{"static object", AMF3, "0a 13 0350 0378 0401", vals(inner), "", "[P{x:1}]"},
		{"sealed and dynamic members", AMF3, "0a 1b 0350 0378 0401 0379 01 01",
			vals(&Object{Class: "P", Sealed: 1, Props: props("x", int32(1), "y", nil)}), "", ""},
		{"sealed member without name", AMF3, "0a 13 01 01 01", vals(&Object{Sealed: 1, Static: true, Props: props("", nil)}), "", ""},
		{"traits by reference", AMF3, "09 0501 0a 13 0350 0378 0401 0a 01 0401", vals(NewArray(inner,
			&Object{Class: "P", Sealed: 1, Static: true, Props: props("x", int32(1))})), "", ""},
		{"object by reference", AMF3, "09 0501 0a 0b01 01 0a 02", vals(NewArray(obj(), obj())), "09 0501 0a 0b01 01 0a 01 01", ""},
		{"byte array", AMF3, "0c 07 010203", vals(&ByteArray{[]byte{1, 2, 3}}), "", ""},
		{"vector of int", AMF3, "0d 05 01 ffffffff 00000002", vals(&VectorInt{true, []int32{-1, 2}}), "", "[[-1 2]]"},
		{"vector of uint", AMF3, "0e 05 00 ffffffff 00000002", vals(&VectorUint{false, []uint32{math.MaxUint32, 2}}), "", "[[4294967295 2]]"},
		{"vector of Number", AMF3, "0f 03 00 3ff8000000000000", vals(&VectorDouble{false, []float64{1.5}}), "", "[[1.5]]"},
		{"vector of objects", AMF3, "10 05 00 0350 01 0a 13 00 0378 0401",
			vals(&VectorObject{Type: "P", Data: vals(nil, inner)}), "", "[[null P{x:1}]]"},
		{"dictionary", AMF3, "11 05 00 0a 0b01 01 03 0603 61 04 01",
			vals(&Dictionary{Entries: []Entry{{obj(), true}, {"a", int32(1)}}}), "", `[{{}:true "a":1}]`},
		{"weak dictionary", AMF3, "11 01 01", vals(&Dictionary{Weak: true}), "", ""},
		{"ArrayCollection", AMF3, "0a 07 43 666c65782e6d6573736167696e672e696f2e4172726179436f6c6c656374696f6e 09 03 01 02",
			vals(&Externalizable{"flex.messaging.io.ArrayCollection", props("source", NewArray(false))}), "",
			"[flex.messaging.io.ArrayCollection{source:[false]}]"},
		{"ObjectProxy", AMF3, "0a 07 3b 666c65782e6d6573736167696e672e696f2e4f626a65637450726f7879 0a 0b01 01",
			vals(&Externalizable{"flex.messaging.io.ObjectProxy", props("object", obj())}), "", ""},
		{"acknowledgement", AMF3, "0a 07 07 44534b a0 03 05 4000000000000000 0c 03 01 0c 03 02 01 0603 63 00",
			vals(&Externalizable{"DSK", props("timestamp", 2.0, "clientIdBytes", &ByteArray{[]byte{1}},
				"messageIdBytes", &ByteArray{[]byte{2}}, "correlationId", "c")}), "", ""},
		{"asynchronous message with unknown flags", AMF3, "0a 07 07 445341 8080 40 01 40 02",
			vals(&Externalizable{"DSA", props("flag0.2.6", nil, "flag1.0.6", false)}), "", ""},
		{"command", AMF3, "0a 07 07 445343 00 00 01 0405", vals(&Externalizable{"DSC", props("operation", int32(5))}), "", ""},
		{"command with idle flag bytes", AMF3, "0a 07 07 445343 8000 8000 01 0405",
			vals(&Externalizable{"DSC", props("operation", int32(5))}), "0a 07 07 445343 00 00 01 0405", ""},
	}
}

// messages are command and data messages in AMF0: those of Flash Media Server
// and Flash Player as captured, where a capture is known, else as documented.
func messages() []row {
	status := func(level, code, description string, more ...any) *Object {
		return obj(append([]any{"level", level, "code", code, "description", description}, more...)...)
	}
	return []row{
		{"connect _result, FMS 4.5", AMF0, `
0200075f726573756c74003ff0000000000000030006666d7356657202000d464d532f342c352c322c353234000c6361
706162696c697469657300405fc0000000000000046d6f6465003ff00000000000000000090300056c6576656c020006
7374617475730004636f646502001d4e6574436f6e6e656374696f6e2e436f6e6e6563742e53756363657373000b6465
736372697074696f6e020015436f6e6e656374696f6e207375636365656465642e000e6f626a656374456e636f64696e
670000000000000000000004646174610800000001000776657273696f6e020009342c352c322c353234000009000009`,
			vals("_result", 1.0, obj("fmsVer", "FMS/4,5,2,524", "capabilities", 127.0, "mode", 1.0),
				status("status", "NetConnection.Connect.Success", "Connection succeeded.", "objectEncoding", 0.0,
					"data", ecma("version", "4,5,2,524"))), "", ""},
		{"virtual host rejection, captured", AMF0, `
0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443
6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e0200415b2053657276
65722e52656a656374205d203a205669727475616c20686f7374205f64656661756c7456486f73745f206973206e6f74
20617661696c61626c652e000009`,
			vals("_error", 1.0, nil, status("error", "NetConnection.Connect.Rejected",
				"[ Server.Reject ] : Virtual host _defaultVHost_ is not available.")), "", ""},
		{"script rejection", AMF0, `
0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443
6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e020012436f6e6e6563
74696f6e206661696c65642e000b6170706c69636174696f6e05000009`,
			vals("_error", 1.0, nil, status("error", "NetConnection.Connect.Rejected", "Connection failed.",
				"application", nil)), "", ""},
		{"redirection", AMF0, `
0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443
6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e020011436f6e6e6563
74696f6e206661696c656400026578030004636f6465004072e000000000000008726564697265637402001472746d70
3a2f2f622e6578616d706c652f617070000009000009`,
			vals("_error", 1.0, nil, status("error", "NetConnection.Connect.Rejected", "Connection failed",
				"ex", obj("code", 302.0, "redirect", "rtmp://b.example/app"))), "", ""},
		{"close", AMF0, "020005636c6f736500000000000000000005", vals("close", 0.0, nil), "", `["close" 0 null]`},
		{"onBWDone", AMF0, "0200086f6e4257446f6e6500000000000000000005", vals("onBWDone", 0.0, nil), "", ""},
		{"createStream _result", AMF0, "0200075f726573756c7400400000000000000005003ff0000000000000",
			vals("_result", 2.0, nil, 1.0), "", ""},
		{"Flash Player's Call.Failed, captured", AMF0, `
0200065f6572726f7200400000000000000005030004636f64650200194e6574436f6e6e656374696f6e2e43616c6c2e
4661696c656400056c6576656c0200056572726f72000009`,
			vals("_error", 2.0, nil, obj("code", "NetConnection.Call.Failed", "level", "error")), "", ""},
		{"server's Call.Failed", AMF0, `
0200065f6572726f72004000000000000000050300056c6576656c0200056572726f720004636f64650200194e657443
6f6e6e656374696f6e2e43616c6c2e4661696c6564000b6465736372697074696f6e0200214d6574686f64206e6f7420
666f756e64202872656c6561736553747265616d292e000009`,
			vals("_error", 2.0, nil, status("error", "NetConnection.Call.Failed", "Method not found (releaseStream).")), "", ""},
		{"Play.Reset, captured", AMF0, `
0200086f6e537461747573000000000000000000050300056c6576656c0200067374617475730004636f64650200144e
657453747265616d2e506c61792e5265736574000b6465736372697074696f6e02002a506c6179696e6720616e642072
6573657474696e672050445f456e676c6973685f4c6f7740323030312e000764657461696c7302001350445f456e676c
6973685f4c6f7740323030310008636c69656e746964020008 64734c67596f6862000009`,
			vals("onStatus", 0.0, nil, status("status", "NetStream.Play.Reset",
				"Playing and resetting PD_English_Low@2001.", "details", "PD_English_Low@2001", "clientid", "dsLgYohb")), "", ""},
		{"Data.Start, captured", AMF0, `
0200086f6e537461747573030004636f64650200144e657453747265616d2e446174612e5374617274000009`,
			vals("onStatus", obj("code", "NetStream.Data.Start")), "", `["onStatus" {code:"NetStream.Data.Start"}]`},
		{"RtmpSampleAccess", AMF0, "0200117c52746d7053616d706c6541636365737301000100",
			vals("|RtmpSampleAccess", false, false), "", `["|RtmpSampleAccess" false false]`},
	}
}

func TestTable(t *testing.T) {
	for _, r := range rows() {
		name := "AMF0 " + r.name
		if r.version == AMF3 {
			name = "AMF3 " + r.name
		}
		t.Run(name, func(t *testing.T) {
			in := r.bytes(t)
			got, err := NewDecoder(in, r.version).DecodeAll()
			if err != nil {
				t.Fatal(err)
			}
			all, want := NewArray(got...), NewArray(r.want...)
			if !Equal(all, want) {
				t.Errorf("decoded %s, want %s", Format(all), Format(want))
			}
			if text := Format(all); r.text != "" && text != r.text {
				t.Errorf("format %s, want %s", text, r.text)
			}
			out := in
			if r.out == "-" {
				again, err := Append0(nil, got...)
				if err != nil {
					t.Fatal(err)
				}
				out = again
			} else if r.out != "" {
				out = unhex(t, r.out)
			}
			for _, v := range [][]Value{got, r.want} {
				e := Encoder{Version: r.version}
				b, err := e.Append([]byte("before"), v...)
				if err != nil {
					t.Fatal(err)
				}
				if string(b[:6]) != "before" || !bytes.Equal(b[6:], out) {
					t.Errorf("encoded %x, want %x", b[6:], out)
				}
			}
			clone, err := Copy(all)
			if err != nil || !Equal(clone, all) {
				t.Errorf("copy %s, %v; want %s", Format(clone), err, Format(all))
			}
			for n := range in { // every prefix ends well or as an error
				if n < 2000 {
					NewDecoder(in[:n], r.version).DecodeAll()
				}
			}
		})
	}
}
