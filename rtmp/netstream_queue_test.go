package rtmp_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

func TestQueueLimits(t *testing.T) {
	for _, tt := range []struct {
		option string
		o      rtmp.PlayOptions
	}{
		{"stream_queue_events", rtmp.PlayOptions{QueueEvents: 5}},
		{"stream_queue_bytes", rtmp.PlayOptions{QueueBytes: 5000}},
	} {
		t.Run(tt.option, func(t *testing.T) {
			url := accepted(t, func(p *rtmptest.Peer) {
				playing(p)
				started(p)
				for i := range 10 {
					p.SendVideo(uint32(i), make([]byte, 1000))
				}
				m := p.WantCommand("still")
				p.Send(m.Command.Result(nil, "alive"))
			})
			c := dial(t, url, nil)
			ctx := ctxFor(t, 5*time.Second)
			ns, err := c.Play(ctx, "x", tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if v, err := c.Call(ctx, "still"); v != "alive" {
				t.Fatalf("call returned %v, %v", v, err)
			}
			n := 0
			for ; err == nil; n++ {
				_, err = ns.Read(ctx)
			}
			var le *rtmp.LimitError
			if !errors.As(err, &le) || le.Option != tt.option || n < 4 {
				t.Errorf("%d reads, then %v; want the limit %s", n, err, tt.option)
			}
		})
	}
}

func TestBackpressure(t *testing.T) {
	const frames, size = 200, 100 << 10 // more than the socket buffers hold
	sent := make(chan struct{})
	url := accepted(t, func(p *rtmptest.Peer) {
		playing(p)
		started(p)
		p.SendMessage(rtmp.SetChunkSize(65536))
		for i := range frames {
			p.SendVideo(uint32(i), make([]byte, size))
		}
		close(sent)
		p.WantCommand("deleteStream")
	})
	c := dial(t, url, nil)
	ctx := ctxFor(t, 10*time.Second)
	ns, err := c.Play(ctx, "x", rtmp.PlayOptions{Backpressure: true, QueueBytes: 300 << 10})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-sent:
		t.Fatal("the server sent everything to a client that does not read")
	case <-time.After(100 * time.Millisecond):
	}
	for n := 0; n < frames; {
		ev, err := ns.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ev.Type == rtmp.TypeVideo {
			if ev.Timestamp != uint32(n) {
				t.Fatalf("frame %d has timestamp %d", n, ev.Timestamp)
			}
			n++
		}
	}
	_ = ns.Close()
}

func TestBackpressureEnds(t *testing.T) {
	for _, how := range []string{"stream", "client"} {
		t.Run(how, func(t *testing.T) {
			url := accepted(t, func(p *rtmptest.Peer) {
				playing(p)
				started(p)
				for range 10 {
					p.SendVideo(0, make([]byte, 1000))
				}
				if how == "stream" {
					p.WantCommand("deleteStream")
					p.Send(p.WantCommand("still").Command.Result(nil, "alive"))
				}
				p.WantClosed()
			})
			c := dial(t, url, nil)
			ctx := ctxFor(t, 5*time.Second)
			ns, err := c.Play(ctx, "x", rtmp.PlayOptions{Backpressure: true, QueueBytes: 2000})
			if err != nil {
				t.Fatal(err)
			}
			if how == "client" {
				_ = c.Close() // must not wait for the reader for ever
				return
			}
			time.Sleep(20 * time.Millisecond)
			_ = ns.Close()
			if v, err := c.Call(ctx, "still"); v != "alive" {
				t.Errorf("call returned %v, %v", v, err)
			}
		})
	}
}

func TestPublisherThatDoesNotRead(t *testing.T) {
	url := accepted(t, func(p *rtmptest.Peer) {
		publishing(p)
		p.Send(rtmp.OnStatus(1, status.New(status.PublishStart, "x")))
		for i := range 200 {
			p.Send(rtmp.OnStatus(1, status.Newf(status.PublishIdle, "%d", i)))
		}
		p.SendVideo(0, []byte{1}) // nobody asked for it
		p.Send(rtmp.OnStatus(1, status.New(status.PublishRejected, "Taken over.")))
		p.Send(p.WantCommand("done").Command.Result(nil))
		p.WantClosed()
	})
	c := dial(t, url, nil)
	ctx := ctxFor(t, 5*time.Second)
	ns, err := c.Publish(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Call(ctx, "done"); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, ns.WriteVideo(ctx, 0, []byte{1}), status.PublishRejected)
	var last rtmp.StreamEvent
	n := 0
	for short := ctxFor(t, 50*time.Millisecond); ; n++ {
		ev, err := ns.Read(short)
		if err != nil {
			break
		}
		last = ev
	}
	if n != 64 || last.Status == nil || last.Status.Code != status.PublishRejected {
		t.Errorf("%d events kept, the last %+v", n, last)
	}
}

func TestWriteWaits(t *testing.T) {
	release := make(chan struct{})
	url := accepted(t, func(p *rtmptest.Peer) {
		publishing(p)
		p.Send(rtmp.OnStatus(1, status.New(status.PublishStart, "x")))
		<-release
		_, _ = io.Copy(io.Discard, p.Conn())
	})
	c := dial(t, url, nil)
	ns, err := c.Publish(ctxFor(t, 5*time.Second), "x")
	if err != nil {
		t.Fatal(err)
	}
	ctx := ctxFor(t, 300*time.Millisecond)
	frame := make([]byte, 256<<10)
	for n := 0; err == nil; n++ {
		if n == 1000 {
			t.Fatal("the client queues without end")
		}
		err = ns.WriteVideo(ctx, 0, frame)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that of the context", err)
	}
	close(release)
	if err := ns.WriteVideo(ctxFor(t, 5*time.Second), 0, frame); err != nil {
		t.Errorf("after the server reads again: %v", err)
	}
}
