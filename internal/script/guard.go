package script

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"penstock/internal/script/retained"
)

// The engine has no bound on memory, so two guards stand around it. While a script runs, the growth of the whole heap is watched and
// ascribed to the scripts that run; between its events, what an instance holds is measured, when the heap has grown by so much that it
// could be too much.
const (
	watchTime    = 5 * time.Millisecond // between looks at the heap while a script runs; those that come back sooner are not watched
	measureTime  = time.Second          // at least, between measures of one instance
	measureShare = 10                   // a measure is not repeated before this many times the time that it took
)

// guard interrupts the engine when it does not come back, or eats, before stop is called. (loop)
func (in *instance) guard() (stop func()) {
	in.gate.Lock()
	defer in.gate.Unlock()
	in.entries++
	entry, end := in.entries, time.Now().Add(in.app.o.EntryTime)
	var watched uint64 // by memory; guarded by gate
	var t *time.Timer
	interrupt := func(why error) {
		in.gate.Lock()
		defer in.gate.Unlock()
		if in.entries == entry {
			in.vm.Interrupt(why)
		}
	}
	t = time.AfterFunc(min(watchTime, in.app.o.EntryTime), func() {
		left := time.Until(end)
		in.gate.Lock()
		if in.entries != entry {
			in.gate.Unlock()
			return
		}
		if watched == 0 {
			watched = in.app.o.Memory.begin()
		}
		of := watched
		in.gate.Unlock()
		switch {
		case left <= 0:
			interrupt(errStopped)
			return
		case in.app.o.Memory.eats(of, in.app.o.MemoryBytes):
			interrupt(errMemory)
			return
		}
		in.gate.Lock()
		defer in.gate.Unlock()
		if in.entries == entry {
			t.Reset(max(0, min(watchTime, time.Until(end))))
		}
	})
	return func() {
		in.gate.Lock()
		defer in.gate.Unlock()
		t.Stop()
		in.entries++ // an interrupt that comes now is of the past
		in.vm.ClearInterrupt()
		if watched != 0 {
			in.app.o.Memory.end(watched)
		}
	}
}

// Memory watches the memory of scripts and says whose script it is that eats. It is safe for concurrent use.
type Memory struct {
	mu      sync.Mutex // guards the rest
	sample  []metrics.Sample
	last    int64              // bytes of objects when they were looked at last
	running map[uint64]*growth // by entry, unique in the process
	entry   uint64

	collecting bool
}

// growth is how much the heap grew while a script ran, as far as it is ascribed to it.
type growth struct {
	bytes     int64
	collected bool // garbage was collected just now
}

// NewMemory returns what Options.Memory wants. Applications that share one are told apart when memory runs short.
func NewMemory() *Memory { return &Memory{running: make(map[uint64]*growth)} }

// objects are the bytes of objects in the heap, those that are garbage included.
func (m *Memory) objects() int64 {
	if m.sample == nil {
		m.sample = []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	}
	metrics.Read(m.sample)
	return int64(m.sample[0].Value.Uint64())
}

// live is what the last collection has left.
func live() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

// begin notes that a script runs, and does so for longer.
func (m *Memory) begin() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look()
	m.entry++
	m.running[m.entry] = &growth{}
	return m.entry
}

func (m *Memory) end(entry uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look()
	delete(m.running, entry)
}

// look ascribes what has changed since the last look to the scripts that ran, equally.
func (m *Memory) look() {
	now := m.objects()
	if n := int64(len(m.running)); n > 0 {
		for _, g := range m.running {
			g.bytes = max(0, g.bytes+(now-m.last)/n)
		}
	}
	m.last = now
}

// eats reports whether a script that runs has made the heap grow by more than it may. Garbage does not count: it is collected before that
// is said, unless there is twice as much already. Of several that run it is the one to which most is ascribed.
func (m *Memory) eats(entry uint64, most int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look()
	g := m.running[entry]
	if g == nil || g.bytes <= most {
		return false
	}
	for _, other := range m.running {
		if other.bytes > g.bytes {
			return false
		}
	}
	switch {
	case g.bytes > 2*most, g.collected:
		for _, other := range m.running {
			*other = growth{} // it is not blamed for the same bytes
		}
		return true
	case !m.collecting:
		m.collecting = true
		go m.collect() // the script goes on meanwhile, and so does its guard
	}
	return false
}

// collect collects garbage, and says of those that have grown since then that it is none. It ends with the collection.
func (m *Memory) collect() {
	runtime.GC()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.look()
	m.collecting = false
	for _, g := range m.running {
		g.collected = true
	}
	time.AfterFunc(2*watchTime, func() { // what grows afterwards is to be collected anew
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, g := range m.running {
			g.collected = false
		}
	})
}

// measure is what an instance was found to hold. (loop)
type measure struct {
	meter *retained.Meter
	size  int64
	live  int64 // what the heap had then, or less if it had less meanwhile
	next  time.Time
}

// check measures what the instance holds, when it could be more than it may. (loop)
func (in *instance) check() {
	m, most := &in.held, in.app.o.MemoryBytes
	now := time.Now()
	if now.Before(m.next) {
		return
	}
	m.next = now.Add(measureTime)
	heap := live()
	m.live = min(m.live, heap)
	room := most/4*3 - m.size
	if in.low {
		room = most - m.size
	}
	if heap-m.live < room { // not even if all of it were the instance's
		return
	}
	if m.meter == nil {
		m.meter = retained.New("github.com/dop251/goja", "math/big")
	}
	m.size, m.live = m.meter.Size(in.vm, most), heap
	took := time.Since(now)
	m.next = m.next.Add(measureShare * took)
	in.log.Debug("the instance's memory was measured", "bytes", m.size, "took", took)
	switch {
	case m.size > most:
		in.fatal = errMemory
		in.log.Error("the instance holds too much, its clients are told AppShutdown", "limit", "script_memory", "max", most)
	case m.size > most/4*3 && !in.low:
		in.low = true
		in.log.Warn("the instance holds nearly as much as it may", "limit", "script_memory", "max", most, "bytes", m.size)
		in.tellStatus("Application.Resource.LowMemory", "", "The instance holds nearly as much memory as it may.")
	case m.size < most/2:
		in.low = false
	}
}

// letGo lets what the instance held be collected while its clients are still leaving. (after the loop)
func (in *instance) letGo() {
	for _, c := range in.clients {
		c.this = nil
	}
	in.vm, in.global, in.proto, in.native, in.method, in.xml, in.xmlNode = nil, nil, nil, nil, nil, nil, nil
	in.byThis, in.objects, in.timers = nil, nil, nil
	if in.fatal != nil {
		debug.FreeOSMemory() // else it would be kept until the heap has doubled
	}
}
