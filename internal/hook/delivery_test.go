package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"penstock/app"
)

// transport is a program that is asked without a network, so that its time can be a test's. It is safe for concurrent use.
type transport struct {
	mu    sync.Mutex
	got   []string
	start time.Time
	// reply says how long an attempt takes and what comes of it: "" is a connection that is refused.
	reply func(m *Message, attempt string) (time.Duration, string)
}

// RoundTrip implements http.RoundTripper.
func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	attempt := r.Header.Get("Penstock-Attempt")
	tr.mu.Lock()
	tr.got = append(tr.got, strings.TrimSpace(fmt.Sprintf("%v %s %s#%s %s", time.Since(tr.start), m.ID, m.Event, attempt, m.Decided)))
	tr.mu.Unlock()
	takes, answer := tr.reply(&m, attempt)
	select {
	case <-time.After(takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if answer == "" {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

// all is what was asked so far.
func (tr *transport) all() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.got)
}

func (tr *transport) want(t *testing.T, want ...string) {
	t.Helper()
	if got := tr.all(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

const yes = `{"allow":true}`

// timed runs a test in its own time, with hooks that have two seconds to answer.
func timed(t *testing.T, allowWhenDown bool, reply func(m *Message, attempt string) (time.Duration, string), f func(t *testing.T, s *Session, tr *transport)) {
	synctest.Test(t, func(t *testing.T) {
		tr := &transport{reply: reply, start: time.Now()}
		h, err := New(Options{App: "live", Path: "apps.live.hooks", Format: "json", Timeout: 2 * time.Second, AllowWhenDown: allowWhenDown,
			Log: slog.New(slog.DiscardHandler), Transport: tr, URLs: map[Event]string{Connect: "http://a/", Publish: "http://a/", Play: "http://a/",
				Unpublish: "http://a/", Stop: "http://a/", Disconnect: "http://a/"}})
		if err != nil {
			t.Fatal(err)
		}
		f(t, h.Session(client()), tr)
		h.Close(t.Context())
	})
}

func TestTimeout(t *testing.T) {
	slow := func(*Message, string) (time.Duration, string) { return time.Minute, yes }
	timed(t, false, slow, func(t *testing.T, s *Session, tr *transport) {
		_, err := s.Ask(t.Context(), Publish, Details{})
		r := wantRefusal(t, err, app.CauseHookLate, "NetStream.Publish.Denied: Publishing to live could not be checked, because the program that decides did not answer in time")
		if r != nil && !errors.Is(r.Err, errLate) {
			t.Error(r.Err)
		}
		if took := time.Since(tr.start); took != 2*time.Second {
			t.Errorf("after %v", took)
		}
		synctest.Wait()
		tr.want(t, "0s AbCd1234-1 publish#1")
	})
}

// With when_down: allow, the client is let pass, and the program learns of it when it can: before what comes next.
func TestAllowWhenDown(t *testing.T) {
	up := time.Now()
	down := func(*Message, string) (time.Duration, string) {
		if time.Now().Before(up) {
			return 0, ""
		}
		return 0, yes
	}
	timed(t, true, func(m *Message, a string) (time.Duration, string) { return down(m, a) }, func(t *testing.T, s *Session, tr *transport) {
		up = time.Now().Add(1500 * time.Millisecond)
		if _, err := s.Ask(t.Context(), Publish, Details{}); err != nil {
			t.Fatal(err)
		}
		s.Tell(Unpublish, Details{})
		time.Sleep(time.Minute)
		tr.want(t, "0s AbCd1234-1 publish#1", "1s AbCd1234-1 publish#2 allow", "5s AbCd1234-1 publish#3 allow", "5s AbCd1234-2 unpublish#1")
	})
	slow := func(m *Message, a string) (time.Duration, string) {
		if a == "1" {
			return time.Minute, yes
		}
		return 0, yes
	}
	timed(t, true, slow, func(t *testing.T, s *Session, tr *transport) {
		if _, err := s.Ask(t.Context(), Publish, Details{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		tr.want(t, "0s AbCd1234-1 publish#1", "3s AbCd1234-1 publish#2 allow")
	})
}

// What is told is told again when it was not taken, three times in all; what comes after it waits.
func TestOrderAndRetries(t *testing.T) {
	flaky := func(m *Message, attempt string) (time.Duration, string) {
		if m.Event == Unpublish && attempt != "3" || m.Event == Stop {
			return 0, ""
		}
		return 0, yes
	}
	timed(t, false, flaky, func(t *testing.T, s *Session, tr *transport) {
		if _, err := s.Ask(t.Context(), Publish, Details{}); err != nil {
			t.Fatal(err)
		}
		s.Tell(Unpublish, Details{})
		s.Tell(Stop, Details{})
		s.Tell(Disconnect, Details{})
		time.Sleep(time.Minute)
		tr.want(t, "0s AbCd1234-1 publish#1", "0s AbCd1234-2 unpublish#1", "1s AbCd1234-2 unpublish#2", "5s AbCd1234-2 unpublish#3",
			"5s AbCd1234-3 stop#1", "6s AbCd1234-3 stop#2", "10s AbCd1234-3 stop#3", "10s AbCd1234-4 disconnect#1")
	})
}

// Who waits for an answer does not wait for the patience with what was told before, but still comes after it.
func TestQuestionsHurry(t *testing.T) {
	flaky := func(m *Message, attempt string) (time.Duration, string) {
		if m.Event == Unpublish {
			return 100 * time.Millisecond, ""
		}
		return 0, yes
	}
	timed(t, false, flaky, func(t *testing.T, s *Session, tr *transport) {
		s.Tell(Unpublish, Details{})
		time.Sleep(500 * time.Millisecond)
		if _, err := s.Ask(t.Context(), Publish, Details{}); err != nil {
			t.Fatal(err)
		}
		tr.want(t, "0s AbCd1234-1 unpublish#1", "500ms AbCd1234-1 unpublish#2", "600ms AbCd1234-1 unpublish#3", "700ms AbCd1234-2 publish#1")
		s.Tell(Unpublish, Details{}) // now there is time again
		time.Sleep(time.Minute)
		tr.want(t, "0s AbCd1234-1 unpublish#1", "500ms AbCd1234-1 unpublish#2", "600ms AbCd1234-1 unpublish#3", "700ms AbCd1234-2 publish#1",
			"700ms AbCd1234-3 unpublish#1", "1.8s AbCd1234-3 unpublish#2", "5.9s AbCd1234-3 unpublish#3")
	})
}

// A question that waited too long behind others is not asked any more, unless the client was let pass.
func TestQuestionBehindSlowEvents(t *testing.T) {
	slow := func(m *Message, _ string) (time.Duration, string) {
		if m.Event == Unpublish {
			return 1900 * time.Millisecond, ""
		}
		return 0, yes
	}
	timed(t, false, slow, func(t *testing.T, s *Session, tr *transport) {
		s.Tell(Unpublish, Details{})
		_, err := s.Ask(t.Context(), Publish, Details{})
		wantRefusal(t, err, app.CauseHookLate, "NetStream.Publish.Denied")
		time.Sleep(time.Minute)
		for _, got := range tr.all() {
			if strings.Contains(got, " publish") {
				t.Errorf("asked all the same: %s", got)
			}
		}
	})
	timed(t, true, slow, func(t *testing.T, s *Session, tr *transport) {
		s.Tell(Unpublish, Details{})
		if _, err := s.Ask(t.Context(), Publish, Details{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := tr.all(); !strings.HasSuffix(got[len(got)-1], "publish#1 allow") {
			t.Errorf("%q", got)
		}
	})
}

// A program that allowed a client which has left meanwhile is told of its end.
func TestClientLeaves(t *testing.T) {
	slow := func(*Message, string) (time.Duration, string) { return time.Second, yes }
	timed(t, false, slow, func(t *testing.T, s *Session, tr *transport) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := s.Ask(ctx, Publish, Details{Stream: "cam"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		s.Tell(Disconnect, Details{})
		time.Sleep(time.Minute)
		tr.want(t, "0s AbCd1234-1 publish#1", "1s AbCd1234-2 unpublish#1", "2s AbCd1234-3 disconnect#1")
	})
}

// What waits is bounded, for one session and for all; the end of a session has its place.
func TestBounds(t *testing.T) {
	stuck := func(*Message, string) (time.Duration, string) { return time.Hour, yes }
	timed(t, false, stuck, func(t *testing.T, s *Session, tr *transport) {
		for range 3 * maxQueued {
			s.Tell(Unpublish, Details{})
		}
		s.Tell(Disconnect, Details{})
		synctest.Wait()
		if n := len(s.queue); n != maxQueued && n != maxQueued+1 {
			t.Errorf("%d events wait", n)
		}
		if last := s.queue[len(s.queue)-1].m.Event; last != Disconnect {
			t.Errorf("the last is %s", last)
		}
		_, err := s.Ask(t.Context(), Publish, Details{})
		if r := wantRefusal(t, err, app.CauseHookDown, "NetStream.Publish.Denied"); r != nil && !errors.Is(r.Err, errQueued) {
			t.Error(r.Err)
		}
		h := s.hooks
		for i := range maxPending {
			c := client()
			c.ID = fmt.Sprint(i)
			h.Session(c).Tell(Disconnect, Details{})
		}
		if n := h.pending.Load(); n != maxPending {
			t.Errorf("%d events wait in all", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		h.Close(ctx)
		if took := time.Since(tr.start); took > 2*time.Second {
			t.Errorf("closed after %v", took)
		}
		if n := h.pending.Load(); n != 0 {
			t.Errorf("%d events are left", n)
		}
		s.Tell(Disconnect, Details{}) // goes nowhere, and starts nothing
		if _, err := s.Ask(t.Context(), Publish, Details{}); err == nil {
			t.Error("somebody answered")
		}
	})
}

// Close waits for what is under way.
func TestCloseDelivers(t *testing.T) {
	slow := func(*Message, string) (time.Duration, string) { return time.Second, yes }
	timed(t, false, slow, func(t *testing.T, s *Session, tr *transport) {
		s.Tell(Unpublish, Details{})
		s.Tell(Disconnect, Details{})
		s.hooks.Close(t.Context())
		tr.want(t, "0s AbCd1234-1 unpublish#1", "1s AbCd1234-2 disconnect#1")
	})
}

// A storm of what goes wrong is a few lines a second, which say what was left out.
func TestWarningsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		h, err := New(Options{Path: "apps.live.hooks", Format: "json", Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			h.warn("hook did not answer", &Message{Event: Publish, Session: "x"}, errLate)
		}
		time.Sleep(2 * time.Second)
		h.warn("hook did not answer", &Message{Event: Publish, Session: "x"}, errLate)
		if n := strings.Count(log.String(), "\n"); n > 20 || !strings.Contains(log.String(), "left_out=990") {
			t.Errorf("%d lines: %s", n, log.String())
		}
		h.Close(t.Context())
	})
}
