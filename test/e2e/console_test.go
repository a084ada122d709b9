package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"penstock/internal/password"
	"penstock/rtmp"
	"penstock/status"
	"penstock/test/process"
)

const consoleToken = "7c1e6a4f0d2b4c39a8e5f1d0b3c69e27"

// guarded starts a server whose console has a user of each role, all with the password "correct horse".
func guarded(t *testing.T) *server {
	t.Helper()
	return guardedWith(t, `
apps:
  live: {}
  studio:
    publish:
      keys: {one: {key: 3f1c0a5be2d94c7786a1f0e4b9d25c68, publish_as: stage}}
  chat: {}
`)
}

// guardedWith is guarded for other applications.
func guardedWith(t *testing.T, applications string) *server {
	t.Helper()
	hash := password.New("correct horse")
	file := filepath.Join(t.TempDir(), "penstock.yml")
	text := fmt.Sprintf(`
console:
  users:
    vera: {password: %q, role: viewer}
    otto: {password: %q, role: operator}
    anna: {password: %q, role: admin}
  tokens:
    watch: {sha256: %x, role: viewer}
`, hash, hash, hash, sha256.Sum256([]byte(consoleToken))) + applications
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return serve(t, "--config", file)
}

// tab is a browser whose page must not throw.
func tab(t *testing.T) context.Context {
	t.Helper()
	ctx := browse(t)
	navigate(ctx, t, "about:blank")
	var mu sync.Mutex
	var thrown []string
	if err := chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*runtime.EventExceptionThrown); ok {
			mu.Lock()
			defer mu.Unlock()
			text := e.ExceptionDetails.Text
			if e.ExceptionDetails.Exception != nil {
				text += " " + e.ExceptionDetails.Exception.Description
			}
			thrown = append(thrown, text)
		}
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, text := range thrown {
			t.Errorf("the page threw: %s", text)
		}
	})
	return ctx
}

// camera publishes with FFmpeg until the test ends.
func camera(t *testing.T, s *server) *process.Process {
	t.Helper()
	published := strings.Count(s.Stderr.String(), "msg=publishing")
	p := start(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostats", "-re", "-stream_loop", "-1", "-t", "120", "-i", media(t, "h264.flv"),
		"-c", "copy", "-f", "flv", s.rtmp+"/live/camera")
	until(t, 20*time.Second, "FFmpeg publishes", func() bool { return strings.Count(s.Stderr.String(), "msg=publishing") > published }, p)
	return p
}

func do(ctx context.Context, t *testing.T, what string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	for _, s := range steps {
		if err := chromedp.Do(ctx, s); err != nil {
			screenshot(ctx, t, "", "stuck")
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// reads waits until the text of an element has all the parts.
func reads(ctx context.Context, t *testing.T, css string, parts ...string) string {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		text := evaluate[string](ctx, t, fmt.Sprintf("(document.querySelector(%q) || {innerText: ''}).innerText", css))
		missing := ""
		for _, p := range parts {
			if !strings.Contains(text, p) {
				missing = p
			}
		}
		if missing == "" {
			return text
		}
		if time.Now().After(deadline) {
			screenshot(ctx, t, "", "stuck")
			t.Fatalf("%s does not say %q:\n%s", css, missing, text)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// press clicks the button of that text within an element.
func press(ctx context.Context, t *testing.T, css, button string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !evaluate[bool](ctx, t, fmt.Sprintf(`(b => b ? (b.click(), true) : false)([...document.querySelectorAll(%q)].find(b => b.innerText === %q && b.checkVisibility()))`, css+" button", button)) {
		if time.Now().After(deadline) {
			screenshot(ctx, t, "", "stuck")
			t.Fatalf("%s has no button %q", css, button)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func logIn(ctx context.Context, t *testing.T, s *server, user, role string) {
	t.Helper()
	navigate(ctx, t, s.http+"/console/")
	do(ctx, t, "log in", chromedp.WaitVisible(chromedp.CSS("#login-name")), chromedp.SendKeys(chromedp.CSS("#login-name"), user),
		chromedp.SendKeys(chromedp.CSS("#login-password"), "correct horse\r"))
	reads(ctx, t, "#me", user, role)
}

// views keeps pictures of the console as it is: on a wide screen and a narrow one, light and dark.
func views(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	for _, v := range []struct {
		of            string
		width, height int64
		scheme        string
	}{{"wide", 1280, 860, "light"}, {"wide-dark", 1280, 860, "dark"}, {"narrow", 390, 844, "light"}} {
		scheme := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.scheme}}}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, scheme); err != nil {
			t.Fatal(err)
		}
		do(ctx, t, "viewport", chromedp.EmulateViewport(v.width, v.height))
		time.Sleep(300 * time.Millisecond) // for the picture only
		screenshot(ctx, t, "", name+"-"+v.of)
		if over := evaluate[bool](ctx, t, `document.documentElement.scrollWidth > document.documentElement.clientWidth`); over {
			t.Errorf("%s, %s: wider than the screen", name, v.of)
		}
	}
	do(ctx, t, "viewport", chromedp.EmulateViewport(1280, 900))
}

// A support person finds out why an encoder could not publish: logs in, searches for its address, reads.
func TestConsoleExplainsARefusal(t *testing.T) {
	needs(t, "ffmpeg")
	s := guarded(t)
	camera(t, s)
	for _, url := range []string{"/live/camera", "/studio/stage", "/lvie/camera"} {
		start(t, "ffmpeg", "-hide_banner", "-nostats", "-re", "-i", media(t, "h264.flv"), "-c", "copy", "-f", "flv", s.rtmp+url).Wait(t, 20*time.Second)
	}
	ctx := tab(t)
	navigate(ctx, t, s.http+"/")
	do(ctx, t, "go to the console", chromedp.Click(chromedp.CSS(`a[href="console/"]`)), chromedp.WaitVisible(chromedp.CSS("#login-name")))
	views(ctx, t, "login")
	do(ctx, t, "wrong password", chromedp.SendKeys(chromedp.CSS("#login-name"), "otto"), chromedp.SendKeys(chromedp.CSS("#login-password"), "wrong\r"))
	reads(ctx, t, "#login-error", "The user name or the password is wrong.")
	logIn(ctx, t, s, "otto", "operator")
	moves(ctx, t)
	reads(ctx, t, "#streams", "live/camera", "H.264")
	views(ctx, t, "live")

	do(ctx, t, "search", chromedp.Click(chromedp.CSS(`#nav a[href="#refused"]`)), chromedp.WaitVisible(chromedp.CSS("#search-ip")))
	reads(ctx, t, "#refusals", "lvie", "live/ca…", "studio/s…")
	do(ctx, t, "search", chromedp.SendKeys(chromedp.CSS("#search-ip"), "203.0.113.0/24\r"))
	reads(ctx, t, "#refused-empty", "Nothing was refused that fits.")
	do(ctx, t, "search", chromedp.SetValue(chromedp.CSS("#search-ip"), "127.0.0.1"), chromedp.SendKeys(chromedp.CSS("#search-stream"), "live/camera\r"))
	reads(ctx, t, "#refused-state", "1 entry.")
	text := reads(ctx, t, "#refusals", "FFmpeg at 127.0.0.1 wanted to publish live/ca…",
		"What happened", "Another publisher has that name.", "It was told", "NetStream.Publish.BadName", "is already being published.",
		"What to change", "Stop the other publisher, or choose another stream name (stream key).")
	t.Log(text)
	// By time: the last hour has all, a day long ago has none.
	press(ctx, t, "#search", "Clear")
	reads(ctx, t, "#refused-state", "3 entries.")
	choose := func(id, value string) {
		evaluate[bool](ctx, t, fmt.Sprintf(`(s => { s.value = %q; return s.dispatchEvent(new Event("change", {bubbles: true})) })(document.getElementById(%q))`, value, id))
	}
	choose("search-when", "3600")
	reads(ctx, t, "#refused-state", "3 entries.")
	choose("search-when", "between")
	choose("search-from", "2020-01-01T10:00")
	reads(ctx, t, "#refused-state", "3 entries.")
	choose("search-to", "2020-01-02T10:00")
	reads(ctx, t, "#refused-empty", "Nothing was refused that fits.")
	press(ctx, t, "#search", "Clear")
	// The rule that refused it has words of its own.
	do(ctx, t, "search", chromedp.SendKeys(chromedp.CSS("#search-words"), "publish.keys\r"))
	reads(ctx, t, "#refused-state", "1 entry.")
	reads(ctx, t, "#refusals", "wanted to publish studio/s…", "The stream key is missing or wrong.", "NetStream.Publish.Denied", "apps.studio.publish.keys")
	press(ctx, t, "#search", "Clear")
	reads(ctx, t, "#refused-state", "3 entries.", "New ones appear by themselves.")
	if url := evaluate[string](ctx, t, "location.href"); strings.ContainsAny(url, "?&") || strings.Contains(url, "camera") {
		t.Errorf("the address of the page has what was searched for: %s", url)
	}
	choose("search-stage", "publish")
	reads(ctx, t, "#refused-state", "2 entries.")
	views(ctx, t, "publish")
	press(ctx, t, "#search", "Clear")
	// One more, while somebody looks.
	_, _ = rtmp.Dial(t.Context(), s.rtmp+"/nowhere", nil)
	reads(ctx, t, "#refusals", "nowhere", "There is no application of that name.", "NetConnection.Connect.Rejected")
	views(ctx, t, "refused")
}

// told records what a client is told, and by whom it is ended.
type told struct {
	mu   sync.Mutex
	list []string
}

func (r *told) status(s *status.Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, string(s.Code)+" "+s.Description)
}

func (r *told) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.list, "\n")
}

// An operator kicks a program and releases a name; both are told, in the operator's words.
func TestConsoleKicksAndReleases(t *testing.T) {
	needs(t, "ffmpeg")
	s := guarded(t)
	encoder := camera(t, s)
	var heard told
	idle, err := rtmp.Dial(t.Context(), s.rtmp+"/chat", &rtmp.ClientConfig{FlashVer: "Visitor 1.0", OnStatus: heard.status})
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	ctx := tab(t)
	logIn(ctx, t, s, "otto", "operator")

	do(ctx, t, "connections", chromedp.Click(chromedp.CSS(`#nav a[href="#connected"]`)))
	reads(ctx, t, "#sessions", "Visitor 1.0", "chat", "FFmpeg", "publishes live/camera")
	do(ctx, t, "find", chromedp.SendKeys(chromedp.CSS("#connected-find"), "visitor"))
	until(t, 10*time.Second, "only the visitor is listed", func() bool {
		return !strings.Contains(evaluate[string](ctx, t, `document.getElementById("sessions").innerText`), "FFmpeg")
	})
	views(ctx, t, "connected")
	press(ctx, t, "#sessions", "Kick …")
	reads(ctx, t, "#dialog", "End this connection?", "Visitor 1.0 at 127.0.0.1:")
	views(ctx, t, "kick")
	do(ctx, t, "words", chromedp.SendKeys(chromedp.CSS("#field-text"), "Please use the other server."))
	press(ctx, t, "#dialog", "End it")
	reads(ctx, t, "#done", "was ended")
	until(t, 10*time.Second, "the client is told", func() bool { return strings.Contains(heard.String(), "Please use the other server.") })
	select {
	case <-idle.Done():
	case <-time.After(10 * time.Second):
		t.Error("the client is still connected")
	}
	reads(ctx, t, "#sessions-empty", "None of the connections fits.")

	do(ctx, t, "streams", chromedp.Click(chromedp.CSS(`#nav a[href="#live"]`)))
	reads(ctx, t, "#live-facts", "127.0.0.1:")
	press(ctx, t, "#view-live", "Release the name …")
	do(ctx, t, "words", chromedp.WaitVisible(chromedp.CSS("#dialog")), chromedp.SendKeys(chromedp.CSS("#field-text"), "The stage is needed."))
	press(ctx, t, "#dialog", "Release it")
	reads(ctx, t, "#done", "live/camera is free.")
	encoder.Wait(t, 10*time.Second)
	if out := encoder.Stderr.String(); !strings.Contains(out, "The stage is needed.") {
		t.Errorf("FFmpeg does not say why it was ended:\n%s", out)
	}
	camera(t, s) // the name is free
	do(ctx, t, "refusals", chromedp.Click(chromedp.CSS(`#nav a[href="#refused"]`)))
	reads(ctx, t, "#refusals", "The stage is needed.", "Please use the other server.")
}

// api asks from within the page, as a script that a viewer types would.
func api(ctx context.Context, t *testing.T, method, path, body string) int {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[int](fmt.Sprintf(
		`fetch(%q, {method: %q, headers: {"X-Penstock": "1", "Content-Type": "application/json"}, body: %q || undefined}).then(r => r.status)`, path, method, body), chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A viewer sees everything and ends nothing, on the page or past it.
func TestConsoleViewerCannotKick(t *testing.T) {
	needs(t, "ffmpeg")
	s := guarded(t)
	encoder := camera(t, s)
	ctx := tab(t)
	logIn(ctx, t, s, "vera", "viewer")
	for hash, text := range map[string]string{"#live": "live/camera", "#connected": "publishes live/camera", "#applications": "studio", "#refused": "Nobody has been refused.", "#blocked": "Nobody is blocked."} {
		do(ctx, t, hash, chromedp.Click(chromedp.CSS(`#nav a[href="`+hash+`"]`)))
		reads(ctx, t, "main", text)
		if bad := evaluate[string](ctx, t, `[...document.querySelectorAll("main button")].filter(b => b.checkVisibility()).map(b => b.innerText).filter(s => /kick|block|release|load/i.test(s)).join()`); bad != "" {
			t.Errorf("%s has buttons for a viewer: %s", hash, bad)
		}
	}
	id := evaluateLater[string](ctx, t, `fetch("/api/v1/sessions").then(r => r.json()).then(r => r.sessions[0].id)`)
	for _, try := range []struct{ method, path, body string }{
		{"POST", "/api/v1/sessions/" + id + "/kick", `{}`}, {"POST", "/api/v1/streams/release", `{"stream":"live/camera"}`},
		{"POST", "/api/v1/blocks", `{"network":"203.0.113.7","seconds":60}`}, {"POST", "/api/v1/apps/live/unload", ""},
	} {
		if code := api(ctx, t, try.method, try.path, try.body); code != http.StatusForbidden {
			t.Errorf("%s %s: status %d for a viewer", try.method, try.path, code)
		}
	}
	if !encoder.Running() {
		t.Error("the encoder was ended")
	}
	for method, want := range map[string]int{"GET": http.StatusOK, "POST": http.StatusForbidden} { // a program's token is under the same roles
		req, err := http.NewRequestWithContext(t.Context(), method, s.http+map[string]string{"GET": "/api/v1/sessions", "POST": "/api/v1/sessions/" + id + "/kick"}[method], strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+consoleToken)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s with a viewer's token: %s", method, resp.Status)
		}
	}
	press(ctx, t, "#me", "Log out")
	do(ctx, t, "log out", chromedp.WaitVisible(chromedp.CSS("#login-name")))
	if code := api(ctx, t, "GET", "/api/v1/sessions", ""); code != http.StatusUnauthorized {
		t.Errorf("after the log-out: %d", code)
	}
}

func evaluateLater[T any](ctx context.Context, t *testing.T, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// An admin unloads an application and loads it again; blocks an address and unblocks it.
func TestConsoleUnloadsAndBlocks(t *testing.T) {
	needs(t)
	s := guarded(t)
	ctx := tab(t)
	logIn(ctx, t, s, "anna", "admin")
	do(ctx, t, "applications", chromedp.Click(chromedp.CSS(`#nav a[href="#applications"]`)))
	reads(ctx, t, "#apps", "chat", "live", "studio")
	row := func(name string) string {
		return evaluate[string](ctx, t, fmt.Sprintf(`(r => r ? (r.id = "row-" + %q, "#" + r.id) : "")([...document.querySelectorAll("#apps tbody tr")].find(r => r.firstChild.innerText === %q))`, name, name))
	}
	press(ctx, t, row("chat"), "Unload …")
	press(ctx, t, "#dialog", "Unload it")
	reads(ctx, t, "#apps", "not loaded")
	views(ctx, t, "applications")
	if c, err := rtmp.Dial(t.Context(), s.rtmp+"/chat", nil); err == nil {
		c.Close()
		t.Error("an application that is not loaded takes clients")
	}
	press(ctx, t, row("chat"), "Load …")
	press(ctx, t, "#dialog", "Load it")
	until(t, 10*time.Second, "the application takes clients again", func() bool {
		c, err := rtmp.Dial(t.Context(), s.rtmp+"/chat", nil)
		if err == nil {
			c.Close()
		}
		return err == nil
	})

	do(ctx, t, "blocks", chromedp.Click(chromedp.CSS(`#nav a[href="#blocked"]`)))
	press(ctx, t, "#view-blocked", "Block an address …")
	do(ctx, t, "nonsense", chromedp.WaitVisible(chromedp.CSS("#field-network")), chromedp.SendKeys(chromedp.CSS("#field-network"), "somewhere"))
	press(ctx, t, "#dialog", "Block")
	reads(ctx, t, "#dialog-error", "“somewhere” is no address")
	do(ctx, t, "address", chromedp.SetValue(chromedp.CSS("#field-network"), "203.0.113.7"), chromedp.SendKeys(chromedp.CSS("#field-text"), "Too many attempts."))
	press(ctx, t, "#dialog", "Block")
	reads(ctx, t, "#blocks", "203.0.113.7", "Too many attempts.", "anna")
	views(ctx, t, "blocked")
	press(ctx, t, "#blocks", "Unblock …")
	press(ctx, t, "#dialog", "Unblock")
	reads(ctx, t, "#blocks-empty", "Nobody is blocked.")
	// A session that ends elsewhere, or with its time, leaves the log-in and nothing else.
	if code := api(ctx, t, "DELETE", "/console/session", ""); code != http.StatusNoContent {
		t.Errorf("log-out: %d", code)
	}
	do(ctx, t, "log-in comes by itself", chromedp.WaitVisible(chromedp.CSS("#login-name")), chromedp.WaitNotVisible(chromedp.CSS("#view-blocked")))
}

// What strangers call themselves and their streams is text, whatever it looks like.
func TestConsoleShowsHostileNamesAsText(t *testing.T) {
	needs(t, "ffmpeg")
	s := guarded(t)
	const evil = `<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>`
	for _, url := range []string{"/" + evil, "/live"} {
		c, err := rtmp.Dial(t.Context(), s.rtmp+url, &rtmp.ClientConfig{FlashVer: evil})
		if err != nil {
			continue
		}
		defer c.Close()
		out, err := c.Publish(t.Context(), evil)
		t.Logf("publishing under the name: %v", err)
		if err == nil {
			if err := out.WriteVideo(t.Context(), 0, []byte{0x17, 0, 0, 0, 0}); err != nil {
				t.Error(err)
			}
		}
	}
	ctx := tab(t)
	logIn(ctx, t, s, "otto", "operator")
	for _, hash := range []string{"#connected", "#refused", "#live"} {
		do(ctx, t, hash, chromedp.Click(chromedp.CSS(`#nav a[href="`+hash+`"]`)))
		reads(ctx, t, "main", "<img src=x onerror")
		if n := evaluate[int](ctx, t, `document.querySelectorAll("main img, main script, main iframe, main [onerror]").length + (window.pwned || 0)`); n != 0 {
			t.Errorf("%s: a name became markup", hash)
		}
	}
	do(ctx, t, "#refused", chromedp.Click(chromedp.CSS(`#nav a[href="#refused"]`)))
	reads(ctx, t, "main", "<img src=x onerror")
	views(ctx, t, "hostile")
}

// Without users this machine needs no log-in, and the page says so.
func TestConsoleWithoutUsers(t *testing.T) {
	needs(t)
	s := serve(t, "--demo")
	ctx := tab(t)
	navigate(ctx, t, s.http+"/console/")
	reads(ctx, t, "#unguarded", "no users are configured", "console.users")
	reads(ctx, t, "#me", "admin")
	moves(ctx, t)
	views(ctx, t, "open")
	// A name that somebody else may point here is not this machine.
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.http+"/console/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("under a foreign name: %s", resp.Status)
	}
}
