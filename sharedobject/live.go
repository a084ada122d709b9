package sharedobject

import (
	"slices"
	"sync"
	"time"
)

// live is an object in memory: the rules, and who is to be told.
type live struct {
	hub    *Hub
	at     place
	ready  chan struct{} // closed when it is loaded
	failed error         // set before that
	// Under Hub.mu: how many use it, members and handles; and whether it was taken out of the hub.
	users   int
	dropped bool

	mu       sync.Mutex
	obj      *Object
	members  map[ID]*attachment
	told     time.Time   // when members were told last
	timer    *time.Timer // runs while changes are being gathered
	stopped  bool
	isStored bool // the store has it
	locks    int
	deferred []deferred // what came during a lock
	waiting  int        // their bytes
	entering int        // how many of them begin a use
}

// attachment is one member of one object. Its fields do not change, but for gone.
type attachment struct {
	id      ID
	live    *live
	client  *Client // nil for a watcher
	watch   *Watch
	amf3    bool
	proxied bool
	write   bool
	gone    bool // under live.mu
}

// deferred is a message that waits for the end of a lock.
type deferred struct {
	from    *attachment
	use     bool
	version uint32
	events  []Event
	size    int
}

func newLive(h *Hub, at place, persistent bool) *live {
	return &live{hub: h, at: at, users: 1, ready: make(chan struct{}), obj: NewObject(persistent, h.limits), members: make(map[ID]*attachment)}
}

// receive applies a message of a member, or puts it aside during a lock. The error says what was refused first.
func (l *live) receive(m deferred) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return ErrHubClosed
	}
	limits := &l.hub.limits
	if m.use {
		if err := over("shared_object_members", len(l.members)+l.entering+1, limits.Members); err != nil {
			return err
		}
	}
	if l.locks == 0 {
		return l.run(m)
	}
	err := over("shared_object_deferred", len(l.deferred)+1, limits.Deferred)
	if err == nil {
		err = over("shared_object_deferred_bytes", l.waiting+m.size, limits.DeferredBytes)
	}
	if err != nil {
		if !m.use {
			_ = l.obj.Apply(m.from.id, m.version, m.events, Rights{})
		}
		return err
	}
	if m.use {
		l.entering++
	}
	l.deferred, l.waiting = append(l.deferred, m), l.waiting+m.size
	return nil
}

func (l *live) run(m deferred) error {
	if m.use {
		l.attach(m.from, m.version)
		return nil
	}
	err := l.apply(m.from.id, m.version, m.events, m.from.write)
	l.changed()
	return err
}

func (l *live) apply(id ID, version uint32, events []Event, mayWrite bool) error {
	before := l.obj.Bytes()
	r := Rights{Write: mayWrite}
	r.Room, r.Limit = l.hub.room(l.obj.Persistent())
	err := l.obj.Apply(id, version, events, r)
	l.hub.grew(l.obj.Bytes()-before, l.obj.Persistent())
	return err
}

// attach makes a member and tells it everything at once.
func (l *live) attach(a *attachment, since uint32) {
	if a.gone {
		return
	}
	l.flush()
	l.members[a.id] = a
	m := &Message{Name: l.at.name, Events: l.obj.Attach(a.id, since), Version: l.obj.Version(), Flags: a.flags()}
	if a.proxied {
		m.Flags |= flagAnswer
	}
	a.tell(m)
}

func (l *live) detach(a *attachment) {
	l.mu.Lock()
	a.gone = true
	l.obj.Detach(a.id)
	delete(l.members, a.id)
	l.mu.Unlock()
	l.hub.release(l)
}

// interval is how long changes are gathered.
func (l *live) interval() time.Duration {
	if d := l.hub.o.Interval; d > 0 {
		return d
	}
	const many = 500
	return 20*time.Millisecond + 30*time.Millisecond*time.Duration(min(len(l.members), many))/many
}

// Beyond these the members are told at once.
const (
	maxGathered      = 4096
	maxGatheredBytes = 256 << 10
)

// changed lets the members be told, at once or at the end of the interval, and the object be stored.
func (l *live) changed() {
	if l.obj.Persistent() && l.waitsToBeStored() {
		l.hub.saver.add(l)
	}
	events, bytes := l.obj.Pending()
	if events == 0 || l.locks > 0 || l.stopped {
		return
	}
	rest := l.interval() - time.Since(l.told)
	if rest <= 0 || events > maxGathered || bytes > maxGatheredBytes {
		l.flush()
		return
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(rest, l.tick)
	}
}

func (l *live) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = nil
	if l.locks == 0 && !l.stopped {
		l.flush()
	}
}

// waitsToBeStored reports whether there is anything to save.
func (l *live) waitsToBeStored() bool {
	o := l.obj
	return len(o.unsaved) > 0 || o.unsavedClear && l.isStored
}

// flush tells every member what it is to be told. Nothing here waits: members queue what they are given.
func (l *live) flush() {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	common, special := l.obj.Flush()
	if len(common) == 0 && len(special) == 0 {
		return
	}
	l.told = time.Now()
	all := outgoing{Message: Message{Name: l.at.name, Version: l.obj.Version(), Events: common}, live: l}
	for id, a := range l.members {
		own, isSpecial := special[id]
		switch {
		case isSpecial && len(own) > 0:
			a.tell(&Message{Name: l.at.name, Version: l.obj.Version(), Flags: a.flags(), Events: own})
		case !isSpecial && len(common) > 0:
			all.tell(a)
		}
	}
}

// outgoing is a message for many, written once for each form of it.
type outgoing struct {
	Message
	live  *live
	forms [4][]byte
}

func (o *outgoing) tell(a *attachment) {
	if a.watch != nil {
		a.watch.deliver(o.Version, o.Events)
		return
	}
	form := 0
	if a.amf3 {
		form++
	}
	if a.proxied {
		form += 2
	}
	if o.forms[form] == nil {
		o.Flags = a.flags()
		b, err := o.Append(nil, a.amf3)
		if err != nil {
			o.live.hub.o.Log.Error("cannot encode a shared object", "object", o.Name, "error", err)
			return
		}
		o.forms[form] = b
	}
	a.client.deliver(o.forms[form], a.amf3)
}

func (a *attachment) flags() uint32 {
	var f uint32
	if a.live.obj.Persistent() {
		f |= FlagPersistent
	}
	if a.proxied {
		f |= FlagProxied
	}
	return f
}

// tell sends a message to one member. A proxy's successes carry the value.
func (a *attachment) tell(m *Message) {
	if a.watch != nil {
		a.watch.deliver(m.Version, m.Events)
		return
	}
	if a.proxied {
		m.Events = slices.Clone(m.Events)
		for i := range m.Events {
			if m.Events[i].Type == Success {
				m.Events[i].Type = ChangeEcho
			}
		}
	}
	b, err := m.Append(nil, a.amf3)
	if err != nil {
		a.live.hub.o.Log.Error("cannot encode a shared object", "object", m.Name, "error", err)
		return
	}
	a.client.deliver(b, a.amf3)
}

// lock holds back what members do and are told; unlock lets it happen.
func (l *live) lock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.locks++
}

func (l *live) unlock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.locks == 0 {
		return
	}
	l.locks--
	if l.locks > 0 || l.stopped {
		return
	}
	l.changed()
	waiting := l.deferred
	l.deferred, l.waiting, l.entering = nil, 0, 0
	for _, m := range waiting {
		if err := l.run(m); err != nil {
			l.hub.o.Log.Warn("refused a shared object's change that waited for a lock", "object", l.at.name, "error", err)
		}
	}
}

// stop ends the telling.
func (l *live) stop() {
	<-l.ready
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil && l.locks == 0 {
		l.flush()
	}
	l.stopped = true
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}
