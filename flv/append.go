package flv

import "io"

// TagType is the type of an FLV tag. For audio and video it equals the RTMP
// message type.
type TagType uint8

// The tag types (FLV 10.1 §E.4.1; 15 is added by Enhanced RTMP v2).
const (
	TagAudio      TagType = 8
	TagVideo      TagType = 9
	TagScriptAMF3 TagType = 15
	TagScript     TagType = 18
)

// filterFlag in the type byte marks an encrypted tag; typeMask keeps the type.
const (
	filterFlag = 0x20
	typeMask   = 0x1f
)

// Sizes of the fixed parts of a file.
const (
	HeaderSize  = 13        // file header with the first back pointer
	TagHeadSize = 11        // tag header
	TagTailSize = 4         // back pointer after a tag
	MaxTagBody  = 1<<24 - 1 // largest body a tag header can state
)

// Tag is one FLV tag.
type Tag struct {
	Type     TagType
	Time     uint32 // ms
	Body     []byte
	Filtered bool // encrypted: the body begins with the parameters of the filter (FLV 10.1 §F)
}

// AppendHeader appends the 13 bytes with which a file begins: the header and
// the first back pointer (FLV 10.1 §E.2).
func AppendHeader(dst []byte, audio, video bool) []byte {
	var flags byte
	if audio {
		flags |= 4
	}
	if video {
		flags |= 1
	}
	return append(dst, 'F', 'L', 'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0)
}

// AppendTag appends a whole tag with its back pointer. A body longer than
// MaxTagBody cannot be written: dst is then returned unchanged.
func AppendTag(dst []byte, t *Tag) []byte {
	if len(t.Body) > MaxTagBody {
		return dst
	}
	kind := t.Type
	if t.Filtered {
		kind |= filterFlag
	}
	dst = AppendTagHead(dst, kind, t.Time, len(t.Body))
	dst = append(dst, t.Body...)
	return AppendTagTail(dst, len(t.Body))
}

// AppendTagHead appends the 11 bytes before a tag's body (FLV 10.1 §E.4.1). The
// upper 8 bits of the time go to the extension byte. bodyLen must lie in 0 to
// MaxTagBody.
func AppendTagHead(dst []byte, t TagType, time uint32, bodyLen int) []byte {
	return append(dst, byte(t),
		byte(bodyLen>>16), byte(bodyLen>>8), byte(bodyLen),
		byte(time>>16), byte(time>>8), byte(time), byte(time>>24),
		0, 0, 0)
}

// AppendTagTail appends the 4 byte back pointer for a body of bodyLen bytes.
func AppendTagTail(dst []byte, bodyLen int) []byte {
	n := bodyLen + TagHeadSize
	return append(dst, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// Writer writes a file or stream. Each method makes one Write call, so nothing
// is held back. Errors of the underlying writer are returned as they are.
type Writer struct {
	w   io.Writer
	buf []byte
}

// NewWriter returns a Writer on w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// WriteHeader writes the file header. It must come first, once.
func (w *Writer) WriteHeader(audio, video bool) error {
	_, err := w.w.Write(AppendHeader(nil, audio, video))
	return err
}

// maxKeptBuffer is the largest buffer that a Writer keeps between tags.
const maxKeptBuffer = 1 << 20

// WriteTag writes one tag with its back pointer. It returns ErrTagSize, writing
// nothing, when the body is longer than MaxTagBody.
func (w *Writer) WriteTag(t *Tag) error {
	if len(t.Body) > MaxTagBody {
		return &FileError{Field: "tag body", Err: ErrTagSize}
	}
	w.buf = AppendTag(w.buf[:0], t)
	_, err := w.w.Write(w.buf)
	if cap(w.buf) > maxKeptBuffer {
		w.buf = nil
	}
	return err
}
