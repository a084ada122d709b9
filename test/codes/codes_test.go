package codes

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/test/process"
	"penstock/test/relay"
)

// world is a server with an application for every answer, behind a relay that records.
type world struct {
	*app.Server
	relay *relay.Relay
}

func serve(t *testing.T) *world {
	t.Helper()
	mux := app.NewMux()
	mux.Handle("live", app.Live(app.LiveOptions{}))
	mux.Handle("down", app.Live(app.LiveOptions{}))
	connect := func(pattern string, f func(c *app.Client) (app.Session, error)) {
		mux.HandleFunc(pattern, func(_ context.Context, c *app.Client, _ []amf.Value) (app.Session, error) { return f(c) })
	}
	connect("no", func(*app.Client) (app.Session, error) { return nil, app.Reject("", nil) })
	connect("words", func(*app.Client) (app.Session, error) {
		return nil, app.Reject("Ask Ada for a key.", amf.NewObject(amf.Prop{Key: "phone", Value: 42.0}))
	})
	connect("boom", func(*app.Client) (app.Session, error) { return nil, errors.New("secret") })
	connect("closes", func(c *app.Client) (app.Session, error) {
		time.AfterFunc(400*time.Millisecond, func() { c.Disconnect(nil) })
		return closes{}, nil
	})
	connect("rpc", func(c *app.Client) (app.Session, error) {
		return app.Methods{
			"who": func(ctx context.Context, _ []amf.Value) (amf.Value, error) { return c.Call(ctx, "whoAreYou") },
			"secret": app.Only(app.Origins(c, "example.com"), func(context.Context, []amf.Value) (amf.Value, error) {
				return "never", nil
			}),
		}, nil
	})
	srv := &app.Server{
		Handler: mux, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Identity: app.Identity{FMSVer: "FMS/4,5,2,524", Capabilities: 127, Version: "4,5,2,524"},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	srv.Unload("down")
	return &world{srv, relay.To(t, l.Addr().String(), nil)}
}

// closes takes streams, so that players and publishers get as far as being closed.
type closes struct{}

func (closes) Close(error)                                        {}
func (closes) Publish(context.Context, *app.PublishRequest) error { return nil }
func (closes) Play(context.Context, *app.PlayRequest) error       { return nil }

// need skips, or fails where everything must be there, when a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		_, err := exec.LookPath(p)
		if p == "rtmp-client" {
			_, err = os.Stat(filepath.Join("..", "node_modules", "rtmp-client"))
		}
		if err != nil {
			if os.Getenv("PENSTOCK_E2E") != "" {
				t.Fatalf("%s is missing: run scripts/setup", p)
			}
			t.Skipf("%s is missing: run scripts/setup to have this judged by it", p)
		}
	}
}

// run runs a client to its end and returns everything it printed.
func run(t *testing.T, name string, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

func (w *world) url(app, stream string) string {
	return "rtmp://" + w.relay.Addr + "/" + app + "/" + stream
}

// The four judges. Each returns what it printed.

func (w *world) rtmpdump(t *testing.T, app string, extra ...string) (string, int) {
	need(t, "rtmpdump")
	return run(t, "rtmpdump", append([]string{"-z", "-v", "-m", "6", "-r", w.url("x", "cam"), "-a", app, "-o", filepath.Join(t.TempDir(), "out.flv")}, extra...)...)
}

func (w *world) gstreamer(t *testing.T, app string) (string, int) {
	need(t, "gst-launch-1.0")
	host, port, _ := net.SplitHostPort(w.relay.Addr)
	return run(t, "gst-launch-1.0", "rtmp2src", "host="+host, "port="+port, "application="+app, "stream=cam", "!", "fakesink")
}

func (w *world) ffmpeg(t *testing.T, app string) (string, int) {
	need(t, "ffmpeg")
	return run(t, "ffmpeg", "-hide_banner", "-rtmp_app", app, "-i", w.url("x", "cam"), "-t", "1", "-f", "null", "-")
}

func (w *world) ffmpegPublish(t *testing.T, app string) (string, int) {
	need(t, "ffmpeg")
	return run(t, "ffmpeg", "-hide_banner", "-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10", "-t", "8", "-c:v", "libx264",
		"-preset", "ultrafast", "-f", "flv", "-rtmp_app", app, w.url("x", "cam"))
}

type event struct {
	Event string          `json:"event"`
	Info  map[string]any  `json:"info"`
	Value json.RawMessage `json:"value"`
}

func (w *world) rtmpClient(t *testing.T, args ...string) []event {
	need(t, "node", "rtmp-client")
	out, _ := run(t, "node", append([]string{filepath.Join("..", "node", "rtmpclient.cjs")}, args...)...)
	var events []event
	for line := range strings.Lines(out) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("rtmp-client printed %q", line)
		}
		events = append(events, e)
	}
	t.Logf("rtmp-client: %s", strings.TrimSpace(out))
	return events
}

// find is the first event of that kind with that code.
func find(t *testing.T, events []event, kind, code string) map[string]any {
	t.Helper()
	for _, e := range events {
		if e.Event == kind && e.Info["code"] == code {
			return e.Info
		}
	}
	t.Errorf("rtmp-client saw no %s %s in %v", kind, code, events)
	return nil
}

func (w *world) raw(t *testing.T, properties string) []event {
	host, port, _ := net.SplitHostPort(w.relay.Addr)
	return w.rtmpClient(t, "raw", host, port, properties)
}

func shows(t *testing.T, client, out string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(out, s) {
			t.Errorf("%s did not show %q:\n%s", client, s, process.Tail(out))
		}
	}
}

func same(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s on the wire:\n got %x\nwant %s", what, got, want)
	}
}

// The vectors: message bodies of Flash Media Server.
const (
	success = "0200075f726573756c74003ff0000000000000030006666d7356657202000d464d532f342c352c322c353234000c6361" +
		"706162696c697469657300405fc0000000000000046d6f6465003ff00000000000000000090300056c6576656c020006" +
		"7374617475730004636f646502001d4e6574436f6e6e656374696f6e2e436f6e6e6563742e53756363657373000b6465" +
		"736372697074696f6e020015436f6e6e656374696f6e207375636365656465642e000e6f626a656374456e636f64696e" +
		"670000000000000000000004646174610800000001000776657273696f6e020009342c352c322c353234000009000009"
	rejected = "0200065f6572726f72003ff0000000000000050300056c6576656c0200056572726f720004636f646502001e4e657443" +
		"6f6e6e656374696f6e2e436f6e6e6563742e52656a6563746564000b6465736372697074696f6e020012436f6e6e6563" +
		"74696f6e206661696c65642e000b6170706c69636174696f6e05000009"
	closeBody   = "020005636c6f736500000000000000000005"
	onBWDone    = "0200086f6e4257446f6e6500000000000000000005"
	created     = "0200075f726573756c7400400000000000000005003ff0000000000000"
	sampleAcces = "0200117c52746d7053616d706c6541636365737301000100"
	dataStart   = "0200086f6e537461747573030004636f64650200144e657453747265616d2e446174612e5374617274000009"
	playReset   = "0200086f6e537461747573000000000000000000050300056c6576656c0200067374617475730004636f64650200144e" +
		"657453747265616d2e506c61792e5265736574000b6465736372697074696f6e02002a506c6179696e6720616e642072" +
		"6573657474696e672050445f456e676c6973685f4c6f7740323030312e000764657461696c7302001350445f456e676c" +
		"6973685f4c6f7740323030310008636c69656e74696402000864734c67596f6862000009"
	callFailed = "0200065f6572726f72004000000000000000050300056c6576656c0200056572726f720004636f64650200194e657443" +
		"6f6e6e656374696f6e2e43616c6c2e4661696c6564000b6465736372697074696f6e0200214d6574686f64206e6f7420" +
		"666f756e64202872656c6561736553747265616d292e000009"
)

func TestConnectSuccess(t *testing.T) {
	w := serve(t)
	info := find(t, w.rtmpClient(t, "connect", "rtmp://"+w.relay.Addr+"/rpc", "800"), "status", "NetConnection.Connect.Success")
	want := map[string]any{"level": "status", "code": "NetConnection.Connect.Success", "description": "Connection succeeded.",
		"objectEncoding": 0.0, "data": map[string]any{"version": "4,5,2,524"}}
	if got, _ := json.Marshal(info); !jsonEqual(got, want) {
		t.Errorf("rtmp-client was handed %s", got)
	}
	same(t, "_result", w.body(t, "_result", "Connect.Success"), success)
	same(t, "onBWDone", w.body(t, "onBWDone"), onBWDone)

	w = serve(t)
	need(t, "rtmpdump")
	out, _ := run(t, "rtmpdump", "-z", "-v", "-m", "3", "-r", w.url("live", "PD_English_Low@2001"), "-o", filepath.Join(t.TempDir(), "o.flv"))
	shows(t, "rtmpdump", out, "NetConnection.Connect.Success", "FMS/4,5,2,524", "NetStream.Play.Reset", "NetStream.Play.Start")
	same(t, "_result", w.body(t, "_result", "Connect.Success"), success)
	same(t, "createStream", w.messagesLike(t, 29), created)
	reset := w.body(t, "NetStream.Play.Reset")
	if len(reset) == 180 {
		copy(reset[180-3-8:], "dsLgYohb")
	}
	same(t, "Play.Reset", reset, playReset)
	same(t, "RtmpSampleAccess", w.body(t, "|RtmpSampleAccess"), sampleAcces)
	same(t, "Data.Start", w.body(t, "NetStream.Data.Start"), dataStart)
}

// messagesLike is the `_result` of this many bytes on the first connection.
func (w *world) messagesLike(t *testing.T, n int) []byte {
	t.Helper()
	for _, m := range w.relay.Messages(0) {
		if len(m.Payload) == n && bytes.Contains(m.Payload, []byte("_result")) {
			return m.Payload
		}
	}
	t.Errorf("no _result of %d bytes", n)
	return nil
}

func jsonEqual(got []byte, want any) bool {
	w, _ := json.Marshal(want)
	var a, b any
	if json.Unmarshal(got, &a) != nil || json.Unmarshal(w, &b) != nil {
		return false
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

// Every refusal of connect, shown by all four clients in the server's words.
func TestConnectRefused(t *testing.T) {
	tests := []struct{ name, app, code, description string }{
		{"Rejected", "nosuch", "NetConnection.Connect.Rejected", "[ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (nosuch) is not defined."},
		{"Rejected by a handler", "words", "NetConnection.Connect.Rejected", "Ask Ada for a key."},
		{"InvalidApp", "..", "NetConnection.Connect.InvalidApp", "[ Server.Reject ] : Invalid application name: the application name has a segment ..."},
		{"Failed", "boom", "NetConnection.Connect.Failed", "The application failed."},
		{"AppShutdown", "down", "NetConnection.Connect.AppShutdown", "Application down is shutting down."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := serve(t)
			out, code := w.rtmpdump(t, tt.app)
			shows(t, "rtmpdump", out, tt.code, tt.description)
			if code != 1 {
				t.Errorf("rtmpdump exit code %d", code)
			}
			out, code = w.gstreamer(t, tt.app)
			shows(t, "GStreamer", out, tt.code)
			if code != 1 {
				t.Errorf("GStreamer exit code %d", code)
			}
			out, code = w.ffmpeg(t, tt.app)
			shows(t, "FFmpeg", out, tt.description)
			if code == 0 {
				t.Error("FFmpeg exit code 0")
			}
			events := w.raw(t, `{"app":"`+tt.app+`","flashVer":"WIN 32,0,0,465","objectEncoding":0}`)
			if info := find(t, events, "error", tt.code); info["description"] != tt.description || info["level"] != "error" {
				t.Errorf("rtmp-client was handed %v", info)
			}
			w.endedWithFIN(t)
			same(t, "close", w.body(t, "\x02\x00\x05close"), closeBody)
		})
	}
	t.Run("the bytes of a rejection", func(t *testing.T) {
		t.Parallel()
		w := serve(t)
		w.rtmpdump(t, "no")
		same(t, "_error", w.body(t, "_error"), rejected)
	})
}

func TestAppShutdownWhileConnected(t *testing.T) {
	t.Run("rtmpdump", func(t *testing.T) {
		t.Parallel()
		w := serve(t)
		time.AfterFunc(1500*time.Millisecond, func() { w.Unload("live") })
		out, _ := w.rtmpdump(t, "live")
		shows(t, "rtmpdump", out, "NetStream.Play.Start", "NetConnection.Connect.AppShutdown", "Application live is shutting down.", "close")
	})
	t.Run("FFmpeg publishing", func(t *testing.T) {
		t.Parallel()
		w := serve(t)
		time.AfterFunc(2500*time.Millisecond, func() { w.Unload("live") })
		out, code := w.ffmpegPublish(t, "live")
		shows(t, "FFmpeg", out, "Application live is shutting down.")
		if code == 0 {
			t.Error("FFmpeg exit code 0")
		}
		w.endedWithFIN(t)
	})
}

func TestConnectClosed(t *testing.T) {
	t.Run("rtmp-client", func(t *testing.T) {
		t.Parallel()
		w := serve(t)
		events := w.rtmpClient(t, "connect", "rtmp://"+w.relay.Addr+"/closes", "1500")
		find(t, events, "status", "NetConnection.Connect.Success")
		closed := 0
		for _, e := range events {
			if e.Event == "status" && e.Info["code"] == "NetConnection.Connect.Closed" {
				closed++
			}
		}
		if closed != 1 {
			t.Errorf("Closed was raised %d times", closed)
		}
		same(t, "close", w.body(t, "\x02\x00\x05close"), closeBody)
	})
	t.Run("rtmpdump", func(t *testing.T) {
		t.Parallel()
		w := serve(t)
		out, _ := w.rtmpdump(t, "closes")
		shows(t, "rtmpdump", out, "rtmp server requested close")
	})
	t.Run("rtmpdump as an encoder", func(t *testing.T) {
		t.Parallel()
		w := serve(t)
		out, _ := w.rtmpdump(t, "closes", "-f", "FMLE/3.0 (compatible; test)")
		shows(t, "rtmpdump", out, "NetConnection.Connect.Closed", "Connection closed.")
	})
	t.Run("FFmpeg publishing", func(t *testing.T) {
		t.Parallel()
		w := serve(t)
		// FFmpeg prints the description of errors only, and Closed is none: what shows is that it stops.
		begin := time.Now()
		out, code := w.ffmpegPublish(t, "closes")
		if d := time.Since(begin); code == 0 || d > 7*time.Second {
			t.Errorf("FFmpeg went on for %v, exit code %d:\n%s", d, code, process.Tail(out))
		}
		w.body(t, "NetConnection.Connect.Closed", "Connection closed.")
		w.endedWithFIN(t)
	})
}

func TestCalls(t *testing.T) {
	w := serve(t)
	url := "rtmp://" + w.relay.Addr + "/rpc"
	t.Run("result, both ways", func(t *testing.T) {
		for _, e := range w.rtmpClient(t, "connect", url, "800", "who") {
			if e.Event == "result" && string(e.Value) == `"node"` {
				return
			}
		}
		t.Error("no result")
	})
	t.Run("Failed", func(t *testing.T) {
		info := find(t, w.rtmpClient(t, "connect", url, "800", "relEaseStream"), "error", "NetConnection.Call.Failed")
		if info["description"] != "Method not found (relEaseStream)." || info["level"] != "error" {
			t.Errorf("handed %v", info)
		}
		same(t, "_error", w.body(t, "Method not found"), strings.Replace(callFailed, hex.EncodeToString([]byte("release")), hex.EncodeToString([]byte("relEase")), 1))
	})
	t.Run("Prohibited", func(t *testing.T) {
		info := find(t, w.rtmpClient(t, "connect", url, "800", "secret"), "error", "NetConnection.Call.Prohibited")
		if info["level"] != "error" {
			t.Errorf("handed %v", info)
		}
	})
	t.Run("BadVersion", func(t *testing.T) {
		info := find(t, w.raw(t, `{"app":"rpc","objectEncoding":1}`), "error", "NetConnection.Call.BadVersion")
		if info["level"] != "error" {
			t.Errorf("handed %v", info)
		}
	})
}
