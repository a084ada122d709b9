// Package process reads what a server spends: CPU time and memory, from the system for a process on this machine or from its
// metrics endpoint for any.
package process

import (
	"errors"
	"time"
)

// ErrUnsupported is returned where the system shows no other process.
var ErrUnsupported = errors.New("process: this system shows no other process; use its metrics endpoint")

// Usage is what a process, with its children, has spent so far.
type Usage struct {
	CPU time.Duration // user and system time
	RSS int64         // resident memory, bytes
}

// Machine is what all CPUs together have done since the machine started.
type Machine struct {
	Busy, Idle, Steal time.Duration
}

// Meter reads the usage of one server.
type Meter interface {
	Read() (Usage, error)
}

// None is a Meter of nothing.
type None struct{}

// Read implements Meter.
func (None) Read() (Usage, error) { return Usage{}, nil }
