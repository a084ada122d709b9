package sharedobject

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"penstock/amf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is a client of a hub in a test: what it was told, and what it was refused.
type client struct {
	*Client
	t testing.TB

	mu      sync.Mutex
	told    []string
	refused []*Refusal
	times   []time.Time
}

// join returns a client that may use and change everything of h, unless grant says otherwise.
func join(t testing.TB, h *Hub, l Limits, grant func(Request, *Grant) error) *client {
	c := &client{t: t}
	c.Client = NewClient(ClientOptions{
		Limits: l,
		Send: func(payload []byte, amf3 bool) {
			m, err := Parse(payload, amf3, ParseLimits{Events: 1 << 20})
			if err != nil {
				t.Error(err)
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.told = append(c.told, phrase(m.Events))
			c.times = append(c.times, time.Now())
		},
		Refused: func(r *Refusal) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.refused = append(c.refused, r)
		},
		Admit: func(_ context.Context, r Request) (Grant, error) {
			g := Grant{Hub: h, Instance: "room", Write: true, Create: true}
			if grant != nil {
				if err := grant(r, &g); err != nil {
					return Grant{}, err
				}
			}
			return g, nil
		},
	})
	return c
}

func (c *client) say(name string, flags uint32, events ...Event) {
	c.t.Helper()
	err := c.Receive(c.t.Context(), Incoming{Message: &Message{Name: name, Flags: flags, Version: 1 << 20, Events: events}, Size: 100})
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) use(name string) { c.say(name, 0, Event{Type: Use}) }

// wantTold compares all it was told since the last time.
func (c *client) wantTold(messages ...string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if fmt.Sprint(c.told) != fmt.Sprint(messages) {
		c.t.Errorf("told %q, want %q", c.told, messages)
	}
	c.told = nil
}

// wantRefused compares the last refusal.
func (c *client) wantRefused(code, limit string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.refused) == 0 {
		c.t.Fatalf("nothing was refused, want %s %s", code, limit)
	}
	r := c.refused[len(c.refused)-1]
	var le *LimitError
	if r.Code != code || limit != "" && (!errors.As(r, &le) || le.Option != limit) {
		c.t.Errorf("refused %v, want %s %s", r, code, limit)
	}
	c.refused = nil
}

func quiet(o Options) Options {
	o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	return o
}

const first = "use success, clear"

// A change after a rest is told at once; what changes within the interval travels together.
func TestCoalescing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Options{Interval: 40 * time.Millisecond})
		defer h.Close(context.Background())
		a, b := join(t, h, Limits{}, nil), join(t, h, Limits{}, nil)
		a.use("x")
		b.use("x")
		a.wantTold(first)
		b.wantTold(first)
		time.Sleep(time.Second)
		start := time.Now()
		for i := range 20 {
			a.say("x", 0, set("k", float64(i)))
			time.Sleep(7 * time.Millisecond)
		}
		time.Sleep(time.Second)
		b.mu.Lock()
		defer b.mu.Unlock()
		if fmt.Sprint(b.told) != "[change k=0 change k=5 change k=11 change k=17 change k=19]" {
			t.Errorf("told %q", b.told)
		}
		for i, at := range b.times[1:] {
			if want := time.Duration(i) * 40 * time.Millisecond; at.Sub(start) != want {
				t.Errorf("message %d after %v, want %v", i, at.Sub(start), want)
			}
		}
	})
}

// With many members the interval grows; what is much does not wait for it.
func TestInterval(t *testing.T) {
	h := NewHub(Options{})
	defer h.Close(context.Background())
	l := newLive(h, place{"", "x"}, false)
	for members, want := range map[int]time.Duration{0: 20 * time.Millisecond, 250: 35 * time.Millisecond, 500: 50 * time.Millisecond, 2000: 50 * time.Millisecond} {
		l.members = make(map[ID]*attachment)
		for i := range members {
			l.members[ID(i)] = nil
		}
		if got := l.interval(); got != want {
			t.Errorf("%d members: %v", members, got)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Options{Interval: time.Hour})
		defer h.Close(context.Background())
		a, b := join(t, h, Limits{UpdateRate: 1e6}, nil), join(t, h, Limits{}, nil)
		a.use("x")
		b.use("x")
		a.say("x", 0, set("k", 1.0))
		b.wantTold(first, "change k=1")
		for range 8 {
			a.say("x", 0, Event{Type: Send, Handler: "f", Args: []amf.Value{strings.Repeat("x", 40_000)}})
		}
		b.wantTold(strings.TrimSuffix(strings.Repeat("send f, ", 7), ", ")) // beyond 256 KiB
	})
}

// Within a lock nobody is told anything, and what clients ask waits.
func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(quiet(Options{Interval: time.Millisecond}))
		defer h.Close(context.Background())
		s, err := h.Get(t.Context(), "room", "x", false)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		a, b := join(t, h, Limits{}, nil), join(t, h, Limits{}, nil)
		a.use("x")
		a.wantTold(first)
		time.Sleep(time.Second)
		s.Lock()
		s.Lock()
		for i := range 3 {
			if err := s.Set("k", float64(i)); err != nil {
				t.Fatal(err)
			}
		}
		a.say("x", 0, set("mine", true))
		b.use("x")
		time.Sleep(time.Second)
		a.wantTold()
		b.wantTold()
		if v, _ := s.Get("k"); v != 2.0 {
			t.Errorf("k is %v", v)
		}
		if _, ok := s.Get("mine"); ok {
			t.Error("a client changed a locked object")
		}
		s.Unlock()
		time.Sleep(time.Second)
		a.wantTold()
		s.Unlock()
		s.Unlock() // one too many is none
		time.Sleep(time.Second)
		a.wantTold("change k=2", "success mine, change mine=true")
		b.wantTold("use success, clear, change k=2, change mine=true")
		if _, ok := s.Get("mine"); !ok {
			t.Error("what a client asked during a lock was lost")
		}
	})
	// What waits is bounded.
	for option, l := range map[string]Limits{"shared_object_deferred": {Deferred: 2}, "shared_object_deferred_bytes": {DeferredBytes: 250}} {
		h := NewHub(quiet(Options{Limits: l}))
		s, err := h.Get(t.Context(), "room", "x", false)
		if err != nil {
			t.Fatal(err)
		}
		a := join(t, h, Limits{}, nil)
		a.use("x")
		s.Lock()
		for i := range 2 {
			a.say("x", 0, set("k", float64(i)))
		}
		a.say("x", 0, set("k", "too much"))
		a.wantRefused(NoWriteAccess, option)
		b := join(t, h, Limits{}, nil)
		b.use("x") // who would come waits too, and counts
		b.wantRefused(ObjectCreationFailed, option)
		if b.InUse() {
			t.Error("who was refused uses the object")
		}
		s.Unlock()
		if v, _ := s.Get("k"); v != 1.0 {
			t.Errorf("k is %v", v)
		}
		s.Close()
		a.Close()
		_ = h.Close(context.Background())
	}
}

func TestUpdate(t *testing.T) {
	h := NewHub(Options{Interval: time.Millisecond, Limits: Limits{Slots: 3, ObjectBytes: 60, ValueBytes: 30, KeyBytes: 4}})
	defer h.Close(context.Background())
	s, err := h.Get(t.Context(), "room", "x", false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a := join(t, h, Limits{}, nil)
	a.use("x")
	a.wantTold(first)
	before := s.Version()
	err = s.Update(func(tx *Tx) error {
		for _, err := range []error{tx.Set("a", 1), tx.Set("b", map[string]any{"x": true}), tx.Send("hello", []int{1})} {
			if err != nil {
				return err
			}
		}
		if v, ok := tx.Get("a"); !ok || v != int32(1) {
			t.Errorf("within the update a is %v", v)
		}
		tx.Remove("a")
		if _, ok := tx.Get("a"); ok {
			t.Error("a is there after Remove")
		}
		return tx.Set("c", "x")
	})
	if err != nil || s.Version() != before+1 {
		t.Errorf("version %d after %d, %v", s.Version(), before, err)
	}
	slots, version := s.Slots()
	// What is refused changes nothing at all.
	boom := errors.New("boom")
	for name, f := range map[string]func(*Tx) error{
		"own": func(tx *Tx) error { tx.Clear(); return boom },
		"shared_object_slots": func(tx *Tx) error {
			tx.Remove("b")
			return errors.Join(tx.Set("d", 1), tx.Set("e", 1), tx.Set("f", 1))
		},
		"shared_object_total_bytes": func(tx *Tx) error {
			return errors.Join(tx.Set("c", strings.Repeat("x", 26)), tx.Set("d", strings.Repeat("x", 26)))
		},
		"shared_object_value_bytes": func(tx *Tx) error { return errors.Join(tx.Set("a", 1), tx.Set("d", strings.Repeat("x", 31))) },
		"shared_object_key_bytes":   func(tx *Tx) error { return tx.Set("12345", 1) },
		"no AMF":                    func(tx *Tx) error { return tx.Set("d", make(chan int)) },
	} {
		err := s.Update(f)
		var le *LimitError
		if err == nil || name == "own" && err != boom || strings.HasPrefix(name, "shared") && (!errors.As(err, &le) || le.Option != name) {
			t.Errorf("%s: %v", name, err)
		}
		if now, v := s.Slots(); fmt.Sprint(now) != fmt.Sprint(slots) || v != version {
			t.Errorf("%s changed the object: %v at version %d", name, now, v)
		}
	}
	// As much as there may be, after a clear.
	err = s.Update(func(tx *Tx) error {
		tx.Clear()
		if _, ok := tx.Get("b"); ok {
			t.Error("b is there after Clear")
		}
		return errors.Join(tx.Set("x", strings.Repeat("x", 26)), tx.Set("y", strings.Repeat("x", 26)))
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWatch(t *testing.T) {
	h := NewHub(Options{Interval: time.Millisecond, Limits: Limits{UpdateRate: 1e6}})
	defer h.Close(context.Background())
	s, err := h.Get(t.Context(), "room", "x", false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Set("k", "before"); err != nil {
		t.Fatal(err)
	}
	w := s.Watch()
	a := join(t, h, Limits{UpdateRate: 1e6}, nil)
	a.use("x")
	a.say("x", 0, set("k", 1.0), Event{Type: Send, Handler: "f", Args: []amf.Value{2.0}}, unset("k"), wipe)
	var got []string
	for len(got) < 4 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		notices, err := w.Next(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range notices {
			got = append(got, fmt.Sprintf("%s %s %v %v", n.Code, n.Key, n.Value, n.Args))
		}
	}
	if want := "[clear  <nil> [] change k before [] message f <nil> [2] clear  <nil> []]"; fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	// One that looks away for long is told the whole object in place of everything.
	for i := range maxNotices + 10 {
		a.say("x", 0, Event{Type: Send, Handler: "f"}, set("k", float64(i)))
	}
	last := float64(maxNotices + 9)
	synced := false
	for deadline := time.Now().Add(20 * time.Second); !synced && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
		notices, err := w.Next(t.Context())
		if err != nil || len(notices) > maxNotices {
			t.Fatalf("%d notices, %v", len(notices), err)
		}
		for _, n := range notices {
			synced = synced || n.Code == Changed && n.Value == last
		}
	}
	if !synced {
		t.Error("the last value was not told")
	}
	w.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.EOF)
	if _, err := w.Next(ctx); err != io.EOF {
		t.Errorf("Next without time: %v", err)
	}
}

type coded struct{ error }

func (coded) StatusEvent() (code, level string) { return "My.Code", "warning" }

func TestAdmission(t *testing.T) {
	h := NewHub(quiet(Options{Interval: time.Millisecond}))
	defer h.Close(context.Background())
	a := join(t, h, Limits{}, func(r Request, g *Grant) error {
		switch r.Name {
		case "no":
			return errors.New("no")
		case "coded":
			return coded{errors.New("no")}
		}
		g.Write, g.Create = r.Name != "read", r.Name != "old"
		return nil
	})
	a.use("no")
	a.wantTold("status SharedObject.NoReadAccess")
	a.wantRefused(NoReadAccess, "")
	a.use("coded")
	a.wantTold("status My.Code")
	a.wantRefused("My.Code", "")
	a.use("old")
	a.wantTold("status SharedObject.ObjectCreationFailed")
	a.wantRefused(ObjectCreationFailed, "")
	s, err := h.Get(t.Context(), "room", "old", false)
	if err != nil {
		t.Fatal(err)
	}
	a.use("old")
	a.wantTold(first)
	s.Close()
	a.say("p", FlagPersistent, Event{Type: Use}) // no store
	a.wantTold("status SharedObject.ObjectCreationFailed")
	a.use("read")
	a.say("read", 0, set("k", 1.0))
	a.wantTold(first, "status SharedObject.NoWriteAccess, remove k")
	a.wantRefused(NoWriteAccess, "")
	a.say("never used", 0, set("k", 1.0))
	a.wantTold("status SharedObject.NoWriteAccess")
	a.wantRefused(NoWriteAccess, "")
	a.say("read", FlagPersistent, Event{Type: Use})
	a.wantTold("status SharedObject.BadPersistence")
	a.use("read") // again: everything again
	a.wantTold(first)
	if got := a.Uses(); len(got) != 2 || !a.InUse() {
		t.Errorf("uses %q", got)
	}
	// Other instances have objects of their own.
	s, err = h.Get(t.Context(), "other room", "read", false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if infos := h.Objects(); len(infos) != 3 {
		t.Errorf("%+v", infos)
	}
	a.say("read", 0, Event{Type: Release})
	a.Close()
	a.Close()
	a.use("x")
	a.wantTold()
	if infos := h.Objects(); len(infos) != 1 || infos[0].Instance != "other room" {
		t.Errorf("%+v", infos)
	}
}

func TestClosedHub(t *testing.T) {
	h := NewHub(quiet(Options{}))
	s, err := h.Get(t.Context(), "room", "x", false)
	if err != nil {
		t.Fatal(err)
	}
	a := join(t, h, Limits{}, nil)
	a.use("x")
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Set("k", 1.0); err != ErrHubClosed {
		t.Errorf("Set: %v", err)
	}
	if _, err := h.Get(t.Context(), "room", "y", false); err != ErrHubClosed {
		t.Errorf("Get: %v", err)
	}
	a.say("x", 0, set("k", 1.0))
	a.wantRefused(NoWriteAccess, "")
	w := s.Watch()
	w.Close()
	a.Close()
	s.Close()
	s.Close()
}
