// Package pace decides how much of a publisher's stream the kernel should gather before it wakes the reader. A stream is some 80
// messages per second, of which 30 matter to anybody at once: audio can wait for the picture that follows it, since it travels on
// with that anyway, and the beginning of a picture is of no use without its end.
package pace

import "time"

const (
	// Patience is how long a message may wait for more to come.
	Patience = 40 * time.Millisecond
	// steady is the distance of pictures up to which one is taken to follow soon.
	steady = 55 * time.Millisecond
	// memory is for how long, at least, the smallest picture counts.
	memory = 2 * time.Second
	// smallest is the mark under which it is not worth the trouble.
	smallest = 128
)

// Pace is what is known of one publisher. It belongs to the goroutine that reads; its zero value knows nothing.
type Pace struct {
	last, gap int64 // ns: arrival of the last picture, distance to the one before
	// The smallest picture since began, and in the time before that, in bytes.
	least, leastBefore int
	began              int64
}

// Video notes a video message of so many bytes that has arrived at now (ns). Headers among them only make it more cautious for a
// while.
func (p *Pace) Video(size int, now int64) {
	if now-p.began >= int64(memory) {
		p.leastBefore, p.least, p.began = p.least, size, now
	}
	p.least = min(p.least, size)
	if now > p.last { // several messages of one read are not a rhythm
		p.gap, p.last = now-p.last, now
	}
}

// Mark returns for how many bytes to wait, when of the message that is being read so many are missing: 1 for the first.
// now (ns) is when the last byte came.
func (p *Pace) Mark(missing int, now int64) int {
	if p.gap > int64(steady) || p.gap == 0 || now-p.last > int64(steady) {
		return 1
	}
	if missing > 0 {
		return missing
	}
	// Half of the smallest, so that a smaller one does not have to wait.
	mark := min(p.least, p.leastBefore) / 2
	if mark < smallest {
		return 1
	}
	return mark
}
