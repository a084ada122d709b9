package sharedobject

import (
	"context"
	"errors"
	"fmt"

	"penstock/amf"
)

// Info describes one object.
type Info struct {
	Instance   string
	Name       string
	Persistent bool
	Version    uint32
	Slots      int
	Bytes      int // of keys, and of values in AMF0
	Members    int // clients and watchers
}

// Objects describes the objects in memory, in no particular order.
func (h *Hub) Objects() []Info {
	h.mu.Lock()
	all := make([]*live, 0, len(h.objects))
	for _, l := range h.objects {
		all = append(all, l)
	}
	h.mu.Unlock()
	infos := make([]Info, 0, len(all))
	for _, l := range all {
		select {
		case <-l.ready:
		default:
			continue
		}
		if l.failed == nil {
			infos = append(infos, l.info())
		}
	}
	return infos
}

func (l *live) info() Info {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.infoLocked()
}

func (l *live) infoLocked() Info {
	return Info{
		Instance: l.at.instance, Name: l.at.name, Persistent: l.obj.Persistent(), Version: l.obj.Version(),
		Slots: l.obj.Len(), Bytes: l.obj.Bytes(), Members: len(l.members),
	}
}

// Stored lists the persistent objects that the store has of an instance, of all instances when it is "", in order; those in
// memory are among them once they were stored. A hub without a store has none.
func (h *Hub) Stored(ctx context.Context, instance string) ([]Key, error) {
	if h.o.Store == nil {
		return nil, nil
	}
	return h.o.Store.List(ctx, h.o.Name, instance)
}

// Snapshot is an object as it was at one moment.
type Snapshot struct {
	Info
	InMemory bool        // not only stored
	Values   []SlotValue // in the order in which the slots appeared
}

// SlotValue is a slot of a Snapshot.
type SlotValue struct {
	Key     string
	Value   amf.Value // must not be changed
	Bytes   int       // of the value in AMF0
	Version uint32    // of the object, when the slot was changed last
}

// Snapshot looks at an object from outside: it neither uses the object nor loads it, so that watching an object keeps no
// temporary one alive and counts for no limit. ErrNoObject says that it is neither in memory nor stored; other errors are ctx's and
// those of the store.
func (h *Hub) Snapshot(ctx context.Context, instance, name string) (*Snapshot, error) {
	at := place{instance, name}
	h.mu.Lock()
	l := h.objects[at]
	h.mu.Unlock()
	if l != nil {
		select {
		case <-l.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if l.failed == nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			return &Snapshot{Info: l.infoLocked(), InMemory: true, Values: l.obj.values()}, nil
		}
	}
	if h.o.Store == nil {
		return nil, ErrNoObject
	}
	r, err := h.o.Store.Load(ctx, h.key(at))
	switch {
	case errors.Is(err, ErrNotStored):
		return nil, ErrNoObject
	case err != nil:
		return nil, fmt.Errorf("sharedobject: load %s: %w", name, err)
	}
	o, version := NewObject(true, h.limits), r.Version
	if err := o.Restore(r); err != nil {
		return nil, err
	}
	s := &Snapshot{Values: o.values()}
	s.Info = Info{Instance: instance, Name: name, Persistent: true, Version: version, Slots: o.Len(), Bytes: o.Bytes()}
	return s, nil
}

func (o *Object) values() []SlotValue {
	values := make([]SlotValue, 0, len(o.slots))
	for _, k := range o.keys() {
		s := o.slots[k]
		values = append(values, SlotValue{Key: k, Value: s.value, Bytes: len(s.raw), Version: s.version})
	}
	return values
}

// Delete removes one object, in memory and stored: when it returns nil, what was stored is gone as durably as the Store makes
// it. One that is in use is emptied, its members are told, and it begins anew from there; gone is then false. ErrNoObject says
// that there is none.
func (h *Hub) Delete(ctx context.Context, instance, name string) (gone bool, err error) {
	s, err := h.Snapshot(ctx, instance, name)
	if err != nil {
		return false, err
	}
	if s.InMemory {
		if err := h.empty(ctx, instance, name, s.Persistent); err != nil {
			return false, err
		}
		h.mu.Lock()
		used := h.objects[place{instance, name}] != nil
		h.mu.Unlock()
		if used || !s.Persistent {
			return !used, nil
		}
	}
	if err := h.count(ctx); err != nil {
		return false, err
	}
	err = h.deleteStored(ctx, place{instance, name})
	if errors.Is(err, ErrNotStored) { // nothing of it had been stored, or somebody else was faster
		err = nil
	}
	return err == nil, err
}

// empty clears an object and, if it is persistent, stores that.
func (h *Hub) empty(ctx context.Context, instance, name string, persistent bool) error {
	s, err := h.Get(ctx, instance, name, persistent)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Clear(); err != nil || !persistent {
		return err
	}
	return s.Flush(ctx)
}
