package script

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// A client that leaves before it was answered is forgotten; one that was accepted just then has left as far as the script knows.
func TestClientsThatLeaveEarly(t *testing.T) {
	s := serve(t, `
		application.onConnect = function (client, how) {
			if (how == "watch") return true;
			trace("waits " + how);
			if (how == "accepted") {
				this.acceptConnection(client);
				for (var end = Date.now() + 300; Date.now() < end;) {} // it leaves meanwhile
			}
			if (how == "late") setTimeout(function () { trace("late " + application.acceptConnection(client) + client.call("x") + client.ping() + client.getStats()); }, 300);
		};
		application.onDisconnect = function (client) { trace("left"); };
		Client.prototype.count = function () { return application.clients.length; };
	`)
	w := s.open("a", "watch")
	pending := s.peer()
	pending.Connect("test/a", rtmptest.Args("pending"))
	s.logs("waits pending")
	if got := call(w, "count"); got != "1" { // who is not in yet is none of application.clients
		t.Errorf("clients beside one that waits: %s", got)
	}
	pending.Close()
	for _, how := range []string{"never", "late", "accepted"} {
		p := s.peer()
		p.Connect("test/a", rtmptest.Args(how))
		s.logs("waits " + how)
		p.Close()
		eventually(t, how+" is forgotten", func() bool {
			s.app.mu.Lock()
			in := s.app.instances["a"]
			s.app.mu.Unlock()
			known := 0
			return in.do(t.Context(), func() { known = len(in.clients) + len(in.byThis) }) == nil && known == 2
		})
	}
	s.logs("late falsefalsefalseundefined")
	s.logs("says=left")
	if n := strings.Count(s.log.String(), "says=left"); n != 1 {
		t.Errorf("onDisconnect was called %d times, once is right", n)
	}
}

// Nothing that a script leaves lying about for the server to step on is more than an error of the script's.
func TestTraps(t *testing.T) {
	s := serve(t, `
		function trap(o, name) { Object.defineProperty(o, name, {enumerable: true, get: function () { throw new Error("trap"); }}); }
		application.onConnect = function (client, what) {
			if (what == "access") { trap(client, "readAccess"); trap(client, "writeAccess"); }
			if (what == "text") client.readAccess = {toString: function () { throw new Error("trap"); }};
			if (what == "responder") { var r = {}; trap(r, "onResult"); trap(r, "onStatus"); client.call("ask", r); }
			if (what == "sync") { var so = SharedObject.get("x"); trap(so, "onSync"); trap(so, "hi"); so.setProperty("a", 1); so.send("hi"); }
			if (what == "disconnect") trap(application, "onDisconnect");
			if (what == "publish") trap(application, "onPublish");
			if (what == "resolve") trap(client, "__resolve");
			return true;
		};
		application.onStatus = function (info) { trace(info.code + " " + info.level + " in " + info.details); throw new Error("trap"); };
		Client.prototype.ping = function () { return "pong"; };
		Client.prototype.trapped = function () { var o = {}; trap(o, "x"); return o; };
		Client.prototype.forever = function () { return {get x() { for (;;) {} }}; };
	`, func(o *Options) { o.EntryTime = time.Second })
	for _, what := range []string{"access", "text", "sync", "responder", "publish", "resolve", "disconnect"} {
		p := s.open("a", what)
		switch what {
		case "access", "text":
			p.CreateStream()
			p.Play("x", -1.0)
			p.WantStatus(status.PlayFailed)
		case "publish":
			p.CreateStream()
			p.Publish("x")
			p.WantStatus(status.PublishDenied)
		case "responder":
			m := p.WantCommand("ask")
			p.Send(m.Command.Result(nil, "x"))
		case "resolve":
			p.WantError(p.Call("nothing"), status.CallFailed)
		}
		p.WantError(p.Call("trapped"), status.CallFailed)
		if got := call(p, "ping"); got != `"pong"` {
			t.Errorf("after %s: %s", what, got)
		}
		p.Close()
	}
	s.logs("Application.Script.Error error in method trapped")
	q := s.open("a")
	q.Send(&rtmp.Command{Name: "forever"})
	q.WantStatus(status.ConnectAppShutdown)
}

// An instance that is shut down from within says goodbye to everyone, in order, and starts anew.
func TestShutdown(t *testing.T) {
	s := serve(t, `
		var n = 0;
		application.onConnect = function (client, how) {
			if (how == "shutdown") this.shutdown();
			client.n = ++n;
			return true;
		};
		application.onAppStop = function (info) { trace("stop " + info.code); this.broadcastMsg("bye", 1); };
		application.onDisconnect = function (client) { trace("left " + client.n); };
		Client.prototype.n = function () { return n; };
		Client.prototype.end = function () { application.shutdown(); return "ends"; };
	`)
	p := s.open("a")
	q := s.peer()
	q.Connect("test/a", rtmptest.Args("shutdown"))
	p.WantCommand("bye")
	p.WantStatus(status.ConnectAppShutdown)
	q.WantStatus(status.ConnectSuccess) // it was let in, and then
	q.WantCommand("onBWDone")
	q.WantCommand("bye")
	q.WantStatus(status.ConnectAppShutdown)
	for _, words := range []string{"stop Application.Shutdown", "left 1", "left 2"} {
		s.logs(words)
	}
	again := s.open("a")
	again.Send(&rtmp.Command{Name: "end"})
	again.WantCommand("bye")
	again.WantStatus(status.ConnectAppShutdown)
}

// An application that is unloaded starts anew when it is loaded.
func TestUnload(t *testing.T) {
	s := serve(t, `var n = 0; Client.prototype.count = function () { return ++n; }; application.onAppStop = function () { trace("stop"); };`)
	s.srv.OnUnload = func(name string) {
		if name == "test" {
			s.app.Unload()
		}
	}
	p := s.open("a")
	call(p, "count")
	s.srv.Unload("test")
	p.WantStatus(status.ConnectAppShutdown)
	s.logs("says=stop")
	q := s.peer()
	q.Connect("test/a")
	q.WantStatus(status.ConnectAppShutdown)
	s.srv.Load("test")
	if got := call(s.open("a"), "count"); got != "1" {
		t.Errorf("after load: %s", got)
	}
}

// onAppStop may keep an instance that nobody uses.
func TestKeptInstance(t *testing.T) {
	s := serve(t, `
		var n = 0, asked = 0;
		Client.prototype.count = function () { return ++n; };
		application.onAppStop = function (info) { trace("asked " + ++asked); return asked > 2; };
	`, func(o *Options) { o.Idle = 20 * time.Millisecond })
	p := s.open("a")
	call(p, "count")
	p.Close()
	s.logs("asked 3")
	s.logs("application stopped")
	if got := call(s.open("a"), "count"); got != "1" {
		t.Errorf("afterwards: %s", got)
	}
}

// Instances that end while clients connect let no client fall between.
func TestEndingWhileConnecting(t *testing.T) {
	s := serve(t, `Client.prototype.name = function () { return application.name; };`, func(o *Options) { o.Idle = time.Millisecond })
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 25 {
				p := s.open(fmt.Sprint(i % 2))
				call(p, "name")
				p.Close()
			}
		})
	}
	wg.Wait()
	eventually(t, "all instances end", func() bool { return len(s.app.Instances()) == 0 })
}

// A thousand clients of one instance, that hardly has a queue: everyone hears everything in order, and nobody stays behind.
func TestManyClients(t *testing.T) {
	s := serve(t, `
		application.onConnect = function (client, many) { this.acceptConnection(client); for (var i = 300 - many; i < 300; i++) client.call("n", null, i); };
		Client.prototype.tell = function () { for (var i = 300; i < 310; i++) application.broadcastMsg("n", i); };
		Client.prototype.count = function () { return application.clients.length; };
	`, func(o *Options) { o.Queue = 4 })
	const clients = 1000
	peers := make([]*rtmptest.Peer, clients)
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for i := part; i < clients; i += 4 {
				many := 5
				if i%100 == 0 {
					many = 300
				}
				peers[i] = s.open("a", float64(many))
				for n := 300 - many; n < 300; n++ {
					if m := peers[i].WantCommand("n"); m.Args[0] != float64(n) {
						t.Errorf("client %d: %v, want %d", i, m.Args, n)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	peers[0].Send(&rtmp.Command{Name: "tell"})
	for i, p := range peers {
		for n := 300; n < 310; n++ {
			if m := p.WantCommand("n"); m.Args[0] != float64(n) {
				t.Fatalf("client %d: %v, want %d", i, m.Args, n)
			}
		}
	}
	if got := call(peers[0], "count"); got != fmt.Sprint(clients) {
		t.Errorf("%s clients", got)
	}
	for _, p := range peers[1:] {
		p.Close()
	}
	eventually(t, "all are gone", func() bool { return call(peers[0], "count") == "1" })
}

// A client that takes nothing is ended, and hears why, before what waits for it has no bound.
func TestClientThatDoesNotKeepUp(t *testing.T) {
	in := &instance{log: slog.New(slog.DiscardHandler)}
	gone := make(chan struct{})
	mux := app.NewMux()
	mux.HandleFunc("x", func(_ context.Context, c *app.Client, _ []amf.Value) (app.Session, error) {
		held := &client{in: in, app: c, ready: make(chan struct{}, 1)}
		go func() {
			<-c.Answered()
			for range maxOut + 1 {
				held.queue(func() {})
			}
			close(gone)
		}()
		return nothing{}, nil
	})
	srv := &app.Server{Handler: mux, Log: in.log}
	defer srv.Close()
	p := rtmptest.Pipe(t, srv.ServeConn)
	p.Open("x")
	p.WantCommand("onBWDone")
	<-gone
	if st := p.WantStatus(status.ConnectClosed); !strings.Contains(amf.Format(st.Args[0]), "keep up") {
		t.Errorf("told %s", amf.Format(st.Args[0]))
	}
}

type nothing struct{}

func (nothing) Close(error) {}
