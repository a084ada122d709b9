package rtmp_test

import (
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/chunk"
)

// TestGather: of a publisher in step the kernel gathers what is worth it, and nothing is lost or left behind: not what is small,
// not the end of a message that comes in pieces, and not what comes last.
func TestGather(t *testing.T) {
	a, b := tcpPair(t)
	c := newConn(t, a, rtmp.ConnOptions{Strict: true})
	t.Cleanup(func() { _ = b.Close() })
	got := make(chan rtmp.Message, 1000)
	go func() {
		defer close(got)
		for {
			var m rtmp.Message
			if err := c.ReadMessage(&m); err != nil {
				return
			}
			got <- m
		}
	}()
	send := func(typ uint8, ts uint32, size int, pieces ...int) {
		p := chunk.Append(nil, &rtmp.Message{Type: typ, CSID: 6, StreamID: 1, Timestamp: ts, Payload: make([]byte, size)}, 128)
		for _, n := range pieces {
			_, _ = b.Write(p[:n])
			p = p[n:]
			time.Sleep(time.Millisecond)
		}
		if _, err := b.Write(p); err != nil {
			t.Error(err)
		}
	}
	want := func(ts uint32) {
		t.Helper()
		select {
		case m := <-got:
			if m.Timestamp != ts {
				t.Fatalf("message %d, want %d", m.Timestamp, ts)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("message %d does not come", ts)
		}
	}
	for ts := range uint32(300) {
		send(rtmp.TypeAudio, ts, 50)
		if ts%10 == 3 {
			send(rtmp.TypeVideo, ts, 5000, 1, 10, 3000)
		} else {
			send(rtmp.TypeVideo, ts, 5000)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for ts := range uint32(300) {
		want(ts)
		want(ts)
	}
	send(rtmp.TypeAudio, 1000, 50) // nothing follows it
	want(1000)
	send(rtmp.TypeVideo, 1001, 20)
	want(1001)
	send(rtmp.TypeAudio, 1002, 60)
	_ = b.Close()
	want(1002)
	if m, more := <-got; more {
		t.Errorf("message %d after the end", m.Timestamp)
	}
}
