package flv

import (
	"errors"
	"fmt"
)

// Reasons. They are wrapped in a *ParseError or a *FileError; test with
// errors.Is.
var (
	ErrTruncated      = errors.New("truncated")
	ErrModEx          = errors.New("too many ModEx prefixes")
	ErrMultitrack     = errors.New("invalid multitrack header")
	ErrTrackSize      = errors.New("invalid track size")
	ErrDuplicateTrack = errors.New("track named twice in one message")
	ErrSignature      = errors.New("not an FLV file")
	ErrRange          = errors.New("value out of range")
	ErrHeaderSize     = errors.New("invalid header size")
	ErrTagSize        = errors.New("tag too large")
)

// ParseError says where in an audio or video payload parsing failed.
type ParseError struct {
	Kind   TagType // TagAudio or TagVideo
	Offset int     // of the field, in the payload
	Field  string  // the field that could not be read
	Err    error   // one of the reasons above
}

func (e *ParseError) Error() string {
	kind := "video"
	if e.Kind == TagAudio {
		kind = "audio"
	}
	return fmt.Sprintf("flv: %s payload: %s at byte %d: %v", kind, e.Field, e.Offset, e.Err)
}

// Unwrap returns the reason.
func (e *ParseError) Unwrap() error { return e.Err }

// FileError says where in a file reading failed.
type FileError struct {
	Offset int64  // of the field, from the start of the file
	Field  string // the field that could not be read or written
	Err    error  // one of the reasons above, or the error of the reader
}

func (e *FileError) Error() string {
	return fmt.Sprintf("flv: %s at byte %d: %v", e.Field, e.Offset, e.Err)
}

// Unwrap returns the reason.
func (e *FileError) Unwrap() error { return e.Err }
