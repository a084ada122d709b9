package script

import (
	"context"
	"log/slog"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
)

// measured runs a call again and again and reports how long it takes.
func measured(b *testing.B, f func() error) {
	b.Helper()
	times := make([]time.Duration, 0, 1<<16)
	for b.Loop() {
		began := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(began))
	}
	var sum time.Duration
	for _, t := range times {
		sum += t
	}
	b.ReportMetric(float64(quantile(times, .5).Microseconds()), "µs-p50")
	b.ReportMetric(float64(quantile(times, .99).Microseconds()), "µs-p99")
	b.ReportMetric(float64(len(times))/sum.Seconds(), "calls/s")
}

func benchmarkCall(b *testing.B, h app.Handler) {
	b.Helper()
	mux := app.NewMux()
	mux.Handle("test", h)
	srv := &app.Server{Handler: mux, Log: slog.New(slog.DiscardHandler), Limits: app.Limits{RTMP: rtmp.Limits{CommandRate: 1e9}}}
	defer srv.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	c, err := rtmp.Dial(b.Context(), "rtmp://"+l.Addr().String()+"/test/x", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	measured(b, func() error {
		v, err := c.Call(b.Context(), "add", 1.0, 2.0)
		if err == nil && v != 3.0 {
			b.Fatal(v)
		}
		return err
	})
}

// A call of a method written in Go, over loopback.
func BenchmarkCallGo(b *testing.B) {
	benchmarkCall(b, app.Live(app.LiveOptions{Methods: app.Methods{"add": func(_ context.Context, args []amf.Value) (amf.Value, error) {
		x, _ := args[0].(float64)
		y, _ := args[1].(float64)
		return x + y, nil
	}}}))
}

// The same of a method of a script.
func BenchmarkCallScript(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.asc"), []byte(`Client.prototype.add = function (x, y) { return x + y; };`), 0o600); err != nil {
		b.Fatal(err)
	}
	a, err := Load("test", dir, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	benchmarkCall(b, app.HandlerFunc(func(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
		s, err := a.Connect(ctx, c, args)
		if err != nil {
			return nil, err
		}
		return session{s}, nil
	}))
}

// Adder is a service of net/rpc.
type Adder struct{}

// Add adds.
func (Adder) Add(args [2]float64, sum *float64) error {
	*sum = args[0] + args[1]
	return nil
}

// The same with net/rpc, for scale.
func BenchmarkCallNetRPC(b *testing.B) {
	srv := rpc.NewServer()
	if err := srv.Register(Adder{}); err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			srv.ServeConn(c)
		}
	}()
	c, err := rpc.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	measured(b, func() error {
		var sum float64
		return c.Call("Adder.Add", [2]float64{1, 2}, &sum)
	})
}
