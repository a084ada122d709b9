package remoting

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penstock/amf"
	"penstock/status"
)

// packets are decoded, encoded and fuzzed. The bytes are what Flash Player, FFmpeg's peers and we ourselves write.
var packets = []struct {
	name  string
	hex   string
	want  *Packet
	write string // what we write for it, when that is not the same
	err   string // part of the error
}{
	{name: "nothing", hex: "000000000000", want: &Packet{}},
	{name: "AMF3, nothing", hex: "000300000000", want: &Packet{Version: 3}},
	{name: "a call without arguments", hex: "0000 0000 0001 0004 65636f 32 0002 2f31 00000005 0a00000000",
		want: &Packet{Bodies: []Body{{Target: "eco2", Response: "/1", Value: amf.NewArray()}}}},
	{name: "length unknown", hex: "0000 0000 0001 0001 61 0002 2f31 ffffffff 0200 0162",
		want: &Packet{Bodies: []Body{{Target: "a", Response: "/1", Value: "b"}}}, write: "0000 0000 0001 0001 61 0002 2f31 00000004 0200 0162"},
	{name: "length 0, as PyAMF writes", hex: "0000 0000 0001 0001 61 0002 2f31 00000000 0200 0162",
		want: &Packet{Bodies: []Body{{Target: "a", Response: "/1", Value: "b"}}}, write: "0000 0000 0001 0001 61 0002 2f31 00000004 0200 0162"},
	{name: "header", hex: "0000 0001 0001 68 01 00000002 0101 0000",
		want: &Packet{Headers: []Header{{Name: "h", MustUnderstand: true, Value: true}}}},
	{name: "AMF3 arguments", hex: "0003 0000 0001 0001 61 0002 2f31 00000008 11 09 03 01 0603 78", // [ "x" ]
		want:  &Packet{Version: 3, Bodies: []Body{{Target: "a", Response: "/1", Value: amf.NewArray("x")}}},
		write: "0003 0000 0001 0001 61 0002 2f31 00000007 11 09 03 01 0603 78"},
	{name: "a bad value, and a good one behind it", hex: "0000 0000 0002 0001 61 0002 2f31 00000002 1200 0001 62 0002 2f32 00000001 05",
		want: &Packet{Bodies: []Body{{Target: "a", Response: "/1", Err: amf.ErrMarker}, {Target: "b", Response: "/2"}}}, write: "-"},
	{name: "a bad value of unknown length", hex: "0000 0000 0002 0001 61 0002 2f31 ffffffff 1200 0001 62 0002 2f32 00000001 05",
		want: &Packet{Bodies: []Body{{Target: "a", Response: "/1", Err: amf.ErrMarker}}}, write: "-"},

	{name: "empty", hex: "", err: "within the version at byte 0"},
	{name: "version only", hex: "0000", err: "within the number of headers at byte 2"},
	{name: "no such version", hex: "000a00000000", err: "version 10 does not exist"},
	{name: "no bodies", hex: "00000000", err: "within the number of bodies"},
	{name: "a body that is not there", hex: "000000000001", err: "within the target"},
	{name: "half a target", hex: "000000000001 0004 6563", err: "within the target"},
	{name: "half a value", hex: "0000 0000 0001 0001 61 0002 2f31 00000005 0a0000", err: "within the call"},
	{name: "too many headers", hex: "0000 ffff", err: "remoting_headers"},
	{name: "too many calls", hex: "0000 0000 0021", err: "remoting_calls"},
	{name: "a long target", hex: "0000 0000 0001 0100" + strings.Repeat("61", 256), err: "remoting_name_bytes"},
	{name: "a bad header", hex: "0000 0001 0001 68 00 00000002 1201 0000", err: `header "h" cannot be decoded`},
	{name: "nested too deep", hex: "0000 0000 0001 0001 61 0002 2f31 00000100" + strings.Repeat("0a00000001", 51) + "05",
		want: &Packet{Bodies: []Body{{Target: "a", Response: "/1", Err: amf.ErrDepth}}}, write: "-"},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func samePacket(t *testing.T, got, want *Packet) {
	t.Helper()
	if got.Version != want.Version || len(got.Headers) != len(want.Headers) || len(got.Bodies) != len(want.Bodies) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for i, h := range got.Headers {
		if w := want.Headers[i]; h.Name != w.Name || h.MustUnderstand != w.MustUnderstand || !amf.Equal(h.Value, w.Value) {
			t.Errorf("header %d: %+v, want %+v", i, h, w)
		}
	}
	for i, b := range got.Bodies {
		if w := want.Bodies[i]; b.Target != w.Target || b.Response != w.Response || !amf.Equal(b.Value, w.Value) || !errors.Is(b.Err, w.Err) {
			t.Errorf("body %d: %+v, want %+v", i, b, w)
		}
	}
}

func TestPackets(t *testing.T) {
	for _, tt := range packets {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			p, err := Decode(b, Limits{})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			samePacket(t, p, tt.want)
			if tt.write == "-" {
				return
			}
			if tt.write != "" {
				b = unhex(t, tt.write)
			}
			if out, err := tt.want.Append([]byte("x")); err != nil || string(out) != "x"+string(b) {
				t.Errorf("wrote %x, %v; want %x", out[1:], err, b)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, tt := range packets {
		f.Add(unhex(f, tt.hex))
	}
	for _, m := range []amf.Value{remote("chat", "a", "b", "c"), login("ann:right"), command(flexPing)} {
		b, err := (&Packet{Version: 3, Bodies: []Body{{Target: "null", Response: "/1", Value: amf.NewArray(m)}}}).Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b, Limits{})
		if err != nil {
			return
		}
		for i := range p.Bodies {
			if p.Bodies[i].Err != nil {
				return
			}
		}
		for _, b := range p.Bodies {
			if m := flexMessage(b.Value); m != nil { // whatever is in it, it has an answer
				m.operation()
				m.fault(b, status.New(status.CallFailed, m.header("DSId")), "")
			}
		}
		out, err := p.Append(nil)
		if err != nil {
			return // what contains itself, for instance
		}
		again, err := Decode(out, Limits{Bytes: len(out), AMF: amf.Limits{Depth: 128, Nodes: 1 << 20, Bytes: 1 << 28}})
		if err != nil {
			t.Fatalf("%x was written as %x, which cannot be read: %v", b, out, err)
		}
		if len(again.Bodies) != len(p.Bodies) || len(again.Headers) != len(p.Headers) {
			t.Fatalf("%x was written as %x, which says something else", b, out)
		}
	})
}

// The packets of PyAMF's tests, and those that Ruffle's maintainers recorded of Flash Player. They are no part of this repository;
// the test reads them where they lie.
func TestVectors(t *testing.T) {
	dir := os.Getenv("PENSTOCK_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	}
	read := func(file string, into any) {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Skip("no vectors: ", err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	var pyamf struct {
		Vectors []struct{ Kind, Hex, Test, Error string }
	}
	read("pyamf-remoting.json", &pyamf)
	same, lenient, failed, without := 0, 0, 0, 0
	check := func(name, text string) bool {
		p, err := Decode(unhex(t, text), Limits{})
		if err != nil {
			return false
		}
		for _, b := range p.Bodies {
			if b.Err != nil {
				t.Errorf("%s: %s: %v", name, b.Target, b.Err)
			}
		}
		out, err := p.Append(nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return true
		}
		again, err := Decode(out, Limits{})
		if err != nil {
			t.Errorf("%s: what we write cannot be read: %v", name, err)
			return true
		}
		samePacket(t, again, p)
		return true
	}
	for _, v := range pyamf.Vectors {
		switch ok := v.Hex == "" || check(v.Test, v.Hex); {
		case v.Hex == "": // 150 kB of zeros behind a head that is in other records
			without++
		case v.Kind != "remoting-decode-error" && ok:
			same++
		case v.Kind == "remoting-decode-error" && !ok:
			failed++
		case v.Kind == "remoting-decode-error" && strings.Contains(v.Error, "length"):
			lenient++ // PyAMF refuses a wrong length when it is told to be strict; we never do
		default:
			t.Errorf("%s (%s): decoded: %v", v.Test, v.Kind, ok)
		}
	}
	if same != 33 || failed != 4 || lenient != 2 || without != 3 {
		t.Errorf("PyAMF: %d the same, %d fail, %d are read though their length is wrong, %d without bytes", same, failed, lenient, without)
	}
	var ruffle struct {
		Tests []struct {
			Requests  []string  `json:"requests_hex"`
			Responses []*string `json:"server_responses_hex"`
		}
	}
	read("ruffle-netconnection.json", &ruffle)
	n := 0
	for _, tt := range ruffle.Tests {
		for _, r := range tt.Requests {
			n++
			if !check("Flash Player's request", r) {
				t.Errorf("%s cannot be read", r)
			}
		}
		for _, r := range tt.Responses {
			if r != nil && !check("the answer to Flash Player", *r) {
				t.Errorf("%s cannot be read", *r)
			}
		}
	}
	if n != 10 {
		t.Errorf("%d requests of Flash Player, want 10", n)
	}
}
