package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/report"
	"penstock/test/process"
)

// clientCommands are the commands of scripts/conformance-clients.txt by name.
func clientCommands(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(process.Root(), "scripts", "conformance-clients.txt"))
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]string)
	for line := range strings.Lines(string(b)) {
		if fields := strings.Split(line, "|"); len(fields) == 4 && !strings.HasPrefix(line, "#") {
			out[strings.TrimSpace(fields[0])] = strings.Fields(strings.ReplaceAll(fields[3], "{penstock}", binary(t)))
		}
	}
	return out
}

// What penstock check client finds out about real clients: what they do well, and what they are known to do badly.
func TestCheckRealClients(t *testing.T) {
	needs(t, "ffmpeg", "rtmpdump", "gst-launch-1.0")
	commands := clientCommands(t)
	for name, want := range map[string]map[string]conformance.Verdict{
		"ffmpeg-publish":    {"refused/publish-denied": conformance.Works, "media/publish-extended": conformance.Works, "ended/close": conformance.Fails},
		"ffmpeg-play":       {"refused/play-streamnotfound": conformance.Works, "media/extended-compact": conformance.Works, "chunks/abort": conformance.Fails},
		"rtmpdump-play":     {"refused/play-streamnotfound": conformance.Works, "chunks/abort": conformance.Works, "control/acknowledges": conformance.Fails},
		"gstreamer-publish": {"refused/publish-denied": conformance.Works, "ended/appshutdown": conformance.Differs},
		"gstreamer-play":    {"refused/play-streamnotfound": conformance.Works, "media/aggregate": conformance.Works, "chunks/abort": conformance.Fails},
		"penstock-publish":  {"refused/publish-denied": conformance.Works, "ended/close": conformance.Works},
		"penstock-play":     {"refused/play-streamnotfound": conformance.Works, "chunks/abort": conformance.Works},
	} {
		t.Run(name, func(t *testing.T) {
			want["session/ordinary"] = conformance.Works
			var only []string
			for id := range want {
				only = append(only, id)
			}
			file := filepath.Join(t.TempDir(), "client.json")
			args := append([]string{"check", "client", "--only", strings.Join(only, ","), "--format", "json", "--output", file, "--"}, commands[name]...)
			p := start(t, binary(t), args...)
			p.Wait(t, 90*time.Second)
			f, err := os.Open(file)
			if err != nil {
				t.Fatalf("%v\n%s", err, p.Printed())
			}
			defer f.Close()
			r, err := report.Read(f)
			if err != nil {
				t.Fatal(err)
			}
			for i := range r.Results {
				res := &r.Results[i]
				if v, ok := want[res.ID]; ok && res.Verdict != v {
					t.Errorf("%s is %s, not %s: expected %s, got %s", res.ID, res.Verdict, v, res.Expected, res.Got)
				}
				delete(want, res.ID)
			}
			if len(want) > 0 {
				t.Errorf("no result for %v", want)
			}
		})
	}
}
