package e2e

import (
	"testing"
	"time"

	"penstock/test/process"
)

// start runs a program in the folder of the module.
func start(t *testing.T, name string, args ...string) *process.Process {
	t.Helper()
	p := process.New(name, args...)
	p.Cmd.Dir = process.Root()
	return p.Start(t)
}

// until is process.Until.
func until(t *testing.T, limit time.Duration, what string, cond func() bool, needed ...*process.Process) {
	t.Helper()
	process.Until(t, limit, what, cond, needed...)
}
