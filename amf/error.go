package amf

import (
	"errors"
	"strconv"
)

// The reasons a value cannot be read, written or walked. They arrive wrapped
// in a [SyntaxError] or [MappingError]; test with errors.Is.
var (
	ErrTruncated      = errors.New("truncated value")
	ErrMarker         = errors.New("unexpected type marker")
	ErrReference      = errors.New("reference to nothing")
	ErrDepth          = errors.New("nested too deep")
	ErrNodes          = errors.New("too many values")
	ErrBytes          = errors.New("too much data")
	ErrString         = errors.New("string too long")
	ErrKeys           = errors.New("too many members")
	ErrExternalizable = errors.New("unknown externalizable class")
	ErrCycle          = errors.New("value contains itself")
	ErrType           = errors.New("type does not fit")
	ErrRange          = errors.New("number does not fit")
	ErrTrailing       = errors.New("data after the value")
	ErrJSON           = errors.New("invalid JSON")
)

// SyntaxError says where reading or writing a value failed, and why.
type SyntaxError struct {
	Offset int    // byte offset in the input (decoding) or in what was written (encoding)
	Path   string // the way from the top to the value, "[1].videocodecid"; "" when at the top
	Err    error  // one of the Err variables, possibly with details
}

func (e *SyntaxError) Error() string {
	s := "amf: " + e.Err.Error() + " at byte " + strconv.Itoa(e.Offset)
	if e.Path != "" {
		s += " in " + e.Path
	}
	return s
}

// Unwrap returns e.Err.
func (e *SyntaxError) Unwrap() error { return e.Err }

// MappingError says why a Go value and an AMF value do not fit one another.
type MappingError struct {
	Path string // the way from the top to the value, ".size[1]"; "" when at the top
	From string // what was given
	To   string // what was wanted
	Err  error  // ErrType, ErrRange, ErrDepth, ErrNodes, ErrCycle …
}

func (e *MappingError) Error() string {
	s := "amf: " + e.Err.Error()
	if e.From != "" {
		s += ": " + e.From
	}
	if e.To != "" {
		s += " to " + e.To
	}
	if e.Path != "" {
		s += " in " + e.Path
	}
	return s
}

// Unwrap returns e.Err.
func (e *MappingError) Unwrap() error { return e.Err }

// within puts one step before the path of err, which came from a child.
func within(err error, step string) error {
	switch e := err.(type) {
	case *SyntaxError:
		e.Path = step + e.Path
	case *MappingError:
		e.Path = step + e.Path
	}
	return err
}

func keyStep(key string) string {
	const longest = 64
	if len(key) > longest {
		return "." + strconv.Quote(key[:longest]+"…")
	}
	if !plainKey(key) {
		return "." + strconv.Quote(key)
	}
	return "." + key
}

func indexStep(i int) string { return "[" + strconv.Itoa(i) + "]" }

// plainKey reports whether key can stand without quotes.
func plainKey(key string) bool {
	for i := 0; i < len(key); i++ {
		c := key[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c == '@' || c == '-') {
			return false
		}
	}
	return key != ""
}
