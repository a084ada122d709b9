package conformance

import (
	"context"
	"fmt"
	"testing"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/servercases"
)

// patience is how long the server may take for an answer: these tests run on busy machines.
const patience = 20 * time.Second

// notYet is what Penstock does not do, with the reason. Everything else must work; what is listed here must not, so that the
// list stays true.
var notYet = map[string]string{
	"chunk/chunk-size-1": "limits.chunk_size_min",
	"amf/long-string":    "metadata of more than 64 KiB is not kept",
}

// The whole suite, over TCP and TLS, in AMF0 and AMF3.
func TestPenstockConforms(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, amf := range []int{0, 3} {
			t.Run(fmt.Sprintf("tls=%v amf%d", secure, amf), func(t *testing.T) {
				p := serve(t)
				target := p.target(t, p.rtmp, secure)
				target.Control.Stop = func(context.Context) error { go p.stop(); return nil }
				if secure { // once by the application, once by the whole server
					target.Control.Unload = nil
				}
				r, err := judge.Run(t.Context(), target, expected(), judge.Options{AMF: []int{amf}, Step: patience, Hostile: true})
				if err != nil {
					t.Fatal(err)
				}
				for _, res := range r.Results {
					if res.Verdict != conformance.Works {
						t.Errorf("%s (%s): %s: expected %s, got %s, needs %s%s", res.ID, res.Mode, res.Verdict, res.Expected, res.Got, res.Needs, script(res))
					}
				}
				if !r.Passed() {
					t.Error("something required does not work")
				}
				t.Logf("%d of %d cases work, in %v", r.Count(conformance.Works), len(r.Results), r.Finished.Sub(r.Started))
			})
		}
	}
}

// What Penstock does not do is told, not hidden.
func TestWhatPenstockDoesNot(t *testing.T) {
	p := serve(t)
	target := p.target(t, p.rtmp, false)
	r, err := judge.Run(t.Context(), target, servercases.All(), judge.Options{Only: keys(notYet), Step: 3 * time.Second, Parallel: 16})
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range r.Results {
		if res.Verdict == conformance.Works {
			t.Errorf("%s works now: take it off the list", res.ID)
		}
		if res.Severity == conformance.Required {
			t.Errorf("%s is required", res.ID)
		}
	}
}

// expected are the cases that must work.
func expected() []judge.Case {
	var list []judge.Case
	for _, c := range servercases.All() {
		if _, not := notYet[c.ID]; not {
			continue
		}
		list = append(list, c)
	}
	return list
}

func keys(m map[string]string) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	return list
}

// script is the conversation behind a verdict.
func script(r conformance.Result) string {
	text := ""
	for _, e := range r.Transcript {
		text += fmt.Sprintf("\n    %v %s %s", e.At, e.From, e.Text)
	}
	return text
}

// Cases are complete, and no two have one ID.
func TestCasesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	nine := []string{"Connect.Success", "Connect.Rejected", "Connect.InvalidApp", "Connect.AppShutdown", "Connect.Closed", "Connect.Failed", "Call.Failed", "Call.BadVersion", "Call.Prohibited"}
	for i, c := range servercases.All() {
		if seen[c.ID] {
			t.Errorf("%s twice", c.ID)
		}
		seen[c.ID] = true
		for _, text := range []string{c.Section, c.Title, c.Requirement, c.Source} {
			if text == "" {
				t.Errorf("%s is not described", c.ID)
			}
		}
		if c.Requirement[len(c.Requirement)-1] != '.' && c.Requirement[len(c.Requirement)-1] != ')' {
			t.Errorf("%s: %q is no sentence", c.ID, c.Requirement)
		}
		if i < len(nine) && c.Code != "NetConnection."+nine[i] {
			t.Errorf("case %d is %s, want %s", i, c.Code, nine[i])
		}
	}
}
