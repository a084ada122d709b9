package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// Bounds of what a Reader keeps for a peer that declares and does not deliver.
const (
	maxStreams = 1024     // chunk streams
	maxHeld    = 24 << 20 // bytes of incomplete messages
)

// FramingError says that the peer's bytes are no chunk stream.
type FramingError struct {
	Offset int64 // of the chunk, handshake included
	Text   string
}

func (e *FramingError) Error() string {
	return fmt.Sprintf("no valid chunk stream at byte %d: %s", e.Offset, e.Text)
}

// Reader reads one direction of a chunk stream. What the specification forbids but can still be understood is an anomaly, not
// an error. Not safe for concurrent use.
type Reader struct {
	src     *bufio.Reader
	offset  int64
	size    int
	streams map[uint32]*inbound
	held    int

	anomalies []string
	counted   map[string]bool
}

type inbound struct {
	length   int
	typ      uint8
	streamID uint32
	time     uint32 // absolute, of the present or last message
	delta    uint32
	ext      bool // the last header of types 0 to 2 had an extended timestamp
	extValue uint32

	msg  *Message // nil between messages
	want int
}

// NewReader reads chunks from r; offset is that of r's first byte in the direction.
func NewReader(r io.Reader, offset int64) *Reader {
	return &Reader{src: bufio.NewReaderSize(r, 16<<10), offset: offset, size: 128, streams: make(map[uint32]*inbound), counted: make(map[string]bool)}
}

// Offset is how many bytes of the direction were read.
func (r *Reader) Offset() int64 { return r.offset }

// ChunkSize is the peer's chunk size now.
func (r *Reader) ChunkSize() int { return r.size }

// Anomalies lists what the peer did that the specification forbids, each kind once.
func (r *Reader) Anomalies() []string { return r.anomalies }

func (r *Reader) anomaly(kind, format string, args ...any) {
	if !r.counted[kind] {
		r.counted[kind] = true
		r.anomalies = append(r.anomalies, fmt.Sprintf(format, args...))
	}
}

func (r *Reader) fail(at int64, format string, args ...any) error {
	return &FramingError{Offset: at, Text: fmt.Sprintf(format, args...)}
}

func (r *Reader) take(n int) ([]byte, error) {
	b := make([]byte, n)
	k, err := io.ReadFull(r.src, b)
	r.offset += int64(k)
	return b, err
}

// Next reads until a message is complete. Set Chunk Size and Abort are obeyed before they are returned. io.EOF means that the
// peer ended between messages.
//
// A deadline that passes within a chunk is a FramingError, after which nothing can be read any more.
func (r *Reader) Next() (*Message, error) {
	for {
		at := r.offset
		m, err := r.chunk()
		if errors.Is(err, os.ErrDeadlineExceeded) && r.offset != at {
			return nil, r.fail(at, "the peer stops within a chunk")
		}
		if err != nil || m != nil {
			return m, err
		}
	}
}

// chunk reads one chunk; the message is nil unless it is now complete.
func (r *Reader) chunk() (*Message, error) {
	at := r.offset
	format, csid, long, err := r.basic()
	if err != nil {
		if err == io.ErrUnexpectedEOF || (err == io.EOF && r.held > 0) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	s, err := r.header(at, format, csid)
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if s.msg == nil {
		s.msg = &Message{Type: s.typ, CSID: csid, StreamID: s.streamID, Timestamp: s.time, Offset: at, Fmt: format, Extended: s.ext, Longform: long}
		s.want = s.length
	}
	for id, other := range r.streams {
		if id != csid && other.msg != nil {
			other.msg.Woven = true
		}
	}
	return r.body(s)
}

func (r *Reader) body(s *inbound) (*Message, error) {
	n := min(r.size, s.want-len(s.msg.Payload))
	if r.held+n > maxHeld {
		return nil, r.fail(r.offset, "more than %d bytes of unfinished messages", maxHeld)
	}
	b, err := r.take(n)
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	s.msg.Payload = append(s.msg.Payload, b...)
	s.msg.Chunks++
	r.held += n
	if len(s.msg.Payload) < s.want {
		return nil, nil
	}
	m := s.msg
	r.held -= len(m.Payload)
	s.msg = nil
	return m, r.obey(m)
}

// basic reads a basic header (RTMP 1.0 §5.3.1.1).
func (r *Reader) basic() (format uint8, csid uint32, long bool, err error) {
	b, err := r.take(1)
	if err != nil {
		return 0, 0, false, err
	}
	format, csid = b[0]>>6, uint32(b[0]&0x3F)
	if csid > 1 {
		return format, csid, false, nil
	}
	n := int(csid) + 1
	if b, err = r.take(n); err != nil {
		return 0, 0, false, io.ErrUnexpectedEOF
	}
	csid = 64 + uint32(b[0])
	if n == 2 { // little endian
		csid += uint32(b[1]) << 8
		long = csid < 320
	}
	return format, csid, long, nil
}

// header reads a message header of the given format and applies it to the chunk stream.
func (r *Reader) header(at int64, format uint8, csid uint32) (*inbound, error) {
	s := r.streams[csid]
	if s == nil {
		if format > 1 {
			return nil, r.fail(at, "chunk stream %d begins with a type %d chunk", csid, format)
		}
		if format == 1 {
			r.anomaly("fresh1", "chunk stream %d begins with a type 1 chunk", csid)
		}
		if len(r.streams) >= maxStreams {
			return nil, r.fail(at, "more than %d chunk streams", maxStreams)
		}
		s = &inbound{}
		r.streams[csid] = s
	}
	if format == 3 {
		return s, r.none(at, s)
	}
	b, err := r.take([]int{11, 7, 3}[format])
	if err != nil {
		return nil, err
	}
	value := uint32(get24(b))
	length, typ := s.length, s.typ
	if format < 2 {
		length, typ = get24(b[3:]), b[6]
	}
	if s.ext = value == extended; s.ext {
		e, err := r.take(4)
		if err != nil {
			return nil, err
		}
		s.extValue = get32(e)
		if value = s.extValue; value < extended {
			r.anomaly("shortext", "the extended timestamp %d would fit into the header (byte %d)", value, at)
		}
	}
	if s.msg != nil {
		if length != s.want || typ != s.msg.Type {
			return nil, r.fail(at, "a type %d chunk in the middle of a message on chunk stream %d", format, csid)
		}
		r.anomaly("middle", "a message on chunk stream %d goes on with a type %d chunk (byte %d)", csid, format, at)
		return s, nil
	}
	s.length, s.typ = length, typ
	switch format {
	case 0:
		s.streamID = uint32(b[7]) | uint32(b[8])<<8 | uint32(b[9])<<16 | uint32(b[10])<<24
		s.time, s.delta = value, value
	default:
		s.delta = value
		s.time += value
	}
	return s, nil
}

// none applies a type 3 header: everything as before, the extended timestamp too (RTMP 1.0 §5.3.1.3). A peer that omits it in
// a continuation is recognised by comparison.
func (r *Reader) none(at int64, s *inbound) error {
	if s.ext {
		if s.msg == nil {
			if _, err := r.take(4); err != nil {
				return err
			}
		} else {
			there, err := r.repeated(s.extValue)
			if err != nil {
				return err
			}
			if there {
				_, _ = r.take(4)
			} else {
				r.anomaly("omit3", "a type 3 chunk lacks the extended timestamp of its message (byte %d)", at)
			}
		}
	}
	if s.msg == nil {
		s.time += s.delta
	}
	return nil
}

// repeated tells whether the next four bytes are v. It looks no further than the first that differs: there may be no more.
func (r *Reader) repeated(v uint32) (bool, error) {
	for i, want := range be32(v) {
		b, err := r.src.Peek(i + 1)
		if err != nil {
			return false, err
		}
		if b[i] != want {
			return false, nil
		}
	}
	return true, nil
}

func (r *Reader) obey(m *Message) error {
	if m.Type != TypeSetChunkSize && m.Type != TypeAbort {
		return nil
	}
	v, ok := m.Value()
	if !ok {
		return r.fail(m.Offset, "%s of %d bytes", TypeName(m.Type), len(m.Payload))
	}
	if m.Type == TypeAbort {
		if s := r.streams[v]; s != nil && s.msg != nil {
			r.held -= len(s.msg.Payload)
			s.msg = nil
		}
		return nil
	}
	if v == 0 || v > 1<<31-1 {
		return r.fail(m.Offset, "chunk size %d", v)
	}
	r.size = int(min(v, 1<<24-1))
	return nil
}
