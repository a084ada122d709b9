package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/app"
	"penstock/remoting"
	"penstock/rtmp"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, o Options) (*app.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &app.Server{Log: slog.New(slog.DiscardHandler), Handler: app.HandlerFunc(
		func(_ context.Context, c *app.Client, _ []amf.Value) (app.Session, error) {
			if c.App != "room" {
				return nil, app.Reject("Not here.", nil)
			}
			return app.Methods{"echo": func(_ context.Context, args []amf.Value) (amf.Value, error) { return args[0], nil }}, nil
		})}
	served := make(chan error, 1)
	go func() { served <- Serve(l, s, o) }()
	t.Cleanup(func() {
		_ = s.Close()
		_ = l.Close()
		select {
		case err := <-served:
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("Serve returned %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Serve does not return")
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s, l.Addr().String()
}

func dial(t *testing.T, addr, application string) (*rtmp.Client, error) {
	t.Helper()
	return rtmp.Dial(t.Context(), "rtmp://"+addr+"/"+application, &rtmp.ClientConfig{
		Timeout: 20 * time.Second,
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			ws, _, err := websocket.Dial(ctx, "ws://"+addr+SocketPath, &websocket.DialOptions{Subprotocols: []string{"rtmp"}})
			if err != nil {
				return nil, err
			}
			return websocket.NetConn(context.Background(), ws, websocket.MessageBinary), nil
		},
	})
}

func get(t *testing.T, url string, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// Connections that come by WebSocket are the server's: they call, are refused in its words, and end with it.
func TestConnections(t *testing.T) {
	s, addr := serve(t, Options{})
	c, err := dial(t, addr, "room")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if v, err := c.Call(t.Context(), "echo", "hello"); err != nil || v != "hello" {
		t.Errorf("echo: %v, %v", v, err)
	}
	var st *status.Status
	if _, err := dial(t, addr, "elsewhere"); !errors.As(err, &st) || st.Description != "Not here." {
		t.Errorf("elsewhere: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if _, err := c.Call(t.Context(), "echo", "too late"); err == nil {
		t.Error("a call after the end was answered")
	}
}

func TestFiles(t *testing.T) {
	_, addr := serve(t, Options{Pages: fstest.MapFS{"index.html": {Data: []byte("<h1>Here</h1>")}}})
	for path, want := range map[string]string{"/": "<h1>Here</h1>", ModulePath: "NetConnection", "/nothing": "404"} {
		code, body := get(t, "http://"+addr+path, nil)
		if !strings.Contains(body, want) || (code == http.StatusOK) != (path != "/nothing") {
			t.Errorf("%s: %d %.60s", path, code, body)
		}
	}
	_, addr = serve(t, Options{})
	if code, _ := get(t, "http://"+addr+"/", nil); code != http.StatusNotFound {
		t.Errorf("without pages: %d", code)
	}
}

// Pages of other hosts may not connect unless they are named, nor whom Allow refuses.
func TestWhoMayConnect(t *testing.T) {
	_, addr := serve(t, Options{Origins: []string{"*.example.com"}, Allow: func(r *http.Request) error {
		if r.Header.Get("X-Bad") != "" {
			return errors.New("not you")
		}
		return nil
	}})
	for _, row := range []struct {
		origin, bad string
		want        int
	}{
		{"http://" + addr, "", http.StatusSwitchingProtocols},
		{"https://chat.example.com", "", http.StatusSwitchingProtocols},
		{"", "", http.StatusSwitchingProtocols},
		{"https://example.org", "", http.StatusForbidden},
		{"http://" + addr, "x", http.StatusForbidden},
	} {
		header := http.Header{}
		if row.origin != "" {
			header.Set("Origin", row.origin)
		}
		if row.bad != "" {
			header.Set("X-Bad", row.bad)
		}
		ws, res, err := websocket.Dial(t.Context(), "ws://"+addr+SocketPath, &websocket.DialOptions{HTTPHeader: header})
		if res == nil || res.StatusCode != row.want {
			t.Errorf("%+v: %v", row, err)
		}
		if err == nil {
			_ = ws.CloseNow()
		}
	}
}

func TestListenAndServe(t *testing.T) {
	if err := ListenAndServe("127.0.0.1:-1", &app.Server{}, Options{}); err == nil {
		t.Error("a port of -1 is taken")
	}
}

// Flash Remoting is there for who wants it, with sessions, and asks the same Allow.
func TestGateway(t *testing.T) {
	ask := func(addr, path string, p *remoting.Packet) (int, *remoting.Packet) {
		t.Helper()
		body, err := p.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.Post("http://"+addr+path, remoting.ContentType, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := remoting.Decode(answer, remoting.Limits{})
		return res.StatusCode, got
	}
	p := &remoting.Packet{Bodies: []remoting.Body{{Target: "echo", Response: "/1", Value: amf.NewArray("hi")}}}
	_, addr := serve(t, Options{Gateway: &remoting.Options{}})
	for _, path := range []string{"/gateway/room", "/gateway/room;session=AAAAAAAAAAAAAAAAAAAAAA"} {
		if code, got := ask(addr, path, p); code != http.StatusOK || got == nil || got.Bodies[0].Value != "hi" {
			t.Errorf("%s: %d %+v", path, code, got)
		}
	}
	_, closed := serve(t, Options{Gateway: &remoting.Options{}, Allow: func(*http.Request) error { return errors.New("not you") }})
	if code, _ := ask(closed, "/gateway/room", p); code != http.StatusForbidden {
		t.Errorf("not allowed: %d", code)
	}
	_, without := serve(t, Options{})
	if code, _ := ask(without, "/gateway/room", p); code != http.StatusNotFound {
		t.Errorf("without a gateway: %d", code)
	}
}
