package e2e

import (
	"strings"
	"testing"
	"time"
)

// The first thing that anyone sees: the server's page with a moving picture.
func TestPageShowsTheDemo(t *testing.T) {
	needs(t)
	s := serve(t, "--demo")
	ctx := browse(t)
	navigate(ctx, t, s.http+"/")
	moves(ctx, t)
}

// Chromium plays what FFmpeg publishes, by HTTP-FLV and by FLV over WebSocket.
func TestPagePlaysAPublishedStream(t *testing.T) {
	needs(t, "ffmpeg")
	s := serve(t)
	publish(t, s.rtmp+"/live/cam", media(t, "h264.flv"))
	ctx := browse(t)
	for _, transport := range []string{"http", "ws"} {
		t.Run(transport, func(t *testing.T) {
			navigate(ctx, t, "about:blank")
			navigate(ctx, t, s.http+"/")
			evaluate[string](ctx, t, `(s => { s.value = "`+transport+`"; s.dispatchEvent(new Event("change")); return s.value })(document.getElementById("transport"))`)
			moves(ctx, t)
		})
	}
}

// Who was refused, and why, can be read on the page.
func TestPageTellsWhoWasRefused(t *testing.T) {
	needs(t, "node")
	s := serve(t)
	nodeEvents(t, 15*time.Second, "rtmpclient.mjs", s.rtmp+"/nosuch", `{}`)
	ctx := browse(t)
	navigate(ctx, t, s.http+"/")
	deadline := time.Now().Add(10 * time.Second)
	for {
		text := evaluate[string](ctx, t, `document.getElementById("refused").innerText`)
		if strings.Contains(text, "nosuch") && strings.Contains(text, "NetConnection.Connect.") {
			return
		}
		if time.Now().After(deadline) {
			screenshot(ctx, t, "", "page")
			t.Fatalf("the page says of refusals:\n%s", text)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
