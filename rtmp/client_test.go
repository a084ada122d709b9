package rtmp_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// serve runs script as a server and returns the URL of an application on it.
func serve(t *testing.T, script func(p *rtmptest.Peer)) string {
	t.Helper()
	return "rtmp://" + rtmptest.Serve(t, script) + "/app"
}

// accepted runs script as a server that has accepted connect.
func accepted(t *testing.T, script func(p *rtmptest.Peer)) string {
	t.Helper()
	return serve(t, func(p *rtmptest.Peer) {
		p.Handshake()
		p.Accept(p.WantCommand("connect"))
		script(p)
	})
}

// events records what OnStatus is told.
type events struct {
	mu   sync.Mutex
	list []*status.Status
}

func (e *events) add(s *status.Status) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, s)
}

func (e *events) codes() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var codes []string
	for _, s := range e.list {
		codes = append(codes, strings.TrimPrefix(string(s.Code), "NetConnection."))
	}
	return strings.Join(codes, " ")
}

func dial(t *testing.T, url string, cfg *rtmp.ClientConfig) *rtmp.Client {
	t.Helper()
	c, err := rtmp.Dial(t.Context(), url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func wantStatus(t *testing.T, err error, code status.Code) *status.Status {
	t.Helper()
	s, ok := status.Of(err)
	if !ok || s.Code != code {
		t.Fatalf("error %v, want %s", err, code)
	}
	return s
}

func ctxFor(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func success() *status.Status {
	return status.New(status.ConnectSuccess, "Connection succeeded.")
}

func TestCall(t *testing.T) {
	url := accepted(t, func(p *rtmptest.Peer) {
		m := p.WantCommand("sum")
		if amf.Format(m.Args[0]) != "1" || amf.Format(m.Args[1]) != "2" || m.Command.Transaction == 0 {
			t.Errorf("arguments %v, transaction %v", m.Args, m.Command.Transaction)
		}
		p.Send(&rtmp.Command{Name: "_result", Transaction: 77, Args: []amf.Value{"for nobody"}})
		p.Send(m.Command.Result(nil, 3.0))
		p.Send(p.WantCommand("nothing").Command.Result(nil))
		p.Refuse(p.WantCommand("refused"), status.New("Custom.Code", "Because.").With("n", 1.0))
		m = p.WantCommand("text")
		p.Send(&rtmp.Command{Name: "_error", Transaction: m.Command.Transaction, Args: []amf.Value{"oops"}})
		m = p.WantCommand("broken")
		body, _ := amf.Append0(nil, "_result", m.Command.Transaction, nil)
		p.SendMessage(&rtmp.Message{Type: 20, CSID: 3, Payload: append(body, 0x02, 0xFF)})
		late := p.WantCommand("late")
		m = p.WantCommand("notify")
		if m.Command.Transaction != 0 {
			t.Errorf("transaction %v, want 0", m.Command.Transaction)
		}
		p.Send(late.Command.Result(nil, "too late"))
		p.WantCommand("last")
	})
	var seen events
	c := dial(t, url, &rtmp.ClientConfig{OnStatus: seen.add})
	ctx := ctxFor(t, 5*time.Second)

	if v, err := c.Call(ctx, "sum", 1, int32(2)); err != nil || v != 3.0 {
		t.Errorf("sum: %v, %v", v, err)
	}
	if v, err := c.Call(ctx, "nothing"); err != nil || v != amf.Undefined {
		t.Errorf("nothing: %v, %v", v, err)
	}
	_, err := c.Call(ctx, "refused")
	s := wantStatus(t, err, "Custom.Code")
	if s.Description != "Because." || len(s.Extra) != 1 || s.Level != "error" {
		t.Errorf("refused: %+v", s)
	}
	_, err = c.Call(ctx, "text")
	if s := wantStatus(t, err, status.CallFailed); s.Description != `"oops"` {
		t.Errorf("text: %+v", s)
	}
	_, err = c.Call(ctx, "broken")
	wantStatus(t, err, status.CallBadVersion)
	if !errors.Is(err, amf.ErrTruncated) {
		t.Errorf("broken: %v, want the decoder's error in it", err)
	}
	_, err = c.Call(ctxFor(t, 20*time.Millisecond), "late")
	wantStatus(t, err, status.CallFailed)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("late: %v, want the context's error in it", err)
	}
	if err := c.Notify("notify"); err != nil {
		t.Error(err)
	}
	if err := c.Notify("bad", make(chan int)); err == nil {
		t.Error("a channel was sent as an argument")
	}
	_, err = c.Call(ctx, "last") // the server ends instead of answering
	wantStatus(t, err, status.CallFailed)
	if !errors.Is(err, &status.Status{Code: status.ConnectClosed}) {
		t.Errorf("last: %v, want the end of the connection in it", err)
	}
	<-c.Done()
	_, err = c.Call(ctx, "after")
	wantStatus(t, err, status.CallFailed)
	wantStatus(t, c.Notify("after"), status.ConnectClosed)
	if seen.codes() != "Connect.Success Connect.Closed" {
		t.Errorf("events %q", seen.codes())
	}
}

func TestCallProhibited(t *testing.T) {
	url := accepted(t, func(p *rtmptest.Peer) { p.WantClosed() })
	c := dial(t, url, &rtmp.ClientConfig{Policy: func(_ rtmp.URL, method string) error {
		if method == "connect" {
			return nil
		}
		return fmt.Errorf("%s is not allowed", method)
	}})
	_, err := c.Call(t.Context(), "secret")
	wantStatus(t, err, status.CallProhibited)
	wantStatus(t, c.Notify("secret"), status.CallProhibited)
	_, err = c.Publish(t.Context(), "x")
	wantStatus(t, err, status.CallProhibited)
	_, err = c.Play(t.Context(), "x", rtmp.PlayOptions{})
	wantStatus(t, err, status.CallProhibited)
}

func TestUndecodableMessages(t *testing.T) {
	done := make(chan struct{})
	url := accepted(t, func(p *rtmptest.Peer) {
		p.SendMessage(&rtmp.Message{Type: 20, CSID: 3, Payload: []byte{0x42}})
		p.SendMessage(&rtmp.Message{Type: 18, CSID: 3, Payload: []byte{0, 0, 0, 0}})
		p.SendMessage(&rtmp.Message{Type: 4, CSID: 2, Payload: []byte{0}})
		p.SendMessage(&rtmp.Message{Type: 20, CSID: 3}) // empty
		p.Send(&rtmp.Command{Name: "onStatus", Args: []amf.Value{"no object"}})
		p.Send(&rtmp.Command{Name: "alive", Transaction: 5})
		p.WantError(5, status.CallFailed)
		close(done)
	})
	var seen events
	dial(t, url, &rtmp.ClientConfig{OnStatus: seen.add})
	<-done
	if got := seen.codes(); !strings.HasPrefix(got, "Connect.Success Call.BadVersion") {
		t.Errorf("events %q", got)
	}
}

func TestServerCalls(t *testing.T) {
	var c *rtmp.Client
	ready := make(chan struct{})
	done := make(chan struct{})
	url := accepted(t, func(p *rtmptest.Peer) {
		defer close(done)
		p.Send(&rtmp.Command{Name: "onBWDone"}, &rtmp.Command{Name: "add", Transaction: 2, Args: []amf.Value{1.0, 2.0}})
		if m := p.WantResult(2); m.Args[0] != 3.0 {
			t.Errorf("add returned %v", m.Args)
		}
		p.Send(&rtmp.Command{Name: "status", Transaction: 3})
		if s := p.WantError(3, "My.Code"); s.Description != "Mine." {
			t.Errorf("status %+v", s)
		}
		p.Send(&rtmp.Command{Name: "error", Transaction: 4})
		if s := p.WantError(4, status.CallFailed); s.Description != "Failed to execute method (error)." {
			t.Errorf("status %+v", s)
		}
		p.Send(&rtmp.Command{Name: "unencodable", Transaction: 5}, &rtmp.Command{Name: "status", Transaction: 0})
		p.WantError(5, status.CallFailed)
		p.Send(&rtmp.Command{Name: "back", Transaction: 6})
		p.Send(p.WantCommand("name").Command.Result(nil, "Ann"))
		if m := p.WantResult(6); m.Args[0] != "Ann" {
			t.Errorf("back returned %v", m.Args)
		}
	})
	var mu sync.Mutex
	var order []string
	handler := func(ctx context.Context, cmd *rtmp.Command) (amf.Value, error) {
		mu.Lock()
		order = append(order, cmd.Name)
		mu.Unlock()
		switch cmd.Name {
		case "add":
			a, _ := cmd.NumberArg(0)
			b, _ := cmd.NumberArg(1)
			return a + b, nil
		case "status":
			return nil, status.New("My.Code", "Mine.")
		case "unencodable":
			return make(chan int), nil
		case "back":
			<-ready
			return c.Call(ctx, "name")
		case "onBWDone":
			return nil, nil
		}
		return nil, errors.New("with inner detail")
	}
	c = dial(t, url, &rtmp.ClientConfig{Handler: handler})
	close(ready)
	<-done
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(order, []string{"onBWDone", "add", "status", "error", "unencodable", "status", "back"}) {
		t.Errorf("order %v", order)
	}
}

// Flash Player's answer to a call it has no method for, seen in a capture of Flash Player 10.
const flashCallFailed = "0200065f6572726f7200400000000000000005030004636f64650200194e6574436f6e6e656374696f6e2e43616c6c2e" +
	"4661696c656400056c6576656c0200056572726f72000009"

func TestServerCallWithoutHandler(t *testing.T) {
	done := make(chan struct{})
	url := accepted(t, func(p *rtmptest.Peer) {
		defer close(done)
		p.Send(&rtmp.Command{Name: "onBWDone"}, &rtmp.Command{Name: "onBWDone", Transaction: 2})
		if m := p.WantCommand("_error"); hex.EncodeToString(m.Payload) != flashCallFailed {
			t.Errorf("answer %x, want %s", m.Payload, flashCallFailed)
		}
		p.WantNothing(20 * time.Millisecond)
	})
	dial(t, url, nil)
	<-done
}

func TestConnectionEnds(t *testing.T) {
	shutdown := status.New(status.ConnectAppShutdown, "Bye.")
	for _, tt := range []struct {
		name   string
		end    func(p *rtmptest.Peer)
		want   status.Code
		text   string
		events string
	}{
		{"FIN", func(*rtmptest.Peer) {}, status.ConnectClosed, "the server ended the connection", "Connect.Closed"},
		{"RST", (*rtmptest.Peer).Reset, status.ConnectClosed, "reset", "Connect.Closed"},
		{"close", func(p *rtmptest.Peer) { p.Send(rtmp.CloseCommand()); p.WantClosed() },
			status.ConnectClosed, "the server sent close", "Connect.Closed"},
		{"half a message", func(p *rtmptest.Peer) { p.SendRaw([]byte{3, 0, 0}) }, status.ConnectClosed, "", "Connect.Closed"},
		{"broken chunks", func(p *rtmptest.Peer) { p.SendRaw([]byte{0xC9}); p.Timeout = time.Second; p.WantClosed() },
			status.ConnectClosed, "chunk stream 9", "Connect.Closed"},
		{"shutdown", func(p *rtmptest.Peer) { p.Send(rtmp.OnStatus(0, shutdown), rtmp.CloseCommand()); p.WantClosed() },
			status.ConnectAppShutdown, "Bye.", "Connect.AppShutdown Connect.Closed"},
		{"idle", func(p *rtmptest.Peer) { p.Send(rtmp.OnStatus(0, status.New(status.ConnectIdleTimeOut, "Idle."))) },
			status.ConnectIdleTimeOut, "Idle.", "Connect.IdleTimeOut Connect.Closed"},
		{"Closed as a status", func(p *rtmptest.Peer) {
			p.Send(rtmp.OnStatus(0, status.New(status.ConnectClosed, "Said so.")), rtmp.CloseCommand())
			p.WantClosed()
		}, status.ConnectClosed, "Said so.", "Connect.Closed"},
		{"more after Closed", func(p *rtmptest.Peer) {
			p.Send(rtmp.OnStatus(0, status.New(status.ConnectClosed, "Said so.")))
			for range 50 {
				time.Sleep(time.Millisecond)
				p.Send(&rtmp.Command{Name: "onBWDone"})
			}
			p.WantClosed()
		}, status.ConnectClosed, "Said so.", "Connect.Closed"},
		{"reconnect request", func(p *rtmptest.Peer) {
			p.Send(rtmp.OnStatus(0, status.New(status.ConnectReconnectRequest, "").With("tcUrl", "rtmp://b/app")))
		}, status.ConnectClosed, "", "Connect.ReconnectRequest Connect.Closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var seen events
			c := dial(t, accepted(t, func(p *rtmptest.Peer) {
				p.WantMessage(rtmp.TypeSetChunkSize)
				tt.end(p)
			}), &rtmp.ClientConfig{OnStatus: seen.add})
			<-c.Done()
			if s := wantStatus(t, c.Err(), tt.want); !strings.Contains(s.Description, tt.text) {
				t.Errorf("description %q, want %q", s.Description, tt.text)
			}
			if got := seen.codes(); got != "Connect.Success "+tt.events {
				t.Errorf("events %q, want %q", got, "Connect.Success "+tt.events)
			}
		})
	}
}

func TestCloseFromCallback(t *testing.T) {
	for _, where := range []string{"OnStatus", "Handler"} {
		t.Run(where, func(t *testing.T) {
			url := accepted(t, func(p *rtmptest.Peer) {
				p.Send(&rtmp.Command{Name: "now"}, rtmp.OnStatus(0, status.New("NetConnection.Now", "")))
				p.WantClosed()
			})
			var c *rtmp.Client
			ready := make(chan struct{})
			c = dial(t, url, &rtmp.ClientConfig{
				OnStatus: func(s *status.Status) {
					if where == "OnStatus" && s.Code == "NetConnection.Now" {
						<-ready
						_ = c.Close()
					}
				},
				Handler: func(context.Context, *rtmp.Command) (amf.Value, error) {
					if where == "Handler" {
						<-ready
						_ = c.Close()
					}
					return nil, nil
				},
			})
			close(ready)
			select {
			case <-c.Done():
			case <-time.After(5 * time.Second):
				t.Fatal("Close hangs in a callback")
			}
		})
	}
}

func TestCallbackQueueLimit(t *testing.T) {
	url := accepted(t, func(p *rtmptest.Peer) {
		so := &rtmp.Message{Type: rtmp.TypeSharedObjectAMF0, CSID: 3, Payload: []byte{1}}
		p.WantMessage(rtmp.TypeSetChunkSize)
		p.SendMessage(slices.Repeat([]*rtmp.Message{so}, 20)...)
	})
	block := make(chan struct{})
	c := dial(t, url, &rtmp.ClientConfig{Queue: 8, OnMessage: func(m *rtmp.Message) {
		if m.Type != rtmp.TypeSharedObjectAMF0 || len(m.Payload) != 1 {
			t.Errorf("message %+v", m)
		}
		<-block
	}})
	for c.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	close(block)
	<-c.Done()
	var le *rtmp.LimitError
	if !errors.As(c.Err(), &le) || le.Option != "client_queue" {
		t.Errorf("error %v, want the limit client_queue", c.Err())
	}
}

func TestAMF3(t *testing.T) {
	done := make(chan struct{})
	url := accepted(t, func(p *rtmptest.Peer) {
		defer close(done)
		m := p.WantCommand("echo")
		if m.Type != rtmp.TypeCommandAMF3 || m.Payload[0] != 0 {
			t.Errorf("type %d, payload %x", m.Type, m.Payload)
		}
		p.Send(m.Command.Result(nil, m.Args[0]))
	})
	c := dial(t, url, &rtmp.ClientConfig{ObjectEncoding: 3})
	v, err := c.Call(ctxFor(t, 5*time.Second), "echo", &amf.ByteArray{Data: []byte{1, 2}})
	if b, ok := v.(*amf.ByteArray); err != nil || !ok || len(b.Data) != 2 {
		t.Errorf("echo returned %v, %v", v, err)
	}
	<-done
}

func TestCloseLinger(t *testing.T) {
	release := make(chan struct{})
	url := accepted(t, func(*rtmptest.Peer) { <-release })
	c := dial(t, url, &rtmp.ClientConfig{Limits: rtmp.Limits{CloseLinger: 50 * time.Millisecond}})
	defer close(release)
	start := time.Now()
	_ = c.Close() // the server never ends
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("Close took %v", d)
	}
}
