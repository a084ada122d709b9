package conformance

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/servercases"
	"penstock/internal/conformance/wire"
)

// quick is how long a mutant may take for an answer. A case that does not work within it, and should, is tried again with
// patience: this machine may be busy.
const quick = 1500 * time.Millisecond

// requiredCases are the cases that decide the exit code.
func requiredCases() []judge.Case {
	return slices.DeleteFunc(servercases.All(), func(c judge.Case) bool { return c.Severity != conformance.Required })
}

// slowCase sends thousands of messages: it is left out where a mutant changes nothing that it looks at.
const slowCase = "chunk/server-extended"

func casesFor(m *mutant) []judge.Case {
	return slices.DeleteFunc(requiredCases(), func(c judge.Case) bool {
		return c.ID == slowCase && m.cut == nil && m.deadly == nil && m.name != noMutation
	})
}

const noMutation = "no mutation"

// Each required case is failed by a server that is broken for it, and by no other. Without a mutation all of them work.
func TestMutants(t *testing.T) {
	p := serve(t)
	all := append([]mutant{{name: noMutation}}, append(slices.Clone(mutants), deadly...)...)
	killed := make(map[string]int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan *mutant)
	for range 16 {
		wg.Go(func() {
			for m := range next {
				for _, id := range p.suffer(t, m) {
					mu.Lock()
					killed[id]++
					mu.Unlock()
				}
			}
		})
	}
	for i := range all {
		next <- &all[i]
	}
	close(next)
	wg.Wait()
	cases := requiredCases()
	for _, c := range cases {
		if killed[c.ID] == 0 {
			t.Errorf("no mutant fails %s", c.ID)
		}
	}
	t.Logf("%d required cases, %d mutants, all killed: %v", len(cases), len(all)-1, len(killed) == len(cases))
}

// suffer judges one mutant and returns what did not work.
func (p *penstock) suffer(t *testing.T, m *mutant) []string {
	x := startProxy(t, m, p.rtmp)
	defer x.stop()
	target := p.target(t, x.addr, false)
	target.Prefix = "mutant-" + m.name + "-"
	target.Control.Start = func(context.Context) error { return x.listen() }
	o := judge.Options{Step: quick, Parallel: 16, Hostile: m.deadly != nil || m.name == noMutation}
	r, err := judge.Run(t.Context(), target, casesFor(m), o)
	if err != nil {
		t.Errorf("%s: %v", m.name, err)
		return nil
	}
	var killed []string
	for _, res := range r.Results {
		wanted := slices.Contains(m.kills, res.ID)
		switch {
		case res.Verdict == conformance.Works && wanted:
			if !judgedAgain(t, target, res.ID, 3) {
				t.Errorf("%s: %s works all the same", m.name, res.ID)
				continue
			}
			killed = append(killed, res.ID)
		case res.Verdict != conformance.Works && wanted:
			killed = append(killed, res.ID)
		case res.Verdict != conformance.Works:
			again, err := judge.Run(t.Context(), target, requiredCases(), judge.Options{Step: patience, Only: []string{res.ID}, Hostile: true})
			if err != nil || !again.Passed() {
				t.Errorf("%s: %s is %s: expected %s, got %s, needs %s; again: %v%s", m.name, res.ID, res.Verdict, res.Expected, res.Got, res.Needs, err, script(res))
			}
		}
	}
	return killed
}

// judgedAgain tells whether a case fails in one of several tries: on a busy machine a mutant that waits for what comes early may
// find that everything does.
func judgedAgain(t *testing.T, target *judge.Target, id string, tries int) bool {
	for range tries {
		r, err := judge.Run(t.Context(), target, requiredCases(), judge.Options{Step: quick, Only: []string{id}, Hostile: true})
		if err == nil && !r.Passed() {
			return true
		}
	}
	return false
}

// The nine rows of the table bite too where they are not required: without the object, and with a wrong level.
func TestNineRowsBite(t *testing.T) {
	p := serve(t)
	for _, c := range servercases.All()[:9] {
		for _, m := range []*mutant{
			{name: "missing", down: on(coded(c.Code), drop)},
			{name: "of a wrong level", down: on(coded(c.Code), field("level", "wrong"))},
		} {
			if c.Code == "NetConnection.Connect.Closed" && m.name == "missing" { // close alone would do
				m.down = on(func(s *session, m *wire.Message) bool { return coded(c.Code)(s, m) || named("close")(s, m) }, drop)
			}
			t.Run(c.ID+" "+m.name, func(t *testing.T) {
				x := startProxy(t, m, p.rtmp)
				defer x.stop()
				target := p.target(t, x.addr, false)
				for range 2 { // without the mutation it works
					r, err := judge.Run(t.Context(), target, servercases.All(), judge.Options{Step: quick, Only: []string{c.ID}})
					if err != nil {
						t.Fatal(err)
					}
					if works := r.Results[0].Verdict == conformance.Works; works == (target.Address == x.addr) {
						t.Errorf("%+v", r.Results[0])
					}
					target.Address = p.rtmp
				}
			})
		}
	}
}
