package rtmp_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

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
