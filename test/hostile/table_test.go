package hostile

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/app"
	"penstock/internal/config"
	"penstock/status"
)

// where an attack begins.
type where uint8

const (
	atTCP     where = iota // a TCP connection, nothing said
	atConnect              // the handshake is done
	atLive                 // connected to the live application
	atRPC                  // connected to an application that takes calls
	atPublish              // publishing a stream of its own
	atPlay                 // playing the healthy stream
)

// then is how it must end.
type then uint8

const (
	lives  then = iota // the connection is of use afterwards
	fin                // told, and ended in order
	cut                // ended
	ownEnd             // run sees to it
)

// row is one attack.
type row struct {
	name string
	at   where
	send func(p *peer)   // what the attacker does once it is there
	run  func(a *attack) // instead of at, send and what follows, when that is not enough
	code status.Code     // what the attacker must be told; "" nothing in particular
	then then            // and how it must end
	// The refusal the operator must see, "" none in particular.
	cause app.Cause
	rule  string
	// leftOut is the limit for which a message must have been left out, and counted.
	leftOut string
	// options are the limits this row is about, beside rule.
	options []string
	// peakMiB bounds what the process grows by during the attack, garbage and the attacker's own
	// buffers included; 0 is 16.
	peakMiB int
}

// grownMiB is what may be left after any attack, in MiB: the allocator's and the kernel's crumbs.
const grownMiB = 4

func (r *row) perform(a *attack) {
	a.t.Helper()
	if r.run != nil {
		r.run(a)
	} else {
		p := a.arrive(r.at)
		r.send(p)
		if r.code != "" {
			p.wantCode(r.code)
		}
		switch r.then {
		case lives:
			p.alive()
		case fin:
			p.wantFIN()
		case cut:
			p.wantCut()
		}
	}
	if r.cause != "" || r.rule != "" {
		a.wantRefusal(r.cause, r.rule)
	}
	if o := r.leftOut; o != "" && a.s.Refusals().ByLimit[o] <= a.counted[o] {
		a.t.Errorf("nothing was counted for %s", o)
	}
}

func (a *attack) arrive(at where) *peer {
	a.t.Helper()
	switch at {
	case atConnect:
		return a.shaken()
	case atLive:
		return a.connected("live")
	case atRPC:
		return a.connected("rpc")
	case atPublish:
		return a.publishing("attack")
	case atPlay:
		return a.playing(healthyName)
	}
	return a.dial()
}

// outcome is a line of the table that is printed.
type outcome struct {
	name, answer, rules string
	took, behind        time.Duration
	before, peak, after int // KiB
}

func rows() []row {
	return slices.Concat(transportRows(), connectionRows(), chunkRows(), controlRows(), amfRows(), commandRows(), nameRows(),
		streamRows(), mediaRows(), objectRows(), slowRows(), faultRows())
}

func TestHostile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("attacks come from many loopback addresses, which only Linux has by itself")
	}
	s := newStage(t)
	crowd := s.gather(t)
	crowd.check(t)
	time.Sleep(100 * time.Millisecond)
	var table []outcome
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			table = append(table, outcome{name: r.name})
			s.attacked(t, crowd, &r, &table[len(table)-1])
		})
	}
	for line := range strings.Lines(s.log.Take()) {
		if strings.Contains(line, secretName) {
			t.Errorf("a stream name of an attacker is in the log as it is: %s", line)
		}
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("an attacker has written a line of the log: %s", line)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-44s %-52s %-30s %8s %8s %8s %8s %8s\n", "attack", "what the server answered", "option", "ms", "late ms", "RSS MiB", "peak", "after")
	for _, o := range table {
		fmt.Fprintf(&b, "%-44s %-52s %-30s %8d %8d %8.1f %+8.1f %+8.1f\n", o.name, o.answer, o.rules, o.took.Milliseconds(), o.behind.Milliseconds(),
			mib(o.before), mib(o.peak-o.before), mib(o.after-o.before))
	}
	t.Log(b.String())
}

func mib(kib int) float64 { return float64(kib) / 1024 }

// attacked runs one row between two looks at everything that must not change.
func (s *stage) attacked(t *testing.T, crowd *audience, r *row, o *outcome) {
	s.forgetRefusals()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	o.before = settledKiB()
	a := &attack{t: t, s: s, crowd: crowd, counted: s.Refusals().ByLimit}
	watch := sample()
	began := time.Now()
	// A row that fails ends its goroutine: what must be undone and looked at is in the defer.
	defer func() {
		o.took = time.Since(began)
		for _, p := range a.peers {
			_ = p.nc.Close()
		}
		s.wantCalm(t, goroutines, files)
		o.peak = watch.end()
		o.behind = crowd.check(t)
		o.after = settledKiB()
		// Finalizers and timers hold on to things for a moment.
		for tries := 0; tries < 40 && mib(o.after-o.before) > grownMiB*memSlack; tries++ {
			time.Sleep(50 * time.Millisecond)
			o.after = settledKiB()
		}
		o.answer, o.rules = a.summary()
		limit := r.peakMiB
		if limit == 0 {
			limit = 16
		}
		if got := mib(o.peak - o.before); got > float64(limit*memSlack) {
			t.Errorf("memory grew by %.1f MiB during the attack, the bound is %d", got, limit*memSlack)
		}
		if got := mib(o.after - o.before); got > float64(grownMiB*memSlack) {
			t.Errorf("memory is %.1f MiB more after the attack, the bound is %d", got, grownMiB*memSlack)
		}
		if o.behind > slack*time.Second {
			t.Errorf("the healthy players got a frame %v late", o.behind)
		}
	}()
	r.perform(a)
}

// summary is what the attackers were told and which options were named.
func (a *attack) summary() (answer, rules string) {
	var codes, names []string
	for _, p := range a.peers {
		for _, s := range p.answers {
			if !slices.Contains(codes, s) {
				codes = append(codes, s)
			}
		}
	}
	codes = slices.DeleteFunc(codes, func(s string) bool { return s == "Connect.Success" && len(codes) > 1 })
	known := options()
	for _, r := range a.s.seen() {
		name := r.Rule
		if !slices.Contains(known, name) && name != "player_queue" {
			name = "(" + string(r.Cause) + ")"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for o, n := range a.s.Refusals().ByLimit {
		if n > a.counted[o] && !slices.Contains(names, o) {
			names = append(names, o)
		}
	}
	if len(codes) == 0 {
		codes = []string{"-"}
	}
	return strings.Join(codes, ", "), strings.Join(names, ", ")
}

// wantCalm waits until nothing of the attack is left: no session, goroutine or descriptor.
func (s *stage) wantCalm(t *testing.T, goroutines, files int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > goroutines+1 || openFiles() > files || len(s.Clients()) > 4 {
		if time.Now().After(deadline) {
			t.Errorf("left over: %d goroutines (%d before), %d descriptors (%d before), %d clients", runtime.NumGoroutine(), goroutines,
				openFiles(), files, len(s.Clients()))
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// options are the names of all limits, as the configuration has them.
func options() []string {
	var names []string
	var walk func(prefix string, t reflect.Type)
	walk = func(prefix string, t reflect.Type) {
		for i := range t.NumField() {
			name := prefix + t.Field(i).Tag.Get("yaml")
			if t.Field(i).Type.Kind() == reflect.Struct {
				walk(name+".", t.Field(i).Type)
				continue
			}
			names = append(names, name)
		}
	}
	walk("", reflect.TypeFor[config.Limits]())
	// These are of the HTTP side, which has no RTMP port to attack, and of the operator's own scripts: the packages httpflv, server,
	// tunnel, remoting and script have their tests.
	return slices.DeleteFunc(names, func(s string) bool {
		return strings.HasPrefix(s, "http_") || strings.HasPrefix(s, "tunnel_") || strings.HasPrefix(s, "remoting_") || strings.HasPrefix(s, "script_")
	})
}

// Every limit has an attack.
func TestEveryLimitIsAttacked(t *testing.T) {
	all := options()
	covered := make(map[string]bool)
	for _, r := range rows() {
		for _, o := range append(r.options, r.rule, r.leftOut) {
			covered[o] = true
			if o != "" && !slices.Contains(all, o) && !strings.HasPrefix(o, "player_queue") {
				t.Errorf("row %q names an option %q that does not exist", r.name, o)
			}
		}
	}
	for _, o := range all {
		if !covered[o] {
			t.Errorf("no row attacks the limit %s", o)
		}
	}
}
