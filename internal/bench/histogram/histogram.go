// Package histogram counts durations in buckets whose width grows with the value, so that any percentile of any number of
// values is known to 1.6 % with a few kilobytes (the idea of the HDR histogram).
package histogram

import (
	"math/bits"
	"time"
)

const (
	// subBits is how many bits of a value are kept: 64 buckets for each power of two.
	subBits = 6
	// Unit is the smallest difference that is told apart.
	Unit = time.Microsecond
	// Max is the largest duration that is counted as it is; longer ones count as this.
	Max = time.Hour

	subs = 1 << subBits
	size = (32 - subBits + 1) * subs // the largest index of Max/Unit, 3.6e9, is below that
)

// Histogram is a set of durations. The zero value is empty. It is not safe for concurrent use.
type Histogram struct {
	counts [size]uint32
	n      uint64
	sum    time.Duration
	max    time.Duration
}

// index is the bucket of a value in units: values below 2·subs each have their own.
func index(v uint64) int {
	shift := max(0, bits.Len64(v)-subBits-1)
	return shift<<subBits + int(v>>shift)
}

// upper is the largest value of a bucket in units.
func upper(i int) uint64 {
	if i < 2*subs {
		return uint64(i)
	}
	shift := i>>subBits - 1
	return (uint64(i-shift<<subBits)+1)<<shift - 1
}

// Record adds a duration. A negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	d = min(max(d, 0), Max)
	h.counts[index(uint64(d/Unit))]++
	h.n++
	h.sum += d
	h.max = max(h.max, d)
}

// Add adds all that o counts.
func (h *Histogram) Add(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.sum += o.sum
	h.max = max(h.max, o.max)
}

// Reset makes the histogram empty.
func (h *Histogram) Reset() { *h = Histogram{} }

// Count is the number of durations.
func (h *Histogram) Count() uint64 { return h.n }

// Max is the longest duration, 0 of none.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean is the average, 0 of none.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return h.sum / time.Duration(h.n)
}

// Quantile is the duration that the share q (0 to 1) of all do not exceed, to 1.6 %; 0 of none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	want := uint64(q*float64(h.n) + 0.5)
	want = min(max(want, 1), h.n)
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); seen >= want {
			return min(time.Duration(upper(i))*Unit, h.max)
		}
	}
	return h.max
}
