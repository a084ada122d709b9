package report

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"penstock/internal/conformance"
)

// textWidth is where text for a terminal is wrapped, in characters.
const textWidth = 110

// screen is text for a terminal; colours are there only when it is one.
type screen struct {
	*bufio.Writer
	colour bool
}

func newScreen(w io.Writer) *screen {
	return &screen{Writer: bufio.NewWriter(w), colour: isTerminal(w) && os.Getenv("NO_COLOR") == ""}
}

// isTerminal reports whether w shows text to a person.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

const (
	bold  = "1"
	faint = "2"
)

func (s *screen) paint(code, text string) string {
	if !s.colour || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func tint(v conformance.Verdict) string {
	switch v {
	case conformance.Works:
		return "32"
	case conformance.Differs:
		return "33"
	case conformance.Fails:
		return "31"
	}
	return "36"
}

func (s *screen) verdict(v conformance.Verdict, width int) string {
	return s.paint(tint(v), pad(sign(v)+" "+words(v), width))
}

func writeTerminal(w io.Writer, r *conformance.Report) error {
	s := newScreen(w)
	m := newMatrix(r)
	fmt.Fprintf(s, "%s  %s\n", s.paint(bold, plain(title(r))), s.paint(faint, plain(r.Address)))
	fmt.Fprintf(s, "%s\n", s.paint(faint, plain(particulars(r))))
	for _, line := range wrap(plain(options(r)), textWidth) {
		fmt.Fprintf(s, "%s\n", s.paint(faint, line))
	}
	for _, sec := range m.sections {
		fmt.Fprintf(s, "\n%s\n", s.paint(bold, plain(sec.name)))
		for _, row := range sec.rows {
			s.row(row)
		}
	}
	t := m.tally(0)
	fmt.Fprintln(s)
	for _, v := range verdicts() {
		fmt.Fprintf(s, "%s %d   ", s.paint(tint(v), sign(v)+" "+words(v)), t.rows[v])
	}
	fmt.Fprintf(s, "\n%s\n", s.paint(bold, requirements(t)))
	return s.Flush()
}

// row is one case: a line, and what was expected and came instead unless it works.
func (s *screen) row(r *row) {
	name := plain(r.name())
	for _, group := range r.cells[0].groups() {
		f := group[0]
		line := "  " + s.verdict(f.Verdict, 17) + " " + pad(cut(name, 64), 64) + " " + s.paint(faint, plain(r.ID))
		if m := modes(group); m != "" && len(group) < len(r.cells[0].results) {
			line += s.paint(faint, " ("+plain(m)+")")
		}
		if f.Verdict != conformance.Works && r.Severity != conformance.Required {
			line += s.paint(faint, " "+string(r.Severity))
		}
		fmt.Fprintln(s, line)
		if f.Verdict != conformance.Works {
			s.lines("expected", f.Expected)
			s.lines("got", f.Got)
			s.lines("needs", f.Needs)
		} else if f.Got != "" {
			s.lines("", f.Got)
		}
	}
}

func (s *screen) lines(label, text string) {
	const indent = 20
	for i, line := range wrap(plain(text), textWidth-indent-10) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(s, "%s%s%s\n", strings.Repeat(" ", indent), s.paint(faint, pad(label, 10)), line)
	}
}

// title is what was judged.
func title(r *conformance.Report) string {
	if r.Subject != "" {
		return r.Subject
	}
	return "RTMP " + string(r.Role)
}

// particulars say when and with what a report was made.
func particulars(r *conformance.Report) string {
	parts := []string{"as " + string(r.Role) + ", by penstock " + r.Version, r.Started.UTC().Format("2006-01-02 15:04 UTC")}
	if d := r.Finished.Sub(r.Started); d > 0 {
		parts = append(parts, "in "+d.Round(100*time.Millisecond).String())
	}
	return strings.Join(parts, ", ")
}

// options are what the run was told, in brief.
func options(r *conformance.Report) string {
	if len(r.Options) == 0 {
		return ""
	}
	return "with " + strings.Join(r.Options, " ")
}

func requirements(t tally) string {
	if t.required == 0 {
		return "No case is required."
	}
	return fmt.Sprintf("%d of %d required cases work.", t.working, t.required)
}

func compareTerminal(w io.Writer, rs []*conformance.Report) error {
	s := newScreen(w)
	m := newMatrix(rs...)
	for n, r := range rs {
		fmt.Fprintf(s, "%s %s  %s\n", s.paint(bold, column(n)), s.paint(bold, plain(title(r))), s.paint(faint, plain(particulars(r))))
	}
	const first, wide = 50, 18
	head := pad("", first+2)
	for n, r := range rs {
		head += pad(cut(column(n)+" "+plain(title(r)), wide-1), wide)
	}
	fmt.Fprintf(s, "\n%s\n", s.paint(bold, strings.TrimRight(head, " ")))
	for _, sec := range m.sections {
		fmt.Fprintf(s, "%s\n", s.paint(bold, plain(sec.name)))
		for _, row := range sec.rows {
			fmt.Fprintf(s, "  %s", pad(cut(plain(row.ID), first-1), first))
			for n := range row.cells {
				fmt.Fprint(s, s.verdict(row.cells[n].verdict, wide))
			}
			fmt.Fprintln(s)
		}
	}
	fmt.Fprintln(s)
	for n := range rs {
		t := m.tally(n)
		fmt.Fprintf(s, "%s", column(n))
		for _, v := range verdicts() {
			fmt.Fprintf(s, "  %s %d", s.paint(tint(v), words(v)), t.rows[v])
		}
		fmt.Fprintf(s, "  %s\n", requirements(t))
	}
	return s.Flush()
}

func column(n int) string { return fmt.Sprintf("[%d]", n+1) }
