package httpflv

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"penstock/media"
)

// benchmark sends video frames of 10 kB to viewers over loopback as fast as all
// of them take it. The reading side of the connections is part of the cost.
func benchmark(b *testing.B, viewers int, websocket bool) {
	r := media.NewRegistry(media.Options{})
	h, s := serve(b, r, Options{Queue: media.QueueLimits{SoftBytes: -1, SoftDelay: -1, HardDelay: -1, HardBytes: -1}})
	p := publish(b, r, "a").headers()
	request := "GET /a.flv HTTP/1.1\r\nHost: a\r\n\r\n"
	if websocket {
		request = strings.TrimSuffix(request, "\r\n") + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	}
	var got atomic.Int64
	for range viewers {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		must(b, err)
		b.Cleanup(func() { c.Close() })
		go func() {
			if _, err := io.WriteString(c, request); err != nil {
				return
			}
			in := bufio.NewReaderSize(c, 64<<10)
			for {
				n, err := in.Discard(max(1, in.Buffered()))
				got.Add(int64(n))
				if err != nil {
					return
				}
			}
		}()
	}
	until(b, "all are there", func() bool { return h.Viewers()["a"] == viewers && got.Load() > int64(viewers)*150 })
	time.Sleep(50 * time.Millisecond)
	payload := make([]byte, 10_000)
	copy(payload, []byte{0x27, 1, 0, 0, 0})
	key := make([]byte, 10_000)
	copy(key, []byte{0x17, 1, 0, 0, 0})
	b.SetBytes(int64(viewers * len(payload)))
	b.ReportAllocs()
	n, start := 0, got.Load()
	for b.Loop() {
		f := payload
		if n%50 == 0 {
			f = key
		}
		must(b, p.Video(uint32(n*40), f))
		n++
		for got.Load()-start < int64((n-4)*viewers*len(payload)) {
			time.Sleep(50 * time.Microsecond)
		}
	}
	b.StopTimer()
}

func BenchmarkViewers(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("http/%d", n), func(b *testing.B) { benchmark(b, n, false) })
		b.Run(fmt.Sprintf("websocket/%d", n), func(b *testing.B) { benchmark(b, n, true) })
	}
}
