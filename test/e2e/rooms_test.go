package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"penstock/test/process"
)

// rooms runs examples/chat and returns its page's address.
func rooms(t *testing.T, addr string) (*process.Process, string) {
	t.Helper()
	bin := filepath.Join(workDir, "chat")
	args := []string{"build", "-o", bin, "./examples/chat"}
	if os.Getenv("PENSTOCK_E2E_RACE") != "" {
		args = append(args[:1], append([]string{"-race"}, args[1:]...)...)
	}
	build := exec.Command("go", args...)
	build.Dir = process.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := start(t, bin, "-http", addr)
	url := ""
	line := regexp.MustCompile(`http://[^\s/]+`)
	until(t, 20*time.Second, "the chat prints its address", func() bool {
		url = line.FindString(p.Stdout.String())
		return url != ""
	}, p)
	return p, url
}

// An application in Go and its page, with people in three browsers and two rooms.
func TestChatRooms(t *testing.T) {
	needs(t)
	server, url := rooms(t, "127.0.0.1:0")
	browser := browse(t)
	navigate(browser, t, "about:blank")
	open := func(name, room string) context.Context {
		t.Helper()
		tab, cancel := chromedp.NewContext(browser)
		t.Cleanup(cancel)
		navigate(tab, t, url+"/#"+room)
		evaluate[bool](tab, t, `(() => { document.getElementById("name").value = `+quoted(name)+`; document.getElementById("door").requestSubmit(); return true })()`)
		return tab
	}
	say := func(tab context.Context, to, words string) {
		t.Helper()
		evaluate[bool](tab, t, `(() => { document.getElementById("to").value = `+quoted(to)+`; document.getElementById("text").value = `+quoted(words)+`;
			document.getElementById("speak").requestSubmit(); return true })()`)
	}
	ann := open("Ann", "lobby")
	shows(ann, t, "Room lobby", "Ann (you)", "Ann has come.")
	bob := open("ann", "lobby")
	shows(bob, t, "ann is here already.") // the server's words, at the door
	evaluate[bool](bob, t, `(() => { document.getElementById("name").value = "Bob"; document.getElementById("door").requestSubmit(); return true })()`)
	shows(bob, t, "Bob (you)", "Ann has come.")
	shows(ann, t, "Bob has come.")
	say(ann, "", "Welcome, Bob!")
	shows(bob, t, "Welcome, Bob!")
	say(bob, "", "Nice room. Who else comes here?")
	shows(ann, t, "Who else comes here?")

	carol := open("Carol", "lobby")
	shows(carol, t, "Welcome, Bob!", "Who else comes here?", "Carol has come.") // what was said before
	elsewhere := open("Dan", "garden")
	shows(elsewhere, t, "Dan has come.")
	say(carol, "Bob", "Do you have the tickets?")
	shows(bob, t, "Carol to you", "Do you have the tickets?")
	shows(carol, t, "You to Bob")
	say(ann, "", "Carol, that is Bob. Bob, Carol.")
	shows(carol, t, "that is Bob.")
	shows(bob, t, "that is Bob.")
	say(bob, "", "We have met.")
	shows(carol, t, "We have met.")
	picture := screenshot(carol, t, "", "rooms")
	if to := os.Getenv("PENSTOCK_PICTURES"); to != "" {
		if err := os.WriteFile(filepath.Join(to, "rooms.png"), picture, 0o644); err != nil {
			t.Error(err)
		}
	}
	for who, text := range map[string]string{"Ann": evaluate[string](ann, t, `document.body.innerText`),
		"Dan, in another room": evaluate[string](elsewhere, t, `document.body.innerText`)} {
		if strings.Contains(text, "tickets") {
			t.Errorf("%s reads what was for Bob alone:\n%s", who, text)
		}
	}

	say(ann, "", "<i>not italic</i>")
	shows(bob, t, "<i>not italic</i>")

	// Too fast: the page shows the server's words, and what was refused goes to nobody.
	for i := range 8 {
		say(carol, "", "quick "+string(rune('a'+i)))
	}
	shows(carol, t, "Not so fast: one message a second.")
	// Ann has been there for longest, and puts Bob out: he reads why, stays out, and the others see him leave.
	evaluate[bool](ann, t, `(() => { window.prompt = () => "It is late."; document.querySelector('#people button[title="Put Bob out"]').click(); return true })()`)
	shows(bob, t, "Ann has put you out: It is late.")
	shows(carol, t, "Bob has left.")

	// The server goes and comes back: the pages come back by themselves, but who was put out.
	if !server.Stop(syscall.SIGTERM, 12*time.Second) {
		t.Fatal("the chat did not stop")
	}
	shows(ann, t, "Application chat is shutting down.", "The server ended the connection.")
	rooms(t, strings.TrimPrefix(url, "http://"))
	shows(ann, t, "Ann has come.", "Carol has come.")
	shows(carol, t, "Carol (you)", "Ann")
	if text := evaluate[string](bob, t, `document.body.innerText`); strings.Contains(text, "Bob (you)") {
		t.Errorf("Bob is back:\n%s", text)
	}
}
