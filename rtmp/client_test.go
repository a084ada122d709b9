package rtmp_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
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

func TestDial(t *testing.T) {
	url := serve(t, func(p *rtmptest.Peer) {
		p.Handshake()
		m := p.WantCommand("connect")
		want := `{app:"app" flashVer:"T/1" swfUrl:"s" tcUrl:"rtmp://` + p.Conn().LocalAddr().String() + `/app" fpad:true`
		if got := amf.Format(m.Command.Object); !strings.HasPrefix(strings.ReplaceAll(got, ",", ""), want) {
			t.Errorf("connect object %s, want %s…", got, want)
		}
		if m.Command.Transaction != 1 || len(m.Args) != 2 || m.Args[0] != "joe" || m.Args[1] != 42.0 {
			t.Errorf("transaction %v, arguments %v", m.Command.Transaction, m.Args)
		}
		p.Accept(m)
		if m := p.WantMessage(rtmp.TypeWindowAckSize); hex.EncodeToString(m.Payload) != "002625a0" {
			t.Errorf("window %x", m.Payload)
		}
		if m := p.WantMessage(rtmp.TypeSetChunkSize); hex.EncodeToString(m.Payload) != "00001000" {
			t.Errorf("chunk size %x", m.Payload)
		}
		p.WantClosed()
	})
	var seen events
	c := dial(t, url+"/key", &rtmp.ClientConfig{
		FlashVer: "T/1", SWFURL: "s", Properties: []amf.Prop{{Key: "fpad", Value: true}}, Args: []amf.Value{"joe", 42.0},
		OnStatus: seen.add,
	})
	if c.Info().Code != status.ConnectSuccess || c.Info().Description != "Connection succeeded." {
		t.Errorf("info %v", c.Info())
	}
	if o, _ := c.Properties().(*amf.Object); o.String("fmsVer") != "FMS/4,5,2,524" {
		t.Errorf("properties %v", c.Properties())
	}
	if c.Err() != nil {
		t.Errorf("error %v while open", c.Err())
	}
	if c.URL().Stream != "key" || c.Conn().RemoteAddr() == nil {
		t.Error("the URL or the address is lost")
	}
	_ = c.Close()
	_ = c.Close()
	<-c.Done()
	wantStatus(t, c.Err(), status.ConnectClosed)
	if !errors.Is(c.Err(), rtmp.ErrClientClosed) {
		t.Errorf("error %v, want ErrClientClosed in it", c.Err())
	}
	if got := seen.codes(); got != "Connect.Success Connect.Closed" {
		t.Errorf("events %q", got)
	}
}

// redirect is what Flash Media Server refuses with to send a client elsewhere.
var redirect = status.New(status.ConnectRejected, "Connection failed").With("ex", amf.NewObject(
	amf.Prop{Key: "code", Value: 302.0}, amf.Prop{Key: "redirect", Value: "rtmp://b.example/app"}))

func TestDialRefused(t *testing.T) {
	refuse := func(s *status.Status) func(p *rtmptest.Peer) {
		return func(p *rtmptest.Peer) {
			p.Handshake()
			p.Refuse(p.WantCommand("connect"), s)
			p.Send(rtmp.CloseCommand())
		}
	}
	after := func(fn func(p *rtmptest.Peer, connect *rtmptest.Received)) func(p *rtmptest.Peer) {
		return func(p *rtmptest.Peer) {
			p.Handshake()
			fn(p, p.WantCommand("connect"))
		}
	}
	const failed, rejected = "NetConnection.Connect.Failed", "NetConnection.Connect.Rejected"
	for _, tt := range []struct {
		name   string
		script func(p *rtmptest.Peer)
		want   string // in the error
		events string
	}{
		{"HTTP", func(p *rtmptest.Peer) {
			p.SendRaw([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			p.CloseWrite()
			_, _ = p.Conn().Read(make([]byte, 4096))
		}, failed + ": connect to ADDR: the server answered in HTTP", "Connect.Failed"},
		{"garbage", func(p *rtmptest.Peer) {
			p.SendRaw([]byte("SSH-2.0-x\r\n"))
			_, _ = p.Conn().Read(make([]byte, 4096))
		}, failed + ": connect to ADDR: ", "Connect.Failed"},
		{"closed at once", func(p *rtmptest.Peer) {
			_, _ = p.Conn().Read(make([]byte, 4096))
		}, failed + ": connect to ADDR: the server closed the connection during the handshake", "Connect.Failed"},
		{"closed after the handshake", (*rtmptest.Peer).Handshake, failed + ": connect to ADDR: ", "Connect.Failed"},
		{"closed before the answer", after(func(*rtmptest.Peer, *rtmptest.Received) {}),
			failed + ": connect to ADDR: the server closed the connection before it answered connect", "Connect.Failed"},
		{"close instead of an answer", after(func(p *rtmptest.Peer, _ *rtmptest.Received) { p.Send(rtmp.CloseCommand()) }),
			failed + ": connect to ADDR: the server closed the connection before it answered connect", "Connect.Failed"},
		{"reset before the answer", after(func(p *rtmptest.Peer, _ *rtmptest.Received) { p.Reset() }),
			failed + ": connect to ADDR: ", "Connect.Failed"},
		{"not a message", after(func(p *rtmptest.Peer, _ *rtmptest.Received) { p.SendRaw([]byte{0xC7}) }),
			failed + ": connect to ADDR: rtmp chunk stream", "Connect.Failed"},
		{"an undecodable answer", after(func(p *rtmptest.Peer, _ *rtmptest.Received) {
			p.SendMessage(&rtmp.Message{Type: 20, CSID: 3, Payload: []byte{2, 0, 9, 'x'}})
		}), failed + ": connect to ADDR: rtmp: command", "Connect.Failed"},
		{"rejected", refuse(status.New(status.ConnectRejected, "[ Server.Reject ] : Go away.")),
			rejected + ": [ Server.Reject ] : Go away.", "Connect.Rejected Connect.Closed"},
		{"redirected", refuse(redirect), rejected + ": Connection failed", "Connect.Rejected Connect.Closed"},
		{"invalid application", refuse(status.New(status.ConnectInvalidApp, "No.")),
			"NetConnection.Connect.InvalidApp: No.", "Connect.InvalidApp Connect.Closed"},
		{"shut down, as a status", after(func(p *rtmptest.Peer, _ *rtmptest.Received) {
			p.Send(rtmp.OnStatus(0, status.New(status.ConnectAppShutdown, "Bye.")), rtmp.CloseCommand())
		}), "NetConnection.Connect.AppShutdown: Bye.", "Connect.AppShutdown Connect.Closed"},
		{"refused by _result", after(func(p *rtmptest.Peer, m *rtmptest.Received) {
			p.Send(m.Command.Result(nil, status.New(status.ConnectRejected, "No.").Object()))
		}), rejected + ": No.", "Connect.Rejected Connect.Closed"},
		{"_error with a text", after(func(p *rtmptest.Peer, m *rtmptest.Received) {
			p.Send(&rtmp.Command{Name: "_error", Transaction: 1, Args: []amf.Value{"broken"}})
		}), failed + `: "broken"`, "Connect.Failed Connect.Closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := serve(t, tt.script)
			var seen events
			c, err := rtmp.Dial(t.Context(), url, &rtmp.ClientConfig{OnStatus: seen.add})
			if err == nil {
				_ = c.Close()
				t.Fatal("connected")
			}
			if _, ok := status.Of(err); !ok {
				t.Errorf("no status in %T %v", err, err)
			}
			addr := strings.TrimSuffix(strings.TrimPrefix(url, "rtmp://"), "/app")
			if want := strings.ReplaceAll(tt.want, "ADDR", addr); !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %q, want %q", err, want)
			}
			if got := seen.codes(); got != tt.events {
				t.Errorf("events %q, want %q", got, tt.events)
			}
		})
	}
}

// A server that is slow to close gets FIN from a client it has refused, not RST.
func TestDialRefusedEndsInOrder(t *testing.T) {
	done := make(chan struct{})
	url := serve(t, func(p *rtmptest.Peer) {
		defer close(done)
		p.Handshake()
		p.Refuse(p.WantCommand("connect"), status.New(status.ConnectRejected, "No."))
		time.Sleep(30 * time.Millisecond)
		p.Send(rtmp.CloseCommand())
		p.CloseWrite()
		p.WantClosed()
	})
	_, err := rtmp.Dial(t.Context(), url, nil)
	wantStatus(t, err, status.ConnectRejected)
	<-done
}

// A context that ends together with the answer wins.
func TestDialCancelledWithTheAnswer(t *testing.T) {
	url := accepted(t, func(p *rtmptest.Peer) { p.WantClosed() })
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("changed my mind")
	_, err := rtmp.Dial(ctx, url, &rtmp.ClientConfig{Trace: func(d rtmp.Direction, m *rtmp.Message) {
		if d == rtmp.In && m.Type == rtmp.TypeCommandAMF0 {
			cancel(cause)
		}
	}})
	wantStatus(t, err, status.ConnectFailed)
	if !errors.Is(err, cause) {
		t.Errorf("error %v, want the context's cause in it", err)
	}
}

func TestDialRedirectIsTold(t *testing.T) {
	url := serve(t, func(p *rtmptest.Peer) {
		p.Handshake()
		p.Refuse(p.WantCommand("connect"), redirect)
	})
	_, err := rtmp.Dial(t.Context(), url, nil)
	s := wantStatus(t, err, status.ConnectRejected)
	if len(s.Extra) != 1 || s.Extra[0].Key != "ex" {
		t.Fatalf("extra properties %v", s.Extra)
	}
	if ex := s.Extra[0].Value.(*amf.Object); ex.String("redirect") != "rtmp://b.example/app" {
		t.Errorf("ex %v", ex)
	}
}

func TestDialUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	for _, url := range []string{"rtmp://" + addr + "/app", "http://" + addr, "rtmp://", "nonsense"} {
		var seen events
		_, err := rtmp.Dial(t.Context(), url, &rtmp.ClientConfig{OnStatus: seen.add})
		wantStatus(t, err, status.ConnectFailed)
		if seen.codes() != "Connect.Failed" {
			t.Errorf("%s: events %q", url, seen.codes())
		}
	}
}

func TestDialTimeout(t *testing.T) {
	url := serve(t, func(p *rtmptest.Peer) {
		p.Handshake()
		p.WantCommand("connect")
		p.WantClosed()
	})
	_, err := rtmp.Dial(t.Context(), url, &rtmp.ClientConfig{Timeout: 50 * time.Millisecond})
	if s := wantStatus(t, err, status.ConnectFailed); !strings.Contains(s.Description, "no answer within 50ms") {
		t.Errorf("description %q", s.Description)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("changed my mind")
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	_, err = rtmp.Dial(ctx, url, nil)
	wantStatus(t, err, status.ConnectFailed)
	if !errors.Is(err, cause) {
		t.Errorf("error %v, want the context's cause in it", err)
	}
}

func TestDialAnswers(t *testing.T) {
	for name, answer := range map[string]func(p *rtmptest.Peer, m *rtmptest.Received){
		"undefined":       func(p *rtmptest.Peer, m *rtmptest.Received) { p.Send(m.Command.Result(nil, amf.Undefined)) },
		"no arguments":    func(p *rtmptest.Peer, m *rtmptest.Received) { p.Send(m.Command.Result(amf.Undefined)) },
		"other ID":        func(p *rtmptest.Peer, m *rtmptest.Received) { p.Send(&rtmp.Command{Name: "_result"}) },
		"onStatus":        func(p *rtmptest.Peer, _ *rtmptest.Received) { p.Send(rtmp.OnStatus(0, success())) },
		"first an object": func(p *rtmptest.Peer, m *rtmptest.Received) { p.Send(m.Command.Result(success().Object())) },
		"ECMA array": func(p *rtmptest.Peer, m *rtmptest.Received) {
			p.Send(m.Command.Result(nil, amf.NewECMA(success().Object().Props...)))
		},
		"early call": func(p *rtmptest.Peer, m *rtmptest.Received) {
			p.Send(&rtmp.Command{Name: "hello", Transaction: 9})
			p.Send(m.Command.Result(nil, success().Object()))
			p.WantError(9, status.CallFailed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			url := serve(t, func(p *rtmptest.Peer) {
				defer close(done)
				p.Handshake()
				answer(p, p.WantCommand("connect"))
			})
			c := dial(t, url, nil)
			if c.Info().Code != status.ConnectSuccess {
				t.Errorf("info %v", c.Info())
			}
			<-done
		})
	}
}

func success() *status.Status {
	return status.New(status.ConnectSuccess, "Connection succeeded.")
}

func TestDialCapabilities(t *testing.T) {
	var asked []string
	url := serve(t, func(p *rtmptest.Peer) {
		p.Handshake()
		m := p.WantCommand("connect")
		o := m.Command.Object.(*amf.Object)
		asked = append(asked, amf.Format(amf.NewObject(o.Props[8:]...)))
		if _, ok := o.Get("fourCcList"); ok {
			p.Refuse(m, status.New(status.ConnectFailed, "Unknown property."))
			return
		}
		p.Accept(m)
		p.WantClosed()
	})
	var seen events
	c := dial(t, url, &rtmp.ClientConfig{OnStatus: seen.add, Capabilities: &rtmp.Capabilities{
		FourCCList: []string{"hvc1", "*"}, VideoFourCCInfoMap: []amf.Prop{{Key: "*", Value: 4.0}},
		AudioFourCCInfoMap: []amf.Prop{{Key: "Opus", Value: 7.0}}, CapsEx: 3,
	}})
	_ = c.Close()
	<-c.Done()
	if seen.codes() != "Connect.Success Connect.Closed" {
		t.Errorf("events %q: the attempt that failed must not show", seen.codes())
	}
	if len(asked) != 2 || !strings.Contains(asked[0], `"hvc1"`) || !strings.Contains(asked[0], "capsEx:3") ||
		!strings.Contains(asked[0], "Opus") || !strings.Contains(asked[0], "videoFourCcInfoMap") || strings.Contains(asked[1], "FourCc") {
		t.Errorf("asked with %q", asked)
	}
}

func TestDialPolicy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = rtmp.Dial(t.Context(), "rtmp://"+l.Addr().String()+"/app", &rtmp.ClientConfig{
		Policy: func(u rtmp.URL, method string) error {
			if u.App != "app" || method != "connect" {
				t.Errorf("asked about %v %s", u, method)
			}
			return errors.New("not there")
		},
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			t.Error("dialled")
			return nil, errors.New("dialled")
		},
	})
	if s := wantStatus(t, err, status.CallProhibited); s.Description != "connect: not there" {
		t.Errorf("description %q", s.Description)
	}
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
