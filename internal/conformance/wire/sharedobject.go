package wire

import (
	"errors"
	"fmt"
)

// Events of a shared object message.
const (
	SOUse = iota + 1
	SORelease
	SORequestChange
	SOChange
	SOSuccess
	SOSend
	SOStatus
	SOClear
	SORemove
	SORequestRemove
	SOUseSuccess
)

var sharedNames = map[uint8]string{
	SOUse: "Use", SORelease: "Release", SORequestChange: "RequestChange", SOChange: "Change", SOSuccess: "Success", SOSend: "SendMessage",
	SOStatus: "Status", SOClear: "Clear", SORemove: "Remove", SORequestRemove: "RequestRemove", SOUseSuccess: "UseSuccess",
}

// SharedObject is the body of a message of type 19, or of type 16 behind its format selector.
type SharedObject struct {
	Name    string
	Version uint32
	Flags   uint32 // 2 is persistent
	Events  []SharedEvent
}

// SharedEvent is one event of it.
type SharedEvent struct {
	Type uint8
	Data []byte
}

// Key reads the name with which most events begin.
func (e SharedEvent) Key() string {
	d := &decoder{b: e.Data}
	s, _ := d.text(2)
	return s
}

// KeyValue reads a name and the AMF value behind it.
func (e SharedEvent) KeyValue() (string, any, error) {
	d := &decoder{b: e.Data}
	k, err := d.text(2)
	if err != nil {
		return "", nil, err
	}
	v, err := d.value0(0)
	return k, v, err
}

// Status reads a status event: code and level.
func (e SharedEvent) Status() (code, level string) {
	d := &decoder{b: e.Data}
	code, _ = d.text(2)
	level, _ = d.text(2)
	return code, level
}

func (e SharedEvent) String() string {
	name := sharedNames[e.Type]
	if name == "" {
		name = fmt.Sprintf("event %d", e.Type)
	}
	switch e.Type {
	case SORequestChange, SOChange:
		if k, v, err := e.KeyValue(); err == nil {
			return fmt.Sprintf("%s(%s = %s)", name, k, Format(v))
		}
	case SOSuccess, SORemove, SORequestRemove:
		return fmt.Sprintf("%s(%s)", name, e.Key())
	case SOStatus:
		code, level := e.Status()
		return fmt.Sprintf("%s(%s, %s)", name, code, level)
	case SOSend:
		if v, err := DecodeAll(e.Data); err == nil {
			return fmt.Sprintf("%s(%s)", name, Format(Array(v)))
		}
	}
	return name
}

// SharedObject decodes a message of type 19 or 16.
func (m *Message) SharedObject() (*SharedObject, error) {
	b := m.Payload
	if m.Type == TypeShared3 {
		if len(b) == 0 {
			return nil, errors.New("no format selector")
		}
		b = b[1:]
	}
	d := &decoder{b: b}
	name, err := d.text(2)
	if err != nil {
		return nil, err
	}
	head, err := d.take(12)
	if err != nil {
		return nil, err
	}
	so := &SharedObject{Name: name, Version: get32(head), Flags: get32(head[4:])}
	for d.pos < len(d.b) {
		h, err := d.take(5)
		if err != nil {
			return so, err
		}
		data, err := d.take(int(get32(h[1:])))
		if err != nil {
			return so, err
		}
		so.Events = append(so.Events, SharedEvent{h[0], data})
	}
	return so, nil
}

// SharedMessage builds a message of type 19, or of type 16 with amf3.
func SharedMessage(amf3 bool, so *SharedObject) *Message {
	m := &Message{Type: TypeShared0, CSID: 3}
	if amf3 {
		m.Type, m.Payload = TypeShared3, []byte{0}
	}
	b := key0(m.Payload, so.Name)
	b = append(append(append(b, be32(so.Version)...), be32(so.Flags)...), 0, 0, 0, 0)
	for _, e := range so.Events {
		b = append(append(append(b, e.Type), be32(uint32(len(e.Data)))...), e.Data...)
	}
	m.Payload = b
	return m
}

// SharedKey is the data of an event that names a slot.
func SharedKey(key string) []byte { return key0(nil, key) }

// SharedChange is the data of a RequestChange or Change.
func SharedChange(key string, value any) []byte { return append0(key0(nil, key), value) }
