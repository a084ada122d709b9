package metrics

import (
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/app"
	"penstock/internal/journal"
	"penstock/rtmp"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a server with an application live and the metrics that observe it.
func start(t *testing.T) (m *Metrics, url string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	mux := app.NewMux()
	mux.Handle("live", app.Live(app.LiveOptions{}))
	srv := &app.Server{Handler: mux, Log: log}
	j := journal.Open(journal.Options{Repeats: 10, Log: log})
	m = New(Options{Server: srv, Journal: j, Hooks: NewHooks(), Apps: []string{"live"}, Version: "v1"})
	srv.OnRefusal, srv.OnSession, srv.OnStream, srv.OnGone = m.Refusal, m.Session, m.Stream, m.Gone
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done; j.Close() })
	return m, "rtmp://" + l.Addr().String()
}

func scrape(m *Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// value finds a sample, -1 when there is none.
func value(text, sample string) float64 {
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(sample) + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		return -1
	}
	v, _ := strconv.ParseFloat(found[1], 64)
	return v
}

func until(t *testing.T, m *Metrics, want map[string]float64) {
	t.Helper()
	text := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		text = scrape(m)
		same := true
		for sample, v := range want {
			same = same && value(text, sample) == v
		}
		if same {
			return
		}
	}
	for sample, v := range want {
		if got := value(text, sample); got != v {
			t.Errorf("%s is %v, want %v", sample, got, v)
		}
	}
}

func TestWhatIsCounted(t *testing.T) {
	m, url := start(t)
	dial := func() *rtmp.Client {
		c, err := rtmp.Dial(t.Context(), url+"/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	publisher, player, waiter := dial(), dial(), dial()
	pub, err := publisher.Publish(t.Context(), "cam")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := waiter.Play(t.Context(), "nobody", rtmp.PlayOptions{}); err != nil {
		t.Fatal(err)
	}
	ns, err := player.Play(t.Context(), "cam", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := player.Publish(t.Context(), "cam"); err == nil {
		t.Fatal("two publish one name")
	}
	key := append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 1000)...)
	if err := pub.WriteVideo(t.Context(), 0, key); err != nil {
		t.Fatal(err)
	}
	for {
		ev, err := ns.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ev.Type == rtmp.TypeVideo {
			break
		}
	}
	until(t, m, map[string]float64{
		`penstock_sessions`: 3, `penstock_streams`: 1, `penstock_streams_waiting`: 1, `penstock_players`: 2,
		`penstock_refusals_total{app="live",cause="busy-name",code="NetStream.Publish.BadName"}`: 1,
		`penstock_first_frame_seconds_count`:                                                     1, `penstock_connect_seconds_count`: 3, `penstock_handshake_seconds_count`: 3,
		`penstock_journal_memory_only`: 1, `penstock_build_info{version="v1"}`: 1, `penstock_queue_dropped_messages_total`: 0,
	})
	text := scrape(m)
	in, out := value(text, "penstock_received_bytes_total"), value(text, "penstock_sent_bytes_total")
	if in < 1000 || out < 1000 {
		t.Errorf("%v bytes came, %v went", in, out)
	}
	if h := value(text, "penstock_handshake_seconds_sum"); h <= 0 || h > 60 {
		t.Errorf("handshakes took %v s", h)
	}
	// What went through connections is not forgotten when they are gone.
	for _, c := range []*rtmp.Client{publisher, player, waiter} {
		_ = c.Close()
	}
	until(t, m, map[string]float64{`penstock_sessions`: 0, `penstock_streams`: 0, `penstock_players`: 0})
	text = scrape(m)
	if value(text, "penstock_received_bytes_total") < in || value(text, "penstock_sent_bytes_total") < out {
		t.Errorf("a counter fell:\n%s", text)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.live) > 3 {
		t.Errorf("%d connections are remembered", len(m.live))
	}
}

// No client can make a label of its own.
func TestLabelsAreBounded(t *testing.T) {
	m, url := start(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		if _, err := rtmp.Dial(t.Context(), url+"/"+name, nil); err == nil {
			t.Fatal("let in")
		}
	}
	m.Refusal(&app.Refusal{App: "live", Cause: app.CauseHook, Status: status.New("Made.Up", "x"), Err: errors.New("x")})
	m.Refusal(&app.Refusal{Cause: app.CauseForeign})
	until(t, m, map[string]float64{
		`penstock_refusals_total{app="other",cause="unknown-application",code="NetConnection.Connect.Rejected"}`: 4,
		`penstock_refusals_total{app="live",cause="hook",code="other"}`:                                          1,
		`penstock_refusals_total{app="",cause="not-rtmp",code=""}`:                                               1,
	})
	if n := strings.Count(scrape(m), "\npenstock_refusals_total{"); n != 3 {
		t.Errorf("%d series", n)
	}
}
