package amf

import (
	"encoding/binary"
	"io"
	"math"
)

// Decoder reads the values of one message. Reference tables live as long as
// the Decoder, so use one Decoder for each RTMP message, or for each header
// and body of an AMF packet. The input is not changed and not kept by any
// decoded value: all strings and byte arrays are copies.
//
// What is read is bounded by [Limits], over all values of the message. No
// error leaves a partial value behind.
//
// A Decoder is not safe for concurrent use.
type Decoder struct {
	b       []byte
	off     int
	version Version
	lim     Limits
	left    budget
	index   int   // of the top-level value being read
	err     error // sticky

	refs0 []Value // AMF0 spec §2.9
	t     tables
	fresh bool // the peer starts AMF3 tables afresh at each 0x11

	// Members and elements wait here until their container is complete, so
	// that it is allocated once, at its size.
	props []Prop
	vals  []Value
}

// NewDecoder returns a Decoder with the default limits.
func NewDecoder(b []byte, v Version) *Decoder { return NewDecoderLimits(b, v, Limits{}) }

// NewDecoderLimits returns a Decoder with the given limits.
func NewDecoderLimits(b []byte, v Version, l Limits) *Decoder {
	l = l.or(DefaultLimits())
	return &Decoder{b: b, version: v, lim: l, left: budget{l.Depth, l.Nodes, l.Bytes}}
}

// Decode reads the next value. The error is io.EOF at the end of the input,
// else a *[SyntaxError]; it stays, as nothing after it can be found.
func (d *Decoder) Decode() (Value, error) {
	if d.err != nil {
		return nil, d.err
	}
	if d.off >= len(d.b) {
		return nil, io.EOF
	}
	start := d.off
	var v Value
	var err error
	if d.version == AMF3 {
		v, err = d.value3()
	} else {
		v, err = d.value0()
	}
	if err != nil {
		d.off = start
		d.err = within(err, indexStep(d.index))
		return nil, d.err
	}
	d.index++
	return v, nil
}

// DecodeAll reads all remaining values. On error it returns the values before
// the one that failed as well: old encoders leave garbage after the last one.
func (d *Decoder) DecodeAll() ([]Value, error) {
	var vs []Value
	for {
		v, err := d.Decode()
		if err == io.EOF {
			return vs, nil
		}
		if err != nil {
			return vs, err
		}
		if vs == nil {
			vs = make([]Value, 0, 4)
		}
		vs = append(vs, v)
	}
}

// More reports whether input is left.
func (d *Decoder) More() bool { return d.err == nil && d.off < len(d.b) }

// Offset returns the number of bytes read. After an error it is where the
// value starts that failed.
func (d *Decoder) Offset() int { return d.off }

// Rest returns the input from Offset on.
func (d *Decoder) Rest() []byte { return d.b[d.off:] }

// fail makes an error at the current offset.
func (d *Decoder) fail(err error) error { return &SyntaxError{Offset: d.off, Err: err} }

// begin takes the marker of the next value and pays for it.
func (d *Decoder) begin() (byte, error) {
	if d.off >= len(d.b) {
		return 0, d.fail(ErrTruncated)
	}
	if err := d.left.spend(nodeBytes); err != nil {
		return 0, d.fail(err)
	}
	m := d.b[d.off]
	d.off++
	return m, nil
}

func (d *Decoder) enter() error {
	if err := d.left.enter(); err != nil {
		return d.fail(err)
	}
	return nil
}

// top reports whether the container just entered is a top-level value.
func (d *Decoder) top() bool { return d.left.depth == d.lim.Depth-1 }

// take returns the next n bytes of the input itself.
func (d *Decoder) take(n int) ([]byte, error) {
	if n > len(d.b)-d.off {
		return nil, d.fail(ErrTruncated)
	}
	b := d.b[d.off : d.off+n]
	d.off += n
	return b, nil
}

// text takes n bytes that count against the given limit.
func (d *Decoder) text(n, limit int) ([]byte, error) {
	if n > limit {
		return nil, d.fail(ErrString)
	}
	b, err := d.take(n)
	if err != nil {
		return nil, err
	}
	if err := d.left.pay(n); err != nil {
		return nil, d.fail(err)
	}
	return b, nil
}

func (d *Decoder) u8() (byte, error) {
	b, err := d.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (d *Decoder) u16() (int, error) {
	b, err := d.take(2)
	if err != nil {
		return 0, err
	}
	return int(binary.BigEndian.Uint16(b)), nil
}

// u32 takes a length; on machines with 32-bit ints a huge one is capped.
func (d *Decoder) u32() (int, error) {
	b, err := d.take(4)
	if err != nil {
		return 0, err
	}
	return int(min(uint64(binary.BigEndian.Uint32(b)), math.MaxInt)), nil
}

func (d *Decoder) f64() (float64, error) {
	b, err := d.take(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

// popProps returns an exact copy of the members stacked since base.
func (d *Decoder) popProps(base int) []Prop {
	var props []Prop
	if len(d.props) > base {
		props = make([]Prop, len(d.props)-base)
		copy(props, d.props[base:])
		clear(d.props[base:])
	}
	d.props = d.props[:base]
	return props
}

// popVals returns an exact copy of the elements stacked since base.
func (d *Decoder) popVals(base int) []Value {
	var vals []Value
	if len(d.vals) > base {
		vals = make([]Value, len(d.vals)-base)
		copy(vals, d.vals[base:])
		clear(d.vals[base:])
	}
	d.vals = d.vals[:base]
	return vals
}

// push stacks one member, of which there are limited many.
func (d *Decoder) push(base int, key string, v Value) error {
	if len(d.props)-base >= d.lim.Keys {
		return d.fail(ErrKeys)
	}
	if d.props == nil {
		d.props = make([]Prop, 0, 24)
	}
	d.props = append(d.props, Prop{key, v})
	return nil
}

// elements reads n values with read; the count has been declared by the peer,
// so nothing is allocated for it.
func (d *Decoder) elements(n int, read func(*Decoder) (Value, error)) ([]Value, error) {
	if n > len(d.b)-d.off { // each takes a byte at least
		return nil, d.fail(ErrTruncated)
	}
	base := len(d.vals)
	for i := range n {
		v, err := read(d)
		if err != nil {
			return nil, within(err, indexStep(i))
		}
		d.vals = append(d.vals, v)
	}
	return d.popVals(base), nil
}

// avmplus reads the AMF3 value behind an AMF0 marker 0x11. Peers disagree on
// whether the tables live on from one such value to the next in the same
// message. They do here, until a value cannot be read that way, or refers to
// something of another type in an earlier one: then it is read again with fresh
// tables, and if that goes well they are fresh for each value from there on.
func (d *Decoder) avmplus() (Value, error) {
	if d.fresh {
		d.t = tables{}
		return d.value3()
	}
	if d.t.empty() {
		return d.value3()
	}
	d.t.carried = len(d.t.objects)
	start, left, props, vals := d.off, d.left, len(d.props), len(d.vals)
	v, err := d.value3()
	if err == nil {
		return v, nil
	}
	d.off, d.left, d.props, d.vals = start, left, d.props[:props], d.vals[:vals]
	d.fresh, d.t = true, tables{}
	v, again := d.value3()
	if again != nil {
		return nil, err
	}
	return v, nil
}
