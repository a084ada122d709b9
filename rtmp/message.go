// Package rtmp speaks the Real-Time Messaging Protocol over a net.Conn: messages, commands,
// user control events, acknowledgements and pings, for servers and for clients.
//
// A [Conn] is one RTMP connection after its handshake. It knows the protocol and no policy:
// which applications exist, who may publish and what a stream is are the business of package
// app. A [Server] accepts connections and hands each to a handler; a [Client] is the other
// end: it connects, calls, publishes and plays against any server.
//
// Sources: "Adobe's Real Time Messaging Protocol" 1.0 (2012), the errata and addenda to it by
// M. Thornburgh (2024), and Enhanced RTMP v2 (Veovera, 2026).
package rtmp

import (
	"encoding/binary"
	"fmt"

	"penstock/rtmp/chunk"
)

// Message is one RTMP message: a type, a message stream ID, an absolute timestamp in
// milliseconds and a payload.
type Message = chunk.Message

// Message types (RTMP 1.0 §5.4, §6.2, §7.1).
const (
	TypeSetChunkSize     uint8 = 1
	TypeAbort            uint8 = 2
	TypeAcknowledgement  uint8 = 3
	TypeUserControl      uint8 = 4
	TypeWindowAckSize    uint8 = 5
	TypeSetPeerBandwidth uint8 = 6
	TypeAudio            uint8 = 8
	TypeVideo            uint8 = 9
	TypeDataAMF3         uint8 = 15
	TypeSharedObjectAMF3 uint8 = 16
	TypeCommandAMF3      uint8 = 17
	TypeDataAMF0         uint8 = 18
	TypeSharedObjectAMF0 uint8 = 19
	TypeCommandAMF0      uint8 = 20
	TypeAggregate        uint8 = 22
)

// Chunk stream IDs used for what we send. They stay below 32 because nginx-rtmp refuses more.
// Audio, video and data frames have chunk streams of their own (see package media).
const (
	CSIDControl uint32 = 2
	CSIDCommand uint32 = 3
	CSIDAudio   uint32 = 4
	CSIDData    uint32 = 5
	CSIDVideo   uint32 = 6
)

// TypeName is the field's name of a message type, for logs and traces.
func TypeName(t uint8) string {
	switch t {
	case TypeSetChunkSize:
		return "SetChunkSize"
	case TypeAbort:
		return "Abort"
	case TypeAcknowledgement:
		return "Acknowledgement"
	case TypeUserControl:
		return "UserControl"
	case TypeWindowAckSize:
		return "WindowAckSize"
	case TypeSetPeerBandwidth:
		return "SetPeerBandwidth"
	case TypeAudio:
		return "Audio"
	case TypeVideo:
		return "Video"
	case TypeDataAMF3:
		return "Data(AMF3)"
	case TypeSharedObjectAMF3:
		return "SharedObject(AMF3)"
	case TypeCommandAMF3:
		return "Command(AMF3)"
	case TypeDataAMF0:
		return "Data"
	case TypeSharedObjectAMF0:
		return "SharedObject"
	case TypeCommandAMF0:
		return "Command"
	case TypeAggregate:
		return "Aggregate"
	}
	return "Unknown"
}

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
