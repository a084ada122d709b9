package httpflv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"penstock/flv"
	"penstock/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

func numbered(n uint32, head ...byte) []byte { return binary.BigEndian.AppendUint32(head, n) }

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// until polls a condition that another goroutine brings about.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out: %s", what)
		}
	}
}

// source is a publisher for tests.
type source struct {
	t testing.TB
	*media.Publication
}

func publish(t testing.TB, r *media.Registry, key string) source {
	t.Helper()
	p, err := r.Publish(key, nil)
	must(t, err)
	t.Cleanup(p.Close)
	return source{t, p}
}

func (s source) headers() source {
	s.t.Helper()
	must(s.t, s.SetMetadata(append([]byte("\x02\x00\x0aonMetaData"), 5)),
		s.Video(0, numbered(0, 0x17, 0, 0, 0, 0)), s.Audio(0, numbered(0, 0xAF, 0)))
	return s
}

func (s source) key(ts, n uint32) {
	s.t.Helper()
	must(s.t, s.Video(ts, numbered(n, 0x17, 1, 0, 0, 0)))
}

func (s source) inter(ts, n uint32) {
	s.t.Helper()
	must(s.t, s.Video(ts, numbered(n, 0x27, 1, 0, 0, 0)))
}

func (s source) audio(ts, n uint32) {
	s.t.Helper()
	must(s.t, s.Audio(ts, numbered(n, 0xAF, 1)))
}

// serve starts a real server.
func serve(t testing.TB, r *media.Registry, o Options) (*Handler, *httptest.Server) {
	t.Helper()
	h := New(r, o)
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		h.Close()
		s.CloseClientConnections()
		s.Close()
		if v := h.Viewers(); len(v) != 0 {
			t.Errorf("viewers are left: %v", v)
		}
	})
	return h, s
}

func do(t testing.TB, method, url string) *http.Response {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(tr.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	must(t, err)
	res, err := (&http.Client{Transport: tr}).Do(req)
	must(t, err)
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// refused makes a request that fails and returns the text.
func refused(t testing.TB, method, url string, code int) string {
	t.Helper()
	res := do(t, method, url)
	b, err := io.ReadAll(res.Body)
	must(t, err)
	if res.StatusCode != code {
		t.Errorf("%s %s: %s %q, want %d", method, url, res.Status, b, code)
	}
	return strings.TrimSuffix(string(b), "\n")
}

// flvHeader reads the file header, "AV", "A" or "V".
func flvHeader(t testing.TB, r *flv.Reader) string {
	t.Helper()
	h, err := r.ReadHeader()
	must(t, err)
	s := ""
	if h.Audio {
		s += "A"
	}
	if h.Video {
		s += "V"
	}
	return s
}

// tags reads n tags and names them: "M@0 VC0@0 K1@0 A2@15".
func tags(t testing.TB, r *flv.Reader, n int) string {
	t.Helper()
	var names []string
	for range n {
		var tag flv.Tag
		must(t, r.ReadTag(&tag))
		if tag.Type == flv.TagScript {
			name := "D"
			if bytes.Contains(tag.Body, []byte("onMetaData")) {
				name = "M"
			}
			names = append(names, fmt.Sprintf("%s@%d", name, tag.Time))
			continue
		}
		parse, name := flv.ParseVideo, "v"
		if tag.Type == flv.TagAudio {
			parse, name = flv.ParseAudio, "A"
		}
		info, err := parse(tag.Body)
		must(t, err)
		switch {
		case info.Config:
			name = strings.ToUpper(name) + "C"
		case info.Key:
			name = "K"
		}
		names = append(names, fmt.Sprintf("%s%d@%d", name, binary.BigEndian.Uint32(tag.Body[len(tag.Body)-4:]), tag.Time))
	}
	return strings.Join(names, " ")
}

func want(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("\n got  %s\n want %s", got, want)
	}
}

func TestHTTP(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{Linger: -1})
	p := publish(t, r, "live/a").headers()
	p.key(5000, 1)
	p.audio(4990, 2)
	p.inter(5040, 3)
	must(t, p.Data(5040, "onCue", []byte("\x02\x00\x05onCue")))

	res := do(t, "GET", s.URL+"/live/a.flv?token=1&x=.flv")
	for name, value := range map[string]string{"Content-Type": "video/x-flv", "Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"} {
		want(t, name+": "+res.Header.Get(name), name+": "+value)
	}
	if res.StatusCode != 200 || len(res.TransferEncoding) != 1 || res.TransferEncoding[0] != "chunked" {
		t.Errorf("%s, %v", res.Status, res.TransferEncoding)
	}
	f := flv.NewReader(res.Body)
	want(t, flvHeader(t, f), "AV")
	want(t, tags(t, f, 7), "M@0 VC0@0 AC0@0 K1@0 A2@0 v3@40 D@40")
	p.audio(5013, 4)
	want(t, tags(t, f, 1), "A4@13")
	p.key(5080, 5)
	want(t, tags(t, f, 1), "K5@80")
	if n := h.Viewers()["live/a"]; n != 1 {
		t.Errorf("%d viewers", n)
	}
	if i, _ := r.Stream("live/a"); i.Players != 1 {
		t.Errorf("%d players", i.Players)
	}
	p.Close()
	var tag flv.Tag
	if err := f.ReadTag(&tag); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	until(t, "the viewer is gone", func() bool { return len(h.Viewers()) == 0 && len(r.Streams()) == 0 })
}

// TestHeaderFlags: a young stream is given time to show its tracks.
func TestHeaderFlags(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{Probe: 300 * time.Millisecond})
	both := publish(t, r, "both")
	both.audio(0, 1)
	go func() {
		until(t, "the viewer is there", func() bool { i, _ := r.Stream("both"); return i.Players == 1 && h.Viewers()["both"] == 1 })
		time.Sleep(50 * time.Millisecond)
		both.key(40, 2)
	}()
	f := flv.NewReader(do(t, "GET", s.URL+"/both.flv").Body)
	want(t, flvHeader(t, f), "AV")
	want(t, tags(t, f, 1), "K2@0") // the sound before it was not for this viewer

	publish(t, r, "sound").audio(0, 1)
	f = flv.NewReader(do(t, "GET", s.URL+"/sound.flv").Body)
	want(t, flvHeader(t, f), "A")

	picture := publish(t, r, "picture")
	picture.key(0, 1)
	f = flv.NewReader(do(t, "GET", s.URL+"/picture.flv").Body)
	want(t, flvHeader(t, f), "V")
	want(t, tags(t, f, 1), "K1@0")
	picture.audio(20, 2) // comes late: sent all the same
	want(t, tags(t, f, 1), "A2@20")
}

func TestWaitsForPublisher(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{})
	go func() {
		until(t, "the viewer waits", func() bool { return h.Viewers()["live/a"] == 1 })
		publish(t, r, "live/a").headers().key(700_000, 1)
	}()
	f := flv.NewReader(do(t, "GET", s.URL+"/live/a.flv").Body)
	want(t, flvHeader(t, f), "AV")
	want(t, tags(t, f, 4), "M@0 VC0@0 AC0@0 K1@0")
}

// TestLinger: a viewer stays for the next publisher, and its time goes on.
func TestLinger(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	_, s := serve(t, r, Options{Linger: 400 * time.Millisecond})
	p := publish(t, r, "a").headers()
	p.key(0, 1)
	f := flv.NewReader(do(t, "GET", s.URL+"/a.flv").Body)
	want(t, flvHeader(t, f), "AV")
	want(t, tags(t, f, 4), "M@0 VC0@0 AC0@0 K1@0")
	p.Close()
	time.Sleep(100 * time.Millisecond)
	p = publish(t, r, "a").headers()
	p.key(90_000, 2)
	want(t, tags(t, f, 4), "M@40 VC0@40 AC0@40 K2@41")
	time.Sleep(500 * time.Millisecond) // the timer of the first end is off
	p.audio(90_023, 3)
	want(t, tags(t, f, 1), "A3@64")
	left := time.Now()
	p.Close()
	var tag flv.Tag
	if err := f.ReadTag(&tag); err != io.EOF || time.Since(left) < 400*time.Millisecond {
		t.Errorf("ended with %v after %v", err, time.Since(left))
	}
}

// TestLingerWithoutMedia: a publisher that leaves before its first frame.
func TestLingerWithoutMedia(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{Linger: 50 * time.Millisecond})
	p := publish(t, r, "a")
	res := do(t, "GET", s.URL+"/a.flv")
	until(t, "the viewer is there", func() bool { i, _ := r.Stream("a"); return i.Players == 1 })
	p.Close()
	if b, err := io.ReadAll(res.Body); len(b) != 0 || err != nil {
		t.Errorf("got % x, %v", b, err)
	}
	until(t, "the viewer is gone", func() bool { return len(h.Viewers()) == 0 })
}

func TestRefusals(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	_, s := serve(t, r, Options{Wait: -1, Allow: func(_ *http.Request, key string) (string, error) {
		if strings.HasPrefix(key, "secret/") {
			return "", fmt.Errorf("a ticket is needed")
		}
		if key == "live/alias" {
			return "live/name", nil
		}
		return "", nil
	}})
	want(t, refused(t, "GET", s.URL+"/live/alias.flv", 404), `stream "live/name" is not live; no stream is`)
	want(t, refused(t, "GET", s.URL+"/live/a.flv", 404), `stream "live/a" is not live; no stream is`)
	publish(t, r, "live/b")
	publish(t, r, "secret/x")
	for i := range maxNames + 2 {
		publish(t, r, fmt.Sprintf("l/%02d", i))
	}
	want(t, refused(t, "GET", s.URL+"/live/a.flv", 404),
		`stream "live/a" is not live; live now: "l/00", "l/01", "l/02", "l/03", "l/04", "l/05", "l/06", "l/07", "l/08", "l/09" and 3 more`)
	want(t, refused(t, "GET", s.URL+"/secret/x.flv", 403), "a ticket is needed")
	want(t, refused(t, "POST", s.URL+"/live/b.flv", 405), "a stream can only be read: use GET")
	for _, path := range []string{"/", "/live/b", "/.flv", "//live/b.flv", "/live//b.flv", "/live/../b.flv", "/a%00.flv", "/a%5Cb.flv", "/a%FF.flv",
		"/" + strings.Repeat("a", maxKey+1) + ".flv"} {
		want(t, refused(t, "GET", s.URL+path, 404), "no stream has this address: it is /APPLICATION/STREAM.flv")
	}
	res := do(t, "OPTIONS", s.URL+"/live/a.flv")
	if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Methods") == "" {
		t.Errorf("OPTIONS: %s", res.Status)
	}
	if res := do(t, "HEAD", s.URL+"/live/b.flv"); res.StatusCode != 200 || res.Header.Get("Content-Type") != contentType {
		t.Errorf("HEAD: %s", res.Status)
	}
	if res := do(t, "HEAD", s.URL+"/live/a.flv"); res.StatusCode != 404 {
		t.Errorf("HEAD: %s", res.Status)
	}

	_, s = serve(t, r, Options{Wait: 20 * time.Millisecond, HideNames: true})
	want(t, refused(t, "GET", s.URL+"/live/a.flv", 404), `stream "live/a" is not live`)
}

func TestViewerLimit(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{Viewers: 1})
	publish(t, r, "a").headers()
	f := flv.NewReader(do(t, "GET", s.URL+"/a.flv").Body)
	want(t, flvHeader(t, f), "AV")
	want(t, refused(t, "GET", s.URL+"/a.flv", 503), "the limit of 1 viewers is reached")
	h.Close()
	want(t, refused(t, "GET", s.URL+"/a.flv", 503), "the server is shutting down")
	want(t, tags(t, f, 3), "M@0 VC0@0 AC0@0")
	var tag flv.Tag
	if err := f.ReadTag(&tag); err != io.EOF {
		t.Errorf("after Close: %v", err)
	}
}

// TestCloseEndsWaiting: a viewer that waits for a publisher is told.
func TestCloseEndsWaiting(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{})
	go func() {
		until(t, "the viewer waits", func() bool { return len(h.Viewers()) == 1 })
		h.Close()
	}()
	want(t, refused(t, "GET", s.URL+"/a.flv", 503), "the server is shutting down")
}

// TestViewerLeaves: a closed connection ends the subscription at once.
func TestViewerLeaves(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{})
	publish(t, r, "a").headers()
	res := do(t, "GET", s.URL+"/a.flv")
	want(t, flvHeader(t, flv.NewReader(res.Body)), "AV")
	res.Body.Close()
	until(t, "the viewer is gone", func() bool {
		i, _ := r.Stream("a")
		return len(h.Viewers()) == 0 && i.Players == 0
	})
}

// stall connects and reads nothing after the first bytes.
func stall(t *testing.T, s *httptest.Server, request string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	must(t, err)
	t.Cleanup(func() { c.Close() })
	must(t, c.(*net.TCPConn).SetReadBuffer(4096))
	_, err = io.WriteString(c, request)
	must(t, err)
	_, err = io.ReadFull(c, make([]byte, 64))
	must(t, err)
	return c
}

// TestSlowViewer: who does not read is ended by the write deadline, whatever the
// queue allows, and others see nothing of it.
func TestSlowViewer(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{WriteTimeout: 300 * time.Millisecond})
	p := publish(t, r, "a").headers()
	stall(t, s, "GET /a.flv HTTP/1.1\r\nHost: a\r\n\r\n")
	stall(t, s, "GET /a.flv HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	good := do(t, "GET", s.URL+"/a.flv")
	read := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, good.Body)
		read <- n
	}()
	until(t, "three viewers", func() bool { return h.Viewers()["a"] == 3 })
	sent, ts := int64(0), uint32(0)
	big := append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 200_000)...)
	until(t, "the slow ones are gone", func() bool {
		must(t, p.Video(ts, bytes.Clone(big)))
		sent += int64(len(big))
		ts += 40
		time.Sleep(5 * time.Millisecond)
		return h.Viewers()["a"] == 1
	})
	h.Close()
	if n := <-read; n < sent*9/10 {
		t.Errorf("the good viewer got %d of %d bytes", n, sent)
	}
}

// TestLongViewer: the write deadline is for each write, not for the viewer.
func TestLongViewer(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	_, s := serve(t, r, Options{WriteTimeout: 200 * time.Millisecond})
	p := publish(t, r, "a").headers()
	streams := []*flv.Reader{flv.NewReader(do(t, "GET", s.URL+"/a.flv").Body), flv.NewReader(&messages{t: t, c: dial(t, s.URL+"/a.flv")})}
	for _, f := range streams {
		want(t, flvHeader(t, f), "AV")
		want(t, tags(t, f, 3), "M@0 VC0@0 AC0@0")
	}
	for i := range uint32(4) {
		time.Sleep(120 * time.Millisecond)
		p.key(i*40, i)
		for _, f := range streams {
			want(t, tags(t, f, 1), fmt.Sprintf("K%d@%d", i, i*40))
		}
	}
}

// TestQueueEnds: the queue's hard bound ends a viewer too.
func TestQueueEnds(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(t, r, Options{Queue: media.QueueLimits{SoftBytes: -1, SoftDelay: -1, HardBytes: 100_000}})
	p := publish(t, r, "a").headers()
	f := flv.NewReader(do(t, "GET", s.URL+"/a.flv").Body)
	want(t, flvHeader(t, f), "AV")
	want(t, tags(t, f, 3), "M@0 VC0@0 AC0@0")
	must(t, p.Video(0, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 100_000)...)))
	var tag flv.Tag
	if err := f.ReadTag(&tag); err != io.EOF {
		t.Errorf("got %v", err)
	}
	until(t, "the viewer is gone", func() bool { return len(h.Viewers()) == 0 })
}

func TestRedact(t *testing.T) {
	for key, short := range map[string]string{"live/0123456789": "live/012…", "live/": "live/…", "ääää": "ä…", "": "…"} {
		want(t, redact(key), short)
	}
}

// Recheck ends those who are barred, also while they wait for a publisher, and leaves the others.
func TestRecheck(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	var out atomic.Bool
	h, s := serve(t, r, Options{Wait: time.Minute, Barred: func(r *http.Request, key string) error {
		if out.Load() && r.URL.Query().Get("who") == "eve" {
			return errors.New("eve is out of " + key)
		}
		return nil
	}})
	p := publish(t, r, "a").headers()
	p.key(0, 1)
	eve, ada := do(t, "GET", s.URL+"/a.flv?who=eve"), do(t, "GET", s.URL+"/a.flv?who=ada")
	waits := make(chan string, 1)
	go func() { waits <- refused(t, "GET", s.URL+"/later.flv?who=eve", 403) }()
	ws := dial(t, s.URL+"/a.flv?who=eve")
	until(t, "all are there", func() bool { return h.Viewers()["a"] == 3 && h.Viewers()["later"] == 1 })
	if n := h.Recheck(); n != 0 {
		t.Errorf("%d ended, whom nobody barred", n)
	}
	out.Store(true)
	if n := h.Recheck(); n != 3 {
		t.Errorf("%d ended", n)
	}
	if _, err := io.Copy(io.Discard, eve.Body); err != nil {
		t.Errorf("a response that is ended has an end: %v", err)
	}
	want(t, <-waits, "eve is out of later")
	m := &messages{t: t, c: ws}
	_, _ = io.Copy(io.Discard, m)
	var end websocket.CloseError
	if !errors.As(m.err, &end) || end.Code != websocket.StatusPolicyViolation || end.Reason != "eve is out of a" {
		t.Errorf("WebSocket: %v", m.err)
	}
	want(t, refused(t, "GET", s.URL+"/a.flv?who=eve", 403), "eve is out of a")
	until(t, "one is left", func() bool { v := h.Viewers(); return len(v) == 1 && v["a"] == 1 })
	f := flv.NewReader(ada.Body)
	want(t, flvHeader(t, f), "AV")
	want(t, tags(t, f, 4), "M@0 VC0@0 AC0@0 K1@0")
	p.key(40, 2)
	want(t, tags(t, f, 1), "K2@40")
}

// Whoever is barred while the rules are asked is not forgotten.
func TestBarredMeanwhile(t *testing.T) {
	r := media.NewRegistry(media.Options{})
	var out atomic.Bool
	var h *Handler
	h, s := serve(t, r, Options{
		Barred: func(*http.Request, string) error {
			if out.Load() {
				return errors.New("out")
			}
			return nil
		},
		Allow: func(*http.Request, string) (string, error) {
			out.Store(true)
			return "", nil
		},
	})
	publish(t, r, "a").headers().key(0, 1)
	want(t, refused(t, "GET", s.URL+"/a.flv", 403), "out")
	if n := h.Recheck(); n != 0 {
		t.Errorf("%d are still there", n)
	}
}

func TestReason(t *testing.T) {
	for text, want := range map[string]string{
		"short": "short", strings.Repeat("a", 123): strings.Repeat("a", 123),
		strings.Repeat("a", 119) + "éé": strings.Repeat("a", 119) + "éé", strings.Repeat("a", 119) + "ééé": strings.Repeat("a", 119) + "…",
	} {
		if got := reason(text); got != want || len(got) > 123 {
			t.Errorf("reason(%q) is %q", text, got)
		}
	}
}
