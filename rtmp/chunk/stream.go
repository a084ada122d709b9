package chunk

const (
	// firstPiece is what a message takes before more than that has arrived.
	firstPiece = 4 << 10
	// maxSpare is the largest buffer kept for further messages.
	maxSpare = 64 << 10
	// maxFew is how many chunk streams are looked through; peers use two to five.
	maxFew = 8
)

// stream is what has to be remembered of one chunk stream. It lives as long as
// the Reader.
type stream struct {
	csid   uint32
	msid   uint32
	time   uint32 // of the current or last message
	delta  uint32 // what a type 3 chunk which starts a message adds to it
	ext    uint32 // the last extended timestamp, if hasExt
	length int
	typ    uint8
	hasExt bool // the last type 0, 1 or 2 chunk had one
	listed bool // in the Reader's table

	active  bool   // a message is incomplete
	partial bool   // and counted in Reader.partial
	buf     []byte // what has arrived of it
}

// inherit works out the timestamp and message stream of the message which h
// starts (RTMP 1.0 §5.3.1.2).
func (s *stream) inherit(h *header) {
	switch h.fmt {
	case fmtFull:
		s.msid = h.msid
		// A type 3 chunk after this one adds the timestamp itself (§5.3.1.2.4).
		s.time, s.delta = h.time, h.time
		s.hasExt, s.ext = h.hasExt, h.time
		return
	case fmtNone:
		if h.hasExt {
			s.delta, s.ext = h.time, h.time
		}
	default:
		s.delta = h.time
		s.hasExt, s.ext = h.hasExt, h.time
	}
	s.time += s.delta
}

// resume checks that the chunk with header h continues the message of s.
func (s *stream) resume(h *header) error {
	switch h.fmt {
	case fmtFull:
		return ErrMidMessage
	case fmtSame:
		if h.length != s.length || h.typ != s.typ {
			return ErrMidMessage
		}
	case fmtNone:
		return nil
	}
	s.hasExt, s.ext = h.hasExt, h.time
	return nil
}

// find returns the chunk stream csid, nil if it has not been used.
func (r *Reader) find(csid uint32) *stream {
	for _, s := range r.few {
		if s.csid == csid {
			return s
		}
	}
	return r.many[csid]
}

// list enters s into the table.
func (r *Reader) list(s *stream) {
	s.listed = true
	r.known++
	if len(r.few) < maxFew {
		r.few = append(r.few, s)
		return
	}
	if r.many == nil {
		r.many = make(map[uint32]*stream)
	}
	r.many[s.csid] = s
}

// readPayload reads what is left of the current chunk, which belongs to s.
func (r *Reader) readPayload(s *stream) error {
	for r.left > 0 {
		if len(s.buf) == cap(s.buf) {
			r.grow(s)
		}
		got := len(s.buf)
		n, err := r.in.take(s.buf[got:min(cap(s.buf), got+r.left)])
		if err != nil {
			return err
		}
		s.buf = s.buf[:got+n]
		r.left -= n
		r.received += n
		if r.received > r.limits.Reassembly {
			return &ProtocolError{Offset: r.start, CSID: s.csid, Err: exceeded(LimitReassembly, r.received, r.limits.Reassembly)}
		}
	}
	return nil
}

// grow gives s.buf room for more, in proportion to what has arrived and never
// to what was announced:
//
//   - a message which fits into firstPiece, or into what has been read ahead,
//     gets its final buffer at once;
//   - others collect in the spare buffer, which doubles;
//   - past maxSpare the buffer is the message's own, so that the last step
//     makes it exactly as long as the message.
func (r *Reader) grow(s *stream) {
	old := s.buf
	var size int
	switch {
	case cap(old) == 0 && s.length <= max(firstPiece, r.Buffered()):
		size = s.length
	case cap(old) == 0 && r.spare != nil:
		s.buf, r.spare = r.spare[:0], nil
		r.held += cap(s.buf)
		return
	case cap(old) == 0:
		size = firstPiece
	case cap(old) < maxSpare:
		size = 2 * cap(old)
	default:
		size = min(2*cap(old), s.length)
	}
	s.buf = make([]byte, len(old), size)
	copy(s.buf, old)
	r.held += size - cap(old)
	r.keep(old)
}

// keep makes buf the spare buffer if it is a better one.
func (r *Reader) keep(buf []byte) {
	if cap(buf) <= maxSpare && cap(buf) > cap(r.spare) && cap(buf) >= firstPiece {
		r.spare = buf[:0]
	}
}

// release takes the complete message out of s.
func (r *Reader) release(s *stream) []byte {
	buf := s.buf
	r.discard(s)
	switch {
	case len(buf) == 0:
		return nil
	case len(buf) == cap(buf):
		return buf
	}
	p := make([]byte, len(buf))
	copy(p, buf)
	r.keep(buf)
	return p
}

// discard forgets the message of s, but not its header.
func (r *Reader) discard(s *stream) {
	r.held -= cap(s.buf)
	r.received -= len(s.buf)
	if s.partial {
		r.partial--
	}
	s.active, s.partial, s.buf = false, false, nil
}
