package rtmp_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/rtmp/internal/socket"
	"penstock/rtmp/rtmptest"
)

// plain hides that a connection is a TCP socket: what it is given is written by a writer goroutine.
type plain struct{ net.Conn }

func (p plain) CloseWrite() error { return p.Conn.(*net.TCPConn).CloseWrite() }

// overBothWriters runs a test on a connection that is written to directly, where the system can, and on one that is not.
func overBothWriters(t *testing.T, o rtmp.ConnOptions, test func(t *testing.T, c *rtmp.Conn, peer net.Conn)) {
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"direct": func(nc net.Conn) net.Conn { return nc },
		"writer": func(nc net.Conn) net.Conn { return plain{nc} },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := tcpPair(t)
			t.Cleanup(func() { _ = b.Close() })
			_ = b.(*net.TCPConn).SetReadBuffer(128 << 10)
			test(t, newConn(t, wrap(a), o), b)
		})
	}
	t.Run("tls", func(t *testing.T) {
		a, b := tcpPair(t)
		_ = b.(*net.TCPConn).SetReadBuffer(128 << 10)
		d := socket.NewDeferred(a, nil)
		if d == nil {
			t.Skip("not on this system")
		}
		near, far := secured(t, d, b)
		t.Cleanup(func() { _ = far.Close() })
		test(t, newConn(t, near, o), far)
	})
}

// numbered is a source of messages whose timestamps count.
type numbered struct {
	mu   sync.Mutex
	size int
	next uint32
	have uint32
}

func (s *numbered) add(n uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.have += n
}

func (s *numbered) Pull(bufs [][]byte, max int) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := 0; s.next < s.have && n < max; n += s.size {
		m := &rtmp.Message{Type: 9, CSID: 6, StreamID: 1, Timestamp: s.next, Payload: make([]byte, s.size)}
		bufs = append(bufs, chunk.Append(nil, m, 65536))
		s.next++
	}
	return bufs
}

// A peer that reads gets all frames in order, whoever writes them, with the control messages of
// other goroutines between whole frames.
func TestFlushOrder(t *testing.T) {
	overBothWriters(t, rtmp.ConnOptions{Limits: rtmp.Limits{ControlQueueMessages: 1 << 20}}, func(t *testing.T, c *rtmp.Conn, peer net.Conn) {
		const frames, controls = 3000, 500
		s := &numbered{size: 3000}
		_ = c.Send(rtmp.SetChunkSize(65536))
		c.Attach(s)
		var wg sync.WaitGroup
		defer wg.Wait()
		for range 2 { // two may flush at once
			wg.Go(func() {
				var bufs [][]byte
				for range frames / 2 {
					s.add(1)
					bufs = c.Flush(s, bufs)
				}
			})
		}
		wg.Go(func() {
			for i := range uint32(controls) {
				_ = c.Send(small(i))
			}
		})
		r := chunk.NewReader(peer, chunk.Limits{})
		_ = peer.SetReadDeadline(time.Now().Add(60 * time.Second))
		var video, control uint32
		for m := new(rtmp.Message); video < frames || control < controls; {
			if err := r.ReadMessage(m); err != nil {
				t.Fatalf("after %d frames and %d control messages: %v", video, control, err)
			}
			switch m.Type {
			case 9:
				if m.Timestamp != video || len(m.Payload) != s.size {
					t.Fatalf("frame %d with %d bytes, want %d", m.Timestamp, len(m.Payload), video)
				}
				video++
			case 18:
				if m.Timestamp != control {
					t.Fatalf("control message %d, want %d", m.Timestamp, control)
				}
				control++
			}
		}
	})
}

// A peer that stops reading holds up nobody, and gets everything once it reads again.
func TestFlushStalled(t *testing.T) {
	overBothWriters(t, rtmp.ConnOptions{}, func(t *testing.T, c *rtmp.Conn, peer net.Conn) {
		s := &numbered{size: 20000}
		_ = c.Send(rtmp.SetChunkSize(65536))
		c.Attach(s)
		var bufs [][]byte
		for range 400 { // 8 MB, far more than the sockets hold
			s.add(1)
			bufs = c.Flush(s, bufs)
		}
		for deadline := time.Now().Add(30 * time.Second); c.BytesWritten() < 40000; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d bytes written", c.BytesWritten())
			}
		}
		c.Finish(nil, small(77))
		_ = peer.SetReadDeadline(time.Now().Add(60 * time.Second))
		r := chunk.NewReader(peer, chunk.Limits{})
		next := uint32(0)
		for m := new(rtmp.Message); ; {
			if err := r.ReadMessage(m); err != nil {
				t.Fatalf("after %d frames: %v", next, err)
			}
			if m.Type == 18 {
				if m.Timestamp != 77 {
					t.Errorf("last words %d", m.Timestamp)
				}
				break
			}
			if m.Type == 9 {
				if m.Timestamp != next {
					t.Fatalf("frame %d, want %d", m.Timestamp, next)
				}
				next++
			}
		}
		if next == 0 {
			t.Error("no frame came before the last words")
		}
	})
}

// A write that the peer never takes ends the connection by the write timeout.
func TestFlushWriteTimeout(t *testing.T) {
	overBothWriters(t, rtmp.ConnOptions{Limits: rtmp.Limits{WriteTimeout: 200 * time.Millisecond}}, func(t *testing.T, c *rtmp.Conn, _ net.Conn) {
		s := &numbered{size: 20000}
		c.Attach(s)
		var bufs [][]byte
		for range 400 {
			s.add(1)
			bufs = c.Flush(s, bufs)
		}
		select {
		case <-c.Context().Done():
		case <-time.After(30 * time.Second):
			t.Fatal("the connection does not end")
		}
		wantLimit(t, context.Cause(c.Context()), "write_timeout")
		c.Wait()
	})
}

// Pauses between writes are no reason to end: a deadline of an earlier write must not fail a later one.
func TestFlushAfterPause(t *testing.T) {
	overBothWriters(t, rtmp.ConnOptions{Limits: rtmp.Limits{WriteTimeout: 100 * time.Millisecond}}, func(t *testing.T, c *rtmp.Conn, peer net.Conn) {
		p := rtmptest.NewPeer(t, peer)
		s := &numbered{size: 100}
		_ = c.Send(rtmp.SetChunkSize(65536))
		c.Attach(s)
		var bufs [][]byte
		for i := range uint32(3) {
			_ = c.Send(small(i))
			if m := p.WantMessage(18); m.Timestamp != i {
				t.Fatalf("message %d", m.Timestamp)
			}
			time.Sleep(150 * time.Millisecond)
			s.add(1)
			bufs = c.Flush(s, bufs)
			if m := p.WantMedia(); m.Timestamp != i {
				t.Fatalf("frame %d", m.Timestamp)
			}
		}
	})
}

// Whatever happens at once, Wait returns and nothing is written after it.
func TestFlushClose(t *testing.T) {
	overBothWriters(t, rtmp.ConnOptions{}, func(t *testing.T, c *rtmp.Conn, peer net.Conn) {
		s := &numbered{size: 5000}
		c.Attach(s)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				var bufs [][]byte
				for range 200 {
					s.add(1)
					bufs = c.Flush(s, bufs)
					_ = c.Send(small(0))
				}
			})
		}
		wg.Go(func() { c.Finish(errors.New("finished")) })
		wg.Go(func() { c.Close(errors.New("closed")) })
		done := make(chan struct{})
		go func() {
			defer close(done)
			wg.Wait()
			c.Wait()
		}()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatal("Wait does not return")
		}
		before := c.BytesWritten()
		c.Flush(s, nil)
		c.Wake()
		if after := c.BytesWritten(); after != before {
			t.Errorf("%d bytes were written after the end", after-before)
		}
	})
}

// TestFlushAllocates: a frame for a player that keeps up costs no memory.
func TestFlushAllocates(t *testing.T) {
	a, b := tcpPair(t)
	defer b.Close()
	go func() {
		buf := make([]byte, 64<<10)
		for {
			if _, err := b.Read(buf); err != nil {
				return
			}
		}
	}()
	c := newConn(t, a, rtmp.ConnOptions{})
	s := newFrames(6, 1000, 0)
	c.Attach(s)
	time.Sleep(50 * time.Millisecond) // what Attach began has ended
	var bufs [][]byte
	if n := testing.AllocsPerRun(200, func() {
		s.mu.Lock()
		s.left = 1
		s.mu.Unlock()
		bufs = c.Flush(s, bufs)
	}); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}
