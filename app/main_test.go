package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/rtmp"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a server under test with everything it refused.
type world struct {
	*Server
	addr string

	mu       sync.Mutex
	refusals []*Refusal
}

// serve runs handler on a loopback port until the test ends. set may change the server first.
func serve(t testing.TB, h Handler, set func(*Server)) *world {
	t.Helper()
	w := &world{Server: &Server{Handler: h, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}}
	w.OnRefusal = func(r *Refusal) {
		wantCodeOf(t, w.Server, r)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.refusals = append(w.refusals, r)
	}
	if set != nil {
		set(w.Server)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); _ = w.Serve(l) }()
	t.Cleanup(func() { _ = w.Close(); <-done })
	return w
}

// wantCodeOf checks that the server's own refusals have the code that Code says. Handlers choose theirs.
func wantCodeOf(t testing.TB, s *Server, r *Refusal) {
	if r.Stage == StageShare { // the codes of shared objects are their own
		return
	}
	switch r.Cause {
	case CauseUnknownApp, CauseBadName, CauseTimeout, CauseMalformed, CauseEncoding, CauseNoAbility, CauseBusyName, CauseNotFound, CauseShutdown:
		if want := Code(r.Stage, r.Cause); s.Words == nil && r.Status != nil && r.Status.Code != want {
			t.Errorf("%s for %s has the code %s, Code says %s", r.Cause, r.Stage, r.Status.Code, want)
		}
	}
}

// live is a Mux with the plain application "live".
func live() *Mux {
	m := NewMux()
	m.Handle("live", Live(LiveOptions{}))
	return m
}

func (w *world) url(app string) string { return "rtmp://" + w.addr + "/" + app }

// wantRefusal waits for a refusal with this cause and returns it.
func (w *world) wantRefusal(t testing.TB, cause Cause) *Refusal {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		for _, r := range w.refusals {
			if r.Cause == cause {
				w.mu.Unlock()
				return r
			}
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t.Fatalf("no refusal with cause %s; there are %v", cause, w.refusals)
	return nil
}

func dial(t testing.TB, url string, cfg *rtmp.ClientConfig) *rtmp.Client {
	t.Helper()
	c, err := rtmp.Dial(context.Background(), url, cfg)
	if err != nil {
		t.Fatalf("dial %s: %v", url, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// wantStatus checks that err is a status with this code.
func wantStatus(t testing.TB, err error, code status.Code) *status.Status {
	t.Helper()
	st, ok := status.Of(err)
	if !ok || st.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	return st
}

// frame is a video body that a test can tell apart: AVC, key or not, with a number.
func frame(key bool, n int) []byte {
	head := byte(0x27)
	if key {
		head = 0x17
	}
	return append([]byte{head, 1, 0, 0, 0}, fmt.Sprintf("frame %06d", n)...)
}

// config is an AVC sequence header.
func config(n byte) []byte { return []byte{0x17, 0, 0, 0, 0, 1, 0x42, 0xC0, 0x1E, n} }

// nextVideo reads the next video message of a played stream.
func nextVideo(t testing.TB, ns *rtmp.NetStream) rtmp.StreamEvent {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for {
		ev, err := ns.Read(ctx)
		if err != nil {
			t.Fatalf("waiting for video: %v", err)
		}
		if ev.Type == rtmp.TypeVideo {
			return ev
		}
	}
}
