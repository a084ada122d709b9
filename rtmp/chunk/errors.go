package chunk

import (
	"errors"
	"fmt"
)

// What a [ProtocolError] wraps, besides a [*LimitError].
var (
	// ErrNoBase: a chunk of type 2 or 3 on a chunk stream which has no earlier
	// header to inherit from.
	ErrNoBase = errors.New("header inherits from a chunk stream not used before")
	// ErrMidMessage: a header which starts another message while the one before
	// it on the same chunk stream is incomplete, or which changes its length or
	// type.
	ErrMidMessage = errors.New("header differs from that of the incomplete message")
	// ErrChunkSize: a Set Chunk Size of 0 or with the top bit set.
	ErrChunkSize = errors.New("chunk size outside 1 to 2147483647")
	// ErrControlBody: a Set Chunk Size or Abort shorter than its 4 bytes.
	ErrControlBody = errors.New("control message shorter than 4 bytes")
	// ErrAggregate: an aggregate message cut short, or one which contains
	// something other than audio, video and data.
	ErrAggregate = errors.New("malformed aggregate message")
)

// ErrUnframable is what [Message.Validate] wraps.
var ErrUnframable = errors.New("message cannot be framed")

// ProtocolError reports bytes which violate the chunk stream protocol or a
// limit. The stream cannot be followed any further: close the connection.
type ProtocolError struct {
	// Offset is where the chunk starts, in bytes since the first byte which
	// the Reader parsed. For [SplitAggregate]: where the inner message starts
	// in the payload of the aggregate.
	Offset uint64
	// CSID is the chunk stream concerned.
	CSID uint32
	// Err says what is wrong: one of the sentinels of this package, or a
	// [*LimitError].
	Err error
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("rtmp chunk stream %d, byte %d: %v", e.CSID, e.Offset, e.Err)
}

func (e *ProtocolError) Unwrap() error { return e.Err }

// LimitError reports that a peer went past one of the [Limits]. It always
// comes wrapped in a [*ProtocolError]; use errors.As.
type LimitError struct {
	// Limit is the option's name, one of the Limit constants.
	Limit string
	// Value is what the peer asked for; Max is the most it may have (for
	// [LimitMinChunkSize]: the least).
	Value, Max int64
}

func (e *LimitError) Error() string {
	if e.Limit == LimitMinChunkSize {
		return fmt.Sprintf("%s: %d is less than %d", e.Limit, e.Value, e.Max)
	}
	return fmt.Sprintf("%s: %d is more than %d", e.Limit, e.Value, e.Max)
}

func exceeded(limit string, value, bound int) error {
	return &LimitError{Limit: limit, Value: int64(value), Max: int64(bound)}
}
