package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"penstock/internal/conformance"
)

type junitSuites struct {
	XMLName  xml.Name      `xml:"testsuites"`
	Name     string        `xml:"name,attr"`
	Tests    int           `xml:"tests,attr"`
	Failures int           `xml:"failures,attr"`
	Time     string        `xml:"time,attr"`
	Suites   []*junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string       `xml:"name,attr"`
	Class   string       `xml:"classname,attr"`
	Time    string       `xml:"time,attr"`
	Failure *junitReason `xml:"failure"`
	Skipped *junitReason `xml:"skipped"`
	Output  string       `xml:"system-out,omitempty"`
}

type junitReason struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
}

// writeJUnit writes a test case for every result. As with the exit code, only what is required can fail; what else does not work
// is skipped with its reason.
func writeJUnit(w io.Writer, r *conformance.Report) error {
	all := junitSuites{Name: plain(title(r)), Time: fmt.Sprintf("%.3f", r.Finished.Sub(r.Started).Seconds())}
	for _, sec := range newMatrix(r).sections {
		suite := &junitSuite{Name: plain(sec.name)}
		for _, row := range sec.rows {
			for _, res := range row.cells[0].results {
				suite.add(res)
			}
		}
		all.Tests += suite.Tests
		all.Failures += suite.Failures
		all.Suites = append(all.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", " ")
	if err := enc.Encode(&all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(r *conformance.Result) {
	c := junitCase{Name: plain(r.ID), Class: s.Name, Time: fmt.Sprintf("%.3f", r.Duration.Seconds())}
	if r.Mode != "" {
		c.Name += " (" + plain(r.Mode) + ")"
	}
	reason := &junitReason{Message: plain(why(r))}
	switch {
	case r.Verdict == conformance.Works:
	case r.Severity == conformance.Required:
		reason.Type = string(r.Verdict)
		c.Failure = reason
		s.Failures++
	default:
		reason.Message = string(r.Severity) + ", " + words(r.Verdict) + ": " + reason.Message
		c.Skipped = reason
		s.Skipped++
	}
	if r.Verdict != conformance.Works {
		var lines strings.Builder
		for i := range r.Transcript {
			lines.WriteString(eventLine(&r.Transcript[i]) + "\n")
		}
		c.Output = lines.String()
	}
	s.Tests++
	s.Cases = append(s.Cases, c)
}

// why is one line about a result that does not work.
func why(r *conformance.Result) string {
	var parts []string
	for _, p := range []struct{ label, text string }{{"expected", r.Expected}, {"got", r.Got}, {"needs", r.Needs}} {
		if p.text != "" {
			parts = append(parts, p.label+" "+p.text)
		}
	}
	return strings.Join(parts, "; ")
}
