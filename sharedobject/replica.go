package sharedobject

import (
	"cmp"
	"slices"

	"penstock/amf"
)

// Replica is a client's end of an object: what Flash keeps in SharedObject.data. Like Object it is a state machine without
// I/O, locks and clock, and not safe for concurrent use. Its own changes show at once; the server's answer confirms or
// replaces them.
type Replica struct {
	Name       string
	Persistent bool

	version uint32
	slots   map[string]replicaSlot
	serial  uint64
	waits   map[string]bool // slots with own changes that were not answered yet
	unsure  bool            // an answer may be to an earlier change than the last one, or one to a clear is missing
}

// asked notes an own change of a slot. Several may be answered by one success: which, cannot be told.
func (r *Replica) asked(key string) {
	r.unsure = r.unsure || r.waits[key]
	r.waits[key] = true
}

type replicaSlot struct {
	value  amf.Value
	serial uint64
}

// NewReplica returns a replica that knows nothing.
func NewReplica(name string, persistent bool) *Replica {
	return &Replica{Name: name, Persistent: persistent, slots: make(map[string]replicaSlot), waits: make(map[string]bool)}
}

// Version is the version that the server said last.
func (r *Replica) Version() uint32 { return r.version }

// Get returns a slot's value, which must not be changed.
func (r *Replica) Get(key string) (amf.Value, bool) {
	s, ok := r.slots[key]
	return s.value, ok
}

// Slots returns all slots in the order in which they appeared.
func (r *Replica) Slots() []amf.Prop {
	keys := make([]string, 0, len(r.slots))
	for k := range r.slots {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Compare(r.slots[a].serial, r.slots[b].serial) })
	props := make([]amf.Prop, 0, len(keys))
	for _, k := range keys {
		props = append(props, amf.Prop{Key: k, Value: r.slots[k].value})
	}
	return props
}

func (r *Replica) put(key string, v amf.Value) (old amf.Value) {
	s, ok := r.slots[key]
	if !ok {
		r.serial++
		s.serial = r.serial
	}
	old, s.value = s.value, v
	r.slots[key] = s
	return old
}

// message is one to the server.
func (r *Replica) message(events ...Event) *Message {
	m := &Message{Name: r.Name, Version: r.version, Events: events}
	if r.Persistent {
		m.Flags = FlagPersistent
	}
	return m
}

// Use returns the message that begins the use of the object, or begins it again on a new connection. Then it says what the
// replica knows, unless some of that may never have reached the server.
func (r *Replica) Use() *Message {
	m := r.message(Event{Type: Use})
	if len(r.waits) > 0 || r.unsure {
		m.Version = 0
	}
	return m
}

// Release returns the message that ends it.
func (r *Replica) Release() *Message { return r.message(Event{Type: Release}) }

// Set changes a slot and returns the message that asks the server for it. The value must not change afterwards.
func (r *Replica) Set(key string, v amf.Value) *Message {
	r.put(key, v)
	r.asked(key)
	return r.message(Event{Type: RequestChange, Key: key, Value: v})
}

// Remove removes a slot and returns the message that asks for it.
func (r *Replica) Remove(key string) *Message {
	delete(r.slots, key)
	r.asked(key)
	return r.message(Event{Type: RequestRemove, Key: key})
}

// Clear removes all slots and returns the message that asks for it.
func (r *Replica) Clear() *Message {
	clear(r.slots)
	r.unsure = true
	return r.message(Event{Type: RequestClear})
}

// Send returns the message that lets every client's handler be called.
func (r *Replica) Send(handler string, args ...amf.Value) *Message {
	return r.message(Event{Type: Send, Handler: handler, Args: args})
}

// Receive applies a message of the server and returns what happened, in order. used tells that it answers Use.
func (r *Replica) Receive(m *Message) (notices []Notice, used bool) {
	if m.Version != 0 {
		r.version = m.Version
	}
	for i := range m.Events {
		e := &m.Events[i]
		switch e.Type {
		case UseSuccess:
			used = true
		case Clear:
			clear(r.slots)
			clear(r.waits)
			r.unsure = false
			notices = append(notices, Notice{Code: Cleared})
		case Change:
			code := Changed
			if r.waits[e.Key] {
				code = Rejected
				delete(r.waits, e.Key)
			}
			notices = append(notices, Notice{Code: code, Key: e.Key, Value: e.Value, Old: r.put(e.Key, e.Value)})
		case Success, ChangeEcho:
			delete(r.waits, e.Key)
			if e.Type == ChangeEcho {
				r.put(e.Key, e.Value)
			}
			v, _ := r.Get(e.Key)
			notices = append(notices, Notice{Code: Succeeded, Key: e.Key, Value: v})
		case Remove:
			delete(r.waits, e.Key)
			s := r.slots[e.Key]
			delete(r.slots, e.Key)
			notices = append(notices, Notice{Code: Deleted, Key: e.Key, Old: s.value})
		case Send:
			notices = append(notices, Notice{Code: Called, Key: e.Handler, Args: e.Args})
		case Status:
			notices = append(notices, Notice{Code: Refused, Key: e.Code})
		}
	}
	return notices, used
}
