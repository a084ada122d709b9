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

func TestPendingCallsAreBounded(t *testing.T) {
	var ct callTable
	ct.init(2)
	for range 2 {
		if _, _, err := ct.add(); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := ct.add()
	var limit *rtmp.LimitError
	if !errors.As(err, &limit) || limit.Option != "pending_calls" {
		t.Errorf("third call: %v", err)
	}
	ct.answer(1, nil, nil)
	ct.answer(99, nil, nil) // an answer to nothing
	if _, _, err := ct.add(); err != nil {
		t.Errorf("after an answer: %v", err)
	}
}
