package rtmp

import (
	"encoding/binary"
	"fmt"
)

// PeerBandwidthLimit is the limit type of a Set Peer Bandwidth message (RTMP 1.0 §5.4.5).
type PeerBandwidthLimit uint8

// Limit types of Set Peer Bandwidth.
const (
	LimitHard    PeerBandwidthLimit = 0
	LimitSoft    PeerBandwidthLimit = 1
	LimitDynamic PeerBandwidthLimit = 2
)

// Event is a user control event type (RTMP 1.0 §7.1.7; 26, 27, 31 and 32 as librtmp names them).
type Event uint16

// User control events.
const (
	EventStreamBegin       Event = 0
	EventStreamEOF         Event = 1
	EventStreamDry         Event = 2
	EventSetBufferLength   Event = 3
	EventStreamIsRecorded  Event = 4
	EventPingRequest       Event = 6
	EventPingResponse      Event = 7
	EventSWFVerifyRequest  Event = 26
	EventSWFVerifyResponse Event = 27
	EventBufferEmpty       Event = 31
	EventBufferReady       Event = 32
)

var eventNames = map[Event]string{
	EventStreamBegin: "StreamBegin", EventStreamEOF: "StreamEOF", EventStreamDry: "StreamDry",
	EventSetBufferLength: "SetBufferLength", EventStreamIsRecorded: "StreamIsRecorded",
	EventPingRequest: "PingRequest", EventPingResponse: "PingResponse",
	EventSWFVerifyRequest: "SWFVerifyRequest", EventSWFVerifyResponse: "SWFVerifyResponse",
	EventBufferEmpty: "BufferEmpty", EventBufferReady: "BufferReady",
}

func (e Event) String() string {
	if n, ok := eventNames[e]; ok {
		return n
	}
	return fmt.Sprintf("Event(%d)", uint16(e))
}

// UserControl is a decoded user control message. Value is the message stream ID of stream
// events and the timestamp of pings; Length is the buffer length in ms of SetBufferLength.
type UserControl struct {
	Event  Event
	Value  uint32
	Length uint32
	Raw    []byte // everything after the event type
}

// ShortBodyError reports a control message shorter than its kind needs.
type ShortBodyError struct {
	What      string
	Got, Need int
}

func (e *ShortBodyError) Error() string {
	return fmt.Sprintf("rtmp: %s body of %d bytes, needs %d", e.What, e.Got, e.Need)
}

// ParseUserControl decodes the body of a user control message. A body shorter than its event
// needs is a *ShortBodyError; unknown events are returned with Raw only.
func ParseUserControl(b []byte) (UserControl, error) {
	if len(b) < 2 {
		return UserControl{}, &ShortBodyError{What: "user control", Got: len(b), Need: 2}
	}
	u := UserControl{Event: Event(binary.BigEndian.Uint16(b)), Raw: b[2:]}
	need := 0
	switch u.Event {
	case EventStreamBegin, EventStreamEOF, EventStreamDry, EventStreamIsRecorded,
		EventPingRequest, EventPingResponse, EventBufferEmpty, EventBufferReady:
		need = 4
	case EventSetBufferLength:
		need = 8
	}
	if len(u.Raw) < need {
		return u, &ShortBodyError{What: u.Event.String(), Got: len(u.Raw), Need: need}
	}
	if need >= 4 {
		u.Value = binary.BigEndian.Uint32(u.Raw)
	}
	if need == 8 {
		u.Length = binary.BigEndian.Uint32(u.Raw[4:])
	}
	return u, nil
}

func control(typ uint8, body ...byte) *Message {
	return &Message{Type: typ, CSID: CSIDControl, Payload: body}
}

func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// SetChunkSize builds the message; what a Conn sends after it is cut to size bytes.
func SetChunkSize(size uint32) *Message { return control(TypeSetChunkSize, be32(size)...) }

// WindowAckSize builds a Window Acknowledgement Size message (bytes).
func WindowAckSize(window uint32) *Message { return control(TypeWindowAckSize, be32(window)...) }

// Acknowledgement builds an Acknowledgement of the bytes received so far, modulo 2^32.
func Acknowledgement(sequence uint32) *Message {
	return control(TypeAcknowledgement, be32(sequence)...)
}

// SetPeerBandwidth builds a Set Peer Bandwidth message (bytes, limit type).
func SetPeerBandwidth(window uint32, l PeerBandwidthLimit) *Message {
	return control(TypeSetPeerBandwidth, append(be32(window), byte(l))...)
}

// NewUserControl builds a user control message with its four-byte operands.
func NewUserControl(e Event, operands ...uint32) *Message {
	b := binary.BigEndian.AppendUint16(nil, uint16(e))
	for _, v := range operands {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return control(TypeUserControl, b...)
}

// uint32Body reads the first four bytes of a control body.
func uint32Body(what string, b []byte) (uint32, error) {
	if len(b) < 4 {
		return 0, &ShortBodyError{What: what, Got: len(b), Need: 4}
	}
	return binary.BigEndian.Uint32(b), nil
}
