package app

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"penstock/amf"
	"penstock/media"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/rtmp/handshake"
)

// benchServer is a server on loopback that logs nothing.
func benchServer(b *testing.B) *world {
	return serve(b, live(), func(s *Server) {
		s.Log = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	})
}

// rawClient does the handshake and sends commands without waiting for answers.
func rawClient(b *testing.B, addr string, cmds ...*rtmp.Command) net.Conn {
	b.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := handshake.Client(nc, handshake.Options{}); err != nil {
		b.Fatal(err)
	}
	var out []byte
	for _, c := range cmds {
		m, err := c.Message()
		if err != nil {
			b.Fatal(err)
		}
		out = chunk.Append(out, m, chunk.DefaultChunkSize)
	}
	if _, err := nc.Write(out); err != nil {
		b.Fatal(err)
	}
	return nc
}

func connectCommand() *rtmp.Command {
	return &rtmp.Command{Name: "connect", Transaction: 1, Object: amf.NewObject(
		amf.Prop{Key: "app", Value: "live"}, amf.Prop{Key: "flashVer", Value: "LNX 10,0,32,18"},
		amf.Prop{Key: "tcUrl", Value: "rtmp://127.0.0.1/live"}, amf.Prop{Key: "objectEncoding", Value: 0.0})}
}

// BenchmarkConnect is TCP, handshake, connect and its `_result`, over loopback.
func BenchmarkConnect(b *testing.B) {
	w := benchServer(b)
	b.ReportAllocs()
	for b.Loop() {
		nc := rawClient(b, w.addr, connectCommand())
		r := chunk.NewReader(nc, chunk.Limits{})
		var m rtmp.Message
		for m.Type != rtmp.TypeCommandAMF0 {
			if err := r.ReadMessage(&m); err != nil {
				b.Fatal(err)
			}
		}
		_ = nc.(*net.TCPConn).SetLinger(0) // no TIME_WAIT: a long run would use up the ports
		_ = nc.Close()
	}
}

// BenchmarkFanOut publishes 10 kB video frames to players on loopback that read everything. One
// operation is one frame to all of them: allocations must not grow with the players.
func BenchmarkFanOut(b *testing.B) {
	for _, players := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("players=%d", players), func(b *testing.B) { fanOut(b, players) })
	}
}

func fanOut(b *testing.B, players int) {
	w := benchServer(b)
	got := make([]atomic.Int64, players)
	for i := range players {
		nc := rawClient(b, w.addr, connectCommand(), &rtmp.Command{Name: "createStream", Transaction: 2},
			&rtmp.Command{Name: "play", StreamID: 1, Args: []amf.Value{"cam", -1.0}})
		b.Cleanup(func() { _ = nc.Close() })
		go func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := nc.Read(buf)
				got[i].Add(int64(n))
				if err != nil {
					return
				}
			}
		}()
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if s := w.Streams().Streams(); len(s) == 1 && s[0].Players == players {
			break
		}
		if time.Now().After(deadline) {
			b.Fatal("the players did not come")
		}
	}
	pub, err := w.Streams().Publish("live/cam", nil)
	if err != nil {
		b.Fatal(err)
	}
	payload := append(frame(true, 0), make([]byte, 10<<10)...)
	time.Sleep(300 * time.Millisecond) // PublishNotify goes out
	base := make([]int64, players)
	for i := range base {
		base[i] = got[i].Load()
	}
	size := int64(chunk.Size(&rtmp.Message{Type: rtmp.TypeVideo, CSID: rtmp.CSIDVideo, StreamID: 1, Payload: payload}, media.OutChunkSize))
	wait := func(frames int64) {
		for i := range got {
			for got[i].Load()-base[i] < frames*size {
				time.Sleep(50 * time.Microsecond)
			}
		}
	}
	sent := int64(0)
	publish := func() {
		if err := pub.Video(uint32(sent), append([]byte(nil), payload...)); err != nil {
			b.Fatal(err)
		}
		if sent++; sent%16 == 0 {
			wait(sent) // no further ahead than a queue holds
		}
	}
	for range 64 { // queues grow to their size once
		publish()
	}
	b.SetBytes(size * int64(players))
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		publish()
	}
	wait(sent)
	b.StopTimer()
	pub.Close()
}
