package bench

import (
	"fmt"
	"runtime"
	"time"

	"penstock/internal/bench/process"
)

// window is the time between two looks at what everything has spent.
type window struct {
	t       *target
	began   time.Time
	server  process.Usage
	self    time.Duration
	machine process.Machine
}

func openWindow(t *target) (*window, error) {
	w := &window{t: t}
	var err error
	if w.server, err = t.meter.Read(); err != nil {
		return nil, err
	}
	w.self = process.Self()
	w.machine, _ = process.ReadMachine() // where it is not known, nothing is said about it
	w.began = time.Now()
	return w, nil
}

// close writes what was spent into the run.
func (w *window) close(run *Run) error {
	server, err := w.t.meter.Read()
	if err != nil {
		return err
	}
	seconds := time.Since(w.began).Seconds()
	run.Seconds = seconds
	run.SelfCPU = (process.Self() - w.self).Seconds()
	if w.t.known {
		run.ServerCPU = (server.CPU - w.server.CPU).Seconds()
		run.RSS = server.RSS
	}
	if m, err := process.ReadMachine(); err == nil {
		all := seconds * float64(runtime.NumCPU())
		run.IdleShare = min(1, (m.Idle-w.machine.Idle).Seconds()/all)
		run.StealShare = (m.Steal - w.machine.Steal).Seconds() / all
		run.OtherCPU = max(0, (m.Busy-w.machine.Busy).Seconds()-run.SelfCPU-run.ServerCPU)
		if run.IdleShare < 0.05 {
			run.warn("the machine had %.0f %% idle time: latencies show how its CPUs were shared, not the server alone", run.IdleShare*100)
		}
		if run.StealShare > 0.03 {
			run.warn("the host took %.0f %% of the CPUs' time away", run.StealShare*100)
		}
		if w.t.known && run.OtherCPU > 0.15*all {
			run.warn("other programs used %.1f CPU-s", run.OtherCPU)
		}
	}
	return nil
}

func (r *Run) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}
