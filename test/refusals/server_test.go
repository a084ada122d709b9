package refusals

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"penstock/app"
	"penstock/test/process"
)

// A refusal is what the server's operator is told about one, wherever it is found.
type refusal struct {
	Session     string
	Stage       string
	Cause       string
	Rule        string
	Code        string
	Description string
	XStatus     int
	App         string
}

// A server is a running `penstock serve` that logs JSON.
type server struct {
	*process.Process
	rtmp   string // 127.0.0.1:PORT
	http   string // http://127.0.0.1:PORT
	access string // file of the access log
	log    *logLines
}

var (
	rtmpLine = regexp.MustCompile(`rtmp://(127\.0\.0\.1:\d+)`)
	httpLine = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
)

// serve starts the server with a configuration and returns when it has printed where it listens. At the end of the test it is
// asked to stop, if it still runs, and fails the test if it does not or exits with an error.
func serve(t *testing.T, config string) *server {
	t.Helper()
	bin, err := buildBinary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "penstock.yml")
	s := &server{access: filepath.Join(dir, "access.log"), log: &logLines{}}
	config = fmt.Sprintf("log: {format: json, access: {file: %q}}\n%s", s.access, config)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Process = start(t, s.log, nil, bin, "serve", "--config", file, "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", filepath.Join(dir, "data"))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("configuration:\n%s\nlog:\n%s", config, process.Tail(s.log.String()))
		}
	})
	until(t, 20*time.Second, "the server prints its addresses", func() bool {
		out := s.Stdout.String()
		if m := rtmpLine.FindStringSubmatch(out); m != nil {
			s.rtmp, s.http = m[1], httpLine.FindString(out)
		}
		if !s.Running() {
			t.Fatalf("the server did not start:\n%s", s.log)
		}
		return s.rtmp != "" && s.http != ""
	})
	t.Cleanup(func() {
		if !s.Stop(syscall.SIGTERM, 15*time.Second) {
			t.Error("the server did not stop within 15 s of SIGTERM")
		} else if s.Err() != nil {
			t.Errorf("the server ended with %v", s.Err())
		}
	})
	return s
}

// logLines takes a server's log and sorts what it says about refusals by address.
type logLines struct {
	mu   sync.Mutex
	all  bytes.Buffer
	rest []byte
	byIP map[string][]refusal
}

// Write implements io.Writer.
func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(p)
	l.rest = append(l.rest, p...)
	for {
		line, more, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		l.rest = more
		l.line(line)
	}
}

func (l *logLines) line(b []byte) {
	var line struct {
		Msg, Session, Peer string
		Refusal            struct {
			Stage, Cause, Rule, Code, Description, App string
			XStatus                                    int `json:"x_status"`
		}
	}
	if json.Unmarshal(b, &line) != nil || line.Msg != "refused" {
		return
	}
	ip, _, err := net.SplitHostPort(line.Peer)
	if err != nil {
		return
	}
	if l.byIP == nil {
		l.byIP = make(map[string][]refusal)
	}
	f := line.Refusal
	if f.Cause == string(app.CauseChallenge) { // refuses nobody
		return
	}
	l.byIP[ip] = append(l.byIP[ip], refusal{line.Session, f.Stage, f.Cause, f.Rule, f.Code, f.Description, f.XStatus, f.App})
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// of are the refusals of one address, in order.
func (l *logLines) of(ip string) []refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]refusal(nil), l.byIP[ip]...)
}

// everything is all refusals.
func (l *logLines) everything() []refusal {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(slices.Collect(maps.Values(l.byIP))...)
}

// has reports whether the log has a line with all of these texts.
func (l *logLines) has(texts ...string) bool {
next:
	for line := range strings.Lines(l.String()) {
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue next
			}
		}
		return true
	}
	return false
}
