package judge

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
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
	// Begin is told which case comes next, by one goroutine at a time. May be nil.
	Begin func(c *conformance.Case, mode string)
	// Done sees every result as it is found, by one goroutine at a time. May be nil.
	Done func(*conformance.Result)
}

// Count is how many results a run will have. The error is a wrong Only.
func Count(t *Target, cases []Case, o Options) (int, error) {
	jobs, err := plan(t, cases, o.withDefaults())
	return len(jobs), err
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
	run := &run{ctx: ctx, t: t, o: o, jobs: jobs, results: make([]conformance.Result, len(jobs)), ran: make([]span, len(jobs))}
	r := &conformance.Report{Role: conformance.RoleServer, Address: t.URL(), Started: time.Now().UTC().Truncate(time.Second)}
	run.all()
	r.Results = run.results
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
