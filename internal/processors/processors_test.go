package processors

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	type looks struct {
		n     int
		inUse float64
		want  int // after the last of them
	}
	for name, tt := range map[string]struct {
		most  int
		looks []looks
	}{
		"quiet":                       {8, []looks{{calm - 1, 0.1, 8}, {1, 0.1, 1}, {1000, 0.3, 1}}},
		"some":                        {8, []looks{{calm, 1.3, 4}, {1000, 1.5, 4}}},
		"busy":                        {8, []looks{{1000, 5, 8}}},
		"more at once":                {8, []looks{{calm, 0, 1}, {1, 0.7, 8}}},
		"never more than there are":   {2, []looks{{1000, 2, 2}}},
		"one":                         {1, []looks{{1000, 0, 1}, {10, 1, 1}}},
		"a peak counts":               {8, []looks{{calm / 2, 0.1, 8}, {1, 2.5, 8}, {calm/2 - 1, 0.1, 7}, {calm, 0.1, 1}}},
		"bursts keep the processors":  {2, []looks{{calm / 2, 0.1, 2}, {1, 0.9, 2}, {calm - 1, 0.1, 2}, {1, 0.9, 2}, {calm - 1, 0.1, 2}}},
		"half of one is no room left": {2, []looks{{1000, 0.45, 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoad(tt.most)
			for i, s := range tt.looks {
				got := 0
				for range s.n {
					got = l.observe(s.inUse)
				}
				if got != s.want {
					t.Fatalf("step %d: %d processors, want %d", i+1, got, s.want)
				}
			}
		})
	}
}

func TestFollow(t *testing.T) {
	if _, ok := used(); !ok {
		t.Skip("not on this system")
	}
	const most = 4
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(most))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		Follow(ctx)
	}()
	wait := func(what string, ok func(int) bool) {
		for deadline := time.Now().Add(time.Minute); !ok(runtime.GOMAXPROCS(0)); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d processors", what, runtime.GOMAXPROCS(0))
			}
		}
	}
	wait("idle", func(n int) bool { return n == 1 })
	var stop atomic.Bool
	go func() {
		for !stop.Load() {
		}
	}()
	wait("busy", func(n int) bool { return n == most })
	stop.Store(true)
	cancel()
	<-done
	if n := runtime.GOMAXPROCS(0); n != most {
		t.Errorf("%d processors in the end", n)
	}
}
