//go:build !linux

package process

import "time"

// PIDs is a Meter of processes on this machine, where the system shows them.
func PIDs(...int) (Meter, error) { return nil, ErrUnsupported }

// Self is the CPU time of this process, 0 where it is not known.
func Self() time.Duration { return 0 }

// ReadMachine reads the machine's CPU times, where the system shows them.
func ReadMachine() (Machine, error) { return Machine{}, ErrUnsupported }
