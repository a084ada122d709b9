package sharedobject

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"penstock/amf"
)

// EventType says what an event is.
type EventType uint8

// Event types, with their direction and data. A key is a UTF-8 string with a length of two bytes, big-endian.
const (
	Use           EventType = 1  // to the server, no data
	Release       EventType = 2  // to the server, no data
	RequestChange EventType = 3  // to the server: key, AMF value
	Change        EventType = 4  // to the client: key, AMF value
	Success       EventType = 5  // to the client: key of its own change
	Send          EventType = 6  // both ways: AMF string, the handler's name, and AMF values
	Status        EventType = 7  // to the client: code and level, written like keys
	Clear         EventType = 8  // to the client, no data
	Remove        EventType = 9  // to the client: key
	RequestRemove EventType = 10 // to the server: key
	UseSuccess    EventType = 11 // to the client, no data
	SlotVersion   EventType = 12 // to the client: key, four bytes; seen from Flash Media Server beside Change, means nothing here
	ChangeEcho    EventType = 13 // to the client: key and AMF value of its own change, for objects proxied by another server
	RequestClear  EventType = 14 // to the server, no data
)

var eventNames = [...]string{1: "use", "release", "request change", "change", "success", "send", "status", "clear", "remove",
	"request remove", "use success", "slot version", "change echo", "request clear"}

func (t EventType) String() string {
	if int(t) < len(eventNames) && t > 0 {
		return eventNames[t]
	}
	return fmt.Sprintf("event %d", uint8(t))
}

// Flags of a message.
const (
	// FlagPersistent marks a persistent object.
	FlagPersistent uint32 = 0x02
	// FlagProxied is set by clients that keep the object on behalf of others, as one Flash Media Server does with an object
	// of another and npm's rtmp-client always. Their own changes come back with the value (ChangeEcho).
	FlagProxied uint32 = 0x10
	// flagAnswer accompanies FlagProxied in the answers to use.
	flagAnswer uint32 = 0x20
)

// Event is one event of a message. Which fields count depends on Type.
type Event struct {
	Type    EventType
	Key     string
	Value   amf.Value
	Handler string      // Send
	Args    []amf.Value // Send
	Code    string      // Status
	Level   string      // Status
	Number  uint32      // SlotVersion

	raw []byte // Value in AMF0, when it is known
}

// Message is the body of a shared object message.
type Message struct {
	Name    string
	Version uint32 // of the object, as the sender knows it; 0 when it does not
	Flags   uint32
	Events  []Event
}

// Persistent reports whether the message is about a persistent object.
func (m *Message) Persistent() bool { return m.Flags&FlagPersistent != 0 }

// ParseError says where a message could not be read. Its Name is empty when not even that could be read.
type ParseError struct {
	Name   string
	Offset int // in the body
	Err    error
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("sharedobject: message for %q, byte %d: %v", e.Name, e.Offset, e.Err)
}

// Unwrap returns the reason.
func (e *ParseError) Unwrap() error { return e.Err }

// Reasons of a ParseError, beside those of package amf.
var (
	ErrShort    = errors.New("the message ends too early")
	ErrLength   = errors.New("an event is longer than the message")
	ErrEvents   = errors.New("too many events")
	ErrSelector = errors.New("unknown format selector")
	ErrTrailing = errors.New("data after the event's value")
)

// ParseLimits bounds what Parse builds. A zero field means its default.
type ParseLimits struct {
	Events int        // 1024
	AMF    amf.Limits // of each value
}

// parser reads one body.
type parser struct {
	m       *Message
	body    []byte
	at      int
	version amf.Version
	limits  ParseLimits
}

// Parse reads the payload of a message of type 19, or of type 16 when amf3 is set: that begins with a selector byte, 0 for
// values in AMF0 that switch to AMF3 by marker 0x11, 3 (Red5) for values in AMF3. Events of an unknown type are left out. The
// message shares no memory with payload. The error is a *ParseError.
func Parse(payload []byte, amf3 bool, l ParseLimits) (*Message, error) {
	if l.Events <= 0 {
		l.Events = 1024
	}
	p := &parser{m: new(Message), body: payload, limits: l}
	if err := p.parse(amf3); err != nil {
		return nil, &ParseError{Name: p.m.Name, Offset: p.at, Err: err}
	}
	return p.m, nil
}

func (p *parser) parse(amf3 bool) error {
	if amf3 {
		selector, err := p.take(1)
		switch {
		case err != nil:
			return err
		case selector[0] == 3:
			p.version = amf.AMF3
		case selector[0] != 0:
			return ErrSelector
		}
	}
	name, err := p.text()
	if err != nil {
		return err
	}
	p.m.Name = name
	head, err := p.take(12)
	if err != nil {
		return err
	}
	p.m.Version, p.m.Flags = binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
	for events := 1; p.at < len(p.body); events++ {
		if events > p.limits.Events {
			return ErrEvents
		}
		if err := p.event(); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) take(n int) ([]byte, error) {
	if n > len(p.body)-p.at {
		return nil, ErrShort
	}
	b := p.body[p.at : p.at+n]
	p.at += n
	return b, nil
}

func (p *parser) text() (string, error) {
	n, err := p.take(2)
	if err != nil {
		return "", err
	}
	b, err := p.take(int(binary.BigEndian.Uint16(n)))
	return string(b), err
}

// event reads one event. Its data is read by a parser that sees nothing beyond it.
func (p *parser) event() error {
	head, err := p.take(5)
	if err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if uint64(n) > uint64(len(p.body)-p.at) {
		return ErrLength
	}
	data := *p
	data.body = p.body[:p.at+int(n)]
	err = data.read(EventType(head[0]))
	if err != nil {
		p.at = data.at
		return err
	}
	p.at += int(n)
	return nil
}

func (p *parser) read(t EventType) error {
	e := Event{Type: t}
	var err error
	switch t {
	case Use, Release, Clear, UseSuccess, RequestClear:
	case RequestChange, Change, ChangeEcho:
		return p.pairs(t, true)
	case Success, Remove, RequestRemove:
		return p.pairs(t, false)
	case Send:
		err = p.send(&e)
	case Status:
		if e.Code, err = p.text(); err == nil {
			e.Level, err = p.text()
		}
	case SlotVersion:
		var b []byte
		if e.Key, err = p.text(); err == nil {
			if b, err = p.take(4); err == nil {
				e.Number = binary.BigEndian.Uint32(b)
			}
		}
	default:
		return nil
	}
	if err == nil {
		p.m.Events = append(p.m.Events, e)
	}
	return err
}

// pairs reads keys, each with a value or without, until the data ends. An event without data (rtmp-client asks so for the
// change of a key that is empty) says nothing.
func (p *parser) pairs(t EventType, values bool) error {
	for p.at < len(p.body) {
		if len(p.m.Events) >= p.limits.Events {
			return ErrEvents
		}
		e := Event{Type: t}
		var err error
		if e.Key, err = p.text(); err != nil {
			return err
		}
		if values {
			if e.Value, err = p.value(); err != nil {
				return err
			}
		}
		p.m.Events = append(p.m.Events, e)
	}
	return nil
}

func (p *parser) value() (amf.Value, error) {
	d := amf.NewDecoderLimits(p.body[p.at:], p.version, p.limits.AMF)
	v, err := d.Decode()
	if err != nil {
		return nil, err
	}
	p.at += d.Offset()
	return v, nil
}

func (p *parser) send(e *Event) error {
	values, err := amf.NewDecoderLimits(p.body[p.at:], p.version, p.limits.AMF).DecodeAll()
	if err != nil {
		return err
	}
	if len(values) == 0 {
		return ErrShort
	}
	name, ok := values[0].(string)
	if !ok {
		return fmt.Errorf("the handler's name is a %T", values[0])
	}
	e.Handler, e.Args = name, values[1:]
	p.at = len(p.body)
	return nil
}

// Append writes the message as the payload of type 19, or of type 16 when amf3 is set, and returns the extended slice. On
// error (a text that is too long, or a value that AMF cannot carry) it returns dst as it was.
func (m *Message) Append(dst []byte, amf3 bool) ([]byte, error) {
	b := dst
	if amf3 {
		b = append(b, 0)
	}
	b, err := appendText(b, m.Name)
	b = binary.BigEndian.AppendUint32(b, m.Version)
	b = binary.BigEndian.AppendUint32(b, m.Flags)
	b = append(b, 0, 0, 0, 0)
	w := writer{amf3: amf3}
	for i := range m.Events {
		if err != nil {
			break
		}
		b, err = w.event(b, &m.Events[i])
	}
	if err != nil {
		return dst, fmt.Errorf("sharedobject: message for %q: %w", m.Name, err)
	}
	return b, nil
}

func appendText(b []byte, s string) ([]byte, error) {
	if len(s) > math.MaxUint16 {
		return b, fmt.Errorf("a text of %d bytes", len(s))
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...), nil
}

// writer writes the events of one message.
type writer struct {
	amf3  bool
	later bool // an AMF3 value was written
}

func (w *writer) event(b []byte, e *Event) ([]byte, error) {
	b = append(b, byte(e.Type), 0, 0, 0, 0)
	start := len(b)
	var err error
	switch e.Type {
	case RequestChange, Change, ChangeEcho:
		if b, err = appendText(b, e.Key); err == nil {
			b, err = w.value(b, e)
		}
	case Success, Remove, RequestRemove:
		b, err = appendText(b, e.Key)
	case Send:
		if b, err = amf.Append0(b, e.Handler); err == nil {
			b, err = w.values(b, e.Args)
		}
	case Status:
		if b, err = appendText(b, e.Code); err == nil {
			b, err = appendText(b, e.Level)
		}
	case SlotVersion:
		b, err = appendText(b, e.Key)
		b = binary.BigEndian.AppendUint32(b, e.Number)
	}
	binary.BigEndian.PutUint32(b[start-4:], uint32(len(b)-start))
	return b, err
}

func (w *writer) value(b []byte, e *Event) ([]byte, error) {
	if !w.amf3 && e.raw != nil {
		return append(b, e.raw...), nil
	}
	return w.values(b, []amf.Value{e.Value})
}

// values writes values. Readers disagree on whether the reference tables of AMF3 live as long as the message, so that only
// the first AMF3 value of one may hold references: the encoder does that for the values of one call, and is made to believe
// in an earlier value by an empty array, which is cut off again.
func (w *writer) values(b []byte, v []amf.Value) ([]byte, error) {
	enc := amf.Encoder{Avmplus: w.amf3}
	if !w.amf3 || !w.later {
		w.later = true
		return enc.Append(b, v...)
	}
	const earlier = 4 // 0x11 and an empty AMF3 array
	long, err := enc.Append(nil, append([]amf.Value{amf.NewArray()}, v...)...)
	if err != nil { // one that contains itself has no other form
		return enc.Append(b, v...)
	}
	return append(b, long[earlier:]...), nil
}
