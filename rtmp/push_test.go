package rtmp_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/chunk"
)

// What is pushed comes whole and in order, between whole frames, whoever else sends meanwhile.
func TestPushOrder(t *testing.T) {
	overBothWriters(t, rtmp.ConnOptions{Limits: rtmp.Limits{ControlQueueMessages: 1 << 20}}, func(t *testing.T, c *rtmp.Conn, peer net.Conn) {
		const frames, pushed, sent = 1500, 1000, 500
		s := &numbered{size: 3000}
		_ = c.Send(rtmp.SetChunkSize(65536))
		c.Attach(s)
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			var bufs [][]byte
			for range frames {
				s.add(1)
				bufs = c.Flush(s, bufs)
			}
		})
		wg.Go(func() {
			for i := range uint32(pushed / 2) { // two at a time, which belong together
				_ = c.Queue(small(2*i), small(2*i+1))
				c.Push()
			}
		})
		wg.Go(func() {
			for i := range uint32(sent) {
				m := small(i)
				m.Type = 15
				_ = c.Send(m)
			}
		})
		r := chunk.NewReader(peer, chunk.Limits{})
		_ = peer.SetReadDeadline(time.Now().Add(60 * time.Second))
		var got [20]uint32
		want := [20]uint32{9: frames, 18: pushed, 15: sent}
		last := uint8(0)
		for m := new(rtmp.Message); got != want; {
			if err := r.ReadMessage(m); err != nil {
				t.Fatalf("after %v: %v", got, err)
			}
			switch {
			case m.Type != 9 && m.Type != 15 && m.Type != 18:
				continue
			case m.Timestamp != got[m.Type]:
				t.Fatalf("type %d: message %d, want %d", m.Type, m.Timestamp, got[m.Type])
			case m.Type == 18 && m.Timestamp%2 == 1 && last != 18:
				t.Fatalf("a message of type %d between two that were queued at once", last)
			}
			got[m.Type]++
			last = m.Type
		}
	})
}

// Nothing is written before Push, and a peer that does not read holds up nobody and loses nothing.
func TestPushStalled(t *testing.T) {
	overBothWriters(t, rtmp.ConnOptions{Limits: rtmp.Limits{ControlQueueBytes: 64 << 20, ControlQueueMessages: 1 << 20}},
		func(t *testing.T, c *rtmp.Conn, peer net.Conn) {
			message := func(n uint32) *rtmp.Message {
				return &rtmp.Message{Type: 18, CSID: 3, Timestamp: n, Payload: make([]byte, 20000)}
			}
			_ = c.Queue(message(0))
			_ = peer.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			if rtmp.Direct(c) { // a writer goroutine may be looking at the queue just now
				if n, err := peer.Read(make([]byte, 1)); n > 0 || err == nil {
					t.Fatal("came before the push")
				}
			}
			const n = 400 // 8 MB
			for i := range uint32(n - 1) {
				c.Push()
				_ = c.Queue(message(i + 1))
			}
			c.Push()
			r := chunk.NewReader(peer, chunk.Limits{})
			_ = peer.SetReadDeadline(time.Now().Add(60 * time.Second))
			var m rtmp.Message
			for i := range uint32(n) {
				if err := r.ReadMessage(&m); err != nil || m.Timestamp != i || len(m.Payload) != 20000 {
					t.Fatalf("message %d: %d with %d bytes, %v", i, m.Timestamp, len(m.Payload), err)
				}
			}
		})
}

func TestQueueFails(t *testing.T) {
	a, b := tcpPair(t)
	defer b.Close()
	c := newConn(t, a, rtmp.ConnOptions{Limits: rtmp.Limits{ControlQueueMessages: 3}})
	if err := c.Queue(&rtmp.Message{Type: 18, CSID: 1}); !errors.Is(err, chunk.ErrUnframable) {
		t.Errorf("unframable: %v", err)
	}
	var err error
	for i := range uint32(10) {
		if err = c.Queue(small(i)); err != nil {
			break
		}
	}
	wantLimit(t, err, "control_queue_messages")
	if again := c.Queue(small(0)); again == nil || again.Error() != err.Error() {
		t.Errorf("after that: %v", again)
	}
	c.Push() // of a closed connection
}

// A peer that has ended while nothing waits is let go at once; otherwise it still gets what waits.
func TestCloseFlushed(t *testing.T) {
	bye := errors.New("bye")
	for _, tt := range []struct {
		name string
		do   func(c *rtmp.Conn, peer *net.TCPConn)
		want bool
	}{
		{"has ended", func(_ *rtmp.Conn, peer *net.TCPConn) { _ = peer.CloseWrite() }, true},
		{"message waits", func(c *rtmp.Conn, peer *net.TCPConn) {
			_ = c.Queue(small(1))
			_ = peer.CloseWrite()
		}, false},
		{"plays", func(c *rtmp.Conn, peer *net.TCPConn) {
			c.Attach(&numbered{size: 10})
			_ = peer.CloseWrite()
		}, false},
		{"finishing", func(c *rtmp.Conn, peer *net.TCPConn) {
			c.Finish(nil)
			_ = peer.CloseWrite()
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := tcpPair(t)
			defer b.Close()
			c := newConn(t, a, rtmp.ConnOptions{})
			if c.CloseFlushed(bye) {
				t.Fatal("the peer has not ended")
			}
			tt.do(c, b.(*net.TCPConn))
			_ = c.ReadMessage(new(rtmp.Message))
			got := c.CloseFlushed(bye)
			if got && !rtmp.Direct(c) {
				t.Error("closed with a writer goroutine")
			}
			if got != (tt.want && rtmp.Direct(c)) {
				t.Fatalf("closed: %v", got)
			}
			if !got {
				c.Finish(bye)
			} else if err := c.Send(small(1)); !errors.Is(err, bye) {
				t.Errorf("sending: %v", err)
			}
			_ = b.SetReadDeadline(time.Now().Add(30 * time.Second))
			if _, err := io.Copy(io.Discard, b); err != nil { // FIN, and no reset
				t.Error(err)
			}
			c.Wait()
		})
	}
}
