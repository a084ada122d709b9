package refusals

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"penstock/app"
	"penstock/test/process"
)

// program is where an operator's program listens.
var program = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

var theClients = regexp.MustCompile(`The clients were .*`)

var documentFile = filepath.Join(process.Root(), "docs", "refusals.md")

// A section is one scenario of the document.
type section struct {
	*scenario
	results []*result
}

// A report is all that came of the tests.
type report struct {
	scenarios []*scenario
	results   [][]*result
	codes     []*codeRow
}

// document is docs/refusals.md.
func document(t *testing.T, rep *report) string {
	t.Helper()
	b := &strings.Builder{}
	b.WriteString(introduction)
	fmt.Fprintf(b, "The clients were %s.\n\n", strings.Join(versions(t, append(slices.Clone(clients), obs, rtmpClient)), ", "))
	b.WriteString(aboutCodes)
	b.WriteString(codeTable(rep.codes))
	b.WriteString(codeChoice)
	var sections []section
	for i, s := range rep.scenarios {
		sections = append(sections, section{s, rep.results[i]})
	}
	slices.SortStableFunc(sections, func(a, b section) int { return cmp.Compare(order(a.cause), order(b.cause)) })
	b.WriteString("## All refusals\n\n| refused | stage | cause | x-status | code |\n| --- | --- | --- | --- | --- |\n")
	for _, s := range sections {
		s.index(b)
	}
	last := app.Cause("")
	for _, s := range sections {
		if s.cause != last {
			fmt.Fprintf(b, "\n## Cause `%s`\n\n%s\n", s.cause, sentence(s.cause))
			last = s.cause
		}
		s.write(b)
	}
	b.WriteString(others())
	return b.String()
}

// index writes the section's line of the table of all.
func (s section) index(b *strings.Builder) {
	var stages, codes []string
	for _, r := range s.results {
		stages, codes = append(stages, string(r.stage)), append(codes, code(r.told().Code))
	}
	fmt.Fprintf(b, "| [%s](#%s) | %s | `%s` | %d | %s |\n", s.title, anchor(s.title), strings.Join(stages, "<br>"), s.cause, s.xStatus, strings.Join(codes, "<br>"))
}

// told is the last refusal of a client that was tried.
func (r *result) told() refusal {
	for _, o := range r.outcomes {
		if n := len(o.refusals); n > 0 {
			return o.refusals[n-1]
		}
	}
	return refusal{}
}

func (s section) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n", s.title, s.what)
	if yaml := s.shownConfig(); yaml != "" {
		fmt.Fprintf(b, "```yaml\n%s```\n\n", yaml)
	}
	b.WriteString("| refused | code | text | cause | x-status | rule |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range s.results {
		for _, told := range r.steps() {
			fmt.Fprintf(b, "| %s | %s | %s | `%s` | %d | %s |\n", r.stage, code(told.Code), cell(told.Description), told.Cause, told.XStatus, code(told.Rule))
		}
	}
	b.WriteString("\n| refused | client | exit | prints |\n| --- | --- | --- | --- |\n")
	for _, r := range s.results {
		for _, o := range r.outcomes {
			fmt.Fprintf(b, "| %s | %s |\n", r.stage, o.row())
		}
	}
}

func (o *outcome) row() string {
	if o.cannot != "" {
		return fmt.Sprintf("%s | – | *not tried: %s*", o.client.name, o.cannot)
	}
	exit := strconv.Itoa(o.exit)
	if o.client == obs {
		exit = "stays"
	}
	lines := make([]string, 0, len(o.printed))
	for _, line := range o.printed {
		lines = append(lines, code(line))
	}
	return fmt.Sprintf("%s, %s | %s | %s", o.client.name, o.action, exit, strings.Join(lines, "<br>"))
}

// steps are the refusals of the client that had most.
func (r *result) steps() []refusal {
	var most []refusal
	for _, o := range r.outcomes {
		if len(o.refusals) > len(most) {
			most = o.refusals
		}
	}
	return most
}

// shownConfig is the configuration as a user would write it for the application live.
func (s section) shownConfig() string {
	switch {
	case s.server != "":
		return strings.TrimSpace(s.server) + "\n"
	case s.application == "{}":
		return ""
	}
	var b strings.Builder
	b.WriteString("apps:\n  live:\n")
	if s.application != "" {
		return b.String() + program.ReplaceAllString(indent(4, s.application), "http://127.0.0.1:8000")
	}
	for _, stage := range s.stages {
		b.WriteString(indent(4, s.yaml(stage)))
	}
	return hideHash.ReplaceAllString(b.String(), `"$$argon2id$$…"`)
}

// checkDocument compares with the file, or writes it when PENSTOCK_UPDATE is set.
func checkDocument(t *testing.T, want string) {
	t.Helper()
	if os.Getenv("PENSTOCK_UPDATE") != "" {
		if err := os.WriteFile(documentFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	got := string(b)
	if got == want {
		return
	}
	if with := theClients.FindString(want); !strings.Contains(got, with) {
		t.Logf("%s is not compared, since it is not of these clients: %s", documentFile, with)
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("%s is not current: PENSTOCK_UPDATE=1 makes it so. Line %d is\n%s\nand is to be\n%s", documentFile, i+1, g[i], w[i])
			return
		}
	}
	t.Errorf("%s is not current: PENSTOCK_UPDATE=1 makes it so. It has %d lines, and is to have %d", documentFile, len(g), len(w))
}
