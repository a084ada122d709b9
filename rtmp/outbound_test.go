package rtmp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/rtmp/rtmptest"
)

// frames is a source of equal frames.
type frames struct {
	mu    sync.Mutex
	wire  []byte
	left  int // <0: no end
	pulls int
}

func newFrames(csid uint32, size, n int) *frames {
	m := &rtmp.Message{Type: 9, CSID: csid, StreamID: 1, Payload: make([]byte, size)}
	return &frames{wire: chunk.Append(nil, m, 65536), left: n}
}

func (f *frames) Pull(bufs [][]byte, max int) [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pulls++
	for n := 0; f.left != 0 && n < max; n += len(f.wire) {
		bufs = append(bufs, f.wire)
		f.left--
	}
	return bufs
}

func (f *frames) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left += n
}

// small is a message that can be told from others by its timestamp.
func small(n uint32) *rtmp.Message {
	return &rtmp.Message{Type: 18, CSID: 5, Timestamp: n, Payload: []byte{5}}
}

// pipeConn is a Conn whose writer stands still until the peer reads.
func pipeConn(t testing.TB, o rtmp.ConnOptions) (*rtmp.Conn, *rtmptest.Peer) {
	a, b := net.Pipe()
	return newConn(t, a, o), rtmptest.NewPeer(t, b)
}

func TestSendOverflow(t *testing.T) {
	for option, limits := range map[string]rtmp.Limits{
		"control_queue_bytes":    {ControlQueueBytes: 2000},
		"control_queue_messages": {ControlQueueMessages: 50},
	} {
		t.Run(option, func(t *testing.T) {
			c, _ := pipeConn(t, rtmp.ConnOptions{Limits: limits})
			ended := reading(c)
			var err error
			n := 0
			for ; err == nil && n < 10000; n++ {
				err = c.Send(small(0))
			}
			wantLimit(t, err, option)
			wantLimit(t, wantEnd(t, ended), option)
			wantLimit(t, context.Cause(c.Context()), option)
			wantLimit(t, c.Send(small(0)), option)
			if n < 50 {
				t.Errorf("over the limit after %d messages", n)
			}
		})
	}
}

func TestSendOrder(t *testing.T) {
	c, p := connAndPeer(t, rtmp.ConnOptions{Limits: rtmp.Limits{ControlQueueMessages: 1 << 20}})
	var wg sync.WaitGroup
	for g := range uint32(4) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range uint32(100) {
				_ = c.Send(small(g<<16|i<<1), small(g<<16|i<<1|1)) // never apart
			}
		}()
	}
	next := map[uint32]uint32{}
	for range 400 {
		first, second := p.WantMessage(18).Timestamp, p.WantMessage(18).Timestamp
		if first+1 != second || first&0xFFFF != next[first>>16] {
			t.Fatalf("messages %x and %x", first, second)
		}
		next[first>>16] += 2
	}
	wg.Wait()
}

// Chunks are as large as the peer was told, from the next message on.
func TestSendChunkSize(t *testing.T) {
	c, p := connAndPeer(t, rtmp.ConnOptions{})
	big := &rtmp.Message{Type: 9, CSID: 6, Payload: make([]byte, 1000)}
	before := c.BytesWritten()
	_ = c.Send(big, rtmp.SetChunkSize(100000), big)
	for range 2 {
		if m := p.WantMedia(); len(m.Payload) != 1000 {
			t.Errorf("%d bytes", len(m.Payload))
		}
	}
	want := uint64(chunk.Size(big, 128) + 16 + 12 + 1000)
	for range 100 { // the count follows the write
		if c.BytesWritten()-before >= want {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if got := c.BytesWritten() - before; got != want {
		t.Errorf("%d bytes written, want %d", got, want)
	}
}

func TestSendWait(t *testing.T) {
	c, p := pipeConn(t, rtmp.ConnOptions{Limits: rtmp.Limits{ControlQueueMessages: 10}})
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("patience"))
	defer cancel()
	n := uint32(0)
	var err error
	for ; err == nil; n++ {
		err = c.SendWait(ctx, small(n))
	}
	n--
	if err.Error() != "patience" || n < 5 || n > 12 {
		t.Errorf("%d messages queued, then %v", n, err)
	}
	done := make(chan error, 1)
	go func() { done <- c.SendWait(t.Context(), small(n)) }()
	for i := range n + 1 {
		if m := p.WantMessage(18); m.Timestamp != i {
			t.Fatalf("message %d, want %d", m.Timestamp, i)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	for end, cause := range map[string]error{"Close": errors.New("closed"), "Finish": errors.New("finished")} {
		c, _ := pipeConn(t, rtmp.ConnOptions{Limits: rtmp.Limits{ControlQueueMessages: 2}})
		_ = c.Send(small(0)) // being written, or still in the queue
		_ = c.SendWait(t.Context(), small(0))
		go func() {
			for {
				if err := c.SendWait(t.Context(), small(0)); err != nil {
					done <- err
					return
				}
			}
		}()
		time.Sleep(5 * time.Millisecond)
		if end == "Close" {
			c.Close(cause)
		} else {
			c.Finish(cause)
		}
		if err := wantEnd(t, done); !errors.Is(err, cause) {
			t.Errorf("%s: %v, want %v", end, err, cause)
		}
	}
}

func TestSendCommandError(t *testing.T) {
	c, p := connAndPeer(t, rtmp.ConnOptions{})
	if err := c.SendCommand(&rtmp.Command{Name: "good"}, &rtmp.Command{Name: "bad", Object: make(chan int)}); err == nil {
		t.Error("a channel was sent")
	}
	_ = c.SendCommand(&rtmp.Command{Name: "after"})
	p.WantCommand("after") // nothing of the first call
}

func TestSources(t *testing.T) {
	c, p := pipeConn(t, rtmp.ConnOptions{})
	_ = p
	_ = c.Send(small(1)) // the writer is busy with it until the peer reads
	time.Sleep(5 * time.Millisecond)
	one, two := newFrames(6, 100, 2), newFrames(4, 100, 2)
	c.Attach(one)
	c.Attach(two)
	_ = c.Send(small(2), rtmp.SetChunkSize(65536))
	if m := p.WantMessage(18); m.Timestamp != 1 {
		t.Errorf("first message %+v", m.Message)
	}
	if m := p.WantMessage(18); m.Timestamp != 2 {
		t.Errorf("control does not go before media: %+v", m.Message)
	}
	var order []uint32
	for range 4 {
		order = append(order, p.WantMedia().CSID)
	}
	if order[0] != 6 || order[1] != 6 || order[2] != 4 || order[3] != 4 {
		t.Errorf("sources in the order %v", order)
	}
	p.WantNothing(5 * time.Millisecond)
	one.add(1)
	c.Wake()
	if m := p.WantMedia(); m.CSID != 6 {
		t.Errorf("chunk stream %d", m.CSID)
	}
	c.Detach(one)
	one.add(1)
	two.add(1)
	c.Wake()
	if m := p.WantMedia(); m.CSID != 4 {
		t.Errorf("a detached source is pulled: chunk stream %d", m.CSID)
	}
	p.WantNothing(5 * time.Millisecond)
}

// Control messages overtake media that is waiting, without breaking into a message.
func TestControlOvertakesMedia(t *testing.T) {
	for name, pair := range map[string]func(t testing.TB) (a, b net.Conn){"TCP": tcpPair, "TLS": tlsPair} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			c, p := newConn(t, a, rtmp.ConnOptions{}), rtmptest.NewPeer(t, b)
			_ = c.Send(rtmp.SetChunkSize(65536))
			c.Attach(newFrames(6, 50000, -1)) // never dry
			for i := range uint32(5) {
				p.WantMedia()
				_ = c.Send(small(i))
				for n := 0; ; n++ {
					m := p.Next()
					if m.Type == 18 {
						if m.Timestamp != i {
							t.Errorf("message %d, want %d", m.Timestamp, i)
						}
						break
					}
					if m.Type != 9 || len(m.Payload) != 50000 {
						t.Fatalf("message %+v", m.Message)
					}
					if n > 1000 {
						t.Fatal("the message waits behind all media")
					}
				}
			}
		})
	}
}

// Finish stops pulling media, whatever a source still has.
func TestFinishStopsMedia(t *testing.T) {
	c, p := connAndPeer(t, rtmp.ConnOptions{})
	ended := reading(c)
	_ = c.Send(rtmp.SetChunkSize(65536))
	c.Attach(newFrames(6, 50000, -1))
	p.WantMedia()
	c.Finish(nil, small(9))
	for {
		if m := p.Next(); m.Type == 18 {
			break
		}
	}
	p.WantClosed()
	p.Close()
	wantEnd(t, ended)
}

// A peer that takes nothing loses the connection after WriteTimeout; one that takes a little
// now and then keeps it.
func TestWriteTimeout(t *testing.T) {
	for name, pair := range map[string]func(t testing.TB) (a, b net.Conn){
		"TCP": tcpPair, "TLS": tlsPair, "pipe": func(testing.TB) (a, b net.Conn) { return net.Pipe() },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			c := newConn(t, a, rtmp.ConnOptions{Limits: rtmp.Limits{WriteTimeout: 50 * time.Millisecond}})
			rtmptest.NewPeer(t, b)
			c.Attach(newFrames(6, 50000, -1))
			select {
			case <-c.Context().Done():
			case <-time.After(5 * time.Second):
				t.Fatal("the connection lives on")
			}
			if cause := context.Cause(c.Context()); !errors.Is(cause, os.ErrDeadlineExceeded) {
				t.Errorf("cause %v, want a timeout", cause)
			}
			c.Wait()
		})
	}
}

func TestSlowPeerKeepsTheConnection(t *testing.T) {
	if testing.Short() {
		t.Skip("takes six seconds")
	}
	for name, pair := range map[string]func(t testing.TB) (a, b net.Conn){"TCP": tcpPair, "TLS": tlsPair} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			c := newConn(t, a, rtmp.ConnOptions{Limits: rtmp.Limits{WriteTimeout: time.Second}})
			t.Cleanup(func() { _ = b.Close() })
			c.Attach(newFrames(6, 8<<20, -1)) // the kernel takes a part of it, the peer has to read the rest
			scratch := make([]byte, 64<<10)
			for start := time.Now(); time.Since(start) < 2500*time.Millisecond; {
				time.Sleep(10 * time.Millisecond)
				if _, err := io.ReadFull(b, scratch); err != nil {
					t.Fatal(err)
				}
			}
			if err := context.Cause(c.Context()); err != nil {
				t.Errorf("a slow peer lost the connection: %v", err)
			}
		})
	}
}

func BenchmarkConnWrite(b *testing.B) {
	near, far := tcpPair(b)
	c := newConn(b, near, rtmp.ConnOptions{})
	read := make(chan struct{})
	const size = 10000
	f := newFrames(6, size, 0)
	total := b.N * len(f.wire)
	go func() {
		defer close(read)
		buf := make([]byte, 1<<20)
		for n := 0; n < total; {
			k, err := far.Read(buf)
			if err != nil {
				return
			}
			n += k
		}
	}()
	defer far.Close()
	c.Attach(f)
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		f.add(1)
		c.Wake()
	}
	<-read
}

// Last words have an end too: a peer that takes them little by little does not keep the connection.
func TestFinishIsBounded(t *testing.T) {
	a, b := tcpPair(t)
	_ = a.(*net.TCPConn).SetWriteBuffer(64 << 10)
	_ = b.(*net.TCPConn).SetReadBuffer(64 << 10)
	c := newConn(t, a, rtmp.ConnOptions{Limits: rtmp.Limits{WriteTimeout: 800 * time.Millisecond, CloseLinger: 100 * time.Millisecond,
		ControlQueueBytes: 64 << 20}})
	_ = c.Send(&rtmp.Message{Type: 20, CSID: 3, Payload: make([]byte, 15<<20)})
	c.Finish(nil)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		scratch := make([]byte, 16<<10)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if _, err := b.Read(scratch); err != nil {
				return
			}
		}
	}()
	ended := make(chan struct{})
	go func() { defer close(ended); c.Wait() }()
	select {
	case <-ended:
	case <-time.After(4 * time.Second):
		t.Error("still writing")
		c.Close(nil)
		<-ended
	}
}

// What RTMP cannot frame is not silently left out.
func TestSendUnframable(t *testing.T) {
	c, _ := connAndPeer(t, rtmp.ConnOptions{})
	m := &rtmp.Message{Type: 9, CSID: 6, Payload: make([]byte, chunk.MaxPayload+1)}
	if err := c.Send(m); !errors.Is(err, chunk.ErrUnframable) {
		t.Errorf("Send: %v", err)
	}
	if err := c.SendWait(t.Context(), m); !errors.Is(err, chunk.ErrUnframable) {
		t.Errorf("SendWait: %v", err)
	}
}
