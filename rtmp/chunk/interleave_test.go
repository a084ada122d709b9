package chunk

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"
)

// peer writes chunks in every legal way (and some of the tolerated ones), at
// random. It shares no code with Writer but the header layout.
type peer struct {
	rng     *rand.Rand
	size    int
	streams map[uint32]*peerStream
	out     []byte
	want    []Message // complete so far, in order

	omits  bool // the extended timestamp in continuations
	repeat bool // type 1 and 2 headers in continuations
}

type peerStream struct {
	header        // the last one, with absolute time
	delta  uint32 // what type 3 would add
	ext    bool   // the last type 0 to 2 header was extended
	extVal uint32
	muddle bool // after a repeated header, type 3 does not start a message
	msg    *Message
	sent   int
}

func (p *peer) chance(n int) bool { return p.rng.IntN(n) == 0 }

func (p *peer) time(last uint32) uint32 {
	switch p.rng.IntN(8) {
	case 0:
		return p.rng.Uint32()
	case 1:
		return 0xFFFFFE + p.rng.Uint32N(3)
	case 2:
		return last - p.rng.Uint32N(1000) // backwards
	case 3:
		return 0xFFFFFFFF - p.rng.Uint32N(100)
	case 4:
		return last // equal
	}
	return last + p.rng.Uint32N(100)
}

// step writes one chunk on csid: the next one of its message, or the first of
// another.
func (p *peer) step(csid uint32) {
	s := p.streams[csid]
	if s != nil && s.msg != nil {
		p.resume(s)
	} else {
		p.start(csid, s)
	}
}

func (p *peer) start(csid uint32, s *peerStream) {
	fresh := s == nil
	if fresh {
		s = &peerStream{header: header{csid: csid}}
		p.streams[csid] = s
	}
	types := []uint8{TypeAudio, TypeVideo, TypeData, TypeCommand, TypeSharedObject, 77}
	m := &Message{Type: s.typ, CSID: csid, StreamID: s.msid, Timestamp: p.time(s.time)}
	n := s.length
	if fresh || p.chance(3) {
		m.Type = types[p.rng.IntN(len(types))]
	}
	if fresh || p.chance(3) {
		n = p.rng.IntN(3) * p.rng.IntN(2*p.size+2)
	}
	if p.chance(4) {
		m.StreamID = p.rng.Uint32N(3)
	}
	if p.chance(3) {
		m.Timestamp = s.time + s.delta
	}
	for range n {
		m.Payload = append(m.Payload, byte(p.rng.Uint32()))
	}

	// Choose among the legal chunk types.
	best := fmtFull
	delta := m.Timestamp - s.time
	if m.StreamID == s.msid {
		best = fmtSame
		if !fresh && m.Type == s.typ && n == s.length {
			best = fmtDelta
			if delta == s.delta && !s.muddle {
				best = fmtNone
			}
		}
	}
	h := header{fmt: uint8(p.rng.IntN(best + 1)), csid: csid, typ: m.Type, length: n, msid: m.StreamID, time: delta}
	if h.fmt == fmtFull {
		h.time = m.Timestamp
	}
	if h.fmt == fmtNone {
		h.hasExt = s.ext
	} else {
		s.ext, s.extVal, s.muddle = h.time >= extended, h.time, false
	}
	s.delta = h.time
	p.out = appendHeader(p.out, &h)
	s.typ, s.length, s.msid, s.time = m.Type, n, m.StreamID, m.Timestamp
	s.msg, s.sent = m, 0
	p.payload(s)
}

func (p *peer) resume(s *peerStream) {
	h := header{fmt: fmtNone, csid: s.csid, hasExt: s.ext && !p.omits, time: s.extVal}
	if p.repeat && p.chance(3) {
		h = header{fmt: fmtSame + uint8(p.rng.IntN(2)), csid: s.csid, typ: s.typ, length: s.length, time: p.time(0)}
		s.ext, s.extVal, s.muddle = h.time >= extended, h.time, true
	}
	p.out = appendHeader(p.out, &h)
	p.payload(s)
}

func (p *peer) payload(s *peerStream) {
	end := min(len(s.msg.Payload), s.sent+p.size)
	p.out = append(p.out, s.msg.Payload[s.sent:end]...)
	s.sent = end
	if end == len(s.msg.Payload) {
		p.want = append(p.want, *s.msg)
		s.msg = nil
	}
}

func (p *peer) setChunkSize(n int) {
	m := Message{Type: TypeSetChunkSize, CSID: 2, Payload: binary.BigEndian.AppendUint32(nil, uint32(n))}
	p.out = append(p.out, Append(nil, &m, p.size)...)
	p.want = append(p.want, m)
	p.size = n
}

func (p *peer) abort(csid uint32) {
	m := Message{Type: TypeAbort, CSID: 2, Payload: binary.BigEndian.AppendUint32(nil, csid)}
	p.out = append(p.out, Append(nil, &m, p.size)...)
	p.want = append(p.want, m)
	if s := p.streams[csid]; s != nil {
		s.msg = nil
	}
}

// fragments reads at most a random number of bytes at a time.
type fragments struct {
	r   io.Reader
	rng *rand.Rand
	max int
}

func (f fragments) Read(p []byte) (int, error) {
	return f.r.Read(p[:min(len(p), 1+f.rng.IntN(f.max))])
}

func roundTrip(t *testing.T, seed uint64, chunks int, mode uint8) {
	rng := rand.New(rand.NewPCG(seed, 0))
	p := &peer{rng: rng, size: DefaultChunkSize, streams: map[uint32]*peerStream{}, omits: mode&1 != 0, repeat: mode&2 != 0}
	csids := []uint32{3, 4, 63, 64, 319, 320, 65599, 5 + rng.Uint32N(50)}
	for range chunks {
		switch {
		case p.chance(20):
			p.setChunkSize(1 + rng.IntN(300))
		case p.chance(30):
			p.abort(csids[rng.IntN(len(csids))])
		default:
			p.step(csids[rng.IntN(len(csids))])
		}
	}
	for _, csid := range csids {
		for p.streams[csid] != nil && p.streams[csid].msg != nil {
			p.resume(p.streams[csid])
		}
	}
	l := Limits{MinChunkSize: 1, SetChunkSizes: chunks, Partial: len(csids) + 1}
	src := fragments{bytes.NewReader(p.out), rng, 1 + rng.IntN(600)}
	r := NewReaderSize(src, l, 64+rng.IntN(1000))
	got, err := readAll(r)
	if err != nil {
		t.Fatalf("seed %d mode %d: %v after %d of %d messages", seed, mode, err, len(got), len(p.want))
	}
	if diff := diffMessages(p.want, got); diff != "" {
		t.Fatalf("seed %d mode %d: (-want +got)\n%s", seed, mode, diff)
	}
	if r.held != 0 || r.received != 0 || r.partial != 0 || r.Bytes() != uint64(len(p.out)) {
		t.Errorf("left over: held %d, received %d, partial %d, %d of %d bytes", r.held, r.received, r.partial, r.Bytes(), len(p.out))
	}
}

func TestInterleaving(t *testing.T) {
	for seed := range uint64(200) {
		roundTrip(t, seed, 100, uint8(seed%4))
	}
}

func FuzzRoundTrip(f *testing.F) {
	for mode := range uint8(4) {
		f.Add(uint64(mode), uint8(50), mode)
	}
	f.Fuzz(func(t *testing.T, seed uint64, chunks, mode uint8) {
		roundTrip(t, seed, int(chunks), mode)
	})
}
