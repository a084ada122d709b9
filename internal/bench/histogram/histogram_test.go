package histogram

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	last := -1
	for v := uint64(0); v < 1<<20; v++ {
		i := index(v)
		if i != last && i != last+1 {
			t.Fatalf("index(%d) = %d after %d", v, i, last)
		}
		if i != last && last >= 0 && upper(last) != v-1 {
			t.Fatalf("upper(%d) = %d, but %d is in the next bucket", last, upper(last), v)
		}
		last = i
	}
	if i := index(uint64(Max / Unit)); i >= size {
		t.Errorf("index of Max is %d, size is %d", i, size)
	}
}

func TestQuantile(t *testing.T) {
	var h, sum Histogram
	if h.Quantile(0.5) != 0 || h.Mean() != 0 || h.Max() != 0 {
		t.Error("an empty histogram has values")
	}
	r := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for range 20000 {
		d := time.Duration(r.ExpFloat64() * float64(20*time.Millisecond))
		all = append(all, d)
		h.Record(d)
	}
	slices.Sort(all)
	sum.Add(&h)
	for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[min(len(all)-1, int(q*float64(len(all))))]
		got := sum.Quantile(q)
		if diff := (got - want).Abs(); diff > want/50+2*Unit {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if sum.Count() != 20000 || sum.Max() != all[len(all)-1] {
		t.Errorf("count %d, max %v", sum.Count(), sum.Max())
	}
	h.Reset()
	h.Record(-time.Second)
	h.Record(2 * Max)
	if h.Count() != 2 || h.Max() != Max || h.Quantile(0.25) != 0 {
		t.Errorf("count %d, max %v, q25 %v", h.Count(), h.Max(), h.Quantile(0.25))
	}
}
