package chunk

import "encoding/binary"

// extended is the value of the 24-bit timestamp field which says that a 32-bit
// timestamp follows the message header (RTMP 1.0 §5.3.1.3).
const extended = 0xFFFFFF

// Chunk types: which fields a message header has (RTMP 1.0 §5.3.1.2).
const (
	fmtFull  = 0 // timestamp 24, length 24, type 8, message stream id 32 (little-endian)
	fmtSame  = 1 // delta 24, length 24, type 8
	fmtDelta = 2 // delta 24
	fmtNone  = 3 // nothing
)

var messageHeaderLen = [4]int{11, 7, 3, 0}

// header is one chunk header as it stands on the wire, before anything is
// inherited. Fields which its chunk type lacks are zero.
type header struct {
	fmt    uint8
	hasExt bool   // an extended timestamp was present; never set for type 3
	typ    uint8  // types 0, 1
	csid   uint32 //
	time   uint32 // types 0, 1, 2: the timestamp or delta, extended or not
	length int    // types 0, 1
	msid   uint32 // type 0
}

// basicLen is the length of the basic header which starts with b, 1 to 3.
func basicLen(b byte) int {
	switch b & 0x3F {
	case 0:
		return 2
	case 1:
		return 3
	}
	return 1
}

// decodeBasic decodes the basic header at the start of b, which must hold
// basicLen(b[0]) bytes. Longer forms than necessary are accepted.
func decodeBasic(b []byte) (format uint8, csid uint32) {
	format = b[0] >> 6
	switch b[0] & 0x3F {
	case 0:
		return format, 64 + uint32(b[1])
	case 1:
		return format, 64 + uint32(b[1]) + uint32(b[2])<<8
	}
	return format, uint32(b[0] & 0x3F)
}

// decodeHeader decodes the chunk header at the start of b and returns its
// length. If b is too short it returns false, and in n how many bytes are
// needed at least. The extended timestamp of a type 3 chunk, whose presence
// depends on earlier chunks, is not included.
func decodeHeader(b []byte) (h header, n int, ok bool) {
	if len(b) < 1 {
		return h, 1, false
	}
	n = basicLen(b[0])
	rest := n + messageHeaderLen[b[0]>>6]
	if len(b) < rest {
		return h, rest, false
	}
	h.fmt, h.csid = decodeBasic(b)
	if h.fmt == fmtNone {
		return h, n, true
	}
	h.time = uint24(b[n:])
	if h.fmt <= fmtSame {
		h.length = int(uint24(b[n+3:]))
		h.typ = b[n+6]
	}
	if h.fmt == fmtFull {
		h.msid = binary.LittleEndian.Uint32(b[n+7:])
	}
	n = rest
	if h.time == extended {
		if len(b) < n+4 {
			return h, n + 4, false
		}
		h.hasExt = true
		h.time = binary.BigEndian.Uint32(b[n:])
		n += 4
	}
	return h, n, true
}

// appendHeader appends h in the shortest basic header form. The timestamp is
// extended when it does not fit into 24 bits; hasExt matters to type 3 only,
// where it says that h.time is to be repeated.
func appendHeader(dst []byte, h *header) []byte {
	dst = appendBasic(dst, h.fmt, h.csid)
	if h.fmt == fmtNone {
		if h.hasExt {
			dst = binary.BigEndian.AppendUint32(dst, h.time)
		}
		return dst
	}
	dst = appendUint24(dst, min(h.time, extended))
	if h.fmt <= fmtSame {
		dst = appendUint24(dst, uint32(h.length))
		dst = append(dst, h.typ)
	}
	if h.fmt == fmtFull {
		dst = binary.LittleEndian.AppendUint32(dst, h.msid)
	}
	if h.time >= extended {
		dst = binary.BigEndian.AppendUint32(dst, h.time)
	}
	return dst
}

func appendBasic(dst []byte, format uint8, csid uint32) []byte {
	switch {
	case csid < 64:
		return append(dst, format<<6|byte(csid))
	case csid < 320:
		return append(dst, format<<6, byte(csid-64))
	}
	return append(dst, format<<6|1, byte(csid-64), byte((csid-64)>>8))
}

// basicSize is the length of what appendBasic appends.
func basicSize(csid uint32) int {
	switch {
	case csid < 64:
		return 1
	case csid < 320:
		return 2
	}
	return 3
}

func uint24(b []byte) uint32 {
	return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
}

func appendUint24(dst []byte, v uint32) []byte {
	return append(dst, byte(v>>16), byte(v>>8), byte(v))
}
