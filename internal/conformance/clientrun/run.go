// Package clientrun puts an RTMP client through the cases of clientcases: it is the server, for each case another one, watches what
// the client does, and judges it. The client is either a command that is run anew for every case, or whoever connects.
package clientrun

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/clientcases"
	"penstock/internal/conformance/scripted"
)

// Config is what a run needs to know. The zero value of a field is what its comment says first.
type Config struct {
	Addr     string        // 127.0.0.1:0: where to listen; with port 0 every case has a port of its own
	Command  []string      // none: whoever connects is judged. See Placeholders
	Role     scripted.Role // found out by the ordinary session
	Only     []string      // all: the ids, or beginnings of ids, of the cases to run
	Patience time.Duration // 35 s: how long a client may take to give up
	Wait     time.Duration // 2 min: how long to wait for a client to connect, without a Command
	Startup  time.Duration // 20 s: how long a Command may take until it is where a case begins
	Parallel int           // 4: how many cases run at once, when Command is set and the port is 0
	Subject  string        // the client's name in the report: the first word of Command
	Version  string        // of this program

	Progress Progress                              // nothing
	Announce func(c *clientcases.Case, url string) // nothing: told where a client without Command should connect now
}

// Progress is told how a run gets on, by one goroutine at a time.
type Progress interface {
	Begin(caseID, mode string)
	Done(r *conformance.Result)
}

// Placeholders are replaced in each word of Config.Command.
const (
	URL    = "{url}"  // rtmp://HOST:PORT/APP/STREAM
	Host   = "{host}" // also {port}, {app} and {stream}, for clients that want the parts
	Input  = "{in}"   // an FLV file of some seconds to publish
	Output = "{out}"  // where a player writes what it plays, as FLV, to be compared with what was sent
)

const (
	appName    = "check"
	streamName = "cam"
)

// Names of {in} and {out}.
const (
	inputName  = "in.flv"
	outputName = "out.flv"
)

type runner struct {
	cfg   Config
	usual *clientcases.Observation
	role  scripted.Role
	mu    sync.Mutex // for Progress
}

// Run runs the cases. The error is that it cannot listen, that no case has such an id, or that ctx ended.
func Run(ctx context.Context, cfg Config) (*conformance.Report, error) {
	r := &runner{cfg: cfg.withDefaults(), role: cfg.Role}
	cases := Select(r.cfg.Only)
	if len(cases) == 0 {
		return nil, fmt.Errorf("no case begins with %s; --list shows them", strings.Join(cfg.Only, " or "))
	}
	report := &conformance.Report{Role: conformance.RoleClient, Subject: r.cfg.Subject, Started: time.Now().UTC(), Version: cfg.Version}
	results, err := r.all(ctx, cases)
	if err != nil {
		return nil, err
	}
	report.Results, report.Finished = results, time.Now().UTC()
	return report, nil
}

func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.Patience <= 0 {
		c.Patience = 35 * time.Second
	}
	if c.Wait <= 0 {
		c.Wait = 2 * time.Minute
	}
	if c.Startup <= 0 {
		c.Startup = 20 * time.Second
	}
	if c.Parallel <= 0 {
		c.Parallel = 4
	}
	if _, port, err := net.SplitHostPort(c.Addr); err != nil || port != "0" || len(c.Command) == 0 {
		c.Parallel = 1
	}
	if c.Subject == "" && len(c.Command) > 0 {
		c.Subject = c.Command[0]
	}
	return c
}

// Select are the cases whose id is, or begins with, one of only; all without any.
func Select(only []string) []*clientcases.Case {
	all := clientcases.All()
	if len(only) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(c *clientcases.Case) bool {
		return !slices.ContainsFunc(only, func(o string) bool { return strings.HasPrefix(c.ID, o) })
	})
}

// all runs the ordinary session first, which tells what the client does, and then the others.
func (r *runner) all(ctx context.Context, cases []*clientcases.Case) ([]conformance.Result, error) {
	shared, err := r.listen()
	if err != nil {
		return nil, err
	}
	if shared != nil {
		defer shared.Close()
	}
	ordinary := clientcases.All()[0]
	first, o, err := r.one(ctx, ordinary, shared)
	if err != nil {
		return nil, err
	}
	r.usual = o
	if r.role == scripted.Unknown {
		r.role = roleOf(o)
	}
	var results []conformance.Result
	if cases[0].ID == ordinary.ID {
		results, cases = append(results, first), cases[1:]
	}
	cases = slices.DeleteFunc(cases, func(c *clientcases.Case) bool { return !c.Fits(r.role) })
	more, err := r.parallel(ctx, cases, shared)
	return append(results, more...), err
}

// roleOf is what a client did in its ordinary session.
func roleOf(o *clientcases.Observation) scripted.Role {
	for i := range o.Connections {
		if role := o.Connections[i].Role; role != scripted.Unknown {
			return role
		}
	}
	return scripted.Unknown
}

func (r *runner) parallel(ctx context.Context, cases []*clientcases.Case, shared net.Listener) ([]conformance.Result, error) {
	results := make([]conformance.Result, len(cases))
	errs := make([]error, len(cases))
	turn := make(chan struct{}, r.cfg.Parallel)
	var wg sync.WaitGroup
	for i, c := range cases {
		turn <- struct{}{}
		if ctx.Err() != nil {
			<-turn
			break
		}
		wg.Go(func() {
			defer func() { <-turn }()
			results[i], _, errs[i] = r.one(ctx, c, shared)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return results, ctx.Err()
}

// listen is the listener that all cases share, nil when each has its own.
func (r *runner) listen() (net.Listener, error) {
	if r.cfg.Parallel > 1 {
		return nil, nil
	}
	return net.Listen("tcp", r.cfg.Addr)
}

// one runs and judges one case.
func (r *runner) one(ctx context.Context, c *clientcases.Case, shared net.Listener) (conformance.Result, *clientcases.Observation, error) {
	r.mu.Lock()
	if r.cfg.Progress != nil {
		r.cfg.Progress.Begin(c.ID, "")
	}
	r.mu.Unlock()
	began := time.Now()
	a, err := r.attempt(ctx, c, shared)
	if err != nil {
		return conformance.Result{}, nil, err
	}
	finding := c.Judge(a.observation)
	res := conformance.Result{Case: c.Case, Verdict: finding.Verdict, Expected: finding.Expected, Got: finding.Got, Needs: finding.Needs,
		Duration: time.Since(began), Transcript: a.transcript()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cfg.Progress != nil {
		r.cfg.Progress.Done(&res)
	}
	return res, a.observation, nil
}
