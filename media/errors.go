package media

import (
	"errors"
	"fmt"
)

var (
	// ErrRevoked is what a Publication returns after Revoke or Close.
	ErrRevoked = errors.New("media: publication ended")
	// ErrSlow is what a Queue reports after its hard bound was passed.
	ErrSlow = errors.New("media: subscriber too slow")
	// ErrQueueClosed is what a Queue reports after Close.
	ErrQueueClosed = errors.New("media: queue closed")
)

// BusyError is returned by Publish when the name has a publisher.
type BusyError struct {
	Key     string
	Current *Publication // who holds the name; may be revoked
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("media: stream %q is already being published", e.Key)
}

// LimitError is returned when a publisher exceeds a limit. The frame was not
// relayed; the publication goes on.
type LimitError struct {
	Option string // config_bytes, metadata_bytes, color_info_bytes or tracks (see Options); payload_bytes is MaxPayload
	Limit  int
	Got    int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("media: %d exceeds the limit %s of %d", e.Got, e.Option, e.Limit)
}

// revoked is the error of a publication that was ended with a cause.
type revoked struct{ cause error }

func (e *revoked) Error() string   { return e.cause.Error() }
func (e *revoked) Unwrap() []error { return []error{ErrRevoked, e.cause} }
