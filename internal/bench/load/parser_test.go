package load

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"penstock/rtmp/chunk"
)

// TestParser compares with the chunk package, whatever the pieces in which the bytes come.
func TestParser(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 60 {
		w := chunk.Writer{Compact: round%2 == 0}
		var wire []byte
		var want []chunk.Message
		time := uint32(round%3) * 0xFFFF00
		for range 60 {
			time += r.Uint32N(40)
			m := chunk.Message{Type: chunk.TypeVideo, CSID: 3 + r.Uint32N(4), StreamID: 1, Timestamp: time, Payload: make([]byte, r.IntN(9000))}
			switch r.IntN(5) {
			case 0:
				m.Type, m.CSID = chunk.TypeCommand, 3+r.Uint32N(100)
				m.CSID = min(m.CSID, 20)
			case 1:
				m.Type, m.CSID, m.Payload = chunk.TypeSetChunkSize, 2, []byte{0, 0, byte(r.IntN(200)), 100}
			case 2:
				m.Payload = nil
			}
			for i := range m.Payload {
				if m.Type != chunk.TypeSetChunkSize {
					m.Payload[i] = byte(r.Uint32())
				}
			}
			wire = w.Append(wire, &m)
			want = append(want, m)
		}
		p, n := newParser(), 0
		check := func(m *message) error {
			x := want[n]
			n++
			body := x.Payload
			if x.Type == chunk.TypeVideo {
				body = body[:min(peek, len(body))]
			}
			if m.typ != x.Type || m.msid != x.StreamID || m.time != x.Timestamp || m.length != len(x.Payload) || !bytes.Equal(m.body, body) {
				t.Fatalf("round %d, message %d: %+v, want type %d at %d with %d bytes", round, n-1, *m, x.Type, x.Timestamp, len(x.Payload))
			}
			return nil
		}
		for rest := wire; len(rest) > 0; {
			k := min(len(rest), 1+r.IntN([]int{1, 3, 20, 5000}[round%4]))
			if err := p.feed(rest[:k], check); err != nil {
				t.Fatal(err)
			}
			rest = rest[k:]
		}
		if n != len(want) || p.received != uint64(len(wire)) {
			t.Fatalf("round %d: %d messages of %d, %d bytes of %d", round, n, len(want), p.received, len(wire))
		}
	}
}

func TestParserRefuses(t *testing.T) {
	large := chunk.Append(nil, &chunk.Message{Type: chunk.TypeCommand, CSID: 3, Payload: make([]byte, maxBody+1)}, 0)
	video := chunk.Append(nil, &chunk.Message{Type: chunk.TypeVideo, CSID: 6, Payload: make([]byte, 300)}, 0)
	var many []byte
	for i := range uint32(maxStreams + 1) {
		many = chunk.Append(many, &chunk.Message{Type: chunk.TypeCommand, CSID: 3 + i, Payload: []byte{1}}, 0)
	}
	for name, wire := range map[string][]byte{
		"no base":          {0xC3},
		"too long":         large,
		"begins within":    slices.Concat(video[:140], video[:12]),
		"too many streams": many,
		"chunk size 0":     chunk.Append(nil, &chunk.Message{Type: chunk.TypeSetChunkSize, CSID: 2, Payload: make([]byte, 4)}, 0),
	} {
		p := newParser()
		if err := p.feed(wire, func(*message) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzParser(f *testing.F) {
	f.Add(chunk.Append(nil, &chunk.Message{Type: chunk.TypeVideo, CSID: 6, Payload: make([]byte, 300)}, 0))
	f.Add([]byte{0x40, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		p := newParser()
		_ = p.feed(b, func(m *message) error {
			if len(m.body) > maxBody {
				t.Fatal(len(m.body))
			}
			return nil
		})
	})
}
