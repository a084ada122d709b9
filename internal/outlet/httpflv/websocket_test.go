package httpflv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"penstock/flv"
	"penstock/media"
)

func dial(t testing.TB, url string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(url, "http"), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: tr}, HTTPHeader: http.Header{"Origin": {"https://player.example"}}})
	must(t, err)
	t.Cleanup(func() { c.CloseNow() })
	c.SetReadLimit(-1)
	return c
}

// messages is the stream of bytes that a WebSocket carries. Reading a text message
// is an error.
type messages struct {
	t    testing.TB
	c    *websocket.Conn
	rest []byte
	n    int // messages so far
	max  int // largest
	err  error
}

func (m *messages) Read(b []byte) (int, error) {
	for len(m.rest) == 0 {
		ctx, cancel := context.WithTimeout(m.t.Context(), patience)
		typ, p, err := m.c.Read(ctx)
		cancel()
		if err != nil {
			m.err = err
			return 0, io.EOF
		}
		if typ != websocket.MessageBinary {
			m.t.Errorf("message of type %v", typ)
		}
		m.rest, m.n, m.max = p, m.n+1, max(m.max, len(p))
	}
	n := copy(b, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// ended reads to the end and returns the close code and reason.
func (m *messages) ended() (websocket.StatusCode, string) {
	_, _ = io.Copy(io.Discard, m)
	var ce websocket.CloseError
	if !errors.As(m.err, &ce) {
		m.t.Errorf("ended with %v", m.err)
	}
	return ce.Code, ce.Reason
}

func TestWebSocket(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{Linger: 30 * time.Millisecond})
	p := publish(t, r, "live/a").headers()
	p.key(5000, 1)
	m := &messages{t: t, c: dial(t, s.URL+"/live/a.flv")}
	f := flv.NewReader(m)
	want(t, flvHeader(t, f), "AV")
	want(t, tags(t, f, 4), "M@0 VC0@0 AC0@0 K1@0")
	if m.n != 2 {
		t.Errorf("the header and the first batch came in %d messages", m.n)
	}
	p.inter(5040, 2)
	want(t, tags(t, f, 1), "v2@40")
	if n := h.Viewers()["live/a"]; n != 1 {
		t.Errorf("%d viewers", n)
	}

	// A frame far above the message size.
	big := append([]byte{0x17, 1, 0, 0, 0}, bytes.Repeat([]byte{7}, 300_000)...)
	must(t, p.Video(5080, big))
	var tag flv.Tag
	must(t, f.ReadTag(&tag))
	if tag.Time != 80 || !bytes.Equal(tag.Body, big) || m.max > 2*batchBytes {
		t.Errorf("tag at %d of %d bytes, largest message %d", tag.Time, len(tag.Body), m.max)
	}

	// Small talk of the viewer does no harm.
	must(t, m.c.Write(t.Context(), websocket.MessageText, []byte("hello")))
	p.inter(5120, 4)
	want(t, tags(t, f, 1), "v4@120")

	p.Close()
	if code, reason := m.ended(); code != websocket.StatusNormalClosure || reason != "the stream has ended" {
		t.Errorf("close %d %q", code, reason)
	}
	until(t, "the viewer is gone", func() bool { return len(h.Viewers()) == 0 && len(r.Streams()) == 0 })
}

func TestWebSocketShutdown(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{})
	publish(t, r, "a").headers()
	m := &messages{t: t, c: dial(t, s.URL+"/a.flv")}
	want(t, flvHeader(t, flv.NewReader(m)), "AV")
	go h.Close()
	if code, _ := m.ended(); code != websocket.StatusGoingAway {
		t.Errorf("close %d", code)
	}
}

func TestWebSocketTalksTooMuch(t *testing.T) {
	for _, tt := range []struct {
		name    string
		n, size int
		code    websocket.StatusCode
	}{
		{"messages", wsMessages, 1, websocket.StatusPolicyViolation},
		{"size", 1, wsReadLimit + 1, websocket.StatusMessageTooBig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := media.NewRegistry(media.Options{})
			h, s := serve(t, r, Options{})
			publish(t, r, "a").headers()
			m := &messages{t: t, c: dial(t, s.URL+"/a.flv")}
			want(t, flvHeader(t, flv.NewReader(m)), "AV")
			for range tt.n {
				_ = m.c.Write(t.Context(), websocket.MessageBinary, make([]byte, tt.size))
			}
			if code, _ := m.ended(); code != tt.code {
				t.Errorf("close %d", code)
			}
			until(t, "the viewer is gone", func() bool { return len(h.Viewers()) == 0 })
		})
	}
}

func TestWebSocketSlow(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	_, s := serve(t, r, Options{Queue: media.QueueLimits{SoftBytes: -1, SoftDelay: -1, HardBytes: 100_000}})
	p := publish(t, r, "a").headers()
	m := &messages{t: t, c: dial(t, s.URL+"/a.flv")}
	f := flv.NewReader(m)
	want(t, flvHeader(t, f), "AV")
	want(t, tags(t, f, 3), "M@0 VC0@0 AC0@0")
	must(t, p.Video(0, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 100_000)...)))
	if code, reason := m.ended(); code != websocket.StatusPolicyViolation || reason != "the viewer is too slow" {
		t.Errorf("close %d %q", code, reason)
	}
}

func TestWebSocketLeaves(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{})
	publish(t, r, "a").headers()
	for _, leave := range []func(*websocket.Conn){
		func(c *websocket.Conn) { c.CloseNow() },
		func(c *websocket.Conn) { _ = c.Close(websocket.StatusNormalClosure, "") },
	} {
		c := dial(t, s.URL+"/a.flv")
		until(t, "the viewer is there", func() bool { i, _ := r.Stream("a"); return i.Players == 1 })
		leave(c)
		until(t, "the viewer is gone", func() bool { i, _ := r.Stream("a"); return i.Players == 0 && len(h.Viewers()) == 0 })
	}
}

// TestWebSocketNotLive: the refusal comes before the upgrade, as over HTTP.
func TestWebSocketNotLive(t *testing.T) {
	_, s := serve(t, media.NewRegistry(media.Options{}), Options{Wait: -1})
	_, res, err := websocket.Dial(t.Context(), s.URL+"/a.flv", nil)
	if err == nil || res == nil || res.StatusCode != 404 {
		t.Errorf("got %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestUpgrade(t *testing.T) {
	for _, tt := range []struct {
		connection, upgrade string
		want                bool
	}{
		{"Upgrade", "websocket", true},
		{"keep-alive, upgrade", "WebSocket", true},
		{"keep-alive", "websocket", false},
		{"Upgrade", "h2c", false},
		{"", "", false},
	} {
		req, _ := http.NewRequest("GET", "/", nil)
		req.Header.Set("Connection", tt.connection)
		req.Header.Set("Upgrade", tt.upgrade)
		if got := upgrade(req); got != tt.want {
			t.Errorf("%q %q: %v", tt.connection, tt.upgrade, got)
		}
	}
}
