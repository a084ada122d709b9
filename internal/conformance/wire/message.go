// Package wire is an RTMP peer that judges others: a second reading of handshake, chunk stream and AMF that shares no code with
// the packages it is used to judge, so that a mistake of theirs cannot hide behind the same mistake here. It is made for
// conversations of some hundred messages: it copies freely, keeps a transcript of everything, and is bounded in time and size
// against peers that hang, flood or close.
//
// The source is RTMP 1.0 (21 December 2012), §5 and §7, and the AMF0 and AMF3 file format specifications.
package wire

import "fmt"

// Message types (RTMP 1.0 §5.4, §7.1).
const (
	TypeSetChunkSize     = 1
	TypeAbort            = 2
	TypeAck              = 3
	TypeUserControl      = 4
	TypeWindowAckSize    = 5
	TypeSetPeerBandwidth = 6
	TypeAudio            = 8
	TypeVideo            = 9
	TypeData3            = 15
	TypeShared3          = 16
	TypeCommand3         = 17
	TypeData0            = 18
	TypeShared0          = 19
	TypeCommand0         = 20
	TypeAggregate        = 22
)

// User control events (RTMP 1.0 §7.1.7).
const (
	EventStreamBegin     = 0
	EventStreamEOF       = 1
	EventSetBufferLength = 3
	EventStreamRecorded  = 4
	EventPing            = 6
	EventPong            = 7
)

var typeNames = map[uint8]string{
	TypeSetChunkSize: "SetChunkSize", TypeAbort: "Abort", TypeAck: "Acknowledgement", TypeUserControl: "UserControl",
	TypeWindowAckSize: "WindowAckSize", TypeSetPeerBandwidth: "SetPeerBandwidth", TypeAudio: "Audio", TypeVideo: "Video",
	TypeData3: "Data(AMF3)", TypeShared3: "SharedObject(AMF3)", TypeCommand3: "Command(AMF3)", TypeData0: "Data",
	TypeShared0: "SharedObject", TypeCommand0: "Command", TypeAggregate: "Aggregate",
}

// TypeName names a message type.
func TypeName(t uint8) string {
	if n := typeNames[t]; n != "" {
		return n
	}
	return fmt.Sprintf("type %d", t)
}

// Message is one message, and how it travelled when it was received.
type Message struct {
	Type      uint8
	CSID      uint32 // chunk stream
	StreamID  uint32 // message stream
	Timestamp uint32 // ms, absolute
	Payload   []byte

	// Of a received message only.
	Offset   int64 // of its first byte in that direction, handshake included
	Fmt      uint8 // of the chunk that began it
	Chunks   int
	Extended bool // its first chunk has an extended timestamp
	Woven    bool // chunks of another message came between its own
	Longform bool // its basic header is longer than the chunk stream id needs
}

// Control builds a message of types 1 to 6 as the specification wants it: chunk stream 2, message stream 0.
func Control(t uint8, body ...byte) *Message { return &Message{Type: t, CSID: 2, Payload: body} }

// ControlValue is Control for a body that is one 32-bit number.
func ControlValue(t uint8, v uint32) *Message { return Control(t, be32(v)...) }

// UserControl builds a user control message of an event and 32-bit operands.
func UserControl(event uint16, operands ...uint32) *Message {
	b := []byte{byte(event >> 8), byte(event)}
	for _, v := range operands {
		b = append(b, be32(v)...)
	}
	return Control(TypeUserControl, b...)
}

func be32(v uint32) []byte { return []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)} }

func get32(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

func get24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

// Event reads a user control message: the event and the bytes behind it. ok is false for another message and a short body.
func (m *Message) Event() (event uint16, body []byte, ok bool) {
	if m.Type != TypeUserControl || len(m.Payload) < 2 {
		return 0, nil, false
	}
	return uint16(m.Payload[0])<<8 | uint16(m.Payload[1]), m.Payload[2:], true
}

// Value reads the 32-bit number with which types 1, 2, 3, 5 and 6 begin.
func (m *Message) Value() (v uint32, ok bool) {
	if len(m.Payload) < 4 {
		return 0, false
	}
	return get32(m.Payload), true
}
