// Package hostile attacks a server and looks at what it does: every row of its table is one
// attack over TCP, with the answer that is documented for it, while one publisher and three
// players on the same server must not lose a frame, and memory must stay within a bound.
package hostile

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// residentKiB is the process's resident set (VmRSS) in KiB, 0 where the system does not tell.
func residentKiB() int {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return n
		}
	}
	return 0
}

// settledKiB is residentKiB after everything unused went back to the system.
func settledKiB() int {
	runtime.GC()
	debug.FreeOSMemory()
	return residentKiB()
}

// sampler watches the resident set while an attack runs.
type sampler struct {
	peak atomic.Int64
	stop chan struct{}
	done chan struct{}
}

func sample() *sampler {
	s := &sampler{stop: make(chan struct{}), done: make(chan struct{})}
	s.peak.Store(int64(residentKiB()))
	go func() {
		defer close(s.done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
				s.peak.Store(max(s.peak.Load(), int64(residentKiB())))
			}
		}
	}()
	return s
}

// end returns the highest value seen, in KiB.
func (s *sampler) end() int {
	close(s.stop)
	<-s.done
	return int(s.peak.Load())
}

func openFiles() int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(d)
}
