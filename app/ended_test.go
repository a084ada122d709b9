package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/status"
)

// ends is what a handler was told of ends, in order.
type ends struct {
	mu   sync.Mutex
	list []string
}

func (e *ends) add(format string, a ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, fmt.Sprintf(format, a...))
}

// of notes an end: what came about, and whether any byte passed.
func (e *ends) of(what string) func(StreamEnd) {
	return func(end StreamEnd) { e.add("%s begun=%v bytes=%v", what, !end.Began.IsZero(), end.Bytes > 0) }
}

func (e *ends) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		e.mu.Lock()
		got = slices.Clone(e.list)
		e.mu.Unlock()
		if len(got) >= len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The handler hears once of the end of everything that it allowed, whether it came about or not.
func TestEnded(t *testing.T) {
	var e ends
	h := Live(LiveOptions{
		Publish: func(_ context.Context, r *PublishRequest) error {
			r.Ended = e.of("publish " + r.Name)
			switch r.Name {
			case "no":
				return errors.New("no")
			case "badly renamed":
				r.Name = "a//b"
			}
			return nil
		},
		Play: func(_ context.Context, r *PlayRequest) error {
			r.Ended = e.of("play " + r.Name)
			return nil
		},
		Close: func(error) { e.add("close") },
	})
	w := serve(t, h, func(s *Server) { s.Limits.PublishTimeout = 300 * time.Millisecond })
	ctx := t.Context()
	c := dial(t, w.url("live"), nil)
	pub, err := c.Publish(ctx, "cam")
	if err != nil {
		t.Fatal(err)
	}
	player := dial(t, w.url("live"), nil)
	ns, err := player.Play(ctx, "cam", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(pub.WriteVideo(ctx, 0, config(1)), pub.WriteVideo(ctx, 0, frame(true, 1))); err != nil {
		t.Fatal(err)
	}
	nextVideo(t, ns)
	_ = player.Close()
	e.want(t, "play cam begun=true bytes=true", "close")

	other := dial(t, w.url("live"), nil)
	for _, name := range []string{"no", "badly renamed"} {
		if _, err := other.Publish(ctx, name); err == nil {
			t.Errorf("%s is published", name)
		}
	}
	if _, err := other.Play(ctx, "nobody", rtmp.PlayOptions{Recorded: true}); err == nil {
		t.Error("what is not there is played")
	}
	// The first publisher still sends, so that the second is refused.
	stop := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for n := uint32(1); ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				_ = pub.WriteVideo(ctx, n*40, frame(false, int(n)))
			}
		}
	})
	_, err = other.Publish(ctx, "cam")
	close(stop)
	sending.Wait()
	wantStatus(t, err, status.PublishBadName)
	_ = c.Close()
	e.want(t, "play cam begun=true bytes=true", "close", "publish badly renamed begun=false bytes=false",
		"play nobody begun=false bytes=false", "publish cam begun=false bytes=false", "publish cam begun=true bytes=true", "close")
}

// What a handler allows too late has not come about.
func TestEndedWhenTooLate(t *testing.T) {
	var e ends
	release := make(chan struct{})
	h := Live(LiveOptions{Publish: func(_ context.Context, r *PublishRequest) error {
		r.Ended = e.of("publish " + r.Name)
		<-release
		return nil
	}})
	w := serve(t, h, func(s *Server) { s.Limits.HandlerTimeout = 50 * time.Millisecond })
	c := dial(t, w.url("live"), nil)
	_, err := c.Publish(t.Context(), "cam")
	wantStatus(t, err, status.PublishDenied)
	close(release)
	e.want(t, "publish cam begun=false bytes=false")
}

// A handler may end what it allowed; the publisher is told why, and the name is free.
func TestWatch(t *testing.T) {
	var e ends
	h := Live(LiveOptions{Publish: func(_ context.Context, r *PublishRequest) error {
		r.Ended = e.of("publish " + r.Name)
		r.Watch = func(_ time.Time, bytes uint64) error {
			if bytes < 1000 {
				return nil
			}
			return &Refusal{Cause: CauseLimit, Rule: "too much", Status: status.New(Code(StagePublish, CauseLimit), "Too much.")}
		}
		return nil
	}})
	w := serve(t, h, func(s *Server) { s.Limits.PingInterval = 40 * time.Millisecond })
	c := dial(t, w.url("live"), nil)
	pub, err := c.Publish(t.Context(), "cam")
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.WriteVideo(t.Context(), 0, append(frame(true, 1), make([]byte, 2000)...)); err != nil {
		t.Fatal(err)
	}
	r := w.wantRefusal(t, CauseLimit)
	if r.Rule != "too much" || r.Status.Code != status.PublishDenied || r.Stage != StagePublish || r.XStatus != 409 {
		t.Errorf("%+v", r)
	}
	e.want(t, "publish cam begun=true bytes=true")
	if w.Streams().Live("live/cam") {
		t.Error("still live")
	}
}

// LiveOptions.Call stands before methods, those that do not exist too.
func TestLiveCall(t *testing.T) {
	h := Live(LiveOptions{
		Call: func(_ context.Context, method string) error {
			if method == "open" {
				return nil
			}
			return &Refusal{Cause: CausePolicy, Status: status.New(Code(StageCall, CausePolicy), "Not from here.")}
		},
		Methods: Methods{"open": func(context.Context, []amf.Value) (amf.Value, error) { return "yes", nil },
			"shut": func(context.Context, []amf.Value) (amf.Value, error) { return "no", nil }},
	})
	w := serve(t, h, nil)
	c := dial(t, w.url("live"), nil)
	if v, err := c.Call(t.Context(), "open"); v != "yes" || err != nil {
		t.Error(v, err)
	}
	for _, name := range []string{"shut", "nothing"} {
		_, err := c.Call(t.Context(), name)
		if st := wantStatus(t, err, status.CallProhibited); st.Description != "Not from here." {
			t.Error(st)
		}
	}
}

// A challenge is told like a refusal and is none.
func TestChallenge(t *testing.T) {
	asked := make(chan *Refusal, 1)
	h := HandlerFunc(func(context.Context, *Client, []amf.Value) (Session, error) {
		return nil, &Refusal{Cause: CauseChallenge, Rule: "log-in", Status: status.New(status.ConnectRejected, "[ AccessManager.Reject ] : who?")}
	})
	w := serve(t, h, func(s *Server) {
		s.OnChallenge = func(r *Refusal) { asked <- r }
		s.Words = func(*Refusal) *status.Status { return status.New(status.ConnectFailed, "other words") }
	})
	_, err := rtmp.Dial(t.Context(), w.url("live"), nil)
	if st := wantStatus(t, err, status.ConnectRejected); st.Description != "[ AccessManager.Reject ] : who?" {
		t.Error(st)
	}
	if r := <-asked; r.XStatus != 100 || r.Peer == nil || r.App != "live" {
		t.Errorf("%+v", r)
	}
	if n := w.Refusals().Total; n != 0 {
		t.Errorf("%d refusals are counted", n)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.refusals) != 0 {
		t.Errorf("recorded: %v", w.refusals)
	}
}

// Words replaces what the client is told, at every stage, and what is recorded says the same.
func TestWords(t *testing.T) {
	h := HandlerFunc(func(_ context.Context, c *Client, _ []amf.Value) (Session, error) {
		if c.App == "shut" {
			return nil, Reject("no", nil)
		}
		return Live(LiveOptions{Publish: func(context.Context, *PublishRequest) error { return errors.New("no") },
			Play: func(context.Context, *PlayRequest) error { return errors.New("no") }}).Connect(t.Context(), c, nil)
	})
	w := serve(t, h, func(s *Server) {
		s.Words = func(r *Refusal) *status.Status {
			return status.New(status.Code("NetStream.Own."+strings.ToUpper(string(r.Stage))), r.App+" "+string(r.Cause))
		}
	})
	_, err := rtmp.Dial(t.Context(), w.url("shut"), nil)
	c := dial(t, w.url("live"), nil)
	_, err2 := c.Publish(t.Context(), "cam")
	_, err3 := c.Play(t.Context(), "cam", rtmp.PlayOptions{})
	_, err4 := c.Call(t.Context(), "nothing")
	for i, tc := range []struct {
		err  error
		want string
	}{{err, "NetStream.Own.CONNECT: shut handler"}, {err2, "NetStream.Own.PUBLISH: live failed"},
		{err3, "NetStream.Own.PLAY: live failed"}, {err4, "NetStream.Own.CALL: live not-found"}} {
		if st, ok := status.Of(tc.err); !ok || st.Error() != tc.want {
			t.Errorf("%d: %v, want %s", i, tc.err, tc.want)
		}
	}
	if r := w.wantRefusal(t, CauseHandler); r.Status.Description != "shut handler" {
		t.Error(r)
	}
}

// A client that leaves while it is being decided about is not refused.
func TestLeftWhileDeciding(t *testing.T) {
	asked := make(chan struct{}, 2)
	wait := func(ctx context.Context) error {
		asked <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	var e ends
	h := HandlerFunc(func(ctx context.Context, c *Client, _ []amf.Value) (Session, error) {
		if c.App == "slow" {
			return nil, wait(ctx)
		}
		return Live(LiveOptions{Publish: func(ctx context.Context, _ *PublishRequest) error { return wait(ctx) },
			Close: func(error) { e.add("close") }}).Connect(ctx, c, nil)
	})
	w := serve(t, h, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := rtmp.Dial(ctx, w.url("slow"), nil); err == nil {
		t.Error("connected")
	}
	c := dial(t, w.url("live"), nil)
	go func() { <-asked; _ = c.Close() }()
	if _, err := c.Publish(t.Context(), "cam"); err == nil {
		t.Error("published")
	}
	e.want(t, "close")
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.refusals) != 0 {
		t.Errorf("recorded: %v", w.refusals)
	}
}
