package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"penstock/rtmp"
)

// serveAt starts a server with a data folder and returns the bases of its URLs.
func serveAt(t *testing.T, data string) (p *process, rtmpURL, httpURL string) {
	t.Helper()
	in, out := io.Pipe()
	p = launch(t, out, "serve", "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", data)
	page := make(chan string, 1)
	play := ""
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan(); {
			what, address, _ := strings.Cut(lines.Text(), " ")
			switch address = strings.TrimSpace(address); what {
			case "play":
				play = strings.TrimSuffix(address, "/live/NAME")
			case "page":
				page <- strings.TrimSuffix(address, "/")
			}
		}
	}()
	select {
	case httpURL = <-page:
		return p, play, httpURL
	case err := <-p.ended:
		t.Fatalf("serve ended: %v\n%s", err, p.stderr)
	case <-time.After(20 * time.Second):
		t.Fatal("serve says nothing")
	}
	return nil, "", ""
}

// kept asks the API for every refusal, by application.
func kept(t *testing.T, url string) map[string]bool {
	t.Helper()
	apps := make(map[string]bool)
	for cursor := ""; ; {
		resp, err := http.Get(url + "/api/v1/refusals?limit=500&cursor=" + cursor)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Refusals []struct{ App string }
			Next     string
			Storage  string
		}
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || page.Storage != "database" {
			t.Fatalf("%s, storage %q, %v", resp.Status, page.Storage, err)
		}
		for _, r := range page.Refusals {
			apps[r.App] = true
		}
		if cursor = page.Next; cursor == "" {
			return apps
		}
	}
}

// A server that is killed while it refuses has lost, when it runs again, no refusal but those of the last second, and goes on;
// so it does after it was killed three times.
func TestRefusalsOutliveKill(t *testing.T) {
	data := t.TempDir()
	told := make(map[string]time.Time) // by application: when a client was refused it
	for round := range 3 {
		p, rtmpURL, _ := serveAt(t, data)
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var clients sync.WaitGroup
		for c := range 2 {
			clients.Go(func() {
				for i := 0; ctx.Err() == nil && i < 25; i++ { // fewer than would share rows
					name := fmt.Sprintf("round%d-client%d-%d", round, c, i)
					_, err := rtmp.Dial(ctx, rtmpURL+"/"+name, nil)
					if err != nil && strings.Contains(err.Error(), "is not defined") {
						mu.Lock()
						told[name] = time.Now()
						mu.Unlock()
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		time.Sleep(2200 * time.Millisecond)
		killed := time.Now()
		if code := p.signal(t, syscall.SIGKILL); code != -1 {
			t.Fatalf("exit code %d", code)
		}
		cancel()
		clients.Wait()
		// Once more, in order: what is kept now is still there after it.
		p, _, httpURL := serveAt(t, data)
		got := kept(t, httpURL)
		old := 0
		for name, at := range told {
			if killed.Sub(at) < time.Second {
				continue
			}
			if old++; !got[name] {
				t.Errorf("%s, refused %v before the end, is lost", name, killed.Sub(at))
			}
		}
		if old < 5*(round+1) {
			t.Fatalf("only %d refusals are old enough to tell", old)
		}
		for name := range told {
			if !got[name] {
				delete(told, name) // of the last second
			}
		}
		if code := p.signal(t, syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d\n%s", code, p.stderr)
		}
		if text := p.stderr.String(); strings.Contains(text, "level=ERROR") {
			t.Errorf("the file is not sound:\n%s", text)
		}
	}
}
