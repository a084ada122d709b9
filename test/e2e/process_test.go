package e2e

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lockedBuffer keeps what a process prints; tests read it while the process runs.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A process is a program that a test started. It ends with the test at the latest.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdout lockedBuffer
	stderr lockedBuffer
	done   chan struct{} // closed after exit
	err    error         // of Wait; read after done
}

// start runs a program in its own process group. When the test fails, what it printed is in the log.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	return launch(t, exec.Command(name, args...))
}

// launch is start for a command that has more to it.
func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{name: cmd.Args[0], cmd: cmd, done: make(chan struct{})}
	p.cmd.Dir = root()
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop(syscall.SIGKILL, 5*time.Second)
		if t.Failed() {
			t.Logf("%s\n%s", strings.Join(cmd.Args, " "), p.output())
		}
	})
	return p
}

func (p *process) output() string {
	out, errs := p.stdout.String(), p.stderr.String()
	const most = 3000
	if len(out) > most {
		out = "…" + out[len(out)-most:]
	}
	if len(errs) > most {
		errs = "…" + errs[len(errs)-most:]
	}
	return fmt.Sprintf("stdout: %s\nstderr: %s", out, errs)
}

// stop sends a signal to the process group and waits; after limit it kills. It reports whether that was not needed.
func (p *process) stop(sig syscall.Signal, limit time.Duration) bool {
	select {
	case <-p.done:
		return true
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, sig)
	select {
	case <-p.done:
		return true
	case <-time.After(limit):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
	return false
}

// wait waits for the process to end by itself and returns its exit code; it fails the test after limit.
func (p *process) wait(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		t.Fatalf("%s still runs after %v", p.name, limit)
		return -1
	}
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// until polls cond and fails the test when it is not true within limit, or when one of the processes has ended before.
func until(t *testing.T, limit time.Duration, what string, cond func() bool, needed ...*process) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !cond() {
		for _, p := range needed {
			if !p.running() && !cond() {
				t.Fatalf("%s ended while waiting for: %s", p.name, what)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
