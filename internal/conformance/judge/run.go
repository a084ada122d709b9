package judge

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/internal/conformance"
)

// Options are how a run goes.
type Options struct {
	AMF      []int         // versions, of 0 and 3; 0 when empty
	Only     []string      // IDs or patterns such as netconnection/*; all when empty
	Hostile  bool          // also the attacks
	Step     time.Duration // how long the server may take for one answer; 3 s when 0
	Parallel int           // cases at once; 8 when 0
	// Done sees every result as it is found; it is called by one goroutine at a time. May be nil.
	Done func(*conformance.Result)
}

// job is one case in one mode.
type job struct {
	c    *Case
	amf3 bool
	mode string
}

// Run judges a server by the cases. The error says that there is no server, or no case; verdicts are in the report.
func Run(ctx context.Context, t *Target, cases []Case, o Options) (*conformance.Report, error) {
	o = o.withDefaults()
	jobs, err := plan(t, cases, o)
	if err != nil {
		return nil, err
	}
	nc, err := t.dial(ctx, 10*time.Second)
	if err != nil {
		return nil, fmt.Errorf("no server at %s: %w", t.URL(), err)
	}
	_ = nc.Close()
	r := &conformance.Report{Role: conformance.RoleServer, Address: t.URL(), Started: time.Now().UTC().Truncate(time.Second)}
	r.Results = make([]conformance.Result, len(jobs))
	var told sync.Mutex
	do := func(i int) {
		r.Results[i] = try(ctx, t, jobs[i], o.Step)
		if o.Done != nil {
			told.Lock()
			defer told.Unlock()
			o.Done(&r.Results[i])
		}
	}
	together(jobs, o.Parallel, do)
	for i := range jobs {
		if jobs[i].c.Alone {
			do(i)
		}
	}
	r.Finished = time.Now().UTC().Truncate(time.Second)
	return r, ctx.Err()
}

func (o Options) withDefaults() Options {
	if len(o.AMF) == 0 {
		o.AMF = []int{0}
	}
	if o.Step <= 0 {
		o.Step = 3 * time.Second
	}
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	return o
}

// together runs everything that need not be alone.
func together(jobs []job, parallel int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range jobs {
		if !jobs[i].c.Alone {
			next <- i
		}
	}
	close(next)
	wg.Wait()
}

// plan lists what is to be run.
func plan(t *Target, cases []Case, o Options) ([]job, error) {
	transport := "tcp"
	if t.TLS != nil {
		transport = "tls"
	}
	for _, pattern := range o.Only {
		if !slices.ContainsFunc(cases, func(c Case) bool { return matches(pattern, c.ID) }) {
			return nil, fmt.Errorf("no case is called %s", pattern)
		}
	}
	var jobs []job
	for i := range cases {
		c := &cases[i]
		if c.Hostile && !o.Hostile || !wanted(o.Only, c.ID) {
			continue
		}
		for n, amf := range o.AMF {
			mode := fmt.Sprintf("%s amf%d", transport, amf)
			if c.Once {
				if n > 0 {
					break
				}
				mode = transport
			}
			jobs = append(jobs, job{c, amf == 3, mode})
		}
	}
	if len(jobs) == 0 {
		return nil, fmt.Errorf("there is no case to run: %s are attacks, which need --hostile", strings.Join(o.Only, ", "))
	}
	return jobs, nil
}

func wanted(only []string, id string) bool {
	return len(only) == 0 || slices.ContainsFunc(only, func(p string) bool { return matches(p, id) })
}

// matches tells whether a pattern means a case: its ID, its section before the slash, or a pattern of package path.
func matches(pattern, id string) bool {
	section, _, _ := strings.Cut(id, "/")
	ok, _ := path.Match(pattern, id)
	return ok || pattern == section
}

// try runs one case.
func try(ctx context.Context, t *Target, j job, step time.Duration) (r conformance.Result) {
	ctx, cancel := context.WithTimeout(ctx, trialLife)
	defer cancel()
	trial := newTrial(ctx, t, strings.ReplaceAll(j.c.ID, "/", "-"), j.amf3, step)
	began := time.Now()
	defer func() {
		if p := recover(); p != nil { // a mistake of the checker is no verdict about the server
			r = judge(j.c, j.mode, Needs(fmt.Sprintf("a checker that does not fail itself (%v)", p)))
		}
		trial.close()
		r.Duration = time.Since(began)
		r.Transcript = trial.script.Events()
	}()
	if ctx.Err() != nil {
		return judge(j.c, j.mode, Needs("a run that is not interrupted"))
	}
	return judge(j.c, j.mode, j.c.Run(trial))
}
