package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"penstock/internal/conformance"
)

// escapes are the characters that mean something in Markdown's tables and paragraphs.
var escapes = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;",
	"|", `\|`, "#", `\#`, "~", `\~`, "!", `\!`, "$", `\$`, "@", "&#64;", "://", ":&#47;/")

// md is text of anyone as a piece of a paragraph or of a table's cell.
func md(s string) string { return escapes.Replace(strings.TrimSpace(plain(s))) }

// longest is the length of the longest run of c in s.
func longest(s string, c rune) int {
	most, run := 0, 0
	for _, r := range s {
		if r != c {
			run = 0
			continue
		}
		run++
		most = max(most, run)
	}
	return most
}

func writeMarkdown(w io.Writer, r *conformance.Report) error {
	b := bufio.NewWriter(w)
	m := newMatrix(r)
	fmt.Fprintf(b, "# %s\n\n", md(title(r)))
	fmt.Fprintf(b, "Judged %s.\n\n", md(strings.TrimSuffix(particulars(r)+" "+options(r), " ")))
	t := m.tally(0)
	fmt.Fprintf(b, "| works | differs | fails | not reproduced |\n| --- | --- | --- | --- |\n|")
	for _, v := range verdicts() {
		fmt.Fprintf(b, " %d |", t.rows[v])
	}
	fmt.Fprintf(b, "\n\n%s\n", requirements(t))
	for _, sec := range m.sections {
		fmt.Fprintf(b, "\n## %s\n\n| case | verdict | what came |\n| --- | --- | --- |\n", md(sec.name))
		for _, row := range sec.rows {
			c := &row.cells[0]
			fmt.Fprintf(b, "| [%s](#%s) | %s %s | %s |\n", md(row.name()), Anchor(row.ID), sign(c.verdict), words(c.verdict), remark(c))
		}
	}
	fmt.Fprint(b, "\n## Evidence\n")
	for _, sec := range m.sections {
		for _, row := range sec.rows {
			evidence(b, row)
		}
	}
	return b.Flush()
}

// remark is what a table says beside a verdict.
func remark(c *cell) string { return md(cut(spoken(c), 240)) }

// spoken is what a cell has to say for itself: the group of modes with the worst verdict speaks.
func spoken(c *cell) string {
	for _, group := range c.groups() {
		f := group[0]
		if f.Verdict != c.verdict {
			continue
		}
		text := f.Got
		if f.Verdict == conformance.NotReproduced && f.Needs != "" {
			text = "needs " + f.Needs
		}
		if m := modes(group); m != "" && len(group) < len(c.results) {
			text = m + ": " + text
		}
		return text
	}
	return ""
}

// evidence is one case with its conversations.
func evidence(b *bufio.Writer, r *row) {
	fmt.Fprintf(b, "\n### <a id=\"%s\"></a>%s\n\n", Anchor(r.ID), md(r.name()))
	fmt.Fprintf(b, "<code>%s</code>, %s. %s\n", md(r.ID), md(string(r.Severity)), md(r.Requirement))
	if r.Source != "" {
		fmt.Fprintf(b, "Source: %s.\n", md(r.Source))
	}
	for _, group := range r.cells[0].groups() {
		f := group[0]
		fmt.Fprintf(b, "\n**%s %s**", sign(f.Verdict), words(f.Verdict))
		if m := modes(group); m != "" {
			fmt.Fprintf(b, " (%s)", md(m))
		}
		fmt.Fprint(b, "\n")
		for _, line := range []struct{ label, text string }{{"expected", f.Expected}, {"got", f.Got}, {"needs", f.Needs}} {
			if line.text != "" {
				fmt.Fprintf(b, "\n* %s: %s", line.label, md(line.text))
			}
		}
		fmt.Fprint(b, "\n")
		conversation(b, f.Transcript)
	}
}

// conversation is a transcript that opens on request.
func conversation(b *bufio.Writer, events []conformance.Event) {
	if len(events) == 0 {
		return
	}
	lines := make([]string, len(events))
	ticks := 2
	for i := range events {
		lines[i] = eventLine(&events[i])
		ticks = max(ticks, longest(lines[i], '`'))
	}
	fence := strings.Repeat("`", ticks+1)
	fmt.Fprintf(b, "\n<details><summary>Conversation, %s</summary>\n\n%stext\n%s\n%s\n\n</details>\n", plural(len(lines), "line"), fence, strings.Join(lines, "\n"), fence)
}

// eventLine is a line of a conversation: seconds, direction, offset, text.
func eventLine(e *conformance.Event) string {
	at := fmt.Sprintf("%8.3f", e.At.Truncate(time.Millisecond).Seconds())
	if e.Offset < 0 {
		return fmt.Sprintf("%s %s           %s", at, arrow(e.From), plain(e.Text))
	}
	return fmt.Sprintf("%s %s %9d %s", at, arrow(e.From), e.Offset, plain(e.Text))
}

func arrow(from string) string {
	switch from {
	case "tester":
		return "→"
	case "peer":
		return "←"
	}
	return "·"
}

func compareMarkdown(w io.Writer, rs []*conformance.Report) error {
	b := bufio.NewWriter(w)
	m := newMatrix(rs...)
	names := make([]string, len(rs))
	if len(rs) > 0 {
		fmt.Fprintf(b, "# RTMP %ss side by side\n\n", md(string(rs[0].Role)))
	}
	for n, r := range rs {
		names[n] = title(r)
		fmt.Fprintf(b, "* **%s**: judged %s\n", md(names[n]), md(particulars(r)))
	}
	for _, sec := range m.sections {
		fmt.Fprintf(b, "\n## %s\n\n", md(sec.name))
		header(b, "case", names)
		for _, row := range sec.rows {
			fmt.Fprintf(b, "| %s |", md(row.name()))
			for n := range row.cells {
				fmt.Fprintf(b, " %s |", strings.TrimSpace(sign(row.cells[n].verdict)+" "+words(row.cells[n].verdict)))
			}
			fmt.Fprint(b, "\n")
		}
	}
	instead(b, m, names)
	fmt.Fprint(b, "\n## In numbers\n\n")
	header(b, "", names)
	for _, v := range verdicts() {
		fmt.Fprintf(b, "| %s |", words(v))
		for n := range rs {
			fmt.Fprintf(b, " %d |", m.tally(n).rows[v])
		}
		fmt.Fprint(b, "\n")
	}
	fmt.Fprint(b, "| required that work |")
	for n := range rs {
		t := m.tally(n)
		fmt.Fprintf(b, " %d of %d |", t.working, t.required)
	}
	fmt.Fprint(b, "\n")
	return b.Flush()
}

// instead says what came where a case does not work.
func instead(b *bufio.Writer, m *matrix, names []string) {
	fmt.Fprint(b, "\n## What came instead\n")
	for _, sec := range m.sections {
		for _, row := range sec.rows {
			head := fmt.Sprintf("\n%s: %s\n\n", md(row.name()), md(row.Requirement))
			for n := range row.cells {
				if c := &row.cells[n]; c.verdict != "" && c.verdict != conformance.Works {
					fmt.Fprintf(b, "%s* %s: %s %s. %s\n", head, md(names[n]), sign(c.verdict), words(c.verdict), remark(c))
					head = ""
				}
			}
		}
	}
}

func header(b io.Writer, first string, names []string) {
	fmt.Fprintf(b, "| %s |", first)
	for _, n := range names {
		fmt.Fprintf(b, " %s |", md(n))
	}
	fmt.Fprintf(b, "\n|%s\n", strings.Repeat(" --- |", len(names)+1))
}

func plural(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
