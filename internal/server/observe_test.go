package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/internal/config"
	"penstock/rtmp"
)

// call makes a request and returns status and body.
func call(t *testing.T, method, url, body, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// What was refused, and who is blocked, is known to the next process; blocked and unloaded hold over HTTP too.
func TestNextProcessKnows(t *testing.T) {
	data := t.TempDir()
	access := filepath.Join(data, "access.log")
	set := func(c *config.Config) { c.Data, c.Log.Access.File, c.HTTP.Wait = data, access, 0 }
	r := start(t, false, set)
	if _, err := rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/nosuch", nil); err == nil {
		t.Fatal("let in")
	}
	if code, body := call(t, "POST", "http://"+r.http+"/api/v1/apps/live/unload", "", ""); code != 204 {
		t.Errorf("unload: %d %s", code, body)
	}
	if code, body := call(t, "GET", "http://"+r.http+"/live/a.flv", "", ""); code != http.StatusForbidden || !strings.Contains(body, "shutting down") {
		t.Errorf("unloaded, over HTTP: %d %s", code, body)
	}
	if code, body := call(t, "POST", "http://"+r.http+"/api/v1/blocks", `{"network":"127.0.0.0/8","text":"Gone for good."}`, ""); code != 201 {
		t.Fatalf("block: %d %s", code, body)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r = start(t, false, set)
	if _, err := rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/live", nil); err == nil || !strings.Contains(err.Error(), "Gone for good.") {
		t.Errorf("blocked before: %v", err)
	}
	if code, body := call(t, "GET", "http://"+r.http+"/live/a.flv", "", ""); code != http.StatusForbidden || body != "Gone for good.\n" {
		t.Errorf("blocked, over HTTP: %d %s", code, body)
	}
	type refusal struct{ App, Cause, Rule, Stage, Code string }
	var found struct {
		Refusals []refusal
		Storage  string
	}
	// A client is told first, then that is recorded.
	for deadline := time.Now().Add(20 * time.Second); len(found.Refusals) < 4 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		_, body := call(t, "GET", "http://"+r.http+"/api/v1/refusals", "", "")
		if err := json.Unmarshal([]byte(body), &found); err != nil || found.Storage != "database" {
			t.Fatalf("%v: %s", err, body)
		}
	}
	if _, body := call(t, "GET", "http://"+r.http+"/state.json", "", ""); !strings.Contains(body, `"app":"nosuch"`) {
		t.Errorf("the page does not have what was refused before: %s", body)
	}
	slices.SortFunc(found.Refusals, func(a, b refusal) int { return strings.Compare(a.Cause+a.Stage, b.Cause+b.Stage) })
	want := []refusal{
		{"live", "operator", "block", "connect", "NetConnection.Connect.Rejected"},
		{"live", "operator", "block", "play", "NetStream.Play.Failed"},
		{"live", "shutdown", "", "play", "NetStream.Play.Failed"},
		{"nosuch", "unknown-application", "", "connect", "NetConnection.Connect.Rejected"},
	}
	if !slices.Equal(found.Refusals, want) {
		t.Errorf("found %+v\nwant  %+v", found.Refusals, want)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(access)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"connect\tsession\t404", "play\tstream\t302", "connect\tsession\t403", "play\tstream\t403"} {
		if !strings.Contains(string(lines), want) {
			t.Errorf("the access log does not have %q:\n%s", want, lines)
		}
	}
}

// Whole names of streams are kept when that is wanted, and nowhere else; keys are in neither answer.
func TestNamesOfRefusedStreams(t *testing.T) {
	for _, keep := range []bool{false, true} {
		r := start(t, false, func(c *config.Config) {
			c.Refusals.StreamNames = keep
			a := config.DefaultApp()
			a.Publish.Keys = map[string]config.StreamKey{"one": {Key: "0123456789abcdef0123456789abcdef"}}
			c.Apps = map[string]config.App{"live": a}
		})
		c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
		if _, err := c.Publish(t.Context(), "a-key-with-a-slip?user=joe&pass=hunter2"); err == nil {
			t.Fatal("let in")
		}
		<-r.refused
		_, body := call(t, "GET", "http://"+r.http+"/api/v1/refusals?stream=a-key-with-a-slip", "", "")
		if strings.Contains(body, "a-key-with-a-slip") != keep || !strings.Contains(body, `"stage":"publish"`) || strings.Contains(body, "hunter2") {
			t.Errorf("keep %t: %s", keep, body)
		}
	}
}

// The metrics and the API ask for the same roles.
func TestWhoMayRead(t *testing.T) {
	const secret = "a token of the operator"
	sum := sha256.Sum256([]byte(secret))
	r := start(t, false, func(c *config.Config) {
		c.Console.Tokens = map[string]config.ConsoleToken{"prometheus": {SHA256: hex.EncodeToString(sum[:]), Role: "viewer"}}
	})
	base := "http://" + r.http
	for _, path := range []string{"/metrics", "/api/v1/refusals", "/api/v1/openapi.json"} {
		if code, body := call(t, "GET", base+path, "", ""); code != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d %.100s", path, code, body)
		}
		if code, body := call(t, "GET", base+path, "", secret); code != http.StatusOK {
			t.Errorf("%s with a token: %d %.100s", path, code, body)
		}
	}
	if code, body := call(t, "POST", base+"/api/v1/sessions/x/kick", "", secret); code != http.StatusForbidden || !strings.Contains(body, "operator") {
		t.Errorf("a viewer kicks: %d %s", code, body)
	}
	if _, body := call(t, "GET", base+"/metrics", "", secret); !strings.Contains(body, "penstock_sessions 0") || !strings.Contains(body, "go_goroutines") {
		t.Errorf("metrics: %.300s", body)
	}
}

// A stop does not wait for those who listen.
func TestStopEndsListeners(t *testing.T) {
	r := start(t, false, nil)
	resp, err := http.Get("http://" + r.http + "/api/v1/refusals/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, resp.Body)
	}()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("it listens on")
	}
}
