package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/amf"
	"penstock/media"
	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

func TestShutdownTellsEverybody(t *testing.T) {
	w := serve(t, live(), func(s *Server) { s.Limits.RTMP.CloseLinger = time.Minute }) // it ends when the last client has, no sooner
	pub, player, idle := open(t, w), open(t, w), open(t, w)
	pub.Publish("cam")
	pub.WantStatus(status.PublishStart)
	player.Play("cam")
	player.WantStatus(status.PlayReset)
	player.WantStatus(status.PlayStart)

	late := rtmptest.Dial(t, w.addr)
	late.Handshake()
	done := make(chan error, 1)
	go func() { done <- w.Shutdown(t.Context()) }()
	for name, p := range map[string]*rtmptest.Peer{"publisher": pub, "idle": idle, "player": player} {
		m := p.WantCommand("onStatus")
		if name == "player" && object(t, m).String("code") == string(status.PlayUnpublishNotify) {
			m = p.WantCommand("onStatus") // the publisher left first
		}
		if o := object(t, m); o.String("code") != string(status.ConnectAppShutdown) || o.String("level") != "error" || m.StreamID != 0 {
			t.Errorf("%s: told %s on stream %d", name, amf.Format(o), m.StreamID)
		}
		p.WantCommand("close")
		p.WantClosed()
		p.Close()
	}
	// Somebody who connects meanwhile gets the same answer.
	late.Connect("live")
	late.WantError(1, status.ConnectAppShutdown)
	late.WantCommand("close")
	late.WantClosed()
	late.Close()
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if _, err := net.DialTimeout("tcp", w.addr, time.Second); err == nil {
		t.Error("still listening")
	}
	if w.Streams().Live("live/cam") {
		t.Error("still live")
	}
}

func TestShutdownEndsWhoDoesNotLeave(t *testing.T) {
	w := serve(t, live(), nil)
	p := open(t, w)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := w.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	p.WantStatus(status.ConnectAppShutdown)
}

func TestReconnectRequest(t *testing.T) {
	w := serve(t, live(), func(s *Server) {
		s.ReconnectURL = "rtmp://other.example/live"
		s.ReconnectGrace = 5 * time.Second
	})
	able := open(t, w, rtmptest.Property("capsEx", 1.0))
	plain := open(t, w, rtmptest.Property("capsEx", 2.0))
	done := make(chan error, 1)
	go func() { done <- w.Shutdown(t.Context()) }()
	o := object(t, able.WantStatus(status.ConnectReconnectRequest))
	if o.String("tcUrl") != "rtmp://other.example/live" || o.String("level") != "status" {
		t.Errorf("asked with %s", amf.Format(o))
	}
	able.WantNothing(50 * time.Millisecond) // it may take its time
	able.Close()
	plain.WantStatus(status.ConnectAppShutdown)
	plain.WantCommand("close")
	plain.WantClosed()
	plain.Close()
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestUnload(t *testing.T) {
	mux := live()
	mux.Handle("other", Live(LiveOptions{}))
	w := serve(t, mux, nil)
	p := open(t, w)
	other := rtmptest.Dial(t, w.addr)
	other.Open("other")
	other.WantCommand("onBWDone")
	w.Unload("live")
	if o := object(t, p.WantStatus(status.ConnectAppShutdown)); o.String("description") != "Application live is shutting down." {
		t.Errorf("told %s", amf.Format(o))
	}
	p.WantCommand("close")
	p.WantClosed()
	again := rtmptest.Dial(t, w.addr)
	again.Handshake()
	again.Connect("live")
	again.WantError(1, status.ConnectAppShutdown)
	w.Load("live")
	open(t, w)
	other.WantNothing(50 * time.Millisecond)
}

// Disconnect ends a healthy connection so that each kind of client hears of it exactly once.
func TestDisconnect(t *testing.T) {
	clients := make(chan *Client, 1)
	ended := make(chan error, 1)
	mux := NewMux()
	mux.HandleFunc("live", func(_ context.Context, c *Client, _ []amf.Value) (Session, error) {
		clients <- c
		return closing{ended}, nil
	})
	w := serve(t, mux, nil)
	flash := rtmptest.Property("flashVer", "WIN 32,0,0,465")
	encoder := rtmptest.Property("flashVer", "FMLE/3.0 (compatible; FMSc/1.0)")
	tests := []struct {
		name   string
		option rtmptest.ConnectOption
		with   *status.Status
		want   status.Code
	}{
		{"Flash Player", flash, nil, ""},
		{"encoder", encoder, nil, status.ConnectClosed},
		{"with a status", flash, status.New(status.ConnectIdleTimeOut, "Go to bed."), status.ConnectIdleTimeOut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := open(t, w, tt.option)
			(<-clients).Disconnect(tt.with)
			if tt.want != "" {
				p.WantStatus(tt.want)
			}
			wantBytes(t, "close", p.WantCommand("close").Payload, vectorClose)
			p.WantClosed()
			reason := <-ended
			if tt.with == nil && !errors.Is(reason, ErrDisconnected) || tt.with != nil && !errors.Is(reason, tt.with) {
				t.Errorf("session closed with %v", reason)
			}
		})
	}
	p := open(t, w, flash)
	<-clients
	p.Close()
	if reason := <-ended; !errors.Is(reason, ErrClosedByPeer) {
		t.Errorf("session closed with %v", reason)
	}
	p = open(t, w, flash)
	<-clients
	p.Send(rtmp.CloseCommand())
	p.WantClosed()
	if reason := <-ended; !errors.Is(reason, ErrClosedByPeer) {
		t.Errorf("after close: %v", reason)
	}
}

type closing struct{ ended chan error }

func (s closing) Close(reason error) { s.ended <- reason }

func TestIdleTimeouts(t *testing.T) {
	w := serve(t, live(), func(s *Server) {
		s.Limits.ActivityTimeout = 120 * time.Millisecond
		s.Limits.FirstMedia = 150 * time.Millisecond
		s.Limits.PublisherIdle = 200 * time.Millisecond
	})
	run := func(name, rule string, publishes bool, act func(p *rtmptest.Peer)) {
		t.Run(name, func(t *testing.T) {
			w.mu.Lock()
			w.refusals = nil
			w.mu.Unlock()
			p := open(t, w)
			act(p)
			if publishes { // what FFmpeg prints
				if m := p.WantStatus(status.PublishDenied); m.StreamID != 1 || m.Status.Level != status.LevelError {
					t.Errorf("on stream %d: %v", m.StreamID, m.Status)
				}
			}
			if m := p.WantStatus(status.ConnectIdleTimeOut); m.StreamID != 0 {
				t.Errorf("on stream %d", m.StreamID)
			}
			p.WantCommand("close")
			p.WantClosed()
			if r := w.wantRefusal(t, CauseIdle); r.Rule != rule || r.XStatus != 432 {
				t.Errorf("recorded %+v", r)
			}
		})
	}
	publish := func(p *rtmptest.Peer) {
		p.Publish("cam")
		p.WantStatus(status.PublishStart)
	}
	run("does nothing", "activity_timeout", false, func(*rtmptest.Peer) {})
	run("publishes nothing", "first_media_timeout", true, publish)
	run("stops sending", "publisher_idle_timeout", true, func(p *rtmptest.Peer) {
		publish(p)
		p.SendVideo(0, config(1))
	})
}

// A silent RPC client is pinged and, when it stays silent, let go; a player is not.
func TestSilence(t *testing.T) {
	mux := rpc()
	mux.Handle("live", Live(LiveOptions{}))
	w := serve(t, mux, func(s *Server) {
		s.Limits.PingInterval = 60 * time.Millisecond
		s.Limits.PingTimeout = 120 * time.Millisecond
	})
	player := open(t, w)
	player.Play("cam")
	player.WantStatus(status.PlayReset)
	player.WantStatus(status.PlayStart)
	player.WantData("onStatus")
	silent := rtmptest.Dial(t, w.addr)
	silent.Open("rpc")
	silent.WantCommand("onBWDone")
	silent.WantUserControl(rtmp.EventPingRequest)
	silent.WantStatus(status.ConnectIdleTimeOut)
	silent.WantCommand("close")
	silent.WantClosed()
	player.WantNothing(300 * time.Millisecond)
	player.Send(&rtmp.Command{Name: "_checkbw", Transaction: 9})
	player.WantResult(9)
}

// A player that does not read loses video, is told so, and is ended at the hard bound, while
// another one of the same stream misses nothing.
func TestSlowPlayer(t *testing.T) {
	w := serve(t, live(), func(s *Server) {
		s.Limits.PlayerQueue = media.QueueLimits{SoftBytes: 256 << 10, HardBytes: 2 << 20, SoftDelay: -1, HardDelay: -1}
		s.Limits.RTMP.WriteTimeout = 3 * time.Second
		s.Limits.ActivityTimeout, s.Limits.RefusedTimeout = 40*time.Second, 200*time.Millisecond
	})
	pub := dial(t, w.url("live"), nil)
	ns, err := pub.Publish(t.Context(), "cam")
	if err != nil {
		t.Fatal(err)
	}
	good, err := dial(t, w.url("live"), nil).Play(t.Context(), "cam", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	slow := open(t, w)
	if tcp, ok := slow.Conn().(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4096)
	}
	slow.Play("cam")
	slow.WantStatus(status.PlayReset)
	slow.WantStatus(status.PlayStart)
	for i := range 600 {
		body := append(frame(i%10 == 0, i), make([]byte, 20<<10)...)
		if err := ns.WriteVideo(t.Context(), uint32(i*40), body); err != nil {
			t.Fatal(err)
		}
		// Data is what the hard bound is for: it is not dropped as video is.
		if err := ns.WriteData(t.Context(), uint32(i*40), "onText", strings.Repeat("x", 8<<10)); err != nil {
			t.Fatal(err)
		}
		if ev := nextVideo(t, good); !bytes.Equal(ev.Payload, body) {
			t.Fatalf("the healthy player got %q as frame %d", ev.Payload[:17], i)
		}
	}
	if r := w.wantRefusal(t, CauseSlow); r.Rule != "player_queue" || r.Status.Code != status.PlayInsufficientBW {
		t.Errorf("recorded %+v", r)
	}
}

func TestQueuedCommandsAreBounded(t *testing.T) {
	mux := NewMux()
	release := make(chan struct{})
	mux.HandleFunc("rpc", func(context.Context, *Client, []amf.Value) (Session, error) {
		return Methods{"wait": func(ctx context.Context, _ []amf.Value) (amf.Value, error) {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil, nil
		}}, nil
	})
	w := serve(t, mux, func(s *Server) { s.Limits.QueuedCommands = 10 })
	p := rtmptest.Dial(t, w.addr)
	p.Open("rpc")
	p.WantCommand("onBWDone")
	for range 12 {
		p.Call("wait")
	}
	if o := object(t, p.WantStatus(status.ConnectClosed)); !strings.Contains(o.String("description"), "queued_commands") {
		t.Errorf("told %s", amf.Format(o))
	}
	p.WantCommand("close")
	p.WantClosed()
	close(release)
}

func TestSessionEvents(t *testing.T) {
	type event struct {
		app   string
		ended bool
		did   string
	}
	events := make(chan event, 4)
	w := serve(t, live(), func(s *Server) {
		s.OnSession = func(c *Client, ended bool, _ error) {
			events <- event{c.App, ended, strings.Join(c.Publishing(), " ")}
		}
	})
	p := open(t, w)
	if list := w.Clients(); len(list) != 1 || list[0].App != "live" {
		t.Errorf("clients %v", list)
	}
	p.Publish("cam")
	p.WantStatus(status.PublishStart)
	if c := w.Clients()[0]; len(c.Publishing()) != 1 || c.Publishing()[0] != "live/cam" || len(c.Playing()) != 0 {
		t.Errorf("publishing %v, playing %v", c.Publishing(), c.Playing())
	}
	p.Close()
	for _, want := range []event{{"live", false, ""}, {"live", true, "live/cam"}} {
		if got := <-events; got != want {
			t.Errorf("event %v, want %v", got, want)
		}
	}
}

func TestRefusalIsLogged(t *testing.T) {
	var log lockedLog
	w := serve(t, live(), func(s *Server) { s.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	p := rtmptest.Dial(t, w.addr)
	p.Handshake()
	p.Connect("nosuch")
	p.WantError(1, status.ConnectRejected)
	r := w.wantRefusal(t, CauseUnknownApp)
	for _, want := range []string{"msg=refused", "session=" + r.Session, "refusal.cause=unknown-application", "refusal.x_status=404",
		"refusal.code=NetConnection.Connect.Rejected"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("log lacks %q: %s", want, log.String())
		}
	}
	if !strings.Contains(r.Error(), "unknown-application") || !errors.Is(r, r.Status) {
		t.Errorf("error %q", r.Error())
	}
}

func TestPlayersPerStream(t *testing.T) {
	w := serve(t, live(), func(s *Server) { s.Limits.PlayersPerStream = 1 })
	first, second := open(t, w), open(t, w)
	first.Play("cam")
	first.WantStatus(status.PlayReset)
	first.WantStatus(status.PlayStart)
	second.Play("cam")
	if o := object(t, second.WantStatus(status.PlayFailed)); !strings.HasPrefix(o.String("description"), "[ Resource.Limit.Exceeded ] : ") {
		t.Errorf("told %s", amf.Format(o))
	}
	w.wantRefusal(t, CauseLimit)
	if n := w.Refusals(); n.Total != 1 || n.ByCause[CauseLimit] != 1 || n.ByLimit["players_per_stream"] != 1 {
		t.Errorf("counted %+v", n)
	}
	second.Play("other")
	second.WantStatus(status.PlayReset)
}

// What is too big for the caches is left out, counted and logged; the stream goes on.
func TestMediaLimitsAreCounted(t *testing.T) {
	var log lockedLog
	w := serve(t, live(), func(s *Server) { s.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	p := open(t, w)
	p.Publish("cam")
	p.WantStatus(status.PublishStart)
	p.SendVideo(0, append(config(1), make([]byte, 65<<10)...))
	p.SendVideo(0, frame(true, 1))
	p.Send(&rtmp.Command{Name: "_checkbw", Transaction: 9})
	p.WantResult(9)
	if n := w.Refusals(); n.Total != 0 || n.ByLimit["config_bytes"] != 1 {
		t.Errorf("counted %+v", n)
	}
	if !strings.Contains(log.String(), "limit=config_bytes") {
		t.Errorf("log: %s", log.String())
	}
}

type lockedLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// What may be a stream key stands in no log line, not even as part of what the client was told.
func TestStreamNamesAreShortenedInLogs(t *testing.T) {
	const key = "secret-key-9f8e7d6c"
	var log lockedLog
	w := serve(t, live(), func(s *Server) {
		s.Log = slog.New(slog.NewTextHandler(&log, nil))
		s.Limits.PublishTimeout = 50 * time.Millisecond
	})
	busy, err := w.Streams().Publish("live/"+key, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	p := open(t, w)
	p.Publish(key)
	if o := object(t, p.WantStatus(status.PublishBadName)); !strings.Contains(o.String("description"), key) {
		t.Errorf("the publisher was told %s", amf.Format(o))
	}
	p.Play(key + "/..")
	p.WantStatus(status.PlayFailed)
	if r := w.wantRefusal(t, CauseBusyName); r.Told() != "secret…"+" is already being published." {
		t.Errorf("told %q", r.Told())
	}
	w.wantRefusal(t, CauseBadName)
	if strings.Contains(log.String(), key) {
		t.Errorf("the log has the key: %s", log.String())
	}
}

// TestWatchdogPause: connections are looked at in few groups, none later than it has to be.
func TestWatchdogPause(t *testing.T) {
	w := &watchdog{every: time.Second}
	at := make(map[time.Time]bool)
	begin := time.Unix(1e9, 0)
	for i := range 1000 {
		now := begin.Add(time.Duration(i) * time.Millisecond)
		d := w.pause(now)
		if d > w.every || d <= w.every-w.every/looks {
			t.Fatalf("the next look is in %v", d)
		}
		at[now.Add(d)] = true
	}
	if len(at) > looks+1 {
		t.Errorf("%d times for a thousand connections", len(at))
	}
}
