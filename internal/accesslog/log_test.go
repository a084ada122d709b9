package accesslog

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func open(t *testing.T, o Options) (*Log, *logged) {
	t.Helper()
	said := &logged{}
	if o.File == "" {
		o.File = filepath.Join(t.TempDir(), "access.log")
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 20
	}
	o.Software, o.Log = "Penstock test", slog.New(slog.NewTextHandler(said, nil))
	l := Open(o)
	t.Cleanup(l.Close)
	return l, said
}

// lines are those of a file by columns, and its directives.
func lines(t *testing.T, file string) (rows []map[string]string, directives []string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for text := range strings.Lines(string(b)) {
		text = strings.TrimSuffix(text, "\n")
		if rest, ok := strings.CutPrefix(text, "#Fields: "); ok {
			columns = strings.Split(rest, "\t")
		}
		if strings.HasPrefix(text, "#") {
			directives = append(directives, text)
			continue
		}
		values := strings.Split(text, "\t")
		if len(values) != len(columns) {
			t.Fatalf("%d values for %d columns: %q", len(values), len(columns), text)
		}
		row := make(map[string]string)
		for i, c := range columns {
			row[c] = values[i]
		}
		rows = append(rows, row)
	}
	return rows, directives
}

// What real clients do is in the file, event by event, with the x-status of each.
func TestEvents(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	l, said := open(t, Options{File: file})
	mux := app.NewMux()
	mux.Handle("live", app.Live(app.LiveOptions{}))
	srv := &app.Server{Handler: mux, Log: slog.New(slog.DiscardHandler), OnRefusal: l.Refusal, OnChallenge: l.Refusal, OnSession: l.Session, OnStream: l.Stream}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ln) }()
	url := "rtmp://" + ln.Addr().String()
	dial := func(name string) (*rtmp.Client, error) {
		return rtmp.Dial(t.Context(), url+"/"+name, &rtmp.ClientConfig{FlashVer: "Test 1.0"})
	}
	if _, err := dial("nosuch"); err == nil {
		t.Fatal("let in")
	}
	c, err := dial("live/room/_")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := c.Publish(t.Context(), "camera one")
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.WriteVideo(t.Context(), 0, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 100)...)); err != nil {
		t.Fatal(err)
	}
	ns, err := c.Play(t.Context(), "camera one", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for ev := (rtmp.StreamEvent{}); ev.Type != rtmp.TypeVideo; {
		if ev, err = ns.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Publish(t.Context(), "camera one"); err == nil {
		t.Fatal("published twice")
	}
	id := srv.Clients()[0].ID
	srv.Kick(id, nil)
	<-c.Done()
	srv.Record(&app.Refusal{Stage: app.StageConnect, Cause: app.CauseChallenge})
	_ = srv.Close()
	<-done
	l.Close()
	rows, directives := lines(t, file)
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprint(r["x-category"], " ", r["x-event"], " ", r["x-status"], " ", r["x-app"], "/", r["x-appinst"], " ", r["x-sname"], " ", r["x-comment"]))
	}
	ends := []string{ // of one moment, in any order
		"stream unpublish 200 live/room cam… -", "stream stop 200 live/room cam… -",
	}
	want := []string{
		"session connect 404 nosuch/_definst_ - unknown-application", "session connect 200 live/room - -",
		"stream publish 200 live/room cam… -", "stream play 200 live/room cam… -", "stream publish 409 live/room cam… busy-name",
		ends[0], ends[1], "session disconnect 403 live/room - operator:kick", "session connect-pending 100 -/- - challenge",
	}
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "…", "%E2%80%A6")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, r := range rows {
		if !regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`).MatchString(r["date"] + " " + r["time"]) {
			t.Errorf("date %s time %s", r["date"], r["time"])
		}
		if r["x-event"] == "connect-pending" {
			continue
		}
		if r["c-ip"] != "127.0.0.1" || r["s-ip"] != "127.0.0.1" || r["c-user-agent"] != "Test%201.0" || r["cs-bytes"] == "0" || len(r["x-sid"]) != 8 {
			t.Errorf("%v", r)
		}
		for event, column := range map[string]string{"unpublish": "cs-stream-bytes", "stop": "sc-stream-bytes", "disconnect": "x-duration"} {
			if r["x-event"] == event && !regexp.MustCompile(`^\d+$`).MatchString(r[column]) {
				t.Errorf("%s of %s is %q", column, event, r[column])
			}
		}
	}
	if len(directives) != 5 || directives[0] != "#Version: 1.0" || directives[2] != "#Software: Penstock test" || said.String() != "" {
		t.Errorf("%q\n%s", directives, said)
	}
}

// Whatever a client calls itself, it makes neither a line nor a field.
func TestForgery(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	l, _ := open(t, Options{File: file})
	texts := []string{"a\tb", "a\nb", "a\r\nb", "#Fields: x", "\x00", "-", "–", "a b", `"`, "%41", "\x7f\x80", "\u2028", strings.Repeat("x", 5000)}
	for _, text := range texts {
		l.Refusal(&app.Refusal{Time: time.Now(), Stage: app.StagePublish, Cause: app.CauseLimit, Rule: text, App: text, Instance: text, Stream: text,
			FlashVer: text, Session: text, Status: status.New(status.PublishDenied, text), Err: errors.New(text)})
	}
	l.Close()
	rows, directives := lines(t, file)
	if len(rows) != len(texts) || len(directives) != 5 {
		t.Fatalf("%d rows, %d directives", len(rows), len(directives))
	}
	for i, r := range rows {
		for column, v := range r {
			if strings.ContainsAny(v, " \t\r\n\"") || v == "" || len(v) > 3*longest || column == "c-user-agent" && v == "-" {
				t.Errorf("%q as %s: %q", texts[i], column, v)
			}
			for j := range len(v) {
				if v[j] < '!' || v[j] > '~' {
					t.Errorf("%q as %s: byte %#x", texts[i], column, v[j])
				}
			}
		}
	}
}

// The files are bounded in length and number, and no line is lost between two.
func TestRotation(t *testing.T) {
	for _, keep := range []int{0, 2} {
		file := filepath.Join(t.TempDir(), "access.log")
		if err := os.WriteFile(file, []byte("what was there before\n"), 0o640); err != nil {
			t.Fatal(err)
		}
		l, said := open(t, Options{File: file, MaxBytes: 64 << 10, Keep: keep})
		const n = 3000
		for i := range n {
			l.Refusal(&app.Refusal{Stage: app.StageConnect, Cause: app.CauseLimit, Session: fmt.Sprint(i)})
		}
		l.Close()
		files, _ := filepath.Glob(file + "*")
		want := []string{file, file + ".1", file + ".2"}[:keep+1]
		if !slices.Equal(files, want) {
			t.Errorf("keep %d: %q\n%s", keep, files, said)
		}
		next := n
		for _, name := range files { // newest first
			if info, _ := os.Stat(name); info.Size() > 64<<10 || info.Size() < 500 {
				t.Errorf("%s has %d bytes", name, info.Size())
			}
			rows, _ := lines(t, name)
			for _, r := range slices.Backward(rows) {
				if next--; r["x-sid"] != fmt.Sprint(next) {
					t.Fatalf("%s after %d", r["x-sid"], next+1)
				}
			}
		}
	}
}

// A file that cannot be written costs its lines, and says so: once in the log, and in the file when it can be written again.
func TestUnwritable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	l, said := open(t, Options{File: filepath.Join(dir, "access.log")})
	l.Close()
	if n := strings.Count(said.String(), "level=ERROR"); n != 1 {
		t.Errorf("said %d times:\n%s", n, said)
	}
	// Without the goroutine, so that the test may turn the clock.
	refused := newLine(time.Now(), "connect", "session", 409).text()
	for range 7 {
		l.put(refused)
	}
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	l.failed = time.Time{}
	l.put(refused)
	l.flush()
	_ = l.file.Close()
	rows, directives := lines(t, l.o.File)
	if len(rows) != 1 || directives[len(directives)-1] != "#Remark: 7 lines were left out" {
		t.Errorf("%d rows, %q", len(rows), directives)
	}
	if n := strings.Count(said.String(), "level=ERROR"); n != 1 || !strings.Contains(said.String(), "can be written again") {
		t.Errorf("said %d times:\n%s", n, said)
	}
	// A queue that is full is bounded too.
	for range maxQueue + 5 {
		l.write(refused)
	}
	if l.lost != 5 {
		t.Errorf("%d lost", l.lost)
	}
}

// What was in the buffer when the disk was full is among the lines that are counted.
func TestDiskFull(t *testing.T) {
	said := &logged{}
	l := &Log{o: Options{File: filepath.Join(t.TempDir(), "access.log"), MaxBytes: 1 << 20, Log: slog.New(slog.NewTextHandler(said, nil))}}
	if !l.reopen() {
		t.Fatal(said)
	}
	l.put([]byte("kept\n"))
	l.flush()
	_ = l.file.Close() // writes fail from now on
	for range 3 {
		l.put([]byte("lost\n"))
	}
	l.flush()
	l.put([]byte("lost too\n")) // too soon to try again
	if l.lost != 4 || strings.Count(said.String(), "cannot be written") != 1 {
		t.Errorf("%d lines are counted: %s", l.lost, said)
	}
	l.failed = time.Now().Add(-2 * retry)
	l.put([]byte("kept\n"))
	l.flush()
	_ = l.file.Close()
	b, err := os.ReadFile(l.o.File)
	if text := string(b); err != nil || strings.Count(text, "kept\n") != 2 || strings.Contains(text, "lost\n") || !strings.Contains(text, "#Remark: 4 lines were left out") {
		t.Errorf("%v: %s", err, text)
	}
	if !strings.Contains(said.String(), "can be written again") {
		t.Errorf("said %s", said)
	}
}

// A file that cannot be renamed does not grow beyond its bound; what is left out is counted.
func TestCannotRotate(t *testing.T) {
	dir := t.TempDir()
	said := &logged{}
	l := &Log{o: Options{File: filepath.Join(dir, "access.log"), MaxBytes: 400, Keep: 1, Log: slog.New(slog.NewTextHandler(said, nil))}}
	if err := os.MkdirAll(filepath.Join(dir, "access.log.1", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if !l.reopen() {
		t.Fatal(said)
	}
	line := []byte(strings.Repeat("x", 99) + "\n")
	for range 10 {
		l.put(line)
	}
	info, err := os.Stat(l.o.File)
	if err != nil || info.Size() > 400 || l.lost == 0 || l.lost > 10 || !strings.Contains(said.String(), "cannot be written") {
		t.Errorf("%v, %d bytes, %d lines are counted: %s", err, info.Size(), l.lost, said)
	}
}
