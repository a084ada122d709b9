package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of times in /proc, USER_HZ, which is 100 on every Linux architecture that Go runs on.
const tick = 10 * time.Millisecond

// PIDs is a Meter of processes on this machine; children they have now count as well.
func PIDs(pids ...int) (Meter, error) {
	all, err := withChildren(pids)
	if err != nil {
		return nil, err
	}
	for _, pid := range all {
		if _, err := read(pid); err != nil {
			return nil, err
		}
	}
	return processes(all), nil
}

type processes []int

// Read implements Meter. A process that has ended meanwhile is an error.
func (p processes) Read() (Usage, error) {
	var sum Usage
	for _, pid := range p {
		u, err := read(pid)
		if err != nil {
			return Usage{}, err
		}
		sum.CPU += u.CPU
		sum.RSS += u.RSS
	}
	return sum, nil
}

func read(pid int) (Usage, error) {
	f, err := stat(pid)
	if err != nil {
		return Usage{}, err
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	pages, err3 := strconv.ParseInt(f[21], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Usage{}, fmt.Errorf("process: /proc/%d/stat: %w", pid, err)
	}
	u := Usage{CPU: time.Duration(user+system) * tick, RSS: pages * int64(os.Getpagesize())}
	if exact, ok := resident(pid); ok {
		u.RSS = exact
	}
	return u, nil
}

// resident is VmRSS as the kernel adds it up for smaps_rollup: the counter in stat is kept per CPU and lags by up to a few
// hundred kilobytes.
func resident(pid int) (int64, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "Rss:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10, err == nil
		}
	}
	return 0, false
}

// stat returns the fields of /proc/PID/stat from the third, the state, on: the second, the name, may contain anything.
func stat(pid int) ([]string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("process: there is no process %d", pid)
	}
	if err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	i := bytes.LastIndexByte(b, ')')
	f := strings.Fields(string(b[i+1:]))
	if i < 0 || len(f) < 22 {
		return nil, fmt.Errorf("process: cannot read /proc/%d/stat", pid)
	}
	return f, nil
}

// withChildren adds the descendants of processes.
func withChildren(pids []int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	children := make(map[int][]int)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		f, err := stat(pid)
		if err != nil {
			continue // ended meanwhile
		}
		if parent, err := strconv.Atoi(f[1]); err == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	all := slices.Clone(pids)
	for i := 0; i < len(all); i++ {
		for _, c := range children[all[i]] {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all, nil
}

// Self is the CPU time of this process.
func Self() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ReadMachine reads the machine's CPU times.
func ReadMachine() (Machine, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Machine{}, fmt.Errorf("process: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return Machine{}, errors.New("process: cannot read /proc/stat")
	}
	var m Machine
	for i, s := range f[1:9] { // user nice system idle iowait irq softirq steal; guest times are within user
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return Machine{}, fmt.Errorf("process: /proc/stat: %w", err)
		}
		switch d := time.Duration(n) * tick; i {
		case 3, 4:
			m.Idle += d
		case 7:
			m.Steal += d
		default:
			m.Busy += d
		}
	}
	return m, nil
}
