package chunk

import "encoding/binary"

// Layout of one message within an aggregate, which is that of an FLV tag:
//
//	u8  type
//	u24 size of the body
//	u24 timestamp, lower 24 bits
//	u8  timestamp, upper 8 bits
//	u24 message stream id, ignored
//	    body
//	u32 back pointer: size + 11
const (
	tagHeadLen     = 11
	backPointerLen = 4
)

// SplitAggregate calls fn for each message within the aggregate message m
// (RTMP 1.0 §7.1.6), in order. The message given to fn is reused for the next
// call; its Payload is a fresh copy which fn may keep. Message stream and chunk
// stream are those of m, timestamps are m's plus the distance from the first
// inner message.
//
// A wrong back pointer is ignored and the last one may be missing (old
// servers). An inner message other than audio, video or data, another aggregate
// included, and an inner message which does not fit are [ErrAggregate]; more
// messages or bytes than l allows are a [*LimitError]; each in a
// [*ProtocolError]. Messages before the faulty one have been delivered by then.
// An error of fn ends the loop and is returned as it is.
func SplitAggregate(m *Message, l Limits, fn func(*Message) error) error {
	l = l.withDefaults()
	fail := func(off int, err error) error {
		return &ProtocolError{Offset: uint64(off), CSID: m.CSID, Err: err}
	}
	b := m.Payload
	if len(b) > l.Aggregate {
		return fail(0, exceeded(LimitAggregate, len(b), l.Aggregate))
	}
	var first uint32
	var sub Message
	for n, off := 0, 0; off < len(b); n++ {
		rest := b[off:]
		if len(rest) < tagHeadLen {
			return fail(off, ErrAggregate)
		}
		if n == l.AggregateMessages {
			return fail(off, exceeded(LimitAggregateMessages, n+1, l.AggregateMessages))
		}
		typ, size := rest[0], int(uint24(rest[1:]))
		time := uint24(rest[4:]) | uint32(rest[7])<<24
		switch typ {
		case TypeAudio, TypeVideo, TypeData, TypeDataAMF3:
		default:
			return fail(off, ErrAggregate)
		}
		if err := l.checkLength(typ, size); err != nil {
			return fail(off, err)
		}
		rest = rest[tagHeadLen:]
		if size > len(rest) {
			return fail(off, ErrAggregate)
		}
		if tail := len(rest) - size; tail > 0 && tail < backPointerLen {
			return fail(off, ErrAggregate)
		}
		if n == 0 {
			first = time
		}
		sub = Message{Type: typ, CSID: m.CSID, StreamID: m.StreamID, Timestamp: m.Timestamp + (time - first)}
		if size > 0 {
			sub.Payload = make([]byte, size)
			copy(sub.Payload, rest)
		}
		if err := fn(&sub); err != nil {
			return err
		}
		off = min(off+tagHeadLen+size+backPointerLen, len(b))
	}
	return nil
}

// AppendAggregate appends to dst one message in the form in which an aggregate
// carries it, back pointer included. It is the inverse of [SplitAggregate] for
// one message, for tests and for tools which write aggregates; Penstock itself
// only reads them.
func AppendAggregate(dst []byte, m *Message) []byte {
	if len(m.Payload) > MaxPayload {
		return dst
	}
	dst = append(dst, m.Type)
	dst = appendUint24(dst, uint32(len(m.Payload)))
	dst = appendUint24(dst, m.Timestamp&0xFFFFFF)
	dst = append(dst, byte(m.Timestamp>>24), 0, 0, 0)
	dst = append(dst, m.Payload...)
	return binary.BigEndian.AppendUint32(dst, uint32(tagHeadLen+len(m.Payload)))
}
