package chunk

import (
	"encoding/binary"
	"errors"
	"io"
)

// Reader puts the messages of one direction of one connection together again.
// It must see every byte after the handshake. It is not safe for concurrent
// use.
//
// It accepts what deployed peers send beyond the letter of RTMP 1.0 §5.3:
//
//   - a chunk stream which starts with a type 1 chunk (librtmp), taken as
//     message stream 0 and timestamp 0;
//   - type 1 and 2 chunks which continue a message with the same length and
//     type;
//   - the extended timestamp left out of continuing type 3 chunks (old
//     encoders and cameras), recognised by comparison;
//   - basic headers longer than necessary.
//
// Any other header in the middle of a message is an error; nothing a later
// header says ever changes the length of a message which has begun.
type Reader struct {
	in        buffer
	limits    Limits
	chunkSize int

	few   []*stream          // the first maxFew chunk streams
	many  map[uint32]*stream // all others
	known int                // entries in both

	cur   *stream // whose chunk is being read
	left  int     // payload bytes of that chunk still to come
	start uint64  // where that chunk begins

	partial  int    // messages in more than one chunk which are incomplete
	received int    // payload bytes of incomplete messages
	held     int    // capacity of their buffers
	spare    []byte // a buffer of at most maxSpare bytes for the next one

	changes  int  // times the chunk size changed
	misses   int  // continuations in a row without their extended timestamp
	noRepeat bool // the peer never repeats it

	err error // a ProtocolError, once there is one
}

// extendedMisses is the number of continuing chunks without their extended
// timestamp after which a peer is known to omit it always.
const extendedMisses = 2

// NewReader returns a Reader of what r yields, which reads ahead by up to
// [DefaultReadBuffer] bytes. No memory is taken for that before the first
// ReadMessage, and 4 KiB until r fills them.
func NewReader(r io.Reader, l Limits) *Reader {
	return NewReaderSize(r, l, DefaultReadBuffer)
}

// NewReaderSize is NewReader with another limit on reading ahead, in bytes, at
// least 64.
func NewReaderSize(r io.Reader, l Limits, size int) *Reader {
	return &Reader{
		in:        buffer{src: r, size: max(size, minReadBuffer)},
		limits:    l.withDefaults(),
		chunkSize: DefaultChunkSize,
	}
}

// SetLimits replaces the limits, from the next chunk on. What the peer already
// has is not taken away: a message which has begun may become complete unless
// it exceeds l.Reassembly.
func (r *Reader) SetLimits(l Limits) { r.limits = l.withDefaults() }

// Bytes returns the number of bytes parsed so far, which is what to
// acknowledge. Bytes read ahead are not included.
func (r *Reader) Bytes() uint64 { return r.in.parsed }

// Buffered returns the number of bytes read ahead.
func (r *Reader) Buffered() int { return r.in.w - r.in.r }

// Missing returns how many payload bytes are still to come of the message whose chunk is being read, 0 between chunks of a
// message that has not begun to arrive.
func (r *Reader) Missing() int {
	if r.cur == nil {
		return 0
	}
	return r.cur.length - len(r.cur.buf)
}

// ChunkSize returns the size of the peer's chunks, in bytes, at most
// [MaxChunkSize].
func (r *Reader) ChunkSize() int { return r.chunkSize }

// Held returns the memory taken for incomplete messages, in bytes. It is
// never more than
//
//	2·Reassembly + (Partial+2)·max(64 KiB, read buffer)
func (r *Reader) Held() int { return r.held + cap(r.spare) }

// ReadMessage reads until a message is complete and stores it in *m. The
// payload is the caller's: freshly allocated, of the exact size, nil if empty,
// and not touched again. Messages come in the order of their last chunks.
//
// Set Chunk Size and Abort messages have been obeyed by the time they are
// returned.
//
// The error is io.EOF if the stream ends between messages,
// io.ErrUnexpectedEOF if it ends within one, a [*ProtocolError], or whatever
// the underlying reader returned. After a ProtocolError every further call
// returns the same. After any other error, a timeout for instance, the call
// may be repeated; no byte is lost. *m is only written on success.
func (r *Reader) ReadMessage(m *Message) error {
	if r.err != nil {
		return r.err
	}
	for {
		if r.cur == nil {
			if err := r.readHeader(); err != nil {
				return r.fail(err)
			}
		}
		s := r.cur
		if err := r.readPayload(s); err != nil {
			return r.fail(err)
		}
		r.cur = nil
		if len(s.buf) < s.length {
			continue
		}
		msg := Message{Type: s.typ, CSID: s.csid, StreamID: s.msid, Timestamp: s.time, Payload: r.release(s)}
		if err := r.obey(&msg); err != nil {
			r.err = &ProtocolError{Offset: r.start, CSID: s.csid, Err: err}
			return r.err
		}
		*m = msg
		return nil
	}
}

// fail decides what an error of reading a chunk means to the caller.
func (r *Reader) fail(err error) error {
	var pe *ProtocolError
	if errors.As(err, &pe) {
		r.err = err
		return err
	}
	if err == io.EOF && (r.cur != nil || r.partial > 0 || r.Buffered() > 0) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// protocolError blames the chunk which starts at the current byte.
func (r *Reader) protocolError(csid uint32, err error) error {
	return &ProtocolError{Offset: r.in.parsed, CSID: csid, Err: err}
}

// readHeader reads one chunk header and makes its stream the current one.
// Nothing changes unless the header is there as a whole.
func (r *Reader) readHeader() error {
	h, n, ok := decodeHeader(r.in.unread())
	for !ok {
		if err := r.in.need(n); err != nil {
			return err
		}
		h, n, ok = decodeHeader(r.in.unread())
	}
	s := r.find(h.csid)
	if s == nil {
		if err := r.admit(h.fmt, h.csid); err != nil {
			return err
		}
	}
	if h.fmt == fmtNone && s.hasExt {
		var err error
		if n, err = r.repeated(s, &h, n); err != nil {
			return err
		}
	}
	if s != nil && s.active {
		if err := s.resume(&h); err != nil {
			return r.protocolError(h.csid, err)
		}
	} else {
		if s == nil {
			s = &stream{csid: h.csid}
		}
		if err := r.begin(s, &h); err != nil {
			return r.protocolError(h.csid, err)
		}
	}
	r.start = r.in.parsed
	r.in.skip(n)
	r.cur = s
	r.left = min(r.chunkSize, s.length-len(s.buf))
	return nil
}

// admit says whether a chunk stream not seen before may start like this.
func (r *Reader) admit(format uint8, csid uint32) error {
	if format >= fmtDelta {
		return r.protocolError(csid, ErrNoBase)
	}
	if r.known >= r.limits.ChunkStreams {
		return r.protocolError(csid, exceeded(LimitChunkStreams, r.known+1, r.limits.ChunkStreams))
	}
	return nil
}

// repeated deals with the extended timestamp of a type 3 chunk whose header so
// far has n bytes. It returns the length of the header with it, if it is there.
//
// Where the chunk starts a message it has to be there. Where it continues one
// there is no telling but to compare: a peer which omits it has payload in its
// place. Comparing stops at the first byte which differs, so that it never
// waits for bytes beyond the end of what such a peer has to say. Some peers
// lose the top bit of their clock, which is therefore not compared.
func (r *Reader) repeated(s *stream, h *header, n int) (int, error) {
	if !s.active {
		if err := r.in.need(n + 4); err != nil {
			return n, err
		}
		h.hasExt = true
		h.time = binary.BigEndian.Uint32(r.in.unread()[n:])
		return n + 4, nil
	}
	if r.noRepeat {
		return n, nil
	}
	mask := byte(0x7F)
	for i := range 4 {
		if err := r.in.need(n + i + 1); err != nil {
			return n, err
		}
		if (r.in.unread()[n+i]^byte(s.ext>>(24-8*i)))&mask != 0 {
			r.misses++
			r.noRepeat = r.misses >= extendedMisses
			return n, nil
		}
		mask = 0xFF
	}
	r.misses = 0
	return n + 4, nil
}

// begin starts the message on s which h announces.
func (r *Reader) begin(s *stream, h *header) error {
	length, typ := s.length, s.typ
	if h.fmt <= fmtSame {
		length, typ = h.length, h.typ
	}
	if err := r.limits.checkLength(typ, length); err != nil {
		return err
	}
	if length > r.limits.Reassembly {
		return exceeded(LimitReassembly, length, r.limits.Reassembly)
	}
	if length > r.chunkSize {
		if r.partial >= r.limits.Partial {
			return exceeded(LimitPartial, r.partial+1, r.limits.Partial)
		}
		r.partial++
		s.partial = true
	}
	if !s.listed {
		r.list(s)
	}
	s.length, s.typ = length, typ
	s.inherit(h)
	s.active = true
	return nil
}

// obey applies the messages which are about the chunk stream itself.
func (r *Reader) obey(m *Message) error {
	if m.Type != TypeSetChunkSize && m.Type != TypeAbort {
		return nil
	}
	if len(m.Payload) < 4 {
		return ErrControlBody
	}
	v := binary.BigEndian.Uint32(m.Payload)
	if m.Type == TypeAbort {
		if s := r.find(v); s != nil && s.active {
			// The stream stays: its header and timestamp are the base of the
			// next one (RTMP 1.0 §5.4.2).
			r.discard(s)
		}
		return nil
	}
	if v == 0 || v > 1<<31-1 {
		return ErrChunkSize
	}
	if int64(v) < int64(r.limits.MinChunkSize) {
		return exceeded(LimitMinChunkSize, int(v), r.limits.MinChunkSize)
	}
	size := int(min(v, MaxChunkSize))
	if size == r.chunkSize {
		return nil
	}
	if r.changes++; r.changes > r.limits.SetChunkSizes {
		return exceeded(LimitSetChunkSizes, r.changes, r.limits.SetChunkSizes)
	}
	r.chunkSize = size
	return nil
}
