package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// The media are made once per run; each is a key frame a second, 320x240 at 25/s.
const (
	testPicture = "testsrc2=size=320x240:rate=25"
	testSound   = "sine=frequency=440:beep_factor=4:sample_rate=48000"
)

var recipes = map[string][]string{
	"h264.flv": {"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac", "-b:a", "64k"},
	// Three B-frames: composition times other than zero must survive.
	"bframes.flv": {"-c:v", "libx264", "-preset", "fast", "-bf", "3", "-g", "25", "-c:a", "aac", "-b:a", "64k"},
	// libx265 repeats nothing in-band: the sequence header alone carries the parameter sets.
	"hevc.mkv": {
		"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25:min-keyint=25:bframes=0",
		"-c:a", "libopus", "-b:a", "64k",
	},
	"av1.mkv": {"-c:v", "libsvtav1", "-preset", "12", "-g", "25", "-svtav1-params", "pred-struct=1", "-c:a", "libopus", "-b:a", "64k"},
	"vp9.mkv": {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-c:a", "libopus", "-b:a", "64k"},
}

var (
	mediaMu   sync.Mutex
	mediaDone = map[string]string{}
)

// media returns the path of the named clip, 20 s long, making it when it is asked for first.
func media(t *testing.T, name string) string {
	t.Helper()
	mediaMu.Lock()
	defer mediaMu.Unlock()
	if path, ok := mediaDone[name]; ok {
		return path
	}
	recipe, ok := recipes[name]
	if !ok {
		t.Fatalf("no recipe for %s", name)
	}
	path := filepath.Join(workDir, name)
	args := []string{
		"-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i", testPicture, "-f", "lavfi", "-i", testSound,
		"-t", "20", "-pix_fmt", "yuv420p", "-ac", "2",
	}
	cmd := exec.Command("ffmpeg", append(append(args, recipe...), path)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("making %s: %w\n%s", name, err, out))
	}
	mediaDone[name] = path
	return path
}
