package chunk

import "encoding/binary"

// Append appends m to dst, cut into chunks of at most chunkSize payload bytes,
// and returns the extended slice. A chunkSize of 0 or less means
// [DefaultChunkSize].
//
// It depends on no earlier message: the head is always a type 0 chunk, all
// that follow are type 3, and a timestamp of 0xFFFFFF ms or more is repeated
// in every one of them (RTMP 1.0 §5.3.1.3). The bytes can therefore be cut
// once and sent to any number of peers which were told the same chunk size,
// between any two messages.
//
// Append allocates only if dst lacks room; [Size] says how much is needed. It
// appends nothing if m.Validate() fails.
func Append(dst []byte, m *Message, chunkSize int) []byte {
	if !m.framable() {
		return dst
	}
	h := header{fmt: fmtFull, csid: m.CSID, time: m.Timestamp, length: len(m.Payload), typ: m.Type, msid: m.StreamID}
	return appendChunks(dst, &h, m.Payload, chunkSize)
}

// Size returns the exact number of bytes [Append] appends for m.
func Size(m *Message, chunkSize int) int {
	if !m.framable() {
		return 0
	}
	n := len(m.Payload)
	basic := basicSize(m.CSID)
	ext := 0
	if m.Timestamp >= extended {
		ext = 4
	}
	heads := max(1, (n+effective(chunkSize)-1)/effective(chunkSize))
	return n + messageHeaderLen[fmtFull] + heads*(basic+ext)
}

// effective returns the chunk size to cut with.
func effective(chunkSize int) int {
	if chunkSize <= 0 {
		return DefaultChunkSize
	}
	return min(chunkSize, MaxChunkSize)
}

// appendChunks appends the head h and the payload, cut. h is overwritten.
func appendChunks(dst []byte, h *header, payload []byte, chunkSize int) []byte {
	size := effective(chunkSize)
	h.hasExt = h.time >= extended
	dst = appendHeader(dst, h)
	h.fmt = fmtNone
	for len(payload) > size {
		dst = append(dst, payload[:size]...)
		payload = payload[size:]
		dst = appendHeader(dst, h)
	}
	return append(dst, payload...)
}

// Writer cuts the messages of one direction of one connection into chunks. The
// zero value writes chunks of [DefaultChunkSize] bytes, every message with a
// full head. A Writer does no I/O and is not safe for concurrent use.
//
// Use chunk stream ids from 2 to 31 where the choice is free, see
// [CSIDControl].
type Writer struct {
	// ChunkSize is the payload of a chunk in bytes, 0 for DefaultChunkSize.
	// Append sets it itself after a Set Chunk Size message, which is the only
	// way to change it that the peer understands.
	ChunkSize int
	// Compact shortens the heads of messages which resemble their predecessor
	// on the same chunk stream by 4 (type 1) or 8 bytes (type 2). It is for
	// slow links; nothing else is gained. A message never starts with a type 3
	// chunk, since peers disagree about its timestamp.
	Compact bool

	last map[uint32]sent // by chunk stream id; only kept while Compact
}

// sent is what the peer remembers of the last message of a chunk stream.
type sent struct {
	msid, time uint32
	length     int
	typ        uint8
}

// Append appends m to dst, cut into chunks, and returns the extended slice.
// Messages must reach the peer in the order in which they were appended. It
// appends nothing if m.Validate() fails.
//
// While Compact is set, a type 1 or 2 head is used if the message stream is
// the same, the timestamp is not less than the one before, and the difference
// is below 0xFFFFFF ms, so that it never needs an extended delta.
func (w *Writer) Append(dst []byte, m *Message) []byte {
	if !m.framable() {
		return dst
	}
	h := header{fmt: fmtFull, csid: m.CSID, time: m.Timestamp, length: len(m.Payload), typ: m.Type, msid: m.StreamID}
	if w.Compact {
		w.compact(&h)
	} else if w.last != nil {
		// What is written now changes the peer's state behind our back.
		w.last = nil
	}
	dst = appendChunks(dst, &h, m.Payload, w.ChunkSize)
	if m.Type == TypeSetChunkSize && len(m.Payload) >= 4 {
		if n := binary.BigEndian.Uint32(m.Payload); n >= 1 && n <= 1<<31-1 {
			w.ChunkSize = int(min(n, MaxChunkSize))
		}
	}
	return dst
}

// compact turns the full head h into a shorter one if that is legal, and
// remembers it.
func (w *Writer) compact(h *header) {
	if w.last == nil {
		w.last = make(map[uint32]sent)
	}
	prev, ok := w.last[h.csid]
	w.last[h.csid] = sent{msid: h.msid, time: h.time, length: h.length, typ: h.typ}
	if !ok || prev.msid != h.msid || h.time < prev.time || h.time-prev.time >= extended {
		return
	}
	h.fmt = fmtSame
	if prev.length == h.length && prev.typ == h.typ {
		h.fmt = fmtDelta
	}
	h.time -= prev.time
}
