package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inPage runs the body of an asynchronous function in the page, with the names of penstock.js, and returns what it returned.
func inPage[T any](ctx context.Context, t *testing.T, body string) (v T) {
	t.Helper()
	evaluate[bool](ctx, t, `(() => { window.answer = null; (async () => {
		const penstock = await import("/penstock.js"); const {NetConnection, NetStatusError, SharedObject} = penstock; window.penstock = penstock;
		`+body+`
	})().then(v => window.answer = JSON.stringify({value: v ?? null}), e => window.answer = JSON.stringify({error: String(e && e.stack || e)})); return true })()`)
	deadline := time.Now().Add(20 * time.Second)
	for {
		if text := evaluate[string](ctx, t, `window.answer || ""`); text != "" {
			var got struct {
				Value json.RawMessage
				Error string
			}
			if err := json.Unmarshal([]byte(text), &got); err != nil || got.Error != "" {
				t.Fatalf("%s\n%s: %v", body, got.Error, err)
			}
			if err := json.Unmarshal(got.Value, &v); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			return v
		}
		if time.Now().After(deadline) {
			t.Fatalf("no answer within 20 s: %s", body)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// NetConnection, SharedObject and NetStream in a page: what they are told, and what they show.
func TestWebClient(t *testing.T) {
	needs(t)
	file := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(file, []byte("apps: {live: {shared_objects: {read: [/], write: [board], persistent: [/]}}, locked: {connect: {keys: {a: {key: 0123456789abcdef0123456789abcdef}}}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--demo", "--config", file)
	ctx := browse(t)
	navigate(ctx, t, s.http+"/")

	t.Run("calls", func(t *testing.T) {
		got := inPage[[]string](ctx, t, `
			const said = [];
			const nc = new NetConnection();
			nc.addEventListener("netstatus", e => said.push(e.detail.level + " " + e.detail.code));
			await nc.connect("live");
			said.push(JSON.stringify(await nc.call("echo", {n: 1.5, s: "ä€😀", list: [true, null, "x"], d: new Date(0), u: undefined, long: "y".repeat(70000)}))
				.replace("y".repeat(70000), "LONG"));
			await nc.call("nosuch").catch(e => said.push(e instanceof NetStatusError ? e.message : "no NetStatusError"));
			nc.close();
			await nc.call("echo").catch(e => said.push(e.code));
			return said;`)
		want := []string{
			"status NetConnection.Connect.Success",
			`{"n":1.5,"s":"ä€😀","list":[true,null,"x"],"d":"1970-01-01T00:00:00.000Z","long":"LONG"}`,
			"NetConnection.Call.Failed: Method not found (nosuch).",
			"status NetConnection.Connect.Closed",
			"NetConnection.Call.Failed",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})

	t.Run("refused", func(t *testing.T) {
		got := inPage[[]string](ctx, t, `
			const said = [];
			for (const app of ["nowhere", "locked"]) {
				const nc = new NetConnection();
				nc.addEventListener("netstatus", e => said.push(e.detail.code));
				await nc.connect(app).catch(e => said.push(e.message));
			}
			const nc = new NetConnection({endpoint: "/nothing-here"});
			await nc.connect("live").catch(e => said.push(e.code));
			return said;`)
		want := []string{
			"NetConnection.Connect.Rejected",
			"NetConnection.Connect.Rejected: [ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (nowhere) is not defined.",
			"NetConnection.Connect.Rejected", "NetConnection.Connect.Rejected: Connecting to locked needs ",
			"NetConnection.Connect.Failed",
		}
		for i, w := range want {
			if i >= len(got) || !strings.HasPrefix(got[i], w) {
				t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})

	t.Run("shared object", func(t *testing.T) {
		got := inPage[[]string](ctx, t, `
			const said = [];
			const until = (what) => new Promise((ok, no) => { const end = Date.now() + 10000; const look = () => what() ? ok() : Date.now() > end ? no(new Error(what + ": " + said)) : setTimeout(look, 10); look(); });
			const open = async (who, name) => {
				const nc = new NetConnection(); await nc.connect("live/room");
				const so = nc.sharedObject(name, true);
				so.addEventListener("sync", e => e.detail.forEach(c => said.push(who + " " + c.code + " " + (c.name ?? ""))));
				so.addEventListener("message", e => said.push(who + " message " + e.detail.name + " " + JSON.stringify(e.detail.args)));
				so.addEventListener("netstatus", e => said.push(who + " " + e.detail.code));
				await until(() => so.ready);
				return so;
			};
			const a = await open("a", "board"), b = await open("b", "board");
			said.length = 0;
			a.set("line", {x: 1, y: [2, 3]});
			await until(() => said.includes("a success line") && said.includes("b change line"));
			if (JSON.stringify(b.data.get("line")) !== '{"x":1,"y":[2,3]}') throw new Error("b has " + JSON.stringify(b.data.get("line")));
			b.send("wave", 1, "hi");
			await until(() => said.filter(s => s.endsWith('message wave [1,"hi"]')).length === 2);
			b.remove("line");
			await until(() => said.includes("a delete line") && said.includes("b delete line"));
			const c = await open("c", "locked");
			c.set("x", 1);
			await until(() => said.includes("c SharedObject.NoWriteAccess"));
			return said.filter(s => s.startsWith("c Shared"));`)
		if len(got) != 1 {
			t.Errorf("got %q", got)
		}
	})

	t.Run("AMF3", func(t *testing.T) {
		got := inPage[[]string](ctx, t, `
			const said = [];
			const nc = new NetConnection({objectEncoding: 3, keepAlive: 50}), old = new NetConnection();
			nc.addEventListener("netstatus", e => said.push(e.detail.code + " " + (e.detail.objectEncoding ?? "")));
			await nc.connect("live/room3"); await old.connect("live/room3");
			const v = {when: new Date(5), bytes: Uint8Array.of(1, 2), map: new Map([["k", Int32Array.of(-1)]]), list: new penstock.ArrayCollection([1.5, "x"]),
				typed: new penstock.TypedObject("a.B", {x: 1})};
			const got = await nc.call("echo", v);
			said.push([got.when.getTime(), got.bytes, got.map.get("k"), [...got.list], got.typed.className, got.typed.members.x].join(" "));
			said.push(String((await old.call("echo", new Uint8Array([7])))[0]));
			const a = nc.sharedObject("board", true), b = old.sharedObject("board", true);
			const until = async what => { const end = Date.now() + 10000; while (!what()) { if (Date.now() > end) throw new Error(what + ": " + said); await new Promise(r => setTimeout(r, 10)); } };
			await until(() => a.ready && b.ready);
			a.set("from3", {x: [1, {y: new Date(7)}]});
			await until(() => b.data.has("from3"));
			b.set("from0", {x: [2, null]});
			await until(() => a.data.has("from0"));
			said.push(b.data.get("from3").x[1].y.getTime() + " " + JSON.stringify(a.data.get("from0")));
			a.clear();
			await until(() => b.data.size === 0);
			await new Promise(r => setTimeout(r, 300)); // several looks of the keep-alive
			said.push(String(nc.connected));
			nc.close();
			return said;`)
		want := []string{"NetConnection.Connect.Success 3", "5 1,2 -1 1.5,x a.B 1", "7", `7 {"x":[2,null]}`, "true", "NetConnection.Connect.Closed "}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})

	t.Run("data messages", func(t *testing.T) {
		got := inPage[[]string](ctx, t, `
			const said = [];
			const nc = new NetConnection(); await nc.connect("live");
			const out = await nc.createStream(), into = await nc.createStream();
			into.addEventListener("data", e => said.push(e.detail.name + JSON.stringify(e.detail.args)));
			said.push((await out.publish("words")).code);
			said.push((await into.play("words")).code);
			const end = Date.now() + 10000;
			while (!said.some(s => s.startsWith("score")) && Date.now() < end) { out.send("score", 3, {to: "home"}); await new Promise(r => setTimeout(r, 50)); }
			const other = await nc.createStream();
			await other.publish("words").catch(e => said.push(e.code));
			return [...new Set(said)].filter(s => !s.startsWith("|Rtmp"));`)
		want := []string{"NetStream.Publish.Start", "NetStream.Play.Start", `score[3,{"to":"home"}]`, "NetStream.Publish.BadName"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got %q", got)
		}
	})

	t.Run("picture", func(t *testing.T) {
		inPage[string](ctx, t, `
			const video = document.createElement("video");
			video.muted = video.autoplay = true;
			document.body.replaceChildren(video); // the page's own player goes
			const nc = new NetConnection(); await nc.connect("live");
			const ns = await nc.createStream();
			ns.addEventListener("netstatus", e => console.log(e.detail.code));
			ns.attach(video);
			return (await ns.play("demo")).code;`)
		moves(ctx, t)
	})
}

// A server that is stopped asks pages that said they can to move; they read where to, and leave. Others are told of the end.
func TestWebClientMoves(t *testing.T) {
	needs(t)
	file := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(file, []byte("shutdown: {reconnect_url: 'rtmp://other.example/live', reconnect_grace: 5s}\napps: {live: {}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{Process: start(t, binary(t), "serve", "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", t.TempDir(), "--config", file)}
	until(t, 10*time.Second, "the server prints its addresses", func() bool {
		s.http = httpLine.FindString(s.Stdout.String())
		return s.http != ""
	}, s.Process)
	ctx := browse(t)
	navigate(ctx, t, s.http+"/")
	inPage[bool](ctx, t, `
		window.said = [];
		for (const reconnect of [true, false]) {
			const nc = new NetConnection({reconnect});
			nc.addEventListener("netstatus", e => {
				said.push(reconnect + " " + [e.detail.code, e.detail.tcUrl, e.detail.closeCode].filter(x => x !== undefined).join(" "));
				if (e.detail.code === "NetConnection.Connect.ReconnectRequest") nc.close();
			});
			await nc.connect("live");
		}
		return true;`)
	began := time.Now()
	if !s.Stop(syscall.SIGTERM, 20*time.Second) {
		t.Fatal("the server did not stop")
	}
	t.Logf("the server stopped within %v", time.Since(began).Round(time.Millisecond))
	want := []string{
		"false NetConnection.Connect.AppShutdown", "false NetConnection.Connect.Closed", "false NetConnection.Connect.Success",
		"true NetConnection.Connect.Closed", "true NetConnection.Connect.ReconnectRequest rtmp://other.example/live", "true NetConnection.Connect.Success",
	}
	got := evaluate[[]string](ctx, t, `window.said.sort()`)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
