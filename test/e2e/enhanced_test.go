package e2e

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"penstock/test/process"
)

// probe8 reads a file with the FFmpeg 8 in node-av.
func probe8(t *testing.T, path string) *recording {
	t.Helper()
	return recordingOf(t, nodeEvents(t, 30*time.Second, "play.mjs", path))
}

func recordingOf(t *testing.T, events []map[string]any) *recording {
	t.Helper()
	r := newRecording()
	kinds := map[float64]string{}
	for _, e := range events {
		index, _ := e["index"].(float64)
		switch e["event"] {
		case "stream":
			kind, _ := e["type"].(string)
			kinds[index] = kind
			r.codec[kind], _ = e["codec"].(string)
			r.config[kind], _ = e["extradata"].(string)
		case "packet":
			var p packet
			p.ms, _ = e["ms"].(float64)
			p.key, _ = e["key"].(bool)
			p.hash, _ = e["hash"].(string)
			r.track[kinds[index]] = append(r.track[kinds[index]], p)
		}
	}
	return r
}

// publish8 publishes a file with the FFmpeg 8 in node-av and returns when a second and a half of it has gone out.
func publish8(t *testing.T, url, file string) *process.Process {
	t.Helper()
	p := start(t, "node", "--no-warnings", filepath.Join("test", "node", "pub.mjs"), file, url)
	until(t, 20*time.Second, "node-av publishes", func() bool {
		at := 0.0
		for _, e := range jsonLines(t, wholeLines(p.Stdout.String())) {
			at, _ = e["ms"].(float64)
		}
		return at >= 1500
	}, p)
	return p
}

// HEVC, AV1 and VP9 with Opus go through by Enhanced RTMP, bit-exact from a key frame. FFmpeg 5 and rtmpdump do not know the
// codecs; what rtmpdump records of them must be the same bytes all the same.
func TestEnhancedRTMP(t *testing.T) {
	needs(t, "node", "ffmpeg", "rtmpdump")
	for _, tc := range []struct{ file, video string }{{"hevc.mkv", "hevc"}, {"av1.mkv", "av1"}, {"vp9.mkv", "vp9"}} {
		t.Run(tc.video, func(t *testing.T) {
			s := serve(t)
			src := probe8(t, media(t, tc.file))
			if src.codec["video"] != tc.video || src.codec["audio"] != "opus" {
				t.Fatalf("%s has %v", tc.file, src.codec)
			}
			publish8(t, s.rtmp+"/live/e", media(t, tc.file))
			wire := tapTo(t, s)
			file := filepath.Join(t.ArtifactDir(), "rtmpdump.flv")
			dump := start(t, "rtmpdump", "-q", "--live", "-m", "10", "-r", s.rtmp+"/live/e", "-o", file)
			got := recordingOf(t, nodeEvents(t, 30*time.Second, "play.mjs", wire.url("/live/e"), "75"))
			if err := compare(src, got, 75); err != nil {
				t.Errorf("FFmpeg 8: %v", err)
			}
			if after, _, ok := wire.firstMedia(); !ok || after > firstMediaLimit {
				t.Errorf("first frame %v after play (seen: %v)", after, ok)
			}
			if !dump.Stop(syscall.SIGINT, 5*time.Second) {
				t.Error("rtmpdump did not stop")
			}
			if err := compare(src, probe8(t, file).dropLast(), 40); err != nil {
				t.Errorf("rtmpdump: %v", err)
			}
		})
	}
}
