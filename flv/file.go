package flv

import "io"

// Header is the file header (FLV 10.1 §E.2).
type Header struct {
	Version uint8
	Audio   bool
	Video   bool
}

// Reader reads a file or stream tag by tag.
type Reader struct {
	r io.Reader
}

// NewReader returns a Reader on r with the default limits.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// ReadHeader reads the file header.
func (r *Reader) ReadHeader() (Header, error) { return Header{}, io.EOF }

// ReadTag reads the next tag into t.
func (r *Reader) ReadTag(t *Tag) error { return io.EOF }
