package socket

import (
	"sync/atomic"
	"time"
)

// maxLowWater bounds the mark: the kernel grows a receive buffer to twice of it.
const maxLowWater = 32 << 10

// lowWater is the mark below which the kernel does not wake who waits for a socket (SO_RCVLOWAT). Its fields belong to the
// goroutine that reads.
type lowWater struct {
	next     int // the mark for the next wait
	patience time.Duration
	set      int         // the mark that the socket has; 0 is its initial 1
	timer    *time.Timer // lowers it when patience is over
	lowered  atomic.Bool // by the timer
}

func (l *lowWater) want(s *Socket, n int, patience time.Duration) {
	l.next, l.patience = min(n, maxLowWater), patience
	if l.timer == nil && n > 1 {
		l.timer = time.AfterFunc(patience, func() {
			l.lowered.Store(true)
			// The kernel wakes the reader if anything has come.
			_ = s.raw.Control(func(fd uintptr) { _ = setLowWater(fd, 1) })
		})
	}
}

// apply is called when nothing can be read, before the poller waits: it is told of what comes from here on.
func (l *lowWater) apply(fd uintptr) {
	if l.next <= 1 && l.set <= 1 {
		return
	}
	if l.lowered.Swap(false) {
		l.set = 1
	}
	if n := max(l.next, 1); n != l.set && setLowWater(fd, n) == nil {
		l.set = n
	}
	if l.set > 1 {
		l.timer.Reset(l.patience)
	}
}
