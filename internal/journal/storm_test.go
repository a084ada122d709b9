package journal

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"penstock/app"
)

// Of one kind from one network the first have rows of their own, all others share one.
func TestRepeatsShareARow(t *testing.T) {
	o := inFile(t)
	o.Repeats = 3
	j, _ := open(t, o)
	begin := time.Now().Add(-10 * time.Minute)
	at := func(seconds int, ip, session string) *app.Refusal {
		return refusal(ip, func(r *app.Refusal) {
			r.Time, r.Session = begin.Add(time.Duration(seconds)*time.Second), session
		})
	}
	for i := range 10 {
		j.Refusal(at(i, "10.0.0.1", fmt.Sprint("a", i)))
	}
	j.ended("a9", app.EndingAcknowledged)
	j.Refusal(at(10, "10.0.0.2", "other network"))
	j.Refusal(at(61, "10.0.0.1", "next minute"))
	p := find(t, j, Filter{})
	counts := make(map[string]int64)
	total := int64(0)
	for _, r := range p.Refusals {
		counts[r.Session] = r.Count
		total += r.Count
	}
	want := map[string]int64{"a0": 1, "a1": 1, "a2": 1, "a9": 7, "other network": 1, "next minute": 1}
	if fmt.Sprint(counts) != fmt.Sprint(want) || total != 12 {
		t.Errorf("rows %v, want %v", counts, want)
	}
	shared := find(t, j, Filter{Session: "a9"}).Refusals[0]
	if shared.Last.Sub(shared.Time) != 6*time.Second || shared.Ending != app.EndingAcknowledged {
		t.Errorf("%+v", shared)
	}
	// The first of a row counts for a time, too.
	if n := len(find(t, j, Filter{From: begin.Add(8 * time.Second), To: begin.Add(9 * time.Second)}).Refusals); n != 1 {
		t.Errorf("%d rows within the time of a shared one", n)
	}
}

// Who makes up names, so that no two refusals are alike, gets no more than perPeer rows a minute; a whole /64 is one.
func TestInventiveStorm(t *testing.T) {
	o := inFile(t)
	j, _ := open(t, o)
	begin := time.Now()
	const n = 20_000
	for i := range n {
		ip := netip.AddrFrom16([16]byte{0x20, 1, 0x0d, 0xb8, 15: byte(i), 14: byte(i >> 8)})
		j.Refusal(refusal(ip.String(), func(r *app.Refusal) {
			r.Time, r.App, r.Rule = begin.Add(time.Duration(i)*time.Microsecond), fmt.Sprint("app", i), fmt.Sprint("rule", i)
			r.Cause = []app.Cause{app.CauseUnknownApp, app.CauseNotFound}[i%2]
		}))
	}
	p := find(t, j, Filter{Limit: MaxLimit})
	total := int64(0)
	for _, r := range p.Refusals {
		total += r.Count
	}
	if len(p.Refusals) != perPeer+2 || total != n {
		t.Errorf("%d rows for %d refusals", len(p.Refusals), total)
	}
}

// From very many networks at once there are rows for many, the memory is bounded, and nothing waits.
func TestDistributedStorm(t *testing.T) {
	o := inFile(t)
	o.MaxRows = 500
	j, l := open(t, o)
	const n = 20_000
	for i := range n {
		ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		j.Refusal(refusal(ip.String(), func(r *app.Refusal) { r.Session = fmt.Sprint(i) }))
	}
	j.mu.Lock()
	peers, recent, pending := len(j.kinds.peers), len(j.recent), len(j.pending)
	j.mu.Unlock()
	if peers > maxPeers+1 || recent > inMemory || pending > maxPending {
		t.Errorf("%d networks, %d in memory, %d pending", peers, recent, pending)
	}
	for i := range n {
		j.ended(fmt.Sprint(i), app.EndingLost)
	}
	j.settle(t.Context())
	j.mu.Lock()
	waiting := len(j.open)
	j.mu.Unlock()
	if s := j.Stats(); waiting != 0 || s.Rows != 500 || s.Memory {
		t.Errorf("%d sessions wait for their end, %+v", waiting, s)
	}
	if l.count("level=ERROR") > 0 {
		t.Error(l.b.String())
	}
	size := int64(0)
	files, _ := filepath.Glob(o.Path + "*")
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has the rights %v", filepath.Base(name), info.Mode())
			}
		}
	}
	if size > 16<<20 {
		t.Errorf("the files have %d bytes", size)
	}
}

// A queue that cannot be emptied is bounded, what does not fit is counted, and the log says so once.
func TestFullQueue(t *testing.T) {
	o := inFile(t)
	o.Repeats = 1
	j, l := open(t, o)
	j.file.mu.Lock() // as after a failure a moment ago
	j.file.failing, j.file.failed = true, time.Now().Add(time.Hour)
	j.file.mu.Unlock()
	for i := range maxPending + 300 {
		ip := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		j.Refusal(refusal(ip.String(), func(r *app.Refusal) {
			r.Time = time.Now().Add(time.Duration(i) * 2 * time.Minute) // each in a window of its own
		}))
	}
	if s := j.Stats(); s.Pending != maxPending || s.Dropped != 300 {
		t.Errorf("%+v", s)
	}
	heal(j)
	j.settle(t.Context())
	if s := j.Stats(); s.Rows != maxPending || s.Pending != 0 {
		t.Errorf("%+v", s)
	}
	if n := l.count("count=300"); n != 1 {
		t.Errorf("said %d times:\n%s", n, l.b.String())
	}
}
