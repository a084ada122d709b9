package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/app"
	"penstock/rtmp"
	"penstock/test/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A client behind a relay is told what the server says, comes from the relay's address, and ends as the server ended it.
func TestRelay(t *testing.T) {
	mux := app.NewMux()
	mux.Handle("live", app.Live(app.LiveOptions{}))
	srv := &app.Server{Handler: mux, Log: slog.New(slog.DiscardHandler)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })

	r := To(t, l.Addr().String(), net.IPv4(127, 9, 9, 9))
	c, err := rtmp.Dial(context.Background(), "rtmp://"+r.Addr+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if list := srv.Clients(); len(list) != 1 || list[0].Addr.(*net.TCPAddr).IP.String() != "127.9.9.9" {
		t.Errorf("the server has %v", list)
	}
	if n := r.Connections(); n != 1 || r.Sent() < 3073 || r.End(0) != nil {
		t.Errorf("%d connections, %d bytes, end %v", n, r.Sent(), r.End(0))
	}
	found := false
	for _, m := range r.Messages(0) {
		found = found || m.Type == rtmp.TypeCommandAMF0 && bytes.Contains(m.Payload, []byte("Connect.Success"))
	}
	if !found {
		t.Errorf("no answer to connect among %d messages", len(r.Messages(0)))
	}
	_ = srv.Close()
	<-c.Done()
	process.Until(t, 20*time.Second, "the server's end is known", func() bool { return errors.Is(r.End(0), io.EOF) })
}
