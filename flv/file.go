package flv

import (
	"errors"
	"io"
)

// Header is the file header (FLV 10.1 §E.2). Writers of live streams often set
// the two flags wrongly, so they are only a hint.
type Header struct {
	Version uint8
	Audio   bool
	Video   bool
}

// Limits bounds what a Reader accepts. A zero field has the default value.
type Limits struct {
	Tag    int // largest tag body; default DefaultTagLimit
	Header int // largest file header; default DefaultHeaderLimit
}

// The default limits.
const (
	DefaultTagLimit    = MaxTagBody // all that the format allows
	DefaultHeaderLimit = 4096       // the format has 9 bytes, and room to grow
)

// readStep is how much is allocated for a tag before its first byte is read.
// Afterwards a body grows to at most twice the bytes that arrived.
const readStep = 64 << 10

// Reader reads a file or stream tag by tag, reading no byte past the tag that
// it returns. Errors are final: every later
// call returns the same one.
type Reader struct {
	r       io.Reader
	limits  Limits
	offset  int64
	started bool   // the header was read
	tail    bool   // a back pointer is due
	size    uint32 // what it should say
	wrong   int
	err     error
	scratch [TagHeadSize]byte
}

// NewReader returns a Reader on r with the default limits.
func NewReader(r io.Reader) *Reader { return NewReaderLimits(r, Limits{}) }

// NewReaderLimits returns a Reader on r. It does not buffer: r should.
func NewReaderLimits(r io.Reader, l Limits) *Reader {
	if l.Tag <= 0 {
		l.Tag = DefaultTagLimit
	}
	if l.Header <= 0 {
		l.Header = DefaultHeaderLimit
	}
	return &Reader{r: r, limits: l}
}

// Offset returns the number of bytes consumed.
func (r *Reader) Offset() int64 { return r.offset }

// WrongBackPointers returns how many back pointers disagreed with the tag
// before them. They are otherwise ignored, as common writers get them wrong.
func (r *Reader) WrongBackPointers() int { return r.wrong }

// ReadHeader reads the file header. Errors are io.EOF for an empty input, else
// a *FileError with ErrSignature, ErrHeaderSize, ErrTruncated or the error of
// the underlying reader.
func (r *Reader) ReadHeader() (Header, error) {
	if r.err != nil {
		return Header{}, r.err
	}
	b := r.scratch[:9]
	if err := r.full(b, "file header", true); err != nil {
		return Header{}, err
	}
	if string(b[:3]) != "FLV" {
		return Header{}, r.fail(0, "signature", ErrSignature)
	}
	h := Header{Version: b[3], Audio: b[4]&4 != 0, Video: b[4]&1 != 0}
	size := uint64(b[5])<<24 | uint64(b[6])<<16 | uint64(b[7])<<8 | uint64(b[8])
	if size < 9 || size > uint64(r.limits.Header) {
		return Header{}, r.fail(5, "header size", ErrHeaderSize)
	}
	n, err := io.CopyN(io.Discard, r.r, int64(size)-9)
	r.offset += n
	if err != nil {
		return Header{}, r.fail(r.offset, "file header", truncated(err))
	}
	r.started, r.tail, r.size = true, true, 0
	return h, nil
}

// ReadTag reads the next tag into t, reading the file header first when
// ReadHeader was not called. The body is newly allocated and the caller's. Tags
// of unknown type are returned like others.
//
// It returns io.EOF at the end of the input after a whole tag, also when the
// last back pointer is missing. Other errors are a *FileError with ErrTruncated,
// ErrTagSize or the error of the underlying reader, or those of ReadHeader; t
// is then unchanged.
func (r *Reader) ReadTag(t *Tag) error {
	if r.err != nil {
		return r.err
	}
	if !r.started {
		if _, err := r.ReadHeader(); err != nil {
			return err
		}
	}
	if r.tail {
		b := r.scratch[:TagTailSize]
		if err := r.full(b, "back pointer", true); err != nil {
			return err
		}
		r.tail = false
		if uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8|uint32(b[3]) != r.size {
			r.wrong++
		}
	}
	b := r.scratch[:TagHeadSize]
	start := r.offset
	if err := r.full(b, "tag header", true); err != nil {
		return err
	}
	size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	if size > r.limits.Tag {
		return r.fail(start+1, "tag size", ErrTagSize)
	}
	time := uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6])
	kind := b[0]
	body, err := r.body(size)
	if err != nil {
		return err
	}
	*t = Tag{Type: TagType(kind & typeMask), Time: time, Body: body, Filtered: kind&filterFlag != 0}
	r.tail, r.size = true, uint32(size)+TagHeadSize
	return nil
}

// body reads size bytes, allocating in proportion to what arrives.
func (r *Reader) body(size int) ([]byte, error) {
	b := make([]byte, min(size, readStep))
	for have := 0; ; {
		if err := r.full(b[have:], "tag body", false); err != nil {
			return nil, err
		}
		if have = len(b); have == size {
			return b, nil
		}
		grown := make([]byte, min(size, 2*have))
		copy(grown, b)
		b = grown
	}
}

// full fills b. The end of the input before its first byte is io.EOF when
// clean says that a file may end there, else truncation.
func (r *Reader) full(b []byte, field string, clean bool) error {
	n, err := io.ReadFull(r.r, b)
	r.offset += int64(n)
	if err == nil {
		return nil
	}
	if err == io.EOF && clean {
		r.err = io.EOF
		return io.EOF
	}
	return r.fail(r.offset, field, truncated(err))
}

func (r *Reader) fail(offset int64, field string, err error) error {
	r.err = &FileError{Offset: offset, Field: field, Err: err}
	return r.err
}

func truncated(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}
