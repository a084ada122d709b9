// Package judge runs conformance cases against an RTMP server: it speaks raw protocol through package wire, finds out a verdict
// for each case and keeps the conversation behind it. What the cases are is in package servercases.
package judge

import (
	"fmt"

	"penstock/internal/conformance"
)

// Case is one requirement and how to find out whether a server meets it.
type Case struct {
	conformance.Case
	// Run returns nil when the server works, a *Finding when it does not, and any other error when the conversation broke.
	Run func(*Trial) error
	// Once: the AMF version changes nothing about it.
	Once bool
	// Alone: it might end a weak server, and is run after all others. Last: it ends every connection, and is run last of all.
	Alone, Last bool
	// Hostile: it is an attack, run only when asked for.
	Hostile bool
}

// Finding is what a case that does not work found.
type Finding struct {
	Verdict       conformance.Verdict
	Expected, Got string
	Needs         string
}

func (f *Finding) Error() string {
	if f.Needs != "" {
		return "not reproduced: it takes " + f.Needs
	}
	return fmt.Sprintf("expected %s; got %s", f.Expected, f.Got)
}

// Differs is the finding that something came, but not what was expected.
func Differs(expected, got string) error {
	return &Finding{Verdict: conformance.Differs, Expected: expected, Got: got}
}

// Fails is the finding that nothing came, or that the connection broke.
func Fails(expected, got string) error {
	return &Finding{Verdict: conformance.Fails, Expected: expected, Got: got}
}

// Needs is the finding that the situation could not be brought about without what is named.
func Needs(what string) error {
	return &Finding{Verdict: conformance.NotReproduced, Needs: what}
}

// Section makes the cases of one section: prefix and slash come before each ID.
func Section(prefix, name string, list []Case) []Case {
	for i := range list {
		list[i].ID, list[i].Section = prefix+"/"+list[i].ID, name
	}
	return list
}

// About describes a case in three texts: title, requirement, source. Section fills in the rest.
func About(id, code string, s conformance.Severity, texts ...string) conformance.Case {
	c := conformance.Case{ID: id, Code: code, Severity: s}
	for i, dst := range []*string{&c.Title, &c.Requirement, &c.Source} {
		if i < len(texts) {
			*dst = texts[i]
		}
	}
	return c
}
