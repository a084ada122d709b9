package page

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"penstock/app"
	"penstock/internal/journal"
	"penstock/media"
	"penstock/rtmp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// live starts a server with the application live. It counts in ended, unless that is nil, the
// sessions whose end recent knows.
func live(t *testing.T, n int, ended *atomic.Int32) (o Options, base string) {
	t.Helper()
	mux := app.NewMux()
	mux.Handle("live", app.Live(app.LiveOptions{}))
	recent, refusals := NewRecent(n), newJournal(t, false)
	s := &app.Server{Handler: mux, Log: slog.New(slog.DiscardHandler), OnRefusal: refusals.Refusal, OnSession: recent.Session}
	if ended != nil {
		s.OnSession = func(c *app.Client, end bool, reason error) {
			recent.Session(c, end, reason)
			if end {
				ended.Add(1)
			}
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return Options{Server: s, Recent: recent, Journal: refusals}, "rtmp://" + l.Addr().String()
}

// newJournal is one that is in memory only.
func newJournal(t *testing.T, names bool) *journal.Journal {
	j := journal.Open(journal.Options{Repeats: 2, StreamNames: names, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(j.Close)
	return j
}

func dial(t *testing.T, url string) *rtmp.Client {
	t.Helper()
	c, err := rtmp.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// until asks for the state, past the cache, until it is as wanted.
func until(t *testing.T, o Options, from string, ok func(s *state) bool) (s *state, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		text = body(t, ask(t, New(o), "GET", "/state.json", from))
		s = new(state)
		if err := json.Unmarshal([]byte(text), s); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if ok(s) {
			return s, text
		}
		if time.Now().After(end) {
			t.Fatalf("state is %s", text)
		}
	}
}

func TestState(t *testing.T) {
	o, base := live(t, 10, nil)
	o.Public = true
	pub := dial(t, base+"/live")
	out, err := pub.Publish(t.Context(), "secretkey1")
	if err != nil {
		t.Fatal(err)
	}
	if err := out.WriteVideo(t.Context(), 0, []byte{0x17, 0, 0, 0, 0, 1, 0x4D, 0, 0x1F, 0xFF}); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, base+"/live").Play(t.Context(), "secretkey1", rtmp.PlayOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, base+"/live").Publish(t.Context(), "secretkey1"); err == nil {
		t.Fatal("a busy name was published")
	}
	// A refusal is noted after the client was told.
	until(t, o, "127.0.0.1", func(s *state) bool { return len(s.Refusals) == 1 })
	if _, err := rtmp.Dial(t.Context(), base+"/lvie", nil); err == nil {
		t.Fatal("connected to an application that does not exist")
	}

	got, _ := until(t, o, "127.0.0.1", func(s *state) bool {
		return len(s.Streams) == 1 && s.Streams[0].Video != "" && s.Streams[0].Viewers == 1 && len(s.Refusals) == 2
	})
	if x := got.Streams[0]; x.Key != "live/secretkey1" || !x.Live || x.Video != "H.264" || x.Audio != "" || x.Since == 0 ||
		x.Publisher != "Penstock at 127.0.0.1" {
		t.Errorf("stream: %+v", x)
	}
	if want := (totals{Live: 1, Viewers: 1, Bitrate: got.Totals.Bitrate, Connections: 3, Refused: 2}); got.Totals != want {
		t.Errorf("totals %+v, want %+v", got.Totals, want)
	}
	if got.Redacted || len(got.Connections) != 3 {
		t.Fatalf("redacted %t, connections %+v", got.Redacted, got.Connections)
	}
	oldest := got.Connections[2]
	if oldest.App != "live" || oldest.In == 0 || oldest.Out == 0 || len(oldest.Publishing) != 1 || oldest.Publishing[0] != "live/secretkey1" {
		t.Errorf("publisher: %+v", oldest)
	}
	if p := got.Connections[1].Playing; len(p) != 1 || p[0] != "live/secretkey1" {
		t.Errorf("player plays %v", p)
	}
	if r := got.Refusals[0]; r.Code != "NetConnection.Connect.Rejected" || r.Cause != "unknown-application" || r.App != "lvie" ||
		!strings.Contains(r.Description, "Application (lvie) is not defined") || r.XStatus != 404 {
		t.Errorf("newest refusal: %+v", r)
	}
	if r := got.Refusals[1]; r.Code != "NetStream.Publish.BadName" || !strings.HasPrefix(r.Wanted, "to publish live/") {
		t.Errorf("refused publish: %+v", r)
	}

	// A stranger sees that something happens, and neither keys nor addresses.
	stranger, text := until(t, o, "203.0.113.5", func(*state) bool { return true })
	if !stranger.Redacted || stranger.Totals.Live != 1 || len(stranger.Refusals) != 2 || stranger.Refusals[1].Code == "" {
		t.Errorf("redacted state: %s", text)
	}
	for _, secret := range []string{"secretkey1", "secret", "127.0.0.1", "lvie", oldest.ID} {
		if strings.Contains(text, secret) {
			t.Errorf("a stranger reads %q in %s", secret, text)
		}
	}

	// What has ended is told with what it did.
	_ = pub.Close()
	got, _ = until(t, o, "127.0.0.1", func(s *state) bool { return len(s.Ended) == 1 })
	if e := got.Ended[0]; e.ID != oldest.ID || e.Reason != "left by itself" || e.Ended < e.Since || len(e.Publishing) != 1 {
		t.Errorf("ended: %+v", e)
	}
	_, text = until(t, o, "203.0.113.5", func(s *state) bool { return len(s.Ended) == 1 })
	if strings.Contains(text, "secretkey1") || strings.Contains(text, "127.0.0.1") {
		t.Errorf("a stranger reads of an ended session: %s", text)
	}
}

func TestRedactKey(t *testing.T) {
	tests := map[string]string{
		"live/a": "live/…", "live/abcd": "live/a…", "live/äöüßabcdefgh": "live/äö…", "live/room/abcdefghijkl": "live/ro…", "odd": "odd/…",
	}
	for key, want := range tests {
		if got := redactKey(key); got != want {
			t.Errorf("redactKey(%q) = %q, want %q", key, got, want)
		}
	}
}

func TestStateIsBounded(t *testing.T) {
	s := newServer()
	waiting := media.NewQueue(media.QueueLimits{}, func() {})
	defer waiting.Close()
	for i := range 2 * maxStreams {
		defer s.Streams().Subscribe(fmt.Sprintf("live/a%03d", i), waiting).Close()
	}
	p, err := s.Streams().Publish("live/zz", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	got, _ := until(t, Options{Server: s}, "127.0.0.1", func(*state) bool { return true })
	if len(got.Streams) != maxStreams || got.Totals.Waiting != 2*maxStreams || got.Totals.Live != 1 || got.Totals.Viewers != 2*maxStreams {
		t.Errorf("%d streams shown, totals %+v", len(got.Streams), got.Totals)
	}
	if x := got.Streams[0]; x.Key != "live/zz" || x.Publisher != "" {
		t.Errorf("the live stream does not come first: %+v", x)
	}
	list := make([]string, 100)
	for i := range list {
		list[i] = fmt.Sprintf("live/%03d", 99-i)
	}
	if got := keys(list); len(got) != maxKeys || got[0] != "live/000" {
		t.Errorf("keys: %v", got)
	}
}

// However many ask, a snapshot is made at most twice a second for both kinds of visitors.
func TestSnapshotIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cache
		made := 0
		snapshot := func() *state { made++; return &state{Now: int64(made)} }
		get := func(v view) string {
			b, err := c.get(v, snapshot)
			if err != nil {
				t.Error(err)
			}
			return string(b)
		}
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { get(view(1 + i%2)) })
		}
		wg.Wait()
		if made != 1 {
			t.Errorf("%d snapshots for 50 visitors at once", made)
		}
		if whole, redacted := get(viewWhole), get(viewRedacted); whole == redacted || !strings.Contains(redacted, `"redacted":true`) {
			t.Errorf("whole %s, redacted %s", whole, redacted)
		}
		for range 20 {
			time.Sleep(100 * time.Millisecond)
			get(viewWhole)
		}
		if made != 5 {
			t.Errorf("%d snapshots in 2 s, want 5", made)
		}
	})
}

func TestEmptyStateHasLists(t *testing.T) {
	text := body(t, ask(t, New(Options{Server: newServer()}), "GET", "/state.json", "127.0.0.1"))
	for _, want := range []string{`"streams":[]`, `"connections":[]`, `"ended":[]`, `"refusals":[]`, `"redacted":false`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}
