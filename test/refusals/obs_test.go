package refusals

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/app"
	"penstock/test/process"
)

// obsFiles is a profile that goes live without being asked: one green scene, reconnecting after a second, at most twenty times.
var obsFiles = map[string]string{
	"global.ini": "[General]\nFirstRun=true\nLastVersion=486539266\n" +
		"[Basic]\nProfile=Lab\nProfileDir=Lab\nSceneCollection=Lab\nSceneCollectionFile=Lab\n",
	"basic/profiles/Lab/basic.ini": "[General]\nName=Lab\n[Video]\nBaseCX=320\nBaseCY=180\nOutputCX=320\nOutputCY=180\nFPSCommon=10\n" +
		"[Output]\nMode=Simple\nReconnect=true\nRetryDelay=1\nMaxRetries=20\n" +
		"[SimpleOutput]\nStreamEncoder=x264\nPreset=ultrafast\nVBitrate=200\nABitrate=64\n",
	"basic/scenes/Lab.json": `{"current_program_scene":"S","current_scene":"S","name":"Lab","scene_order":[{"name":"S"}],"sources":[` +
		`{"id":"scene","name":"S","settings":{"custom_size":false,"id_counter":1,"items":[{"id":1,"name":"C","visible":true}]}},` +
		`{"id":"color_source_v3","versioned_id":"color_source_v3","name":"C","settings":{"color":4278255360,"width":320,"height":180}}]}`,
}

// screen starts an X server without a screen once for the test and returns its display.
func screen(t *testing.T) string {
	t.Helper()
	x := start(t, nil, nil, "Xvfb", "-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset")
	number := regexp.MustCompile(`(?m)^\d+$`)
	until(t, 20*time.Second, "Xvfb has a display", func() bool { return x.Running() && number.MatchString(x.Stdout.String()) })
	return ":" + number.FindString(x.Stdout.String())
}

// obs is OBS Studio. It is tried where a scenario says so: each run takes several seconds, to see that it does not come again.
var obs = &client{
	name: "OBS Studio", program: "obs", version: []string{"--version"}, find: regexp.MustCompile(`OBS Studio - (\d+\.\d+\.\d+)`),
	can:   map[action]func(g *target) []string{publishing: nil},
	shows: func(r refusal) []string { return []string{r.Description} },
}

// goLive starts OBS Studio, which publishes at once. Its settings and log are in a home of its own.
func goLive(t *testing.T, display string, g *target) *process.Process {
	t.Helper()
	home := t.TempDir()
	service, err := json.Marshal(map[string]any{"type": "rtmp_custom", "settings": map[string]any{
		"server": "rtmp://" + g.addr + "/" + g.app, "key": g.stream, "use_auth": g.user != "", "username": g.user, "password": g.password}})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"basic/profiles/Lab/service.json": string(service)}
	for name, text := range obsFiles {
		files[name] = text
	}
	for name, text := range files {
		file := filepath.Join(home, ".config", "obs-studio", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// OBS keeps the screen awake by this program, again and again when it is missing.
	if err := os.WriteFile(filepath.Join(home, "xdg-screensaver"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + home, "XDG_CONFIG_HOME=" + filepath.Join(home, ".config"), "XDG_RUNTIME_DIR=" + home, "DISPLAY=" + display, "LIBGL_ALWAYS_SOFTWARE=1", "QT_QPA_PLATFORM=xcb",
		"PATH=" + home + ":" + os.Getenv("PATH")}
	p := start(t, nil, env, "obs", "--startstreaming", "--multi", "--profile", "Lab", "--collection", "Lab", "--scene", "S", "--disable-updater", "--verbose")
	t.Cleanup(func() { p.Stop(syscall.SIGKILL, 10*time.Second) })
	return p
}

// watchFor is how long OBS is watched after it stopped: it would reconnect after one second.
const watchFor = 4 * time.Second

// obsLines are those of OBS's log that are about the connection.
var obsLines = regexp.MustCompile(`^info: (\[rtmp stream|rtmp://|Unhandled:|Output .*econnect)|^Net\w+\.`)

// runOBS lets OBS publish, watches whether it comes again, and returns what it logs of that.
func runOBS(t *testing.T, display string, at *place, g *target) (log []string, connections int) {
	t.Helper()
	p := goLive(t, display, g)
	until(t, 60*time.Second, "OBS has been refused", func() bool {
		if !p.Running() {
			t.Fatalf("OBS ended by itself:\n%s", process.Tail(p.Stdout.String()))
		}
		out := p.Stdout.String()
		return at.relay.Connections() > 0 && (strings.Contains(out, "Streaming Stop") || strings.Contains(out, "Reconnecting in"))
	})
	time.Sleep(watchFor) // in which nothing may happen
	connections = at.relay.Connections()
	p.Stop(syscall.SIGKILL, 10*time.Second) // TERM makes it ask whether it may
	for line := range strings.Lines(p.Stdout.String()) {
		if line = strings.TrimSpace(line); obsLines.MatchString(line) && !strings.Contains(line, "Connecting to RTMP URL") {
			log = append(log, plain(line, at.app))
		}
	}
	slices.SortStableFunc(log, func(a, b string) int { // two of its threads write it
		return cmp.Compare(strings.Count(a, "failed: -"), strings.Count(b, "failed: -"))
	})
	return log, connections
}

// tryOBS is try for OBS.
func (s *scenario) tryOBS(t *testing.T, at *place, stage app.Stage, display string) *outcome {
	o := &outcome{client: obs, action: publishing}
	at.client, at.relay = obs, relayTo(t, at.server.rtmp)
	o.printed, _ = runOBS(t, display, at, s.target(at, stage))
	o.refusals = at.server.log.of(at.relay.ip)
	if n := at.relay.Connections(); n != s.connections() {
		t.Errorf("OBS connected %d times, want %d: it must not come again", n, s.connections())
	}
	s.judge(t, at, stage, o)
	return o
}

// connections is how often an encoder connects: a log-in takes three.
func (s *scenario) connections() int {
	if s.logsIn {
		return 3
	}
	return 1
}
