package rtmp_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// publishing answers everything up to publish, which it returns.
func publishing(p *rtmptest.Peer) *rtmptest.Received {
	p.Refuse(p.WantCommand("releaseStream"), status.New(status.CallFailed, "Method not found (releaseStream)."))
	p.WantCommand("FCPublish") // never answered
	p.Send(p.WantCommand("createStream").Command.Result(nil, 1.0))
	p.StreamID = 1
	return p.WantCommand("publish")
}

// playing answers everything up to play, which it returns.
func playing(p *rtmptest.Peer) *rtmptest.Received {
	p.Send(p.WantCommand("createStream").Command.Result(nil, 1.0))
	p.StreamID = 1
	return p.WantCommand("play")
}

func started(p *rtmptest.Peer) {
	p.Send(rtmp.OnStatus(p.StreamID, status.New(status.PlayReset, "Playing and resetting x.")),
		rtmp.OnStatus(p.StreamID, status.New(status.PlayStart, "Started playing x.")))
}

func TestPublish(t *testing.T) {
	done := make(chan struct{})
	frame := bytes.Repeat([]byte{0x17, 1, 2, 3}, 5000)
	url := accepted(t, func(p *rtmptest.Peer) {
		defer close(done)
		m := publishing(p)
		if m.StreamID != 1 || m.Args[0] != "camera?key=1" || m.Args[1] != "live" {
			t.Errorf("publish on stream %d with %v", m.StreamID, m.Args)
		}
		p.Send(rtmp.OnStatus(1, status.New(status.PublishStart, "camera is now published.")))
		if m := p.WantData("@setDataFrame"); m.Args[0] != "onMetaData" || m.StreamID != 1 {
			t.Errorf("metadata on stream %d: %v", m.StreamID, m.Args)
		}
		if m := p.WantMedia(); m.Type != rtmp.TypeAudio || m.CSID != rtmp.CSIDAudio || m.Timestamp != 10 || hex.EncodeToString(m.Payload) != "af00" {
			t.Errorf("audio %+v", m.Message)
		}
		if m := p.WantMedia(); m.Type != rtmp.TypeVideo || m.CSID != rtmp.CSIDVideo || m.Timestamp != 1<<31 || m.StreamID != 1 || !bytes.Equal(m.Payload, frame) {
			t.Errorf("video %+v", m.Message)
		}
		if m := p.WantMessage(rtmp.TypeDataAMF0); m.CSID != rtmp.CSIDData || m.StreamID != 1 {
			t.Errorf("message %+v", m.Message)
		}
		if m := p.WantCommand("pause"); m.StreamID != 1 || m.Command.Transaction != 0 {
			t.Errorf("pause %+v", m.Command)
		}
		if m := p.WantCommand("FCUnpublish"); m.Args[0] != "camera?key=1" || m.StreamID != 0 {
			t.Errorf("FCUnpublish %v", m.Args)
		}
		if m := p.WantCommand("deleteStream"); m.Args[0] != 1.0 {
			t.Errorf("deleteStream %v", m.Args)
		}
		p.WantClosed()
	})
	c := dial(t, url, nil)
	ctx := ctxFor(t, 5*time.Second)
	ns, err := c.Publish(ctx, "camera?key=1")
	if err != nil {
		t.Fatal(err)
	}
	if ns.ID() != 1 || ns.Name() != "camera?key=1" {
		t.Errorf("stream %d %q", ns.ID(), ns.Name())
	}
	for i, err := range []error{
		ns.WriteData(ctx, 0, "@setDataFrame", "onMetaData", amf.NewECMA(amf.Prop{Key: "width", Value: 64.0})),
		ns.WriteAudio(ctx, 10, []byte{0xAF, 0}),
		ns.WriteVideo(ctx, 1<<31, frame),
		ns.WriteMessage(ctx, &rtmp.Message{Type: rtmp.TypeDataAMF0, StreamID: 99}),
		ns.Command("pause", true, 0),
	} {
		if err != nil {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if ev, err := ns.Read(ctx); err != nil || ev.Status == nil || ev.Status.Code != status.PublishStart {
		t.Errorf("event %+v, %v", ev, err)
	}
	if err := ns.WriteData(ctx, 0, "x", make(chan int)); err == nil {
		t.Error("a channel was sent")
	}
	if err := ns.Close(); err != nil {
		t.Error(err)
	}
	if err := ns.Close(); err != nil {
		t.Error(err)
	}
	if err := ns.WriteAudio(ctx, 0, nil); !errors.Is(err, rtmp.ErrStreamClosed) {
		t.Errorf("write after Close: %v", err)
	}
	if _, err := ns.Read(ctx); !errors.Is(err, rtmp.ErrStreamClosed) {
		t.Errorf("read after Close: %v", err)
	}
	_ = c.Close()
	<-done
	wantStatus(t, ns.Command("seek", 1), status.ConnectClosed)
}

func TestPublishAnswers(t *testing.T) {
	say := func(streamID uint32, c status.Code) func(p *rtmptest.Peer, m *rtmptest.Received) {
		return func(p *rtmptest.Peer, _ *rtmptest.Received) { p.Send(rtmp.OnStatus(streamID, status.New(c, "x"))) }
	}
	for _, tt := range []struct {
		name   string
		answer func(p *rtmptest.Peer, m *rtmptest.Received)
		want   status.Code // "" is success
	}{
		{"onStatus", say(1, status.PublishStart), ""},
		{"onStatus on stream 0", say(0, status.PublishStart), ""},
		{"_result", func(p *rtmptest.Peer, m *rtmptest.Received) { p.Send(m.Command.Result(nil, amf.Undefined)) }, ""},
		{"BadName", say(1, status.PublishBadName), status.PublishBadName},
		{"BadName on stream 0", say(0, status.PublishBadName), status.PublishBadName},
		{"Denied", say(1, status.PublishDenied), status.PublishDenied},
		{"unknown code", say(1, "NetStream.Publish.Whatever"), "NetStream.Publish.Whatever"},
		{"no level", func(p *rtmptest.Peer, _ *rtmptest.Received) {
			o := amf.NewObject(amf.Prop{Key: "code", Value: "NetStream.Publish.BadName"})
			p.Send(&rtmp.Command{Name: "onStatus", StreamID: 1, Args: []amf.Value{o}})
		}, status.PublishBadName},
		{"_error", func(p *rtmptest.Peer, m *rtmptest.Received) { p.Refuse(m, status.New(status.PublishRejected, "x")) }, status.PublishRejected},
		{"refused, then closed", func(p *rtmptest.Peer, _ *rtmptest.Received) {
			p.Send(rtmp.OnStatus(1, status.New(status.PublishBadName, "x")), rtmp.CloseCommand())
		}, status.PublishBadName},
		{"closed", func(p *rtmptest.Peer, _ *rtmptest.Received) { p.Close() }, status.ConnectClosed},
		{"shut down", func(p *rtmptest.Peer, _ *rtmptest.Received) {
			p.Send(rtmp.OnStatus(0, status.New(status.ConnectAppShutdown, "x")), rtmp.CloseCommand())
		}, status.ConnectAppShutdown},
		{"other statuses first", func(p *rtmptest.Peer, m *rtmptest.Received) {
			p.Send(rtmp.OnStatus(1, status.New(status.RecordStart, "x")))
			say(1, status.PublishStart)(p, m)
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := accepted(t, func(p *rtmptest.Peer) {
				tt.answer(p, publishing(p))
				_, _ = io.Copy(io.Discard, p.Conn())
			})
			c := dial(t, url, nil)
			ns, err := c.Publish(ctxFor(t, 5*time.Second), "x")
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				_ = ns.Close()
				return
			}
			wantStatus(t, err, tt.want)
		})
	}
}

// The status is the answer, even when the connection has ended by the time it is looked at.
func TestPublishRefusedAndClosed(t *testing.T) {
	url := accepted(t, func(p *rtmptest.Peer) {
		publishing(p)
		m, _ := rtmp.OnStatus(1, status.New(status.PublishBadName, "x")).Message()
		bye, _ := rtmp.CloseCommand().Message()
		p.SendMessage(m, bye)
		_, _ = io.Copy(io.Discard, p.Conn())
	})
	for range 30 {
		c := dial(t, url, nil)
		_, err := c.Publish(t.Context(), "x")
		wantStatus(t, err, status.PublishBadName)
	}
}

func TestCreateStreamAnswers(t *testing.T) {
	for name, answer := range map[string]func(p *rtmptest.Peer, m *rtmptest.Received){
		"no number": func(p *rtmptest.Peer, m *rtmptest.Received) { p.Send(m.Command.Result(nil, "one")) },
		"negative":  func(p *rtmptest.Peer, m *rtmptest.Received) { p.Send(m.Command.Result(nil, -1.0)) },
		"too large": func(p *rtmptest.Peer, m *rtmptest.Received) { p.Send(m.Command.Result(nil, 1e10)) },
		"undefined": func(p *rtmptest.Peer, m *rtmptest.Received) { p.Send(m.Command.Result(nil)) },
		"_error":    func(p *rtmptest.Peer, m *rtmptest.Received) { p.Refuse(m, status.New(status.CallFailed, "no")) },
		"no answer": func(*rtmptest.Peer, *rtmptest.Received) {},
		"an array":  func(p *rtmptest.Peer, m *rtmptest.Received) { p.Send(m.Command.Result(nil, amf.NewArray())) },
	} {
		t.Run(name, func(t *testing.T) {
			url := accepted(t, func(p *rtmptest.Peer) {
				answer(p, p.WantCommand("createStream"))
				p.WantClosed()
			})
			c := dial(t, url, nil)
			_, err := c.Play(ctxFor(t, 100*time.Millisecond), "x", rtmp.PlayOptions{})
			wantStatus(t, err, status.CallFailed)
		})
	}
}

func TestPlay(t *testing.T) {
	url := accepted(t, func(p *rtmptest.Peer) {
		m := playing(p)
		if m.Args[0] != "film" || m.Args[1] != 0.0 || m.Args[2] != 2500.0 || m.Args[3] != false {
			t.Errorf("play %v", m.Args)
		}
		p.SendMessage(rtmp.NewUserControl(rtmp.EventStreamBegin, 1))
		started(p)
		p.SendData(0, "onMetaData", amf.NewECMA(amf.Prop{Key: "width", Value: 64.0}))
		p.SendAudio(20, []byte{0xAF, 1})
		p.SendVideo(40, []byte{0x17, 1})
		var b []byte
		b = chunk.AppendAggregate(b, &rtmp.Message{Type: 8, Timestamp: 5, Payload: []byte{1}})
		b = chunk.AppendAggregate(b, &rtmp.Message{Type: 9, Timestamp: 8, Payload: []byte{2}})
		p.SendMessage(&rtmp.Message{Type: rtmp.TypeAggregate, CSID: 6, StreamID: 1, Timestamp: 60, Payload: b})
		p.SendMessage(&rtmp.Message{Type: 9, CSID: 6, StreamID: 99, Timestamp: 1, Payload: []byte{9}}) // no such stream
		p.SendData(70, "onPlayStatus", status.New(status.PlayComplete, "").Object())
		p.Send(rtmp.OnStatus(1, status.New(status.PlayStop, "Stopped.")))
		p.WantCommand("deleteStream")
		p.WantClosed()
	})
	c := dial(t, url, nil)
	ctx := ctxFor(t, 5*time.Second)
	ns, err := c.Play(ctx, "film", rtmp.PlayOptions{Recorded: true, Duration: 2.5, NoReset: true, UntilEnd: true, FCSubscribe: false})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		ev, err := ns.Read(ctx)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		s := fmt.Sprintf("%d@%d", ev.Type, ev.Timestamp)
		if ev.Status != nil {
			s += " " + string(ev.Status.Code)
		}
		got = append(got, strings.TrimSpace(s+" "+ev.Name))
	}
	want := "4@0,20@0 NetStream.Play.Reset onStatus,20@0 NetStream.Play.Start onStatus,18@0 onMetaData," +
		"8@20,9@40,8@60,9@63,18@70 NetStream.Play.Complete onPlayStatus"
	if strings.Join(got, ",") != want {
		t.Errorf("events\n%s, want\n%s", strings.Join(got, ","), want)
	}
	_ = ns.Close()
}

func TestPlayDefaults(t *testing.T) {
	done := make(chan struct{})
	url := accepted(t, func(p *rtmptest.Peer) {
		defer close(done)
		p.WantCommand("FCSubscribe")
		p.Send(p.WantCommand("createStream").Command.Result(nil, 1.0))
		if u := p.WantUserControl(rtmp.EventSetBufferLength); u.Value != 1 || u.Length != 3000 {
			t.Errorf("buffer %+v", u)
		}
		m := p.WantCommand("play")
		if len(m.Args) != 2 || m.Args[1] != -2000.0 {
			t.Errorf("play %v", m.Args)
		}
		p.StreamID = 1
		started(p)
	})
	c := dial(t, url, nil)
	if _, err := c.Play(ctxFor(t, 5*time.Second), "x", rtmp.PlayOptions{FCSubscribe: true}); err != nil {
		t.Fatal(err)
	}
	<-done
}

func TestPlayAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(p *rtmptest.Peer)
		want   status.Code
	}{
		{"StreamNotFound", func(p *rtmptest.Peer) {
			p.Send(rtmp.OnStatus(1, status.New(status.PlayStreamNotFound, "x")))
		}, status.PlayStreamNotFound},
		{"Failed after Reset", func(p *rtmptest.Peer) {
			p.Send(rtmp.OnStatus(1, status.New(status.PlayReset, "x")), rtmp.OnStatus(1, status.New(status.PlayFailed, "x")))
		}, status.PlayFailed},
		{"media without a word", func(p *rtmptest.Peer) { p.SendVideo(0, []byte{0x17}) }, ""},
		{"PublishNotify", func(p *rtmptest.Peer) {
			p.Send(rtmp.OnStatus(0, status.New(status.PlayPublishNotify, "x")))
		}, ""},
		{"silence", func(*rtmptest.Peer) {}, status.CallFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := accepted(t, func(p *rtmptest.Peer) {
				playing(p)
				tt.answer(p)
				p.WantCommand("deleteStream")
				p.WantClosed()
			})
			c := dial(t, url, nil)
			d := 5 * time.Second
			if tt.want == status.CallFailed {
				d = 50 * time.Millisecond
			}
			ns, err := c.Play(ctxFor(t, d), "x", rtmp.PlayOptions{})
			if tt.want != "" {
				wantStatus(t, err, tt.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = ns.Close()
		})
	}
}

func TestPlayUntilEnd(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(p *rtmptest.Peer)
		ends bool // whether UntilEnd is set
	}{
		{"Stop", func(p *rtmptest.Peer) { p.Send(rtmp.OnStatus(1, status.New(status.PlayStop, ""))) }, true},
		{"UnpublishNotify", func(p *rtmptest.Peer) { p.Send(rtmp.OnStatus(1, status.New(status.PlayUnpublishNotify, ""))) }, true},
		{"StreamEOF", func(p *rtmptest.Peer) { p.SendMessage(rtmp.NewUserControl(rtmp.EventStreamEOF, 1)) }, true},
		{"not wanted", func(p *rtmptest.Peer) {
			p.Send(rtmp.OnStatus(1, status.New(status.PlayUnpublishNotify, "")))
			p.SendMessage(rtmp.NewUserControl(rtmp.EventStreamEOF, 1))
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := accepted(t, func(p *rtmptest.Peer) {
				playing(p)
				started(p)
				tt.end(p)
				p.WantClosed()
			})
			c := dial(t, url, nil)
			ns, err := c.Play(ctxFor(t, 5*time.Second), "x", rtmp.PlayOptions{UntilEnd: tt.ends})
			if err != nil {
				t.Fatal(err)
			}
			ctx := ctxFor(t, 100*time.Millisecond)
			for err == nil {
				_, err = ns.Read(ctx)
			}
			if want := map[bool]error{true: io.EOF, false: context.DeadlineExceeded}[tt.ends]; !errors.Is(err, want) {
				t.Errorf("ends with %v, want %v", err, want)
			}
		})
	}
}

func TestStreamsEndWithTheConnection(t *testing.T) {
	url := accepted(t, func(p *rtmptest.Peer) {
		playing(p)
		started(p)
		p.SendAudio(0, []byte{1})
		p.Send(rtmp.OnStatus(0, status.New(status.ConnectAppShutdown, "Bye.")), rtmp.CloseCommand())
		p.WantClosed()
	})
	c := dial(t, url, nil)
	ctx := ctxFor(t, 5*time.Second)
	ns, err := c.Play(ctx, "x", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; err == nil; n++ {
		_, err = ns.Read(ctx)
	}
	wantStatus(t, err, status.ConnectAppShutdown)
	if n != 4 {
		t.Errorf("%d reads, want Reset, Start, audio and then the error", n)
	}
	wantStatus(t, ns.WriteAudio(ctx, 0, nil), status.ConnectAppShutdown)
	if err := ns.Close(); err != nil {
		t.Errorf("Close after the end: %v", err)
	}
}

func TestSeveralStreams(t *testing.T) {
	url := accepted(t, func(p *rtmptest.Peer) {
		for id := uint32(1); id <= 3; id++ {
			p.Send(p.WantCommand("createStream").Command.Result(nil, float64(id)))
			p.WantCommand("play")
			p.StreamID = id
			started(p)
		}
		for range 5 {
			for id := uint32(1); id <= 3; id++ {
				p.StreamID = id
				p.SendAudio(id, []byte{byte(id)})
			}
		}
		_, _ = io.Copy(io.Discard, p.Conn())
	})
	c := dial(t, url, nil)
	ctx := ctxFor(t, 5*time.Second)
	var wg sync.WaitGroup
	for id := uint32(1); id <= 3; id++ {
		ns, err := c.Play(ctx, fmt.Sprint(id), rtmp.PlayOptions{})
		if err != nil {
			t.Fatal(err)
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer ns.Close()
			for n := 0; n < 5; {
				ev, err := ns.Read(ctx)
				if err != nil {
					t.Errorf("stream %d: %v", id, err)
					return
				}
				if ev.Type == rtmp.TypeAudio {
					if ev.Timestamp != id {
						t.Errorf("stream %d got a frame of %d", id, ev.Timestamp)
					}
					n++
				}
			}
		}()
	}
	wg.Wait()
}
