package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/test/process"
)

// The program of examples/switcher cuts between two cameras, which FFmpeg publishes and which agree on nothing but the codec, under a
// third name: FFmpeg plays that as one stream, whose times go on, and sees both pictures.
func TestSwitcher(t *testing.T) {
	needs(t, "ffmpeg", "ffprobe")
	bin := filepath.Join(t.TempDir(), "switcher")
	build := exec.Command("go", "build", "-o", bin, "./examples/switcher")
	build.Dir = process.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := start(t, bin, "-listen", "127.0.0.1:0")
	addr := ""
	until(t, 10*time.Second, "the switcher listens", func() bool {
		_, after, ok := strings.Cut(s.Stdout.String(), "listening on ")
		addr, _, _ = strings.Cut(after, "\n")
		return ok && addr != ""
	}, s)
	url := "rtmp://" + addr + "/live"
	camera := func(color, rate, hz, gop, ahead string) {
		start(t, "ffmpeg", "-hide_banner", "-nostats", "-re", "-f", "lavfi", "-i", "color="+color+":size=320x240:rate="+rate,
			"-f", "lavfi", "-i", "sine=frequency="+hz+":sample_rate=48000", "-t", "60", "-pix_fmt", "yuv420p", "-c:v", "libx264",
			"-preset", "ultrafast", "-tune", "zerolatency", "-g", gop, "-c:a", "aac", "-output_ts_offset", ahead, "-f", "flv", url+"/"+color)
	}
	camera("red", "25", "440", "25", "0")
	camera("blue", "30", "880", "45", "7") // seven seconds ahead
	c, err := rtmp.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cut := func(name string) error {
		_, err := c.Call(t.Context(), "cut", name)
		return err
	}
	for _, name := range []string{"blue", "red"} {
		until(t, 30*time.Second, name+" is there", func() bool { return cut(name) == nil }, s)
	}
	if err := cut("green"); err == nil || !strings.Contains(err.Error(), `There is no camera "green".`) {
		t.Errorf("cut to a camera that is not there: %v", err)
	}

	dir := t.TempDir()
	copied, pixels := filepath.Join(dir, "program.flv"), filepath.Join(dir, "pixels")
	player := start(t, "ffmpeg", "-hide_banner", "-nostats", "-loglevel", "error", "-y", "-i", url+"/program", "-t", "14", "-c", "copy", copied,
		"-t", "14", "-an", "-vf", "fps=10,scale=1:1,setsar=1", "-pix_fmt", "rgb24", "-f", "rawvideo", pixels)
	for i := range 6 { // one cut each 2.5 s, which comes within 1.5 s
		time.Sleep(2500 * time.Millisecond)
		if err := cut([]string{"blue", "red"}[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	if code := player.Wait(t, 60*time.Second); code != 0 {
		t.Fatalf("the player ended with code %d\n%s", code, player.Stderr.String())
	}
	if out := player.Stderr.String(); out != "" {
		t.Errorf("the player complains:\n%s", out)
	}
	wantColors(t, pixels)
	wantTimes(t, copied)
}

// wantColors wants red and blue in turn, several times.
func wantColors(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var seen []byte
	for p := range slices.Chunk(raw, 3) {
		name := byte('?')
		switch {
		case p[0] > 150 && p[2] < 100:
			name = 'r'
		case p[2] > 150 && p[0] < 100:
			name = 'b'
		}
		if len(seen) == 0 || seen[len(seen)-1] != name {
			seen = append(seen, name)
		}
	}
	if s := strings.TrimPrefix(string(seen), "b"); !strings.HasPrefix(s, "rbrb") || strings.Contains(s, "?") {
		t.Errorf("the pictures are %s, want red and blue in turn", seen)
	}
	t.Logf("%d pictures: %s", len(raw)/3, seen)
}

// wantTimes wants times that rise, without gaps, in what the player copied.
func wantTimes(t *testing.T, path string) {
	t.Helper()
	r := probe(t, path)
	for _, kind := range []string{"video", "audio"} {
		list := r.track[kind]
		if len(list) < 200 {
			t.Fatalf("%d packets of %s", len(list), kind)
		}
		widest := 0.0
		for i := 1; i < len(list); i++ {
			step := list[i].ms - list[i-1].ms
			if step < 0 || kind == "video" && step == 0 || step > 1000 {
				t.Errorf("%s: %.0f ms after %.0f ms", kind, list[i].ms, list[i-1].ms)
			}
			widest = max(widest, step)
		}
		t.Logf("%d packets of %s over %.0f ms, at most %.0f ms apart", len(list), kind, list[len(list)-1].ms-list[0].ms, widest)
	}
}
