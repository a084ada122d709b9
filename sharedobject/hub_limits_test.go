package sharedobject

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// Every limit on what clients use, by name.
func TestHubLimits(t *testing.T) {
	for _, tt := range []struct {
		limit string
		hub   Limits
		each  Limits
		code  string
		do    func(a, b *client)
	}{
		{"shared_objects", Limits{Objects: 2}, Limits{}, ObjectCreationFailed, func(a, _ *client) { a.use("1"); a.use("2"); a.use("3") }},
		{"shared_objects_per_client", Limits{}, Limits{PerMember: 2}, ObjectCreationFailed, func(a, _ *client) { a.use("1"); a.use("2"); a.use("3") }},
		{"shared_object_members", Limits{Members: 1}, Limits{}, ObjectCreationFailed, func(a, b *client) { b.use("1"); a.use("1") }},
		{"shared_object_name_bytes", Limits{NameBytes: 3}, Limits{}, ObjectCreationFailed, func(a, _ *client) { a.use("1234") }},
		{"shared_object_name_depth", Limits{NameDepth: 2}, Limits{}, ObjectCreationFailed, func(a, _ *client) { a.use("1/2/3") }},
		{"shared_objects_bytes", Limits{HubBytes: 30}, Limits{}, NoWriteAccess, func(a, b *client) {
			a.use("1")
			b.use("2")
			b.say("2", 0, set("k", "20 bytes, nearly"))
			a.say("1", 0, set("k", "20 bytes, nearly"))
		}},
		{"shared_objects_stored_bytes", Limits{StoreBytes: 30}, Limits{}, NoWriteAccess, func(a, b *client) {
			b.say("2", FlagPersistent, Event{Type: Use})
			b.say("2", FlagPersistent, set("k", "20 bytes, nearly"))
			a.say("1", FlagPersistent, Event{Type: Use})
			a.say("1", FlagPersistent, set("k", "20 bytes, nearly"))
		}},
	} {
		t.Run(tt.limit, func(t *testing.T) {
			h := NewHub(quiet(Options{Limits: tt.hub, Store: new(MemoryStore)}))
			defer h.Close(context.Background())
			a, b := join(t, h, tt.each, nil), join(t, h, tt.each, nil)
			tt.do(a, b)
			a.wantRefused(tt.code, tt.limit)
			b.mu.Lock()
			defer b.mu.Unlock()
			if len(b.refused) > 0 {
				t.Errorf("what is allowed was refused: %v", b.refused[0])
			}
		})
	}
	// The limits are on what there is now, not what there was; and the stored count too.
	h := NewHub(quiet(Options{Limits: Limits{Objects: 1, HubBytes: 30, StoreBytes: 30}, Store: new(MemoryStore)}))
	defer h.Close(context.Background())
	for i := range 3 {
		a := join(t, h, Limits{}, nil)
		a.use(fmt.Sprint(i))
		a.say(fmt.Sprint(i), 0, set("k", "20 bytes, nearly"))
		a.Close()
		if len(a.refused) > 0 {
			t.Errorf("refused %v", a.refused[0])
		}
	}
	for i := range 3 { // one that nothing was written to is not kept
		a := join(t, h, Limits{}, nil)
		a.say(fmt.Sprint("p", i), FlagPersistent, Event{Type: Use})
		a.Close()
		if len(a.refused) > 0 {
			t.Errorf("refused %v", a.refused[0])
		}
	}
	a := join(t, h, Limits{}, nil)
	a.say("kept", FlagPersistent, Event{Type: Use})
	a.say("kept", FlagPersistent, set("k", true))
	a.Close()
	if err := h.saver.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.Objects(); len(got) != 0 {
		t.Errorf("in memory: %+v", got)
	}
	b := join(t, h, Limits{}, nil)
	b.say("another", FlagPersistent, Event{Type: Use})
	b.wantRefused(ObjectCreationFailed, "shared_objects")
}

// Who sends too much is waited for, and loses nothing.
func TestUpdateRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Options{})
		defer h.Close(context.Background())
		a := join(t, h, Limits{UpdateRate: 10}, nil)
		a.use("x")
		begin := time.Now()
		for i := range 39 { // 20 at once, with the use; then 10 a second
			a.say("x", 0, set(fmt.Sprint("k", i), nil))
		}
		if d := time.Since(begin); d < 1900*time.Millisecond || d > 2100*time.Millisecond {
			t.Errorf("it took %v", d)
		}
		if got := h.Objects()[0].Slots; got != 39 {
			t.Errorf("%d slots", got)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(io.EOF)
		if err := a.Receive(ctx, Incoming{Message: &Message{Name: "x"}}); err != io.EOF {
			t.Errorf("without time: %v", err)
		}
	})
}
