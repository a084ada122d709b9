package judge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"penstock/internal/conformance"
)

// run is one run. Cases run several at a time; a server that ends under them is started again where that is possible, and the
// cases under which it ended are then tried one by one, so that the blame is certain.
type run struct {
	ctx  context.Context
	t    *Target
	o    Options
	jobs []job

	mu      sync.Mutex
	results []conformance.Result
	ran     []span
	gone    bool // somebody was refused a connection
	deaths  int

	lastDial time.Time // when a trial opened a connection last

	telling sync.Mutex // Begin and Done are called under it
}

// span is when a job ran. Zero: it did not.
type span struct{ begin, end time.Time }

// maxDeaths is how often a server may end before the run gives it up.
const maxDeaths = 20

func (r *run) all() {
	var together, alone, last []int
	for i, j := range r.jobs {
		switch {
		case j.c.Last:
			last = append(last, i)
		case j.c.Alone:
			alone = append(alone, i)
		default:
			together = append(together, i)
		}
	}
	if !r.parallel(together) || !r.oneByOne(alone) {
		r.giveUp()
		return
	}
	for _, i := range last {
		r.do(i)
	}
}

// parallel runs jobs several at a time. false: the server is gone for good.
func (r *run) parallel(list []int) bool {
	for len(list) > 0 {
		list = r.round(list)
		if r.alive() {
			if len(list) == 0 {
				return true
			}
			continue
		}
		suspects := r.suspects()
		if !r.revive() || !r.oneByOne(suspects) {
			return false
		}
	}
	return true
}

// round hands out jobs until the server is gone, and returns those that are left.
func (r *run) round(list []int) []int {
	r.setGone(false)
	next := make(chan int)
	var wg sync.WaitGroup
	for range r.o.Parallel {
		wg.Go(func() {
			for i := range next {
				r.do(i)
			}
		})
	}
	for len(list) > 0 && !r.isGone() {
		next <- list[0]
		list = list[1:]
	}
	close(next)
	wg.Wait()
	return list
}

// suspects are the jobs that may have been under way when the server ended: it was alive when the last connection was opened.
// That a job works does not clear it: to some, the end of a connection is an answer.
func (r *run) suspects() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []int
	for i := range r.jobs {
		if r.ran[i].end.After(r.lastDial) && (r.results[i].Verdict == conformance.Works || r.results[i].Needs == "") {
			list = append(list, i)
		}
	}
	return list
}

// oneByOne runs jobs one after the other and looks after each whether the server is still there.
func (r *run) oneByOne(list []int) bool {
	for _, i := range list {
		r.do(i)
		if r.outlives(i) {
			continue
		}
		r.mu.Lock()
		res := &r.results[i]
		res.Verdict, res.Needs = conformance.Fails, ""
		res.Got = "the server itself ended: no connection is possible any more"
		if res.Expected == "" {
			res.Expected = "a server that goes on"
		}
		r.mu.Unlock()
		if !r.revive() {
			return false
		}
	}
	return true
}

// outlives tells whether the server is there after job i. One that dies loses its connections a moment before its port.
func (r *run) outlives(i int) bool {
	r.mu.Lock()
	works := r.results[i].Verdict == conformance.Works
	r.mu.Unlock()
	if !works {
		time.Sleep(300 * time.Millisecond)
	}
	return r.alive()
}

// alive tries to open a connection.
func (r *run) alive() bool {
	nc, err := r.t.dial(r.ctx, max(r.o.Step, 5*time.Second))
	if err != nil {
		return r.ctx.Err() != nil // an interrupted run blames nobody
	}
	_ = nc.Close()
	return true
}

// revive starts the server again, or waits for somebody who does.
func (r *run) revive() bool {
	if r.deaths++; r.deaths > maxDeaths {
		return false
	}
	if r.t.Control.Start != nil {
		if err := r.t.Control.Start(r.ctx); err != nil {
			return false
		}
	}
	for deadline := time.Now().Add(2*r.o.Step + 4*time.Second); time.Now().Before(deadline); {
		if r.alive() {
			return true
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false
}

// giveUp says of everything that was not judged, or was under way when the server ended, that it is not known.
func (r *run) giveUp() {
	var under []string
	for i := range r.jobs {
		if f := r.results[i]; f.Got == "the server itself ended: no connection is possible any more" {
			under = append(under, f.ID)
		}
	}
	blame := "it ended in the middle of the run"
	if len(under) > 0 {
		blame = "it ended under " + strings.Join(under, ", ")
	}
	for i := range r.jobs {
		if r.ran[i].end.IsZero() || refused(r.results[i]) {
			res := judge(r.jobs[i].c, r.jobs[i].mode, Needs(fmt.Sprintf("a server that is still there: %s (--start-command CMD starts it again)", blame)))
			res.Transcript = r.results[i].Transcript
			r.results[i] = res
		}
	}
}

// refused tells whether a result says that no connection was possible.
func refused(res conformance.Result) bool {
	return strings.HasPrefix(res.Expected, "a connection to ")
}

// do runs one job and keeps its result.
func (r *run) do(i int) {
	j := r.jobs[i]
	if r.o.Begin != nil {
		r.telling.Lock()
		r.o.Begin(&j.c.Case, j.mode)
		r.telling.Unlock()
	}
	begin := time.Now()
	res, gone := r.try(j)
	r.mu.Lock()
	again := !r.ran[i].end.IsZero()
	r.results[i], r.ran[i] = res, span{begin, time.Now()}
	r.gone = r.gone || gone
	r.mu.Unlock()
	if r.o.Done != nil && !again && !gone {
		r.telling.Lock()
		defer r.telling.Unlock()
		r.o.Done(&res)
	}
}

// try runs one case. gone: a connection was refused.
func (r *run) try(j job) (res conformance.Result, gone bool) {
	ctx, cancel := context.WithTimeout(r.ctx, trialLife)
	defer cancel()
	trial := newTrial(ctx, r.t, strings.ReplaceAll(j.c.ID, "/", "-"), j.amf3, r.o.Step)
	trial.opened = func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lastDial = time.Now()
	}
	began := time.Now()
	defer func() {
		if p := recover(); p != nil { // a mistake of the checker is no verdict about the server
			res = judge(j.c, j.mode, Needs(fmt.Sprintf("a checker that does not fail itself (%v)", p)))
		}
		trial.close()
		res.Duration, res.Transcript, gone = time.Since(began), trial.script.Events(), trial.refused
	}()
	if ctx.Err() != nil {
		return judge(j.c, j.mode, Needs("a run that is not interrupted")), false
	}
	return judge(j.c, j.mode, j.c.Run(trial)), false
}

func (r *run) isGone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

func (r *run) setGone(gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = gone
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
