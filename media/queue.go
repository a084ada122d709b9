package media

import (
	"sync"
	"time"
)

// QueueLimits bound a Queue. Zero fields take the default, negative ones mean no
// bound. Bytes are payload bytes plus 256 for each frame. Delays are stream time.
// Frames of Replay, the start of a newcomer, do not count.
type QueueLimits struct {
	// Beyond the soft bound frames are dropped. Default 4 MiB, 3 s.
	SoftBytes int
	SoftDelay time.Duration
	// Beyond the hard bound the queue ends with ErrSlow. The delay is how far the
	// stream went on since the consumer last took something; so that a publisher
	// that catches up does not end its players, half of it must also have
	// passed on the clock. Default 32 MiB, 10 s.
	HardBytes int
	HardDelay time.Duration
}

const unbounded = 1 << 62

func (l QueueLimits) withDefaults() QueueLimits {
	bytes := func(v *int, d int) {
		if *v == 0 {
			*v = d
		} else if *v < 0 {
			*v = unbounded
		}
	}
	delay := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		} else if *v < 0 {
			*v = unbounded
		}
	}
	bytes(&l.SoftBytes, 4<<20)
	bytes(&l.HardBytes, 32<<20)
	delay(&l.SoftDelay, 3*time.Second)
	delay(&l.HardDelay, 10*time.Second)
	return l
}

// QueueStats are the counters of a Queue.
type QueueStats struct {
	Frames, Bytes int           // queued now; payload bytes plus 256 for each frame
	Delay         time.Duration // stream time from the oldest queued audio or video to the newest
	Waiting       bool          // video is held back until the next key frame

	// Dropped because the consumer was slow, until the next key frame included.
	DroppedAudio, DroppedVideo, DroppedBytes uint64
	Drops                                    uint64 // how many times dropping began

	TakenFrames, TakenBytes uint64 // bytes of payload
}

// Queue is a Subscriber for a consumer that may be slow: a network player. Frames
// are taken in order. When the consumer is too slow, video is dropped from a point
// up to a key frame, so that what is taken can always be decoded:
//
//   - over the soft bound: the video before the newest queued key frame;
//   - still over: all video, and all that follows until the next key frame;
//   - when audio alone is over: the oldest audio;
//   - over the hard bound: everything; the queue has ended.
//
// Headers (Frame.Header), markers and data are not dropped. Memory is reused: in
// a steady state nothing is allocated. All methods are safe for concurrent use.
type Queue struct {
	l    QueueLimits
	wake func()

	mu      sync.Mutex
	ring    ring
	bytes   int // cost of all queued frames
	trigger int // bytes at which to drop; SoftBytes or, when that could not be reached, more
	replay  int // leading frames that came by Replay
	replayB int // their cost

	newest int64 // newest audio or video time
	oldest int64 // of the queued live audio and video, when aged is set
	aged   bool
	taken  int64     // newest when the consumer last took, or the queue was last empty
	late   time.Time // when half the hard delay was first passed since then

	waitKey bool
	paused  bool
	muted   [Data + 1]bool
	choosy  bool     // paused or something muted
	held    []*Frame // headers that came while their kind was not wanted
	err     error
	stats   QueueStats
}

// NewQueue returns an empty queue. wake, which may be nil, is called without the
// queue's lock when the queue goes from empty to not empty and when it ends with
// ErrSlow. It runs in the publisher's goroutine under the stream's lock and must not block.
func NewQueue(l QueueLimits, wake func()) *Queue {
	q := &Queue{l: l.withDefaults(), wake: wake}
	q.trigger = q.l.SoftBytes
	return q
}

// Deliver implements Subscriber.
func (q *Queue) Deliver(f *Frame) {
	if q.put(f) && q.wake != nil {
		q.wake()
	}
}

// Put is Deliver without the call of wake: for a Subscriber that is a Flusher.
func (q *Queue) Put(f *Frame) { q.put(f) }

// Pass is for frames that can be passed on at once, if nothing is queued before them: true counts
// them as taken, and leaves the slice as it was. Otherwise, and when not all of them are wanted,
// they are queued as by Put.
func (q *Queue) Pass(fs []*Frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ring.n == 0 && q.err == nil && !q.waitKey && !q.choosy {
		for _, f := range fs {
			if f.Kind <= Video {
				q.newest = max(q.newest, f.Time)
			}
			q.stats.TakenBytes += uint64(len(f.Payload))
		}
		q.stats.TakenFrames += uint64(len(fs))
		return true // note begins to count the time anew with the next frame that is queued
	}
	for _, f := range fs {
		q.queue(f)
	}
	return false
}

func (q *Queue) put(f *Frame) (wake bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	wasEmpty, ended := q.ring.n == 0, q.err != nil
	q.queue(f)
	return !ended && (q.err != nil || wasEmpty && q.ring.n > 0)
}

// queue queues a live frame, if it is wanted.
func (q *Queue) queue(f *Frame) {
	if q.accept(f) {
		q.note(f)
		q.bound()
	}
}

// Replay implements Replayer: fs are queued like by Deliver, but do not count
// against the bounds.
func (q *Queue) Replay(fs []*Frame) {
	q.mu.Lock()
	wasEmpty := q.ring.n == 0
	for _, f := range fs {
		// Frames that follow live ones (a second subscription) count like these.
		early := q.replay == q.ring.n
		if !q.accept(f) {
			continue
		}
		if early {
			q.replay++
			q.replayB += f.cost()
			if f.Kind <= Video {
				q.newest = max(q.newest, f.Time)
			}
			q.taken = q.newest
		} else {
			q.note(f)
		}
	}
	wake := wasEmpty && q.ring.n > 0
	q.mu.Unlock()
	if wake && q.wake != nil {
		q.wake()
	}
}

// accept queues f unless it is not wanted.
func (q *Queue) accept(f *Frame) bool {
	if q.err != nil {
		return false
	}
	switch {
	case f.Marker():
		q.held = nil // they belonged to another publication
	case q.unwanted(f.Kind):
		if f.Header() {
			q.hold(f)
		}
		return false
	case f.Kind == Video && q.waitKey && !f.Header():
		if !f.Sync {
			q.dropped(f)
			return false
		}
		q.waitKey = false
	}
	q.ring.push(f)
	q.bytes += f.cost()
	return true
}

func (q *Queue) unwanted(k Kind) bool { return q.paused || k <= Data && q.muted[k] }

// note keeps the times up to date after a live frame was queued.
func (q *Queue) note(f *Frame) {
	if f.Kind <= Video {
		q.newest = max(q.newest, f.Time)
		if !q.aged && !f.Header() {
			q.oldest, q.aged = f.Time, true
		}
	}
	if q.ring.n == 1 {
		q.taken, q.late = q.newest, time.Time{}
	}
}

// maxHeld bounds the headers kept during a pause.
const maxHeld = 64

func (q *Queue) hold(f *Frame) {
	kept := q.held[:0]
	for _, g := range q.held {
		if !supersedes(f, g) {
			kept = append(kept, g)
		}
	}
	q.held = append(kept, f)
	if len(q.held) > maxHeld {
		q.held = q.held[1:]
	}
}

// Take removes frames from the front and appends them to dst: at least one when
// there is any, then as long as their payloads together do not exceed maxBytes. A
// maxBytes of 0 or less takes all.
func (q *Queue) Take(dst []*Frame, maxBytes int) []*Frame {
	q.mu.Lock()
	defer q.mu.Unlock()
	sum := 0
	for n := 0; q.ring.n > 0; n++ {
		f := q.ring.at(0)
		sum += len(f.Payload)
		if n > 0 && maxBytes > 0 && sum > maxBytes {
			break
		}
		q.ring.pop()
		q.bytes -= f.cost()
		if q.replay > 0 {
			q.replay--
			q.replayB -= f.cost()
		}
		q.stats.TakenFrames++
		q.stats.TakenBytes += uint64(len(f.Payload))
		dst = append(dst, f)
	}
	q.taken, q.late = q.newest, time.Time{}
	q.age()
	if q.bytes-q.replayB < q.l.SoftBytes {
		q.trigger = q.l.SoftBytes
	}
	return dst
}

// Mute discards one kind, Audio, Video or Data, queued frames included, as
// receiveAudio and receiveVideo ask for. Headers that come meanwhile are kept and
// follow when the kind is wanted again; video then begins with a key frame.
func (q *Queue) Mute(k Kind, muted bool) {
	if k == 0 || k > Data {
		return
	}
	q.change(func() { q.muted[k] = muted })
}

// Pause is Mute for all kinds at once. Markers still come through.
func (q *Queue) Pause(paused bool) {
	q.change(func() { q.paused = paused })
}

// change applies a change of what is wanted.
func (q *Queue) change(set func()) {
	q.mu.Lock()
	wasEmpty := q.ring.n == 0
	set()
	q.choosy = q.paused || q.muted != [Data + 1]bool{}
	q.discard(func(_ int, f *Frame) bool { return !f.Marker() && !f.Header() && q.unwanted(f.Kind) })
	if q.unwanted(Video) {
		q.waitKey = true
	}
	held := q.held
	q.held = nil
	for _, f := range held {
		q.accept(f) // holds it again when still not wanted
	}
	wake := wasEmpty && q.ring.n > 0
	q.mu.Unlock()
	if wake && q.wake != nil {
		q.wake()
	}
}

// Stats returns the counters.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	st := q.stats
	st.Frames, st.Bytes, st.Waiting = q.ring.n, q.bytes, q.waitKey
	for i := range q.ring.n {
		if f := q.ring.at(i); f.Kind <= Video && !f.Header() {
			st.Delay = time.Duration(max(0, q.newest-f.Time)) * time.Millisecond
			break
		}
	}
	return st
}

// Err returns nil while the queue works, ErrSlow after the hard bound was passed,
// ErrQueueClosed after Close.
func (q *Queue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// Close empties the queue and ends it: later frames are ignored. A queue that ended
// with ErrSlow keeps this error.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.fail(ErrQueueClosed)
	}
}

func (q *Queue) fail(err error) {
	q.err = err
	q.ring, q.held = ring{}, nil
	q.bytes, q.replay, q.replayB, q.aged = 0, 0, 0, false
}
