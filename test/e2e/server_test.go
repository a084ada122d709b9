package e2e

import (
	"regexp"
	"syscall"
	"testing"
	"time"

	"penstock/test/process"
)

// A server is a running `penstock serve` on ports of its own.
type server struct {
	*process.Process
	rtmp string // rtmp://127.0.0.1:PORT
	http string // http://127.0.0.1:PORT
}

var (
	rtmpLine = regexp.MustCompile(`rtmp://127\.0\.0\.1:\d+`)
	httpLine = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
)

// serve starts the server with further arguments and returns when it has printed where it listens. At the end of the test it
// is asked to stop, and fails the test if it does not within ten seconds or exits with an error.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	base := []string{"serve", "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", t.TempDir()}
	s := &server{Process: start(t, binary(t), append(base, args...)...)}
	until(t, 10*time.Second, "the server prints its addresses", func() bool {
		out := s.Stdout.String()
		s.rtmp, s.http = rtmpLine.FindString(out), httpLine.FindString(out)
		return s.rtmp != "" && s.http != ""
	}, s.Process)
	t.Cleanup(func() {
		if !s.Running() {
			t.Errorf("the server ended before the test: %v", s.Err())
			return
		}
		if !s.Stop(syscall.SIGTERM, 12*time.Second) {
			t.Error("the server did not stop within 12 s of SIGTERM")
		} else if s.Err() != nil {
			t.Errorf("the server ended with %v", s.Err())
		}
	})
	return s
}
