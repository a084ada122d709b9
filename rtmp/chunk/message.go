package chunk

import "fmt"

// Message types (RTMP 1.0 §5.4, §7.1). The chunk layer itself acts on
// [TypeSetChunkSize] and [TypeAbort] only and uses the others to choose the
// length limit of a message; any other value is carried as it is.
const (
	TypeSetChunkSize     uint8 = 1  // u31 chunk size, big-endian (§5.4.1)
	TypeAbort            uint8 = 2  // u32 chunk stream id, big-endian (§5.4.2)
	TypeAck              uint8 = 3  // u32 bytes received (§5.4.3)
	TypeUserControl      uint8 = 4  // u16 event, event data (§6.2)
	TypeWindowAckSize    uint8 = 5  // u32 bytes (§5.4.4)
	TypeSetPeerBandwidth uint8 = 6  // u32 bytes, u8 limit type (§5.4.5)
	TypeAudio            uint8 = 8  // FLV audio tag body
	TypeVideo            uint8 = 9  // FLV video tag body
	TypeDataAMF3         uint8 = 15 // AMF3 data
	TypeSharedObjectAMF3 uint8 = 16 // AMF3 shared object events
	TypeCommandAMF3      uint8 = 17 // AMF3 command
	TypeData             uint8 = 18 // AMF0 data
	TypeSharedObject     uint8 = 19 // AMF0 shared object events
	TypeCommand          uint8 = 20 // AMF0 command
	TypeAggregate        uint8 = 22 // FLV tags in a row, see SplitAggregate
)

// Chunk stream ids which Penstock writes. Any id from [MinCSID] to [MaxCSID]
// is legal on the wire, but deployed servers have low ceilings (nginx-rtmp
// refuses ids from 32 on, gortmplib from 64 on), so a writer which wants to be
// understood everywhere stays within 2 to 31, where the id also costs the
// least: one byte.
const (
	CSIDControl uint32 = 2 // protocol control and user control (RTMP 1.0 §5.4)
	CSIDCommand uint32 = 3
	CSIDAudio   uint32 = 4
	CSIDData    uint32 = 5
	CSIDVideo   uint32 = 6

	MinCSID uint32 = 2
	MaxCSID uint32 = 65599 // 64 + 255 + 256·255 (RTMP 1.0 §5.3.1.1)
)

const (
	// DefaultChunkSize is the chunk size of both directions before the first
	// Set Chunk Size message, in bytes (RTMP 1.0 §5.4.1).
	DefaultChunkSize = 128
	// MaxChunkSize is the largest chunk size which makes a difference: no
	// message is longer. Larger announced sizes mean the same (§5.4.1).
	MaxChunkSize = 0xFFFFFF
	// MaxPayload is the greatest length the 24-bit length field can express,
	// in bytes.
	MaxPayload = 0xFFFFFF
)

// Message is one RTMP message, whole: what the chunk stream carries.
type Message struct {
	Type      uint8  // message type, see the Type constants
	CSID      uint32 // chunk stream id, 2 to 65599
	StreamID  uint32 // message stream id, 0 for the connection itself
	Timestamp uint32 // absolute, ms, modulo 2^32
	Payload   []byte // nil when the message is empty, which is legal for every type
}

// Validate returns an error which wraps [ErrUnframable] if the message cannot
// be expressed in chunks: a chunk stream id outside 2 to 65599, or a payload
// longer than [MaxPayload]. [Append], [Size] and [Writer.Append] write nothing
// for such a message.
func (m *Message) Validate() error {
	switch {
	case m.CSID < MinCSID || m.CSID > MaxCSID:
		return fmt.Errorf("%w: chunk stream id %d is outside %d to %d", ErrUnframable, m.CSID, MinCSID, MaxCSID)
	case len(m.Payload) > MaxPayload:
		return fmt.Errorf("%w: payload of %d bytes exceeds %d", ErrUnframable, len(m.Payload), MaxPayload)
	}
	return nil
}

func (m *Message) framable() bool {
	return m.CSID >= MinCSID && m.CSID <= MaxCSID && len(m.Payload) <= MaxPayload
}
