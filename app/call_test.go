package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// rpc is an application whose methods do one thing each.
func rpc() *Mux {
	mux := NewMux()
	mux.HandleFunc("rpc", func(_ context.Context, c *Client, _ []amf.Value) (Session, error) {
		return Methods{
			"echo":  func(_ context.Context, args []amf.Value) (amf.Value, error) { return amf.NewArray(args...), nil },
			"fail":  func(context.Context, []amf.Value) (amf.Value, error) { return nil, errors.New("secret") },
			"panic": func(context.Context, []amf.Value) (amf.Value, error) { panic("secret") },
			"sleep": func(context.Context, []amf.Value) (amf.Value, error) {
				time.Sleep(300 * time.Millisecond)
				return "late", nil
			},
			"words": func(context.Context, []amf.Value) (amf.Value, error) {
				return nil, status.New(status.CallFailed, "Not on Sundays.").With("day", 7.0)
			},
			"chan":  func(context.Context, []amf.Value) (amf.Value, error) { return make(chan int), nil },
			"admin": Only(Origins(c, ".example.com"), func(context.Context, []amf.Value) (amf.Value, error) { return "welcome", nil }),
			"back": func(ctx context.Context, args []amf.Value) (amf.Value, error) {
				return c.Call(ctx, "there", args...)
			},
		}, nil
	})
	return mux
}

func TestCalls(t *testing.T) {
	w := serve(t, rpc(), func(s *Server) { s.Limits.HandlerTimeout = 100 * time.Millisecond })
	p := rtmptest.Dial(t, w.addr)
	p.Open("rpc")
	p.WantCommand("onBWDone")
	tests := []struct {
		method, description string
		code                status.Code
		cause               Cause
	}{
		{"nosuch", "Method not found (nosuch).", status.CallFailed, CauseNotFound},
		{"fail", "Failed to execute method (fail).", status.CallFailed, CauseFailed},
		{"panic", "Failed to execute method (panic).", status.CallFailed, CauseFailed},
		{"sleep", "Failed to execute method (sleep).", status.CallFailed, CauseTimeout},
		{"chan", "Failed to execute method (chan).", status.CallFailed, CauseFailed},
		{"words", "Not on Sundays.", status.CallFailed, CauseHandler},
		{"admin", "This method may not be called from here.", status.CallProhibited, CausePolicy},
	}
	for _, tt := range tests {
		st := p.WantError(p.Call(tt.method), tt.code)
		if st.Description != tt.description {
			t.Errorf("%s: told %q, want %q", tt.method, st.Description, tt.description)
		}
		if r := w.wantRefusal(t, tt.cause); r.Stage != StageCall {
			t.Errorf("%s: recorded %+v", tt.method, r)
		}
	}
	m := p.WantResult(p.Call("echo", "a", 1.0, nil, amf.Undefined))
	if got := amf.Format(m.Command.Arg(0)); got != amf.Format(amf.NewArray("a", 1.0, nil, amf.Undefined)) {
		t.Errorf("echo: %s", got)
	}
	// Transaction 0 wants no answer, not even of a failure.
	p.Send(&rtmp.Command{Name: "nosuch"}, &rtmp.Command{Name: "echo"})
	p.WantResult(p.Call("echo"))
}

func TestCallFailedOnTheWire(t *testing.T) {
	w := serve(t, rpc(), nil)
	p := rtmptest.Dial(t, w.addr)
	p.Open("rpc")
	p.Send(&rtmp.Command{Name: "releaseStreem", Transaction: 2})
	m := p.WantCommand("_error")
	want, err := (&rtmp.Command{Transaction: 2}).Error(status.New(status.CallFailed, "Method not found (releaseStreem).")).Message()
	if err != nil || string(m.Payload) != string(want.Payload) {
		t.Errorf("got %x, want %x (%v)", m.Payload, want.Payload, err)
	}
}

func TestOriginsAllowListedPages(t *testing.T) {
	w := serve(t, rpc(), nil)
	for page, allowed := range map[string]bool{
		"https://app.example.com/x": true, "https://example.com/": true, "https://badexample.com/": false, "http://[::1": false, "": false,
	} {
		p := rtmptest.Dial(t, w.addr)
		p.Open("rpc", rtmptest.Property("pageUrl", page))
		p.WantCommand("onBWDone")
		if txn := p.Call("admin"); allowed {
			p.WantResult(txn)
		} else {
			p.WantError(txn, status.CallProhibited)
		}
	}
}

func TestCommandBeforeConnect(t *testing.T) {
	w := serve(t, rpc(), nil)
	p := rtmptest.Dial(t, w.addr)
	p.Handshake()
	st := p.WantError(p.Call("echo"), status.CallFailed)
	if st.Description != "connect must come first." {
		t.Errorf("told %q", st.Description)
	}
	p.Connect("rpc")
	p.WantStatus(status.ConnectSuccess)
}

func TestUndecodableCommand(t *testing.T) {
	w := serve(t, rpc(), nil)
	p := rtmptest.Dial(t, w.addr)
	p.Open("rpc")
	p.WantCommand("onBWDone")
	head, err := amf.Append0(nil, "echo", 7.0, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.SendMessage(&rtmp.Message{Type: rtmp.TypeCommandAMF0, CSID: 3, Payload: append(head, 0x04)}) // movieclip
	p.WantError(7, status.CallBadVersion)
	p.SendMessage(&rtmp.Message{Type: rtmp.TypeCommandAMF0, CSID: 3, Payload: []byte{0xEE}})
	p.WantStatus(status.CallBadVersion)
	p.WantResult(p.Call("echo")) // it lives on
	w.wantRefusal(t, CauseEncoding)
}

func TestServerCallsClient(t *testing.T) {
	w := serve(t, rpc(), func(s *Server) { s.Limits.CallTimeout = 200 * time.Millisecond })
	answers := map[string]func(p *rtmptest.Peer, m *rtmptest.Received){
		"result": func(p *rtmptest.Peer, m *rtmptest.Received) { p.Send(m.Command.Result(nil, "from client")) },
		"error": func(p *rtmptest.Peer, m *rtmptest.Received) {
			// Flash Player's own answer: code before level, no description.
			p.Send(&rtmp.Command{Name: "_error", Transaction: m.Command.Transaction, Args: []amf.Value{amf.NewObject(
				amf.Prop{Key: "code", Value: "NetConnection.Call.Failed"}, amf.Prop{Key: "level", Value: "error"})}})
		},
		"undecodable": func(p *rtmptest.Peer, m *rtmptest.Received) {
			b, _ := amf.Append0(nil, "_result", m.Command.Transaction, nil)
			p.SendMessage(&rtmp.Message{Type: rtmp.TypeCommandAMF0, CSID: 3, Payload: append(b, 0x04)})
		},
		"silence": func(*rtmptest.Peer, *rtmptest.Received) {},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			p := rtmptest.Dial(t, w.addr)
			p.Open("rpc")
			p.WantCommand("onBWDone")
			txn := p.Call("back", "x")
			m := p.WantCommand("there")
			if m.Command.StringArg(0) != "x" || m.Command.Transaction == 0 {
				t.Errorf("called with %v, transaction %v", m.Command.Args, m.Command.Transaction)
			}
			answer(p, m)
			switch name {
			case "result":
				if m := p.WantResult(txn); m.Command.StringArg(0) != "from client" {
					t.Errorf("got %v", m.Command.Args)
				}
			case "undecodable":
				p.WantError(txn, status.CallBadVersion)
			case "silence":
				if st := p.WantError(txn, status.CallFailed); !strings.Contains(st.Description, "No answer to there") {
					t.Errorf("told %q", st.Description)
				}
			default:
				p.WantError(txn, status.CallFailed)
			}
		})
	}
}

func TestCallsEndWithTheConnection(t *testing.T) {
	failed := make(chan error, 1)
	mux := NewMux()
	mux.HandleFunc("rpc", func(_ context.Context, c *Client, _ []amf.Value) (Session, error) {
		return Methods{"go": func(ctx context.Context, _ []amf.Value) (amf.Value, error) {
			v, err := c.Call(context.WithoutCancel(ctx), "there")
			failed <- err
			return v, err
		}}, nil
	})
	w := serve(t, mux, nil)
	p := rtmptest.Dial(t, w.addr)
	p.Open("rpc")
	p.Call("go")
	p.WantCommand("there")
	p.Close()
	wantStatus(t, <-failed, status.CallFailed)
}

// What a method leaves for afterwards is done after the answer and before the next call; not when the method fails.
func TestAfter(t *testing.T) {
	mux := NewMux()
	mux.HandleFunc("rpc", func(context.Context, *Client, []amf.Value) (Session, error) {
		say := func(word string) func(context.Context) {
			return func(ctx context.Context) {
				if ctx.Err() == nil {
					_ = ClientOf(ctx).Notify("said", word)
				}
			}
		}
		later := func(ctx context.Context, word string) {
			c := ClientOf(ctx)
			if !After(ctx, func(context.Context) { _ = c.Notify("said", word) }) {
				t.Error("this is no call")
			}
		}
		return Methods{
			"now": func(ctx context.Context, _ []amf.Value) (amf.Value, error) { say("now")(ctx); return 1.0, nil },
			"then": func(ctx context.Context, _ []amf.Value) (amf.Value, error) {
				later(ctx, "then")
				later(ctx, "too")
				return 2.0, nil
			},
			"fail": func(ctx context.Context, _ []amf.Value) (amf.Value, error) {
				later(ctx, "never")
				return nil, errors.New("no")
			},
			"panic": func(ctx context.Context, _ []amf.Value) (amf.Value, error) {
				After(ctx, func(context.Context) { panic("asked to") })
				return 3.0, nil
			},
		}, nil
	})
	w := serve(t, mux, nil)
	p := rtmptest.Dial(t, w.addr)
	p.Open("rpc")
	p.WantCommand("onBWDone")
	for _, name := range []string{"now", "then", "fail", "panic", "now"} {
		p.Call(name)
	}
	for i, want := range []string{`said "now"`, `_result 1`, `_result 2`, `said "then"`, `said "too"`, `_error {`, `_result 3`, `said "now"`} {
		name, _, _ := strings.Cut(want, " ")
		if got := name + " " + amf.Format(p.WantCommand(name).Command.Arg(0)); !strings.HasPrefix(got, want) {
			t.Errorf("%d: got %s, want %s", i, got, want)
		}
	}
	p.WantCommand("_result")
	if After(context.Background(), nil) || ClientOf(context.Background()) != nil {
		t.Error("what is no call has no client and nothing after it")
	}
	c := w.Clients()[0]
	deadline := time.Now().Add(10 * time.Second)
	for {
		answered, refused := c.Calls()
		if answered == 4 && refused == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d calls answered, %d refused; want 4 and 1", answered, refused)
		}
		time.Sleep(time.Millisecond)
	}
}

// onlyClient is the server's one client.
func onlyClient(t *testing.T, w *world) *Client {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if list := w.Clients(); len(list) == 1 {
			<-list[0].Answered()
			return list[0]
		}
	}
	t.Fatal("there is no client")
	return nil
}

// CallFunc answers exactly once, whatever ends the wait.
func TestCallFunc(t *testing.T) {
	w := serve(t, rpc(), func(s *Server) { s.Limits.PendingCalls, s.Limits.CallTimeout = 2, time.Hour })
	p := rtmptest.Dial(t, w.addr)
	p.Open("rpc")
	p.WantCommand("onBWDone")
	c := onlyClient(t, w)
	type answer struct {
		v   amf.Value
		err error
	}
	answers := make(chan answer, 10)
	done := func(v amf.Value, err error) { answers <- answer{v, err} }
	call := func(ctx context.Context) float64 {
		t.Helper()
		if err := c.CallFunc(ctx, done, "there", "x"); err != nil {
			t.Fatal(err)
		}
		return p.WantCommand("there").Command.Transaction
	}
	txn := call(t.Context())
	p.Send(&rtmp.Command{Name: "_result", Transaction: txn, Args: []amf.Value{"yes"}}, &rtmp.Command{Name: "_result", Transaction: txn})
	if a := <-answers; a.v != "yes" || a.err != nil {
		t.Errorf("got %v", a)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	call(ctx)
	cancel(errors.New("enough"))
	if st := wantStatus(t, (<-answers).err, status.CallFailed); st.Description != "No answer to there: enough." {
		t.Errorf("told %q", st.Description)
	}
	call(t.Context())
	call(t.Context())
	var limit *rtmp.LimitError
	if err := c.CallFunc(t.Context(), done, "there"); !errors.As(err, &limit) || limit.Option != "pending_calls" {
		t.Errorf("a third one: %v", err)
	}
	p.Close()
	for range 2 {
		if st := wantStatus(t, (<-answers).err, status.CallFailed); st.Description != "No answer to there: the connection ended." {
			t.Errorf("told %q", st.Description)
		}
	}
	if err := c.CallFunc(t.Context(), done, "there"); err == nil {
		if a := <-answers; a.err == nil {
			t.Errorf("a lost client answers %v", a)
		}
	}
	if len(answers) != 0 {
		t.Errorf("more answers than calls: %v", <-answers)
	}
}

func TestNotifyAll(t *testing.T) {
	w := serve(t, rpc(), nil)
	p := [2]*rtmptest.Peer{rtmptest.Dial(t, w.addr), rtmptest.Dial(t, w.addr)}
	for i, p := range p {
		p.Open("rpc", rtmptest.Property("objectEncoding", float64(3*i)))
		p.WantCommand("onBWDone")
	}
	gone := rtmptest.Dial(t, w.addr)
	gone.Open("rpc")
	clients := w.Clients()
	gone.Close()
	<-clients[2].Context().Done()
	if n, err := NotifyAll(clients, "news", "x", 1.0); n != 2 || err != nil {
		t.Errorf("told %d, %v", n, err)
	}
	for i, p := range p {
		m := p.WantCommand("news")
		if m.Command.AMF3 != (i == 1) || m.Command.Transaction != 0 || m.Command.StringArg(0) != "x" {
			t.Errorf("peer %d: %+v", i, m.Command)
		}
	}
	if _, err := NotifyAll(clients, "news", make(chan int)); err == nil {
		t.Error("a channel was sent")
	}
}

func TestPingAndOnClose(t *testing.T) {
	w := serve(t, rpc(), func(s *Server) { s.Limits.CallTimeout = 100 * time.Millisecond })
	other := dial(t, w.url("rpc"), nil)
	c := onlyClient(t, w)
	if c.RTT() != 0 {
		t.Errorf("RTT %v before any ping", c.RTT())
	}
	for range 20 { // the machine may be too busy for 100 ms
		if d, err := c.Ping(t.Context()); err == nil {
			if d <= 0 || c.RTT() != d {
				t.Errorf("measured %v, RTT %v", d, c.RTT())
			}
			break
		}
	}
	if c.RTT() == 0 {
		t.Error("never answered")
	}
	closed := make(chan error, 2)
	c.OnClose(func(reason error) { closed <- reason })
	_ = other.Close()
	if reason := <-closed; !errors.Is(reason, ErrClosedByPeer) {
		t.Errorf("reason %v", reason)
	}
	c.OnClose(func(reason error) { closed <- reason })
	if reason := <-closed; !errors.Is(reason, ErrClosedByPeer) {
		t.Errorf("afterwards: %v", reason)
	}
	if _, err := c.Ping(t.Context()); !errors.Is(err, ErrClosedByPeer) {
		t.Errorf("ping of a lost client: %v", err)
	}

	p := rtmptest.Dial(t, w.addr) // answers no pings by itself
	p.Open("rpc")
	if _, err := onlyClient(t, w).Ping(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ping of one that does not answer: %v", err)
	}
}
