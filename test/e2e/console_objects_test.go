package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/test/process"
)

// sharing starts a guarded server with the whiteboard's application and the scripted chat of the examples.
func sharing(t *testing.T) *server {
	t.Helper()
	return guardedWith(t, `
scripts: `+filepath.Join(process.Root(), "examples", "fms-chat", "applications")+`
data: `+t.TempDir()+`
apps:
  whiteboard:
    shared_objects: {read: [/], persistent: [strokes]}
`)
}

func follow(ctx context.Context, t *testing.T, css, link string) {
	t.Helper()
	process.Until(t, 20*time.Second, "the link "+link+" is there", func() bool {
		return evaluate[bool](ctx, t, fmt.Sprintf(`(a => a ? (a.click(), true) : false)([...document.querySelectorAll(%q)].find(a => a.innerText === %q && a.checkVisibility()))`, css+" a", link))
	})
}

// What a client writes into a shared object is on the operator's screen while it is written, whatever it looks like; the operator
// empties and deletes the object, a viewer cannot.
func TestConsoleShowsSharedObjects(t *testing.T) {
	needs(t)
	s := sharing(t)
	painter := func() (*rtmp.Client, *rtmp.SharedObject) {
		c, err := rtmp.Dial(t.Context(), s.rtmp+"/whiteboard", &rtmp.ClientConfig{FlashVer: "Painter 1.0"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		so, err := c.SharedObject(t.Context(), "strokes", rtmp.SharedObjectOptions{Persistent: true, Interval: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		return c, so
	}
	ann, board := painter()
	bob, other := painter()
	set := func(so *rtmp.SharedObject, key string, v amf.Value) {
		t.Helper()
		if err := so.Set(key, v); err != nil {
			t.Fatal(err)
		}
	}
	set(board, "stroke 1", amf.NewObject(amf.Prop{Key: "colour", Value: "teal"}, amf.Prop{Key: "points", Value: amf.NewArray(0.1, 0.2, 0.35, 0.4)}))
	ctx := tab(t)
	logIn(ctx, t, s, "otto", "operator")
	do(ctx, t, "applications", chromedp.Click(chromedp.CSS(`#nav a[href="#applications"]`)))
	follow(ctx, t, "#apps", "whiteboard")
	reads(ctx, t, "#instances", "default instance", "its clients alone", "2")
	views(ctx, t, "instances")
	follow(ctx, t, "#instances", "default instance")
	reads(ctx, t, "#instance-facts", "2")
	reads(ctx, t, "#objects", "strokes", "for good")
	reads(ctx, t, "#members", "Painter 1.0", "strokes")
	views(ctx, t, "instance")
	follow(ctx, t, "#objects", "strokes")
	reads(ctx, t, "#apps-path", "Applications", "whiteboard", "default instance")
	reads(ctx, t, "#object-facts", "for good", "2 connections")
	reads(ctx, t, "#slots", "stroke 1", `{"colour":"teal","points":[0.1,0.2,0.35,0.4]}`, "Object")

	for i := range 5 { // while it is written
		set(other, "cursor", float64(i))
		process.Until(t, 20*time.Second, fmt.Sprintf("the value %d is on the screen", i), func() bool {
			return evaluate[string](ctx, t, `([...document.querySelectorAll("#slots tbody tr")].find(r => r.firstChild.innerText === "cursor")?.children[1].innerText) || ""`) == fmt.Sprint(i)
		})
	}
	for i, colour := range []string{"crimson", "goldenrod", "teal"} {
		set(board, fmt.Sprintf("stroke %d", i+2), amf.NewObject(amf.Prop{Key: "colour", Value: colour}, amf.Prop{Key: "width", Value: 6.0},
			amf.Prop{Key: "points", Value: amf.NewArray(0.1, 0.2*float64(i), 0.35, 0.4, 0.5, 0.125*float64(i))}))
	}
	reads(ctx, t, "#slots", "stroke 4")
	set(other, "cursor", amf.NewObject(amf.Prop{Key: "x", Value: 0.25}, amf.Prop{Key: "y", Value: 0.5}))
	reads(ctx, t, "#slots", `{"x":0.25,"y":0.5}`)
	do(ctx, t, "viewport", chromedp.EmulateViewport(1280, 600))
	picture(ctx, t, "console-objects")
	if err := other.Remove("cursor"); err != nil {
		t.Fatal(err)
	}
	process.Until(t, 20*time.Second, "a slot that is removed leaves the screen", func() bool {
		return !strings.Contains(evaluate[string](ctx, t, `document.getElementById("slots").innerText`), "cursor")
	})
	const evil = `<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>`
	set(other, evil, amf.NewObject(amf.Prop{Key: evil, Value: evil + "\u202e"}))
	set(other, "long", strings.Repeat("0123456789 ", 1000))
	set(other, "when", amf.Date{Millis: 1e12})
	reads(ctx, t, "#slots", "<img src=x onerror", `\u202e`, "2001-09-09T01:46:40Z", "…")
	if n := evaluate[int](ctx, t, `document.querySelectorAll("main img, main script, main iframe, main [onerror]").length + (window.pwned || 0)`); n != 0 {
		t.Error("a value became markup")
	}
	views(ctx, t, "object")
	do(ctx, t, "viewport", chromedp.EmulateViewport(500, 844))
	screenshot(ctx, t, "", "object-500")
	if evaluate[bool](ctx, t, `document.documentElement.scrollWidth > document.documentElement.clientWidth`) {
		t.Error("wider than 500 pixels")
	}
	do(ctx, t, "viewport", chromedp.EmulateViewport(1280, 900))

	press(ctx, t, "#object-actions", "Empty …")
	reads(ctx, t, "#dialog", "Empty the shared object strokes?", "everyone who uses it is told")
	press(ctx, t, "#dialog", "Empty it")
	reads(ctx, t, "#slots-empty", "It has no slots.")
	process.Until(t, 20*time.Second, "the painters are told", func() bool { slots, _ := board.Slots(); return len(slots) == 0 })
	set(board, "stroke 2", true)
	reads(ctx, t, "#slots", "stroke 2", "true")
	_, _ = ann.Close(), bob.Close()
	reads(ctx, t, "#object-facts", "nobody: it is only stored")
	reads(ctx, t, "#slots", "stroke 2")

	place := evaluate[string](ctx, t, "location.hash")
	press(ctx, t, "#me", "Log out")
	logIn(ctx, t, s, "vera", "viewer")
	evaluate[string](ctx, t, fmt.Sprintf("location.hash = %q", place))
	reads(ctx, t, "#slots", "stroke 2")
	if bad := evaluate[string](ctx, t, `[...document.querySelectorAll("main button")].filter(b => b.checkVisibility()).map(b => b.innerText).join()`); bad != "" {
		t.Errorf("a viewer has the buttons %s", bad)
	}
	for _, try := range []struct{ method, path, body string }{
		{"POST", "/api/v1/objects/clear", `{"app":"whiteboard","name":"strokes"}`}, {"DELETE", "/api/v1/objects?app=whiteboard&name=strokes", ""},
		{"POST", "/api/v1/instances/unload", `{"app":"whiteboard"}`}, {"POST", "/api/v1/instances/collect", ""},
	} {
		if code := api(ctx, t, try.method, try.path, try.body); code != http.StatusForbidden {
			t.Errorf("%s %s: status %d for a viewer", try.method, try.path, code)
		}
	}
	press(ctx, t, "#me", "Log out")
	logIn(ctx, t, s, "otto", "operator")
	evaluate[string](ctx, t, fmt.Sprintf("location.hash = %q", place))
	press(ctx, t, "#object-actions", "Delete …")
	press(ctx, t, "#dialog", "Delete it")
	reads(ctx, t, "#object-gone", "There is no such object now.")
}

// picture keeps the window for the documentation, in the folder PENSTOCK_PICTURES.
func picture(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	if to := os.Getenv("PENSTOCK_PICTURES"); to != "" {
		if err := os.WriteFile(filepath.Join(to, name+".png"), screenshot(ctx, t, "", name), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// An operator unloads one instance of a scripted application: its people are told, in the operator's words; those in the other instance
// are not, and who comes next meets a new one.
func TestConsoleUnloadsAnInstance(t *testing.T) {
	needs(t)
	s := sharing(t)
	enter := func(instance, name string) (*rtmp.Client, *told) {
		heard := &told{}
		c, err := rtmp.Dial(t.Context(), s.rtmp+"/chat/"+instance+"/", &rtmp.ClientConfig{FlashVer: name + " 1.0", OnStatus: heard.status, Args: []any{name}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c, heard
	}
	ann, annHears := enter("lobby", "Ann")
	bob, bobHears := enter("lobby", "Bob")
	eve, eveHears := enter("attic", "Eve")
	if _, err := ann.Call(t.Context(), "say", "Hello."); err != nil {
		t.Fatal(err)
	}
	ctx := tab(t)
	logIn(ctx, t, s, "otto", "operator")
	do(ctx, t, "applications", chromedp.Click(chromedp.CSS(`#nav a[href="#applications"]`)))
	follow(ctx, t, "#apps", "chat")
	reads(ctx, t, "#instances", "attic", "lobby", "a script")
	follow(ctx, t, "#instances", "lobby")
	reads(ctx, t, "#instance-facts", "a script", "2 clients")
	reads(ctx, t, "#objects", "users")
	reads(ctx, t, "#instance-log", "application started")
	views(ctx, t, "scripted")
	follow(ctx, t, "#objects", "users")
	reads(ctx, t, "#slots", `"Ann"`, `"Bob"`)
	reads(ctx, t, "#object-facts", "by the server itself")
	follow(ctx, t, "#apps-path", "lobby")
	press(ctx, t, "#instance-actions", "Unload …")
	reads(ctx, t, "#dialog", "Unload lobby of chat?", "All its 2 connections are ended")
	views(ctx, t, "unload")
	do(ctx, t, "words", chromedp.SendKeys(chromedp.CSS("#field-text"), "The lobby is being painted."))
	press(ctx, t, "#dialog", "Unload it")
	reads(ctx, t, "#done", "lobby of chat was unloaded.")
	for name, p := range map[string]struct {
		c     *rtmp.Client
		heard *told
	}{"Ann": {ann, annHears}, "Bob": {bob, bobHears}} {
		select {
		case <-p.c.Done():
		case <-time.After(20 * time.Second):
			t.Errorf("%s is still connected", name)
		}
		if got := p.heard.String(); !strings.Contains(got, "NetConnection.Connect.AppShutdown The lobby is being painted.") {
			t.Errorf("%s is told %q", name, got)
		}
	}
	reads(ctx, t, "#instance-gone", "It does not run")
	enter("lobby", "Ann") // her name is free in the new one
	reads(ctx, t, "#instance-facts", "a script", "1 client")
	select {
	case <-eve.Done():
		t.Errorf("who is in another instance was ended: %s", eveHears)
	default:
	}
	do(ctx, t, "refusals", chromedp.Click(chromedp.CSS(`#nav a[href="#refused"]`)))
	reads(ctx, t, "#refusals", "The lobby is being painted.", "An operator ended the instance of the application.", "It can connect again: the next client starts the instance anew.")
}
