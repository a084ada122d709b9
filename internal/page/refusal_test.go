package page

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/app"
	"penstock/internal/explain"
	"penstock/internal/journal"
	"penstock/status"
)

// told is how the page tells a refusal that the journal has.
func told(t *testing.T, names bool, r *app.Refusal) refusal {
	t.Helper()
	o := Options{Server: newServer(), Journal: newJournal(t, names)}
	o.Journal.Refusal(r)
	list := (&handler{o: o}).readRefusals()
	if len(list) != 1 {
		t.Fatalf("told %+v", list)
	}
	return list[0]
}

func TestNewRefusal(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	got := told(t, false, &app.Refusal{
		Time: at, Stage: app.StagePublish, Cause: app.CauseBusyName, Rule: "r", XStatus: 409, Session: "AbCdEfGh",
		Status: status.New(status.PublishBadName, "demo is already being published."),
		Peer:   &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 4711}, App: "live", Stream: "d…",
		FlashVer: "FMLE/3.0 (compatible; FMSc/1.0)", Err: errors.New("the inner reason is not for the page"),
	})
	want := refusal{
		Time: at.UnixMilli(), Peer: "10.0.0.7:4711", Software: "OBS or another live encoder", Wanted: "to publish live/d…",
		Why: explain.Why(app.CauseBusyName), Advice: explain.Advice(app.CauseBusyName), App: "live", Stream: "d…",
		Code: "NetStream.Publish.BadName", Description: "demo is already being published.", Cause: "busy-name", Rule: "r",
		XStatus: 409, Session: "AbCdEfGh", stage: app.StagePublish,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(refusal{})); diff != "" {
		t.Error(diff)
	}
	// Almost nothing known must not panic.
	if got := told(t, false, &app.Refusal{}); got.Code != "" || got.Peer != "" {
		t.Errorf("empty refusal: %+v", got)
	}
}

func TestEndReason(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{nil, "left by itself"},
		{app.ErrClosedByPeer, "left by itself"},
		{fmt.Errorf("%w: %w", app.ErrClosedByPeer, net.ErrClosed), "its connection was lost"},
		{app.ErrDisconnected, "disconnected by the application"},
		{&app.Refusal{Cause: app.CauseProtocol}, "ended by the server: what came in is not a valid RTMP stream"},
		{status.For(status.ConnectIdleTimeOut), "ended by the server: NetConnection.Connect.IdleTimeOut"},
		{errors.New("app: idle after a refusal"), "ended: idle after a refusal"},
		{errors.New("odd"), "ended: odd"},
	}
	for _, tt := range tests {
		if got := endReason(tt.err); got != tt.want {
			t.Errorf("endReason(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}

// A journal that keeps whole names does not make the page tell them.
func TestNamesStayHidden(t *testing.T) {
	j := newJournal(t, true)
	mux := app.NewMux()
	mux.Handle("live", app.Live(app.LiveOptions{}))
	s := &app.Server{Handler: mux, Log: slog.New(slog.DiscardHandler), OnRefusal: j.Refusal}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	url := "rtmp://" + l.Addr().String() + "/live"
	if _, err := dial(t, url).Publish(t.Context(), "secretkey1"); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, url).Publish(t.Context(), "secretkey1"); err == nil {
		t.Fatal("a busy name was published")
	}
	got, _ := until(t, Options{Server: s, Journal: j}, "127.0.0.1", func(s *state) bool { return len(s.Refusals) == 1 })
	if r := got.Refusals[0]; r.Stream != "sec…" || strings.Contains(r.Description+r.Wanted, "secretkey1") || !strings.Contains(r.Description, "sec…") {
		t.Errorf("told %+v", r)
	}
	if found, err := j.Find(t.Context(), journal.Filter{}); err != nil || found.Refusals[0].Stream != "secretkey1" {
		t.Errorf("kept %+v, %v", found, err)
	}
}

// What comes again and again is one line, and there are at most so many.
func TestRefusalsOfTheJournal(t *testing.T) {
	o := Options{Server: newServer(), Journal: newJournal(t, false)}
	at := time.Now()
	for i := range 10 {
		o.Journal.Refusal(&app.Refusal{Time: at.Add(time.Duration(i) * time.Second), Cause: app.CauseLimit, Rule: "connections", Peer: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7)}})
	}
	h := &handler{o: o}
	list := h.readRefusals()
	if len(list) != 3 || list[0].Count != 8 || list[0].First >= list[0].Time || list[1].Count != 0 {
		t.Errorf("told %+v", list)
	}
	for i := range 2 * maxRefusals {
		o.Journal.Refusal(&app.Refusal{Time: at, Cause: app.CauseLimit, Rule: fmt.Sprint(i)})
	}
	if list = h.readRefusals(); len(list) != maxRefusals {
		t.Errorf("%d are told", len(list))
	}
	if list := (&handler{}).readRefusals(); list == nil || len(list) != 0 {
		t.Errorf("without a journal: %v", list)
	}
}
