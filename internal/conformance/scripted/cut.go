package scripted

import (
	"encoding/binary"

	"penstock/rtmp"
)

// Cut is how messages are cut into chunks (RTMP 1.0 §5.3.1). Unlike a server's writer it can do everything that is legal, and what
// old senders do.
type Cut struct {
	Size    int  // payload bytes in a chunk
	Compact bool // heads leave out what they have in common with the one before (types 1, 2 and 3)
	OmitExt bool // the extended timestamp is left out of type 3 chunks, as old encoders do
	WideIDs bool // chunk stream IDs are written in their longest form
	heads   map[uint32]*head
}

// head is what a chunk stream's next head may leave out.
type head struct {
	time, delta uint32
	length      int
	typ         uint8
	stream      uint32
}

const extended = 0xFFFFFF

// Chunks cuts one message.
func (c *Cut) Chunks(m *rtmp.Message) [][]byte {
	first, ext := c.head(m)
	var out [][]byte
	rest := m.Payload
	for {
		n := min(len(rest), max(c.Size, 1))
		out = append(out, append(first, rest[:n]...))
		rest = rest[n:]
		if len(rest) == 0 {
			return out
		}
		first = c.basic(nil, 3, m.CSID)
		if ext != nil && !c.OmitExt {
			first = append(first, ext...)
		}
	}
}

// head is the head of a message's first chunk, and the extended timestamp if it has one.
func (c *Cut) head(m *rtmp.Message) (b, ext []byte) {
	if c.heads == nil {
		c.heads = make(map[uint32]*head)
	}
	old := c.heads[m.CSID]
	now := &head{time: m.Timestamp, length: len(m.Payload), typ: m.Type, stream: m.StreamID}
	c.heads[m.CSID] = now
	format, field := 0, m.Timestamp
	if c.Compact && old != nil && old.stream == m.StreamID && int32(m.Timestamp-old.time) >= 0 {
		now.delta = m.Timestamp - old.time
		format, field = 1, now.delta
		if old.length == now.length && old.typ == now.typ {
			format = 2
		}
	}
	b = c.basic(nil, format, m.CSID)
	short := field
	if field >= extended {
		short = extended
		ext = binary.BigEndian.AppendUint32(nil, field)
	}
	b = append(b, byte(short>>16), byte(short>>8), byte(short))
	if format < 2 {
		b = append(b, byte(len(m.Payload)>>16), byte(len(m.Payload)>>8), byte(len(m.Payload)), m.Type)
	}
	if format == 0 {
		b = binary.LittleEndian.AppendUint32(b, m.StreamID)
	}
	return append(b, ext...), ext
}

// basic appends a basic header.
func (c *Cut) basic(b []byte, format int, csid uint32) []byte {
	f := byte(format << 6)
	switch {
	case csid < 64:
		return append(b, f|byte(csid))
	case csid < 320 && !c.WideIDs:
		return append(b, f, byte(csid-64))
	}
	return append(b, f|1, byte(csid-64), byte((csid-64)>>8))
}
