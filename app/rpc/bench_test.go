package rpc

import (
	"context"
	"math"
	"net"
	netrpc "net/rpc"
	"slices"
	"sync"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
)

// quantile is for times in order.
func quantile(times []time.Duration, q float64) float64 {
	return float64(times[int(q*float64(len(times)-1))].Nanoseconds()) / 1000
}

// measured runs a call in callers goroutines, one after the other in each, and reports how long one takes and how many there are.
func measured(b *testing.B, callers int, f func() error) {
	b.Helper()
	var mu sync.Mutex
	var all []time.Duration
	var wait sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	began := time.Now()
	for i := range callers {
		n := b.N / callers
		if i < b.N%callers {
			n++
		}
		wait.Go(func() {
			times := make([]time.Duration, n)
			for j := range times {
				at := time.Now()
				if err := f(); err != nil {
					b.Error(err)
					return
				}
				times[j] = time.Since(at)
			}
			mu.Lock()
			all = append(all, times...)
			mu.Unlock()
		})
	}
	wait.Wait()
	took := time.Since(began)
	b.StopTimer()
	if b.Failed() {
		return
	}
	slices.Sort(all)
	b.ReportMetric(quantile(all, .5), "µs-p50")
	b.ReportMetric(quantile(all, .99), "µs-p99")
	b.ReportMetric(math.Round(float64(len(all))/took.Seconds()), "calls/s")
}

// callers are one, which waits for each answer, and as many as one connection is likely to have.
var callers = map[string]int{"alone": 1, "callers=32": 32}

func benchmarkCall(b *testing.B, h app.Handler) {
	for name, n := range callers {
		b.Run(name, func(b *testing.B) {
			w := serve(b, h, func(s *app.Server) { s.Limits.RTMP.CommandRate = 1e9 })
			c := w.dial(b, rtmp.ClientConfig{})
			measured(b, n, func() error {
				v, err := c.Call(b.Context(), "sum", 1.0, 2.0)
				if err == nil && v != 3.0 {
					b.Errorf("the sum is %v", v)
				}
				return err
			})
		})
	}
}

// A call of a registered function, over loopback.
func BenchmarkCallRegistered(b *testing.B) {
	m := New()
	m.Register("sum", func(_ context.Context, _ *app.Client, x, y float64) (float64, error) { return x + y, nil })
	benchmarkCall(b, m)
}

// The same of one that takes its arguments apart itself.
func BenchmarkCallByHand(b *testing.B) {
	benchmarkCall(b, app.Live(app.LiveOptions{Methods: app.Methods{"sum": func(_ context.Context, args []amf.Value) (amf.Value, error) {
		x, _ := args[0].(float64)
		y, _ := args[1].(float64)
		return x + y, nil
	}}}))
}

// Adder is a service of net/rpc.
type Adder struct{}

// Sum adds.
func (Adder) Sum(args [2]float64, sum *float64) error {
	*sum = args[0] + args[1]
	return nil
}

// The same with net/rpc, for scale.
func BenchmarkCallNetRPC(b *testing.B) {
	for name, n := range callers {
		b.Run(name, func(b *testing.B) {
			srv := netrpc.NewServer()
			if err := srv.Register(Adder{}); err != nil {
				b.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				if c, err := l.Accept(); err == nil {
					srv.ServeConn(c)
				}
			}()
			c, err := netrpc.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			measured(b, n, func() error {
				var sum float64
				return c.Call("Adder.Sum", [2]float64{1, 2}, &sum)
			})
			_ = c.Close()
			_ = l.Close()
			<-served
		})
	}
}

// What the mapping itself costs, without a connection.
func BenchmarkMapping(b *testing.B) {
	m := samples()
	args := map[string][]amf.Value{
		"whole":   {1.0, 2.0},
		"corners": {object(prop("points", amf.NewArray(object(prop("X", 1.0), prop("Y", 2.0)))), prop("made", amf.Date{}))},
	}
	for name, a := range args {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Call(b.Context(), name, a); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a session costs that has methods of its own.
func BenchmarkRegister(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		m := New()
		m.Register("bid", func(context.Context, float64) error { return nil })
	}
}

// One call to a hundred clients and all their answers.
func BenchmarkCallAll(b *testing.B) {
	w := serve(b, New(), func(s *app.Server) { s.Limits.RTMP.CommandRate = 1e9 })
	answer := NewClient()
	answer.Register("n", func(n int) int { return n })
	for range 100 {
		w.dial(b, rtmp.ClientConfig{Handler: answer.Answer})
	}
	clients := w.Clients()
	measured(b, 1, func() error {
		for _, a := range CallAll[int](b.Context(), clients, "n", 7) {
			if a.Err != nil || a.Value != 7 {
				return a.Err
			}
		}
		return nil
	})
}
