package script

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/app"
	"penstock/media"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/sharedobject"
	"penstock/status"
)

func TestMain(m *testing.M) {
	BoundRegexps(200 * time.Millisecond)
	goleak.VerifyTestMain(m)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
func (l *lockedBuffer) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// stage is a server with one scripted application, test.
type stage struct {
	t   *testing.T
	app *Application
	srv *app.Server
	dir string
	log lockedBuffer
	hub *sharedobject.Hub
	reg *media.Registry
}

// session adapts Session to the abilities, as the server does.
type session struct{ *Session }

func serve(t *testing.T, script string, change ...func(*Options)) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir(), hub: sharedobject.NewHub(sharedobject.Options{Name: "test", Store: &sharedobject.MemoryStore{}}), reg: media.NewRegistry(media.Options{})}
	s.write("main.asc", script)
	o := Options{Hub: s.hub, Registry: s.reg, Log: slog.New(slog.NewTextHandler(&s.log, nil))}
	for _, f := range change {
		f(&o)
	}
	var err error
	if s.app, err = Load("test", s.dir, o); err != nil {
		t.Fatal(err)
	}
	mux := app.NewMux()
	mux.HandleFunc("test", func(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
		in, err := s.app.Connect(ctx, c, args)
		if err != nil {
			return nil, err
		}
		return session{in}, nil
	})
	mux.Handle("other", app.Live(app.LiveOptions{Methods: app.Methods{"ping": func(context.Context, []amf.Value) (amf.Value, error) { return "pong", nil }}}))
	s.srv = &app.Server{Handler: mux, Registry: s.reg, Log: slog.New(slog.DiscardHandler)}
	t.Cleanup(func() {
		_ = s.srv.Close()
		s.app.Close()
		_ = s.hub.Close(context.Background())
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	return s
}

func (s *stage) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) peer() *rtmptest.Peer {
	p := rtmptest.Pipe(s.t, s.srv.ServeConn)
	p.Timeout = 10 * time.Second
	p.Handshake()
	return p
}

// open connects to an instance with arguments and wants to be let in.
func (s *stage) open(instance string, args ...amf.Value) *rtmptest.Peer {
	s.t.Helper()
	p := s.peer()
	p.Connect("test/"+instance, rtmptest.Args(args...))
	p.WantStatus(status.ConnectSuccess)
	p.WantCommand("onBWDone")
	return p
}

// call makes a call and returns the result, printed.
func call(p *rtmptest.Peer, name string, args ...amf.Value) string {
	m := p.WantResult(p.Call(name, args...))
	return amf.Format(m.Args[0])
}

func (s *stage) logs(words string) {
	s.t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(s.log.String(), words); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("the log does not say %q", words)
		}
	}
}

// Every way in which a script can answer a connect.
func TestConnect(t *testing.T) {
	s := serve(t, `
		application.onAppStart = function () { trace("started", this.name); };
		application.onConnect = function (client, how, what) {
			client.how = how;
			switch (how) {
			case "true": return true;
			case "false": return false;
			case "accept": this.acceptConnection(client); return;
			case "reject": this.rejectConnection(client, {message: "Not you.", why: what}); return;
			case "words": application.rejectConnection(client, "plain"); return;
			case "redirect": this.redirectConnection(client, "rtmp://b.example/test", "Over there."); return;
			case "later": setTimeout(function () { application.acceptConnection(client); }, 20); return;
			case "throw": throw new Error("oops");
			}
			return true;
		};
		Client.prototype.whoAmI = function () { return this.how + " " + this.ip + " " + this.protocol + " " + typeof this.id; };
		application.onDisconnect = function (client) { trace("left: " + client.how); };
		application.onAppStop = function (info) { trace("stopped: " + info.code); };
	`)
	for _, tt := range []struct{ how, want string }{
		{"true", ""}, {"accept", ""}, {"later", ""},
		{"false", `{level:"error" code:"NetConnection.Connect.Rejected" description:"Connection failed." application:null}`},
		{"reject", `{level:"error" code:"NetConnection.Connect.Rejected" description:"Not you." application:{message:"Not you." why:{a:1}}}`},
		{"words", `{level:"error" code:"NetConnection.Connect.Rejected" description:"Connection failed." application:"plain"}`},
		{"redirect", `{level:"error" code:"NetConnection.Connect.Rejected" description:"Over there." ex:{code:302 redirect:"rtmp://b.example/test"}}`},
		{"throw", `{level:"error" code:"NetConnection.Connect.Failed" description:"The application failed."}`},
	} {
		t.Run(tt.how, func(t *testing.T) {
			p := s.peer()
			p.Connect("test", rtmptest.Args(tt.how, amf.NewObject(amf.Prop{Key: "a", Value: 1.0})))
			if tt.want == "" {
				p.WantStatus(status.ConnectSuccess)
				p.WantCommand("onBWDone")
				if got := call(p, "whoAmI"); got != `"`+tt.how+` pipe rtmp string"` && !strings.HasPrefix(got, `"`+tt.how) {
					t.Errorf("whoAmI: %s", got)
				}
				p.Close()
				s.logs("left: " + tt.how)
				return
			}
			m := p.WantCommand("_error")
			if got := amf.Format(m.Args[0]); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			p.WantCommand("close")
		})
	}
	s.logs(`started test/_definst_`)
	s.logs("main.asc:13") // where "throw" is
	s.app.Close()
	s.logs("stopped: Application.Shutdown")
}

// Methods: those of the client and of its prototype, and nothing that objects have by themselves.
func TestMethods(t *testing.T) {
	s := serve(t, `
		application.onConnect = function (client) {
			client.own = function (x) { return x * 2; };
			if (client.pageUrl == "resolve") client.__resolve = function (name) { return function (a) { return name + ":" + a; }; };
			return true;
		};
		Client.prototype.echo = function () { return Array.prototype.slice.call(arguments); };
		Client.prototype.kinds = function (o) { return [typeof o, o instanceof Array, o instanceof Date, o === null, o === undefined]; };
		Client.prototype.make = function () { var a = [1, 2]; a.named = "x"; return {z: 1, a: {b: [true, null, undefined]}, list: a, when: new Date(86400000), f: function () {}}; };
		Client.prototype.cycle = function () { var o = {n: 1}; o.self = o; return o; };
		Client.prototype.notFunction = 5;
		Client.prototype.fail = function () { return undefinedVariable; };
		Client.prototype.deep = function deep() { return deep(); };
		Client.prototype.huge = function () { return "x".repeat(1e12); };
		Client.prototype.buffer = function () { return new ArrayBuffer(1e13); };
		Client.prototype.list = function () { return new Array(1e9).fill(0); };
		Client.prototype.vars = function (text) { var v = new LoadVars(); v.decode(text); return v.a + "," + v.b + "," + v; };
		Client.prototype.small = function () { return new Uint8Array([1, 2, 3]).length + "ab".repeat(3); };
	`)
	p := s.open("a")
	for _, tt := range []struct {
		name string
		args []amf.Value
		want string
	}{
		{"own", []amf.Value{21.0}, "42"},
		{"echo", []amf.Value{1.5, "ä", true, nil, amf.Undefined, amf.NewObject(amf.Prop{Key: "b", Value: 1.0}, amf.Prop{Key: "a", Value: 2.0})},
			`[1.5 "ä" true null undefined {b:1 a:2}]`},
		{"kinds", []amf.Value{amf.NewArray("x")}, `["object" true false false false]`},
		{"kinds", []amf.Value{amf.DateOf(time.Unix(0, 0))}, `["object" false true false false]`},
		{"kinds", []amf.Value{nil}, `["object" false false true false]`},
		{"kinds", []amf.Value{amf.NewECMA(amf.Prop{Key: "k", Value: 1.0})}, `["object" true false false false]`},
		{"make", nil, `{z:1 a:{b:[true null undefined]} list:[`},
		{"vars", []amf.Value{"a=1+2&b=%C3%A4"}, `"1 2,ä,a=1%202&b=%C3%A4"`},
		{"small", nil, `"3ababab"`},
	} {
		if got := call(p, tt.name, tt.args...); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	for name, want := range map[string]string{
		"nothing": "Method not found (nothing).", "toString": "Method not found (toString).", "constructor": "Method not found (constructor).",
		"hasOwnProperty": "Method not found (hasOwnProperty).", "__resolve": "Method not found (__resolve).", "call": "Method not found (call).",
		"getStats": "Method not found (getStats).", "notFunction": "Method not found (notFunction).", "__defineGetter__": "Method not found (__defineGetter__).",
		"fail": "Failed to execute method (fail).", "deep": "Failed to execute method (deep).", "huge": "Failed to execute method (huge).",
		"buffer": "Failed to execute method (buffer).", "list": "Failed to execute method (list).",
	} {
		if st := p.WantError(p.Call(name), status.CallFailed); st.Description != want {
			t.Errorf("%s: %q, want %q", name, st.Description, want)
		}
	}
	s.logs("undefinedVariable is not defined")
	if got := call(p, "own", 4.0); got != "8" { // and it goes on
		t.Errorf("afterwards: %s", got)
	}
	q := s.peer()
	q.Connect("test/a", rtmptest.Property("pageUrl", "resolve"))
	q.WantStatus(status.ConnectSuccess)
	q.WantCommand("onBWDone")
	if got := call(q, "anything", "x"); got != `"anything:x"` {
		t.Errorf("__resolve: %s", got)
	}
}

// Calls to clients, in order and after the answer to connect; answers and refusals; everyone at once.
func TestCallsToClients(t *testing.T) {
	s := serve(t, `
		application.onConnect = function (client) {
			this.acceptConnection(client);
			client.call("welcome", null, 1);
			client.call("welcome", null, 2);
			client.call("whoAreYou", {onResult: function (name) { client.call("hello", null, name); }, onStatus: function (info) { client.call("sorry", null, info.code); }});
		};
		Client.prototype.shout = function (text) { application.broadcastMsg("said", text, application.clients.length); };
		Client.prototype.leave = function () { application.disconnect(this); };
	`)
	p := s.peer()
	p.Connect("test/a")
	p.WantStatus(status.ConnectSuccess)
	p.WantCommand("onBWDone")
	for _, n := range []float64{1, 2} {
		if m := p.WantCommand("welcome"); m.Args[0] != n {
			t.Errorf("welcome %v, want %v", m.Args, n)
		}
	}
	m := p.WantCommand("whoAreYou")
	p.Send(m.Command.Result(nil, "Ann"))
	if m := p.WantCommand("hello"); m.Args[0] != "Ann" {
		t.Errorf("hello %v", m.Args)
	}
	q := s.peer()
	q.Connect("test/a")
	q.WantStatus(status.ConnectSuccess)
	q.WantCommand("onBWDone")
	q.WantCommand("welcome")
	q.WantCommand("welcome")
	m = q.WantCommand("whoAreYou")
	q.Send(m.Command.Error(status.New("Nobody", "")))
	if m := q.WantCommand("sorry"); m.Args[0] != "Nobody" {
		t.Errorf("sorry %v", m.Args)
	}
	q.Send(&rtmp.Command{Name: "shout", Args: []amf.Value{"hi"}})
	for _, x := range []*rtmptest.Peer{p, q} {
		if m := x.WantCommand("said"); m.Args[0] != "hi" || m.Args[1] != 2.0 {
			t.Errorf("said %v", m.Args)
		}
	}
	q.Send(&rtmp.Command{Name: "leave"})
	q.WantCommand("close")
}

// What a client may publish and play is up to the script.
func TestStreams(t *testing.T) {
	s := serve(t, `
		application.onConnect = function (client, read, write) { if (read != undefined) client.readAccess = read; if (write != undefined) client.writeAccess = write; return true; };
		application.onPublish = function (client, stream) { trace("published " + stream.name); return stream.name != "forbidden"; };
		application.onUnpublish = function (client, stream) { client.unpublished = true; trace("unpublished " + stream.name); };
		application.onDisconnect = function (client) { trace("gone " + client.unpublished); };
	`)
	p := s.open("a", "open", "open;mine")
	p.CreateStream()
	p.Publish("elsewhere")
	p.WantStatus(status.PublishDenied)
	p.Publish("mine/x")
	p.WantStatus("NetStream.Publish.Start")
	p.Send(&rtmp.Command{Name: "deleteStream", Args: []amf.Value{float64(p.StreamID)}})
	s.logs("unpublished mine/x")
	for range 10 { // onUnpublish is before onDisconnect
		p := s.open("a")
		p.CreateStream()
		p.Publish("y")
		p.WantStatus("NetStream.Publish.Start")
		p.Close()
		s.logs("unpublished y")
		eventually(t, "the name is free", func() bool { return !s.reg.Live("test/a/y") })
	}
	p.Close()
	eventually(t, "all are gone", func() bool { return strings.Count(s.log.String(), "gone true") == 11 })
	q := s.open("a")
	q.CreateStream()
	q.Publish("forbidden")
	q.WantStatus(status.PublishDenied)
	r := s.open("a", "open")
	r.CreateStream()
	r.Play("closed", -1.0)
	r.WantStatus(status.PlayFailed)
}

// A shared object is the script's as well as the clients'.
func TestSharedObjects(t *testing.T) {
	s := serve(t, `
		application.onAppStart = function () {
			this.so = SharedObject.get("users", false);
			this.so.setProperty("count", 0);
			this.so.onSync = function (list) { for (var i in list) trace("sync " + list[i].code + " " + list[i].name); };
			this.so.hello = function (who) { trace("hello " + who); };
		};
		application.onConnect = function (client) { this.so.setProperty("count", this.so.getProperty("count") + 1); return true; };
		Client.prototype.look = function () {
			var so = SharedObject.get("users");
			return [so === application.so, so.getProperty("count"), so.getPropertyNames(), so.size(), so.getProperty("nothing")];
		};
		Client.prototype.both = function () { var so = application.so; so.lock(); so.setProperty("a", 1); so.setProperty("b", [2]); so.unlock(); };
		Client.prototype.kept = function () { var so = SharedObject.get("kept", true); so.setProperty("x", 1); var ok = so.flush(); so.close(); return ok; };
		Client.prototype.again = function () { return SharedObject.get("kept", true).getProperty("x"); };
		Client.prototype.send = function () { application.so.send("hello", "Ann"); };
		Client.prototype.clear = function () { application.so.clear(); return application.so.size(); };
	`)
	p := s.open("a")
	s.open("a")
	s.logs("sync change count")
	if got := call(p, "look"); got != `[true 2 ["count"] 1 undefined]` {
		t.Errorf("look: %s", got)
	}
	call(p, "both")
	s.logs("sync change b")
	call(p, "send")
	s.logs("hello Ann")
	if got := call(p, "kept"); got != "true" {
		t.Errorf("flush: %s", got)
	}
	if got := call(p, "again"); got != "1" {
		t.Errorf("again: %s", got)
	}
	if got := call(p, "clear"); got != "0" {
		t.Errorf("clear: %s", got)
	}
}

// Instances have nothing in common, and one that nobody uses ends.
func TestInstances(t *testing.T) {
	s := serve(t, `
		var n = 0;
		Client.prototype.count = function () { return ++n; };
		Client.prototype.name = function () { return application.name; };
		application.onAppStop = function (info) { trace("stopped " + this.name + " " + info.code); };
	`, func(o *Options) { o.Idle = 50 * time.Millisecond })
	a, b := s.open("a"), s.open("b")
	call(a, "count")
	if got := call(a, "count") + call(b, "count") + call(b, "name"); got != `21"test/b"` {
		t.Errorf("got %s", got)
	}
	a.Close()
	s.logs("stopped test/a Application.GC")
	if got := call(b, "count"); got != "2" {
		t.Errorf("b after a has ended: %s", got)
	}
	if got := call(s.open("a"), "count"); got != "1" {
		t.Errorf("a again: %s", got)
	}
}

// Timers, also those that clear themselves, and load.
func TestTimersAndLoad(t *testing.T) {
	s := serve(t, `
		load("lib/more.asc");
		var n = 0, id = setInterval(function (step) { n += step; trace("tick " + n); if (n == 6) clearInterval(id); }, 10, 2);
		var o = {v: 5, tock: function (x) { trace("tock " + (this.v + x)); }};
		setTimeout(o, "tock", 1, 3);
		Client.prototype.outside = function (name) { load(name); };
	`)
	if err := os.Mkdir(filepath.Join(s.dir, "lib"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.write("lib/more.asc", `Client.prototype.more = function () { return "more"; };`)
	p := s.open("a")
	if got := call(p, "more"); got != `"more"` {
		t.Errorf("more: %s", got)
	}
	s.logs("tick 6")
	s.logs("tock 8")
	time.Sleep(30 * time.Millisecond)
	if strings.Contains(s.log.String(), "tick 8") {
		t.Error("clearInterval did not clear")
	}
	for _, name := range []string{"../secret", "/etc/hostname", "lib/../../x"} {
		p.WantError(p.Call("outside", name), status.CallFailed)
	}
}

// A script that cannot be compiled is an error with its line; one that breaks later fails the clients that come.
func TestBrokenScripts(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load("x", dir, Options{}); err == nil || !strings.Contains(err.Error(), "main.asc") {
		t.Errorf("without a script: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.js"), []byte("var a = 1;\nvar b = ;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load("x", dir, Options{}); err == nil || !strings.Contains(err.Error(), "main.js: Line 2") {
		t.Errorf("a script that cannot be compiled: %v", err)
	}
	s := serve(t, `application.onAppStart = function () { nonsense(); };`)
	p := s.peer()
	p.Connect("test")
	p.WantStatus(status.ConnectFailed)
	s.logs("nonsense is not defined")
	s.write("main.asc", `Client.prototype.ping = function () { return "better"; };`)
	if got := call(s.open("_definst_"), "ping"); got != `"better"` {
		t.Errorf("after it was mended: %s", got)
	}
}

// A script that was changed is run by the next instance: once nobody is connected to the one that has the old script.
func TestReload(t *testing.T) {
	s := serve(t, `load("words.asc"); Client.prototype.say = function () { return words; };`)
	s.write("words.asc", `var words = "old";`)
	old := s.open("a")
	s.write("words.asc", `var words = "new";`)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(s.dir, "words.asc"), later, later); err != nil {
		t.Fatal(err)
	}
	second := s.open("a")
	if got := call(old, "say") + call(second, "say"); got != `"old""old"` {
		t.Errorf("while a client is there: %s", got)
	}
	old.Close()
	second.Close()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) { // until both have left
		p := s.open("a")
		got := call(p, "say")
		p.Close()
		if got == `"new"` {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("still %s", got)
		}
	}
}

// What application and client say of themselves.
func TestApplicationObject(t *testing.T) {
	s := serve(t, `Client.prototype.about = function () {
		var st = application.getStats();
		return [application.name, application.server, application.hostname.length > 0, application.allowDebug, typeof application.config,
			st.connected, st.bytes_in > 0, st.launchTime > 1e12, this.id.length, this.agent, this.uri, this.secure, this.readAccess];
	};`)
	if got := call(s.open("a"), "about"); got != `["test/a" "Penstock" true false "object" 1 true true 8 "WIN 32,0,0,465" "rtmp://pipe/test/a" false "/"]` {
		t.Error(got)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"chat/main.asc", "game/main.js", "none/readme.txt", "file.asc"} {
		path := filepath.Join(dir, name)
		_ = os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := Find(dir); err != nil || strings.Join(names, " ") != "chat game" {
		t.Errorf("%v %v", names, err)
	}
}

// What a method says to its caller comes before its answer.
func TestSaidBeforeTheAnswer(t *testing.T) {
	s := serve(t, `Client.prototype.say = function () { this.call("line", null, "said"); return "answered"; };`)
	p := s.open("a")
	for range 50 {
		call := p.Call("say")
		p.WantCommand("line")
		p.WantResult(call)
	}
}
