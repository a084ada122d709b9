package rtmp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/handshake"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// accept is the least a handler can do: it answers connect, and every other command with its
// first argument.
func accept(c *rtmp.Conn, over *rtmp.LimitError) {
	var m rtmp.Message
	for {
		if err := c.ReadMessage(&m); err != nil {
			return
		}
		if m.Type != rtmp.TypeCommandAMF0 {
			continue
		}
		cmd, err := rtmp.ParseCommand(&m, amf.Limits{})
		if err != nil {
			return
		}
		switch {
		case over != nil:
			refusal := status.New(status.ConnectRejected, "[ Resource.Limit.Exceeded ] : "+over.Option)
			words, _ := cmd.Error(refusal).Message()
			bye, _ := rtmp.CloseCommand().Message()
			c.Finish(over, words, bye)
		case cmd.Name == "connect":
			_ = c.Send(rtmp.WindowAckSize(rtmp.DefaultWindow), rtmp.SetPeerBandwidth(rtmp.DefaultWindow, rtmp.LimitDynamic))
			_ = c.SendCommand(cmd.Result(amf.NewObject(), success().Object()))
		case cmd.Transaction != 0:
			_ = c.SendCommand(cmd.Result(nil, cmd.Arg(0)))
		}
	}
}

// start serves with s on a loopback port until the test ends.
func start(t testing.TB, s *rtmp.Server) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.Handler == nil {
		s.Handler = accept
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-served; err != rtmp.ErrServerClosed {
			t.Errorf("Serve returned %v", err)
		}
	})
	return l.Addr().String()
}

func TestServer(t *testing.T) {
	addr := start(t, &rtmp.Server{})
	p := rtmptest.Dial(t, addr)
	p.Open("live")
	if m := p.WantResult(p.Call("echo", "x")); m.Args[0] != "x" {
		t.Errorf("echo returned %v", m.Args)
	}
	p.CloseWrite()
	p.WantClosed()
}

func TestServerHandshakes(t *testing.T) {
	var got atomic.Value
	var traced atomic.Int32
	addr := start(t, &rtmp.Server{
		Handler: func(c *rtmp.Conn, over *rtmp.LimitError) { got.Store(c.Handshake().Scheme); accept(c, over) },
		Trace: func(nc net.Conn) rtmp.TraceFunc {
			return func(rtmp.Direction, *rtmp.Message) { traced.Add(1) }
		},
	})
	for _, digest := range []bool{false, true} {
		p := rtmptest.Dial(t, addr)
		res := p.HandshakeWith(handshake.Options{Digest: digest})
		p.Connect("live")
		p.WantStatus(status.ConnectSuccess)
		if (res.Scheme != handshake.Simple) != digest || got.Load() != res.Scheme {
			t.Errorf("digest %v: client %v, server %v", digest, res.Scheme, got.Load())
		}
	}
	if traced.Load() == 0 {
		t.Error("nothing is traced")
	}
}

func TestServerForeign(t *testing.T) {
	for _, tt := range []struct {
		name, sends, wants string
		kind               handshake.Kind
		page, policy       string
	}{
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
			"Content-Length: 38\r\nConnection: close\r\n\r\nThis is an RTMP port, not a web page.\n", handshake.HTTP, "", ""},
		{"HTTP with a page", "POST /open/1 HTTP/1.1\r\n\r\n", "The page is at http://x:8080/\n", handshake.HTTP, "http://x:8080/", ""},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00", "\x15\x03\x01\x00\x02\x02\x28", handshake.TLS, "", ""},
		{"policy request", "<policy-file-request/>\x00", "<?xml version=\"1.0\"?><cross-domain-policy><site-control permitted-cross-domain-policies=\"none\"/></cross-domain-policy>\x00",
			handshake.Policy, "", ""},
		{"own policy", "<policy-file-request/>\x00", "<mine/>\x00", handshake.Policy, "", "<mine/>"},
		{"garbage", "SSH-2.0-OpenSSH\r\n", "", handshake.Unknown, "", ""},
		{"RTMPE", "\x06", "", handshake.Encrypted, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			turned := make(chan error, 1)
			s := &rtmp.Server{
				Handler: func(*rtmp.Conn, *rtmp.LimitError) { t.Error("handled") },
				Turned:  func(_ net.Addr, why error) { turned <- why },
				PageURL: tt.page, Policy: tt.policy,
			}
			nc, err := net.Dial("tcp", start(t, s))
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			_ = nc.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.WriteString(nc, tt.sends); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(nc)
			if err != nil && tt.wants != "" {
				t.Errorf("after the answer: %v", err) // a reset would take the answer with it
			}
			if !strings.HasSuffix(string(answer), tt.wants) || tt.wants == "" && len(answer) > 0 {
				t.Errorf("answer %q, want %q", answer, tt.wants)
			}
			_ = nc.Close()
			var ne *rtmp.NotRTMPError
			if why := wantEnd(t, turned); !errors.As(why, &ne) || ne.Kind != tt.kind || ne.First != tt.sends[0] || ne.Error() == "" {
				t.Errorf("turned away for %v", why)
			}
		})
	}
}

func TestServerHandshakeTimeout(t *testing.T) {
	for name, sends := range map[string][]byte{"nothing": {}, "C0": {3}, "half of C1": make([]byte, 700)} {
		t.Run(name, func(t *testing.T) {
			turned := make(chan error, 1)
			addr := start(t, &rtmp.Server{Limits: rtmp.Limits{HandshakeTimeout: 50 * time.Millisecond},
				Turned: func(_ net.Addr, why error) { turned <- why }})
			nc, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if len(sends) > 0 {
				sends[0] = 3
			}
			_, _ = nc.Write(sends)
			if err := wantEnd(t, turned); !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "timeout") {
				t.Errorf("turned away for %v", err)
			}
		})
	}
}

// Byte by byte and with C2 glued to the first command, a handshake is a handshake.
func TestServerHandshakeInPieces(t *testing.T) {
	addr := start(t, &rtmp.Server{})
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(5 * time.Second))
	c01 := make([]byte, 1537)
	c01[0] = 3
	for i := range c01 {
		if i%100 == 0 || i < 3 {
			time.Sleep(time.Millisecond)
		}
		if _, err := nc.Write(c01[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	s := make([]byte, 3073)
	if _, err := io.ReadFull(nc, s); err != nil {
		t.Fatal(err)
	}
	p := rtmptest.NewPeer(t, &glued{Conn: nc, first: s[1:1537]})
	p.Connect("live")
	p.WantStatus(status.ConnectSuccess)
}

// glued sends first together with the first write.
type glued struct {
	net.Conn
	first []byte
}

func (g *glued) Write(b []byte) (int, error) {
	all := append(bytes.Clone(g.first), b...)
	n, err := g.Conn.Write(all)
	n -= len(g.first)
	g.first = nil
	return n, err
}

func TestServerAdmission(t *testing.T) {
	turned := make(chan error, 8)
	s := &rtmp.Server{Limits: rtmp.Limits{ConnectionsPerIP: 1}, Exempt: nil, Turned: func(_ net.Addr, why error) { turned <- why }}
	addr := start(t, s)
	for range 3 { // loopback is exempt
		rtmptest.Dial(t, addr).Open("live")
	}
	s = &rtmp.Server{Limits: rtmp.Limits{Connections: 1}}
	addr = start(t, s)
	first := rtmptest.Dial(t, addr)
	first.Open("live")
	second := rtmptest.Dial(t, addr)
	second.Handshake()
	second.Connect("live")
	if m := second.WantStatus(status.ConnectRejected); !strings.Contains(m.Status.Description, "connections") {
		t.Errorf("status %+v", m.Status)
	}
	second.WantCommand("close")
	second.WantClosed()
	first.Close()
	for range 100 { // the place is free a moment later
		p := rtmptest.Dial(t, addr)
		p.Handshake()
		p.Connect("live")
		if m := p.Next(); m.Status.Code == status.ConnectSuccess {
			return
		}
		p.Close()
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("the place of one that has left stays taken")
}

func TestServerShutdown(t *testing.T) {
	s := &rtmp.Server{}
	addr := start(t, s)
	p := rtmptest.Dial(t, addr)
	p.Open("live")
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	for {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			break // no longer listening
		}
		_ = nc.Close()
	}
	if m := p.WantResult(p.Call("echo", "still here")); m.Args[0] != "still here" {
		t.Errorf("echo returned %v", m.Args)
	}
	select {
	case err := <-done:
		t.Fatalf("Shutdown returned %v with a connection open", err)
	case <-time.After(10 * time.Millisecond):
	}
	p.Close()
	if err := wantEnd(t, done); err != nil {
		t.Error(err)
	}
}

func TestServerShutdownTimeout(t *testing.T) {
	s := &rtmp.Server{}
	p := rtmptest.Dial(t, start(t, s))
	p.Open("live")
	cause := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Millisecond, cause)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, cause) {
		t.Errorf("error %v, want %v", err, cause)
	}
	if _, err := p.Conn().Read(make([]byte, 1)); err == nil {
		t.Error("the connection lives on")
	}
}

func TestServerClosed(t *testing.T) {
	s := &rtmp.Server{Handler: accept}
	_ = s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(l); err != rtmp.ErrServerClosed {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the listener is open")
	}
	a, b := net.Pipe()
	s.ServeConn(a)
	if _, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("ServeConn: %v", err)
	}
}

func TestServeConn(t *testing.T) {
	s := &rtmp.Server{Handler: accept}
	defer s.Close()
	p := rtmptest.Pipe(t, s.ServeConn)
	p.Open("live")
	if m := p.WantResult(p.Call("echo", 2.0)); m.Args[0] != 2.0 {
		t.Errorf("echo returned %v", m.Args)
	}
}

// stumbling is a listener whose first Accepts fail.
type stumbling struct {
	net.Listener
	left atomic.Int32
}

func (l *stumbling) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: errors.New("too many open files")}
	}
	return l.Listener.Accept()
}

func TestServerAcceptErrors(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &stumbling{Listener: inner}
	l.left.Store(3)
	var log bytes.Buffer
	s := &rtmp.Server{Handler: accept, Log: slog.New(slog.NewTextHandler(&log, nil))}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	rtmptest.Dial(t, inner.Addr().String()).Open("live")
	_ = s.Close()
	if err := wantEnd(t, served); err != rtmp.ErrServerClosed {
		t.Errorf("Serve returned %v", err)
	}
	if n := strings.Count(log.String(), "too many open files"); n != 3 {
		t.Errorf("%d failures logged, want 3", n)
	}
	gone, _ := net.Listen("tcp", "127.0.0.1:0")
	_ = gone.Close()
	s = &rtmp.Server{Handler: accept}
	if err := s.Serve(gone); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve of a closed listener returned %v", err)
	}
	_ = s.Close()
}

// FuzzServerConn gives a server arbitrary bytes after the handshake. Nothing may panic or hang.
func FuzzServerConn(f *testing.F) {
	seed := func(msgs ...*rtmp.Message) {
		p := &recorder{}
		peer := rtmptest.NewPeer(f, p)
		peer.SendMessage(msgs...)
		f.Add(p.b.Bytes())
	}
	connect, _ := (&rtmp.Command{Name: "connect", Transaction: 1, Object: amf.NewObject()}).Message()
	seed(connect)
	seed(rtmp.SetChunkSize(4096), rtmp.WindowAckSize(1), rtmp.SetPeerBandwidth(7, 2), connect, rtmp.NewUserControl(rtmp.EventPingRequest, 1))
	seed(rtmp.Acknowledgement(1), &rtmp.Message{Type: 9, CSID: 6, StreamID: 1, Timestamp: 1 << 31, Payload: make([]byte, 300)})
	seed(&rtmp.Message{Type: 22, CSID: 6, Payload: make([]byte, 30)}, &rtmp.Message{Type: 2, CSID: 2, Payload: []byte{0, 0, 0, 6}})
	f.Add([]byte{0xC3, 3, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			c := rtmp.NewConn(far, rtmp.ConnOptions{Strict: true, Limits: rtmp.Limits{WriteTimeout: time.Second}})
			defer c.Wait()
			defer c.Close(errors.New("over"))
			accept(c, nil)
		}()
		go func() { _, _ = io.Copy(io.Discard, near) }()
		_ = near.SetWriteDeadline(time.Now().Add(5 * time.Second))
		_, err := near.Write(b)
		_ = near.Close()
		var ne net.Error
		if errors.As(err, &ne) && ne.Timeout() {
			t.Fatal("the server stopped reading")
		}
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			t.Fatal("the server hangs")
		}
	})
}

// recorder is a net.Conn that keeps what is written.
type recorder struct {
	net.Conn
	b bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) { return r.b.Write(b) }

func (r *recorder) SetDeadline(t time.Time) error { return nil }

func (r *recorder) Close() error { return nil }

// BenchmarkConnectLoopback is TCP, handshake, connect and close.
func BenchmarkConnectLoopback(b *testing.B) {
	addr := start(b, &rtmp.Server{})
	b.ReportAllocs()
	for range b.N {
		c, err := rtmp.Dial(context.Background(), fmt.Sprintf("rtmp://%s/live", addr), nil)
		if err != nil {
			b.Fatal(err)
		}
		_ = c.Close()
	}
}

func BenchmarkCallLoopback(b *testing.B) {
	addr := start(b, &rtmp.Server{Limits: rtmp.Limits{CommandRate: 1e9, ControlRate: 1e9}})
	c, err := rtmp.Dial(context.Background(), "rtmp://"+addr+"/live", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for range b.N {
		if v, err := c.Call(context.Background(), "echo", 1.0); v != 1.0 {
			b.Fatal(v, err)
		}
	}
}

// A handler that panics loses its own connection, not the server.
func TestServerHandlerPanics(t *testing.T) {
	var calls atomic.Int32
	addr := start(t, &rtmp.Server{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Handler: func(c *rtmp.Conn, over *rtmp.LimitError) {
		if calls.Add(1) == 1 {
			panic("first")
		}
		accept(c, over)
	}})
	p := rtmptest.Dial(t, addr)
	p.Handshake()
	p.WantClosed()
	rtmptest.Dial(t, addr).Open("live")
}
