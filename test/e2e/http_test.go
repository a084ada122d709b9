package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FLV over HTTP and over WebSocket carries the same packets as RTMP, from a key frame.
func TestFLVOverHTTPAndWebSocket(t *testing.T) {
	needs(t, "ffmpeg", "ffprobe", "node")
	s := serve(t)
	src := probe(t, media(t, "bframes.flv"))
	publish(t, s.rtmp+"/live/web", media(t, "bframes.flv"))
	url := s.http + "/live/web.flv"

	t.Run("ffmpeg", func(t *testing.T) {
		p := players(t)[0]
		if err := compare(src, p.record(t, url, 3*time.Second), 40); err != nil {
			t.Error(err)
		}
	})
	t.Run("websocket", func(t *testing.T) {
		file := filepath.Join(t.ArtifactDir(), "ws.flv")
		p := start(t, "node", "--no-warnings", "--experimental-websocket", filepath.Join("test", "node", "wsflv.mjs"),
			"ws"+strings.TrimPrefix(url, "http"), file, "3")
		if code := p.Wait(t, 15*time.Second); code != 0 {
			t.Fatalf("the WebSocket failed, code %d", code)
		}
		if err := compare(src, probe(t, file).dropLast(), 40); err != nil {
			t.Error(err)
		}
	})
}
