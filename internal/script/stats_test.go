package script

import (
	"fmt"
	"testing"

	"penstock/app"
	running "penstock/app/instance"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// stats is what is known of an instance.
func (s *stage) stats(name string) running.Stats {
	for _, st := range s.app.Instances() {
		if st.Name == name {
			return st
		}
	}
	return running.Stats{}
}

// What an instance counts, of those that are there and those that have left.
func TestStats(t *testing.T) {
	s := serve(t, `
		application.onConnect = function (client, word) { if (word == "later") return; return word == "please"; };
		Client.prototype.yes = function () { return true; };
	`)
	p, q := s.open("a", "please"), s.open("a", "please")
	for range 2 {
		r := s.peer()
		r.Connect("test/a", rtmptest.Args("no"))
		r.WantError(1, status.ConnectRejected)
	}
	call(p, "yes")
	call(q, "yes")
	p.WantError(p.Call("no"), status.CallFailed)
	st := s.stats("a")
	if st.App != "test" || st.Kind != running.KindScript || st.Started.IsZero() || !st.IdleSince.IsZero() || st.Clients != 2 || st.Peak != 2 || st.Total != 2 ||
		st.Refused != 2 || st.BytesIn == 0 || st.BytesOut == 0 || st.Stopping {
		t.Errorf("%+v", st)
	}
	eventually(t, "calls are counted", func() bool { st := s.stats("a"); return st.Calls == 2 && st.CallsRefused == 1 })
	p.Close()
	q.Close()
	eventually(t, "both have left", func() bool { return s.stats("a").Clients == 0 })
	if st := s.stats("a"); st.IdleSince.IsZero() || st.Peak != 2 || st.Calls != 2 || st.BytesIn == 0 {
		t.Errorf("%+v", st)
	}
	s.open("a", "please")
	if st := s.stats("a"); !st.IdleSince.IsZero() || st.Total != 3 || st.Clients != 1 {
		t.Errorf("%+v", st)
	}
}

// Who is in an instance that is unloaded is told, in words of the operator's; who comes while it is ending waits for a new one.
func TestUnloadInstance(t *testing.T) {
	s := serve(t, `
		var n = 0;
		Client.prototype.count = function () { return ++n; };
		Client.prototype.work = function () { trace("busy " + application.name); var until = Date.now() + 100; while (Date.now() < until) {} };
	`)
	other := s.open("b")
	call(other, "count")
	if s.app.UnloadInstance("other", "b", "") || s.app.UnloadInstance("test", "c", "") {
		t.Error("what is not there was unloaded")
	}
	for round := range 8 { // whether the end or a client comes first is up to chance
		s.unloadBusy(fmt.Sprint("a", round))
	}
	if got := call(other, "count"); got != "2" {
		t.Errorf("in the other instance: %s", got)
	}
}

// unloadBusy unloads an instance while its script works and somebody connects.
func (s *stage) unloadBusy(name string) {
	t := s.t
	t.Helper()
	p := s.open(name)
	call(p, "count")
	p.Send(&rtmp.Command{Name: "work"})
	s.logs("busy test/" + name)
	if !s.app.UnloadInstance("test", name, "The room is being cleaned.") {
		t.Fatal("not unloaded")
	}
	if st := s.stats(name); !st.Stopping {
		t.Errorf("%+v", st)
	}
	if got := call(s.open(name), "count"); got != "1" {
		t.Errorf("in the new instance: %s", got)
	}
	if st := p.WantStatus(status.ConnectAppShutdown).Status; st.Description != "The room is being cleaned." {
		t.Errorf("told %q", st.Description)
	}
}

// An instance that nobody uses ends when that is wanted, unless its script says no; one that is used is not asked.
func TestCollect(t *testing.T) {
	s := serve(t, `application.onAppStop = function (info) { trace("asked " + this.name + " " + info.code); return this.name != "test/stays"; };`)
	for _, name := range []string{app.DefaultInstance, "stays"} {
		p := s.open(name)
		p.Close()
		eventually(t, "it is idle", func() bool { return !s.stats(name).IdleSince.IsZero() })
	}
	s.open("used")
	if n := s.app.Collect(); n != 2 {
		t.Errorf("%d are asked", n)
	}
	s.logs("asked test/stays Application.GC")
	eventually(t, "one ends", func() bool { return len(s.app.Instances()) == 2 })
	if s.stats("stays").Started.IsZero() || s.stats("used").Started.IsZero() {
		t.Error("one has ended that should not")
	}
}
