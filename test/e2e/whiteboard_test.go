package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// drag draws a line on the page's canvas, as a hand with a mouse would.
func drag(ctx context.Context, t *testing.T, points ...[2]float64) {
	t.Helper()
	var b strings.Builder
	for i, p := range points {
		kind := "pointermove"
		if i == 0 {
			kind = "pointerdown"
		}
		fmt.Fprintf(&b, `send(%q, %v, %v);`, kind, p[0], p[1])
	}
	fmt.Fprintf(&b, `send("pointerup", %v, %v);`, points[len(points)-1][0], points[len(points)-1][1])
	evaluate[bool](ctx, t, `(() => { const c = document.getElementById("board"), r = c.getBoundingClientRect(); c.setPointerCapture = () => {};
		const send = (type, x, y) => c.dispatchEvent(new PointerEvent(type, {pointerId: 1, clientX: r.left + x * r.width, clientY: r.top + y * r.height, bubbles: true}));
		`+b.String()+` return true })()`)
}

// ink is how many dots of the board are drawn on.
func ink(ctx context.Context, t *testing.T) float64 {
	t.Helper()
	return evaluate[float64](ctx, t, `(d => { let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i] > 0) n++; return n })(
		document.getElementById("board").getContext("2d").getImageData(0, 0, 1600, 900).data)`)
}

func boardHas(ctx context.Context, t *testing.T, who string, strokes int) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		said := evaluate[string](ctx, t, `document.getElementById("status").value`)
		if said == fmt.Sprintf("%d strokes", strokes) {
			return
		}
		if time.Now().After(deadline) {
			screenshot(ctx, t, "", "board-"+who)
			t.Fatalf("%s: the page says %q, want %d strokes", who, said, strokes)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Four browsers draw on one board; a fifth comes and sees everything; the server restarts, and the board is there again.
func TestWhiteboard(t *testing.T) {
	needs(t)
	dir := t.TempDir()
	begin := func(rtmp, http string) *server {
		s := &server{Process: start(t, binary(t), "serve", "--config", filepath.Join("examples", "whiteboard", "penstock.yaml"),
			"--rtmp", rtmp, "--http", http, "--data", dir)}
		until(t, 10*time.Second, "the server prints its addresses", func() bool {
			out := s.Stdout.String()
			s.rtmp, s.http = rtmpLine.FindString(out), httpLine.FindString(out)
			return s.rtmp != "" && s.http != ""
		}, s.Process)
		return s
	}
	s := begin("127.0.0.1:0", "127.0.0.1:0")
	browser := browse(t)
	open := func() context.Context {
		tab, cancel := chromedp.NewContext(browser)
		t.Cleanup(cancel)
		navigate(tab, t, s.http+"/pages/")
		return tab
	}
	navigate(browser, t, "about:blank")
	var tabs []context.Context
	for range 4 {
		tabs = append(tabs, open())
	}
	for i, tab := range tabs {
		boardHas(tab, t, "before", i)
		x := 0.1 + 0.2*float64(i)
		drag(tab, t, [2]float64{x, 0.2}, [2]float64{x + 0.1, 0.5}, [2]float64{x, 0.8}, [2]float64{x + 0.15, 0.6})
		for k, other := range tabs {
			boardHas(other, t, fmt.Sprintf("tab %d after tab %d drew", k, i), i+1)
		}
	}
	want := ink(tabs[0], t)
	if want < 1000 {
		t.Errorf("four lines are %.0f dots", want)
	}
	for i, tab := range tabs {
		if got := ink(tab, t); got < want*0.98 || got > want*1.02 { // lines that are drawn in pieces have other edges
			t.Errorf("tab %d shows %.0f dots, the first %.0f", i, got, want)
		}
	}
	fifth := open()
	boardHas(fifth, t, "the fifth", 4)
	if got := ink(fifth, t); got < want*0.98 {
		t.Errorf("the fifth shows %.0f dots, the first %.0f", got, want)
	}
	picture := screenshot(fifth, t, "", "whiteboard")
	if to := os.Getenv("PENSTOCK_PICTURES"); to != "" {
		if err := os.WriteFile(filepath.Join(to, "whiteboard.png"), picture, 0o644); err != nil {
			t.Error(err)
		}
	}

	if !s.Stop(syscall.SIGTERM, 12*time.Second) {
		t.Fatal("the server did not stop")
	}
	begin(strings.TrimPrefix(s.rtmp, "rtmp://"), strings.TrimPrefix(s.http, "http://"))
	for i, tab := range append(tabs, fifth) { // the pages connect again by themselves
		boardHas(tab, t, fmt.Sprintf("tab %d after the restart", i), 4)
	}
	if got := ink(tabs[2], t); got < want*0.98 {
		t.Errorf("after the restart there are %.0f dots, there were %.0f", got, want)
	}
}
