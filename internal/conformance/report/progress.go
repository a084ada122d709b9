package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"penstock/internal/conformance"
)

// Progress shows how a run gets on. It belongs to one goroutine.
type Progress struct {
	screen *screen
	live   bool // one line that is drawn again
	total  int
	count  map[conformance.Verdict]int
}

// NewProgress is a progress of total results; 0 when nobody knows how many. On a terminal it is a line that is drawn again, and Stop
// removes it; elsewhere a line for every result.
func NewProgress(w io.Writer, total int) *Progress {
	return &Progress{screen: newScreen(w), live: isTerminal(w), total: total, count: make(map[conformance.Verdict]int)}
}

// Begin says which case comes now; mode may be "".
func (p *Progress) Begin(caseID, mode string) {
	if !p.live {
		return
	}
	done := 0
	counts := ""
	for _, v := range verdicts() {
		done += p.count[v]
		if p.count[v] > 0 {
			counts += fmt.Sprintf("%s%d ", sign(v), p.count[v])
		}
	}
	line := fmt.Sprintf("%d/%d %s%s %s", done+1, p.total, counts, plain(caseID), plain(mode))
	if p.total == 0 {
		line = fmt.Sprintf("%d %s%s %s", done+1, counts, plain(caseID), plain(mode))
	}
	fmt.Fprintf(p.screen, "\r\x1b[K%s", cut(strings.TrimSpace(line), 78))
	_ = p.screen.Flush() // a terminal that is gone is no reason to end a run
}

// Done says what came out.
func (p *Progress) Done(r *conformance.Result) {
	p.count[r.Verdict]++
	if p.live {
		return
	}
	name := r.ID
	if r.Mode != "" {
		name += " (" + r.Mode + ")"
	}
	fmt.Fprintf(p.screen, "%s %s %s\n", pad(sign(r.Verdict)+" "+words(r.Verdict), 17), plain(name), r.Duration.Round(time.Millisecond))
	_ = p.screen.Flush()
}

// Stop ends the progress.
func (p *Progress) Stop() {
	if p.live {
		fmt.Fprint(p.screen, "\r\x1b[K")
		_ = p.screen.Flush()
	}
}
