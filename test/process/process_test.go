package process

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProcess(t *testing.T) {
	t.Run("ends by itself", func(t *testing.T) {
		p := New("sh", "-c", "echo out; echo err >&2; exit 3").Start(t)
		if code := p.Wait(t, 20*time.Second); code != 3 {
			t.Errorf("exit code %d", code)
		}
		if p.Running() || p.Err() == nil || p.Stdout.String() != "out\n" || p.Stderr.Take() != "err\n" || p.Stderr.String() != "" {
			t.Errorf("running %v, %v\n%s", p.Running(), p.Err(), p.Printed())
		}
		if !p.Stop(syscall.SIGTERM, time.Second) {
			t.Error("a process that has ended needs no killing")
		}
	})
	t.Run("both outputs in one", func(t *testing.T) {
		p := New("sh", "-c", "echo out; echo err >&2")
		p.Cmd.Stderr = &p.Stdout
		if p.Start(t).Wait(t, 20*time.Second); p.Stdout.String() != "out\nerr\n" || p.Err() != nil {
			t.Errorf("%v\n%s", p.Err(), p.Printed())
		}
	})
	t.Run("stops when asked", func(t *testing.T) {
		p := New("sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done").Start(t)
		Until(t, 20*time.Second, "it is ready", func() bool { return p.Stdout.String() != "" }, p)
		if !p.Stop(syscall.SIGTERM, 20*time.Second) || p.Err() != nil {
			t.Errorf("%v\n%s", p.Err(), p.Printed())
		}
	})
	t.Run("is killed when it does not", func(t *testing.T) {
		p := New("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done").Start(t)
		Until(t, 20*time.Second, "it is ready", func() bool { return p.Stdout.String() != "" }, p)
		if p.Stop(syscall.SIGTERM, 50*time.Millisecond) || p.Running() || p.Err() == nil {
			t.Errorf("running %v, %v", p.Running(), p.Err())
		}
	})
}

func TestTail(t *testing.T) {
	if got := Tail(strings.Repeat("a", 5000) + "end"); len(got) != 3000+len("…") || !strings.HasSuffix(got, "aend") {
		t.Errorf("%d bytes", len(got))
	}
	if Tail("short") != "short" {
		t.Error("a short text is changed")
	}
}
