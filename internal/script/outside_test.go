package script

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/amf"
	"penstock/media"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// wantCalls makes calls and compares what they return, printed.
func wantCalls(t *testing.T, p *rtmptest.Peer, calls ...[2]string) {
	t.Helper()
	for _, c := range calls {
		name, arg, has := strings.Cut(c[0], " ")
		var args []amf.Value
		if has {
			args = append(args, arg)
		}
		if got := call(p, name, args...); got != c[1] {
			t.Errorf("%s: %s, want %s", c[0], got, c[1])
		}
	}
}

// Files are those of the application's folder, and bounded.
func TestFiles(t *testing.T) {
	s := serve(t, `
		Client.prototype.write = function (name) {
			var f = new File(name);
			var ok = f.open("text", "create") && f.writeln("first", 1) && f.write("second") && f.close();
			return ok;
		};
		Client.prototype.append = function (name) { var f = new File(name); return f.open("text", "append") && f.writeln(".") && f.close(); };
		Client.prototype.read = function (name) {
			var f = new File(name), all = [];
			if (!f.open("text", "read")) return false;
			while (!f.eof()) all.push(f.readln());
			f.close();
			return all.join("|");
		};
		Client.prototype.bits = function (name) { var f = new File(name); f.open("text", "read"); var a = f.read(3), b = f.readAll(); f.close(); return [a, b, f.isOpen]; };
		Client.prototype.about = function (name) { var f = new File(name); return [f.name, f.exists, f.isFile, f.isDirectory, f.size()]; };
		Client.prototype.list = function (name) { return new File(name).list().sort().join(" "); };
		Client.prototype.remove = function (name) { return new File(name).remove(); };
		Client.prototype.move = function (name) { return new File(name).renameTo("moved.txt"); };
		Client.prototype.mkdir = function (name) { return new File(name).mkdir(); };
		Client.prototype.readonly = function (name) { var f = new File(name); f.open("text", "read"); return f.write("x"); };
		Client.prototype.big = function (name) { var f = new File(name); f.open("text", "create"); var n = 0; while (f.write("x".repeat(1 << 20)) && n < 100) n++; f.close(); return n; };
		Client.prototype.churn = function () { for (var n = 0; n < 20000; n++) new File("x"); return n; };
		Client.prototype.many = function () { var n = 0, list = []; for (; n < 200; n++) { var f = new File("many" + n); list.push(f); f.open("text", "create"); } return n; };
	`)
	outside := filepath.Join(filepath.Dir(s.dir), "outside.txt")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(outside)
	if err := os.Symlink(outside, filepath.Join(s.dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	p := s.open("a")
	wantCalls(t, p,
		[2]string{"write log.txt", "true"}, [2]string{"read log.txt", `"first1|second"`}, [2]string{"append log.txt", "true"},
		[2]string{"read log.txt", `"first1|second."`}, [2]string{"bits log.txt", `["fir" ["st1" "second."] false]`},
		[2]string{"about log.txt", `["log.txt" true true false 15]`}, [2]string{"readonly log.txt", "false"},
		[2]string{"mkdir sub/deep", "true"}, [2]string{"write sub/deep/a", "true"}, [2]string{"list sub/deep", `"a"`}, [2]string{"list sub", `"deep"`},
		[2]string{"move log.txt", "true"}, [2]string{"about log.txt", `["log.txt" false false false -1]`}, [2]string{"read moved.txt", `"first1|second."`},
		[2]string{"remove moved.txt", "true"}, [2]string{"read moved.txt", "false"},
		[2]string{"read ../outside.txt", "false"}, [2]string{"read /etc/hostname", "false"}, [2]string{"read link.txt", "false"},
		[2]string{"write link.txt", "true"}, // in the link's place
		[2]string{"big big.txt", "4"}, [2]string{"list .", `"big.txt link.txt main.asc sub"`},
	)
	if b, err := os.ReadFile(outside); err != nil || string(b) != "secret" {
		t.Errorf("the file outside: %q %v", b, err)
	}
	wantCalls(t, p, [2]string{"churn", "20000"})
	p.WantError(p.Call("many"), status.CallFailed)
	s.logs("64 files are open")
}

// Binary files, positions, copies and what is known of a file.
func TestFileDetails(t *testing.T) {
	s := serve(t, `
		Client.prototype.bytes = function () {
			var f = new File("bin");
			var can = [f.open("binary", "readWrite"), f.canRead, f.canWrite, f.canAppend, f.canReplace, f.type, f.mode];
			f.writeByte(1); f.writeByte(255); f.write(new Uint8Array([7, 8, 9])); f.write("ä");
			var end = f.position;
			f.seek(1); f.writeByte(2);
			f.position = 0;
			var first = [f.readByte(), f.readByte(), f.readBytes(2), f.position, f.eof(), f.length];
			f.seek(100); first.push(f.position, f.readByte());
			f.close();
			return [can.join(), end, first];
		};
		Client.prototype.chars = function () {
			var f = new File("text"); f.open("text", "create"); f.write("äöü€x"); f.close();
			f.open("text", "read"); var a = f.read(2), p = f.position, b = f.read(2), c = f.read(9); f.close();
			return [a, p, b, c, f.canRead];
		};
		Client.prototype.append = function () {
			var f = new File("log"); f.open("text", "readAppend"); f.writeAll(["one", "two"]); f.seek(0); f.write("three"); f.seek(0);
			var all = f.readAll().join("|"), can = [f.canRead, f.canAppend, f.canReplace].join(); f.close();
			return [all, can];
		};
		Client.prototype.writeOnly = function () { var f = new File("log"); f.open("text", "append"); var r = f.read(3); f.close(); return [r, f.readByte()]; };
		Client.prototype.copy = function () { var f = new File("log"), ok = f.copyTo("sub/../copy"), g = new File("copy"); return [ok, g.length, f.copyTo("../outside-copy"), new File("outside-copy").length, new File("none").copyTo("x")]; };
		Client.prototype.dates = function () { var f = new File("log"), d = f.lastModified; return [d instanceof Date, Math.abs(Date.now() - d) < 600000, f.creationTime - d, new File("none").lastModified]; };
		Client.prototype.folders = function () {
			var d = new File("/dir");
			var made = [d.mkdir("in"), d.isDirectory, d.length];
			new File("dir/in/x").open("text", "create");
			var f = new File("dir/in/y"); f.open("text", "create"); f.close();
			return made.concat([d.remove(), d.remove(true), d.exists, new File("/").remove(true), String(f)]);
		};
		Client.prototype.filter = function () { return new File("/").list(function (name) { return name.length == 3; }).sort().join(); };
	`)
	p := s.open("a")
	wantCalls(t, p,
		[2]string{"bytes", `["true,true,true,false,true,binary,readWrite" 7 [1 2 <2 bytes> 4 false 7 7 -1]]`},
		[2]string{"chars", `["äö" 4 "ü€" "x" false]`}, [2]string{"append", `["one|two|three" "true,true,false"]`}, [2]string{"writeOnly", `["" -1]`},
		[2]string{"copy", "[true 13 true 13 false]"}, [2]string{"dates", "[true true 0 null]"},
		[2]string{"folders", `[true true 1 false true false false "/dir/in/y"]`}, [2]string{"filter", `"bin,log"`},
	)
	if _, err := os.Stat(filepath.Join(filepath.Dir(s.dir), "outside-copy")); err == nil {
		t.Error("a copy is outside of the application's folder")
	}
}

// LoadVars asks other servers without holding up the script.
func TestLoadVars(t *testing.T) {
	hold := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-hold
		case "/large":
			_, _ = w.Write(make([]byte, maxAnswerBytes+1))
			return
		case "/missing":
			http.NotFound(w, r)
			return
		}
		_ = r.ParseForm()
		fmt.Fprintf(w, "method=%s&q=%s&n=2", r.Method, r.Form.Get("q"))
	}))
	defer web.Close()
	defer close(hold)
	s := serve(t, `
		Client.prototype.load = function (url) {
			var v = new LoadVars();
			v.onHTTPStatus = function (code) { trace("code " + code); };
			v.onLoad = function (ok) { trace("loaded " + url.replace(/.*\//, "") + " " + ok + " " + this.method + " " + this.q + " " + this); };
			return v.load(url);
		};
		Client.prototype.send = function (url) {
			var v = new LoadVars(), into = new LoadVars();
			v.q = "a b&c";
			into.onLoad = function (ok) { trace("sent " + ok + " " + this.method + " " + this.q); };
			return v.sendAndLoad(url, into) && v.sendAndLoad(url, into, "GET");
		};
		Client.prototype.many = function (url) { var n = 0; while (n < 100 && new LoadVars().load(url)) n++; return n; };
	`)
	p := s.open("a")
	wantCalls(t, p, [2]string{"load " + web.URL + "/x?q=1", "true"}, [2]string{"load " + web.URL + "/missing", "true"},
		[2]string{"load " + web.URL + "/large", "true"}, [2]string{"load nonsense", "true"}, [2]string{"load ::", "false"}, [2]string{"send " + web.URL, "true"})
	for _, words := range []string{"loaded x?q=1 true GET 1 method=GET&q=1&n=2", "code 200", "loaded missing false", "code 404", "loaded large false",
		"loaded nonsense false", "sent true POST a b", "sent true GET a b"} {
		s.logs(words)
	}
	wantCalls(t, p, [2]string{"many " + web.URL + "/slow", "32"})
}

// A script is a client of another server: it connects, calls, is called, and hears of the end.
func TestNetConnection(t *testing.T) {
	s := serve(t, `
		application.onConnect = function (client, who) { client.who = who; return who != "nobody"; };
		Client.prototype.link = function (url, who) {
			var nc = application.nc = new NetConnection();
			nc.onStatus = function (info) {
				trace("status " + info.code + " " + nc.isConnected);
				if (nc.isConnected) for (var i = 0; i < 20; i++) nc.call("hello", i == 19 ? {onResult: function (x) { trace("answer " + x); }} : null, i);
			};
			nc.greet = function (name) { trace("greeted " + name); return "hi " + name; };
			return [nc.isConnected, nc.call("hello"), nc.connect(url, who)];
		};
		var heard = [];
		Client.prototype.hello = function (i) {
			heard.push(i);
			if (i == 19) this.call("greet", {onResult: function (x) { trace("they say " + x); }}, this.who);
			return heard.join();
		};
		Client.prototype.bad = function () { application.nc.call("nothing", {onStatus: function (info) { trace("bad " + info.description); }}); };
		Client.prototype.connectCall = function () { this.call("connect", {onStatus: function (info) { trace("refused " + info.description); }}, "rtmp://x/"); };
		Client.prototype.unlink = function () { application.nc.close(); return application.nc.isConnected; };
		Client.prototype.many = function (url) { for (var i = 0; i < 100; i++) new NetConnection().connect(url, "nobody"); };
	`)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.srv.Serve(l) }()
	base := "rtmp://" + l.Addr().String() + "/test/"
	p := s.open("a")
	if got := call(p, "link", base+"b", "Ann"); got != "[false false true]" {
		t.Errorf("link: %s", got)
	}
	for _, words := range []string{"status NetConnection.Connect.Success true", "answer 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19", "greeted Ann", "they say hi Ann"} {
		s.logs(words)
	}
	call(p, "bad")
	s.logs("bad Method not found (nothing).")
	wantCalls(t, p, [2]string{"unlink", "false"})
	call(p, "link", base+"b", "nobody")
	s.logs("status NetConnection.Connect.Rejected false")
	call(p, "link", base+"c", "Bob") // and to be ended by the other side
	s.logs("greeted Bob")
	for _, c := range s.srv.Clients() {
		if c.Instance == "c" {
			c.Disconnect(nil)
		}
	}
	s.logs("status NetConnection.Connect.Closed false")
	p.WantError(p.Call("many", "rtmp://127.0.0.1:1/x"), status.CallFailed)
	s.logs("too many connections")
}

// A script publishes a live stream under another name, and sends data with it.
func TestStreamPlay(t *testing.T) {
	s := serve(t, `
		Client.prototype.route = function (to, from) {
			var st = Stream.get(to);
			st.onStatus = function (info) { trace("stream " + info.code); };
			return [st === Stream.get(to), st.play(from)];
		};
		Client.prototype.churn = function () { for (var i = 0; i < 200; i++) { var st = Stream.get("s" + i); if (!st.play("cam") || !st.play(false)) return i; } return i; };
		Client.prototype.look = function () { for (var i = 0; i < 200; i++) Stream.get("l" + i); return i; };
		Client.prototype.fill = function () { try { for (var i = 0; i < 200; i++) if (!Stream.get("f" + i).play("cam")) break; } catch (e) {} for (var j = 0; j < i; j++) Stream.get("f" + j).play(false); return i; };
		Client.prototype.tell = function (name) { return Stream.get(name).send("note", "x", {a: 1}); };
	`)
	p := s.open("a")
	viewer := s.open("a")
	viewer.CreateStream()
	viewer.Play("second", -1.0)
	for _, c := range []struct {
		to   string
		from amf.Value
		want string
	}{{"first", "cam", "[true true]"}, {"second", "first", "[true true]"}, {"cam", "second", "[true false]"}, {"first", "first", "[true false]"}} {
		if got := call(p, "route", c.to, c.from); got != c.want {
			t.Errorf("%s from %v: %s", c.to, c.from, got)
		}
	}
	s.logs("stream NetStream.Publish.Start")
	pub := s.open("a")
	pub.CreateStream()
	pub.Publish("cam")
	pub.WantStatus(status.PublishStart)
	pub.SendVideo(40, []byte{0x17, 1, 0, 0, 0, 0xAA, 0xBB})
	for {
		if m := viewer.Any(); m.Type == rtmp.TypeVideo && len(m.Payload) == 7 && m.Payload[6] == 0xBB {
			break
		}
	}
	wantCalls(t, p, [2]string{"tell second", "true"})
	if m := viewer.WantData("note"); !strings.Contains(amf.Format(m.Args[0]), "x") {
		t.Errorf("note %v", m.Args)
	}
	other := s.open("a")
	other.CreateStream()
	other.Publish("second")
	other.WantStatus(status.PublishBadName)
	if got := call(p, "route", "cam", "x"); got != "[true false]" {
		t.Errorf("a name that a client has: %s", got)
	}
	s.logs("stream NetStream.Publish.BadName")
	if got := call(p, "route", "second", false); got != "[true true]" {
		t.Errorf("stop: %s", got)
	}
	if got := call(p, "churn") + " " + call(p, "look") + " " + call(p, "fill") + " " + call(p, "fill"); got != "200 200 63 63" { // first is there too
		t.Errorf("many streams, one after the other and at once: %s", got)
	}
	eventually(t, "the name is free", func() bool { return !s.reg.Live("test/a/second") })
}

// A script's playlist: an item with a length, one that is not there, one whose publisher leaves; onStatus hears of it in order.
func TestStreamPlaylist(t *testing.T) {
	s := serve(t, `
		var st = Stream.get("program");
		st.onStatus = function (info) { trace("is " + info.code.substr(10) + " " + info.details); };
		Client.prototype.list = function () { return [st.play("a", -1, 0.2), st.play("z", 0, -1, false), st.play("b", -2, -1, 0), st.play("c", -1, -1, 2)]; };
		Client.prototype.remote = function () { return [st.play("a", -2, -1, true, new NetConnection()), st.play(""), st.play("x".repeat(300))]; };
		Client.prototype.many = function () { for (var i = 0; st.play("c", -1, -1, false) && i < 1000; i++); return i; };
		Client.prototype.off = function () { return st.play(false); };
	`)
	var pubs []*media.Publication
	for _, name := range []string{"a", "b", "c"} {
		pub, err := s.reg.Publish("test/a/"+name, t)
		if err != nil {
			t.Fatal(err)
		}
		pubs = append(pubs, pub)
	}
	var rolling sync.WaitGroup
	stop := make(chan struct{})
	rolling.Go(func() {
		for ts := uint32(0); ; ts += 10 {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			for _, pub := range pubs {
				_ = pub.Video(ts, []byte{0x17, 1, 0, 0, 0, 1})
			}
		}
	})
	defer rolling.Wait()
	defer close(stop)
	p := s.open("a")
	wantCalls(t, p, [2]string{"list", "[true true true true]"}, [2]string{"remote", "[false false false]"})
	s.logs("is Play.Start b")
	pubs[1].Close()
	s.logs("is Play.Start c")
	var told []string
	for line := range strings.SplitSeq(s.log.String(), "\n") {
		if _, is, ok := strings.Cut(line, `says="is `); ok {
			told = append(told, strings.TrimSuffix(is, `"`))
		}
	}
	want := "Publish.Start undefined, Play.Start a, Play.StreamNotFound z, Play.Stop a, Play.Switch b, Play.Start b, Play.UnpublishNotify b, Play.Stop b, Play.Switch c, Play.Start c"
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("onStatus heard %s\nwant %s", got, want)
	}
	wantCalls(t, p, [2]string{"many", "256"}, [2]string{"off", "true"})
	if s.reg.Live("test/a/program") {
		t.Error("the name is not free")
	}
}

// What SharedObject of server-side ActionScript has besides slots.
func TestSharedObjectDetails(t *testing.T) {
	s := serve(t, `
		var so = SharedObject.get("x", true);
		so.hi = function (a) { trace("hi " + a + " " + (this === so)); };
		Client.prototype.version = function () { var was = so.version; so.setProperty("a", was); return so.version > was && so.isDirty(was) && !so.isDirty(so.version); };
		Client.prototype.depth = function () { var was = so.resyncDepth; so.resyncDepth = 3; return [was, so.resyncDepth]; };
		Client.prototype.mark = function () { return so.mark("hi", 5); };
		Client.prototype.commit = function () { return so.commit(); };
		Client.prototype.purge = function () { so.setProperty("a", null); so.purge(so.version); return so.size(); };
		Client.prototype.sweep = function () { so.setProperty("a", 1); return [application.clearSharedObjects("/*"), so.size(), application.clearStreams("/")]; };
	`)
	p := s.open("a")
	wantCalls(t, p, [2]string{"version", "true"}, [2]string{"depth", "[-1 3]"}, [2]string{"mark", "true"}, [2]string{"commit", "true"},
		[2]string{"purge", "0"}, [2]string{"sweep", "[true 0 false]"})
	s.logs("hi 5 true")
}

// The bandwidth check of server-side ActionScript.
func TestCheckBandwidth(t *testing.T) {
	s := serve(t, `
		Client.prototype.check = function () { this.checkBandwidth(); return [this.getBandwidthLimit(0), this.setBandwidthLimit(1, 2), this.ping(), this.getStats().bytes_in > 0]; };
	`)
	p := s.open("a")
	id := p.Call("check")
	var sizes []int
	for done, answered := false, false; !done || !answered; {
		m := p.Any()
		switch m.Command.Name {
		case "_result":
			if m.Command.Transaction != id || amf.Format(m.Args[0]) != "[0 false true true]" {
				t.Errorf("check: %s", amf.Format(m.Args[0]))
			}
			answered = true
		case "onBWCheck":
			text, _ := m.Args[0].(string)
			sizes = append(sizes, len(text))
			p.Send(m.Command.Result(nil, 0.0))
		case "onBWDone":
			sent := 0
			for _, n := range sizes {
				sent += n
			}
			kbps, _ := m.Args[0].(float64)
			if kbits, _ := m.Args[1].(float64); kbps <= 0 || kbits != float64(sent)*8/1000 || len(m.Args) != 4 || len(sizes) < 2 || sizes[0] != 0 || sizes[1] != 16<<10 {
				t.Errorf("onBWDone %v after %v", m.Args, sizes)
			}
			done = true
		}
	}
}
