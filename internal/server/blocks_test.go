package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

// polling is the client's end of an RTMPT session, a net.Conn that asks for what has come.
type polling struct {
	net.Conn // nil: what is not below is not used
	base, id string

	mu  sync.Mutex
	seq int
	in  bytes.Buffer
}

func (p *polling) post(command string, body []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	resp, err := http.Post(fmt.Sprintf("%s/%s/%s%d", p.base, command, p.id, p.seq), "application/x-fcs", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return io.EOF
	}
	if command == "open" {
		p.id = string(bytes.TrimSpace(answer)) + "/"
		return nil
	}
	p.seq++
	p.in.Write(answer[1:])
	return nil
}

func (p *polling) Write(b []byte) (int, error) { return len(b), p.post("send", b) }

func (p *polling) Read(b []byte) (int, error) {
	for {
		p.mu.Lock()
		n, _ := p.in.Read(b)
		p.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		time.Sleep(5 * time.Millisecond)
		if err := p.post("idle", []byte{0}); err != nil {
			return 0, err
		}
	}
}

func (p *polling) Close() error                     { return p.post("close", []byte{0}) }
func (p *polling) RemoteAddr() net.Addr             { return remote("127.0.0.1:80") }
func (p *polling) LocalAddr() net.Addr              { return remote("127.0.0.1:0") }
func (p *polling) SetDeadline(time.Time) error      { return nil }
func (p *polling) SetReadDeadline(time.Time) error  { return nil }
func (p *polling) SetWriteDeadline(time.Time) error { return nil }

// ends are the ways to play, and what each is told at the end.
type ends struct {
	t *testing.T
	r running
}

// body plays by HTTP; ended reads what is left until the end.
func (e ends) body() (ended func() string) {
	resp, err := http.Get("http://" + e.r.http + "/live/demo.flv")
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
		e.t.Fatal(err)
	}
	return func() string {
		defer resp.Body.Close()
		_, err := io.Copy(io.Discard, resp.Body)
		return fmt.Sprint(err)
	}
}

// messages plays by WebSocket.
func (e ends) messages() (ended func() string) {
	c, _, err := websocket.Dial(e.t.Context(), "ws://"+e.r.http+"/live/demo.flv", nil)
	if err != nil {
		e.t.Fatal(err)
	}
	c.SetReadLimit(-1)
	e.t.Cleanup(func() { _ = c.CloseNow() })
	return func() string {
		for {
			if _, _, err := c.Read(e.t.Context()); err != nil {
				return err.Error()
			}
		}
	}
}

// session plays by RTMP through a connection.
func (e ends) session(nc func(context.Context) (net.Conn, error)) (ended func() string) {
	c := dial(e.t, "rtmp://"+e.r.rtmp+"/live", &rtmp.ClientConfig{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return nc(ctx) }})
	ns, err := c.Play(e.t.Context(), "demo", rtmp.PlayOptions{})
	if err != nil {
		e.t.Fatal(err)
	}
	go func() {
		for err := error(nil); err == nil; {
			_, err = ns.Read(e.t.Context())
		}
	}()
	return func() string {
		<-c.Done()
		if s, ok := status.Of(c.Err()); ok {
			return string(s.Code) + " " + s.Description
		}
		return c.Err().Error()
	}
}

// Blocking a network ends whoever plays from there, by whatever way, and says why where that can be said.
func TestBlockEndsPlayers(t *testing.T) {
	r := start(t, true, nil)
	e := ends{t, r}
	const told = "NetConnection.Connect.Rejected Gone for good."
	players := []struct {
		way   string
		ended func() string
		want  string
	}{
		{"HTTP", e.body(), "<nil>"},
		{"WebSocket", e.messages(), "status = StatusPolicyViolation and reason = \"Gone for good.\""},
		{"RTMP", e.session(func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", r.rtmp)
		}), told},
		{"RTMP over WebSocket", e.session(func(ctx context.Context) (net.Conn, error) {
			c, _, err := websocket.Dial(ctx, "ws://"+r.http+webSocketPath, nil)
			if err != nil {
				return nil, err
			}
			c.SetReadLimit(-1)
			return websocket.NetConn(t.Context(), c, websocket.MessageBinary), nil
		}), told},
		{"RTMPT", e.session(func(context.Context) (net.Conn, error) {
			p := &polling{base: "http://" + r.http}
			return p, p.post("open", []byte{0})
		}), told},
	}
	if code, body := call(t, "POST", "http://"+r.http+"/api/v1/blocks", `{"network":"127.0.0.0/8","text":"Gone for good."}`, ""); code != 201 {
		t.Fatalf("block: %d %s", code, body)
	}
	for _, p := range players {
		got := make(chan string, 1)
		go func() { got <- p.ended() }()
		select {
		case end := <-got:
			if !strings.Contains(end, p.want) {
				t.Errorf("%s: %s, want %s", p.way, end, p.want)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: plays on", p.way)
		}
	}
	over := make(map[string]int) // refusals by stage
	for range players {
		select {
		case refusal := <-r.refused:
			if refusal.Cause != app.CauseOperator || refusal.Rule != app.RuleBlock {
				t.Errorf("recorded: %+v", refusal)
			}
			over[string(refusal.Stage)]++
		case <-time.After(20 * time.Second):
			t.Fatalf("recorded: %v", over)
		}
	}
	if over["play"] != 2 || over["connection"] != 3 {
		t.Errorf("recorded: %v", over)
	}
}

// Stopping an application ends its players over HTTP, and no others.
func TestUnloadEndsPlayers(t *testing.T) {
	r := start(t, true, nil)
	e := ends{t, r}
	ended := e.messages()
	r.server.Unload("other")
	r.server.Unload("live")
	if got := ended(); !strings.Contains(got, "StatusPolicyViolation") || !strings.Contains(got, "live is shutting down") {
		t.Error(got)
	}
}
