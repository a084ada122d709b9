package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/app/rpc"
	"penstock/rtmp"
	"penstock/status"
)

// guest is a client of the chat, with what it is shown.
type guest struct {
	*rtmp.Client
	t     *testing.T
	shown chan string
}

func serve(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &app.Server{Handler: rooms(), Log: slog.New(slog.DiscardHandler)}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// come connects; description is the words of a refusal.
func come(t *testing.T, addr, room, name string) (g *guest, description string) {
	t.Helper()
	g = &guest{t: t, shown: make(chan string, 1000)}
	m := rpc.NewClient()
	m.Register("line", func(l line, names []string) {
		g.shown <- fmt.Sprintf("%s: %s %v", l.Name, l.Text, names)
	})
	m.Register("whisper", func(from, text string) { g.shown <- from + " whispers " + text })
	c, err := rtmp.Dial(t.Context(), "rtmp://"+addr+"/chat/"+room+"/stream", &rtmp.ClientConfig{
		Args: []amf.Value{name}, Handler: m.Answer, Timeout: 20 * time.Second,
		OnStatus: func(s *status.Status) { g.shown <- string(s.Code) + " " + s.Description },
	})
	var st *status.Status
	if errors.As(err, &st) {
		return nil, st.Description
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	g.Client = c
	return g, ""
}

func (g *guest) history() []line {
	g.t.Helper()
	lines, err := rpc.Call[[]line](g.t.Context(), g, "enter")
	if err != nil {
		g.t.Fatal(err)
	}
	return lines
}

// sees waits for something that is shown, and drops what is before it.
func (g *guest) sees(want string) {
	g.t.Helper()
	deadline := time.After(20 * time.Second)
	var others []string
	for {
		select {
		case got := <-g.shown:
			if got == want {
				return
			}
			others = append(others, got)
		case <-deadline:
			g.t.Fatalf("not shown: %s\n%s", want, strings.Join(others, "\n"))
		}
	}
}

// call expects the description of a refusal, "" for none.
func (g *guest) call(want, name string, args ...any) {
	g.t.Helper()
	_, err := rpc.Call[any](g.t.Context(), g, name, args...)
	got := ""
	var st *status.Status
	if errors.As(err, &st) {
		got = st.Description
	} else if err != nil {
		got = err.Error()
	}
	if got != want {
		g.t.Errorf("%s%v: %q, want %q", name, args, got, want)
	}
}

func TestRoom(t *testing.T) {
	addr := serve(t)
	ann, _ := come(t, addr, "lobby", "Ann")
	ann.history()
	for name, want := range map[string]string{"ann": "ann is here already.", " ": "Say who you are, in at most 40 letters.",
		strings.Repeat("x", 41): "Say who you are, in at most 40 letters."} {
		if _, got := come(t, addr, "lobby", name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	bob, _ := come(t, addr, "lobby", " Bob  B. ")
	bob.history()
	ann.sees(": Bob B. has come. [Ann Bob B.]")
	ann.call("", "say", "Hello.")
	bob.sees("Ann: Hello. [Ann Bob B.]")
	ann.sees("Ann: Hello. [Ann Bob B.]")
	bob.call("", "whisper", "ann", "Hush.")
	ann.sees("Bob B. whispers Hush.")
	bob.call("Carol is not here.", "whisper", "Carol", "Hush.")
	bob.call("A message has 1 to 500 letters.", "say", " ")
	bob.call("A message has 1 to 500 letters.", "say", strings.Repeat("x", 501))
	bob.call("Failed to execute method (say): argument 1 has to be a string, not the number 5.", "say", 5)

	elsewhere, _ := come(t, addr, "garden", "Ann") // another room
	if lines := elsewhere.history(); len(lines) != 1 || lines[0].Text != "Ann has come." {
		t.Errorf("the garden's history: %v", lines)
	}
	elsewhere.sees(": Ann has come. [Ann]")
	bob.call("Only Ann may do that.", "putOut", "Ann", "I like to.")
	ann.call("Dan is not here.", "putOut", "Dan", "x")
	ann.call("", "putOut", "Bob B.", "No whispering.")
	bob.sees("NetConnection.Connect.Closed Ann has put you out: No whispering.")
	ann.sees(": Bob B. has left. [Ann]")
	if len(elsewhere.shown) > 0 {
		t.Errorf("the garden hears of the lobby: %s", <-elsewhere.shown)
	}
	back, _ := come(t, addr, "lobby", "Bob B.")
	if back == nil {
		t.Fatal("a name stays taken")
	}
	var texts []string
	for _, l := range back.history() {
		texts = append(texts, l.Text)
	}
	if got := strings.Join(texts, " "); got != "Ann has come. Bob B. has come. Hello. Bob B. has left. Bob B. has come." {
		t.Errorf("the history is %s", got)
	}
	_ = ann.Close()
	back.sees(": Ann has left. [Bob B.]")
	back.call("Method not found (nothing).", "nothing")
}

// Who sends too fast is told so, and put out when it goes on.
func TestTooFast(t *testing.T) {
	addr := serve(t)
	ann, _ := come(t, addr, "lobby", "Ann")
	ann.history()
	said, refused := 0, 0
	for range 200 {
		_, err := rpc.Call[any](t.Context(), ann, "say", "Spam.")
		if err == nil {
			said++
			continue
		}
		if refused++; strings.Contains(err.Error(), "connection") || ann.Err() != nil {
			break
		}
	}
	ann.sees("NetConnection.Connect.Closed You have been put out: too many messages.")
	if said < atOnce || refused < patience {
		t.Errorf("%d said, %d refused", said, refused)
	}
}

func TestHistory(t *testing.T) {
	r := open(nil)
	r.mu.Lock()
	for i := range maxHistory + 5 {
		r.add("Ann", fmt.Sprint(i))
	}
	r.mu.Unlock()
	if len(r.history) != maxHistory || r.history[0].Text != "5" {
		t.Errorf("%d lines from %q on", len(r.history), r.history[0].Text)
	}
}
