package admission

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"penstock/app"
	"penstock/internal/auth"
	"penstock/internal/config"
)

// program is a hook that refuses some events, and what it was told. It is safe for concurrent use.
type program struct {
	mu      sync.Mutex
	refuses map[string]bool
	told    []string
}

func (p *program) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	event := r.Header.Get("Penstock-Event")
	p.told = append(p.told, event)
	_, _ = fmt.Fprintf(w, `{"allow":%t}`, !p.refuses[event])
}

func (p *program) refuse(events ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = make(map[string]bool)
	for _, e := range events {
		p.refuses[e] = true
	}
}

// want waits until the program was told this and nothing else since it was asked last.
func (p *program) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		p.mu.Lock()
		got = slices.Clone(p.told)
		p.mu.Unlock()
		if len(got) >= len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = nil
}

// A player over HTTP that a hook refuses gives back every place that it took, and the program hears of the end of what it allowed.
func TestRefusedViewersLeaveNothing(t *testing.T) {
	p := &program{}
	srv := httptest.NewServer(p)
	defer srv.Close()
	ad := admit(t, func(a *config.App) {
		a.Hooks.URL, a.Hooks.Timeout = srv.URL, config.Duration(20*time.Second)
		a.Limits.Players, a.Limits.Connections = 1, 1
	})
	view := func(ctx context.Context) error {
		req := httptest.NewRequestWithContext(ctx, "GET", "/live/cam.flv", nil)
		return ad.App("live").View(req, &auth.Request{App: "live", Stream: "cam", Addr: addr("192.0.2.1:5000")})
	}
	refused := func(cause app.Cause) {
		t.Helper()
		var r *app.Refusal
		if err := view(t.Context()); !errors.As(err, &r) || r.Cause != cause {
			t.Errorf("got %v, want a refusal for %s", err, cause)
		}
	}
	p.refuse("connect")
	refused(app.CauseHook)
	p.want(t, "connect")
	p.refuse("play")
	refused(app.CauseHook)
	p.want(t, "connect", "play", "disconnect")
	p.refuse()
	ctx, leave := context.WithCancel(t.Context())
	if err := view(ctx); err != nil {
		t.Fatalf("a place is still taken: %v", err)
	}
	refused(app.CauseLimit) // and nobody is asked
	p.want(t, "connect", "play")
	leave()
	p.want(t, "stop", "disconnect")
	// The end of the server waits until it was told of who has just left.
	ctx, leave = context.WithCancel(t.Context())
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		err := view(ctx)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	leave()
	ad.Close(t.Context())
	p.want(t, "connect", "play", "stop", "disconnect")
}

// Where encoders log in, a player over HTTP cannot, and is told what to use.
func TestViewersCannotLogInAsEncoders(t *testing.T) {
	ad := admit(t, func(a *config.App) {
		a.EncoderAuth.Mode, a.EncoderAuth.Users = "adobe", map[string]string{"alice": "secret"}
	})
	defer ad.Close(context.Background())
	req := httptest.NewRequest("GET", "/live/cam.flv", nil)
	req.Header.Set("User-Agent", "FMLE/3.0 (compatible; FMSc/1.0)") // says that it is an encoder
	err := ad.App("live").View(req, &auth.Request{App: "live", Stream: "cam", Addr: addr("192.0.2.1:5000")})
	var r *app.Refusal
	if !errors.As(err, &r) || r.Rule != "apps.live.encoder_auth" || r.Status.Description != "Players of live must log in, which they cannot over HTTP; use RTMP." {
		t.Errorf("got %v", err)
	}
}

// What rules look at of a request: origin before referrer, parameters before the user and password of HTTP.
func TestRequestOfViewer(t *testing.T) {
	req := httptest.NewRequest("GET", "/live/cam.flv?token=abc", nil)
	req.Header.Set("Referer", "https://a.example/page")
	req.SetBasicAuth("alice", "secret")
	var q auth.Request
	fill(&q, req)
	if q.PageURL != "https://a.example/page" || q.Query.Get("token") != "abc" || q.Query.Get("user") != "alice" || q.Query.Get("pass") != "secret" {
		t.Errorf("%+v", q)
	}
	req.Header.Set("Origin", "https://b.example")
	req.URL.RawQuery = "user=bob&pass=other"
	if fill(&q, req); q.PageURL != "https://b.example" || q.Query.Get("user") != "bob" || q.Query.Get("pass") != "other" {
		t.Errorf("%+v", q)
	}
}
