package sharedobject

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"penstock/amf"
)

// world is an object, its clients, and the messages that are on their way between them. Every step is one of the things that can
// happen next; which, is random.
type world struct {
	t       *testing.T
	rnd     *rand.Rand
	o       *Object
	clients []*flash
	lastID  ID
	model   model
	exact   bool // the model says what every message does
	log     []string
}

// flash is a client as Flash Player is one: its own changes show at once, and it sends the version it has heard of.
type flash struct {
	id       ID
	r        *Replica
	mute     bool // always says version 0, as some clients do
	proxied  bool
	amf3     bool
	readOnly bool
	up, down []*Message // on their way, in order
	attached bool       // the server has had its use
}

// model is what the rules say, told with a history of everything and no economy.
type model struct {
	values  map[string]string
	changed map[string]stamp // the last change or removal
}

type stamp struct {
	version uint32
	by      ID
}

func (w *world) note(format string, a ...any) { w.log = append(w.log, fmt.Sprintf(format, a...)) }

func newWorld(t *testing.T, seed uint64) *world {
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := &world{t: t, rnd: rnd, exact: rnd.IntN(2) == 0, model: model{make(map[string]string), make(map[string]stamp)}}
	l := Limits{Slots: 6, ValueBytes: 24, ObjectBytes: 90, ResyncDepth: 1 + rnd.IntN(3)}
	if w.exact {
		l = Limits{ResyncDepth: 1 << 20}
	}
	w.o = NewObject(rnd.IntN(2) == 0, l)
	if !w.exact && rnd.IntN(4) == 0 {
		w.o.version = math.MaxUint32 - uint32(rnd.IntN(30)) // so that it wraps
	}
	for range 1 + rnd.IntN(5) {
		c := &flash{mute: rnd.IntN(5) == 0, proxied: rnd.IntN(4) == 0, amf3: rnd.IntN(3) == 0, readOnly: rnd.IntN(6) == 0}
		w.clients = append(w.clients, c)
		w.connect(c)
	}
	return w
}

func (w *world) connect(c *flash) {
	w.lastID++
	c.id, c.up, c.down, c.attached = w.lastID, nil, nil, false
	if c.r == nil || w.rnd.IntN(2) == 0 { // else it returns with what it knew
		c.r = NewReplica("so", w.o.Persistent())
	}
	c.send(c.r.Use())
	w.note("client %d connects, version %d", c.id, c.r.version)
}

func (c *flash) send(m *Message) {
	if c.mute {
		m.Version = 0
	}
	c.up = append(c.up, m)
}

func (w *world) step() {
	c := w.clients[w.rnd.IntN(len(w.clients))]
	key := string(rune('a' + w.rnd.IntN(4)))
	switch n := w.rnd.IntN(100); {
	case n < 25:
		value := strconv.Itoa(w.rnd.IntN(1000))
		if !w.exact && w.rnd.IntN(8) == 0 {
			value = strings.Repeat("long", 8)
		}
		w.note("client %d sets %s=%s at version %d", c.id, key, value, c.r.version)
		c.send(c.r.Set(key, value))
	case n < 30:
		w.note("client %d removes %s at version %d", c.id, key, c.r.version)
		c.send(c.r.Remove(key))
	case n < 32:
		w.note("client %d clears at version %d", c.id, c.r.version)
		c.send(c.r.Clear())
	case n < 33:
		c.send(c.r.Send("hello", key))
	case n < 60:
		w.up(c)
	case n < 85:
		w.down(c)
	case n < 95:
		w.flush()
	case n < 98:
		w.server(key)
	default:
		w.note("client %d is lost", c.id)
		w.o.Detach(c.id)
		w.connect(c)
	}
}

// server is a change by the server's own program.
func (w *world) server(key string) {
	events := []Event{{Type: RequestChange, Key: key, Value: "server"}, {Type: RequestRemove, Key: "z"}}
	w.note("server sets %s", key)
	_ = w.o.Apply(Server, 0, events, Rights{Write: true, Room: -1})
	if w.exact {
		w.model.apply(Server, 0, w.o.Version(), events, true)
		w.compare()
	}
}

// up lets the server have the next message of a client.
func (w *world) up(c *flash) {
	if len(c.up) == 0 {
		return
	}
	m := wire(w.t, c.up[0], c.amf3)
	c.up = c.up[1:]
	if m.Events[0].Type == Use {
		w.flush()
		c.attached = true
		w.note("client %d attaches", c.id)
		w.tell(c, w.o.Attach(c.id, m.Version))
		return
	}
	_ = w.o.Apply(c.id, m.Version, m.Events, Rights{Write: !c.readOnly, Room: -1})
	w.note("client %d is heard: %v %s, version becomes %d", c.id, m.Events[0].Type, m.Events[0].Key, w.o.Version())
	if w.exact {
		w.model.apply(c.id, m.Version, w.o.Version(), m.Events, !c.readOnly)
		w.compare()
	}
}

func (m *model) apply(id ID, knew, now uint32, events []Event, write bool) {
	if !write {
		return
	}
	for _, e := range events {
		last := m.changed[e.Key]
		conflict := knew != 0 && last.version > knew && last.by != id && id != Server
		switch {
		case e.Type == RequestClear:
			clear(m.values)
			for k := range m.changed {
				m.changed[k] = stamp{now, id}
			}
			for _, k := range []string{"a", "b", "c", "d", "z"} {
				m.changed[k] = stamp{now, id}
			}
		case conflict:
		case e.Type == RequestChange:
			m.values[e.Key] = e.Value.(string)
			m.changed[e.Key] = stamp{now, id}
		case e.Type == RequestRemove:
			if _, ok := m.values[e.Key]; ok {
				delete(m.values, e.Key)
				m.changed[e.Key] = stamp{now, id}
			}
		}
	}
}

func (w *world) compare() {
	got := contents(w.o.Slots())
	want := make([]string, 0, len(w.model.values))
	for k, v := range w.model.values {
		want = append(want, k+"="+v)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.fail("the object has %v, the model %v", got, want)
	}
}

func contents(slots []amf.Prop) []string {
	list := make([]string, 0, len(slots))
	for _, p := range slots {
		list = append(list, fmt.Sprintf("%s=%v", p.Key, p.Value))
	}
	slices.Sort(list)
	return list
}

func (w *world) fail(format string, a ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\n%s", fmt.Sprintf(format, a...), strings.Join(w.log, "\n"))
}

func (w *world) tell(c *flash, events []Event) {
	if len(events) == 0 {
		return
	}
	if c.proxied {
		events = slices.Clone(events)
		for i := range events {
			if events[i].Type == Success {
				events[i].Type = ChangeEcho
			}
		}
	}
	c.down = append(c.down, &Message{Name: "so", Version: w.o.Version(), Events: events})
}

func (w *world) flush() {
	common, special := w.o.Flush()
	for _, c := range w.clients {
		if !w.o.Uses(c.id) {
			continue
		}
		if own, ok := special[c.id]; ok {
			w.tell(c, own)
			continue
		}
		w.tell(c, common)
	}
}

func (w *world) down(c *flash) {
	if len(c.down) == 0 {
		return
	}
	m := wire(w.t, c.down[0], c.amf3)
	c.down = c.down[1:]
	c.r.Receive(m)
	w.note("client %d hears %s, has %v", c.id, describe(m), contents(c.r.Slots()))
}

func describe(m *Message) string {
	s := fmt.Sprintf("version %d", m.Version)
	for _, e := range m.Events {
		s += fmt.Sprintf(", %v %s", e.Type, e.Key)
		if e.Value != nil {
			s += fmt.Sprintf("=%v", e.Value)
		}
	}
	return s
}

// wire sends a message through its bytes.
func wire(t *testing.T, m *Message, amf3 bool) *Message {
	t.Helper()
	b, err := m.Append(nil, amf3)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(b, amf3, ParseLimits{})
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// rest lets everything arrive that is on its way.
func (w *world) rest() {
	for _, c := range w.clients {
		for len(c.up) > 0 {
			w.up(c)
		}
	}
	w.flush()
	for _, c := range w.clients {
		for len(c.down) > 0 {
			w.down(c)
		}
	}
}

// Whatever happens in whatever order, clients lost and returned included, all end with the same state, which is the model's.
func TestEveryClientConverges(t *testing.T) {
	runs := 10000
	if s := os.Getenv("PENSTOCK_INTERLEAVINGS"); s != "" {
		runs, _ = strconv.Atoi(s)
	} else if testing.Short() {
		runs = 1000
	}
	for seed := range uint64(runs) {
		w := newWorld(t, seed)
		for range 30 + w.rnd.IntN(120) {
			w.step()
		}
		w.rest()
		want := contents(w.o.Slots())
		for _, c := range w.clients {
			if got := contents(c.r.Slots()); !slices.Equal(got, want) {
				w.fail("seed %d: client %d (mute %t, read only %t) has %v, the object %v", seed, c.id, c.mute, c.readOnly, got, want)
			}
		}
		bytes := 0
		for k, s := range w.o.slots {
			bytes += len(k) + len(s.raw)
		}
		if bytes != w.o.Bytes() || len(w.o.removed) > w.o.limits.ResyncDepth || len(w.o.gone) > len(w.o.removed) {
			w.fail("seed %d: %d bytes counted, %d there; %d removals known", seed, w.o.Bytes(), bytes, len(w.o.removed))
		}
	}
}
