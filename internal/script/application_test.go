package script

import (
	"net"
	"strings"
	"testing"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// Objects of a registered class come as instances of it, and go out under its name; nothing else of a class's name makes one.
func TestRegisterClass(t *testing.T) {
	s := serve(t, `
		function Point() { this.made = true; this.x = -1; }
		Point.prototype.sum = function () { return this.x + this.y; };
		Point.prototype.onInitialize = function () { this.ready = this.x + "," + this.made; };
		function Bad() { throw new Error("no"); }
		application.registerClass("Point", Point);
		application.registerClass("Bad", Bad);
		application.registerClass("Gone", Point);
		application.registerClass("Gone", null);
		Client.prototype.take = function (o) { return [o instanceof Point, o.x, o.ready, typeof o.sum == "function" ? o.sum() : "none"]; };
		Client.prototype.nested = function (list) { return list[0].p instanceof Point && list[1] instanceof Point; };
		Client.prototype.give = function () { var p = new Point(); p.x = 1; p.y = 2; return {p: p, o: {x: 1}}; };
		Client.prototype.fill = function () { for (var i = 0; i < 2000; i++) application.registerClass("c" + i, Point); };
		Client.prototype.wrong = function () { application.registerClass("W", {}); };
	`)
	p := s.open("a")
	point := func(class string) *amf.Object {
		return &amf.Object{Class: class, Props: []amf.Prop{{Key: "x", Value: 2.0}, {Key: "y", Value: 3.0}}}
	}
	for class, want := range map[string]string{"Point": `[true 2 "2,true" 5]`, "": `[false 2 undefined "none"]`, "Gone": `[false 2 undefined "none"]`,
		"Object": `[false 2 undefined "none"]`, "toString": `[false 2 undefined "none"]`} {
		if got := call(p, "take", point(class)); got != want {
			t.Errorf("%s: %s, want %s", class, got, want)
		}
	}
	shared := point("Point")
	if got := call(p, "nested", amf.NewArray(amf.NewObject(amf.Prop{Key: "p", Value: shared}), shared)); got != "true" {
		t.Errorf("within other values: %s", got)
	}
	m := p.WantResult(p.Call("give"))
	o, _ := m.Args[0].(*amf.Object)
	v, _ := o.Get("p")
	plain, _ := o.Get("o")
	if given, _ := v.(*amf.Object); given == nil || given.Class != "Point" || !strings.Contains(amf.Format(given), "y:2") || plain.(*amf.Object).Class != "" {
		t.Errorf("give: %s", amf.Format(m.Args[0]))
	}
	p.WantError(p.Call("take", point("Bad")), status.CallFailed)
	for _, name := range []string{"fill", "wrong"} {
		p.WantError(p.Call(name), status.CallFailed)
	}
	s.logs("1000 at the most")
}

// A method that has a proxy is answered by another client, or by another server.
func TestRegisterProxy(t *testing.T) {
	s := serve(t, `
		application.onConnect = function (client, who) { if (who == "worker") application.registerProxy("work", client, "doWork"); return true; };
		Client.prototype.link = function (url) {
			var nc = new NetConnection();
			nc.onStatus = function (info) { trace("link " + info.code); };
			nc.connect(url);
			application.registerProxy("ping", nc);
			application.registerProxy("hello", nc, "nothing");
		};
		Client.prototype.unlink = function () { application.registerProxy("ping", null); };
		Client.prototype.wrong = function () { application.registerProxy("x", {}); };
	`)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.srv.Serve(l) }()
	worker, p := s.open("a", "worker"), s.open("a")
	id := p.Call("work", 4.0)
	m := worker.WantCommand("doWork")
	if m.Args[0] != 4.0 {
		t.Errorf("doWork %v", m.Args)
	}
	worker.Send(m.Command.Result(nil, 16.0))
	if m := p.WantResult(id); m.Args[0] != 16.0 {
		t.Errorf("work: %v", m.Args)
	}
	id = p.Call("work", 5.0)
	worker.Send(worker.WantCommand("doWork").Command.Error(status.New(status.CallFailed, "Not today.")))
	if st := p.WantError(id, status.CallFailed); st.Description != "Not today." {
		t.Errorf("an error of the worker's: %q", st.Description)
	}
	p.WantError(p.Call("wrong"), status.CallFailed)
	call(p, "link", "rtmp://"+l.Addr().String()+"/other")
	s.logs("link NetConnection.Connect.Success")
	if got := call(p, "ping"); got != `"pong"` {
		t.Errorf("ping of the other server: %s", got)
	}
	if st := p.WantError(p.Call("hello"), status.CallFailed); st.Description != "Method not found (nothing)." {
		t.Errorf("hello: %q", st.Description)
	}
	call(p, "unlink")
	if st := p.WantError(p.Call("ping"), status.CallFailed); st.Description != "Method not found (ping)." {
		t.Errorf("ping without a proxy: %q", st.Description)
	}
	worker.Close()
	eventually(t, "the worker has left", func() bool { return len(s.srv.Clients()) <= 2 })
	p.WantError(p.Call("work", 6.0), status.CallFailed)
}

// onConnectAccept and onConnectReject come after the handler that decided, with the arguments of connect; not when the components
// framework is there, which does it by itself.
func TestConnectAcceptReject(t *testing.T) {
	const script = `
		application.onConnect = function (client, how) {
			if (how == "later") { setTimeout(function () { application.acceptConnection(client); trace("decided"); }, 1); return; }
			if (how == "accept") { this.acceptConnection(client); trace("still in onConnect"); return; }
			if (how == "reject") { this.rejectConnection(client, {message: "No."}); return; }
			return how != "false";
		};
		application.onConnectAccept = function (client, how, n) { client.welcomed = true; trace("accept " + how + " " + n + " " + (this === application)); client.call("welcome", null, how); };
		application.onConnectReject = function (client, how, n) { trace("reject " + how + " " + n); };
		Client.prototype.welcomed = false;
		Client.prototype.was = function () { return this.welcomed; };
	`
	s := serve(t, script)
	for _, how := range []string{"accept", "later", "true"} {
		p := s.peer()
		p.Connect("test/a", rtmptest.Args(how, 5.0))
		p.WantStatus(status.ConnectSuccess)
		p.Send(&rtmp.Command{Name: "was", Transaction: 9})
		for seen := 0; seen < 2; {
			switch m := p.Any(); m.Command.Name {
			case "welcome":
				seen++
			case "_result":
				if seen++; m.Args[0] != true {
					t.Errorf("%s: a method came before onConnectAccept", how)
				}
			}
		}
		s.logs("accept " + how + " 5 true")
	}
	for _, how := range []string{"reject", "false"} {
		p := s.peer()
		p.Connect("test/a", rtmptest.Args(how, 5.0))
		p.WantStatus(status.ConnectRejected)
		s.logs("reject " + how + " 5")
	}
	log := s.log.String()
	if strings.Index(log, "accept accept") < strings.Index(log, "still in onConnect") || strings.Count(log, `says="accept `) != 3 {
		t.Error("onConnectAccept is not once, after onConnect")
	}
	f := serve(t, script+"var gFrameworkFC = {};")
	if got := call(f.open("a", "true"), "was"); got != "false" {
		t.Errorf("with the framework: %s", got)
	}
}

// application.config is what Application.xml says for the script.
func TestApplicationConfig(t *testing.T) {
	s := serve(t, `Client.prototype.config = function () { return application.config; };`)
	if got := call(s.open("none"), "config"); got != "{}" {
		t.Errorf("without a file: %s", got)
	}
	s.write("Application.xml", `<?xml version="1.0"?>
		<Application><JSEngine><other><config><no>1</no></config></other>
			<ApplicationObject>
				<config><user_name>jdoe</user_name><empty/><rooms><first max="3">lobby</first><second>a &amp; b</second></rooms></config>
				<after>no</after>
			</ApplicationObject></JSEngine></Application>`)
	if got := call(s.open("a"), "config"); got != `{user_name:"jdoe" empty:"" rooms:{first:"lobby" second:"a & b"}}` {
		t.Errorf("with it: %s", got)
	}
	s.write("Application.xml", `<Application><`)
	if got := call(s.open("b"), "config"); got != "{}" {
		t.Errorf("with a broken one: %s", got)
	}
	s.logs("is no XML")
}
