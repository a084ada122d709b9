package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"penstock/internal/conformance"
	"penstock/internal/conformance/report"
)

type checkCompareCmd struct {
	Format  string   `enum:"terminal,json,markdown,html,junit" default:"terminal" help:"Format: terminal,markdown,html; for a single report also: terminal,json,markdown,html,junit."`
	Codes   bool     `help:"Print RTMPy's table of NetConnection's nine codes in Markdown, each cell a link to the case in REPORT with .md for .json."`
	Output  string   `short:"o" placeholder:"FILE" help:"File instead of the standard output."`
	Reports []string `arg:"" name:"report" help:"Files written with --format json, which may be compressed."`
}

// Run shows reports side by side.
func (c *checkCompareCmd) Run(p *program) error {
	var reports []*conformance.Report
	for _, name := range c.Reports {
		r, err := readReport(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		reports = append(reports, r)
	}
	write := func(w io.Writer) error {
		if c.Codes {
			return report.NineCodes(w, columns(c.Reports, reports))
		}
		if len(reports) == 1 {
			return report.Write(w, c.Format, reports[0])
		}
		return report.Compare(w, c.Format, reports...)
	}
	if c.Output == "" {
		return write(p.stdout)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(c.Output, b.Bytes(), 0o644)
}

func readReport(name string) (*conformance.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return report.Read(f)
}

// columns are reports with where their evidence is: the Markdown file beside the JSON.
func columns(names []string, reports []*conformance.Report) []report.Column {
	out := make([]report.Column, len(reports))
	for i, r := range reports {
		out[i] = report.Column{Report: r, Evidence: filepath.ToSlash(strings.TrimSuffix(strings.TrimSuffix(names[i], ".gz"), ".json")) + ".md"}
	}
	return out
}
