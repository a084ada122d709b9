package instancelog

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func texts(l *Log, app, instance string) string {
	var b strings.Builder
	for _, line := range l.Lines(app, instance) {
		fmt.Fprintf(&b, "%s %s\n", line.Level, line.Text)
	}
	return b.String()
}

// What is about an instance is remembered under its name, and everything is written as before.
func TestLines(t *testing.T) {
	var out, plain bytes.Buffer
	l := New()
	o := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&plain, o)), slog.New(l.Handler(slog.NewTextHandler(&out, o)))} {
		script := log.With("app", "chat", "instance", "lobby", "engine", 7)
		script.Info("trace", "says", "hello")
		script.Error("failed", "error", errors.New("main.asc:3"), "session", "x")
		script.Debug("too much")
		script.WithGroup("g").Info("grouped", "k", "v")
		log.With("app", "chat").Warn("instance started", "instance", "other")
		log.Info("connected", "session", "12345678", "app", "chat", "instance", "lobby")
		log.Info("app only", "app", "chat")
	}
	if out.String() != plain.String() {
		t.Errorf("written\n%swant\n%s", out.String(), plain.String())
	}
	if got, want := texts(l, "chat", "lobby"), "INFO trace engine=7 says=hello\nERROR failed engine=7 error=main.asc:3 session=x\nINFO grouped engine=7\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := texts(l, "chat", "other"); got != "WARN instance started\n" {
		t.Errorf("%q", got)
	}
	if l.Lines("chat", "") != nil || l.Lines("nothing", "x") != nil {
		t.Error("lines of nothing")
	}
}

// Neither a script that writes much nor clients that make up instances make it grow.
func TestBounds(t *testing.T) {
	l := New()
	log := slog.New(l.Handler(slog.NewTextHandler(&bytes.Buffer{}, nil)))
	script := log.With("app", "a", "instance", "main")
	for i := range MaxLines + 7 {
		script.Info(fmt.Sprint(i, " "+strings.Repeat("é", MaxLineBytes)))
	}
	lines := l.Lines("a", "main")
	if len(lines) != MaxLines || !strings.HasPrefix(lines[0].Text, "7 ") || !strings.HasPrefix(lines[MaxLines-1].Text, fmt.Sprint(MaxLines+6)) {
		t.Errorf("%d lines, from %.8q", len(lines), lines[0].Text)
	}
	for _, line := range lines {
		if len(line.Text) > MaxLineBytes+len("…") || !strings.HasSuffix(line.Text, "é…") {
			t.Errorf("%d bytes: %q", len(line.Text), line.Text)
		}
	}
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for i := range MaxInstances {
				log.Info("started", "app", "a", "instance", fmt.Sprint(part, "-", i))
				script.Info("still here")
			}
		})
	}
	wg.Wait()
	if len(l.instances) != MaxInstances || len(l.Lines("a", "main")) != MaxLines || l.Lines("a", "0-0") != nil {
		t.Errorf("%d instances are remembered", len(l.instances))
	}
}
