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

import "penstock/rtmp/chunk"

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
