package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"penstock/test/process"
)

// flashPages is a folder with the movie of test/flash, compiled, its page, and Ruffle to play it.
func flashPages(t *testing.T) string {
	t.Helper()
	dir, source := t.TempDir(), filepath.Join(process.Root(), "test", "flash")
	haxe := exec.Command("haxe", "-cp", source, "-main", "Movie", "-swf", filepath.Join(dir, "movie.swf"),
		"-swf-version", "11", "-swf-header", "320:240:25:FFFFFF")
	if out, err := haxe.CombinedOutput(); err != nil {
		t.Fatalf("haxe: %v\n%s", err, out)
	}
	page, err := os.ReadFile(filepath.Join(source, "index.html"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "index.html"), page, 0o600)
	}
	if err == nil {
		err = os.CopyFS(filepath.Join(dir, "ruffle"), os.DirFS(filepath.Join(process.Root(), "test", "node_modules", "@ruffle-rs", "ruffle")))
	}
	if err != nil {
		t.Fatalf("%v; scripts/setup installs what these tests need", err)
	}
	return dir
}

// play shows the movie and returns what it said when it is done.
func play(ctx context.Context, t *testing.T, s *server) []string {
	t.Helper()
	gateway := s.http + "/gateway"
	given := url.Values{"gateway": {gateway}, "elsewhere": {strings.Replace(gateway, "127.0.0.1", "localhost", 1)}, "rtmp": {s.rtmp + "/live"}}
	navigate(ctx, t, s.http+"/pages/?"+given.Encode())
	deadline := time.Now().Add(60 * time.Second)
	for {
		said := evaluate[[]string](ctx, t, "window.lines")
		if len(said) > 0 && said[len(said)-1] == "done" {
			return said
		}
		if time.Now().After(deadline) {
			screenshot(ctx, t, "", "movie")
			t.Fatalf("the movie is not done within a minute; it said\n%s", strings.Join(said, "\n"))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// A Flash movie, compiled by Haxe and played by Ruffle in Chromium, calls the gateway: what it saw, and what the server says about it.
func TestFlashMovie(t *testing.T) {
	needs(t, "haxe")
	pages := flashPages(t)
	hash := exec.Command(binary(t), "hash-password")
	hash.Stdin = strings.NewReader("se cret&/=\n")
	hashed, err := hash.Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "penstock.yaml")
	text := fmt.Sprintf("scripts: %q\nhttp: {pages: %q, policy_domains: [127.0.0.1]}\nlog: {level: debug}\napps: {live: {}, members: {connect: {users: {ann: %q}}}}\n",
		filepath.Join(process.Root(), "test", "flash", "applications"), pages, strings.TrimSpace(string(hashed)))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--config", file)
	said := play(browse(t), t, s)
	fault := func(code, description string) string {
		return fmt.Sprintf(`status {code: "NetConnection.Call.%s", description: "%s`, code, description)
	}
	const millis = "Date(1234567890123)"
	for _, want := range []string{
		"results connected false", // it has nothing to be connected to: each call is a request
		`ping result "pong"`,
		"first result 1", "second " + fault("Failed", "Method not found (missing)."), "third result 2",
		`scalars result ["ä€😀", 1.5, true, null, false]`,
		`array result ["a", [1, [2]], {b: null}]`,
		"date result " + millis,
		"typed result {x: 1.5, y: -2}", // Ruffle leaves the class out of AMF0
		"no method " + fault("Failed", "Method not found (nothing)."),
		"no application " + fault("Failed", "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (nowhere) is not defined."),
		"no credentials " + fault("Prohibited", ""),
		"failing " + fault("Failed", "Failed to execute method (fail)."),
		`credentials result "pong"`,
		"too deep " + fault("BadVersion", ""),
		"objectEncoding 3 result {list: [1, 2], when: Date(0)}",
		"amf3 version 3",
		"amf3 /1/onResult [Spot(0.5, 3), " + millis + `, ["a", 7, -1, null], {n: 268435456, t: true}, ByteArray(bytes)]`,
		`amf3 /2/onStatus {code: "NetConnection.Call.Failed", description: "Method not found (nothing)."`,
		"session header news {read: false}", `session recalls "blue"`, "another recalls null",
		`flex /1/onResult "from Flex" for 4C1D95B2-0E2A-4A58-9F5B-1B7A5E0F6C11`,
		"flex /1/onStatus NetConnection.Call.Failed Method not found (nothing).",
		`another host result "pong"`,
		`no gateway netStatus {code: "NetConnection.Call.Failed"`,
	} {
		found := false
		for _, line := range said {
			found = found || strings.HasPrefix(line, want)
		}
		if !found {
			t.Errorf("the movie did not say %s", want)
		}
	}
	for _, want := range []string{
		`refusal.cause=not-found .*refusal.rule=missing refusal.code=NetConnection.Call.Failed .*refusal.app=desk`,
		`refusal.cause=encoding .*refusal.rule="gateway echo" refusal.code=NetConnection.Call.BadVersion`,
		`msg=remoting .*version=0 headers=1 calls=1`, `msg=remoting .*version=0 headers=0 calls=3`, `msg=remoting .*version=3 headers=0 calls=2`,
		`refusal.rule=apps.members.connect.users refusal.code=NetConnection.Connect.Rejected .*refusal.app=members`,
	} {
		line := regexp.MustCompile(want)
		until(t, 10*time.Second, "the log has "+want, func() bool { return line.MatchString(s.Stderr.String()) }, s.Process)
	}
	if n := strings.Count(s.Stderr.String(), " app=desk instance=room "); n != 1 {
		t.Errorf("the three calls of one frame made %d connections", n)
	}
	if strings.Contains(strings.Join(said, " "), "secret") {
		t.Error("a detail of a failure reached the movie")
	}
	t.Logf("the movie said\n%s", strings.Join(said, "\n"))
}
