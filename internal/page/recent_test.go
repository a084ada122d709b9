package page

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"penstock/app"
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

func TestRecentRefusals(t *testing.T) {
	for _, n := range []int{-1, 0, 5} {
		m := NewRecent(n)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 100 {
					m.Refusal(&app.Refusal{Session: strconv.Itoa(100*i + j)})
					if list, _ := m.lists(); len(list) > max(n, 0) {
						t.Errorf("%d refusals kept, want at most %d", len(list), n)
					}
				}
			})
		}
		wg.Wait()
		if list, ended := m.lists(); len(list) != max(n, 0) || len(ended) != 0 {
			t.Errorf("NewRecent(%d): %d refusals, %d ended", n, len(list), len(ended))
		}
	}
}

// Sessions leave nothing behind but the last n.
func TestRecentSessions(t *testing.T) {
	var ended atomic.Int32
	_, recent, base := live(t, 2, &ended)
	for range 5 {
		_ = dial(t, base+"/live").Close()
	}
	o := Options{Server: newServer(), Recent: recent}
	until(t, o, "127.0.0.1", func(*state) bool { return ended.Load() == 5 })
	if _, list := recent.lists(); len(list) != 2 || len(recent.doing) != 0 {
		t.Errorf("%d ended sessions, %d live ones remembered", len(list), len(recent.doing))
	}
	// One that was never told to begin is not remembered as live.
	recent.saw(&connection{ID: "stranger", Playing: []string{"live/a"}})
	if len(recent.doing) != 0 {
		t.Errorf("doing: %v", recent.doing)
	}
}
