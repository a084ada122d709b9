// Package load is the two ends between which a server is measured: publishers whose frames carry a number and the time they
// were sent, and players that check the one and measure by the other. It is made to cost little, for it mostly runs on the
// machine that it measures: what players receive is looked at in one buffer and not kept.
package load

import (
	"encoding/binary"
	"errors"
	"fmt"

	"penstock/rtmp/chunk"
)

const (
	// peek is how much of an audio or video message is kept, in bytes.
	peek = 64
	// maxBody is how large a message of another type may be, in bytes.
	maxBody = 64 << 10
	// maxStreams is how many chunk streams a server may use at once.
	maxStreams = 32
)

// message is what a parser reports: body is the whole of it, or the first peek bytes of audio and video.
type message struct {
	typ    uint8
	msid   uint32
	time   uint32
	length int
	body   []byte
}

// parser takes chunks apart as their bytes come in. It keeps no more than the state of the chunk streams, for there may be
// thousands of players.
type parser struct {
	chunkSize int
	received  uint64
	streams   []chunkStream
	cur       int // in streams; -1: in a chunk's header
	left      int // payload bytes of the chunk to come
	head      [18]byte
	have      int // bytes of head
}

type chunkStream struct {
	csid   uint32
	m      message
	got    int
	delta  uint32
	hasExt bool
	known  bool
}

func newParser() parser { return parser{chunkSize: chunk.DefaultChunkSize, cur: -1} }

// feed parses p and calls fn for each message that becomes complete. The body belongs to the parser.
func (p *parser) feed(b []byte, fn func(*message) error) error {
	p.received += uint64(len(b))
	for len(b) > 0 {
		if p.cur < 0 {
			n, err := p.header(b)
			if err != nil {
				return err
			}
			b = b[n:]
			if p.cur >= 0 && p.left == 0 {
				if err := p.chunkEnd(fn); err != nil {
					return err
				}
			}
			continue
		}
		s := &p.streams[p.cur]
		n := min(len(b), p.left)
		if room := s.keeps() - len(s.m.body); room > 0 {
			s.m.body = append(s.m.body, b[:min(n, room)]...)
		}
		s.got += n
		p.left -= n
		b = b[n:]
		if p.left == 0 {
			if err := p.chunkEnd(fn); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *chunkStream) keeps() int {
	if s.m.typ == chunk.TypeAudio || s.m.typ == chunk.TypeVideo {
		return peek
	}
	return maxBody
}

// header takes header bytes from b, as many as belong to it, and begins the chunk when it is whole.
func (p *parser) header(b []byte) (n int, err error) {
	for {
		need := p.headerLen()
		if p.have == need {
			p.have = 0
			return n, p.begin(need)
		}
		k := copy(p.head[p.have:need], b[n:])
		p.have += k
		if n += k; p.have < need {
			return n, nil
		}
	}
}

// headerLen is how long the header is as far as it is known, and no longer than that.
func (p *parser) headerLen() int {
	if p.have == 0 {
		return 1
	}
	basic := p.basicLen()
	if p.have < basic {
		return basic
	}
	format := p.head[0] >> 6
	n := basic + [4]int{11, 7, 3, 0}[format]
	if p.have < n {
		return n
	}
	if format < 3 {
		if p.head[basic] == 0xFF && p.head[basic+1] == 0xFF && p.head[basic+2] == 0xFF {
			n += 4
		}
	} else if i := p.find(p.csid()); i >= 0 && p.streams[i].hasExt {
		n += 4
	}
	return n
}

func (p *parser) basicLen() int {
	switch p.head[0] & 0x3F {
	case 0:
		return 2
	case 1:
		return 3
	}
	return 1
}

func (p *parser) csid() uint32 {
	switch p.basicLen() {
	case 2:
		return uint32(p.head[1]) + 64
	case 3:
		return uint32(p.head[1]) + uint32(p.head[2])<<8 + 64
	}
	return uint32(p.head[0] & 0x3F)
}

func (p *parser) find(csid uint32) int {
	for i := range p.streams {
		if p.streams[i].csid == csid {
			return i
		}
	}
	return -1
}

var errChunk = errors.New("load: the server's chunks make no sense")

// begin starts the chunk whose header is complete.
func (p *parser) begin(n int) error {
	format, basic := p.head[0]>>6, p.basicLen()
	i := p.find(p.csid())
	if i < 0 {
		if format != 0 || len(p.streams) == maxStreams {
			return fmt.Errorf("%w: format %d on chunk stream %d, the %dth", errChunk, format, p.csid(), len(p.streams)+1)
		}
		i = len(p.streams)
		p.streams = append(p.streams, chunkStream{csid: p.csid()})
	}
	s, h := &p.streams[i], p.head[basic:n]
	continues := s.known && s.got < s.m.length
	if continues && format != 3 {
		return fmt.Errorf("%w: format %d within a message", errChunk, format)
	}
	if !continues {
		if err := s.start(format, h); err != nil {
			return err
		}
	}
	p.cur, p.left = i, min(p.chunkSize, s.m.length-s.got)
	return nil
}

// start begins a message with the header h after its basic header.
func (s *chunkStream) start(format uint8, h []byte) error {
	t := s.delta
	if format < 3 {
		t = uint32(h[0])<<16 | uint32(h[1])<<8 | uint32(h[2])
		if s.hasExt = t == 0xFFFFFF; s.hasExt {
			t = binary.BigEndian.Uint32(h[len(h)-4:])
		}
		s.delta = t
	}
	if format == 0 {
		s.m.time, s.m.msid = t, binary.LittleEndian.Uint32(h[7:])
		s.delta = 0
	} else {
		s.m.time += t
	}
	if format < 2 {
		s.m.length, s.m.typ = int(h[3])<<16|int(h[4])<<8|int(h[5]), h[6]
	}
	s.known, s.got, s.m.body = true, 0, s.m.body[:0]
	if s.m.length > s.keeps() && s.keeps() == maxBody {
		return fmt.Errorf("%w: message type %d of %d bytes", errChunk, s.m.typ, s.m.length)
	}
	return nil
}

// chunkEnd finishes a chunk, and the message when this was its last.
func (p *parser) chunkEnd(fn func(*message) error) error {
	s := &p.streams[p.cur]
	p.cur = -1
	if s.got < s.m.length {
		return nil
	}
	if s.m.typ == chunk.TypeSetChunkSize {
		if len(s.m.body) != 4 || binary.BigEndian.Uint32(s.m.body) == 0 {
			return fmt.Errorf("%w: set chunk size %x", errChunk, s.m.body)
		}
		p.chunkSize = int(min(binary.BigEndian.Uint32(s.m.body), chunk.MaxChunkSize))
	}
	return fn(&s.m)
}
