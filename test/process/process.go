// Package process runs the programs that tests with real clients need: the server and the clients, each in a process group of its
// own that ends with its test at the latest.
package process

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Process is a program that a test started. Its methods may be called by several goroutines.
type Process struct {
	Name   string
	Cmd    *exec.Cmd
	Stdout Output // and standard error, where the command has Stderr set to it
	Stderr Output
	done   chan struct{} // closed after exit
	err    error         // of Wait; read after done
}

// New returns a process that has not been started, so that Cmd can be changed: what it prints goes to Stdout and Stderr.
func New(name string, args ...string) *Process {
	p := &Process{Name: name, Cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.Cmd.Stdout, p.Cmd.Stderr = &p.Stdout, &p.Stderr
	return p
}

// Start runs the program. It is killed at the end of the test, if it is still there; when the test has failed, what it printed is in
// the test's log.
func (p *Process) Start(t testing.TB) *Process {
	t.Helper()
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.Cmd.WaitDelay = time.Second
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.Cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Stop(syscall.SIGKILL, 5*time.Second)
		if t.Failed() {
			t.Logf("%s\n%s", strings.Join(p.Cmd.Args, " "), p.Printed())
		}
	})
	return p
}

// Printed is the end of what the program has printed so far, for a test's log.
func (p *Process) Printed() string {
	return fmt.Sprintf("stdout: %s\nstderr: %s", Tail(p.Stdout.String()), Tail(p.Stderr.String()))
}

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Err is how the process ended, nil while it runs.
func (p *Process) Err() error {
	if p.Running() {
		return nil
	}
	return p.err
}

// Stop sends a signal to the process group and waits; after limit it kills. It reports whether that was not needed.
func (p *Process) Stop(sig syscall.Signal, limit time.Duration) bool {
	if !p.Running() {
		return true
	}
	_ = syscall.Kill(-p.Cmd.Process.Pid, sig)
	select {
	case <-p.done:
		return true
	case <-time.After(limit):
	}
	_ = syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
	return false
}

// Wait waits for the process to end by itself and returns its exit code; it fails the test after limit.
func (p *Process) Wait(t testing.TB, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.Cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		t.Fatalf("%s still runs after %v", p.Name, limit)
		return -1
	}
}

// Until polls cond and fails the test when it is not true within limit, or when one of the processes has ended before.
func Until(t testing.TB, limit time.Duration, what string, cond func() bool, needed ...*Process) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !cond() {
		for _, p := range needed {
			if !p.Running() && !cond() {
				t.Fatalf("%s ended while waiting for: %s", p.Name, what)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
