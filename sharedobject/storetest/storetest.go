// Package storetest is the tests that every sharedobject.Store must pass.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"penstock/sharedobject"
)

// Run tests a store. open returns an empty one; reopen the same again, as another process would see it, or nil when the store
// forgets.
func Run(t *testing.T, open func(t *testing.T) sharedobject.Store, reopen func(t *testing.T, s sharedobject.Store) sharedobject.Store) {
	for name, test := range map[string]func(*suite){
		"what is not there": (*suite).missing, "changes": (*suite).changes, "any bytes": (*suite).anyBytes, "large": (*suite).large,
		"all or nothing": (*suite).atomic, "lists": (*suite).lists, "many at once": (*suite).concurrent,
	} {
		t.Run(name, func(t *testing.T) { test(&suite{T: t, s: open(t), reopen: reopen}) })
	}
}

type suite struct {
	*testing.T
	s      sharedobject.Store
	reopen func(t *testing.T, s sharedobject.Store) sharedobject.Store
}

func key(name string) sharedobject.Key {
	return sharedobject.Key{Hub: "app", Instance: "room", Name: name}
}

func slot(key, value string, version uint32) sharedobject.Slot {
	return sharedobject.Slot{Key: key, Value: []byte(value), Version: version}
}

func (t *suite) save(changes ...*sharedobject.Changes) {
	t.Helper()
	if err := t.s.Save(context.Background(), changes); err != nil {
		t.Fatal(err)
	}
}

// want compares a stored object, twice when the store remembers.
func (t *suite) want(k sharedobject.Key, version uint32, slots ...sharedobject.Slot) {
	t.Helper()
	t.compare(t.s, k, version, slots)
	if t.reopen != nil {
		if again := t.reopen(t.T, t.s); again != nil {
			t.s = again
			t.compare(again, k, version, slots)
		}
	}
}

func (t *suite) compare(s sharedobject.Store, k sharedobject.Key, version uint32, slots []sharedobject.Slot) {
	t.Helper()
	r, err := s.Load(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(r.Slots, func(a, b sharedobject.Slot) int { return strings.Compare(a.Key, b.Key) })
	same := func(a, b sharedobject.Slot) bool {
		return a.Key == b.Key && a.Version == b.Version && bytes.Equal(a.Value, b.Value)
	}
	if r.Version != version || !slices.EqualFunc(r.Slots, slots, same) {
		t.Fatalf("stored is version %d, %v; want %d, %v", r.Version, r.Slots, version, slots)
	}
}

func (t *suite) missing() {
	ctx := context.Background()
	if r, err := t.s.Load(ctx, key("x")); !errors.Is(err, sharedobject.ErrNotStored) {
		t.Errorf("Load returned %v, %v", r, err)
	}
	if err := t.s.Delete(ctx, key("x")); err != nil {
		t.Errorf("Delete: %v", err)
	}
	keys, err := t.s.List(ctx, "app", "")
	if err != nil || len(keys) != 0 {
		t.Errorf("List returned %v, %v", keys, err)
	}
	objects, size, err := t.s.Usage(ctx, "app")
	if err != nil || objects != 0 || size != 0 {
		t.Errorf("Usage is %d, %d, %v", objects, size, err)
	}
	t.save()
}

func (t *suite) changes() {
	k := key("x")
	t.save(&sharedobject.Changes{Key: k, Version: 3, Set: []sharedobject.Slot{slot("a", "1", 2), slot("b", "22", 3)}})
	t.want(k, 3, slot("a", "1", 2), slot("b", "22", 3))
	t.save(&sharedobject.Changes{Key: k, Version: 5, Removed: []string{"a", "never"}, Set: []sharedobject.Slot{slot("b", "", 4), slot("c", "3", 5)}})
	t.want(k, 5, slot("b", "", 4), slot("c", "3", 5))
	t.save(&sharedobject.Changes{Key: k, Version: 7, Cleared: true, Set: []sharedobject.Slot{slot("c", "4", 7)}})
	t.want(k, 7, slot("c", "4", 7))
	t.save(&sharedobject.Changes{Key: k, Version: 1<<32 - 1, Cleared: true})
	t.want(k, 1<<32-1)
	if err := t.s.Delete(context.Background(), k); err != nil {
		t.Fatal(err)
	}
	if _, err := t.s.Load(context.Background(), k); !errors.Is(err, sharedobject.ErrNotStored) {
		t.Errorf("after Delete: %v", err)
	}
	// What a store returned and was given belongs to the caller.
	c := &sharedobject.Changes{Key: k, Version: 1, Set: []sharedobject.Slot{slot("a", "1", 1)}}
	t.save(c)
	c.Set[0].Value[0] = 'x'
	t.want(k, 1, slot("a", "1", 1))
	r, err := t.s.Load(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	r.Slots[0].Value[0] = 'x'
	t.want(k, 1, slot("a", "1", 1))
}

func (t *suite) anyBytes() {
	k := sharedobject.Key{Hub: "a/b", Instance: "ü '\"%", Name: "x\x00y/z"}
	slots := []sharedobject.Slot{slot("\x00", "\x00\xff", 1), slot("%_'", "\xc3\x28", 1), slot("ü", "", 1)}
	t.save(&sharedobject.Changes{Key: k, Version: 1, Set: slots})
	t.want(k, 1, slots...)
	// Neither the division into three nor upper and lower case is lost.
	for _, other := range []sharedobject.Key{{Hub: "a", Instance: "b/ü '\"%", Name: k.Name}, {Hub: "A/B", Instance: k.Instance, Name: k.Name}} {
		if _, err := t.s.Load(context.Background(), other); !errors.Is(err, sharedobject.ErrNotStored) {
			t.Errorf("%q is there: %v", other, err)
		}
	}
	t.save(&sharedobject.Changes{Key: k, Version: 2, Set: []sharedobject.Slot{slot("Ü", "2", 2)}})
	t.want(k, 2, append(slices.Clone(slots[:2]), slot("Ü", "2", 2), slots[2])...)
}

func (t *suite) large() {
	k := key("large")
	c := &sharedobject.Changes{Key: k, Version: 9}
	for i := range 1024 {
		c.Set = append(c.Set, slot(fmt.Sprintf("key %04d", i), strings.Repeat("x", 1000), 9))
	}
	want := slices.Clone(c.Set)
	t.save(c)
	t.want(k, 9, want...)
	objects, size, err := t.s.Usage(context.Background(), "app")
	if err != nil || objects != 1 || size != 1024*1008 {
		t.Errorf("Usage is %d, %d, %v", objects, size, err)
	}
}

func (t *suite) atomic() {
	k := key("x")
	t.save(&sharedobject.Changes{Key: k, Version: 1, Set: []sharedobject.Slot{slot("a", "1", 1)}})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	err := t.s.Save(ended, []*sharedobject.Changes{
		{Key: k, Version: 2, Set: []sharedobject.Slot{slot("a", "2", 2)}}, {Key: key("y"), Version: 2, Set: []sharedobject.Slot{slot("a", "2", 2)}},
	})
	if err == nil {
		t.Error("Save succeeded without time")
	}
	t.want(k, 1, slot("a", "1", 1))
	if _, err := t.s.Load(context.Background(), key("y")); !errors.Is(err, sharedobject.ErrNotStored) {
		t.Errorf("half of it was saved: %v", err)
	}
}

func (t *suite) lists() {
	ctx := context.Background()
	for _, k := range []sharedobject.Key{{Hub: "app", Instance: "b", Name: "1"}, {Hub: "app", Instance: "a", Name: "2"}, {Hub: "app", Instance: "a", Name: "1"}, {Hub: "other", Instance: "a", Name: "3"}} {
		t.save(&sharedobject.Changes{Key: k, Version: 1, Set: []sharedobject.Slot{slot("k", "four", 1)}})
	}
	all, err := t.s.List(ctx, "app", "")
	want := []sharedobject.Key{{Hub: "app", Instance: "a", Name: "1"}, {Hub: "app", Instance: "a", Name: "2"}, {Hub: "app", Instance: "b", Name: "1"}}
	if err != nil || !slices.Equal(all, want) {
		t.Errorf("List returned %v, %v", all, err)
	}
	some, err := t.s.List(ctx, "app", "a")
	if err != nil || !slices.Equal(some, want[:2]) {
		t.Errorf("List of an instance returned %v, %v", some, err)
	}
	objects, size, err := t.s.Usage(ctx, "app")
	if err != nil || objects != 3 || size != 15 {
		t.Errorf("Usage is %d, %d, %v", objects, size, err)
	}
}

func (t *suite) concurrent() {
	const writers, rounds = 4, 10
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			k := key(fmt.Sprint("object ", w))
			for i := range rounds {
				c := &sharedobject.Changes{Key: k, Version: uint32(i + 1), Set: []sharedobject.Slot{slot("a", fmt.Sprint(i), uint32(i+1)), slot("b", fmt.Sprint(i), uint32(i+1))}}
				if err := t.s.Save(context.Background(), []*sharedobject.Changes{c}); err != nil {
					t.Error(err)
					return
				}
				// Other objects are read meanwhile, always whole.
				r, err := t.s.Load(context.Background(), key(fmt.Sprint("object ", (w+1)%writers)))
				if errors.Is(err, sharedobject.ErrNotStored) {
					continue
				}
				if err != nil || len(r.Slots) != 2 || string(r.Slots[0].Value) != string(r.Slots[1].Value) || r.Slots[0].Version != r.Version {
					t.Errorf("read %v, %v", r, err)
				}
			}
		})
	}
	all.Wait()
	for w := range writers {
		t.want(key(fmt.Sprint("object ", w)), rounds, slot("a", fmt.Sprint(rounds-1), rounds), slot("b", fmt.Sprint(rounds-1), rounds))
	}
}
