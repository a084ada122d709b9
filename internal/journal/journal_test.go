package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/app"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logged is a log that can be read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func open(t *testing.T, o Options) (*Journal, *logged) {
	t.Helper()
	l := &logged{}
	o.Log = slog.New(slog.NewTextHandler(l, nil))
	if o.Repeats == 0 {
		o.Repeats = 10
	}
	if o.MaxRows == 0 {
		o.MaxRows = 100_000
	}
	j := Open(o)
	t.Cleanup(j.Close)
	return j, l
}

func inFile(t *testing.T) Options {
	return Options{Path: filepath.Join(t.TempDir(), "data ?&#%", "journal.db")}
}

func refusal(ip string, change func(r *app.Refusal)) *app.Refusal {
	r := &app.Refusal{
		Time: time.Now(), Stage: app.StageConnect, Cause: app.CauseLimit, Rule: "connections", XStatus: 409, App: "live", FlashVer: "FMLE/3.0",
		Peer: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 4711)), BytesIn: 7,
		Status: status.New(status.ConnectRejected, "No place left."),
	}
	if change != nil {
		change(r)
	}
	return r
}

func find(t *testing.T, j *Journal, f Filter) Page {
	t.Helper()
	p, err := j.Find(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// What is kept is all there after a restart, and what comes then is newer.
func TestRestart(t *testing.T) {
	o := inFile(t)
	j, _ := open(t, o)
	want := refusal("2001:db8::7", func(r *app.Refusal) { r.Session, r.Stream, r.Stage = "abcdefgh", "ca…", app.StagePublish })
	j.Refusal(want)
	j.ended("abcdefgh", app.EndingAcknowledged)
	before := find(t, j, Filter{})
	j.Close()
	j.Close()
	j, _ = open(t, o)
	after := find(t, j, Filter{})
	if !reflect.DeepEqual(after, before) || len(after.Refusals) != 1 {
		t.Fatalf("after: %+v\nbefore: %+v", after, before)
	}
	got := after.Refusals[0]
	exp := Refusal{
		ID: got.ID, Time: want.Time.Truncate(time.Microsecond), Last: want.Time.Truncate(time.Microsecond), Count: 1, Session: "abcdefgh",
		IP: netip.MustParseAddr("2001:db8::7"), Peer: "[2001:db8::7]:4711", App: "live", Stream: "ca…", FlashVer: "FMLE/3.0",
		Stage: app.StagePublish, Rule: "connections", Cause: app.CauseLimit, Code: "NetConnection.Connect.Rejected", Level: "error",
		Description: "No place left.", XStatus: 409, BytesIn: 7, Ending: app.EndingAcknowledged,
	}
	if !got.Time.Equal(exp.Time) || !got.Last.Equal(exp.Last) {
		t.Errorf("times %v %v, want %v", got.Time, got.Last, exp.Time)
	}
	exp.Time, exp.Last = got.Time, got.Last
	if got != exp {
		t.Errorf("got  %+v\nwant %+v", got, exp)
	}
	j.Refusal(refusal("10.0.0.1", nil))
	if p := find(t, j, Filter{}); len(p.Refusals) != 2 || p.Refusals[0].ID <= got.ID {
		t.Errorf("%+v", p)
	}
	if s := j.Stats(); s.Rows != 2 || s.Memory || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
}

// A filter chooses the same refusals in memory and in the file.
func TestFilters(t *testing.T) {
	o := inFile(t)
	o.Repeats = 1000
	j, _ := open(t, o)
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	base := time.Now().Add(-time.Hour)
	ips := []string{"10.1.2.3", "10.1.2.4", "10.200.0.1", "0a00::1", "0a01:0203::", "2001:db8::1", "2001:db8:0:1::1"}
	for i := range 90 { // fewer of one network than perPeer
		j.Refusal(refusal(pick(ips...), func(v *app.Refusal) {
			v.Time = base.Add(time.Duration(i) * time.Second)
			v.App, v.Stream = pick("live", "chat", ""), pick("ca…", "cam", "Ä…", "")
			v.Cause, v.Stage = app.Cause(pick("limit", "busy-name")), app.Stage(pick("connect", "publish"))
			v.Rule, v.Session = pick("connections", "%", ""), pick("s1", "s2", "")
			v.FlashVer = pick("FMLE/3.0", "LNX 9,0,124,2", "a_b", "ÄÖ")
			if pick("told", "not") == "not" {
				v.Status = nil
			}
		}))
	}
	if n := len(find(t, j, Filter{Limit: 500}).Refusals); n != 90 {
		t.Fatalf("%d are kept", n)
	}
	nets := []string{"", "10.1.2.3/32", "10.1.0.0/16", "10.0.0.0/8", "2001:db8::/32", "2001:db8::/64", "0a00::/8", "::/0", "0.0.0.0/0"}
	found := 0
	for range 700 {
		f := Filter{
			App: pick("", "", "live"), Stream: pick("", "", "cam", "camera", "ca…", "Ära"), Session: pick("", "", "", "s1"),
			Cause: app.Cause(pick("", "", "limit")), Stage: app.Stage(pick("", "", "publish")), Rule: pick("", "", "%"),
			Code: pick("", "", "NetConnection.Connect.Rejected"), Text: pick("", "", "", "no PLACE", "%", "_", "fmle", "10.1", "Ä", `\`), Limit: 1 + r.IntN(100),
		}
		if n := pick(nets...); n != "" {
			f.Network = netip.MustParsePrefix(n)
		}
		if r.IntN(3) == 0 {
			f.From = base.Add(time.Duration(r.IntN(90)) * time.Second)
		}
		if r.IntN(3) == 0 {
			f.To = base.Add(time.Duration(r.IntN(90)) * time.Second)
		}
		inMemory := j.find(f)
		inFile, err := j.file.find(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		same := len(inMemory) == len(inFile)
		for i := range min(len(inMemory), len(inFile)) {
			same = same && inMemory[i].ID == inFile[i].ID
		}
		if !same {
			t.Fatalf("%+v\nmemory %d, file %d", f, len(inMemory), len(inFile))
		}
		found += len(inFile)
	}
	if found < 500 {
		t.Errorf("only %d found, the test says little", found)
	}
}

func TestPages(t *testing.T) {
	o := inFile(t)
	o.Repeats = 1000
	j, _ := open(t, o)
	for i := range 95 {
		j.Refusal(refusal("10.0.0.1", func(r *app.Refusal) { r.Session = fmt.Sprint(i) }))
	}
	seen, before := 0, int64(0)
	for f := (Filter{Limit: 20}); ; f.Before = before {
		p := find(t, j, f)
		for _, r := range p.Refusals {
			if before != 0 && r.ID >= before {
				t.Fatalf("%d after %d", r.ID, before)
			}
			before = r.ID
			seen++
		}
		if before = p.Next; before == 0 {
			break
		}
	}
	if seen != 95 {
		t.Errorf("seen %d of 95", seen)
	}
	if n := len(find(t, j, Filter{Limit: 1e6}).Refusals); n != 95 {
		t.Errorf("limit without bound: %d", n)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := j.Find(ctx, Filter{}); !errors.Is(err, gone) {
		t.Errorf("a search that nobody waits for: %v", err)
	}
}

// Rows that are too old or too many make room.
func TestRetention(t *testing.T) {
	o := inFile(t)
	o.MaxRows, o.MaxAge, o.Repeats = 50, time.Hour, 1000
	j, _ := open(t, o)
	for i := range 99 {
		j.Refusal(refusal("10.0.0.1", func(r *app.Refusal) { r.Session = fmt.Sprint(i) }))
		if i%30 == 0 {
			j.settle(t.Context())
		}
	}
	j.settle(t.Context())
	f := Filter{Limit: 500}
	kept, err := j.file.find(t.Context(), f)
	if err != nil || len(kept) != 50 || kept[0].Session != "98" || kept[49].Session != "49" || j.Stats().Rows != 50 {
		t.Fatalf("%d kept, %v", len(kept), err)
	}
	j.Close()
	j, _ = open(t, o)
	j.Refusal(refusal("10.0.0.2", func(r *app.Refusal) { r.Time = time.Now().Add(-2 * time.Hour) }))
	if kept := find(t, j, f).Refusals; len(kept) != 51 { // memory has it
		t.Errorf("%d kept", len(kept))
	}
	if kept, _ := j.file.find(t.Context(), f); len(kept) != 50 || kept[0].Session != "98" {
		t.Errorf("%d kept in the file", len(kept))
	}
}

// The name of a stream is kept when the operator wants that, and only then.
func TestStreamNames(t *testing.T) {
	for _, names := range []bool{false, true} {
		j, _ := open(t, Options{StreamNames: names})
		srv := &app.Server{Log: slog.New(slog.DiscardHandler), OnRefusal: j.Refusal}
		srv.Record(&app.Refusal{Stage: app.StagePublish, Cause: app.CauseHandler, Stream: "secre…"})
		if got := find(t, j, Filter{}).Refusals[0].Stream; names != (got == "") { // no whole name is known of this one
			t.Errorf("names %t: %q", names, got)
		}
	}
}
