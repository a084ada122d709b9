package sharedobject

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stubborn is a store that fails, or waits, when it is told to.
type stubborn struct {
	MemoryStore
	mu    sync.Mutex
	fail  error
	saves int
}

func (s *stubborn) Save(ctx context.Context, c []*Changes) error {
	s.mu.Lock()
	s.saves++
	err := s.fail
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.MemoryStore.Save(ctx, c)
}

func (s *stubborn) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *stubborn) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saves
}

func stored(t *testing.T, s Store, name string) string {
	t.Helper()
	r, err := s.Load(t.Context(), Key{Hub: "app", Instance: "room", Name: name})
	if errors.Is(err, ErrNotStored) {
		return "nothing"
	}
	if err != nil {
		t.Fatal(err)
	}
	o := NewObject(true, Limits{})
	if err := o.Restore(r); err != nil {
		t.Fatal(err)
	}
	return strings.Join(contents(o.Slots()), " ")
}

// What changes is stored together within the interval, and an object that nobody uses is forgotten once it is stored.
func TestSaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(stubborn)
		h := NewHub(quiet(Options{Name: "app", Store: store, SaveInterval: 100 * time.Millisecond}))
		defer h.Close(context.Background())
		a := join(t, h, Limits{}, nil)
		a.say("x", FlagPersistent, Event{Type: Use})
		a.say("y", FlagPersistent, Event{Type: Use})
		time.Sleep(time.Second)
		if got := stored(t, store, "x"); got != "nothing" {
			t.Errorf("an object without slots is stored: %s", got)
		}
		for i := range 5 {
			a.say("x", FlagPersistent, set("k", float64(i)))
			a.say("y", FlagPersistent, set("k", float64(i)), set("l", nil))
		}
		if store.count() != 0 {
			t.Error("stored at once")
		}
		time.Sleep(time.Second)
		if x, y := stored(t, store, "x"), stored(t, store, "y"); x != "k=4" || y != "k=4 l=<nil>" || store.count() != 1 {
			t.Errorf("stored %s and %s in %d saves", x, y, store.count())
		}
		a.say("y", FlagPersistent, unset("l"))
		a.say("x", FlagPersistent, wipe, set("n", true))
		a.Close()
		if len(h.Objects()) != 2 {
			t.Error("an object was forgotten before it was stored")
		}
		time.Sleep(time.Second)
		if x, y := stored(t, store, "x"), stored(t, store, "y"); x != "n=true" || y != "k=4" || len(h.Objects()) != 0 {
			t.Errorf("stored %s and %s, %d objects in memory", x, y, len(h.Objects()))
		}
		// They are back when somebody wants them, and not as temporary ones.
		b := join(t, h, Limits{}, func(_ Request, g *Grant) error { g.Create = false; return nil })
		b.say("x", 0, Event{Type: Use})
		b.say("x", FlagPersistent, Event{Type: Use})
		b.wantTold("status SharedObject.BadPersistence", "use success, clear, change n=true")
		b.say("z", FlagPersistent, Event{Type: Use})
		b.wantTold("status SharedObject.ObjectCreationFailed")
		b.Close()
	})
}

// A store that fails is asked again, and nothing is lost.
func TestFailingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(stubborn)
		h := NewHub(quiet(Options{Name: "app", Store: store}))
		s, err := h.Get(t.Context(), "room", "x", true)
		if err != nil {
			t.Fatal(err)
		}
		boom := errors.New("disk full")
		store.set(boom)
		if err := s.Set("k", 1.0); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(t.Context()); !errors.Is(err, boom) {
			t.Errorf("Flush: %v", err)
		}
		if err := s.Set("l", 2.0); err != nil {
			t.Fatal(err)
		}
		s.Close() // nobody uses it now, yet it stays until it is stored
		time.Sleep(10 * time.Second)
		if got := stored(t, store, "x"); got != "nothing" || len(h.Objects()) != 1 {
			t.Errorf("stored %s, %d objects", got, len(h.Objects()))
		}
		if store.count() < 8 || store.count() > 14 {
			t.Errorf("%d attempts in ten seconds", store.count())
		}
		store.set(nil)
		time.Sleep(2 * time.Second)
		if got := stored(t, store, "x"); got != "k=1 l=2" || len(h.Objects()) != 0 {
			t.Errorf("stored %s, %d objects", got, len(h.Objects()))
		}
		if s, err = h.Get(t.Context(), "room", "x", true); err != nil {
			t.Fatal(err)
		}
		if err := s.Set("m", 3.0); err != nil {
			t.Fatal(err)
		}
		if err := h.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, store, "x"); got != "k=1 l=2 m=3" {
			t.Errorf("at the end %s is stored", got)
		}
	})
}

func TestFlush(t *testing.T) {
	store := new(stubborn)
	h := NewHub(quiet(Options{Name: "app", Store: store, SaveInterval: time.Hour}))
	defer h.Close(context.Background())
	s, err := h.Get(t.Context(), "room", "x", true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 3 {
		if err := errors.Join(s.Set("k", float64(i)), s.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, store, "x"); got != fmt.Sprintf("k=%d", i) {
			t.Errorf("stored %s", got)
		}
	}
	tmp, err := h.Get(t.Context(), "room", "tmp", false)
	if err != nil {
		t.Fatal(err)
	}
	defer tmp.Close()
	if err := tmp.Flush(t.Context()); err != ErrNoStore {
		t.Errorf("a temporary object: %v", err)
	}
}

// Clear empties what is in memory and what is only stored.
func TestHubClear(t *testing.T) {
	store := new(MemoryStore)
	h := NewHub(quiet(Options{Name: "app", Store: store, SaveInterval: time.Millisecond}))
	defer h.Close(context.Background())
	for _, name := range []string{"a1", "a2", "b1"} {
		if err := store.Save(t.Context(), []*Changes{{Key: Key{"app", "room", name}, Version: 1, Set: []Slot{{Key: "k", Value: []byte{5}}}}}); err != nil {
			t.Fatal(err)
		}
	}
	a := join(t, h, Limits{}, nil)
	a.say("a1", FlagPersistent, Event{Type: Use})
	a.say("a3", 0, Event{Type: Use}, set("k", nil))
	for pattern, want := range map[string]int{"nothing": 0, "a*": 3} {
		if n, err := h.Clear(t.Context(), "room", pattern); n != want || err != nil {
			t.Errorf("%s: %d, %v", pattern, n, err)
		}
	}
	if n := h.stored.Load(); h.kept != 2 || n != 2 {
		t.Errorf("%d objects of %d bytes are counted", h.kept, n)
	}
	if _, err := h.Clear(t.Context(), "room", "["); err == nil {
		t.Error("no pattern, no error")
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, store, "a1") + "," + stored(t, store, "a2") + "," + stored(t, store, "b1"); got != ",nothing,k=<nil>" {
		t.Errorf("stored %q", got)
	}
	a.Close()
}

// Objects come and go while others use them.
func TestComingAndGoing(t *testing.T) {
	h := NewHub(quiet(Options{Name: "app", Store: new(MemoryStore), SaveInterval: time.Microsecond, Interval: time.Microsecond, Limits: Limits{UpdateRate: 1e9}}))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 200 {
				a := join(t, h, Limits{UpdateRate: 1e9}, nil)
				name, flags := fmt.Sprint("o", j%3), uint32(j%3&1)*FlagPersistent
				a.say(name, flags, Event{Type: Use})
				a.say(name, flags, set("k", float64(i)), Event{Type: Send, Handler: "f"})
				a.Close()
				a.mu.Lock()
				if len(a.refused) > 0 {
					t.Errorf("refused: %v", a.refused[0])
				}
				a.mu.Unlock()
			}
		})
	}
	all.Wait()
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.bytes.Load(); len(h.Objects()) != 0 || n != 0 {
		t.Errorf("%d objects and %d bytes are left", len(h.Objects()), n)
	}
}
