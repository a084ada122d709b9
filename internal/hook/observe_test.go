package hook

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// watcher keeps what an observer hears. It is safe for concurrent use.
type watcher struct {
	mu  sync.Mutex
	got []string
}

func (w *watcher) HookAnswered(event, outcome string, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, fmt.Sprintf("%s %s %v", event, outcome, took))
}

func (w *watcher) HookLost(event string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, event+" lost")
}

func (w *watcher) want(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.got, want) {
		t.Errorf("heard %q\nwant  %q", w.got, want)
	}
	w.got = nil
}

// Each request has an outcome and a time, and what the program is never told of is heard of too.
func TestObserver(t *testing.T) {
	answers := map[Event]string{Connect: yes, Publish: `{"allow":false}`, Play: "perhaps", Stop: "whatever", Disconnect: ""}
	reply := func(m *Message, _ string) (time.Duration, string) {
		if m.Event == Call {
			return time.Minute, yes
		}
		return 30 * time.Millisecond, answers[m.Event]
	}
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{}
		o := Options{App: "live", Path: "apps.live.hooks", Format: "json", Timeout: 2 * time.Second, Log: slog.New(slog.DiscardHandler),
			Transport: &transport{reply: reply, start: time.Now()}, Observer: w, URLs: map[Event]string{}}
		for _, e := range allEvents {
			o.URLs[e] = "http://a/"
		}
		h, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		s := h.Session(client())
		for _, e := range []Event{Connect, Publish, Play, Call} {
			if _, err := s.Ask(t.Context(), e, Details{}); (err == nil) != (e == Connect) {
				t.Errorf("%s: %v", e, err)
			}
			synctest.Wait()
		}
		w.want(t, "connect allowed 30ms", "publish refused 30ms", "play nonsense 30ms", "call timeout 2s")
		s.Tell(Stop, Details{})
		s.Tell(Disconnect, Details{})
		time.Sleep(time.Minute)
		w.want(t, "stop taken 30ms", "disconnect failed 30ms", "disconnect failed 30ms", "disconnect failed 30ms", "disconnect lost")
		h.Close(t.Context())
		s.Tell(Disconnect, Details{})
		w.want(t, "disconnect lost")
	})
}

// A request that the end of the server cuts off says nothing about the program, but the event is lost.
func TestObserverAtTheEnd(t *testing.T) {
	begun := make(chan struct{}, 1)
	b := newBackend(t, func(_ http.ResponseWriter, r *request) {})
	b.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		begun <- struct{}{}
		<-r.Context().Done()
	})
	w := &watcher{}
	h := hooks(t, b.URL, func(o *Options) { o.Observer = w })
	h.Session(client()).Tell(Unpublish, Details{})
	<-begun
	h.stop()
	h.Close(t.Context())
	w.want(t, "unpublish lost")
}
