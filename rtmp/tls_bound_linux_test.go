package rtmp_test

import (
	"crypto/tls"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/internal/socket"
)

// oneFrame is a source that has the same bytes whenever it is asked.
type oneFrame struct{ b []byte }

func (f oneFrame) Pull(bufs [][]byte, _ int) [][]byte { return append(bufs, f.b) }

// BenchmarkTLS compares what a frame of 2 Mb/s at 30 frames/s costs over bare crypto/tls, which is the bound, with what it costs through
// a Conn, and with plain TCP. cpu-ns/frame is all that the process spent, with the reading of the ciphertext, which is thrown away.
func BenchmarkTLS(b *testing.B) {
	const players = 50
	frame := make([]byte, 8333)
	for _, way := range []string{"bare", "conn", "plain"} {
		b.Run(way, func(b *testing.B) {
			write := make([]func(), players)
			taken := func() uint64 { return uint64(b.N * len(frame)) }
			for i := range write {
				near, far := tcpPair(b)
				defer far.Close()
				if way != "plain" {
					near = established(b, socket.NewDeferred(near, nil), far)
				}
				go func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{far}) }()
				if way == "bare" {
					write[i] = func() { _, _ = near.Write(frame) }
					continue
				}
				c := newConn(b, near, rtmp.ConnOptions{})
				s := oneFrame{frame}
				var bufs [][]byte
				others := taken
				if i == 0 {
					others = func() uint64 { return 0 }
				}
				taken = func() uint64 { return others() + c.BytesWritten() }
				write[i] = func() { bufs = c.Flush(s, bufs) }
			}
			before := spent()
			for i := 0; b.Loop(); i++ {
				write[i%players]()
			}
			cpu := spent() - before
			frames := float64(taken()) / float64(len(frame)) // a player whose socket is full is left out
			b.ReportMetric(float64(cpu)/frames, "cpu-ns/frame")
			b.ReportMetric(frames/float64(b.N), "frames/op")
		})
	}
}

// established does the TLS handshake over both ends and returns the server's.
func established(b *testing.B, near, far net.Conn) *tls.Conn {
	b.Helper()
	server, _ := secured(b, near, far)
	return server.(*tls.Conn)
}

// spent is the CPU time of this process.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
