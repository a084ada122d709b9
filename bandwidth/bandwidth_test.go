package bandwidth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"penstock/amf"
	"penstock/status"
)

// line is a client behind a line of so many bytes per second and so much latency.
type line struct {
	rate    int
	latency time.Duration
	fails   int // the call that does, from 1
	calls   []int
}

func (l *line) Call(ctx context.Context, name string, args ...amf.Value) (amf.Value, error) {
	size := 0
	if s, ok := args[0].(string); ok {
		size = len(s)
	}
	l.calls = append(l.calls, size)
	if name != "onBWCheck" || len(args) != 1 || len(l.calls) == l.fails {
		return nil, status.New(status.CallFailed, "no "+name)
	}
	select {
	case <-time.After(l.latency + time.Duration(size)*time.Second/time.Duration(l.rate)):
		return 0.0, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		line  line
		o     Options
		kbps  float64
		calls []int
		err   error
	}{
		{"modem: the first payload says it", line{rate: 7_000, latency: 200 * time.Millisecond}, Options{}, 56, []int{0, 16 << 10}, nil},
		{"line of 8 Mbit/s", line{rate: 1_000_000, latency: 30 * time.Millisecond}, Options{}, 8000, []int{0, 16 << 10, 32 << 10, 64 << 10, 128 << 10}, nil},
		{"1 Gbit/s: up to the largest", line{rate: 125_000_000, latency: time.Millisecond}, Options{}, 1e6, []int{0, 16 << 10, 32 << 10, 64 << 10, 128 << 10}, nil},
		{"far away: not for longer than MaxWait", line{rate: 125_000_000, latency: 900 * time.Millisecond}, Options{}, 393216, []int{0, 16 << 10, 32 << 10}, nil},
		{"options", line{rate: 1_000_000, latency: 1}, Options{First: 3000, Largest: 5000}, 8000, []int{0, 3000, 5000}, nil},
		{"first above largest", line{rate: 1_000_000, latency: 1}, Options{First: 9000, Largest: 5000}, 8000, []int{0, 5000}, nil},
		{"no onBWCheck", line{rate: 1, fails: 1}, Options{}, 0, []int{0}, &status.Status{Code: status.CallFailed}},
		{"it leaves", line{rate: 1_000_000, fails: 3}, Options{}, 0, []int{0, 16 << 10, 32 << 10}, &status.Status{Code: status.CallFailed}},
		{"no answer", line{rate: 1000, latency: time.Hour}, Options{}, 0, []int{0}, ErrTimeout},
		{"too slow", line{rate: 1000}, Options{}, 0, []int{0, 16 << 10}, ErrTimeout},
		{"slower and slower", line{rate: 40_000}, Options{First: 8000, Timeout: 300 * time.Millisecond}, 320, []int{0, 8000, 16000}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := Check(t.Context(), &c.line, c.o)
				if !errors.Is(err, c.err) || (err != nil) != (c.err != nil) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				if len(c.line.calls) != len(c.calls) {
					t.Fatalf("calls %v, want %v", c.line.calls, c.calls)
				}
				sum := 0
				for i, n := range c.calls {
					if c.line.calls[i] != n {
						t.Errorf("calls %v, want %v", c.line.calls, c.calls)
					}
					sum += n
				}
				if c.err != nil {
					return
				}
				if d := r.Kbps()/c.kbps - 1; d < -0.01 || d > 0.01 {
					t.Errorf("%v kbit/s, want %v: %+v", r.Kbps(), c.kbps, r)
				}
				if r.Latency != c.line.latency || r.Bytes != sum && !strings.HasPrefix(c.name, "slower") {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// The units are those of Flash Media Server.
func TestArgs(t *testing.T) {
	r := Result{Latency: 30*time.Millisecond + 400*time.Microsecond, Bytes: 1_000_000, Time: 2 * time.Second}
	if got := fmt.Sprint(r.Args()...); got != "4000 8000 2 30" {
		t.Errorf("%s", got)
	}
	if k := (Result{Bytes: 1000}).Kbps(); k != 8000 { // faster than can be measured
		t.Errorf("%v", k)
	}
}

func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if _, err := Check(ctx, &line{rate: 1, latency: time.Hour}, Options{}); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}
