package collector

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

func TestAdapt(t *testing.T) {
	for _, tt := range []struct {
		percent     int
		collections uint64
		want        int
	}{
		{50, 0, 50}, {50, 19, 50}, {50, 20, 400}, {400, 100, 400}, {400, 10, 400}, {400, 4, 400}, {400, 3, 50}, {400, 0, 50},
	} {
		if got := adapt(tt.percent, 50, tt.collections); got != tt.want {
			t.Errorf("%d %% with %d collections: %d, want %d", tt.percent, tt.collections, got, tt.want)
		}
	}
}

func TestRun(t *testing.T) {
	before := debug.SetGCPercent(50)
	defer debug.SetGCPercent(before)
	now := func() int {
		p := debug.SetGCPercent(50)
		debug.SetGCPercent(p)
		return p
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			Run(ctx, 50)
		}()
		synctest.Wait()
		for range 2 * often {
			runtime.GC()
		}
		time.Sleep(period + time.Millisecond)
		synctest.Wait()
		if p := now(); p != 50*spacious {
			t.Errorf("%d %% after many collections", p)
		}
		time.Sleep(2 * period)
		synctest.Wait()
		if p := now(); p != 50 {
			t.Errorf("%d %% after none", p)
		}
		cancel()
		<-done
	})
}
