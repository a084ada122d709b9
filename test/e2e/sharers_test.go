package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/sharedobject"
	"penstock/test/process"
)

// latencies counts in steps of a tenth of a millisecond, up to ten seconds.
type latencies struct {
	counts [100_000]atomic.Uint64
	n      atomic.Uint64
}

func (l *latencies) add(d time.Duration) {
	i := min(max(int(d/(100*time.Microsecond)), 0), len(l.counts)-1)
	l.counts[i].Add(1)
	l.n.Add(1)
}

func (l *latencies) quantile(q float64) time.Duration {
	want := uint64(float64(l.n.Load()) * q)
	var sum uint64
	for i := range l.counts {
		if sum += l.counts[i].Load(); sum > want {
			return time.Duration(i+1) * 100 * time.Microsecond
		}
	}
	return 0
}

// Many clients on one object, twenty of which change it ten times a second: all end with the same state. PENSTOCK_SHARERS is how
// many; then it goes on for longer too.
func TestManySharers(t *testing.T) {
	needs(t)
	clients, lasts := 150, 3*time.Second
	if s := os.Getenv("PENSTOCK_SHARERS"); s != "" {
		var err error
		if clients, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
		lasts = 20 * time.Second
	}
	const writers, perSecond = 20, 10
	s := serveObjects(t, t.TempDir())
	begin := time.Now()
	var took latencies
	objects := make([]*rtmp.SharedObject, clients)
	for i := range objects {
		c, err := rtmp.Dial(t.Context(), s.rtmp+"/so", nil)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		defer c.Close()
		objects[i], err = c.SharedObject(t.Context(), "open/crowd", rtmp.SharedObjectOptions{OnSync: func(list []sharedobject.Notice) {
			now := time.Since(begin)
			for _, n := range list {
				if sent, ok := n.Value.(float64); ok && n.Code == sharedobject.Changed && n.Key != "contended" {
					took.add(now - time.Duration(sent))
				}
			}
		}})
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
	}
	idle := cpuOf(t, s.Process)
	began := time.Now()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			tick := time.NewTicker(time.Second / perSecond)
			defer tick.Stop()
			for i := 0; time.Since(began) < lasts; i++ {
				<-tick.C
				key := fmt.Sprint("writer ", w)
				if i%5 == 4 {
					key = "contended"
				}
				if err := objects[w].Set(key, float64(time.Since(begin))); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
			}
		})
	}
	all.Wait()
	wall, cpu := time.Since(began), cpuOf(t, s.Process)-idle
	var want []string
	until(t, time.Minute, "every client has the same state", func() bool {
		want = slotsOf(objects[0])
		return !slices.ContainsFunc(objects, func(so *rtmp.SharedObject) bool { return !slices.Equal(slotsOf(so), want) })
	}, s.Process)
	if len(want) != writers+1 {
		t.Errorf("%d slots: %v", len(want), want)
	}
	if took.n.Load() < uint64(clients) {
		t.Errorf("only %d updates were heard", took.n.Load())
	}
	t.Logf("%d clients, %d writers at %d writes/s, %v: %d updates heard, latency p50 %v, p99 %v, max %v; the server used %.0f%% of a core",
		clients, writers, perSecond, wall.Round(time.Second), took.n.Load(), took.quantile(0.5), took.quantile(0.99), took.quantile(0.999999),
		100*cpu.Seconds()/wall.Seconds())
	s.Stop(syscall.SIGTERM, 12*time.Second)
}

func slotsOf(so *rtmp.SharedObject) []string {
	slots, _ := so.Slots()
	list := make([]string, len(slots))
	for i, p := range slots {
		list[i] = fmt.Sprintf("%s=%v", p.Key, p.Value)
	}
	slices.Sort(list)
	return list
}

// cpuOf is the processor time that a running process has used.
func cpuOf(t *testing.T, p *process.Process) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatalf("cannot read %q", b)
	}
	const hz = 100
	return time.Duration(user+system) * time.Second / hz
}
