package sharedobject

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/amf"
)

// Key names a persistent object in a Store: the hub's name, the instance of the application, and the object's own name.
type Key struct {
	Hub, Instance, Name string
}

// Record is a stored object.
type Record struct {
	Version uint32
	Slots   []Slot // in no particular order
}

// Slot is a stored slot. Value is in AMF0.
type Slot struct {
	Key     string
	Value   []byte
	Version uint32
}

// Changes is what became of an object since it was last stored: first, if Cleared is set, all slots go, then Removed are
// removed and Set are set.
type Changes struct {
	Key     Key
	Version uint32
	Cleared bool
	Removed []string
	Set     []Slot
}

// ErrNotStored is what Load returns for an object that is not there.
var ErrNotStored = errors.New("sharedobject: not stored")

// Store keeps persistent objects. Package sharedobject/storetest has the tests that every implementation must pass. Its
// methods are called by several goroutines, Save by one at a time for one hub.
type Store interface {
	// Load returns an object, or ErrNotStored. The caller owns the record.
	Load(ctx context.Context, key Key) (*Record, error)
	// Save applies the changes of several objects, all or nothing: when it returns nil, they outlive the process and, as far as
	// the store promises, the machine; otherwise none of them was made. An object that is not there begins empty. The
	// changes are the caller's again when Save returns.
	Save(ctx context.Context, changes []*Changes) error
	// Delete removes an object; one that is not there is no error.
	Delete(ctx context.Context, key Key) error
	// List returns the keys of a hub's objects in an instance, in order; of all instances when instance is "".
	List(ctx context.Context, hub, instance string) ([]Key, error)
	// Usage is how many objects a hub has, and the length of all their keys and values.
	Usage(ctx context.Context, hub string) (objects int, bytes int64, err error)
}

// Unsaved returns what changed since it was last called, nil when nothing did.
func (o *Object) Unsaved() *Changes {
	if len(o.unsaved) == 0 && !o.unsavedClear {
		return nil
	}
	c := &Changes{Version: o.version, Cleared: o.unsavedClear}
	for _, key := range slices.Sorted(maps.Keys(o.unsaved)) {
		if s := o.slots[key]; s != nil {
			c.Set = append(c.Set, Slot{Key: key, Value: s.raw, Version: s.version})
		} else if !c.Cleared {
			c.Removed = append(c.Removed, key)
		}
	}
	o.unsavedClear = false
	clear(o.unsaved)
	return c
}

// Unsave makes everything unsaved again, after changes could not be stored.
func (o *Object) Unsave() {
	o.unsavedClear = true
	for key := range o.slots {
		o.unsaved[key] = struct{}{}
	}
}

// versionJump is what a stored version grows by when it is loaded: more than an object can grow between two saves, so that no
// client returns with a version that means something else now.
const versionJump = 1 << 16

// Restore fills an empty object with what was stored. The error says which value cannot be read; the object is then of no use.
func (o *Object) Restore(r *Record) error {
	o.version = r.Version + versionJump
	if o.version < versionJump { // the versions have wrapped
		o.version = versionJump
	}
	o.forgotten = o.version
	slices.SortFunc(r.Slots, func(a, b Slot) int {
		if a.Version != b.Version {
			return int(int64(a.Version) - int64(b.Version))
		}
		return strings.Compare(a.Key, b.Key)
	})
	l := amf.Limits{Depth: 128, Nodes: 1 << 20, Bytes: 64 << 20, String: 1 << 20, LongString: 1 << 24, Keys: 1 << 20, Sealed: 1 << 16}
	for _, s := range r.Slots {
		d := amf.NewDecoderLimits(s.Value, amf.AMF0, l)
		v, err := d.Decode()
		if err == nil && d.More() {
			err = ErrTrailing
		}
		if err != nil {
			return fmt.Errorf("sharedobject: stored slot %q: %w", s.Key, err)
		}
		o.serial++
		o.slots[s.Key] = &slot{value: v, raw: s.Value, version: o.version, serial: o.serial}
		o.bytes += len(s.Key) + len(s.Value)
	}
	return nil
}

// MemoryStore is a Store that forgets everything when the process ends, for tests and for objects that need to outlive their
// use only. The zero value is empty.
type MemoryStore struct {
	mu      sync.Mutex
	objects map[Key]*memoryObject
}

type memoryObject struct {
	version uint32
	slots   map[string]Slot
}

// Load implements Store.
func (m *MemoryStore) Load(_ context.Context, key Key) (*Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.objects[key]
	if o == nil {
		return nil, ErrNotStored
	}
	r := &Record{Version: o.version}
	for _, s := range o.slots {
		s.Value = slices.Clone(s.Value)
		r.Slots = append(r.Slots, s)
	}
	return r, nil
}

// Save implements Store.
func (m *MemoryStore) Save(ctx context.Context, changes []*Changes) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects == nil {
		m.objects = make(map[Key]*memoryObject)
	}
	for _, c := range changes {
		o := m.objects[c.Key]
		if o == nil {
			o = &memoryObject{slots: make(map[string]Slot)}
			m.objects[c.Key] = o
		}
		o.version = c.Version
		if c.Cleared {
			clear(o.slots)
		}
		for _, key := range c.Removed {
			delete(o.slots, key)
		}
		for _, s := range c.Set {
			s.Value = slices.Clone(s.Value)
			o.slots[s.Key] = s
		}
	}
	return nil
}

// Delete implements Store.
func (m *MemoryStore) Delete(_ context.Context, key Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

// List implements Store.
func (m *MemoryStore) List(_ context.Context, hub, instance string) ([]Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []Key
	for k := range m.objects {
		if k.Hub == hub && (instance == "" || k.Instance == instance) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		if c := strings.Compare(a.Instance, b.Instance); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return keys, nil
}

// Usage implements Store.
func (m *MemoryStore) Usage(_ context.Context, hub string) (objects int, bytes int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, o := range m.objects {
		if k.Hub != hub {
			continue
		}
		objects++
		for _, s := range o.slots {
			bytes += int64(len(s.Key) + len(s.Value))
		}
	}
	return objects, bytes, nil
}

// saver stores what changed in a hub's persistent objects, together and one save at a time.
type saver struct {
	h *Hub

	mu     sync.Mutex
	dirty  map[*live]struct{}
	timer  *time.Timer
	closed bool

	saving sync.Mutex // held while the store works; lock order saving → Hub.mu → live.mu → mu
}

// saveRetry is the pause after a save that failed.
const saveRetry = time.Second

// add lets an object be stored within the interval. It may be called with the object's or the hub's lock held.
func (s *saver) add(l *live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dirty == nil {
		s.dirty = make(map[*live]struct{})
	}
	s.dirty[l] = struct{}{}
	s.schedule(s.h.o.SaveInterval)
}

// schedule needs mu.
func (s *saver) schedule(after time.Duration) {
	if s.timer == nil && !s.closed && len(s.dirty) > 0 {
		s.timer = time.AfterFunc(after, s.tick)
	}
}

func (s *saver) tick() {
	s.mu.Lock()
	s.timer = nil
	s.mu.Unlock()
	if err := s.save(context.Background()); err != nil {
		s.h.o.Log.Error("cannot store shared objects, will try again", "hub", s.h.o.Name, "error", err)
	}
}

// save stores everything that has changed until now. When it returns nil, that is durable.
func (s *saver) save(ctx context.Context) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = nil
	s.mu.Unlock()
	var changes []*Changes
	var of []*live
	for l := range dirty {
		l.mu.Lock()
		c := l.obj.Unsaved()
		l.mu.Unlock()
		if c != nil {
			c.Key = s.h.key(l.at)
			changes, of = append(changes, c), append(of, l)
		}
	}
	var err error
	if len(changes) > 0 {
		err = s.h.o.Store.Save(ctx, changes)
	}
	if err != nil {
		s.again(of)
		return err
	}
	for _, l := range of {
		l.mu.Lock()
		l.isStored = true
		l.mu.Unlock()
	}
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	for l := range dirty {
		s.h.drop(l)
	}
	return nil
}

// again makes unsaved what could not be stored.
func (s *saver) again(of []*live) {
	for _, l := range of {
		l.mu.Lock()
		l.obj.Unsave()
		l.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dirty == nil {
		s.dirty = make(map[*live]struct{})
	}
	for _, l := range of {
		s.dirty[l] = struct{}{}
	}
	s.schedule(saveRetry)
}

// close saves for the last time.
func (s *saver) close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.mu.Unlock()
	return s.save(ctx)
}
