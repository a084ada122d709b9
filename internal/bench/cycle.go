package bench

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"penstock/internal/bench/histogram"
)

// connects measures how often a client can connect, be answered and close. The plan's Parallel clients do nothing else.
func (p *Plan) connects(ctx context.Context, t *target, run *Run) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var all histogram.Histogram
	var counting bool
	var wg sync.WaitGroup
	for i := range p.Parallel {
		wg.Go(func() {
			s := t.load
			s.From = sourceAddress(t.url.Host, i)
			for ctx.Err() == nil {
				began := time.Now()
				nc, err := s.Connect(ctx)
				if err != nil {
					cancel(err)
					return
				}
				_ = nc.Close()
				mu.Lock()
				if counting {
					all.Record(time.Since(began))
				}
				mu.Unlock()
			}
		})
	}
	defer wg.Wait()
	defer cancel(errDone)
	if err := pause(ctx, p.Warmup); err != nil {
		return err
	}
	w, err := openWindow(t)
	if err != nil {
		return err
	}
	count := func(on bool) {
		mu.Lock()
		defer mu.Unlock()
		counting = on
	}
	count(true)
	if err := pause(ctx, p.Duration); err != nil {
		return err
	}
	count(false)
	if err := w.close(run); err != nil {
		return err
	}
	run.Cycles = all.Count()
	run.CyclesPerSecond = float64(run.Cycles) / run.Seconds
	run.Cycle = percentiles(&all)
	run.judgeConnects()
	if t.known && run.Cycles > 0 {
		run.CPUPerThousand = run.ServerCPU / float64(run.Cycles) * 1000
	}
	return nil
}

// judgeConnects says when the clients, not the server, may have set the rate: nothing of the machine was left, and they took the
// larger part of it.
func (r *Run) judgeConnects() {
	if r.IdleShare < 0.1 && r.SelfCPU >= r.ServerCPU {
		r.warn("penstock bench itself used %.1f CPU-s beside the server's %.1f: it may be what is slow", r.SelfCPU, r.ServerCPU)
	}
}

// errDone ends the clients of connects when the measurement is over.
var errDone = errors.New("the measurement is over")

// idle opens connections that do nothing after connect, and looks at the server's memory.
func (p *Plan) idle(ctx context.Context, t *target, run *Run) error {
	before, err := t.meter.Read()
	if err != nil {
		return err
	}
	open := make([]net.Conn, p.Idle)
	defer func() {
		for _, nc := range open {
			if nc != nil {
				_ = nc.Close()
			}
		}
	}()
	connecting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for w := range p.Parallel {
		wg.Go(func() {
			for i := w; i < p.Idle && connecting.Err() == nil; i += p.Parallel {
				nc, err := t.load.Connect(connecting)
				if err != nil {
					cancel(err)
					return
				}
				open[i] = nc
			}
		})
	}
	wg.Wait()
	if err := context.Cause(connecting); err != nil {
		return err
	}
	if err := pause(ctx, p.Warmup); err != nil {
		return err
	}
	w, err := openWindow(t)
	if err != nil {
		return err
	}
	if err := pause(ctx, p.Duration); err != nil {
		return err
	}
	if err := w.close(run); err != nil {
		return err
	}
	if t.known {
		run.RSSPerConnection = float64(run.RSS-before.RSS) / float64(p.Idle)
	}
	for _, nc := range open {
		if gone(nc) {
			run.Ended++
		}
	}
	if run.Ended > 0 {
		run.warn("the server ended %d of the %d connections meanwhile", run.Ended, p.Idle)
	}
	return nil
}

// gone tells whether the other end has closed a connection.
func gone(nc net.Conn) bool {
	_ = nc.SetReadDeadline(time.Now().Add(time.Millisecond))
	buf := make([]byte, 4<<10)
	for {
		if _, err := nc.Read(buf); err != nil {
			var ne net.Error
			return !errors.As(err, &ne) || !ne.Timeout()
		}
	}
}
