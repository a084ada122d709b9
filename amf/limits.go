package amf

// Limits bounds what one [Decoder] builds, whatever the input declares. A
// field that is zero or negative takes its default.
type Limits struct {
	Depth      int // nesting of containers; default 32, never above 128 (ErrDepth)
	Nodes      int // values of any kind; default 10,000 (ErrNodes)
	Bytes      int // strings and binary data plus 64 for each value; default 1 MiB (ErrBytes)
	String     int // bytes of a key, a class name or an AMF0 string; default 64 KiB (ErrString)
	LongString int // bytes of an AMF0 long string, an AMF3 string, XML, a byte array; default 256 KiB (ErrString)
	Keys       int // members of one object or associative array; default 1,024 (ErrKeys)
	Sealed     int // sealed members of one AMF3 class; default 256 (ErrKeys)
}

// maxDepth is the deepest nesting any part of this package follows: a Go
// stack that grows without bound ends the process.
const maxDepth = 128

// nodeBytes is what each value counts against Limits.Bytes.
const nodeBytes = 64

// DefaultLimits returns the limits of [NewDecoder].
func DefaultLimits() Limits { return Limits{}.or(decodeLimits) }

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
