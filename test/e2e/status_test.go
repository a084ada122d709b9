package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nodeEvents runs a script of test/node and returns its JSON lines.
func nodeEvents(t *testing.T, limit time.Duration, script string, args ...string) []map[string]any {
	t.Helper()
	p := start(t, "node", append([]string{"--no-warnings", filepath.Join("test", "node", script)}, args...)...)
	if code := p.Wait(t, limit); code != 0 {
		t.Fatalf("%s ended with code %d", script, code)
	}
	return jsonLines(t, p.Stdout.String())
}

func jsonLines(t *testing.T, out string) []map[string]any {
	t.Helper()
	var events []map[string]any
	for line := range strings.Lines(out) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		events = append(events, e)
	}
	return events
}

// find returns the first event of a kind.
func find(events []map[string]any, kind string) map[string]any {
	for _, e := range events {
		if e["event"] == kind {
			return e
		}
	}
	return nil
}

// An independent client sees the whole information object of each answer.
func TestInformationObjects(t *testing.T) {
	needs(t, "node")
	s := serve(t)
	for _, tc := range []struct {
		name, path, options string
		event               string
		level, code         string
		description         string // part of it
	}{
		{"connected", "/live", `{}`, "status", "status", "NetConnection.Connect.Success", "Connection succeeded."},
		{"with arguments", "/live/room", `{"args":[{"user":"joe"},42,null]}`, "status", "status", "NetConnection.Connect.Success", "Connection succeeded."},
		{"unknown application", "/nosuch", `{}`, "status", "error", "NetConnection.Connect.", "nosuch"},
		{"unknown method", "/live", `{"calls":[["nosuch",1,"two"]]}`, "error", "error", "NetConnection.Call.Failed", "nosuch"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			events := nodeEvents(t, 15*time.Second, "rtmpclient.mjs", s.rtmp+tc.path, tc.options)
			e := find(events, tc.event)
			if e == nil {
				t.Fatalf("no event %q in %v", tc.event, events)
			}
			info, _ := e["info"].(map[string]any)
			code, _ := info["code"].(string)
			description, _ := info["description"].(string)
			if info["level"] != tc.level || !strings.HasPrefix(code, tc.code) || !strings.Contains(description, tc.description) {
				t.Errorf("got %v, want level %q, code %q…, description with %q", info, tc.level, tc.code, tc.description)
			}
			if tc.code == "NetConnection.Connect.Success" && info["objectEncoding"] != float64(0) {
				t.Errorf("objectEncoding %v, want 0, what the client asked for", info["objectEncoding"])
			}
		})
	}
}

// wholeLines cuts off a last line that is still being written.
func wholeLines(out string) string { return out[:strings.LastIndexByte(out, '\n')+1] }
