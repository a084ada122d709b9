package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"penstock/internal/conformance"
	"penstock/internal/conformance/report"
)

type checkCompareCmd struct {
	Format  string   `enum:"terminal,json,markdown,html,junit" default:"terminal" help:"Format: terminal,markdown,html; for a single report also: terminal,json,markdown,html,junit."`
	Out     string   `short:"o" placeholder:"FILE" help:"Write to a file."`
	Reports []string `arg:"" name:"report" help:"Files written with --format json."`
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
		if len(reports) == 1 {
			return report.Write(w, c.Format, reports[0])
		}
		return report.Compare(w, c.Format, reports...)
	}
	if c.Out == "" {
		return write(p.stdout)
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(c.Out, b.Bytes(), 0o644)
}

func readReport(name string) (*conformance.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return report.Read(f)
}
