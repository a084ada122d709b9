package clientrun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/clientcases"
	"penstock/internal/conformance/scripted"
)

const (
	maxConnections = 8    // of one client in one case; it is known to loop by then
	clipLength     = 3840 // ms, of what a publisher is given
	afterExit      = 300 * time.Millisecond
	afterClose     = 3 * time.Second // in which a client without a command may come again
	look           = 20 * time.Millisecond
)

// attempt is one case being run.
type attempt struct {
	run  *runner
	c    *clientcases.Case
	ln   net.Listener
	proc *process // nil without a command
	dir  string

	mu    sync.Mutex
	peers []*scripted.Peer
	extra int // connections beyond maxConnections

	observation *clientcases.Observation
}

func (r *runner) attempt(ctx context.Context, c *clientcases.Case, ln net.Listener) (*attempt, error) {
	a := &attempt{run: r, c: c, ln: ln}
	if ln == nil {
		own, err := net.Listen("tcp", r.cfg.Addr)
		if err != nil {
			return nil, err
		}
		defer own.Close()
		a.ln = own
	}
	dir, err := os.MkdirTemp("", "penstock-check-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	a.dir = dir
	return a, a.watched(ctx)
}

// watched runs the case and fills in the observation.
func (a *attempt) watched(ctx context.Context) error {
	o := &clientcases.Observation{Command: len(a.run.cfg.Command) > 0, Usual: a.run.usual}
	a.observation = o
	serving, stop := context.WithCancel(ctx)
	defer stop()
	if t, ok := a.ln.(*net.TCPListener); ok {
		_ = t.SetDeadline(time.Time{}) // a shared one has ended the case before with a deadline
	}
	var wg sync.WaitGroup
	wg.Go(func() { a.accept(serving, &wg) })
	if err := a.start(); err != nil {
		stop()
		a.release(&wg)
		return err
	}
	a.watch(ctx)
	// What the client does when it is ended below is no longer its own doing.
	o.Ended, o.Connections = time.Now(), a.facts()
	if a.proc != nil {
		o.Exit = a.proc.exited()
		if o.Exit == nil {
			a.said()
			a.note("the tester has seen enough and interrupts the client")
		}
		a.proc.end()
	}
	stop()
	a.release(&wg)
	a.collect()
	return ctx.Err()
}

// release ends accepting and waits for the connections.
func (a *attempt) release(wg *sync.WaitGroup) {
	if t, ok := a.ln.(*net.TCPListener); ok {
		_ = t.SetDeadline(time.Unix(1, 0))
	}
	wg.Wait()
}

// accept serves every connection with the case's script.
func (a *attempt) accept(ctx context.Context, wg *sync.WaitGroup) {
	script := a.c.Script()
	for ctx.Err() == nil {
		nc, err := a.ln.Accept()
		if err != nil {
			return
		}
		a.mu.Lock()
		n := len(a.peers)
		if n >= maxConnections {
			a.extra++
			a.mu.Unlock()
			_ = nc.Close()
			time.Sleep(look)
			continue
		}
		p := scripted.New(nc, n, script)
		a.peers = append(a.peers, p)
		a.mu.Unlock()
		wg.Go(func() { p.Serve(ctx) })
	}
}

// start starts the command, or tells people where to connect.
func (a *attempt) start() error {
	url := "rtmp://" + a.ln.Addr().String() + "/" + appName + "/" + streamName
	cfg := &a.run.cfg
	if len(cfg.Command) == 0 {
		if cfg.Announce != nil {
			cfg.Announce(a.c, url)
		}
		return nil
	}
	host, port, err := net.SplitHostPort(a.ln.Addr().String())
	if err != nil {
		return err
	}
	in, out := filepath.Join(a.dir, inputName), filepath.Join(a.dir, outputName)
	if a.uses(Input) {
		if err := os.WriteFile(in, scripted.File(scripted.Clip(clipLength, a.c.Base)), 0o600); err != nil {
			return err
		}
	}
	words := make([]string, len(cfg.Command))
	replace := strings.NewReplacer(URL, url, Host, host, "{port}", port, "{app}", appName, "{stream}", streamName, Input, in, Output, out)
	for i, w := range cfg.Command {
		words[i] = replace.Replace(w)
	}
	a.proc, err = startProcess(words, a.dir)
	if err != nil {
		return fmt.Errorf("the client cannot be started: %w", err)
	}
	return nil
}

// uses tells whether the command has a placeholder.
func (a *attempt) uses(placeholder string) bool {
	return slices.ContainsFunc(a.run.cfg.Command, func(w string) bool { return strings.Contains(w, placeholder) })
}

// watch waits until enough has been seen. It always ends: every way through it has a time.
func (a *attempt) watch(ctx context.Context) {
	began := time.Now()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if a.seen(began) {
			return
		}
	}
}

// seen tells whether enough has been seen.
func (a *attempt) seen(began time.Time) bool {
	facts := a.facts()
	now := time.Now()
	var acted time.Time
	frames := 0
	for i := range facts {
		if acted.IsZero() {
			acted = facts[i].Acted
		}
		frames = max(frames, facts[i].After)
	}
	limit := a.c.Watch
	if limit == 0 {
		limit = a.run.cfg.Patience
	}
	switch {
	case a.proc != nil && a.proc.exited() != nil:
		return now.Sub(a.proc.exited().At) > afterExit
	case len(facts) >= maxConnections:
		return true
	case !acted.IsZero() && now.Sub(acted) > limit:
		return true
	case a.c.Enough > 0 && frames >= a.c.Enough && a.proc == nil:
		return true
	case a.c.Enough > 0 && frames >= 3*a.c.Enough:
		return true // a publisher without an end
	case a.proc != nil && acted.IsZero():
		return now.Sub(began) > a.run.cfg.Startup
	case a.proc == nil && len(facts) == 0:
		return now.Sub(began) > a.run.cfg.Wait
	case a.proc == nil && gone(facts, now):
		return true
	case a.proc == nil && acted.IsZero():
		return now.Sub(facts[0].Began) > a.run.cfg.Startup
	}
	return false
}

// gone tells whether all connections have ended, and long enough ago.
func gone(facts []scripted.Facts, now time.Time) bool {
	for i := range facts {
		if facts[i].Ended.IsZero() || now.Sub(facts[i].Ended) < afterClose {
			return false
		}
	}
	return true
}

func (a *attempt) facts() []scripted.Facts {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]scripted.Facts, len(a.peers))
	for i, p := range a.peers {
		out[i] = p.Facts()
	}
	return out
}

// said takes down what the client has said by now. A report says nothing about the machine that it was made on.
func (a *attempt) said() {
	ours := strings.NewReplacer(filepath.Join(a.dir, inputName), Input, filepath.Join(a.dir, outputName), Output, a.dir, "{dir}")
	for _, line := range a.proc.said() {
		a.observation.Said = append(a.observation.Said, ours.Replace(line))
	}
}

func (a *attempt) note(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.peers {
		p.Note(text)
	}
}

// collect gathers what is left to know when everything has ended.
func (a *attempt) collect() {
	o := a.observation
	if o.Exit != nil {
		a.said() // all of it: the process has ended
	}
	if a.uses(Input) {
		o.Given = scripted.FramesOf(scripted.Clip(clipLength, a.c.Base))
	}
	if !a.uses(Output) {
		return
	}
	o.Recorded = true
	b, err := os.ReadFile(filepath.Join(a.dir, outputName))
	if err == nil && len(b) == 0 {
		err = errors.New("it is empty")
	}
	if err == nil {
		o.Recording, err = scripted.Recording(bytes.NewReader(b))
	}
	o.RecordErr = err
}

// maxWords bounds how many lines of output a transcript has.
const maxWords = 8

// transcript is all connections, one after another, and what the client said.
func (a *attempt) transcript() []conformance.Event {
	var out []conformance.Event
	note := func(text string) {
		at := time.Duration(0)
		if len(out) > 0 {
			at = out[len(out)-1].At
		}
		out = append(out, conformance.Event{At: at, From: "note", Offset: -1, Text: text})
	}
	for i, p := range a.peers {
		if i == 3 {
			note(fmt.Sprintf("%d more connections", len(a.peers)-i+a.extra))
			break
		}
		if i > 0 {
			note(fmt.Sprintf("connection %d, %.3f s after the first", i+1, p.Facts().Began.Sub(a.peers[0].Facts().Began).Seconds()))
		}
		out = append(out, p.Transcript()...)
	}
	o := a.observation
	for _, line := range o.Said[max(0, len(o.Said)-maxWords):] {
		note("the client said: " + line)
	}
	switch {
	case o.Exit != nil && o.Exit.Signal != "":
		note("the client died of " + o.Exit.Signal)
	case o.Exit != nil:
		note(fmt.Sprintf("the client ended with exit code %d", o.Exit.Code))
	case o.Command:
		note("the client was still running, and was ended")
	}
	return out
}
