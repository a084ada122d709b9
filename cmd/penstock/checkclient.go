package main

import (
	"fmt"
	"strings"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/clientcases"
	"penstock/internal/conformance/clientrun"
	"penstock/internal/conformance/report"
	"penstock/internal/conformance/scripted"
)

type checkClientCmd struct {
	Listen   string        `default:"127.0.0.1:0" placeholder:"ADDR" help:"Where to listen. With port 0 and a COMMAND every case has its own port, and cases run at once."`
	Role     string        `enum:"auto,publish,play" default:"auto" help:"What the client does: auto (found out by the first case), publish, play."`
	Only     []string      `placeholder:"ID,…" help:"Run the cases whose IDs begin like this."`
	List     bool          `help:"List the cases."`
	Explain  string        `placeholder:"ID" help:"Explain a case."`
	Format   string        `enum:"terminal,json,markdown,html,junit" default:"terminal" help:"Format of the report: terminal,json,markdown,html,junit."`
	Output   string        `short:"o" placeholder:"FILE" help:"File for the report instead of the standard output; compressed when its name ends in .gz."`
	Subject  string        `placeholder:"NAME" help:"The client's name and version in the report."`
	Patience time.Duration `default:"35s" help:"How long a client may take to give up a silent server."`
	Wait     time.Duration `default:"2m" help:"How long to wait for a client to connect, without a COMMAND."`
	Parallel int           `default:"4" help:"How many cases run at once, with a COMMAND."`
	Command  []string      `arg:"" optional:"" passthrough:"" help:"Client to run for every case. {url} is replaced by the address, or {host}, {port}, {app}, {stream}; {in} is a file to publish, {out} where a player writes what it plays, both FLV."`
}

// Run judges a client.
func (c *checkClientCmd) Run(p *program) error {
	switch {
	case c.List:
		return listClientCases(p)
	case c.Explain != "":
		return explainClientCase(p, c.Explain)
	}
	if len(c.Command) > 0 && c.Command[0] == "--" {
		c.Command = c.Command[1:]
	}
	if len(clientrun.Select(c.Only)) == 0 {
		return &usageError{"no case begins with " + strings.Join(c.Only, " or ") + "; --list shows them"}
	}
	progress := report.NewProgress(p.stderr, 0)
	cfg := clientrun.Config{
		Addr: c.Listen, Command: c.Command, Only: c.Only, Patience: c.Patience, Wait: c.Wait, Parallel: c.Parallel,
		Subject: c.Subject, Version: programVersion(), Progress: progress,
		Announce: func(k *clientcases.Case, url string) {
			_, _ = fmt.Fprintf(p.stderr, "%s (%s): connect a client to %s\n", k.Title, k.ID, url)
		},
	}
	if c.Role != "auto" {
		cfg.Role = scripted.Role(c.Role)
	}
	r, err := clientrun.Run(p.ctx, cfg)
	progress.Stop()
	if err != nil {
		return err
	}
	if err := writeReport(p, c.Output, c.Format, r); err != nil {
		return err
	}
	return verdict(r)
}

// writeReport writes a report to a file, or to the standard output.
func writeReport(p *program, file, format string, r *conformance.Report) error {
	if file == "" {
		return report.Write(p.stdout, format, r)
	}
	return report.WriteFile(file, format, r)
}

func listClientCases(p *program) error {
	for _, c := range clientcases.All() {
		who := "every client"
		if c.Role != scripted.Unknown {
			who = string(c.Role)
		}
		if _, err := fmt.Fprintf(p.stdout, "%-32s %-12s %-12s %s\n", c.ID, c.Severity, who, c.Title); err != nil {
			return err
		}
	}
	return nil
}

func explainClientCase(p *program, id string) error {
	for _, c := range clientcases.All() {
		if c.ID != id {
			continue
		}
		_, err := fmt.Fprintf(p.stdout, "%s\n%s, %s\n\n%s\nSource: %s.\n", c.Title, c.ID, c.Severity, c.Requirement, c.Source)
		return err
	}
	return &usageError{fmt.Sprintf("there is no case %s; --list shows them", id)}
}
