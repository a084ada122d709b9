package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browse starts Chromium, headless and with a profile of its own, and returns the context of its first tab. It ends with the
// test.
func browse(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Fatal("no Chromium; scripts/setup installs it")
	}
	dir, err := os.MkdirTemp("", "penstock-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(dir),
		chromedp.DisableGPU,
		chromedp.NoSandbox,
		chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
	)
	// All of a test's work in the browser together has this time.
	ctx, stop := context.WithTimeout(context.Background(), 90*time.Second)
	ctx, cancelAlloc := chromedp.NewExecAllocator(ctx, opts...)
	ctx, cancelTab := chromedp.NewContext(ctx, chromedp.WithLogf(t.Logf), chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancelTab()
		cancelAlloc()
		stop()
		for range 50 { // Chromium's children may still write there
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	return ctx
}

func evaluate[T any](ctx context.Context, t *testing.T, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func navigate(ctx context.Context, t *testing.T, url string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

// screenshot takes a picture of the element, or of the whole window for "", and keeps it among the test's artifacts.
func screenshot(ctx context.Context, t *testing.T, css, name string) []byte {
	t.Helper()
	action := chromedp.CaptureScreenshot()
	if css != "" {
		action = chromedp.Screenshot(chromedp.CSS(css))
	}
	png, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatalf("screenshot %s: %v", name, err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), png, 0o644); err != nil {
		t.Error(err)
	}
	return png
}

// moves proves that the page's video plays: its clock goes on in step with time, and two pictures of it differ.
func moves(ctx context.Context, t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for evaluate[float64](ctx, t, `document.querySelector("video").currentTime`) < 0.2 {
		if time.Now().After(deadline) {
			screenshot(ctx, t, "", "stuck")
			t.Fatalf("the video does not play: %s", evaluate[string](ctx, t,
				`(v => JSON.stringify({readyState: v.readyState, paused: v.paused, error: v.error && v.error.message, text: document.body.innerText.slice(0, 400)}))(document.querySelector("video"))`))
		}
		time.Sleep(100 * time.Millisecond)
	}
	state := `(v => [v.currentTime, v.videoWidth, v.videoHeight])(document.querySelector("video"))`
	before, began := evaluate[[]float64](ctx, t, state), time.Now()
	first := screenshot(ctx, t, "video", "first")
	time.Sleep(1500*time.Millisecond - min(time.Since(began), 1500*time.Millisecond))
	second := screenshot(ctx, t, "video", "second")
	after, took := evaluate[[]float64](ctx, t, state), time.Since(began)
	screenshot(ctx, t, "", "page")
	if advance := after[0] - before[0]; advance < 0.8 || advance > took.Seconds()+3 {
		t.Errorf("the video's clock went on by %.2f s in %.2f s", advance, took.Seconds())
	}
	if bytes.Equal(first, second) {
		t.Error("two pictures, taken more than a second apart, are the same")
	}
	t.Logf("%.0fx%.0f, clock %.2f s and %.2f s later %.2f s", before[1], before[2], before[0], took.Seconds(), after[0])
}
