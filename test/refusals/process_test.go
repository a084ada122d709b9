package refusals

import (
	"io"
	"testing"
	"time"

	"penstock/test/process"
)

// start runs a program. stderr may be nil: then it goes where stdout goes. The environment is the test's, and env.
func start(t *testing.T, stderr io.Writer, env []string, name string, args ...string) *process.Process {
	t.Helper()
	p := process.New(name, args...)
	if stderr == nil {
		stderr = &p.Stdout
	}
	p.Cmd.Stderr = stderr
	p.Cmd.Env = append(p.Cmd.Environ(), env...)
	return p.Start(t)
}

// until is process.Until.
func until(t *testing.T, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	process.Until(t, limit, what, cond)
}
