package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"penstock/app"
)

// heal lets a file that failed be tried again at once.
func heal(j *Journal) {
	j.file.mu.Lock()
	defer j.file.mu.Unlock()
	j.file.failed = time.Time{}
}

// Without a folder to write to the server goes on: one line in the log, refusals are in memory, and they get to the file when
// that is possible again.
func TestFolderCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	inTheWay := filepath.Join(dir, "data")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j, l := open(t, Options{Path: filepath.Join(inTheWay, "journal.db")})
	for range 5 {
		j.Refusal(refusal("10.0.0.1", nil))
		heal(j)
		j.settle(t.Context())
	}
	if p := find(t, j, Filter{}); len(p.Refusals) != 5 || !p.Memory {
		t.Errorf("%+v", p)
	}
	if n := l.count("level=ERROR"); n != 1 {
		t.Errorf("%d errors in the log:\n%s", n, l.b.String())
	}
	if err := j.SaveBlock(app.Block{}); err == nil {
		t.Error("a block is kept nowhere, without an error")
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	heal(j)
	if p := find(t, j, Filter{}); len(p.Refusals) != 5 || p.Memory {
		t.Errorf("%+v", p)
	}
	if j.Stats().Rows != 5 || l.count("can be written again") != 1 {
		t.Errorf("%+v\n%s", j.Stats(), l.b.String())
	}
}

// A full disk costs nothing but what would have been written, and not even that when there is room again in time.
func TestFullDisk(t *testing.T) {
	o := inFile(t)
	o.Repeats = 1000
	j, l := open(t, o)
	j.Refusal(refusal("10.0.0.1", nil))
	j.settle(t.Context())
	db := j.file.handle()
	db.SetMaxOpenConns(1) // the pragma is one connection's
	var pages int
	if err := db.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA max_page_count = 1"); err != nil { // as many as there are
		t.Fatal(err)
	}
	for range 90 {
		j.Refusal(refusal("10.0.0.1", func(r *app.Refusal) { r.FlashVer = string(make([]byte, 200)) }))
	}
	until(t, "the log says so", func() bool { return l.count("full") > 0 })
	if p := find(t, j, Filter{Limit: 500}); len(p.Refusals) != 91 || !p.Memory {
		t.Errorf("%d found, memory %t", len(p.Refusals), p.Memory)
	}
	if n := l.count("level=ERROR"); n != 1 {
		t.Errorf("%d errors in the log:\n%s", n, l.b.String())
	}
	if _, err := db.Exec("PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	heal(j)
	if p := find(t, j, Filter{Limit: 500}); len(p.Refusals) != 91 || p.Memory || j.Stats().Rows != 91 {
		t.Errorf("%d found, memory %t, %+v", len(p.Refusals), p.Memory, j.Stats())
	}
}

// A file that is no journal, or one of a later version, is left as it is.
func TestForeignFile(t *testing.T) {
	later := inFile(t)
	j, _ := open(t, later)
	if _, err := j.file.handle().Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	j.Close()
	text := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(text, []byte("Dear diary, today nobody was refused. I wonder whether anybody came at all.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, why := range map[string]string{later.Path: "format 99", text: "not a database"} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		j, l := open(t, Options{Path: path})
		j.Refusal(refusal("10.0.0.1", nil))
		if p := find(t, j, Filter{}); len(p.Refusals) != 1 || !p.Memory {
			t.Errorf("%+v", p)
		}
		j.Close()
		if l.count(why) == 0 || l.count("level=ERROR") != 1 {
			t.Errorf("want %q, once:\n%s", why, l.b.String())
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s was changed", why)
		}
	}
}

// Without a file the newest are in memory.
func TestMemoryOnly(t *testing.T) {
	j, l := open(t, Options{Repeats: 5000})
	for i := range inMemory + 50 {
		j.Refusal(refusal("10.0.0.1", func(r *app.Refusal) { r.Time = time.Now().Add(time.Duration(i) * time.Minute) }))
	}
	p := find(t, j, Filter{Limit: MaxLimit})
	if len(p.Refusals) != MaxLimit || !p.Memory || p.Next == 0 {
		t.Errorf("%d found", len(p.Refusals))
	}
	if s := j.Stats(); s.Pending != 0 || s.Dropped != 0 || !s.Memory || l.count("level=") != 0 {
		t.Errorf("%+v\n%s", s, l.b.String())
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.recent) != inMemory {
		t.Errorf("%d in memory", len(j.recent))
	}
}

func TestSubscriptions(t *testing.T) {
	j, _ := open(t, Options{Repeats: 1})
	all, err := j.Subscribe(Filter{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	some, _ := j.Subscribe(Filter{App: "chat"}, 0)
	for i := range 5 {
		j.Refusal(refusal("10.0.0.1", func(r *app.Refusal) { r.Session = string(rune('a' + i)) }))
	}
	j.Refusal(refusal("10.0.0.2", func(r *app.Refusal) { r.App = "chat" }))
	if r := <-some.C(); r.App != "chat" {
		t.Errorf("%+v", r)
	}
	// The first, the first that is shared, the other application's; the shared one again, once, with its count.
	var got []int64
	for range 4 {
		got = append(got, (<-all.C()).Count)
	}
	if got[0] != 1 || got[1] != 1 || got[2] != 1 || got[3] != 4 {
		t.Errorf("counts %v", got)
	}
	missed, _ := j.Subscribe(Filter{}, 1)
	for range 3 {
		<-missed.C()
	}
	// One who does not read is ended, and holds up nobody.
	for i := range 3 * subscriberQueue {
		j.Refusal(refusal("10.0.0.3", func(r *app.Refusal) { r.Time = time.Now().Add(time.Duration(i) * time.Minute) }))
	}
	n := 0
	for range all.C() {
		n++
	}
	if n > subscriberQueue+3 {
		t.Errorf("%d waited", n)
	}
	all.Close()
	some.Close()
	for i := range MaxSubscribers {
		if _, err := j.Subscribe(Filter{}, 0); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if _, err := j.Subscribe(Filter{}, 0); !errors.Is(err, ErrTooManySubscribers) {
		t.Errorf("one too many: %v", err)
	}
	j.EndSubscriptions()
	if _, err := j.Subscribe(Filter{}, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
