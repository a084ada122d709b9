package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penstock/internal/conformance"
)

// The command against a real server: report in a file, progress on stderr, exit code by what is required.
func TestCheckServer(t *testing.T) {
	_, s := serve(t)
	file := filepath.Join(t.TempDir(), "report.json")
	ran := run(t, "check", s+"/live", "--only", "handshake", "--only", "netconnection/call-*", "--format", "json", "--output", file, "--subject", "this one")
	if ran.code != 0 || ran.stdout != "" {
		t.Fatalf("%+v", ran)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r conformance.Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Subject != "this one" || r.Role != conformance.RoleServer || !r.Passed() || r.Count(conformance.Works) < 10 || r.Count(conformance.NotReproduced) != 1 {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(ran.stderr, "handshake/simple") {
		t.Errorf("no progress: %s", ran.stderr)
	}
	// A server that is none, a case that is none, an attack on a stranger.
	for _, tt := range []struct {
		code int
		args []string
		says string
	}{
		{exitFailed, []string{"check", "rtmp://127.0.0.1:1/live"}, "no server at rtmp://127.0.0.1:1/live"},
		{exitUsage, []string{"check", s + "/live", "--only", "nothing"}, "no case is called nothing"},
		{exitUsage, []string{"check", "rtmp://192.0.2.1/live", "--hostile"}, "--confirm-hostile"},
		{exitUsage, []string{"check"}, "no server"},
		{exitUsage, []string{"check", "http://localhost/live"}, "rtmp://HOST/APP"},
		{exitUsage, []string{"check", "--explain", "nothing"}, "no case is called nothing"},
		{exitFailed, []string{"check", s + "/nosuch", "--only", "netconnection/connect-success"}, "1 of what is required does not work"},
	} {
		if ran := run(t, tt.args...); ran.code != tt.code || !strings.Contains(ran.stderr, tt.says) {
			t.Errorf("%v: %+v", tt.args, ran)
		}
	}
}

func TestCheckExplains(t *testing.T) {
	_, s := serve(t)
	ran := run(t, "check", s+"/live", "--explain", "netconnection/call-failed")
	for _, want := range []string{"RTMP 1.0 §7.1.1", "tcp amf0: works", "→ penstockCheckNoSuchMethod 2 null 1 \"x\"", "← _error 2 null", "3073 → connect"} {
		if !strings.Contains(ran.stdout, want) {
			t.Errorf("no %q in\n%s", want, ran.stdout)
		}
	}
	if ran.code != 0 {
		t.Errorf("exit code %d", ran.code)
	}
	if out := run(t, "check", "--list").stdout; !strings.Contains(out, "hostile/garbage") || !strings.Contains(out, "SharedObject.BadPersistence") {
		t.Errorf("the list lacks cases:\n%s", out)
	}
}
