// Package report shows what a conformance run found: as text for people, as JSON for programs and for the comparison of
// several runs, and as JUnit's XML for continuous integration. Whatever a peer said is in a report, so nothing in one is trusted:
// every format escapes it.
package report

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"penstock/internal/conformance"
)

// Formats of Write.
const (
	Terminal = "terminal" // text; in colour when it goes to a terminal
	JSON     = "json"     // what Read reads
	Markdown = "markdown"
	HTML     = "html" // one page that needs nothing else
	JUnit    = "junit"
)

// Formats lists the formats of Write, the default first.
func Formats() []string { return []string{Terminal, JSON, Markdown, HTML, JUnit} }

// ErrFormat is a format that Write or Compare does not have.
var ErrFormat = errors.New("unknown report format")

// MaxBytes bounds what Read reads.
const MaxBytes = 256 << 20

// Write writes one report. The error is that of w, or ErrFormat.
func Write(w io.Writer, format string, r *conformance.Report) error {
	switch format {
	case Terminal:
		return writeTerminal(w, r)
	case JSON:
		return writeJSON(w, r)
	case Markdown:
		return writeMarkdown(w, r)
	case HTML:
		return writeHTML(w, r)
	case JUnit:
		return writeJUnit(w, r)
	}
	return fmt.Errorf("%w %q", ErrFormat, format)
}

// Compare writes several reports side by side, in the order given. Cases that a report does not have stay empty in its column.
func Compare(w io.Writer, format string, rs ...*conformance.Report) error {
	switch format {
	case Terminal:
		return compareTerminal(w, rs)
	case Markdown:
		return compareMarkdown(w, rs)
	case HTML:
		return writeHTML(w, rs...)
	}
	return fmt.Errorf("%w %q for a comparison", ErrFormat, format)
}

// CompareFormats lists the formats of Compare, the default first.
func CompareFormats() []string { return []string{Terminal, Markdown, HTML} }

func writeJSON(w io.Writer, r *conformance.Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(r)
}

// WriteFile writes one report into a file, compressed when its name ends in .gz: conversations say the same over and over.
func WriteFile(name, format string, r *conformance.Report) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(name, ".gz") {
		return errors.Join(Write(f, format, r), f.Close())
	}
	z := gzip.NewWriter(f)
	return errors.Join(Write(z, format, r), z.Close(), f.Close())
}

// Read reads the JSON of one report, which may be compressed by gzip. Properties it does not know are left out, so that reports of later versions can be compared;
// a verdict, severity or role that it does not know is an error.
func Read(in io.Reader) (*conformance.Report, error) { return read(in, MaxBytes) }

func read(in io.Reader, most int64) (*conformance.Report, error) {
	plain := bufio.NewReader(in)
	limited := &io.LimitedReader{R: plain, N: most + 1}
	if magic, _ := plain.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(plain)
		if err != nil {
			return nil, fmt.Errorf("no conformance report: %w", err)
		}
		limited.R = z // bounds what it becomes
	}
	var r conformance.Report
	if err := json.NewDecoder(limited).Decode(&r); err != nil {
		if limited.N <= 0 {
			return nil, fmt.Errorf("a report has at most %d bytes", most)
		}
		return nil, fmt.Errorf("no conformance report: %w", err)
	}
	if r.Role != conformance.RoleServer && r.Role != conformance.RoleClient {
		return nil, fmt.Errorf("no conformance report: role %q", r.Role)
	}
	for i := range r.Results {
		res := &r.Results[i]
		switch {
		case res.ID == "":
			return nil, fmt.Errorf("no conformance report: result %d has no id", i)
		case rank(res.Verdict) == 0:
			return nil, fmt.Errorf("no conformance report: case %q has verdict %q", res.ID, res.Verdict)
		case res.Severity != conformance.Required && res.Severity != conformance.Recommended && res.Severity != conformance.Optional:
			return nil, fmt.Errorf("no conformance report: case %q has severity %q", res.ID, res.Severity)
		}
	}
	return &r, nil
}
