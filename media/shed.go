package media

import "time"

// bound enforces the bounds after a live frame was queued.
func (q *Queue) bound() {
	if q.bytes-q.replayB > q.trigger || q.aged && q.newest-q.oldest > q.l.SoftDelay.Milliseconds() {
		q.shed()
	}
	if q.bytes-q.replayB > q.l.HardBytes || q.stuck() {
		for i := range q.ring.n {
			if f := q.ring.at(i); f.Kind <= Video {
				q.dropped(f)
			}
		}
		q.fail(ErrSlow)
	}
}

// stuck reports whether the consumer took nothing for the hard delay.
func (q *Queue) stuck() bool {
	lag := time.Duration(q.newest-q.taken) * time.Millisecond
	if lag <= q.l.HardDelay/2 {
		return false
	}
	if q.late.IsZero() {
		q.late = time.Now()
	}
	return lag > q.l.HardDelay && time.Since(q.late) >= q.l.HardDelay/2
}

// shed drops what the soft bound asks for.
func (q *Queue) shed() {
	before := q.stats.DroppedAudio + q.stats.DroppedVideo
	q.replay, q.replayB = 0, 0 // a consumer that slow is past its start
	key := -1
	for i := q.ring.n - 1; i >= 0 && key < 0; i-- {
		if q.ring.at(i).Sync {
			key = i
		}
	}
	q.discard(func(i int, f *Frame) bool { return i < key && droppable(f, Video) && q.dropped(f) })
	if q.videoOver() {
		q.discard(func(_ int, f *Frame) bool { return droppable(f, Video) && q.dropped(f) })
		q.waitKey = true
	}
	q.shedAudio()
	q.age()
	if q.stats.DroppedAudio+q.stats.DroppedVideo > before {
		q.stats.Drops++
	}
	// What is left may be headers and data, which are not dropped. Without a
	// higher trigger each further frame would search the whole queue again.
	q.trigger = max(q.l.SoftBytes, q.bytes+q.l.SoftBytes/8)
}

// videoOver reports whether the video from the newest key frame on is too much. A
// single frame never is: else a key frame above the bound would never be seen.
func (q *Queue) videoOver() bool {
	n, oldest := 0, int64(0)
	for i := range q.ring.n {
		if f := q.ring.at(i); droppable(f, Video) {
			if n++; n == 1 {
				oldest = f.Time
			}
		}
	}
	return n > 1 && (q.bytes > q.l.SoftBytes || q.newest-oldest > q.l.SoftDelay.Milliseconds())
}

// shedAudio drops the oldest audio when audio alone exceeds the soft bound, down
// to three quarters of it, so that not every further frame comes here.
func (q *Queue) shedAudio() {
	sum, oldest := 0, int64(-1)
	for i := range q.ring.n {
		if f := q.ring.at(i); droppable(f, Audio) {
			sum += f.cost()
			if oldest < 0 {
				oldest = f.Time
			}
		}
	}
	soft := q.l.SoftDelay.Milliseconds()
	if oldest < 0 || sum <= q.l.SoftBytes && q.newest-oldest <= soft {
		return
	}
	q.discard(func(_ int, f *Frame) bool {
		if !droppable(f, Audio) || sum <= q.l.SoftBytes/4*3 && q.newest-f.Time <= soft/4*3 {
			return false
		}
		sum -= f.cost()
		return q.dropped(f)
	})
}

// droppable reports whether f is content of that kind.
func droppable(f *Frame, k Kind) bool { return f.Kind == k && !f.Header() }

// dropped counts f; it returns true.
func (q *Queue) dropped(f *Frame) bool {
	if f.Kind == Audio {
		q.stats.DroppedAudio++
	} else {
		q.stats.DroppedVideo++
	}
	q.stats.DroppedBytes += uint64(len(f.Payload))
	return true
}

// discard removes the frames for which fn returns true; fn gets the index before
// removal.
func (q *Queue) discard(fn func(i int, f *Frame) bool) {
	kept, replay := 0, q.replay
	for i := range q.ring.n {
		f := q.ring.at(i)
		if !fn(i, f) {
			q.ring.set(kept, f)
			kept++
			continue
		}
		q.bytes -= f.cost()
		if i < replay {
			q.replay--
			q.replayB -= f.cost()
		}
	}
	q.ring.truncate(kept)
	q.age()
}

// age finds the oldest live audio or video frame.
func (q *Queue) age() {
	q.aged = false
	for i := q.replay; i < q.ring.n; i++ {
		if f := q.ring.at(i); f.Kind <= Video && !f.Header() {
			q.oldest, q.aged = f.Time, true
			return
		}
	}
}

// ring is a growing ring buffer. Its size is a power of two.
type ring struct {
	buf     []*Frame
	head, n int
}

// idleRing is the size above which an emptied ring is given back.
const idleRing = 64

func (r *ring) at(i int) *Frame     { return r.buf[(r.head+i)&(len(r.buf)-1)] }
func (r *ring) set(i int, f *Frame) { r.buf[(r.head+i)&(len(r.buf)-1)] = f }

func (r *ring) push(f *Frame) {
	if r.n == len(r.buf) {
		buf := make([]*Frame, max(16, 2*r.n))
		for i := range r.n {
			buf[i] = r.at(i)
		}
		r.buf, r.head = buf, 0
	}
	r.n++
	r.set(r.n-1, f)
}

func (r *ring) pop() {
	r.set(0, nil)
	r.head = (r.head + 1) & (len(r.buf) - 1)
	if r.n--; r.n == 0 && len(r.buf) > idleRing {
		*r = ring{}
	}
}

func (r *ring) truncate(n int) {
	for i := n; i < r.n; i++ {
		r.set(i, nil)
	}
	r.n = n
}
