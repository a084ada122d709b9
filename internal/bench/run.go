package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"penstock/internal/bench/histogram"
	"penstock/internal/bench/load"
	"penstock/internal/bench/process"
)

// Execute carries out a plan, which must have been checked: every server once per round, the order turned round by round.
// When ctx ends, or a server fails, what was measured until then is returned with the error.
func Execute(ctx context.Context, p *Plan) (*Report, error) {
	r := newReport(p)
	for round := range p.Runs {
		for i := range p.Servers {
			s := &p.Servers[(i+round)%len(p.Servers)]
			p.logf("run %d of %d: %s", round+1, p.Runs, s.Name)
			run, err := p.once(ctx, s)
			if err != nil {
				r.summarise(p)
				return r, fmt.Errorf("%s, run %d: %w", s.Name, round+1, err)
			}
			run.Round = round + 1
			r.Runs = append(r.Runs, *run)
			for _, w := range run.Warnings {
				p.logf("  note: %s", w)
			}
		}
	}
	r.summarise(p)
	return r, nil
}

// once measures one server once.
func (p *Plan) once(ctx context.Context, s *Server) (*Run, error) {
	t, err := p.ready(ctx, s)
	if err != nil {
		return nil, err
	}
	defer t.stop()
	run := &Run{Server: s.Name}
	switch p.Mode {
	case Connects:
		err = p.connects(ctx, t, run)
	case Idle:
		err = p.idle(ctx, t, run)
	default:
		err = p.fanout(ctx, t, run)
	}
	return run, err
}

// readers is how many goroutines read for the players: as few as can keep up.
func readers() int { return min(max(1, runtime.NumCPU()/2), 4) }

// stage is a fan-out that runs.
type stage struct {
	p       *Plan
	t       *target
	clock   load.Clock
	pub     *load.Publishers
	players *load.Players

	mu   sync.Mutex
	list []*load.Player // by index
}

func (g *stage) name(i int) string {
	if g.p.Publishers == 1 {
		return g.t.url.Stream
	}
	return fmt.Sprintf("%s%d", g.t.url.Stream, i)
}

func (p *Plan) fanout(ctx context.Context, t *target, run *Run) (err error) {
	g := &stage{p: p, t: t, clock: load.NewClock(), list: make([]*load.Player, p.Players)}
	names := make([]string, p.Publishers)
	for i := range names {
		names[i] = g.name(i)
	}
	before, err := t.meter.Read()
	if err != nil {
		return err
	}
	if g.pub, err = load.Publish(ctx, &t.load, &p.Shape, g.clock, names); err != nil {
		return err
	}
	defer g.pub.Close()
	if g.players, err = load.NewPlayers(&t.load, &p.Shape, g.clock, readers()); err != nil {
		return err
	}
	defer func() {
		for _, one := range g.list {
			if one != nil {
				one.Close()
			}
		}
		g.players.Close()
	}()
	if err := pause(ctx, 500*time.Millisecond); err != nil {
		return err
	}
	published, err := t.meter.Read()
	if err != nil {
		return err
	}
	if err := g.joinAll(ctx); err != nil {
		return err
	}
	if err := pause(ctx, p.Warmup); err != nil {
		return err
	}
	if err := g.measure(ctx, run); err != nil {
		return err
	}
	if t.known {
		run.perConnection(p, before.RSS, published.RSS)
	}
	return nil
}

// joinAll lets the players in at the plan's rate.
func (g *stage) joinAll(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(g.p.Parallel, max(g.p.Players, 1)) {
		wg.Go(func() {
			for i := range next {
				if err := g.join(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	begin := time.Now()
	for i := 0; i < g.p.Players && ctx.Err() == nil; i++ {
		_ = pause(ctx, time.Until(begin.Add(time.Duration(float64(i)/g.p.Ramp*float64(time.Second)))))
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// join begins player i. The stalled and slow ones are evenly spread among the others.
func (g *stage) join(ctx context.Context, i int) error {
	pace, p := load.Fast, g.p
	if odd := p.Slow + p.Stalled; odd > 0 {
		if n := i * odd / p.Players; (i+1)*odd/p.Players > n {
			if pace = load.Slow; n >= p.Slow {
				pace = load.Stalled
			}
		}
	}
	publisher := i % p.Publishers
	one, err := g.players.Join(ctx, i, publisher, g.name(publisher), pace)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list[i] = one
	return nil
}

// churn replaces players until ctx ends, one after the other.
func (g *stage) churn(ctx context.Context) error {
	if g.p.Churn == 0 || g.p.Players == 0 {
		return nil
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / g.p.Churn))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		i := rand.IntN(g.p.Players)
		g.mu.Lock()
		old := g.list[i]
		g.mu.Unlock()
		old.Close()
		if err := g.join(ctx, i); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// measure takes a sample each second of the plan's duration.
func (g *stage) measure(ctx context.Context, run *Run) error {
	var st, window load.Stats
	var lag histogram.Histogram
	g.players.Take(&st) // frames are counted from the beginning, times only from now on
	window.Video, window.Audio, window.BrokenGOPs, window.Ended, window.EndedWhy = st.Video, st.Audio, st.BrokenGOPs, st.Ended, st.EndedWhy
	window.FirstPicture.Add(&st.FirstPicture)
	if _, err := g.pub.Take(&lag); err != nil {
		return err
	}
	lag.Reset()
	churnCtx, stopChurn := context.WithCancel(ctx)
	churned := make(chan error, 1)
	go func() { churned <- g.churn(churnCtx) }()
	w, err := openWindow(g.t)
	if err != nil {
		stopChurn()
		return errors.Join(err, <-churned)
	}
	for at := time.Duration(0); at < g.p.Duration && err == nil; {
		step := min(time.Second, g.p.Duration-at)
		at += step
		if err = pause(ctx, time.Until(w.began.Add(at))); err != nil {
			break
		}
		st = load.Stats{}
		g.players.Take(&st)
		var ingest uint64
		ingest, err = g.pub.Take(&lag)
		run.Ingest += ingest
		var usage process.Usage
		if err == nil {
			usage, err = g.t.meter.Read()
		}
		run.Samples = append(run.Samples, sample(at, &st, usage))
		window.Add(&st)
	}
	stopChurn()
	if e := <-churned; err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err := w.close(run); err != nil {
		return err
	}
	run.fill(g.p, &window, &lag)
	return nil
}

// pause waits; it returns early, with the reason, when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
