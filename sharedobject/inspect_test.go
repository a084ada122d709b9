package sharedobject

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"penstock/amf"
)

func (s *Snapshot) phrase() string {
	text := fmt.Sprintf("%s/%s %t %d:", s.Instance, s.Name, s.InMemory, s.Members)
	for _, v := range s.Values {
		text += fmt.Sprintf(" %s=%s(%d)", v.Key, amf.Format(v.Value), v.Bytes)
	}
	return text
}

func wantSnapshot(t *testing.T, h *Hub, name, want string) *Snapshot {
	t.Helper()
	s, err := h.Snapshot(t.Context(), "room", name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if got := s.phrase(); got != want || s.Slots != len(s.Values) {
		t.Errorf("%s and %d slots, want %s", got, s.Slots, want)
	}
	return s
}

// Looking at an object changes nothing: a temporary one goes with its last user, a stored one is not loaded.
func TestSnapshot(t *testing.T) {
	store := new(MemoryStore)
	h := NewHub(quiet(Options{Name: "app", Store: store, Interval: time.Millisecond}))
	a := join(t, h, Limits{}, nil)
	a.use("x")
	a.say("x", 0, set("b", "two"), set("a", 1.0))
	before := wantSnapshot(t, h, "x", `room/x true 1: b="two"(6) a=1(9)`)
	a.say("x", 0, set("a", 2.0))
	after := wantSnapshot(t, h, "x", `room/x true 1: b="two"(6) a=2(9)`)
	if after.Version <= before.Version || after.Values[1].Version != after.Version || after.Values[0].Version >= after.Version || after.Bytes != 17 {
		t.Errorf("versions: %+v, then %+v", before, after)
	}
	a.Close()
	if s, err := h.Snapshot(t.Context(), "room", "x"); !errors.Is(err, ErrNoObject) {
		t.Errorf("a temporary object after its use: %v %v", s, err)
	}
	b := join(t, h, Limits{}, nil)
	b.say("kept", FlagPersistent, Event{Type: Use})
	b.say("kept", FlagPersistent, set("k", true))
	version := wantSnapshot(t, h, "kept", "room/kept true 1: k=true(2)").Version
	b.Close()
	if err := h.saver.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := wantSnapshot(t, h, "kept", "room/kept false 0: k=true(2)"); s.Version != version || !s.Persistent {
		t.Errorf("stored: %+v", s)
	}
	if n := len(h.Objects()); n != 0 || h.bytes.Load() != 0 {
		t.Errorf("looking has loaded %d objects", n)
	}
	if keys, err := h.Stored(t.Context(), "room"); err != nil || len(keys) != 1 || keys[0] != (Key{"app", "room", "kept"}) {
		t.Errorf("%v %v", keys, err)
	}
	if _, err := h.Snapshot(t.Context(), "other", "kept"); !errors.Is(err, ErrNoObject) {
		t.Errorf("in another instance: %v", err)
	}
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if keys, err := NewHub(Options{}).Stored(t.Context(), ""); keys != nil || err != nil {
		t.Errorf("without a store: %v %v", keys, err)
	}
}

// What is deleted is gone from the store when Delete returns; whoever uses it goes on with an empty object.
func TestDelete(t *testing.T) {
	for _, tt := range []struct {
		name       string
		persistent bool
		used       bool
		stored     bool // before
		gone       bool
	}{
		{"temporary, in use", false, true, false, false},
		{"persistent, in use", true, true, true, false},
		{"persistent, in use, not stored yet", true, true, false, false},
		{"persistent, waiting to be stored", true, false, false, true},
		{"persistent, only stored", true, false, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := new(MemoryStore)
			h := NewHub(quiet(Options{Store: store, Interval: time.Millisecond, SaveInterval: time.Hour, Limits: Limits{Objects: 2}}))
			defer h.Close(context.Background())
			var flags uint32
			if tt.persistent {
				flags = FlagPersistent
			}
			a := join(t, h, Limits{}, nil)
			a.say("x", flags, Event{Type: Use})
			a.say("x", flags, set("k", 1.0))
			if tt.stored {
				if err := h.saver.save(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if !tt.used {
				a.Close()
			}
			gone, err := h.Delete(t.Context(), "room", "x")
			if err != nil || gone != tt.gone {
				t.Fatalf("gone %t, %v", gone, err)
			}
			if r, err := store.Load(t.Context(), Key{Instance: "room", Name: "x"}); err == nil && len(r.Slots) > 0 {
				t.Errorf("still stored: %+v", r)
			} else if tt.gone && !errors.Is(err, ErrNotStored) {
				t.Errorf("a record is left: %+v, %v", r, err)
			}
			if tt.used {
				wantSnapshot(t, h, "x", "room/x true 1:")
				a.say("x", flags, set("again", 2.0))
				wantSnapshot(t, h, "x", "room/x true 1: again=2(9)")
				a.Close()
			} else if _, err := h.Delete(t.Context(), "room", "x"); !errors.Is(err, ErrNoObject) {
				t.Errorf("deleted again: %v", err)
			}
			b := join(t, h, Limits{}, nil) // what was deleted does not count
			for _, name := range []string{"p", "q"}[:map[bool]int{true: 1, false: 2}[tt.used && tt.persistent]] {
				b.say(name, FlagPersistent, Event{Type: Use})
			}
			if len(b.refused) > 0 {
				t.Errorf("refused %v", b.refused[0])
			}
			b.Close()
		})
	}
}
