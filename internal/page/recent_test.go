package page

import (
	"slices"
	"sync/atomic"
	"testing"
)

func TestRing(t *testing.T) {
	for _, max := range []int{0, 1, 2, 3, 7} {
		r := ring[int]{max: max}
		for n := range 20 {
			var want []int
			for i := n - 1; i >= 0 && len(want) < max; i-- {
				want = append(want, i)
			}
			got := r.newest()
			if got == nil || !slices.Equal(got, want) {
				t.Errorf("max %d after %d: %v, want %v", max, n, got, want)
			}
			r.add(n)
		}
		if cap(r.vals) > 2*max+1 {
			t.Errorf("max %d: room for %d", max, cap(r.vals))
		}
	}
}

func TestNewestIsACopy(t *testing.T) {
	r := ring[int]{max: 2}
	r.add(1)
	r.newest()[0] = 9
	if r.vals[0] != 1 {
		t.Error("newest gave away the ring's own memory")
	}
}

// Sessions leave nothing behind but the last n.
func TestRecentSessions(t *testing.T) {
	var ended atomic.Int32
	o, base := live(t, 2, &ended)
	recent := o.Recent
	for range 5 {
		_ = dial(t, base+"/live").Close()
	}
	until(t, o, "127.0.0.1", func(*state) bool { return ended.Load() == 5 })
	if list := recent.list(); len(list) != 2 || len(recent.doing) != 0 {
		t.Errorf("%d ended sessions, %d live ones remembered", len(list), len(recent.doing))
	}
	// One that was never told to begin is not remembered as live.
	recent.saw(&connection{ID: "stranger", Playing: []string{"live/a"}})
	if len(recent.doing) != 0 {
		t.Errorf("doing: %v", recent.doing)
	}
}
