package chunk

import (
	"bytes"
	"testing"
)

var headerTests = []struct {
	wire    string
	want    header
	shorter bool // there is a shorter form, which is what appendHeader writes
}{
	{wire: "02 000000 000000 00 00000000", want: header{csid: 2}},
	{wire: "3f 010203 040506 07 08090a0b", want: header{csid: 63, time: 0x010203, length: 0x040506, typ: 7, msid: 0x0B0A0908}},
	{wire: "00 00 ffffff ffffff ff ffffffff 00ffffff", want: header{csid: 64, hasExt: true, time: 0xFFFFFF, length: 0xFFFFFF, typ: 255, msid: 0xFFFFFFFF}},
	{wire: "40 ff fffffe 000001 09", want: header{fmt: 1, csid: 319, time: 0xFFFFFE, length: 1, typ: 9}},
	{wire: "41 00 01 ffffff 000001 09 ffffffff", want: header{fmt: 1, csid: 320, hasExt: true, time: 0xFFFFFFFF, length: 1, typ: 9}},
	{wire: "81 ff ff 000001", want: header{fmt: 2, csid: 65599, time: 1}},
	{wire: "81 00 01 ffffff 01000000", want: header{fmt: 2, csid: 320, hasExt: true, time: 0x1000000}},
	{wire: "c2", want: header{fmt: 3, csid: 2}},
	{wire: "c0 00", want: header{fmt: 3, csid: 64}},
	{wire: "c1 01 ff", want: header{fmt: 3, csid: 64 + 1 + 255*256}},
	{wire: "c1 00 00", want: header{fmt: 3, csid: 64}, shorter: true},
	{wire: "c1 ff 00", want: header{fmt: 3, csid: 319}, shorter: true},
	{wire: "82 ffffff 00000005", want: header{fmt: 2, csid: 2, hasExt: true, time: 5}, shorter: true},
}

func TestHeader(t *testing.T) {
	for _, tt := range headerTests {
		wire := unhex(tt.wire)
		h, n, ok := decodeHeader(append(wire[:len(wire):len(wire)], 0xEE))
		if !ok || n != len(wire) || h != tt.want {
			t.Errorf("%x: %+v, %d bytes, %v; want %+v", wire, h, n, ok, tt.want)
		}
		if got := appendHeader(nil, &h); bytes.Equal(got, wire) == tt.shorter {
			t.Errorf("%+v: wrote %x, want %x", h, got, wire)
		}
		if got := basicSize(h.csid); !tt.shorter && got != basicLen(wire[0]) {
			t.Errorf("%+v: basicSize %d", h, got)
		}
		// Every prefix asks for more, but not for more than there is, and at
		// most for what the next look needs.
		for k := range wire {
			if _, need, ok := decodeHeader(wire[:k]); ok || need <= k || need > len(wire) {
				t.Errorf("%x: decoded %v, needs %d", wire[:k], ok, need)
			}
		}
	}
}

func TestHeaderOfEveryChunkStream(t *testing.T) {
	for csid := MinCSID; csid <= MaxCSID; csid++ {
		b := appendBasic(nil, fmtDelta, csid)
		if f, got := decodeBasic(b); f != fmtDelta || got != csid || len(b) != basicLen(b[0]) || len(b) != basicSize(csid) {
			t.Fatalf("chunk stream %d: %x is type %d, %d", csid, b, f, got)
		}
	}
}
