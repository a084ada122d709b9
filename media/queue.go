package media

import "time"

// QueueLimits bound a Queue.
type QueueLimits struct {
	SoftBytes, HardBytes int
	SoftDelay, HardDelay time.Duration
}

// QueueStats are the counters of a Queue.
type QueueStats struct {
	Frames, Bytes                           int // queued now
	Delay                                   time.Duration
	DroppedAudio, DroppedVideo, DroppedData uint64
	DroppedBytes                            uint64
	Drops                                   uint64 // times the soft bound was passed
	TakenFrames, TakenBytes                 uint64
}

// Queue is a bounded Subscriber.
type Queue struct{}

// NewQueue returns an empty queue.
func NewQueue(l QueueLimits, wake func()) *Queue { panic("todo") }

// Deliver implements Subscriber.
func (q *Queue) Deliver(f *Frame) { panic("todo") }

// Replay implements Replayer.
func (q *Queue) Replay(fs []*Frame) { panic("todo") }

// Take appends queued frames to dst.
func (q *Queue) Take(dst []*Frame, maxBytes int) []*Frame { panic("todo") }

// Mute discards a kind.
func (q *Queue) Mute(k Kind, muted bool) { panic("todo") }

// Pause discards all media.
func (q *Queue) Pause(paused bool) { panic("todo") }

// Stats returns counters.
func (q *Queue) Stats() QueueStats { panic("todo") }

// Err returns why the queue ended.
func (q *Queue) Err() error { panic("todo") }

// Close ends the queue.
func (q *Queue) Close() { panic("todo") }
