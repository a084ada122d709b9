package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// A Go program is called by name, as a server is.
func TestClientMethods(t *testing.T) {
	m := NewClient()
	m.Register("play", func(c *rtmp.Client, name string) (string, error) { // no command where the server calls
		v, err := Call[string](t.Context(), c, "echo", name)
		return v + "!", err
	})
	m.Register("square", func(_ context.Context, n uint8) int { return int(n) * int(n) })
	m.Register("onBWDone", func(...any) {})
	server := New()
	server.Register("echo", func(s string) string { return s })
	server.Register("back", func(ctx context.Context, c *app.Client, name string, args ...any) (any, error) {
		return Call[any](ctx, c, name, args...)
	})
	w := serve(t, server, nil)
	c := w.dial(t, rtmp.ClientConfig{Handler: m.Answer})
	for _, tt := range []struct {
		args []any
		want amf.Value
		told string
	}{
		{[]any{"square", 12}, int32(144), ""},
		{[]any{"square", 256}, nil, "Failed to execute method (square): argument 1 has to be a whole number from 0 to 255, not the number 256."},
		{[]any{"none"}, nil, "Method not found (none)."},
	} {
		v, err := Call[any](t.Context(), c, "back", tt.args...)
		st, _ := status.Of(err)
		if tt.told == "" && (err != nil || amf.Format(v) != amf.Format(tt.want)) || tt.told != "" && (st == nil || st.Description != tt.told || st.Code != status.CallFailed) {
			t.Errorf("%v: %v, %v", tt.args, v, err)
		}
	}
	// The server's one client is in a call of its own while it is called: it is called by another goroutine of the server.
	v, err := Call[string](t.Context(), w.Clients()[0], "play", "song")
	if v != "song!" || err != nil {
		t.Errorf("play: %v %v", v, err)
	}
	func() {
		defer func() {
			if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "then *rtmp.Client") {
				t.Errorf("a server's client in a client's method: %v", p)
			}
		}()
		m.Register("x", func(*app.Client) {})
	}()
}

func TestCallMapsResults(t *testing.T) {
	w := serve(t, samples(), nil)
	c := w.dial(t, rtmp.ClientConfig{})
	if v, err := Call[int](t.Context(), c, "sum", 1, 2); v != 3 || err != nil {
		t.Errorf("as int: %v %v", v, err)
	}
	if v, err := Call[*point](t.Context(), c, "move", point{X: 1, Name: "p"}, 4); err != nil || *v != (point{5, 0, "p"}) {
		t.Errorf("as a struct: %v %v", v, err)
	}
	if v, err := Call[*point](t.Context(), c, "move"); v != nil || err != nil {
		t.Errorf("null as a pointer: %v %v", v, err)
	}
	if v, err := Call[any](t.Context(), c, "nothing"); v != nil || err != nil {
		t.Errorf("anything: %v %v", v, err)
	}
	for want, call := range map[string]func() error{
		"rpc: the result of sum has to be a string, not the number 3":           func() error { _, err := Call[string](t.Context(), c, "sum", 1, 2); return err },
		"rpc: the result of nothing has to be a number, not null":               func() error { _, err := Call[float64](t.Context(), c, "nothing"); return err },
		"rpc: argument 2 of sum: amf: type does not fit":                        func() error { _, err := Call[any](t.Context(), c, "sum", 1, make(chan int)); return err },
		"NetConnection.Call.Failed: Failed to execute method (sum): argument 2": func() error { _, err := Call[any](t.Context(), c, "sum", 1); return err },
	} {
		if err := call(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
}

// Those who answer are not held up by those who do not; everybody's answer is told apart.
func TestCallAll(t *testing.T) {
	w := serve(t, New(), nil)
	answers := map[string]func() (amf.Value, error){
		"seven": func() (amf.Value, error) { return 7.0, nil },
		"text":  func() (amf.Value, error) { return "x", nil },
		"no":    func() (amf.Value, error) { return nil, status.New("Poll.Abstains", "Not this time.") },
	}
	silent := rtmptest.Dial(t, w.addr)
	silent.Open("rpc", rtmptest.Property("pageUrl", "silent"))
	leaves := rtmptest.Dial(t, w.addr)
	leaves.Open("rpc", rtmptest.Property("pageUrl", "leaves"))
	leaves.WantCommand("onBWDone")
	asked := make(chan string, len(answers))
	for name, f := range answers {
		w.dial(t, rtmp.ClientConfig{PageURL: name, Handler: func(_ context.Context, cmd *rtmp.Command) (amf.Value, error) {
			if cmd.Name != "poll" {
				return nil, nil
			}
			if amf.Format(cmd.Arg(0)) != "[1 2]" {
				t.Errorf("asked with %s", amf.Format(cmd.Arg(0)))
			}
			asked <- name
			return f()
		}})
	}
	clients := w.Clients()
	if len(clients) != 5 {
		t.Fatalf("%d clients", len(clients))
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		leaves.WantCommand("poll")
		leaves.Close()
	}()
	result := make(chan []Answer[int], 1)
	go func() { result <- CallAll[int](ctx, clients, "poll", []int{1, 2}) }()
	silent.WantCommand("poll")
	<-left
	for range answers {
		<-asked
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) { // until all others have answered or left
		if waiting(clients) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("not only the silent one is waited for")
		}
	}
	cancel(errors.New("the poll is closed"))
	got := <-result
	for i, a := range got {
		if a.Client != clients[i] {
			t.Errorf("answer %d is of another client", i)
		}
		text := fmt.Sprint(a.Value, " ", a.Err)
		want := map[string]string{"seven": "7 <nil>", "text": "0 rpc: the result of poll has to be a whole number, not a string",
			"no": "0 Poll.Abstains: Not this time.", "silent": "0 NetConnection.Call.Failed: No answer to poll: the poll is closed.",
			"leaves": "0 NetConnection.Call.Failed: No answer to poll: the connection ended."}[a.Client.PageURL]
		if !strings.HasPrefix(text, want) || a.Time <= 0 {
			t.Errorf("%s: got %s after %v, want %s", a.Client.PageURL, text, a.Time, want)
		}
	}
	for _, a := range CallAll[int](t.Context(), clients, "poll", make(chan int)) {
		if a.Err == nil || !strings.Contains(a.Err.Error(), "argument 1 of poll") {
			t.Errorf("a channel was sent: %v", a.Err)
		}
	}
	if got := CallAll[int](t.Context(), nil, "poll"); len(got) != 0 {
		t.Errorf("nobody answers %v", got)
	}
}

// waiting is how many clients have not answered a call.
func waiting(clients []*app.Client) (n int) {
	for _, c := range clients {
		if c.PendingCalls() > 0 {
			n++
		}
	}
	return n
}

// Where there are more clients than are asked at once, silent ones do not keep the others from being asked.
func TestCallAllInTurns(t *testing.T) {
	w := serve(t, New(), nil)
	silent := rtmptest.Dial(t, w.addr)
	silent.Open("rpc")
	called := make(chan struct{})
	w.dial(t, rtmp.ClientConfig{Handler: func(_ context.Context, cmd *rtmp.Command) (amf.Value, error) {
		if cmd.Name == "n" {
			close(called)
		}
		return 1.0, nil
	}})
	clients := w.Clients()
	list := append(slices.Repeat(clients[:1], 5), clients[1])
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan []Answer[float64], 1)
	go func() { done <- round[float64]{2, 10 * time.Millisecond}.call(ctx, list, "n", nil) }()
	<-called
	for deadline := time.Now().Add(20 * time.Second); clients[1].PendingCalls() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the answer does not come")
		}
	}
	for i, a := range (round[float64]{2, time.Hour}).call(ctx, slices.Repeat(clients[1:], 20), "m", nil) {
		if a.Err != nil || a.Value != 1 {
			t.Errorf("place %d was not given back: %v", i, a.Err)
		}
	}
	cancel()
	for i, a := range <-done {
		if (a.Err == nil) != (i == 5) {
			t.Errorf("answer %d: %v %v", i, a.Value, a.Err)
		}
	}
}

// More than one client may be asked at once are an error of their own.
func TestCallAllOverTheLimit(t *testing.T) {
	w := serve(t, New(), func(s *app.Server) { s.Limits.PendingCalls = 1; s.Limits.CallTimeout = 50 * time.Millisecond })
	silent := rtmptest.Dial(t, w.addr)
	silent.Open("rpc")
	got := CallAll[any](t.Context(), slices.Repeat(w.Clients(), 2), "n")
	var limit *rtmp.LimitError
	if !errors.As(got[1].Err, &limit) || limit.Option != "pending_calls" {
		t.Errorf("the second: %v", got[1].Err)
	}
	if st, _ := status.Of(got[0].Err); st == nil || st.Description != "No answer to n: context deadline exceeded." {
		t.Errorf("the first: %v", got[0].Err)
	}
}

func TestNotifyAll(t *testing.T) {
	w := serve(t, New(), nil)
	heard := make(chan string, 2)
	m := NewClient()
	m.Register("news", func(p point, more ...string) { heard <- p.Name + strings.Join(more, "") })
	for _, encoding := range []int{0, 3} {
		w.dial(t, rtmp.ClientConfig{Handler: m.Answer, ObjectEncoding: encoding})
	}
	if n, err := NotifyAll(w.Clients(), "news", point{Name: "a"}, "b"); n != 2 || err != nil {
		t.Errorf("told %d, %v", n, err)
	}
	for range 2 {
		if got := <-heard; got != "ab" {
			t.Errorf("heard %q", got)
		}
	}
	if _, err := NotifyAll(w.Clients(), "news", func() {}); err == nil {
		t.Error("a function was sent")
	}
}
