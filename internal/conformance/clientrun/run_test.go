package clientrun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/internal/conformance"
	"penstock/internal/conformance/clientcases"
	"penstock/internal/conformance/scripted"
	"penstock/status"
)

// The clients that are judged here are this very program, started again with another task.
func TestMain(m *testing.M) {
	if task := os.Getenv("PENSTOCK_CLIENT"); task != "" {
		os.Exit(client(task, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// judge runs a client of this program through cases.
func judge(t *testing.T, task, file string, cfg Config) *conformance.Report {
	t.Helper()
	task, faulty, _ := strings.Cut(task, "@")
	cfg.Command = []string{"/usr/bin/env", "PENSTOCK_CLIENT=" + task, "PENSTOCK_FAULT=" + faulty, os.Args[0], URL}
	if file != "" {
		cfg.Command = append(cfg.Command, file)
	}
	if cfg.Patience == 0 {
		cfg.Patience = 60 * time.Second
	}
	if cfg.Startup == 0 {
		cfg.Startup = 30 * time.Second
	}
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Error(err)
	}
	return r
}

func show(r *conformance.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s; expected %s; got %s; needs %s\n", r.ID, r.Verdict, r.Expected, r.Got, r.Needs)
	for i, e := range r.Transcript {
		if i > 40 && i < len(r.Transcript)-10 {
			continue
		}
		fmt.Fprintf(&b, "  %8.3f %-6s %6d %s\n", e.At.Seconds(), e.From, e.Offset, e.Text)
	}
	return b.String()
}

// A client that does everything right works in every case.
func TestGoodClients(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for task, file := range map[string]string{"publish": Input, "play": Output} {
		wg.Go(func() {
			r := judge(t, task, file, Config{Parallel: 16})
			if r == nil {
				return
			}
			if len(r.Results) < 50 {
				t.Errorf("%d cases", len(r.Results))
			}
			for i := range r.Results {
				want := conformance.Works
				if r.Results[i].ID == "control/ping-unanswered" {
					want = conformance.NotReproduced // it does not ping
				}
				if r.Results[i].Verdict != want {
					t.Error(task, show(&r.Results[i]))
				}
				if len(r.Results[i].Transcript) == 0 {
					t.Errorf("%s has no transcript", r.Results[i].ID)
				}
			}
			if !r.Passed() {
				t.Error("the report does not pass")
			}
		})
	}
	wg.Wait()
}

// Each fault is recognised for what it is, and none can hold up the run.
func TestBadClients(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for _, c := range []struct {
		task, file, id string
		verdict        conformance.Verdict
		got            string
	}{
		{"loop", Input, "refused/publish-denied", conformance.Fails, "looped: "},
		{"crash", Input, "refused/publish-denied", conformance.Fails, "crashed: it died of killed"},
		{"hang", Input, "refused/publish-denied", conformance.Fails, "hung: it closed the connection, but it was still there after "},
		{"mute", Input, "refused/publish-denied", conformance.Differs, "it said nothing"},
		{"cheerful", Input, "refused/publish-denied", conformance.Differs, "exit code 0"},
		{"cheerful", Input, "silence/connect", conformance.Differs, "exit code 0"},
		{"hang", Input, "silence/connect", conformance.Fails, "hung: "},
		{"children", Input, "session/ordinary", conformance.Works, "276 frames are whole and in time"},
		{"chatter", Input, "session/ordinary", conformance.Works, "276 frames are whole and in time"},
		{"garbage", "", "session/ordinary", conformance.Fails, "desynchronised: "},
		{"flood", "", "session/ordinary", conformance.Fails, "misbehaved: "},
		{"http", "", "session/ordinary", conformance.Fails, "desynchronised: "},
		{"asleep", "", "session/ordinary", conformance.NotReproduced, "the handshake; it was still there"},
		{"nothing", Input, "session/ordinary", conformance.NotReproduced, "it did not connect; it stopped with exit code 1 after 0.0 s; it said: client: cannot read {in}"},
		{"ping", Input, "control/ping-unanswered", conformance.Works, "276 frames are whole"},
		{"mangle", Input, "session/ordinary", conformance.Fails, "desynchronised: 1 frames are none of those sent"},
		{"jumpy", Input, "session/ordinary", conformance.Differs, "is wrong by 500 ms"},
		{"lossy", Output, "session/ordinary", conformance.Fails, "1 frames are missing"},
		{"play", "", "session/ordinary", conformance.NotReproduced, "it stayed to the end of the stream"},
	} {
		wg.Go(func() {
			r := judge(t, c.task, c.file, Config{Only: []string{c.id}, Patience: 20 * time.Second, Startup: 15 * time.Second})
			if r == nil || len(r.Results) != 1 {
				t.Errorf("%s: no result", c.task)
				return
			}
			res := &r.Results[0]
			if res.Verdict != c.verdict || !strings.Contains(res.Got, c.got) {
				t.Errorf("%s: want %s with %q\n%s", c.task, c.verdict, c.got, show(res))
			}
			if strings.Contains(res.Got, "interrupted") {
				t.Errorf("%s: what it said when it was ended is held against it: %s", c.task, res.Got)
			}
			for _, e := range res.Transcript {
				var pid int
				if _, err := fmt.Sscanf(e.Text, "the client said: left behind: %d", &pid); err == nil {
					wantGone(t, pid)
				}
			}
		})
	}
	wg.Wait()
}

// wantGone wants a process to have ended.
func wantGone(t *testing.T, pid int) {
	t.Helper()
	for range 500 {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(b, []byte(") Z")) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d still runs", pid)
}

// Without a command whoever connects is judged; nobody is no result.
func TestListening(t *testing.T) {
	t.Parallel()
	clip := filepath.Join(t.TempDir(), "in.flv")
	if err := os.WriteFile(clip, scripted.File(scripted.Clip(clipLength, 0)), 0o600); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	r, err := Run(t.Context(), Config{Only: []string{"session", "refused/publish-badname", "ended/fin"}, Wait: 5 * time.Second, Announce: func(c *clientcases.Case, url string) {
		if c.ID == "ended/fin" {
			return // nobody comes
		}
		wg.Go(func() {
			err := goodPublisher(url, []string{clip})
			s, _ := status.Of(err)
			if refused := c.ID == "refused/publish-badname"; refused != (s != nil && s.Code == status.PublishBadName) {
				t.Errorf("%s: the client got %v", c.ID, err)
			}
		})
	}})
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]conformance.Verdict{"session/ordinary": conformance.Works, "refused/publish-badname": conformance.Works, "ended/fin": conformance.NotReproduced}
	for i := range r.Results {
		if res := &r.Results[i]; res.Verdict != want[res.ID] {
			t.Error(show(res))
		}
	}
	if len(r.Results) != len(want) {
		t.Errorf("%d results", len(r.Results))
	}
}

// A run that is cancelled ends at once, with what it started.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(500*time.Millisecond, cancel)
	_, err := Run(ctx, Config{Command: []string{"sleep", "3600"}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCannotStart(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), Config{Command: []string{"/no/such/client"}}); err == nil || !strings.Contains(err.Error(), "cannot be started") {
		t.Errorf("got %v", err)
	}
	if _, err := Run(t.Context(), Config{Only: []string{"nonsense"}}); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v", err)
	}
}

func TestOutput(t *testing.T) {
	var o output
	for range 10 {
		_, _ = o.Write(bytes.Repeat([]byte("x"), maxOutput))
	}
	if n := len(o.buf); n > 2*maxOutput {
		t.Errorf("%d bytes are kept", n)
	}
	_, _ = o.Write([]byte("\n\x1b[31mred\x1b[0m \x00text\xff\n10%\r20%\r30%\n\n30%\nlast"))
	got := o.lines()
	if len(got) < 3 || strings.Join(got[len(got)-3:], "|") != "red text|30%|last" {
		t.Errorf("%q", got[1:])
	}
	if n := len([]rune(got[0])); n > maxLine+1 {
		t.Errorf("a line of %d characters", n)
	}
}
