package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// An application in the manner of Flash Media Server, its script alone, with two people in two browsers.
func TestScriptedChat(t *testing.T) {
	needs(t)
	s := serve(t, "--config", filepath.Join("examples", "fms-chat", "penstock.yaml"))
	browser := browse(t)
	navigate(browser, t, "about:blank")
	open := func() context.Context {
		tab, cancel := chromedp.NewContext(browser)
		t.Cleanup(cancel)
		navigate(tab, t, s.http+"/pages/")
		return tab
	}
	say := func(tab context.Context, words string) {
		t.Helper()
		evaluate[bool](tab, t, `(() => { document.getElementById("text").value = `+quoted(words)+`; document.getElementById("form").requestSubmit(); return true })()`)
	}
	ann, bob := open(), open()
	say(ann, "Ann")
	shows(ann, t, "Ann has come.")
	say(bob, "Ann")
	shows(bob, t, "Ann is here already.") // the script's own words
	say(bob, "Bob")
	shows(bob, t, "Bob has come.")
	say(ann, "Hello, Bob! <b>not bold</b>")
	say(bob, "Hello, Ann. How did we talk before there were browsers?")
	say(ann, "By carrier pigeon, and NetConnection.")
	for _, tab := range []context.Context{ann, bob} {
		shows(tab, t, "Hello, Bob! <b>not bold</b>", "How did we talk", "carrier pigeon")
	}
	carol := open()
	say(carol, "Carol")
	shows(carol, t, "carrier pigeon", "Carol has come.") // what was said before
	picture := screenshot(carol, t, "", "chat")
	if to := os.Getenv("PENSTOCK_PICTURES"); to != "" {
		if err := os.WriteFile(filepath.Join(to, "chat.png"), picture, 0o644); err != nil {
			t.Error(err)
		}
	}
	if err := chromedp.Cancel(bob); err != nil {
		t.Fatal(err)
	}
	shows(ann, t, "Bob has left.")
	if users := evaluate[string](ann, t, `document.getElementById("users").innerText`); strings.Contains(users, "Bob") || !strings.Contains(users, "Carol") {
		t.Errorf("the users are %q", users)
	}
}

// shows waits until the page shows all of the words.
func shows(tab context.Context, t *testing.T, words ...string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		text := evaluate[string](tab, t, `document.body.innerText`)
		missing := ""
		for _, w := range words {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			screenshot(tab, t, "", "missing")
			t.Fatalf("the page does not show %q:\n%s", missing, text)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// quoted is a text as a literal of JavaScript.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
