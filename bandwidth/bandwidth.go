// Package bandwidth measures how fast a client takes what the server sends, as Flash Media Server's checkBandwidth did: it calls the client's
// onBWCheck with payloads that grow, and the client answers each when it has it.
package bandwidth

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"penstock/amf"
)

// Client is what is measured: an *app.Client, or a connected *rtmp.Client, whose server then is.
type Client interface {
	// Call calls a method and waits for the answer.
	Call(ctx context.Context, name string, args ...amf.Value) (amf.Value, error)
}

// Options bounds a check. A zero field means its default.
type Options struct {
	Timeout time.Duration // for all of it, 10 s
	MaxWait time.Duration // no payload is sent after this, 2 s
	First   int           // bytes of the first payload, 16 KiB; each further one has twice as much
	Largest int           // bytes of one payload at the most, 128 KiB: clients take commands of 256 KiB
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 2 * time.Second
	}
	if o.First <= 0 {
		o.First = 16 << 10
	}
	if o.Largest <= 0 {
		o.Largest = 128 << 10
	}
	o.First = min(o.First, o.Largest)
	return o
}

// Result is what was measured.
type Result struct {
	Latency time.Duration // round trip of a call without a payload
	Bytes   int           // of payload that were sent
	Time    time.Duration // that they took, without the latency
}

// Kbps is the bandwidth in kilobits (1000) per second.
func (r Result) Kbps() float64 {
	return math.Round(float64(r.Bytes) * 8 / 1000 / max(r.Time, time.Millisecond).Seconds())
}

// Args are the arguments of onBWDone: kilobits per second, kilobits sent, seconds that they took, latency in milliseconds.
func (r Result) Args() []amf.Value {
	return []amf.Value{r.Kbps(), float64(r.Bytes) * 8 / 1000, max(r.Time, time.Millisecond).Seconds(), math.Round(float64(r.Latency) / float64(time.Millisecond))}
}

// enough is how long a payload takes that says something, beside the latency.
const enough = 250 * time.Millisecond

// ErrTimeout is the cause when a check did not come to an end in time.
var ErrTimeout = errors.New("bandwidth: the client did not answer in time")

// Check measures a client, which has to answer onBWCheck with anything; the error is the one of the first call that failed, for instance
// because it has no such method. It ends when a payload has taken a quarter of a second, with the largest, or when Options say so.
// One check of a client at a time: two would measure each other. The caller tells the client of the result when it wants it to know, by
// onBWDone with Result.Args.
func Check(ctx context.Context, c Client, o Options) (r Result, err error) {
	o = o.withDefaults()
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, ErrTimeout)
	defer cancel()
	ask := func(payload amf.Value) (time.Duration, error) {
		sent := time.Now()
		if _, err := c.Call(ctx, "onBWCheck", payload); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return 0, fmt.Errorf("bandwidth: onBWCheck: %w", err)
		}
		return time.Since(sent), nil
	}
	if r.Latency, err = ask(amf.NewArray()); err != nil {
		return r, err
	}
	for size := o.First; ; size = min(2*size, o.Largest) {
		took, err := ask(strings.Repeat("x", size))
		if err != nil {
			if r.Bytes > 0 && errors.Is(err, ErrTimeout) { // slower and slower, but measured
				return r, nil
			}
			return r, err
		}
		took = max(took-r.Latency, 0)
		r.Bytes, r.Time = r.Bytes+size, r.Time+took
		if took >= enough || size == o.Largest || time.Since(began) >= o.MaxWait {
			return r, nil
		}
	}
}
