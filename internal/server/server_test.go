package server

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/flv"
	"penstock/internal/config"
	"penstock/rtmp"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDemoIsPlayed(t *testing.T) {
	r := start(t, true, nil)
	c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
	stream, err := c.Play(t.Context(), "demo", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	audio, video, metadata := 0, 0, false
	for audio < 20 || video < 10 {
		ev, err := stream.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case ev.Type == rtmp.TypeAudio:
			audio++
		case ev.Type == rtmp.TypeVideo:
			video++
		case ev.Name == "onMetaData":
			metadata = true
		}
	}
	if !metadata {
		t.Error("no metadata came before the pictures")
	}
}

func TestDemoOverHTTP(t *testing.T) {
	r := start(t, true, nil)
	resp, err := http.Get("http://" + r.http + "/live/demo.flv")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := flv.NewReader(bufio.NewReader(resp.Body))
	kinds := map[flv.TagType]int{}
	for kinds[flv.TagAudio] < 20 || kinds[flv.TagVideo] < 10 {
		var tag flv.Tag
		if err := in.ReadTag(&tag); err != nil {
			t.Fatalf("after %v: %v", kinds, err)
		}
		kinds[tag.Type]++
	}
	// A player that never stops does not hold up the end.
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Errorf("the end of the stream is not orderly: %v", err)
	}
}

func TestPage(t *testing.T) {
	r := start(t, true, nil)
	for path, want := range map[string]string{"/": "<title>", "/state.json": "live/demo", "/nothing": "not found"} {
		resp, err := http.Get("http://" + r.http + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %.200s, want %q", path, resp.StatusCode, body, want)
		}
	}
}

func TestMethods(t *testing.T) {
	r := start(t, true, nil)
	c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
	for _, tc := range []struct {
		method string
		args   []amf.Value
		want   string
	}{
		{"ping", nil, `"pong"`},
		{"echo", nil, `null`},
		{"echo", []amf.Value{amf.NewObject(amf.Prop{Key: "b", Value: 1.0}, amf.Prop{Key: "a", Value: true})}, `{"b":1,"a":true}`},
		{"echo", []amf.Value{1.0, "two"}, `[1,"two"]`},
		{"streams", nil, `["demo"]`},
	} {
		v, err := c.Call(t.Context(), tc.method, tc.args...)
		if err != nil {
			t.Errorf("%s: %v", tc.method, err)
			continue
		}
		if got, _ := amf.AppendJSON(nil, v); string(got) != tc.want {
			t.Errorf("%s: %s, want %s", tc.method, got, tc.want)
		}
	}
	_, err := c.Call(t.Context(), "shutdown")
	wantCode(t, err, status.CallFailed, "Method not found (shutdown).")
	// Another instance has streams of its own.
	other := dial(t, "rtmp://"+r.rtmp+"/live/room/_", nil)
	if v, err := other.Call(t.Context(), "streams"); err != nil || len(v.(*amf.Array).Dense) != 0 {
		t.Errorf("streams of another instance: %v, %v", v, err)
	}
}

func TestOrigins(t *testing.T) {
	r := start(t, false, func(c *config.Config) {
		a := config.DefaultApp()
		a.Origins = []string{".example.com"}
		c.Apps = map[string]config.App{"rpc": a}
	})
	ours := dial(t, "rtmp://"+r.rtmp+"/rpc", &rtmp.ClientConfig{PageURL: "https://www.example.com/player.html"})
	if v, err := ours.Call(t.Context(), "ping"); v != "pong" || err != nil {
		t.Errorf("our own page: %v, %v", v, err)
	}
	theirs := dial(t, "rtmp://"+r.rtmp+"/rpc", &rtmp.ClientConfig{PageURL: "https://example.com.evil.test/"})
	_, err := theirs.Call(t.Context(), "ping")
	wantCode(t, err, status.CallProhibited, "")
}

func TestRedirect(t *testing.T) {
	r := start(t, false, func(c *config.Config) {
		c.Apps = map[string]config.App{"old": {Redirect: "rtmp://media.example.com/live"}}
	})
	_, err := rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/old", nil)
	wantCode(t, err, status.ConnectRejected, "")
	s, _ := status.Of(err)
	if s == nil || len(s.Extra) == 0 || !strings.Contains(amf.Format(s.Object()), "rtmp://media.example.com/live") {
		t.Errorf("no redirect in %v", s)
	}
	// An application that the file does not name does not exist, live included.
	_, err = rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/live", nil)
	wantCode(t, err, status.ConnectRejected, "Application (live) is not defined.")
}

func TestApplicationsOverHTTP(t *testing.T) {
	r := start(t, false, func(c *config.Config) {
		c.Apps = map[string]config.App{"old": {Redirect: "rtmp://media.example.com/live"}, "live": config.DefaultApp()}
		c.HTTP.Wait = 0
	})
	for path, want := range map[string]string{
		"/old/a.flv":  "403 application old has moved to rtmp://media.example.com/live",
		"/chat/a.flv": `403 application "chat" is not defined`,
		"/live/a.flv": `404 stream "live/a" is not live`,
	} {
		resp, err := http.Get("http://" + r.http + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := fmt.Sprintf("%d %s", resp.StatusCode, bytes.TrimSpace(body)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// RTMP and RTMPS come in by the same port.
func TestRTMPS(t *testing.T) {
	cert, key := certificate(t)
	r := start(t, false, func(c *config.Config) { c.RTMP.TLS = config.TLS{Cert: cert, Key: key} })
	for _, scheme := range []string{"rtmp", "rtmps"} {
		c := dial(t, scheme+"://"+r.rtmp+"/live", &rtmp.ClientConfig{TLSConfig: &tls.Config{InsecureSkipVerify: true}})
		if v, err := c.Call(t.Context(), "ping"); v != "pong" || err != nil {
			t.Errorf("%s: %v, %v", scheme, v, err)
		}
	}
}

// Who may not publish or play is told which option would let them.
func TestNetworkRules(t *testing.T) {
	elsewhere := config.MustNetworks("203.0.113.0/24")
	for _, tc := range []struct {
		name          string
		publish, play config.Networks
		code          status.Code
		text          string
	}{
		{"publish", elsewhere, config.MustNetworks("any"), status.PublishDenied,
			"Publishing to live is open to certain networks only; the operator can open it with apps.live.publish.allow_networks."},
		{"play", config.MustNetworks("any"), elsewhere, status.PlayFailed,
			"Playing from live is open to certain networks only; the operator can open it with apps.live.play.allow_networks."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := start(t, false, func(c *config.Config) {
				c.HTTP.Wait = 0
				a := config.DefaultApp()
				a.Publish.AllowNetworks, a.Play.AllowNetworks = tc.publish, tc.play
				c.Apps = map[string]config.App{"live": a}
			})
			c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
			_, publishErr := c.Publish(t.Context(), "a")
			_, playErr := c.Play(t.Context(), "a", rtmp.PlayOptions{})
			refused, allowed := publishErr, playErr
			if tc.name == "play" {
				refused, allowed = playErr, publishErr
			}
			wantCode(t, refused, tc.code, tc.text)
			if allowed != nil {
				t.Errorf("the other ability: %v", allowed)
			}
			resp, err := http.Get("http://" + r.http + "/live/a.flv")
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if forbidden := resp.StatusCode == http.StatusForbidden; forbidden != (tc.name == "play") || forbidden && string(body) != tc.text+"\n" {
				t.Errorf("over HTTP: %s %s", resp.Status, body)
			}
		})
	}
}

// Clients are told why they are ended, and none of them is told less because the demo ends too.
func TestStopTellsClients(t *testing.T) {
	r := start(t, true, nil)
	var seen []status.Code
	done := make(chan struct{})
	c := dial(t, "rtmp://"+r.rtmp+"/live", &rtmp.ClientConfig{OnStatus: func(s *status.Status) {
		if seen = append(seen, s.Code); s.Code == status.ConnectClosed {
			close(done)
		}
	}})
	if _, err := c.Play(t.Context(), "demo", rtmp.PlayOptions{Backpressure: false}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	<-done
	want := []status.Code{status.ConnectSuccess, status.ConnectAppShutdown, status.ConnectClosed}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("the client saw %v, want %v", seen, want)
	}
	if _, err := net.Dial("tcp", r.rtmp); err == nil {
		t.Error("the port is still open")
	}
}

// A client that does not read does not keep the server from ending in time.
func TestStopWithinGrace(t *testing.T) {
	r := start(t, true, func(c *config.Config) { c.Shutdown.Grace = config.Duration(time.Second) })
	nc, err := net.Dial("tcp", r.http)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, _ = fmt.Fprintf(nc, "GET /live/demo.flv HTTP/1.1\r\nHost: x\r\n\r\n")
	c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
	if _, err := c.Play(t.Context(), "demo", rtmp.PlayOptions{Backpressure: true, QueueEvents: 1}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	begin := time.Now()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 1500*time.Millisecond {
		t.Errorf("took %v of a grace of 1 s", took)
	}
}

func TestHTTPConnectionsAreLimited(t *testing.T) {
	r := start(t, false, func(c *config.Config) { c.Limits.HTTPConnections = 1 })
	first, err := net.Dial("tcp", r.http)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	// The first is counted when it is accepted; it was before the second is.
	resp, err := http.Get("http://" + r.http + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "http_connections") {
		t.Errorf("%s %q", resp.Status, body)
	}
	first.Close()
	for range 100 {
		if resp, err = http.Get("http://" + r.http + "/"); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			http.DefaultClient.CloseIdleConnections()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("a place that became free is not given away: %s", resp.Status)
}

// What New refuses with is one line that says what to do.
func TestNewErrors(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		demo   bool
		change func(c *config.Config)
		want   string
	}{
		{"rtmp port", false, func(c *config.Config) { c.RTMP.Listen = busy.Addr().String() },
			fmt.Sprintf(`^port %d is in use by another program: stop it, or choose another with --rtmp 127\.0\.0\.1:%d$`, port, port+1)},
		{"http port", false, func(c *config.Config) { c.HTTP.Listen = busy.Addr().String() },
			fmt.Sprintf(`^port %d is in use by another program: stop it, or choose another with --http 127\.0\.0\.1:%d$`, port, port+1)},
		{"foreign address", false, func(c *config.Config) { c.RTMP.Listen = "203.0.113.1:1935" },
			`^this machine has no address 203\.0\.113\.1: choose one of its own, or all with --rtmp :1935$`},
		{"data is a file", false, func(c *config.Config) { c.Data = filepath.Join(file, "below") }, `file is a file, name a folder$`},
		{"no certificate", false, func(c *config.Config) { c.RTMP.TLS = config.TLS{Cert: "nope.pem", Key: "nope.pem"} }, `^rtmp\.tls: open nope\.pem: `},
		{"demo without live", true, func(c *config.Config) { c.Apps = map[string]config.App{"chat": config.DefaultApp()} }, `^--demo publishes to the application live, `},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := config.Default()
			c.RTMP.Listen, c.HTTP.Listen, c.Data = "127.0.0.1:0", "127.0.0.1:0", filepath.Join(dir, "a", "b")
			tc.change(c)
			s, err := New(c, Options{Demo: tc.demo})
			if err == nil {
				s.Close()
				t.Fatal("no error")
			}
			if !regexp.MustCompile(tc.want).MatchString(err.Error()) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %s", err, tc.want)
			}
		})
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("folders were made: %v", left)
	}
}

func TestAnnouncement(t *testing.T) {
	for _, tc := range []struct {
		name   string
		demo   bool
		change func(c *config.Config)
		want   string
	}{
		{"everything", true, nil, "publish  rtmp://127.0.0.1:R/live/NAME\nplay     rtmp://127.0.0.1:R/live/NAME\n" +
			"demo     rtmp://127.0.0.1:R/live/demo\npage     http://127.0.0.1:H/\n"},
		{"no http, an application of another name", false, func(c *config.Config) {
			c.HTTP.Listen = "off"
			c.Apps = map[string]config.App{"cam": config.DefaultApp(), "aa": {Redirect: "rtmp://x/y"}}
		}, "publish  rtmp://127.0.0.1:R/cam/NAME\nplay     rtmp://127.0.0.1:R/cam/NAME\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := config.Default()
			c.RTMP.Listen, c.HTTP.Listen, c.Data = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
			if tc.change != nil {
				tc.change(c)
			}
			var out strings.Builder
			s, err := New(c, Options{Demo: tc.demo, Out: &out})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			s.announce()
			got := strings.ReplaceAll(out.String(), portOf(s.rtmpListener), ":R/")
			got = strings.ReplaceAll(got, portOf(s.httpListener), ":H/")
			if got != tc.want {
				t.Errorf("printed\n%s, want\n%s", got, tc.want)
			}
		})
	}
	for addr, want := range map[string]string{"[::]:1935": "localhost:1935", "0.0.0.0:1": "localhost:1", "[::1]:2": "[::1]:2", "10.0.0.1:3": "10.0.0.1:3"} {
		if got := display(remote(addr)); got != want {
			t.Errorf("%s is shown as %s, want %s", addr, got, want)
		}
	}
	if got := otherAddresses(remote("127.0.0.1:1935")); got != "" {
		t.Errorf("a listener on one address is also on %s", got)
	}
}
