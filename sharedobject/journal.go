package sharedobject

// journal is what members are still to be told, in order. Almost everything is for all of them, so that it is written once;
// those who made changes get a view of their own.
type journal struct {
	entries []entry
	index   map[string]int // the last entry for a key that is for all
	special map[ID]struct{}
	bytes   int
}

type entry struct {
	Event
	to     ID   // the only member it is for, Server: all
	except ID   // the member it is not for, Server: none
	dead   bool // a later one says it all
}

func (j *journal) add(e entry, size int) {
	j.entries = append(j.entries, e)
	j.bytes += size + len(e.Key) + 64
	for _, id := range [...]ID{e.to, e.except} {
		if id != Server {
			if j.special == nil {
				j.special = make(map[ID]struct{})
			}
			j.special[id] = struct{}{}
		}
	}
}

// change adds a slot's change or removal, for all but its writer, in place of an earlier one.
func (j *journal) change(writer ID, e Event) {
	if i, ok := j.index[e.Key]; ok {
		j.entries[i].dead = true
	}
	if j.index == nil {
		j.index = make(map[string]int)
	}
	j.index[e.Key] = len(j.entries)
	j.add(entry{Event: e, except: writer}, len(e.raw))
}

// only adds what is for one member.
func (j *journal) only(id ID, e Event) { j.add(entry{Event: e, to: id}, len(e.raw)) }

// all adds what is for all members.
func (j *journal) all(e Event, size int) { j.add(entry{Event: e}, size) }

// clear adds a clear, after which no earlier change matters.
func (j *journal) clear() {
	for _, i := range j.index {
		j.entries[i].dead = true
	}
	clear(j.index)
	j.add(entry{Event: Event{Type: Clear}}, 0)
}

// view is what a member is told.
func (j *journal) view(id ID) []Event {
	var events []Event
	told := make(map[string]bool) // whose success is among them
	for i := range j.entries {
		e := &j.entries[i]
		if e.dead || e.to != Server && e.to != id || e.except == id && id != Server {
			continue
		}
		if e.Type == Success {
			if told[e.Key] && e.to == id {
				events = replaced(events, e.Event)
				continue
			}
			told[e.Key] = true
		}
		events = append(events, e.Event)
	}
	return events
}

// replaced puts a later success in the place of the earlier one, so that proxies are told the last value, once. Whatever
// stands between them is for them as it was: the writer had it when it wrote.
func replaced(events []Event, e Event) []Event {
	for i := range events {
		if events[i].Type == Success && events[i].Key == e.Key {
			return append(append(events[:i:i], events[i+1:]...), e)
		}
	}
	return events
}

// Pending is how many events wait for Flush, and about how many bytes.
func (o *Object) Pending() (events, bytes int) { return len(o.log.entries), o.log.bytes }

// Flush returns what members are to be told: each in special its events, all others common. Every message must carry
// Version as it is now. Members that are told nothing are in special with no events, or common is empty.
func (o *Object) Flush() (common []Event, special map[ID][]Event) {
	j := &o.log
	if len(j.entries) == 0 {
		return nil, nil
	}
	common = j.view(Server)
	for id := range j.special {
		if o.members[id] == nil {
			continue
		}
		if special == nil {
			special = make(map[ID][]Event)
		}
		special[id] = j.view(id)
	}
	clear(j.entries)
	j.entries, j.bytes = j.entries[:0], 0
	clear(j.index)
	clear(j.special)
	return common, special
}

// Attach adds a member, which knows the object up to the version since (0: not at all), and returns what it is told first.
// What others are still to be told must have been flushed. A persistent object that remembers everything since that version
// tells only what changed.
func (o *Object) Attach(id ID, since uint32) []Event {
	known := o.version
	o.begin()
	o.members[id] = &member{all: o.bump()} // what it writes before it hears of this version is lost to it
	events := []Event{{Type: UseSuccess}}
	if !o.persistent || since == 0 || since > min(known, o.version) || since < o.forgotten || since < o.cleared {
		events = append(events, Event{Type: Clear})
		since = 0
	}
	for _, key := range o.keys() {
		if s := o.slots[key]; s.version > since {
			events = append(events, Event{Type: Change, Key: key, Value: s.value, raw: s.raw})
		}
	}
	for _, r := range o.removed {
		if since > 0 && r.version > since && o.slots[r.key] == nil && o.gone[r.key] == r {
			events = append(events, Event{Type: Remove, Key: r.key})
		}
	}
	return events
}

// Detach removes a member.
func (o *Object) Detach(id ID) { delete(o.members, id) }

// Uses reports whether id is a member.
func (o *Object) Uses(id ID) bool { return o.members[id] != nil }
