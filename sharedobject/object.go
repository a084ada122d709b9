package sharedobject

import (
	"cmp"
	"math"
	"slices"

	"penstock/amf"
)

// ID names a member of an object. Server is the program that owns the object, which is told nothing.
type ID uint64

// Server is the ID of changes that the server's own program makes.
const Server ID = 0

// Codes of status events.
const (
	NoReadAccess         = "SharedObject.NoReadAccess"
	NoWriteAccess        = "SharedObject.NoWriteAccess"
	BadPersistence       = "SharedObject.BadPersistence"
	ObjectCreationFailed = "SharedObject.ObjectCreationFailed"
)

// StatusEvent is a refusal as clients are told it: a code, with level "error".
func StatusEvent(code string) Event { return Event{Type: Status, Code: code, Level: "error"} }

// Object is one shared object: its slots, who uses it and what they are still to be told. It is a state machine without
// I/O, locks and clock: the same calls give the same events. It is not safe for concurrent use.
//
// Every applied message makes a new version. A message to a member carries the version and everything up to it, so that the
// version which a member sends tells what it knew.
type Object struct {
	limits     Limits
	persistent bool
	version    uint32
	bumped     bool // the message being applied has made its version
	slots      map[string]*slot
	serial     uint64 // of slots, for their order
	bytes      int    // of keys and values
	members    map[ID]*member

	removed   []removal // oldest first, at most limits.ResyncDepth
	gone      map[string]removal
	forgotten uint32 // greatest version of a removal that is not known any more
	cleared   uint32 // version of the last clear
	clearedBy ID

	log journal

	unsaved      map[string]struct{} // keys changed or removed since Unsaved
	unsavedClear bool
}

type slot struct {
	value   amf.Value
	raw     []byte // value in AMF0
	version uint32
	writer  ID
	serial  uint64
}

type removal struct {
	key     string
	version uint32
	by      ID
}

// member is what the object knows of one member: which of its slots it was told to overwrite, by the version of that. What it
// wrote before it knew of that version it may have lost again.
type member struct {
	overwrote map[string]uint32
	all       uint32
}

// maxOverwrote is how many slots are remembered for one member; beyond, all count as overwritten.
const maxOverwrote = 64

// NewObject returns an empty object at version 1: 0 is what a client says that knows nothing.
func NewObject(persistent bool, l Limits) *Object {
	return &Object{
		limits: l.WithDefaults(), persistent: persistent, version: 1, slots: make(map[string]*slot), members: make(map[ID]*member),
		gone: make(map[string]removal), unsaved: make(map[string]struct{}),
	}
}

// Version is the object's version.
func (o *Object) Version() uint32 { return o.version }

// Persistent reports whether the object outlives its use.
func (o *Object) Persistent() bool { return o.persistent }

// Len is the number of slots.
func (o *Object) Len() int { return len(o.slots) }

// Bytes is the length of all keys and of all values in AMF0.
func (o *Object) Bytes() int { return o.bytes }

// Members is how many use the object.
func (o *Object) Members() int { return len(o.members) }

// Get returns a slot's value, which must not be changed.
func (o *Object) Get(key string) (amf.Value, bool) {
	s := o.slots[key]
	if s == nil {
		return nil, false
	}
	return s.value, true
}

// Slots returns all slots in the order in which they appeared. The values must not be changed.
func (o *Object) Slots() []amf.Prop {
	props := make([]amf.Prop, 0, len(o.slots))
	for _, k := range o.keys() {
		props = append(props, amf.Prop{Key: k, Value: o.slots[k].value})
	}
	return props
}

func (o *Object) keys() []string {
	keys := make([]string, 0, len(o.slots))
	for k := range o.slots {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Compare(o.slots[a].serial, o.slots[b].serial) })
	return keys
}

// ChangedSince reports whether anything changed after a version.
func (o *Object) ChangedSince(version uint32) bool {
	if o.cleared > version || o.forgotten > version {
		return true
	}
	for _, s := range o.slots {
		if s.version > version {
			return true
		}
	}
	return slices.ContainsFunc(o.removed, func(r removal) bool { return r.version > version })
}

// Purge forgets removals of slots up to a version.
func (o *Object) Purge(version uint32) {
	for len(o.removed) > 0 && o.removed[0].version <= version {
		o.forget()
	}
}

// SetResyncDepth changes how many removed slots are remembered for clients that return; see Attach.
func (o *Object) SetResyncDepth(n int) {
	o.limits.ResyncDepth = max(n, 0)
	for len(o.removed) > o.limits.ResyncDepth {
		o.forget()
	}
}

func (o *Object) forget() {
	r := o.removed[0]
	o.removed = o.removed[1:]
	o.forgotten = max(o.forgotten, r.version)
	if o.gone[r.key].version == r.version {
		delete(o.gone, r.key)
	}
}

// Rights are what a member may do, and how many bytes the object may still grow by (below 0: any number) because of the limit
// of that name.
type Rights struct {
	Write bool
	Room  int
	Limit string
}

// Apply applies one message of a member: its version and events. Members are told at the next Flush. The error, for the log, is
// why the first of the events was refused: a *LimitError, a *NameError, an error of package amf, or ErrNoWriteAccess; a
// change that was made without knowledge of another's is none, but normal.
func (o *Object) Apply(id ID, version uint32, events []Event, r Rights) error {
	o.begin()
	if version > o.version {
		version = 0 // of another life of the object
	}
	m := o.members[id]
	if m != nil {
		m.knows(version)
	}
	w := write{o: o, id: id, m: m, version: version, rights: r, began: o.bytes}
	for i := range events {
		w.apply(&events[i])
	}
	return w.err
}

func (o *Object) begin() { o.bumped = false }

// bump makes a new version, once for each message.
func (o *Object) bump() uint32 {
	if o.bumped {
		return o.version
	}
	o.bumped = true
	if o.version == math.MaxUint32 {
		o.renumber()
	}
	o.version++
	return o.version
}

// renumber begins the versions anew: whoever returns with an old one knows nothing.
func (o *Object) renumber() {
	o.version, o.forgotten, o.cleared = 1, 0, 0
	o.removed = nil
	clear(o.gone)
	for _, s := range o.slots {
		s.version = 1
	}
	for _, m := range o.members {
		m.overwrote, m.all = nil, 1
	}
}

// overwritten notes that the member is told a slot's value, whatever it has itself.
func (m *member) overwritten(key string, version uint32) {
	if m.overwrote == nil {
		m.overwrote = make(map[string]uint32)
	}
	m.overwrote[key] = version
	if len(m.overwrote) > maxOverwrote {
		m.overwrote, m.all = nil, version
	}
}

// knows forgets what the member has seen.
func (m *member) knows(version uint32) {
	for k, v := range m.overwrote {
		if v <= version {
			delete(m.overwrote, k)
		}
	}
}

// put stores a value; the bytes of the object are kept.
func (o *Object) put(key string, v amf.Value, raw []byte, by ID) {
	s := o.slots[key]
	if s == nil {
		o.serial++
		s = &slot{serial: o.serial}
		o.slots[key] = s
		o.bytes += len(key)
	}
	o.bytes += len(raw) - len(s.raw)
	s.value, s.raw, s.version, s.writer = v, raw, o.bump(), by
	o.unsaved[key] = struct{}{}
}

func (o *Object) drop(key string, by ID) {
	s := o.slots[key]
	delete(o.slots, key)
	o.bytes -= len(key) + len(s.raw)
	r := removal{key: key, version: o.bump(), by: by}
	o.removed = append(o.removed, r)
	o.gone[key] = r
	for len(o.removed) > o.limits.ResyncDepth {
		o.forget()
	}
	o.unsaved[key] = struct{}{}
}

func (o *Object) dropAll(by ID) {
	o.cleared, o.clearedBy = o.bump(), by
	clear(o.slots)
	clear(o.gone)
	clear(o.unsaved)
	o.removed, o.forgotten, o.bytes, o.unsavedClear = nil, 0, 0, true
}

// conflict reports whether another member changed the slot after version, which the writer therefore did not know.
func (o *Object) conflict(id ID, version uint32, key string) bool {
	if version == 0 {
		return false // tells nothing of what it knows
	}
	if s := o.slots[key]; s != nil {
		return s.version > version && s.writer != id
	}
	if r, ok := o.gone[key]; ok {
		return r.version > version && r.by != id
	}
	return o.cleared > version && o.clearedBy != id || o.forgotten > version
}
