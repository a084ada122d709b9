package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a Handler on a port of its own.
func serve(t *testing.T, o Options) (h *Handler, url string) {
	t.Helper()
	h = New(o)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/rtmp" {
			h.WebSocket(w, r)
			return
		}
		if !Handles(r.URL.Path) {
			t.Errorf("path %s is not RTMPT's", r.URL.Path)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		h.Close()
		s.Close()
	})
	return h, s.URL
}

// echo returns what it reads, until the other end ends.
func echo(nc net.Conn) {
	defer nc.Close()
	_, _ = io.Copy(nc, nc)
}

// rtmpServer is an application with one method, greet, which refuses whoever calls himself nobody.
func rtmpServer(t *testing.T) *app.Server {
	t.Helper()
	mux := app.NewMux()
	mux.HandleFunc("hello", func(_ context.Context, _ *app.Client, args []amf.Value) (app.Session, error) {
		if len(args) == 1 && args[0] == "nobody" {
			return nil, status.New(status.ConnectRejected, "Nobody is not welcome.")
		}
		return app.Methods{"greet": func(context.Context, []amf.Value) (amf.Value, error) { return "Hello.", nil }}, nil
	})
	s := &app.Server{Handler: mux}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func dialWebSocket(t *testing.T, url string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, url+"/rtmp", &websocket.DialOptions{Subprotocols: []string{"rtmp"}})
	if err != nil {
		t.Fatal(err)
	}
	if ws.Subprotocol() != "rtmp" {
		t.Errorf("subprotocol %q, want rtmp", ws.Subprotocol())
	}
	ws.SetReadLimit(1 << 20)
	return websocket.NetConn(context.Background(), ws, websocket.MessageBinary)
}

// The same conversations as over TCP, in both tunnels.
func TestConversations(t *testing.T) {
	for _, tunnel := range []struct {
		name string
		dial func(t *testing.T, url string) net.Conn
	}{
		{"RTMPT", func(t *testing.T, url string) net.Conn { return open(t, url) }},
		{"WebSocket", dialWebSocket},
	} {
		t.Run(tunnel.name+"/call", func(t *testing.T) {
			h, url := serve(t, Options{Serve: rtmpServer(t).ServeConn})
			p := rtmptest.NewPeer(t, tunnel.dial(t, url))
			p.Handshake()
			p.Connect("hello")
			p.WantStatus(status.ConnectSuccess)
			p.Send(&rtmp.Command{Name: "greet", Transaction: 2})
			if m := p.WantCommand("_result"); len(m.Args) != 1 || m.Args[0] != "Hello." {
				t.Errorf("answer %v", m.Args)
			}
			if n := h.Sessions(); (n == 1) != (tunnel.name == "RTMPT") {
				t.Errorf("%d RTMPT sessions", n)
			}
		})
		t.Run(tunnel.name+"/refused", func(t *testing.T) {
			h, url := serve(t, Options{Serve: rtmpServer(t).ServeConn})
			p := rtmptest.NewPeer(t, tunnel.dial(t, url))
			p.Handshake()
			p.Connect("hello", rtmptest.Args("nobody"))
			if m := p.WantStatus(status.ConnectRejected); m.Status.Description != "Nobody is not welcome." {
				t.Errorf("description %q", m.Status.Description)
			}
			p.WantCommand("close")
			p.WantClosed() // the last words first, the end after them
			h.Drain(t.Context())
		})
	}
}

// A server that is stopped tells its clients why: Drain, before Close, waits until it has.
func TestDrain(t *testing.T) {
	for name, dial := range map[string]func(t *testing.T, url string) net.Conn{
		"RTMPT":     func(t *testing.T, url string) net.Conn { return open(t, url) },
		"WebSocket": dialWebSocket,
	} {
		t.Run(name, func(t *testing.T) {
			s := rtmpServer(t)
			h, url := serve(t, Options{Serve: s.ServeConn})
			p := rtmptest.NewPeer(t, dial(t, url))
			p.Handshake()
			p.Connect("hello")
			p.WantStatus(status.ConnectSuccess)
			drained := make(chan struct{})
			go func() {
				defer close(drained)
				h.Drain(t.Context())
				h.Close()
			}()
			select {
			case <-drained:
				t.Error("nobody was waited for")
			case <-time.After(50 * time.Millisecond): // it may not come, however slow this machine is
			}
			done := make(chan error, 1)
			go func() { done <- s.Shutdown(t.Context()) }()
			p.WantStatus(status.ConnectAppShutdown)
			p.WantCommand("close")
			p.WantClosed()
			if err := <-done; err != nil {
				t.Error(err)
			}
			<-drained
		})
	}
}

// What goes in comes out again, whatever the pieces and however the requests overtake each other.
func TestOrder(t *testing.T) {
	_, url := serve(t, Options{Serve: echo})
	c := open(t, url)
	const requests, size = 60, 5000
	random := rand.New(rand.NewPCG(1, 2))
	want := make([]byte, requests*size)
	for i := range want {
		want[i] = byte(random.Uint32())
	}
	var mu sync.Mutex
	answers := make(map[int][]byte)
	// Windows of five requests, each sent by as many connections at once in any order, some of them twice.
	for first := 0; first < requests; first += 5 {
		var wg sync.WaitGroup
		for _, k := range append(random.Perm(5), 4) {
			seq := first + k
			wg.Go(func() {
				code, body := post(t, c.http, fmt.Sprintf("%s/send/%s/%d", url, c.id, seq), want[seq*size:(seq+1)*size])
				if code != http.StatusOK {
					t.Errorf("request %d: %d %s", seq, code, body)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if before, repeated := answers[seq]; repeated && !bytes.Equal(before, body[1:]) {
					t.Errorf("request %d was answered differently the second time", seq)
				}
				answers[seq] = body[1:]
			})
			if k == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		wg.Wait()
	}
	var got []byte
	for seq := range requests {
		got = append(got, answers[seq]...)
	}
	c.seq = requests
	for len(got) < len(want) && !t.Failed() {
		buf := make([]byte, 4096)
		n, err := c.Read(buf)
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", len(got), len(want), err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, want) {
		t.Error("what came back is not what was sent")
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	h, url := serve(t, Options{Serve: echo, Sessions: 1, Transfer: 200 * time.Millisecond})
	c := open(t, url)
	if err := c.exchange("send", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		code int
		text string
	}{
		{"/open/1", 503, "tunnel_sessions"},
		{"/fcs/ident2", 404, ""},
		{"/send/nobody/1", 404, "no such session"},
		{"/send/" + c.id + "/x", 400, "/send/SESSION/NUMBER"},
		{"/send/" + c.id, 400, "/send/SESSION/NUMBER"},
		{"/send/" + c.id + "/-1", 400, "/send/SESSION/NUMBER"},
		{"/idle/" + c.id + "/99", 400, "none of those"},
		{"/idle/" + c.id + "/4", 400, "did not come"}, // 1, 2 and 3 are missing
	} {
		if code, body := post(t, c.http, url+tt.path, []byte{0}); code != tt.code || !strings.Contains(string(body), tt.text) {
			t.Errorf("%s: %d %q, want %d and %q", tt.path, code, body, tt.code, tt.text)
		}
	}
	res, err := c.http.Get(url + "/open/1")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != http.MethodPost {
		t.Errorf("GET: %s", res.Status)
	}
	c.seq = 1
	if err := c.exchange("idle", []byte{0}); err != nil || h.Sessions() != 1 {
		t.Errorf("the session did not survive: %v", err)
	}
}

// A client that leaves without a word is forgotten, and one that polls is not.
func TestIdle(t *testing.T) {
	h, url := serve(t, Options{Serve: echo, Idle: 300 * time.Millisecond, Hold: 20 * time.Millisecond})
	c := open(t, url)
	begin := time.Now()
	for time.Since(begin) < 900*time.Millisecond {
		if err := c.exchange("idle", []byte{0}); err != nil {
			t.Fatalf("after %v: %v", time.Since(begin), err)
		}
	}
	wait(t, "the session is forgotten", func() bool { return h.Sessions() == 0 })
	if err := c.exchange("idle", []byte{0}); !errors.Is(err, errGone) {
		t.Errorf("a forgotten session answers %v", err)
	}
}

// The interval grows while nothing happens, and an answer that comes while an idle request is held is not kept back.
func TestPolling(t *testing.T) {
	answer := make(chan []byte)
	_, url := serve(t, Options{Hold: 5 * time.Millisecond, Serve: func(nc net.Conn) {
		defer nc.Close()
		for b := range answer {
			_, _ = nc.Write(b)
		}
	}})
	defer close(answer)
	c := open(t, url)
	poll := func() []byte {
		_, body := post(t, c.http, fmt.Sprintf("%s/idle/%s/%d", url, c.id, c.seq), []byte{0})
		c.seq++
		return body
	}
	var intervals []byte
	for range 70 {
		intervals = append(intervals, poll()[0])
	}
	for _, want := range []struct {
		at  int
		val byte
	}{{0, 1}, {8, 1}, {9, 2}, {19, 4}, {39, 16}, {69, 33}} {
		if got := intervals[want.at]; got != want.val {
			t.Errorf("interval %d after %d empty answers, want %d", got, want.at+1, want.val)
		}
	}
	answer <- []byte("news")
	var got []byte
	for range 1000 {
		b := poll()
		if got = append(got, b[1:]...); len(got) == 4 {
			if b[0] != 1 {
				t.Errorf("interval %d beside an answer, want 1", b[0])
			}
			break
		}
	}
	if string(got) != "news" {
		t.Errorf("got %q", got)
	}
}

// A held idle request makes way for a send on another connection.
func TestHoldMakesWay(t *testing.T) {
	_, url := serve(t, Options{Serve: echo, Hold: time.Minute})
	c := open(t, url)
	held := make(chan struct{})
	go func() {
		defer close(held)
		post(t, c.http, fmt.Sprintf("%s/idle/%s/0", url, c.id), []byte{0})
	}()
	post(t, c.http, fmt.Sprintf("%s/send/%s/1", url, c.id), []byte("x"))
	<-held
}

// A client that does not fetch stops the server's writes instead of filling its memory.
func TestBackPressure(t *testing.T) {
	written := make(chan int, 1)
	_, url := serve(t, Options{Serve: func(nc net.Conn) {
		defer nc.Close()
		_ = nc.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		n, _ := nc.Write(make([]byte, 4<<20))
		written <- n
		_, _ = io.Copy(io.Discard, nc)
	}})
	c := open(t, url)
	if n := <-written; n < outBytes || n > outBytes+64<<10 {
		t.Errorf("%d bytes were taken, want about %d", n, outBytes)
	}
	buf := make([]byte, 1<<20)
	if n, err := io.ReadAtLeast(c, buf, outBytes); err != nil {
		t.Errorf("%d bytes, then %v", n, err)
	}
}

// Origins, and the check of Allow.
func TestWhoMayOpen(t *testing.T) {
	refuse := errors.New("not you")
	for _, tt := range []struct {
		name   string
		o      Options
		origin string
		code   int
	}{
		{"no page", Options{}, "", http.StatusSwitchingProtocols},
		{"the server's own page", Options{}, "self", http.StatusSwitchingProtocols},
		{"another page", Options{}, "http://elsewhere.example", http.StatusForbidden},
		{"an allowed page", Options{Origins: []string{"*.example"}}, "http://elsewhere.example", http.StatusSwitchingProtocols},
		{"refused", Options{Allow: func(*http.Request) error { return refuse }}, "", http.StatusForbidden},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Serve = echo
			_, url := serve(t, tt.o)
			header := http.Header{}
			switch tt.origin {
			case "":
			case "self":
				header.Set("Origin", url)
			default:
				header.Set("Origin", tt.origin)
			}
			ws, res, err := websocket.Dial(t.Context(), url+"/rtmp", &websocket.DialOptions{HTTPHeader: header})
			if res == nil || res.StatusCode != tt.code {
				t.Errorf("answer %v (%v), want %d", res, err, tt.code)
			}
			if err == nil {
				_ = ws.CloseNow()
			}
			if tt.o.Allow != nil {
				if code, body := post(t, http.DefaultClient, url+"/open/1", []byte{0}); code != http.StatusForbidden || !strings.Contains(string(body), "not you") {
					t.Errorf("open: %d %s", code, body)
				}
				http.DefaultClient.CloseIdleConnections()
			}
		})
	}
}

func TestClientAddress(t *testing.T) {
	for _, tt := range []struct{ remote, header, value, want string }{
		{"192.0.2.1:5", "", "", "192.0.2.1:5"},
		{"192.0.2.1:5", "X-Forwarded-For", "127.0.0.1", "192.0.2.1:5"}, // no proxy of ours
		{"127.0.0.1:5", "", "", "127.0.0.1:5"},
		{"127.0.0.1:5", "X-Forwarded-For", "127.0.0.1, 203.0.113.9", "203.0.113.9:5"},
		{"127.0.0.1:5", "X-Real-IP", "2001:db8::1", "[2001:db8::1]:5"},
		{"[::1]:5", "Forwarded", "for=192.0.2.60", "0.0.0.0:0"},
		{"10.0.0.1:5", "X-Forwarded-For", "unknown", "0.0.0.0:0"},
		{"pipe", "", "", "pipe"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/open/1", nil)
		r.RemoteAddr = tt.remote
		if tt.header != "" {
			r.Header.Set(tt.header, tt.value)
		}
		if got := ClientAddr(r).String(); got != tt.want {
			t.Errorf("%s with %s %s: %s, want %s", tt.remote, tt.header, tt.value, got, tt.want)
		}
	}
}

// Close ends what is open and lets nobody in.
func TestClose(t *testing.T) {
	h, url := serve(t, Options{Serve: echo})
	c := open(t, url)
	ws := dialWebSocket(t, url)
	defer ws.Close()
	if _, err := ws.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(ws, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	h.Close()
	if n := h.Sessions(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	if _, err := ws.Read(make([]byte, 1)); err == nil {
		t.Error("the WebSocket is open still")
	}
	if code, _ := post(t, c.http, url+"/open/1", []byte{0}); code != http.StatusServiceUnavailable {
		t.Errorf("open after Close: %d", code)
	}
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// What the server said last is there for a client that comes late for it; then the session is over.
func TestLastWords(t *testing.T) {
	said := make(chan struct{})
	h, url := serve(t, Options{Serve: func(nc net.Conn) {
		defer nc.Close()
		_, _ = nc.Write([]byte("bye"))
		_ = nc.(interface{ CloseWrite() error }).CloseWrite()
		close(said)
		_, _ = io.Copy(io.Discard, nc) // until the client has ended too
	}})
	c := open(t, url)
	<-said
	time.Sleep(50 * time.Millisecond)
	if h.Sessions() != 1 {
		t.Fatal("the session was over before the client came")
	}
	if got, err := io.ReadAll(c); string(got) != "bye" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	wait(t, "the session is over", func() bool { return h.Sessions() == 0 })
}
