package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penstock/internal/conformance"
	"penstock/internal/conformance/report"
)

// The program's own publisher is judged by the program, and the reports can be shown and compared.
func TestCheckClient(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "client.json")
	r := run(t, "check", "client", "--only", "session,refused/publish-denied,refused/rejected,ended/appshutdown,chunks/size-1,silence/publish", "--format", "json", "--output", file,
		"--subject", "Penstock's own", "--", binary, "publish", "--timeout", "3s", "{in}", "{url}")
	if r.code != 0 {
		t.Errorf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := report.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if got.Role != conformance.RoleClient || got.Subject != "Penstock's own" || len(got.Results) != 9 || got.Count(conformance.Works) != 9 {
		t.Errorf("%s, %q, %d of %d work: %s", got.Role, got.Subject, got.Count(conformance.Works), len(got.Results), b)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"compare", file}, "✓ works           Ordinary session"},
		{[]string{"compare", "--format", "markdown", file}, "# Penstock's own"},
		{[]string{"compare", file, file}, "[2] Penstock's own"},
		{[]string{"compare", "--format", "html", file, file}, "RTMP clients side by side"},
		{[]string{"compare", "--codes", file}, "client.md#refused-rejected) |"},
		{[]string{"client", "--list"}, "refused/publish-denied"},
		{[]string{"client", "--explain", "chunks/abort"}, "RTMP 1.0 §5.4.2"},
	} {
		if r := run(t, append([]string{"check"}, c.args...)...); r.code != 0 || !strings.Contains(r.stdout, c.want) {
			t.Errorf("%q: exit code %d, %s%s", c.args, r.code, r.stdout, r.stderr)
		}
	}
}

// A client that is not what is required, or cannot be judged, is an exit code.
func TestCheckClientFails(t *testing.T) {
	no := filepath.Join(t.TempDir(), "no.json")
	if err := os.WriteFile(no, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"client", "--only", "session", "--", "false"}, 1, "1 of what is required does not work"},
		{[]string{"client", "--only", "session", "--", "/no/such/client"}, 1, "cannot be started"},
		{[]string{"client", "--only", "nonsense", "--", "true"}, 2, "no case begins with nonsense"},
		{[]string{"client", "--explain", "nonsense"}, 2, "there is no case nonsense"},
		{[]string{"compare", no}, 1, "no.json: no conformance report"},
		{[]string{"compare", "--format", "json", no, no}, 1, "no.json"},
	} {
		if r := run(t, append([]string{"check"}, c.args...)...); r.code != c.code || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%q: exit code %d, %s", c.args, r.code, r.stderr)
		}
	}
}

// The formats on the command line are those that there are.
func TestCheckFormats(t *testing.T) {
	for _, args := range [][]string{{"check", "client", "--help"}, {"check", "compare", "--help"}, {"check", "server", "--help"}} {
		r := run(t, args...)
		for _, f := range report.Formats() {
			if r.code != 0 || !strings.Contains(r.stdout, f) {
				t.Errorf("%q: exit code %d, no %s in %s", args, r.code, f, r.stdout)
			}
		}
	}
}
