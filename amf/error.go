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

// Limits bounds what one [Decoder] or [Encoder] builds, whatever the input
// says. A field that is zero or negative takes its default; the defaults here
// are the decoder's, [Encoder] states its own.
type Limits struct {
	Depth      int // nesting of containers; default 32, never above 128 (ErrDepth)
	Nodes      int // values of any kind; default 10,000 (ErrNodes)
	Bytes      int // strings and binary data plus 64 for each value; default 1 MiB (ErrBytes)
	String     int // bytes of a key, a class name or an AMF0 string; default 64 KiB (ErrString)
	LongString int // bytes of an AMF0 long string, an AMF3 string, XML, a byte array; default 256 KiB (ErrString)
	Keys       int // members of one object or associative array; default 1,024 (ErrKeys)
	Sealed     int // sealed members of one AMF3 class; default 256 (ErrKeys)
}

const (
	// maxDepth is the deepest nesting any part of this package follows: a Go
	// stack that grows without bound ends the process.
	maxDepth = 128
	// walkNodes and walkBytes bound every walk over a value in memory: Format,
	// Copy, Equal, AppendJSON, FromJSON, ToValue, Assign, and an Encoder
	// without limits of its own. They are ten times what a decoder builds by
	// default, and the longest RTMP message.
	walkNodes = 100_000
	walkBytes = 1<<24 - 1
	// nodeBytes is what each decoded value counts against Limits.Bytes.
	nodeBytes = 64
)

// DefaultLimits returns the limits of [NewDecoder].
func DefaultLimits() Limits {
	return Limits{Depth: 32, Nodes: 10_000, Bytes: 1 << 20, String: 64 << 10,
		LongString: 256 << 10, Keys: 1024, Sealed: 256}
}

// or replaces what is unset by the given defaults.
func (l Limits) or(def Limits) Limits {
	set := func(p *int, d int) {
		if *p <= 0 {
			*p = d
		}
	}
	set(&l.Depth, def.Depth)
	set(&l.Nodes, def.Nodes)
	set(&l.Bytes, def.Bytes)
	set(&l.String, def.String)
	set(&l.LongString, def.LongString)
	set(&l.Keys, def.Keys)
	set(&l.Sealed, def.Sealed)
	l.Depth = min(l.Depth, maxDepth)
	return l
}

// budget is what a decoder or walker may still spend.
type budget struct{ depth, nodes, bytes int }

func walkBudget() budget { return budget{maxDepth, walkNodes, walkBytes} }

// spend pays for one value and n bytes.
func (b *budget) spend(n int) error {
	b.nodes--
	if b.nodes < 0 {
		return ErrNodes
	}
	return b.pay(n)
}

// pay pays for n bytes.
func (b *budget) pay(n int) error {
	if n > b.bytes {
		b.bytes = 0
		return ErrBytes
	}
	b.bytes -= n
	return nil
}

// enter goes one container deeper; leave comes back.
func (b *budget) enter() error {
	if b.depth <= 0 {
		return ErrDepth
	}
	b.depth--
	return nil
}

func (b *budget) leave() { b.depth++ }
