package report

import (
	"strings"
	"unicode"

	"penstock/internal/conformance"
)

// matrix is several reports as one table: sections of rows, a row for each case, a cell for each report.
type matrix struct {
	reports  []*conformance.Report
	sections []*section
}

type section struct {
	name string
	rows []*row
}

// row is one case. What it says of itself comes from the first report that has it.
type row struct {
	conformance.Case
	cells []cell
}

// name is the case's title, with the code that it is about unless the title names it; the id when there is no title.
func (r *row) name() string {
	switch {
	case r.Title == "":
		return r.ID
	case r.Code == "" || strings.Contains(r.Code, r.Title) || strings.Contains(r.Title, r.Code):
		return r.Title
	}
	return r.Code + ": " + r.Title
}

// cell is what one report has to say about one case.
type cell struct {
	verdict conformance.Verdict   // the worst of all modes; "" when the report lacks the case
	results []*conformance.Result // one for each mode
}

func newMatrix(rs ...*conformance.Report) *matrix {
	m := &matrix{reports: rs}
	sections := make(map[string]*section)
	rows := make(map[string]*row)
	for n, r := range rs {
		for i := range r.Results {
			res := &r.Results[i]
			known := rows[res.ID]
			if known == nil {
				s := sections[res.Section]
				if s == nil {
					s = &section{name: res.Section}
					sections[res.Section] = s
					m.sections = append(m.sections, s)
				}
				known = &row{Case: res.Case, cells: make([]cell, len(rs))}
				rows[res.ID] = known
				s.rows = append(s.rows, known)
			}
			known.cells[n].add(res)
		}
	}
	return m
}

func (c *cell) add(r *conformance.Result) {
	c.results = append(c.results, r)
	if rank(r.Verdict) > rank(c.verdict) {
		c.verdict = r.Verdict
	}
}

// groups are the results of a cell; modes that say the same are one group.
func (c *cell) groups() [][]*conformance.Result {
	var out [][]*conformance.Result
next:
	for _, r := range c.results {
		for i, g := range out {
			if f := g[0]; f.Verdict == r.Verdict && f.Expected == r.Expected && f.Got == r.Got && f.Needs == r.Needs {
				out[i] = append(g, r)
				continue next
			}
		}
		out = append(out, []*conformance.Result{r})
	}
	return out
}

// modes names the modes of a group; it is empty when the case was run in one way only.
func modes(group []*conformance.Result) string {
	var names []string
	for _, r := range group {
		if r.Mode != "" {
			names = append(names, r.Mode)
		}
	}
	return strings.Join(names, ", ")
}

// rank orders verdicts from good to bad; 0 is no verdict.
func rank(v conformance.Verdict) int {
	switch v {
	case conformance.Works:
		return 1
	case conformance.NotReproduced:
		return 2
	case conformance.Differs:
		return 3
	case conformance.Fails:
		return 4
	}
	return 0
}

// verdicts in the order in which they are counted.
func verdicts() []conformance.Verdict {
	return []conformance.Verdict{conformance.Works, conformance.Differs, conformance.Fails, conformance.NotReproduced}
}

// words is a verdict for people.
func words(v conformance.Verdict) string {
	switch v {
	case conformance.NotReproduced:
		return "not reproduced"
	case "":
		return "–"
	}
	return string(v)
}

// sign is a verdict as one character.
func sign(v conformance.Verdict) string {
	switch v {
	case conformance.Works:
		return "✓"
	case conformance.Differs:
		return "≠"
	case conformance.Fails:
		return "✗"
	case conformance.NotReproduced:
		return "○"
	}
	return " "
}

// tally counts the rows of one report by verdict, and what is required of them.
type tally struct {
	rows                     map[conformance.Verdict]int
	total, required, working int
}

func (m *matrix) tally(n int) tally {
	t := tally{rows: make(map[conformance.Verdict]int)}
	for _, s := range m.sections {
		for _, r := range s.rows {
			c := &r.cells[n]
			if c.verdict == "" {
				continue
			}
			t.total++
			t.rows[c.verdict]++
			if c.results[0].Severity == conformance.Required {
				t.required++
				if c.verdict == conformance.Works {
					t.working++
				}
			}
		}
	}
	return t
}

// Anchor is the fragment under which the Markdown and the HTML of a report have a case.
func Anchor(caseID string) string {
	return strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToLower(r)
		}
		return '-'
	}, caseID)
}
