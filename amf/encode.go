package amf

import (
	"encoding/binary"
	"math"
	"strconv"
)

// Encoder writes the values of messages. The zero value writes AMF0. An
// Encoder holds settings only; several goroutines may use it.
type Encoder struct {
	// Version is the wire format. An AMF0 encoder writes what only AMF3 has
	// (XML, ByteArray, vectors, Dictionary, Externalizable) behind marker
	// 0x11.
	Version Version
	// References makes every repeated pointer a reference, so that the reader
	// sees the same graph. Otherwise a value met again is written again, and
	// a reference stands only where a value contains itself. Strings and
	// traits of AMF3 are written as references in either case.
	References bool
	// Avmplus makes an AMF0 encoder write all objects, arrays and dates
	// behind marker 0x11, as Flash does for objectEncoding 3.
	Avmplus bool
	// Limits bounds the output: Depth (default 128), Nodes (default 100,000)
	// and Bytes (of output, default 16 MiB - 1). The other fields are unused.
	Limits Limits
}

// Append writes the values of one message to dst and returns the extended
// slice; on error, which is a *[SyntaxError], dst is returned as it was. Go
// values that are no [Value] are converted as by [ToValue].
//
// AMF3 reference tables live for one AMF3 value. Readers disagree on whether
// they live on through the message, so all AMF3 values of one call but the
// first are written without any reference; one among them that contains
// itself is an error (ErrCycle). Make one call for each message.
func (e *Encoder) Append(dst []byte, v ...Value) ([]byte, error) {
	l := e.Limits.or(Limits{Depth: maxDepth, Nodes: walkNodes, Bytes: walkBytes})
	x := encoding{dst: dst, start: len(dst), max: l.Bytes, left: budget{l.Depth, l.Nodes, l.Bytes},
		references: e.References, avmplus: e.Avmplus}
	for i := range v {
		var err error
		if e.Version == AMF3 {
			err = x.top3(v[i])
		} else {
			err = x.value0(v[i])
		}
		if err == nil && len(x.dst)-x.start > x.max {
			err = x.fail(ErrBytes)
		}
		if err != nil {
			return dst, within(err, indexStep(i))
		}
	}
	return x.dst, nil
}

// Append0 writes the values of one message in AMF0.
func Append0(dst []byte, v ...Value) ([]byte, error) {
	var e Encoder
	return e.Append(dst, v...)
}

// encoding is the state of one Append.
type encoding struct {
	dst        []byte
	start, max int
	left       budget // its bytes are counted in dst instead
	references bool
	avmplus    bool

	open  stack         // the containers being written
	seen0 map[Value]int // AMF0 reference index by pointer, if references
	next0 int           // reference index of the next complex value

	e3     shared
	values int // AMF3 values begun
}

// opened is a container that is being written, and its reference index.
type opened struct {
	v     Value
	index int
}

// stack holds the open containers, outermost first. The first few are kept
// without an allocation.
type stack struct {
	n    int
	few  [8]opened
	more []opened
}

func (s *stack) push(v Value, index int) {
	if s.n < len(s.few) {
		s.few[s.n] = opened{v, index}
	} else {
		s.more = append(s.more, opened{v, index})
	}
	s.n++
}

func (s *stack) pop() {
	s.n--
	if s.n >= len(s.few) {
		s.more = s.more[:s.n-len(s.few)]
	}
}

// find returns the reference index of v if it is open, not below base.
func (s *stack) find(v Value, base int) (int, bool) {
	for i := s.n - 1; i >= base; i-- {
		o := &s.few[min(i, len(s.few)-1)]
		if i >= len(s.few) {
			o = &s.more[i-len(s.few)]
		}
		if o.v == v {
			return o.index, true
		}
	}
	return 0, false
}

func (e *encoding) fail(err error) error {
	return &SyntaxError{Offset: len(e.dst) - e.start, Err: err}
}

// begin pays for one value.
func (e *encoding) begin() error {
	if err := e.left.spend(0); err != nil {
		return e.fail(err)
	}
	if len(e.dst)-e.start > e.max {
		return e.fail(ErrBytes)
	}
	return nil
}

// room refuses text that cannot fit before it is copied.
func (e *encoding) room(n int) error {
	if n > e.max-(len(e.dst)-e.start) {
		return e.fail(ErrBytes)
	}
	return nil
}

func (e *encoding) u16(n int) { e.dst = binary.BigEndian.AppendUint16(e.dst, uint16(n)) }
func (e *encoding) u32(n int) { e.dst = binary.BigEndian.AppendUint32(e.dst, uint32(n)) }
func (e *encoding) f64(f float64) {
	e.dst = binary.BigEndian.AppendUint64(e.dst, math.Float64bits(f))
}

// value0 writes one AMF0 value.
func (e *encoding) value0(v Value) error {
	if err := e.begin(); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		e.dst = append(e.dst, mark0Null)
	case UndefinedType:
		e.dst = append(e.dst, mark0Undefined)
	case UnsupportedType:
		e.dst = append(e.dst, mark0Unsupported)
	case bool:
		e.dst = append(e.dst, mark0Boolean, 0)
		if v {
			e.dst[len(e.dst)-1] = 1
		}
	case float64:
		e.dst = append(e.dst, mark0Number)
		e.f64(v)
	case int32:
		e.dst = append(e.dst, mark0Number)
		e.f64(float64(v))
	case string:
		return e.string0(v)
	case XMLDocument:
		return e.long(mark0XML, string(v))
	case Date:
		if e.avmplus {
			return e.switch3(v)
		}
		e.dst = append(e.dst, mark0Date)
		e.f64(v.Millis)
		e.u16(int(uint16(v.Zone)))
	case *Object:
		return e.object0(v)
	case *Array:
		return e.array0(v)
	case XML:
		return e.switch3(v)
	case *ByteArray, *VectorInt, *VectorUint, *VectorDouble, *VectorObject, *Dictionary, *Externalizable:
		if isNil(v) {
			e.dst = append(e.dst, mark0Null)
			break
		}
		return e.switch3(v)
	default:
		v, err := ToValue(v)
		if err != nil {
			return e.foreign(err)
		}
		return e.value0(v)
	}
	return nil
}

// foreign gives an error of ToValue a place.
func (e *encoding) foreign(err error) error {
	path := ""
	if m, ok := err.(*MappingError); ok {
		path, m.Path = m.Path, ""
	}
	return &SyntaxError{Offset: len(e.dst) - e.start, Path: path, Err: err}
}

// switch3 writes v as AMF3 behind the AMF0 marker for it.
func (e *encoding) switch3(v Value) error {
	e.dst = append(e.dst, mark0AMF3)
	return e.top3(v)
}

func (e *encoding) string0(s string) error {
	if len(s) > math.MaxUint16 {
		return e.long(mark0LongString, s)
	}
	if err := e.room(len(s)); err != nil {
		return err
	}
	e.dst = append(e.dst, mark0String)
	e.u16(len(s))
	e.dst = append(e.dst, s...)
	return nil
}

func (e *encoding) long(mark byte, s string) error {
	if err := e.room(len(s)); err != nil {
		return err
	}
	if uint64(len(s)) > math.MaxUint32 {
		return e.fail(ErrString)
	}
	e.dst = append(e.dst, mark)
	e.u32(len(s))
	e.dst = append(e.dst, s...)
	return nil
}

// key0 writes a member or class name.
func (e *encoding) key0(s string) error {
	if len(s) > math.MaxUint16 {
		return e.fail(ErrString)
	}
	if err := e.room(len(s)); err != nil {
		return err
	}
	e.u16(len(s))
	e.dst = append(e.dst, s...)
	return nil
}

// enter0 begins the complex value v, a pointer, or ends it with a reference.
func (e *encoding) enter0(v Value) (done bool, err error) {
	i, known := e.seen0[v]
	if !known {
		i, known = e.open.find(v, 0)
	}
	if known && i <= math.MaxUint16 {
		e.dst = append(e.dst, mark0Reference)
		e.u16(i)
		return true, nil
	}
	if err := e.left.enter(); err != nil {
		if known {
			err = ErrCycle
		}
		return false, e.fail(err)
	}
	if e.references {
		if e.seen0 == nil {
			e.seen0 = make(map[Value]int)
		}
		e.seen0[v] = e.next0
	}
	e.open.push(v, e.next0)
	e.next0++
	return false, nil
}

func (e *encoding) leave0() {
	e.open.pop()
	e.left.leave()
}

func (e *encoding) object0(o *Object) error {
	if o == nil {
		e.dst = append(e.dst, mark0Null)
		return nil
	}
	if e.avmplus {
		return e.switch3(o)
	}
	if done, err := e.enter0(o); done || err != nil {
		return err
	}
	if o.Class == "" {
		e.dst = append(e.dst, mark0Object)
	} else {
		e.dst = append(e.dst, mark0Typed)
		if err := e.key0(o.Class); err != nil {
			return err
		}
	}
	if err := e.members0(o.Props); err != nil {
		return err
	}
	e.dst = append(e.dst, 0, 0, mark0End)
	e.leave0()
	return nil
}

func (e *encoding) members0(props []Prop) error {
	for i := range props {
		if err := e.member0(props[i].Key, props[i].Value); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoding) member0(key string, v Value) error {
	err := e.key0(key)
	if err == nil {
		err = e.value0(v)
	}
	if err != nil {
		return within(err, keyStep(key))
	}
	return nil
}

func (e *encoding) array0(a *Array) error {
	if a == nil {
		e.dst = append(e.dst, mark0Null)
		return nil
	}
	if e.avmplus {
		return e.switch3(a)
	}
	if done, err := e.enter0(a); done || err != nil {
		return err
	}
	if !a.associative() {
		e.dst = append(e.dst, mark0Strict)
		e.u32(len(a.Dense))
		for i := range a.Dense {
			if err := e.value0(a.Dense[i]); err != nil {
				return within(err, indexStep(i))
			}
		}
		e.leave0()
		return nil
	}
	e.dst = append(e.dst, mark0ECMA)
	e.u32(len(a.Dense) + len(a.Assoc))
	for i := range a.Dense {
		if err := e.member0(strconv.Itoa(i), a.Dense[i]); err != nil {
			return err
		}
	}
	if err := e.members0(a.Assoc); err != nil {
		return err
	}
	e.dst = append(e.dst, 0, 0, mark0End)
	e.leave0()
	return nil
}
