package hostile

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/sharedobject"
)

var objectLimits = sharedobject.Limits{
	Objects: 8, Slots: 16, KeyBytes: 32, ValueBytes: 4 << 10, ObjectBytes: 12 << 10, HubBytes: 30 << 10, StoreBytes: 20 << 10,
	NameBytes: 64, NameDepth: 4, Members: 3, PerMember: 4, UpdateRate: 20, EventCount: 64, Deferred: 8, DeferredBytes: 8 << 10, ResyncDepth: 4,
}

// sharer is a session that shares everything, and locks an object when it is asked to.
type sharer struct {
	app.Methods
	hub *sharedobject.Hub
}

func (s sharer) Share(context.Context, *app.ShareRequest) (*sharedobject.Hub, error) {
	return s.hub, nil
}

// objects is the application with shared objects. Each attacker has a hub of its own, by the name of the instance.
func (s *stage) objects(ctx context.Context, c *app.Client, _ []amf.Value) (app.Session, error) {
	hub := s.hub(c.Instance)
	locked, err := hub.Get(ctx, c.Instance, "locked", false)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(c.Context(), locked.Close)
	return sharer{app.Methods{
		"lock":   func(context.Context, []amf.Value) (amf.Value, error) { locked.Lock(); return true, nil },
		"unlock": func(context.Context, []amf.Value) (amf.Value, error) { locked.Unlock(); return true, nil },
		"slots": func(context.Context, []amf.Value) (amf.Value, error) {
			for _, i := range hub.Objects() {
				if i.Name == "x" {
					return float64(i.Slots), nil
				}
			}
			return 0.0, nil
		},
	}, hub}, nil
}

func (s *stage) hub(instance string) *sharedobject.Hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	hub := s.hubs[instance]
	if hub == nil {
		hub = sharedobject.NewHub(sharedobject.Options{Limits: objectLimits, Store: new(sharedobject.MemoryStore), Log: slog.New(slog.DiscardHandler)})
		if s.hubs == nil {
			s.hubs = make(map[string]*sharedobject.Hub)
		}
		s.hubs[instance] = hub
	}
	return hub
}

func (p *peer) object(name string, flags uint32, events ...sharedobject.Event) {
	m := sharedobject.Message{Name: name, Version: 1 << 30, Flags: flags, Events: events}
	b, err := m.Append(nil, false)
	if err != nil {
		p.a.t.Fatal(err)
	}
	p.body(rtmp.TypeSharedObjectAMF0, 0, b)
}

func (p *peer) use(names ...string) {
	for _, name := range names {
		p.object(name, 0, sharedobject.Event{Type: sharedobject.Use})
	}
}

func put(key string, size int) sharedobject.Event {
	return sharedobject.Event{Type: sharedobject.RequestChange, Key: key, Value: strings.Repeat("x", size)}
}

// wantEvent waits for a shared object message in which a text stands.
func (p *peer) wantEvent(text string) {
	p.a.t.Helper()
	p.until(text, func(m *answer) bool {
		return m.Type == rtmp.TypeSharedObjectAMF0 && bytes.Contains(m.Payload, []byte(text))
	})
	p.note(text)
}

// refused is an attack on the objects of an instance, after which the attacker lives on.
func refused(name, rule, code string, send func(a *attack, p *peer)) row {
	return row{name: name, run: func(a *attack) {
		p := a.connected("objects/" + rule)
		p.chunkSize(64 << 10)
		send(a, p)
		p.wantEvent(code)
		p.alive()
	}, cause: app.CauseLimit, rule: rule}
}

// objectRows attack with shared objects.
func objectRows() []row {
	const create, write = sharedobject.ObjectCreationFailed, sharedobject.NoWriteAccess
	slot := func(i int) string { return fmt.Sprint("slot ", i) }
	fill := func(p *peer, name string, flags uint32) {
		p.object(name, flags, sharedobject.Event{Type: sharedobject.Use})
		p.object(name, flags, put("a", 3900), put("b", 3900), put("c", 3900))
	}
	return []row{
		refused("more shared objects than may be", "shared_objects", create, func(a *attack, p *peer) {
			other := a.connected("objects/shared_objects")
			other.use("1", "2", "3", "4")
			a.eventually("there are four objects", func() bool { return len(a.s.hub("shared_objects").Objects()) == 5 })
			p.use("5", "6", "7", "8")
		}),
		refused("more shared objects than one may use", "shared_objects_per_client", create, func(_ *attack, p *peer) { p.use("1", "2", "3", "4", "5") }),
		refused("a crowd on one object", "shared_object_members", create, func(a *attack, p *peer) {
			for range 3 {
				other := a.connected("objects/shared_object_members")
				other.use("x")
				other.wantEvent("x")
			}
			p.use("x")
		}),
		refused("a shared object with a long name", "shared_object_name_bytes", create, func(_ *attack, p *peer) { p.use(strings.Repeat("n", 65)) }),
		refused("a shared object in deep folders", "shared_object_name_depth", create, func(_ *attack, p *peer) { p.use("a/b/c/d/e") }),
		refused("more slots than may be", "shared_object_slots", write, func(_ *attack, p *peer) {
			p.use("x")
			var all []sharedobject.Event
			for i := range 17 {
				all = append(all, put(slot(i), 1))
			}
			p.object("x", 0, all...)
		}),
		refused("a slot with a long name", "shared_object_key_bytes", write, func(_ *attack, p *peer) { p.use("x"); p.object("x", 0, put(strings.Repeat("k", 33), 1)) }),
		refused("a slot with a long value", "shared_object_value_bytes", write, func(_ *attack, p *peer) { p.use("x"); p.object("x", 0, put("k", 5000)) }),
		refused("a large object", "shared_object_total_bytes", write, func(_ *attack, p *peer) { fill(p, "x", 0); p.object("x", 0, put("d", 3900)) }),
		refused("many large objects", "shared_objects_bytes", write, func(_ *attack, p *peer) { fill(p, "x", 0); fill(p, "y", 0); fill(p, "z", 0) }),
		refused("many large persistent objects", "shared_objects_stored_bytes", write, func(_ *attack, p *peer) {
			fill(p, "x", sharedobject.FlagPersistent)
			fill(p, "y", sharedobject.FlagPersistent)
		}),
		refused("changes of a locked object", "shared_object_deferred", write, func(_ *attack, p *peer) {
			p.use("locked")
			p.call(2, "lock")
			for i := range 12 {
				p.object("locked", 0, put(slot(i), 1))
			}
			p.call(3, "unlock")
		}),
		refused("large changes of a locked object", "shared_object_deferred_bytes", write, func(_ *attack, p *peer) {
			p.use("locked")
			p.call(2, "lock")
			for i := range 4 {
				p.object("locked", 0, put(slot(i), 3000))
			}
			p.call(3, "unlock")
		}),
		{name: "a shared object message of many events", run: func(a *attack) {
			p := a.connected("objects/events")
			p.use("x")
			var all []sharedobject.Event
			for range 65 {
				all = append(all, sharedobject.Event{Type: sharedobject.RequestRemove, Key: "k"})
			}
			p.object("x", 0, all...)
			p.alive()
		}, cause: app.CauseEncoding, rule: "shared_object_events"},
		{name: "many changes at once", options: []string{"shared_object_update_rate"}, run: func(a *attack) {
			p := a.connected("objects/rate")
			p.use("x")
			p.wantEvent("x")
			began := time.Now()
			for i := range 16 {
				for range 5 {
					p.object("x", 0, put(slot(i), 1))
				}
			}
			p.call(9, "slots")
			p.wantResult(9) // behind the changes, which have to wait: 40 at once, then 20 a second
			if d := time.Since(began); d < 1500*time.Millisecond {
				a.t.Errorf("80 changes took %v", d)
			}
			p.alive()
		}},
		{name: "slots made and removed", options: []string{"shared_object_resync_depth"}, run: func(a *attack) {
			p := a.connected("objects/depth")
			p.use("x")
			var all []sharedobject.Event
			for i := range 32 {
				all = append(all, put(slot(i), 1000), sharedobject.Event{Type: sharedobject.RequestRemove, Key: slot(i)})
			}
			for range 20 {
				p.object("x", 0, all...)
			}
			p.wantEvent("slot 31")
			p.alive()
		}},
		over("shared object messages that make no sense", atRPC, "unknown_messages", func(p *peer) {
			for range 150 {
				p.body(rtmp.TypeSharedObjectAMF0, 0, []byte("\x00\x01x garbage"))
			}
		}),
		over("10000 shared object messages at once", atRPC, "command_rate", func(p *peer) {
			var b []byte
			for range 10_000 {
				b = p.w.Append(b, &rtmp.Message{Type: rtmp.TypeSharedObjectAMF0, CSID: 6, Payload: append([]byte("\x00\x01x"), make([]byte, 12)...)})
			}
			p.raw(b)
		}),
	}
}
