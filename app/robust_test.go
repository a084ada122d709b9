package app

import (
	"bytes"
	"context"
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

// A fault outside a handler's method ends the connection it concerns, not the process.
func TestPanicEndsOnlyItsConnection(t *testing.T) {
	mux := NewMux()
	mux.HandleFunc("rpc", func(context.Context, *Client, []amf.Value) (Session, error) {
		return Methods{"well": func(context.Context, []amf.Value) (amf.Value, error) { return 1.0, nil },
			"trip": func(context.Context, []amf.Value) (amf.Value, error) { return "tripwire", nil }}, nil
	})
	w := serve(t, mux, func(s *Server) {
		s.Trace = func(net.Conn) rtmp.TraceFunc {
			return func(_ rtmp.Direction, m *rtmp.Message) {
				if bytes.Contains(m.Payload, []byte("tripwire")) {
					panic("tripped")
				}
			}
		}
		note := s.OnRefusal
		s.OnRefusal = func(r *Refusal) { note(r); panic("an observer too") }
	})
	connect := func() *rtmptest.Peer {
		p := rtmptest.Dial(t, w.addr)
		p.Open("rpc")
		p.WantCommand("onBWDone")
		return p
	}
	other := connect()
	for name, act := range map[string]func(*rtmptest.Peer){
		"reader":   func(p *rtmptest.Peer) { p.SendVideo(0, []byte("tripwire")) },
		"commands": func(p *rtmptest.Peer) { p.Call("trip") },
	} {
		t.Run(name, func(t *testing.T) {
			p := connect()
			act(p)
			p.WantStatus(status.ConnectFailed)
			p.WantCommand("close")
			p.WantClosed()
			w.wantRefusal(t, CauseFailed)
		})
	}
	other.WantResult(other.Call("well"))
}

// Asking to publish raises what a client may send, but not before it is connected.
func TestStrangerCannotRaiseLimits(t *testing.T) {
	w := serve(t, live(), nil)
	p := rtmptest.Dial(t, w.addr)
	p.Handshake()
	p.Send(&rtmp.Command{Name: "publish", Transaction: 1, Args: []amf.Value{"cam"}})
	p.WantError(1, status.CallFailed)
	p.SendMessage(&rtmp.Message{Type: rtmp.TypeVideo, CSID: 6, Payload: make([]byte, 20<<10)})
	p.WantError(1, status.ConnectFailed)
	if r := w.wantRefusal(t, CauseLimit); r.Rule != "message_bytes" {
		t.Errorf("recorded %v", r)
	}
}

// Who breaks a limit is told on its streams, as an error: what encoders and players print is that.
func TestPartingWords(t *testing.T) {
	for _, tt := range []struct {
		code status.Code
		open func(p *rtmptest.Peer)
	}{
		{status.PublishDenied, func(p *rtmptest.Peer) { p.Publish("mine"); p.WantStatus(status.PublishStart) }},
		{status.PlayFailed, func(p *rtmptest.Peer) { p.Play("cam"); p.WantStatus(status.PlayReset); p.WantStatus(status.PlayStart) }},
	} {
		t.Run(string(tt.code), func(t *testing.T) {
			w := serve(t, live(), func(s *Server) { s.Limits.RTMP.Chunk.Message = 20 << 10 })
			p := open(t, w)
			tt.open(p)
			p.SendMessage(&rtmp.Message{Type: rtmp.TypeVideo, CSID: 6, StreamID: 1, Payload: make([]byte, 30<<10)})
			const text = "[ Resource.Limit.Exceeded ] : The limit message_bytes is exceeded: lower the bit rate or the frame rate in your encoder, or ask the operator to raise it."
			if m := p.WantStatus(tt.code); m.StreamID != 1 || m.Status.Level != status.LevelError || m.Status.Description != text {
				t.Errorf("on stream %d: %v", m.StreamID, m.Status)
			}
			if m := p.WantStatus(status.ConnectClosed); m.StreamID != 0 || m.Status.Description != text {
				t.Errorf("on stream %d: %v", m.StreamID, m.Status)
			}
			p.WantCommand("close")
			p.WantClosed()

			p = open(t, w)
			tt.open(p)
			for _, c := range w.Clients() { // the other may still be here: it has been told already
				w.Kick(c.ID, status.New(status.ConnectClosed, "Good night."))
			}
			if m := p.WantStatus(tt.code); m.Status.Description != "Good night." {
				t.Errorf("kicked with %v", m.Status)
			}
			p.WantStatus(status.ConnectClosed)
		})
	}
}

// A client that asks for everything in one go has its limits raised as well.
func TestPublishBeforeConnectIsAnswered(t *testing.T) {
	mux := NewMux()
	mux.HandleFunc("live", func(ctx context.Context, c *Client, args []amf.Value) (Session, error) {
		time.Sleep(50 * time.Millisecond)
		return Live(LiveOptions{}).Connect(ctx, c, args)
	})
	w := serve(t, mux, nil)
	p := rtmptest.Dial(t, w.addr)
	p.Handshake()
	p.Connect("live")
	p.Send(&rtmp.Command{Name: "createStream", Transaction: 2},
		&rtmp.Command{Name: "publish", Transaction: 3, StreamID: 1, Args: []amf.Value{"cam"}})
	p.WantStatus(status.ConnectSuccess)
	p.WantCommand("onBWDone")
	p.WantResult(2)
	p.WantStatus(status.PublishStart)
	p.SendVideo(0, append(frame(true, 1), make([]byte, 60<<10)...))
	p.Send(&rtmp.Command{Name: "_checkbw", Transaction: 9})
	p.WantResult(9)
}

// Cameras send timecode that is no AMF with every picture: it is left out, the stream goes on.
func TestUndecodableDataIsLeftOut(t *testing.T) {
	w := serve(t, live(), func(s *Server) { s.Limits.RTMP.UnknownMessages = 5 })
	p := open(t, w)
	p.Publish("cam")
	p.WantStatus(status.PublishStart)
	for i := range 20 {
		p.SendMessage(&rtmp.Message{Type: rtmp.TypeDataAMF0, CSID: 5, StreamID: 1, Timestamp: uint32(i), Payload: []byte{0, 1, 2, 3}})
	}
	p.Send(&rtmp.Command{Name: "_checkbw", Transaction: 9})
	p.WantResult(9)
}

// The time an application takes to decide is not idleness of the client.
func TestDecisionIsNotIdle(t *testing.T) {
	mux := NewMux()
	mux.Handle("live", Live(LiveOptions{Publish: func(_ context.Context, r *PublishRequest) error {
		time.Sleep(300 * time.Millisecond)
		if r.Name == "no" {
			return status.For(status.PublishDenied, r.Name)
		}
		return nil
	}}))
	w := serve(t, mux, func(s *Server) {
		s.Limits.ActivityTimeout, s.Limits.RefusedTimeout = 100*time.Millisecond, 100*time.Millisecond
	})
	p := open(t, w)
	p.Publish("no")
	p.WantStatus(status.PublishDenied)
	p.Send(&rtmp.Command{Name: "publish", Transaction: 8, StreamID: 1, Args: []amf.Value{"cam"}})
	p.WantStatus(status.PublishStart)
}

// A client that does not take what it is sent is recorded under the limit that ended it.
func TestUnreadAnswersAreRecorded(t *testing.T) {
	for rule, set := range map[string]func(*Server){
		"control_queue_bytes":    func(s *Server) { s.Limits.RTMP.ControlQueueBytes = 64 << 10 },
		"control_queue_messages": func(s *Server) { s.Limits.RTMP.ControlQueueMessages = 20 },
		"write_timeout":          func(s *Server) { s.Limits.RTMP.WriteTimeout = 200 * time.Millisecond },
	} {
		t.Run(rule, func(t *testing.T) {
			mux := NewMux()
			mux.HandleFunc("rpc", func(_ context.Context, c *Client, _ []amf.Value) (Session, error) {
				return Methods{"flood": func(_ context.Context, args []amf.Value) (amf.Value, error) {
					for range 600 {
						if err := c.Notify("note", strings.Repeat("x", 60000)); err != nil {
							return nil, nil
						}
						if rule == "write_timeout" {
							time.Sleep(time.Millisecond) // let the writer take it
						}
					}
					return nil, nil
				}}, nil
			})
			w := serve(t, mux, func(s *Server) { s.Limits.RTMP.ControlQueueBytes = 64 << 20; set(s) })
			p := rtmptest.Dial(t, w.addr)
			p.Open("rpc")
			p.WantCommand("onBWDone")
			p.Call("flood")
			cause := CauseLimit
			if rule == "write_timeout" {
				cause = CauseSlow
			}
			if r := w.wantRefusal(t, cause); r.Rule != rule || r.Stage != StageConnection || r.App != "rpc" {
				t.Errorf("recorded %+v", r)
			}
			if n := w.Refusals().ByLimit[rule]; n != 1 {
				t.Errorf("counted %d times", n)
			}
		})
	}
}

// A handler that asks the client before it decides gets its answer, though media came first.
func TestMediaDoesNotHoldUpAnswers(t *testing.T) {
	mux := NewMux()
	mux.Handle("live", Live(LiveOptions{Publish: func(ctx context.Context, r *PublishRequest) error {
		_, err := r.Client.Call(ctx, "who")
		return err
	}}))
	w := serve(t, mux, func(s *Server) { s.Limits.CallTimeout = 2 * time.Second })
	player := open(t, w)
	player.Play("cam")
	player.WantStatus(status.PlayReset)
	player.WantStatus(status.PlayStart)
	p := open(t, w)
	id := p.CreateStream()
	p.Send(&rtmp.Command{Name: "publish", Transaction: 3, StreamID: id, Args: []amf.Value{"cam"}})
	p.SendVideo(0, config(1))
	p.SendVideo(0, frame(true, 1))
	ask := p.WantCommand("who")
	p.Send(&rtmp.Command{Name: "_result", Transaction: ask.Command.Transaction, Args: []amf.Value{"me"}})
	p.SendVideo(40, frame(false, 2))
	p.WantStatus(status.PublishStart)
	player.WantStatus(status.PlayPublishNotify)
	for i, want := range [][]byte{config(1), frame(true, 1), frame(false, 2)} {
		if m := player.WantMedia(); !bytes.Equal(m.Payload, want) {
			t.Fatalf("message %d is %q", i, m.Payload)
		}
	}
}

// Commands that wait are bounded by what they hold, too.
func TestQueuedCommandBytesAreBounded(t *testing.T) {
	mux := NewMux()
	mux.HandleFunc("rpc", func(context.Context, *Client, []amf.Value) (Session, error) {
		return Methods{"wait": func(ctx context.Context, _ []amf.Value) (amf.Value, error) { <-ctx.Done(); return nil, nil }}, nil
	})
	w := serve(t, mux, func(s *Server) { s.Limits.QueuedCommandBytes = 100 << 10 })
	p := rtmptest.Dial(t, w.addr)
	p.Open("rpc")
	p.WantCommand("onBWDone")
	for range 4 {
		p.Call("wait", strings.Repeat("x", 50<<10))
	}
	if o := object(t, p.WantStatus(status.ConnectClosed)); !strings.Contains(o.String("description"), "queued_command_bytes") {
		t.Errorf("told %s", amf.Format(o))
	}
	p.WantCommand("close")
	p.WantClosed()
}

// A publisher that comes in the moment a player has joined is announced, one that was there is not.
func TestOnlyNewPublishersAreAnnounced(t *testing.T) {
	for kind, deliver := range map[string]func(*player, *media.Frame){
		"new": func(p *player, f *media.Frame) { p.Deliver(f) },
		"old": func(p *player, f *media.Frame) { p.Replay([]*media.Frame{f}) },
	} {
		p := &player{queue: media.NewQueue(media.QueueLimits{}, nil)}
		deliver(p, &media.Frame{Kind: media.Published})
		if n := len(p.queue.Take(nil, 0)); (n == 1) != (kind == "new") {
			t.Errorf("%s publisher: %d markers", kind, n)
		}
	}
}

// An application that streams is for streaming, whatever small methods it has besides.
func TestMethodsDoNotKeepIdleClients(t *testing.T) {
	mux := NewMux()
	mux.Handle("live", Live(LiveOptions{Methods: Methods{"ping": func(context.Context, []amf.Value) (amf.Value, error) { return "pong", nil }},
		Publish: func(_ context.Context, r *PublishRequest) error { return status.For(status.PublishDenied, r.Name) }}))
	w := serve(t, mux, func(s *Server) {
		s.Limits.ActivityTimeout, s.Limits.RefusedTimeout = time.Second, 200*time.Millisecond
	})
	p := open(t, w)
	for range 12 {
		time.Sleep(100 * time.Millisecond)
		p.WantResult(p.Call("ping"))
	}
	p.WantStatus(status.ConnectIdleTimeOut)
	if r := w.wantRefusal(t, CauseIdle); r.Rule != "activity_timeout" {
		t.Errorf("recorded %v", r)
	}
	// Calls do not keep a refused publisher either.
	p = open(t, w)
	p.Publish("cam")
	p.WantStatus(status.PublishDenied)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for w.Refusals().ByLimit["refused_timeout"] == 0 {
			time.Sleep(50 * time.Millisecond)
			p.Call("ping")
		}
	}()
	select {
	case <-ended:
	case <-time.After(3 * time.Second):
		t.Error("a refused publisher stays as long as it calls")
		_ = w.Close()
		<-ended
	}
}

// A client that is being accepted while the server stops is accepted, then told.
func TestShutdownDuringConnect(t *testing.T) {
	var w *world
	done := make(chan error, 1)
	w = serve(t, live(), func(s *Server) {
		var once sync.Once
		s.Trace = func(net.Conn) rtmp.TraceFunc {
			return func(d rtmp.Direction, m *rtmp.Message) {
				if d == rtmp.Out && m.Type == rtmp.TypeWindowAckSize {
					once.Do(func() {
						go func() { done <- s.Shutdown(context.Background()) }()
						time.Sleep(100 * time.Millisecond)
					})
				}
			}
		}
	})
	p := open(t, w)
	p.WantStatus(status.ConnectAppShutdown)
	p.WantCommand("close")
	p.WantClosed()
	p.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A handler that never returns does not hold up Shutdown beyond its context.
func TestShutdownDoesNotWaitForStuckHandlers(t *testing.T) {
	release := make(chan struct{})
	mux := NewMux()
	mux.HandleFunc("rpc", func(context.Context, *Client, []amf.Value) (Session, error) {
		return Methods{"stick": func(context.Context, []amf.Value) (amf.Value, error) { <-release; return nil, nil }}, nil
	})
	w := serve(t, mux, nil)
	defer close(release)
	p := rtmptest.Dial(t, w.addr)
	p.Open("rpc")
	p.WantCommand("onBWDone")
	p.Call("stick")
	p.Send(&rtmp.Command{Name: "_result", Transaction: 99}) // past the reader: the call runs
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := w.Shutdown(ctx); err == nil {
		t.Error("a stuck handler counts as gone")
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
}
