package script

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// eaters are scripts that take memory until they are stopped, each in its own way.
var eaters = []struct{ name, code string }{
	{"string", `var s = "x"; for (;;) s += s;`},
	{"array", `var a = []; for (;;) a.push({a: 1, b: [1, 2, 3]});`},
	{"concat", `var a = [1, 2, 3]; for (;;) a = a.concat(a);`},
	{"buffers", `var m = new Map(); for (var i = 0;; i++) m.set(i, new ArrayBuffer(1 << 20).slice(0));`},
	{"closures", `var f = null; for (;;) f = (function (g, text) { return function () { return g + text; }; })(f, "x" + f);`},
	{"chain", `var o = {}; for (;;) o = Object.create(o);`},
	{"bigint", `var n = 2n; for (;;) n = n * n;`},
	{"clients", `for (var i = 0;; i++) this["p" + i] = new Array(1000).fill(i);`},
}

// Whoever eats ends his own instance, and is named in the log; neither another instance, nor another application, nor a live stream notices.
func TestScriptsThatEat(t *testing.T) {
	code := `Client.prototype.ping = function () { return "pong"; };
		Client.prototype.work = function () { for (var s, end = Date.now() + 100; Date.now() < end;) s = {text: "x".repeat(1000), list: [1, 2, 3]}; return "done"; };`
	for _, e := range eaters {
		code += "Client.prototype." + e.name + " = function () { " + e.code + " };\n"
	}
	const limit = 64 << 20
	s := serve(t, code, func(o *Options) { o.MemoryBytes, o.EntryTime = limit, time.Minute })
	beside := s.neighbour()
	other := rtmptest.Pipe(t, s.srv.ServeConn)
	other.Timeout = time.Minute
	other.Open("other")
	other.WantCommand("onBWDone")
	sister := s.open("sister")
	sister.Timeout = time.Minute
	var calls []time.Duration
	for _, name := range names() {
		began, told := time.Now(), make(chan struct{})
		p := s.open(name)
		p.Timeout = time.Minute
		p.Send(&rtmp.Command{Name: name})
		go func() { defer close(told); p.WantStatus(status.ConnectAppShutdown) }()
		for ended := false; !ended; {
			for _, x := range []*rtmptest.Peer{other, sister} {
				began := time.Now()
				if got := call(x, "ping"); got != `"pong"` {
					t.Errorf("next door: %s", got)
				}
				calls = append(calls, time.Since(began))
			}
			if got := call(sister, "work"); got != `"done"` { // makes garbage as long as the other eats
				t.Errorf("work: %s", got)
			}
			select {
			case <-told:
				ended = true
			case <-time.After(10 * time.Millisecond):
			}
		}
		t.Logf("%s: ended after %v", name, time.Since(began).Round(time.Millisecond))
		if got := call(s.open(name), "ping"); got != `"pong"` { // a new instance
			t.Errorf("after %s: %s", name, got)
		}
	}
	close(beside.stop)
	late := <-beside.late
	t.Logf("a live stream beside: %d frames, late by p50 %v, p99 %v, at most %v", len(late), quantile(late, .5), quantile(late, .99), quantile(late, 1))
	t.Logf("calls next door: %d, p50 %v, p99 %v, at most %v", len(calls), quantile(calls, .5), quantile(calls, .99), quantile(calls, 1))
	log := s.log.String()
	if n := strings.Count(log, "limit=script_memory"); n < len(eaters) || strings.Contains(log, "limit=script_time") {
		t.Errorf("script_memory is named %d times", n)
	}
	var m runtime.MemStats
	runtime.GC()
	if runtime.ReadMemStats(&m); m.HeapAlloc > 2*limit {
		t.Errorf("the heap still has %d MiB", m.HeapAlloc>>20)
	}
}

func names() (list []string) {
	for _, e := range eaters {
		list = append(list, e.name)
	}
	return list
}

// What the engine would do in one go, without a stop, is refused when it would be too much; and the same is as it was when it is not.
func TestBoundsOfTheEngine(t *testing.T) {
	s := serve(t, `
		var sparse = []; sparse[4294967290] = 1;
		var shared = [1]; for (var i = 0; i < 40; i++) shared = [shared, shared];
		var deep = [1]; for (var i = 0; i < 2000; i++) deep = [deep];
		var long = "x".repeat(1 << 20);
		Client.prototype.refused = function (code) { try { return "it is " + String(eval(code)).slice(0, 50); } catch (e) { return /too large|too deep|nested too/.test(e) ? "refused" : String(e); } };
		Client.prototype.same = function (code) { try { return String(eval(code)); } catch (e) { return e.name; } };
	`, func(o *Options) { o.EntryTime = time.Minute })
	p := s.open("a")
	p.Timeout = time.Minute
	for _, code := range []string{
		`long.repeat(1e6)`, `"x".padStart(1e12)`, `"x".padEnd(1e12)`, `new ArrayBuffer(1e13)`, `new Float64Array(1e10)`, `new Uint8Array({length: 1e10})`,
		`Uint8Array.from({length: 1e10})`, `new Array(1e9).fill(0)`, `new Array(1e9).join("xx")`, `Array.from({length: 1e9})`, `new Array(1e9).map(String)`,
		`sparse.forEach(String)`, `sparse.indexOf(2)`, `sparse.sort()`, `sparse.reverse()`, `sparse.slice(0, 5)`, `[].concat(sparse, sparse)`, `[...sparse]`, `new Set(sparse)`,
		`Math.max(...sparse)`, `Array.prototype.includes.call({length: 9e15}, 1)`, `Math.max.apply(null, {length: 1e9})`, `Reflect.construct(Array, {length: 1e9})`,
		`String.raw({raw: {length: 1e9}})`, `long.replace(/x/g, long)`, `long.replaceAll("x", long)`, `long.replace(/x/g, "$&$&$&" + long)`,
		`[long, long, long, long, long, long, long, long, long, long, long, long, long, long, long, long, long].join("")`,
		`JSON.stringify(shared)`, `JSON.stringify(deep)`, `JSON.parse("[".repeat(1e6))`, `JSON.parse('{"a":'.repeat(1e6))`, `JSON.stringify(new Array(100).fill(long))`,
		`JSON.stringify(shared, ["a"])`, `JSON.stringify(shared, function (k, v) { return v; })`,
	} {
		if got := call(p, "refused", code); got != `"refused"` {
			t.Errorf("%s: %s", code, got)
		}
	}
	for code, want := range map[string]string{
		`[3, 1, 2].sort()`: "1,2,3", `[1, [2, [3, [4]]]].flat()`: "1,2,3,4", `JSON.stringify([1, [2, [3, [4]]]].flat())`: "[1,2,[3,[4]]]",
		`JSON.stringify([1, [2, [3, [4]]]].flat(Infinity))`: "[1,2,3,4]", `[,1].flat().length`: "1", `"a-b-c".replace(/-/g, "+")`: "a+b+c", `"a-b".replace("-", "$&$&")`: "a--b",
		`"aXbX".replace(/X/g, function (m, at) { return at; })`: "a1b3", `"aa".replaceAll("a", "b")`: "bb", `"x".concat(1, "y")`: "x1y", "String.raw`a\\n`": `a\n`,
		`Math.max.apply(null, [1, 3, 2])`: "3", `String.fromCharCode.apply(null, new Uint8Array([65, 66]))`: "AB", `[..."añ😀"].length`: "3", `Array.from(new Set([1, 1, 2]))`: "1,2",
		`new Uint8Array([1, 2]).length`: "2", `new Uint8Array(new ArrayBuffer(4)).length`: "4", `new Uint8Array(2) instanceof Uint8Array`: "true", `[1, 2].includes(2)`: "true",
		`JSON.stringify({a: [1, "x", null, undefined, function () {}], b: new Date(0), c: {d: true}, e: undefined})`: `{"a":[1,"x",null,null,null],"b":"1970-01-01T00:00:00.000Z","c":{"d":true}}`,
		`JSON.stringify({b: 1, a: {b: 2, c: 3}}, ["a", "b"])`:                                                        `{"a":{"b":2},"b":1}`, `JSON.stringify({a: 1, b: 2}, function (k, v) { return k === "b" ? undefined : v; })`: `{"a":1}`,
		`JSON.stringify([1], null, 2)`: "[\n  1\n]", `JSON.stringify(undefined)`: "undefined", `JSON.stringify(undefined, ["a"])`: "undefined", `JSON.stringify({toJSON: function () { return 5; }})`: "5",
		`var o = {}; o.o = o; JSON.stringify(o)`: "TypeError", `JSON.stringify("x")`: `"x"`, `JSON.parse('{"a":["[[",{}]}', function (k, v) { return k === "0" ? 7 : v; }).a[0]`: "7",
		`JSON.parse("{")`: "SyntaxError", `[].forEach.call("ab", String)`: "undefined", `class Bytes extends Uint8Array {}; new Bytes([1]) instanceof Bytes`: "true", `Uint8Array(2)`: "TypeError", `new ArrayBuffer(3).constructor === ArrayBuffer`: "true",
		`Uint8Array.BYTES_PER_ELEMENT + Uint8Array.name + Uint8Array.of(1)`: "1Uint8Array1", `null === Array.prototype.shift.call([null])`: "true",
		`Array.prototype.map.call(null, String)`: "TypeError",
	} {
		if got := call(p, "same", code); got != amf.Format(want) {
			t.Errorf("%s: %s, want %s", code, got, amf.Format(want))
		}
	}
}

// A script that makes garbage beside another that eats is not taken for it, nor is one that holds less than it may.
func TestMemoryAscribed(t *testing.T) {
	runtime.GC()
	m := NewMemory()
	a, b := m.begin(), m.begin()
	kept := make([][]byte, 0, 64)
	for range 32 {
		kept = append(kept, make([]byte, 1<<20))
	}
	if m.eats(a, 64<<20) || m.eats(b, 64<<20) {
		t.Error("32 MiB are more than 64")
	}
	m.end(b)
	for range 32 {
		kept = append(kept, make([]byte, 1<<20)) // a's alone
	}
	eventually(t, "it is said of a", func() bool { return m.eats(a, 24<<20) })
	m.end(a)
	runtime.KeepAlive(kept)
	c := m.begin()
	for range 64 {
		kept[0] = make([]byte, 1<<20) // garbage
	}
	for range 20 {
		if m.eats(c, 40<<20) {
			t.Fatal("garbage is taken for growth")
		}
		time.Sleep(5 * time.Millisecond)
	}
	m.end(c)
}

// An instance that holds more and more, a little in each event, is told, and then ended.
func TestMemoryHeld(t *testing.T) {
	s := serve(t, `
		var kept = [], text = "";
		application.onStatus = function (info) { trace(info.code + " " + info.level); };
		Client.prototype.hold = function (n) { for (var i = 0; i < n; i++) kept.push({bytes: new ArrayBuffer(1 << 20)}); return kept.length; };
		Client.prototype.ping = function () { return "pong"; };
	`, func(o *Options) { o.MemoryBytes, o.EntryTime = 128<<20, time.Minute })
	p := s.open("a")
	ping := func() {
		runtime.GC() // only what a collection has left is looked at
		time.Sleep(20 * time.Millisecond)
		call(p, "ping")
	}
	for range 7 {
		call(p, "hold", 16.0)
	}
	eventually(t, "it is told", func() bool { ping(); return strings.Contains(s.log.String(), "Application.Resource.LowMemory warning") })
	for range 4 {
		p.Send(&rtmp.Command{Name: "hold", Args: []amf.Value{16.0}})
	}
	ended := make(chan struct{})
	go func() { defer close(ended); p.WantStatus(status.ConnectAppShutdown) }()
	eventually(t, "it is ended", func() bool {
		runtime.GC()
		p.Send(&rtmp.Command{Name: "ping"})
		time.Sleep(50 * time.Millisecond)
		return strings.Contains(s.log.String(), "the instance holds too much")
	})
	<-ended
}
