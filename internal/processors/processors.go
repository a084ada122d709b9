// Package processors lets a process run Go code on as many processors as its load needs. With more than that, each message that
// wakes a goroutine also wakes threads that look for work and find none, which costs a server of few connections a fifth of its
// time (docs/performance.md).
package processors

import (
	"context"
	"runtime"
	"time"
)

const (
	// interval is how often the load is looked at, and so the longest time for which too few processors may have to do.
	interval = 50 * time.Millisecond
	// full is the part of the processors in use from which on all are used.
	full = 0.6
	// roomy is how many processors there shall be for each one in use.
	roomy = 2.5
	// calm is for how many looks fewer must have been enough.
	calm = 2 * int(time.Second/interval)
)

// Follow changes GOMAXPROCS with the load, between one and what it is when called, until ctx ends; then it is that again. One
// process must not call it twice at once. On systems that do not tell a process how much it uses it returns at once.
func Follow(ctx context.Context) {
	last, ok := used()
	if !ok {
		return
	}
	l := newLoad(runtime.GOMAXPROCS(0))
	defer runtime.GOMAXPROCS(l.most)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for began := time.Now(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		u, _ := used()
		before := l.processors
		if n := l.observe(float64(u-last) / float64(now.Sub(began))); n != before {
			runtime.GOMAXPROCS(n) // stops the world for some microseconds
		}
		last, began = u, now
	}
}

// load decides by what was observed.
type load struct {
	most, processors int
	quiet            int     // looks in a row for which fewer would have done
	peak             float64 // most in use among these
}

func newLoad(most int) *load { return &load{most: most, processors: most} }

// observe takes how many processors were in use since the last look and returns how many there shall be.
func (l *load) observe(inUse float64) int {
	if inUse > full*float64(l.processors) {
		l.processors, l.quiet, l.peak = l.most, 0, 0
		return l.processors
	}
	l.peak = max(l.peak, inUse)
	want := max(1, int(l.peak*roomy+1))
	if want >= l.processors {
		l.quiet, l.peak = 0, 0
		return l.processors
	}
	if l.quiet++; l.quiet >= calm {
		l.processors, l.quiet, l.peak = want, 0, 0
	}
	return l.processors
}
