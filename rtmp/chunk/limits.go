package chunk

// Names of the limits as [LimitError] reports them, equal to the option names
// under which a server's configuration offers them.
const (
	LimitMessage           = "message_bytes"
	LimitCommand           = "command_bytes"
	LimitControl           = "control_bytes"
	LimitSharedObject      = "shared_object_bytes"
	LimitAggregate         = "aggregate_bytes"
	LimitAggregateMessages = "aggregate_messages"
	LimitChunkStreams      = "chunk_streams"
	LimitPartial           = "partial_messages"
	LimitReassembly        = "reassembly_bytes"
	LimitSetChunkSizes     = "set_chunk_size_count"
	LimitMinChunkSize      = "chunk_size_min"
)

// Limits bounds what a peer can make a [Reader] hold or do. The protocol
// itself bounds nothing: 65,598 chunk streams, each with 16 MiB outstanding,
// are legal. A zero field means its default; a negative field is the default
// too. Every limit is inclusive: the value itself is still accepted.
type Limits struct {
	// Message is the longest audio or video message, in bytes. Default 4 MiB,
	// room for a key frame of 8K video; at most MaxPayload.
	Message int
	// Command is the longest command, data or unknown message, in bytes.
	// Default 256 KiB.
	Command int
	// Control is the longest protocol control or user control message (types
	// 1 to 6), in bytes. Default 64.
	Control int
	// SharedObject is the longest shared object message, in bytes. Default
	// 256 KiB.
	SharedObject int
	// Aggregate is the longest aggregate message, in bytes. Default 4 MiB.
	Aggregate int
	// AggregateMessages is the number of messages in one aggregate. Default
	// 4096.
	AggregateMessages int
	// ChunkStreams is the number of distinct chunk stream ids a peer may use
	// during the life of a connection. Default 64; old clients do use ids of
	// 64 and above, but few of them.
	ChunkStreams int
	// Partial is the number of messages which may be incomplete at the same
	// time. Default 8; real clients have at most 3.
	Partial int
	// Reassembly is the number of bytes received of messages which are still
	// incomplete, over all chunk streams. Default 8 MiB, or twice Message when
	// that is more.
	Reassembly int
	// SetChunkSizes is how many times a peer may change its chunk size.
	// Repeating the size in force is free. Default 16; raise it for peers
	// which adapt the size to the network.
	SetChunkSizes int
	// MinChunkSize is the smallest chunk size a peer may announce, in bytes.
	// Default 32, so that headers cannot outweigh payload. 1 accepts
	// everything the specification does.
	MinChunkSize int
}

// DefaultLimits returns the documented defaults, every field filled in.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.Message, 4<<20)
	def(&l.Command, 256<<10)
	def(&l.Control, 64)
	def(&l.SharedObject, 256<<10)
	def(&l.Aggregate, 4<<20)
	def(&l.AggregateMessages, 4096)
	def(&l.ChunkStreams, 64)
	def(&l.Partial, 8)
	def(&l.Reassembly, max(8<<20, 2*min(l.Message, MaxPayload)))
	def(&l.SetChunkSizes, 16)
	def(&l.MinChunkSize, 32)
	return l
}

// length returns the limit on the length of a message of type typ, with its
// name.
func (l *Limits) length(typ uint8) (name string, limit int) {
	switch typ {
	case TypeSetChunkSize, TypeAbort, TypeAck, TypeUserControl, TypeWindowAckSize, TypeSetPeerBandwidth:
		return LimitControl, l.Control
	case TypeAudio, TypeVideo:
		return LimitMessage, l.Message
	case TypeAggregate:
		return LimitAggregate, l.Aggregate
	case TypeSharedObject, TypeSharedObjectAMF3:
		return LimitSharedObject, l.SharedObject
	}
	return LimitCommand, l.Command
}

// checkLength returns a LimitError if a message of type typ may not have n
// bytes.
func (l *Limits) checkLength(typ uint8, n int) error {
	if name, limit := l.length(typ); n > limit {
		return exceeded(name, n, limit)
	}
	return nil
}
