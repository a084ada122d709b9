package report

import (
	"bufio"
	"fmt"
	"io"

	"penstock/internal/conformance"
	"penstock/status"
)

// Column is one server in the table of NineCodes.
type Column struct {
	Report   *conformance.Report
	Evidence string // file or URL of the report's Markdown, to which the cells link
}

// nineCodes are the rows of RTMPy's table of NetConnection's information objects, in its order.
func nineCodes() []status.Code {
	return []status.Code{status.ConnectSuccess, status.ConnectRejected, status.ConnectInvalidApp, status.ConnectAppShutdown, status.ConnectClosed,
		status.ConnectFailed, status.CallFailed, status.CallBadVersion, status.CallProhibited}
}

// NineCodes writes RTMPy's table of NetConnection's information objects in Markdown: a row for each code, a column for each
// server, and every cell a link to its evidence. The first case of a report that is about a code speaks for it.
func NineCodes(w io.Writer, columns []Column) error {
	b := bufio.NewWriter(w)
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = title(c.Report)
	}
	header(b, "code", names)
	for _, code := range nineCodes() {
		fmt.Fprintf(b, "| `%s` |", code)
		for _, c := range columns {
			verdict, id := speaker(c.Report, string(code))
			if id == "" {
				fmt.Fprint(b, " – |")
				continue
			}
			fmt.Fprintf(b, " [%s %s](%s#%s) |", sign(verdict), words(verdict), c.Evidence, Anchor(id))
		}
		fmt.Fprint(b, "\n")
	}
	return b.Flush()
}

// speaker is the first case about a code, with the worst verdict of its modes.
func speaker(r *conformance.Report, code string) (conformance.Verdict, string) {
	var c cell
	id := ""
	for i := range r.Results {
		res := &r.Results[i]
		if id == "" && res.Code == code {
			id = res.ID
		}
		if id != "" && res.ID == id {
			c.add(res)
		}
	}
	return c.verdict, id
}
