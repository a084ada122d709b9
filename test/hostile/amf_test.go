package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

// raw AMF0
func str(s string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{2}, uint16(len(s))), s...)
}
func key(s string) []byte { return str(s)[1:] }

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var objectEnd = []byte{0, 0, 9}

// nested is an AMF0 object within an object, n deep.
func nested(n int) []byte {
	return cat(bytes.Repeat(cat([]byte{3}, key("a")), n), []byte{5}, bytes.Repeat(objectEnd, n))
}

// appObject is a connect object for live, open at its end.
func appObject() []byte { return cat([]byte{3}, key("app"), str("live")) }

// undecodable is a row in which a call of echo cannot be decoded: the client is told
// Call.BadVersion and may go on.
func undecodable(name, option string, rest []byte) row {
	return row{name: name, at: atRPC, send: func(p *peer) { p.chunkSize(64 << 10); p.bytesCommand("echo", cat([]byte{5}, rest)) },
		code: status.CallBadVersion, then: lives, cause: app.CauseEncoding, rule: option, peakMiB: 8, options: []string{"amf_long_string_bytes", "amf_sealed"}}
}

// echoed is a row in which a call of echo is answered.
func echoed(name string, rest []byte, want func(v amf.Value) error) row {
	return row{name: name, peakMiB: 8, run: func(a *attack) {
		p := a.connected("rpc")
		p.bytesCommand("echo", cat([]byte{5}, rest))
		got, _ := p.wantResult(9).Arg(0).(*amf.Array)
		if got == nil || len(got.Dense) == 0 {
			a.t.Fatalf("echo returned %v", got)
		}
		if err := want(got.Dense[0]); err != nil {
			a.t.Error(err)
		}
		p.alive()
	}}
}

// laughs is a list of AMF0 arrays of which each holds the one before twice, by reference, behind
// that many other objects and arrays.
func laughs(n, before int) []byte {
	b := []byte{10, 0, 0, 0, byte(n + 1)}
	b = append(b, 10, 0, 0, 0, 1, 5)
	for i := range n {
		// The outer array is a reference too.
		b = append(b, 10, 0, 0, 0, 2, 7, 0, byte(before+1+i), 7, 0, byte(before+1+i))
	}
	return b
}

// class3 is the AMF3 header of an object with that class and n sealed names of which each is
// a byte long.
func class3(class string, n int) []byte {
	b := []byte{0x11, 0x0A}
	b = append(b, u29(uint32(n)<<4|3)...)
	return append(append(b, byte(len(class)<<1|1)), class...)
}

func u29(v uint32) []byte {
	switch {
	case v < 1<<7:
		return []byte{byte(v)}
	case v < 1<<14:
		return []byte{byte(v>>7) | 0x80, byte(v & 0x7F)}
	case v < 1<<21:
		return []byte{byte(v>>14) | 0x80, byte(v>>7) | 0x80, byte(v & 0x7F)}
	}
	return []byte{byte(v>>22) | 0x80, byte(v>>15) | 0x80, byte(v>>8) | 0x80, byte(v)}
}

// The decoder has one error for each of these pairs of limits; the refusal names the first.
const (
	longString  = "amf_string_bytes"
	sealedNames = "amf_keys"
)

func amfRows() []row {
	huge := []byte{0xFF, 0xFF, 0xFF, 0xFF}
	most := u29(1<<29 - 1)
	var keys, sealed []byte
	for i := range 1100 {
		keys = append(append(keys, key(fmt.Sprintf("k%d", i))...), 5)
	}
	for i := range 300 {
		sealed = append(sealed, 5, byte('a'+i%26), byte('a'+i/26))
	}
	xxe := `<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`
	list := []row{
		{name: "connect nested 200 deep", at: atConnect, send: func(p *peer) {
			p.bytesCommand("connect", cat(appObject(), key("x"), nested(200), objectEnd))
		}, code: status.CallBadVersion, then: fin, rule: "amf_depth"},
		{name: "connect of 16 KiB of tiny objects", at: atConnect, send: func(p *peer) {
			p.bytesCommand("connect", cat(appObject(), objectEnd, []byte{10, 0, 0, 15, 0xA0}, bytes.Repeat([]byte{3, 0, 0, 9}, 4000)))
		}, code: status.CallBadVersion, then: fin, rule: "amf_nodes"},
		{name: "connect with an ECMA count of 4294967295", at: atConnect, send: func(p *peer) {
			p.bytesCommand("connect", cat([]byte{8}, huge, key("app"), str("live"), objectEnd))
		}, code: status.ConnectSuccess, peakMiB: 8},
		undecodable("objects nested 100000 deep", "amf_depth", bytes.Repeat([]byte{3, 0, 1, 'a'}, 60_000)),
		undecodable("strict arrays nested", "amf_depth", bytes.Repeat([]byte{10, 0, 0, 0, 1}, 50_000)),
		undecodable("AMF3 arrays nested", "amf_depth", cat([]byte{0x11}, bytes.Repeat([]byte{9, 3, 1}, 80_000))),
		undecodable("AMF3 dictionaries nested", "amf_depth", cat([]byte{0x11}, bytes.Repeat([]byte{0x11, 3, 0}, 80_000))),
		undecodable("AMF0 and AMF3 nested in turns", "amf_depth", bytes.Repeat([]byte{3, 0, 1, 'a', 0x11, 9, 3, 1, 10, 11, 1}, 20_000)),
		undecodable("a strict array that counts to 4294967295", "", cat([]byte{10}, huge, []byte{5, 5})),
		undecodable("a string longer than the message", "", []byte{2, 0xFF, 0xFF, 'x'}),
		undecodable("a long string of 4 GiB", longString, cat([]byte{12}, huge, []byte("x"))),
		undecodable("an AMF3 string of 256 MiB", longString, cat([]byte{0x11, 6}, most)),
		undecodable("an AMF3 byte array of 256 MiB", longString, cat([]byte{0x11, 12}, most)),
		undecodable("an AMF3 vector of 2^28 numbers", "", cat([]byte{0x11, 15}, most, []byte{0})),
		undecodable("an AMF3 vector of 2^28 objects", "", cat([]byte{0x11, 16}, most, []byte{0, 1, 1})),
		undecodable("an AMF3 array of 2^28 elements", "", cat([]byte{0x11, 9}, most, []byte{1})),
		undecodable("an AMF3 class of 2^25 sealed names", sealedNames, cat([]byte{0x11, 10}, u29(1<<29-1-4-8), []byte{1})),
		undecodable("an AMF3 class of 300 sealed names", sealedNames, cat(class3("", 300), sealed, bytes.Repeat([]byte{1}, 300))),
		undecodable("an unknown externalizable class", "", cat([]byte{0x11, 10, 7, 9}, []byte("evil"))),
		undecodable("references to nothing", "", []byte{7, 0x12, 0x34}),
		undecodable("AMF3 references to nothing", "", cat([]byte{0x11, 10}, u29(1<<20))),
		undecodable("markers that nobody may send", "", []byte{4}),
		undecodable("a quarter of a million nulls", "amf_nodes", cat([]byte{10, 0, 3, 0xE8, 0}, bytes.Repeat([]byte{5}, 256_000))),
		undecodable("more values than the bytes allow", "amf_bytes", cat([]byte{10, 0, 0, 0x23, 0x2D}, bytes.Repeat([]byte{5}, 9000), bytes.Repeat(str(strings.Repeat("x", 30_000)), 5))),
		undecodable("a string that is too long", "amf_string_bytes", str(strings.Repeat("x", 40_000))),
		undecodable("a long string that is too long", longString, cat([]byte{12}, u32(70_000), bytes.Repeat([]byte("x"), 70_000))),
		undecodable("more members than may be", "amf_keys", cat([]byte{3}, keys, objectEnd)),
		echoed("an object that contains itself", cat([]byte{3}, key("me"), []byte{7, 0, 0}, objectEnd), func(v amf.Value) error {
			if o, ok := v.(*amf.Object); !ok || o.Props[0].Value != v {
				return fmt.Errorf("not itself any more: %s", amf.Format(v))
			}
			return nil
		}),
		{name: "a billion laughs", at: atRPC, send: func(p *peer) { p.bytesCommand("echo", cat([]byte{5}, laughs(40, 0))) },
			code: status.CallFailed, peakMiB: 32},
		{name: "a billion laughs in connect", at: atConnect, send: func(p *peer) {
			p.bytesCommand("connect", cat(appObject(), key("x"), laughs(40, 1), objectEnd))
		}, code: status.ConnectSuccess, peakMiB: 32},
		echoed("a class that a server might load", cat([]byte{16}, key("java.lang.ProcessBuilder"), key("command"), str("id"), objectEnd), func(v amf.Value) error {
			if o, ok := v.(*amf.Object); !ok || o.Class != "java.lang.ProcessBuilder" || o.String("command") != "id" {
				return fmt.Errorf("not plain data: %s", amf.Format(v))
			}
			return nil
		}),
		echoed("XML with an external entity", cat([]byte{15}, u32(uint32(len(xxe))), []byte(xxe)), func(v amf.Value) error {
			if s, ok := v.(amf.XMLDocument); !ok || string(s) != xxe {
				return fmt.Errorf("the XML was touched: %s", amf.Format(v))
			}
			return nil
		}),
		echoed("a thousand members of one name", cat([]byte{3}, bytes.Repeat(cat(key("k"), []byte{5}), 1000), objectEnd), func(v amf.Value) error { return nil }),
		over("commands that cannot be decoded, many", atRPC, "unknown_messages", func(p *peer) {
			for range 120 {
				p.bytesCommand("echo", []byte{5, 10})
			}
		}),
		{name: "commands that are none", at: atRPC, send: func(p *peer) {
			for _, b := range [][]byte{{5}, {0}, {2}, {2, 0, 1}, {1, 1}, str("x"), cat(str("x"), str("y")), {17}, {17, 10}, {0xFF}} {
				p.message(&rtmp.Message{Type: 20, CSID: 3, Payload: b})
				p.message(&rtmp.Message{Type: 17, CSID: 3, Payload: b})
			}
		}, code: status.CallBadVersion, cause: app.CauseEncoding},
		{name: "answers to nothing", at: atRPC, send: func(p *peer) {
			for i := range 40 {
				p.call(float64(i), "_result", nil, "x")
				p.call(float64(-i), "_error", nil, 5.0)
			}
			p.bytesCommand("_result", []byte{10})
		}},
	}
	return list
}
