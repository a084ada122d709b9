// Package collector keeps the garbage collector from running all the time. A server with little in memory to which many connect at
// once fills the few megabytes that it may fill a hundred times per second, and each collection costs as much as a dozen clients.
package collector

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	period = time.Second
	often  = 20 // collections per period from which on there are too many
	seldom = 3  // and up to which the usual percentage will do
	// spacious is how many times the usual percentage is allowed meanwhile.
	spacious = 8
)

// Run adapts the collector's percentage, which is normally usual, until ctx ends.
func Run(ctx context.Context, usual int) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	count := func() uint64 {
		metrics.Read(sample)
		if sample[0].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return sample[0].Value.Uint64()
	}
	last, percent := count(), usual
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		n := count()
		if next := adapt(percent, usual, n-last); next != percent {
			debug.SetGCPercent(next)
			percent = next
		}
		last = n
	}
}

// adapt is the percentage after a period with so many collections.
func adapt(percent, usual int, collections uint64) int {
	switch {
	case collections >= often:
		return usual * spacious
	case collections <= seldom:
		return usual
	}
	return percent
}
