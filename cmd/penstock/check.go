package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/report"
	"penstock/internal/conformance/servercases"
)

// checkCmd judges servers and clients by what they say on the wire. A URL behind check is a server.
type checkCmd struct {
	Server  checkServerCmd  `cmd:"" default:"withargs" help:"Judge an RTMP server (the word server may be left out)."`
	Client  checkClientCmd  `cmd:"" help:"Judge an RTMP client: be its server, another one for every case."`
	Compare checkCompareCmd `cmd:"" help:"Show reports (--format json) side by side, or one of them in another format."`
}

type checkServerCmd struct {
	URL string `arg:"" optional:"" help:"Application of the server: rtmp://HOST/APP or rtmps://HOST/APP."`

	Format   string        `default:"terminal" enum:"terminal,json,markdown,html,junit" help:"Format of the report: ${enum}."`
	Output   string        `short:"o" placeholder:"FILE" help:"File for the report instead of the standard output; compressed when its name ends in .gz."`
	Only     []string      `placeholder:"CASE" help:"Only these cases, sections (chunk) or patterns (netconnection/call-*)."`
	List     bool          `help:"List the cases and end."`
	Explain  string        `placeholder:"CASE" help:"Say what a case requires and why; with a URL, run it and print the conversation."`
	AMF      string        `name:"amf" default:"0" enum:"0,3,both" help:"What the tester asks for in connect: AMF0, AMF3, or both in turn."`
	Timeout  time.Duration `default:"3s" help:"How long the server may take for one answer."`
	Parallel int           `default:"8" help:"Cases at the same time."`
	Subject  string        `placeholder:"NAME" help:"What the report calls the server, such as 'nginx-rtmp 1.2.2'."`
	Insecure bool          `help:"Do not verify the certificate of an rtmps server."`
	Hostile  bool          `help:"Also run the attacks. Without --confirm-hostile on this machine only."`
	Confirm  bool          `name:"confirm-hostile" help:"You may attack this server."`

	situations
}

// situations are what a client cannot bring about alone.
type situations struct {
	RejectingApp     string `group:"Situations" placeholder:"APP" help:"An application that refuses every client."`
	RedirectingApp   string `group:"Situations" placeholder:"APP" help:"An application that sends every client elsewhere."`
	FailingApp       string `group:"Situations" placeholder:"APP" help:"An application that fails when a client connects."`
	NoPublishApp     string `group:"Situations" placeholder:"APP" help:"An application that lets nobody publish."`
	NoPlayApp        string `group:"Situations" placeholder:"APP" help:"An application that lets nobody play."`
	MethodApp        string `group:"Situations" placeholder:"APP" help:"The application with the methods, when it is another than the URL's."`
	EchoMethod       string `group:"Situations" placeholder:"NAME" help:"A method that returns its argument."`
	ProhibitedApp    string `group:"Situations" placeholder:"APP" help:"The application with the prohibited method, when it is another."`
	ProhibitedMethod string `group:"Situations" placeholder:"NAME" help:"A method that exists and is not for this client."`
	NoReadObject     string `group:"Situations" placeholder:"NAME" help:"A shared object that may not be read."`
	NoWriteObject    string `group:"Situations" placeholder:"NAME" help:"A shared object that may not be written."`
	NoCreateObject   string `group:"Situations" placeholder:"NAME" help:"A shared object that does not exist and may not be made."`

	API          string `group:"Situations" name:"api" placeholder:"URL" help:"Penstock's HTTP address, to end a connection and to unload the application."`
	APIToken     string `group:"Situations" name:"api-token" env:"PENSTOCK_CHECK_API_TOKEN" placeholder:"TOKEN" help:"Token for it."`
	CloseCommand string `group:"Situations" placeholder:"CMD" help:"Shell command that ends one connection: $CHECK_APP, $CHECK_STREAM, $CHECK_PEER and $CHECK_CLIENT say which."`
	StopCommand  string `group:"Situations" placeholder:"CMD" help:"Shell command that stops the server. It is run last."`
	StartCommand string `group:"Situations" placeholder:"CMD" help:"Shell command that starts the server again when a case has ended it, and returns."`
}

// Help is printed behind the flags' lines of --help.
func (checkServerCmd) Help() string {
	return "Each case is a requirement with its source. Required cases decide the exit code. What cannot be brought about is said to be " +
		"not reproduced, with what it takes."
}

// Run judges, or says what it would judge.
func (c *checkServerCmd) Run(p *program) error {
	cases := servercases.All()
	switch {
	case c.List:
		return listCases(p.stdout, cases)
	case c.Explain != "":
		if err := explain(p.stdout, cases, c.Explain); err != nil || c.URL == "" {
			return err
		}
		c.Only, c.Hostile = []string{c.Explain}, c.Hostile || strings.HasPrefix(c.Explain, "hostile/")
	case c.URL == "":
		return &usageError{"no server: write it as penstock check rtmp://HOST/APP, or see --list"}
	}
	t, err := c.target()
	if err != nil {
		return &usageError{err.Error()}
	}
	if c.Hostile && !c.Confirm && !t.Loopback() {
		return &usageError{"the attacks are for servers on this machine; --confirm-hostile says that you may attack " + t.Address}
	}
	r, err := c.judge(p, t, cases)
	if err != nil {
		return err
	}
	if c.Explain != "" {
		return conversation(p.stdout, r)
	}
	if err := writeReport(p, c.Output, c.Format, r); err != nil {
		return err
	}
	return verdict(r)
}

func (c *checkServerCmd) judge(p *program, t *judge.Target, cases []judge.Case) (*conformance.Report, error) {
	o := judge.Options{Only: c.Only, Hostile: c.Hostile, Step: c.Timeout, Parallel: c.Parallel, AMF: map[string][]int{"0": {0}, "3": {3}, "both": {0, 3}}[c.AMF]}
	total, err := judge.Count(t, cases, o)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	progress := report.NewProgress(p.stderr, total)
	o.Begin = func(c *conformance.Case, mode string) { progress.Begin(c.ID, mode) }
	o.Done = progress.Done
	r, err := judge.Run(p.ctx, t, cases, o)
	progress.Stop()
	if err != nil {
		return nil, err
	}
	r.Version, r.Options, r.Subject = programVersion(), c.options(), c.Subject
	if r.Subject == "" {
		r.Subject = "the server at " + t.Address
	}
	return r, nil
}

// verdict is the error of a report in which something required does not work.
func verdict(r *conformance.Report) error {
	n := 0
	for i := range r.Results {
		if r.Results[i].Severity == conformance.Required && r.Results[i].Verdict != conformance.Works {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d of what is required does not work", n)
}

// options are the flags that shaped the run, without what is secret.
func (c *checkServerCmd) options() []string {
	list := []string{"--amf " + c.AMF}
	for _, f := range []struct{ name, value string }{
		{"rejecting-app", c.RejectingApp}, {"redirecting-app", c.RedirectingApp}, {"failing-app", c.FailingApp}, {"no-publish-app", c.NoPublishApp},
		{"no-play-app", c.NoPlayApp}, {"method-app", c.MethodApp}, {"echo-method", c.EchoMethod}, {"prohibited-app", c.ProhibitedApp}, {"prohibited-method", c.ProhibitedMethod},
		{"no-read-object", c.NoReadObject}, {"no-write-object", c.NoWriteObject},
		{"no-create-object", c.NoCreateObject},
	} {
		if f.value != "" {
			list = append(list, "--"+f.name+" "+f.value)
		}
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{"--hostile", c.Hostile}, {"--api", c.API != ""}, {"--close-command", c.CloseCommand != ""}, {"--stop-command", c.StopCommand != ""}} {
		if f.set {
			list = append(list, f.name)
		}
	}
	return list
}

func (c *checkServerCmd) target() (*judge.Target, error) {
	t, err := judge.ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	if t.TLS != nil {
		t.TLS.InsecureSkipVerify = c.Insecure // the user asked for it
	}
	t.Prefix = "check-"
	t.RejectingApp, t.RedirectingApp, t.FailingApp, t.NoPublishApp, t.NoPlayApp = c.RejectingApp, c.RedirectingApp, c.FailingApp, c.NoPublishApp, c.NoPlayApp
	t.MethodApp, t.EchoMethod, t.ProhibitedMethod = c.MethodApp, c.EchoMethod, c.ProhibitedMethod
	t.ProhibitedApp = c.ProhibitedApp
	t.NoReadObject, t.NoWriteObject, t.NoCreateObject = c.NoReadObject, c.NoWriteObject, c.NoCreateObject
	t.Control, err = c.control()
	return t, err
}

// control is the operator's side: Penstock's API, or commands, which win over it.
func (s *situations) control() (judge.Control, error) {
	var control judge.Control
	if s.API != "" {
		var err error
		if control, err = judge.API(s.API, s.APIToken); err != nil {
			return control, err
		}
	}
	if s.CloseCommand != "" {
		control.Close = func(ctx context.Context, v judge.Victim) error { return shell(ctx, s.CloseCommand, v) }
	}
	if s.StopCommand != "" {
		control.Stop = func(ctx context.Context) error { return shell(ctx, s.StopCommand, judge.Victim{}) }
	}
	if s.StartCommand != "" {
		control.Start = func(ctx context.Context) error { return shell(ctx, s.StartCommand, judge.Victim{}) }
	}
	return control, nil
}

// listCases prints every case on a line.
func listCases(w io.Writer, cases []judge.Case) error {
	b := bufio.NewWriter(w)
	section := ""
	for _, c := range cases {
		if c.Section != section {
			section = c.Section
			fmt.Fprintf(b, "%s\n", section)
		}
		name := c.Title
		if c.Code != "" {
			name = c.Code + ": " + c.Title
		}
		fmt.Fprintf(b, "  %-36s %-12s %s\n", c.ID, c.Severity, name)
	}
	return b.Flush()
}

// explain prints what a case is about.
func explain(w io.Writer, cases []judge.Case, id string) error {
	for _, c := range cases {
		if c.ID != id {
			continue
		}
		fmt.Fprintf(w, "%s · %s · %s\n", c.ID, c.Section, c.Severity)
		if c.Code != "" {
			fmt.Fprintf(w, "%s\n", c.Code)
		}
		_, err := fmt.Fprintf(w, "\n%s\n\nSource: %s\n", c.Requirement, c.Source)
		return err
	}
	return &usageError{fmt.Sprintf("no case is called %s: see penstock check --list", printable(id))}
}

// conversation prints the verdicts of a report with the conversations behind them.
func conversation(w io.Writer, r *conformance.Report) error {
	b := bufio.NewWriter(w)
	for _, res := range r.Results {
		fmt.Fprintf(b, "\n%s: %s\n", res.Mode, res.Verdict)
		for _, line := range []struct{ name, text string }{{"expected", res.Expected}, {"got", res.Got}, {"it takes", res.Needs}} {
			if line.text != "" {
				fmt.Fprintf(b, "%s: %s\n", line.name, printable(line.text))
			}
		}
		for _, e := range res.Transcript {
			who := map[string]string{"tester": "→", "peer": "←"}[e.From]
			if who == "" {
				who = "·"
			}
			offset := ""
			if e.Offset >= 0 {
				offset = fmt.Sprint(e.Offset)
			}
			fmt.Fprintf(b, "%8.1f ms %8s %s %s\n", float64(e.At)/float64(time.Millisecond), offset, who, printable(e.Text))
			if e.Bytes != "" {
				more := ""
				if e.Length > len(e.Bytes)/2 {
					more = fmt.Sprintf("… %d bytes", e.Length)
				}
				fmt.Fprintf(b, "%23s %s%s\n", "", e.Bytes, more)
			}
		}
	}
	return b.Flush()
}

// commandLimit bounds the operator's commands.
const commandLimit = 20 * time.Second

// shell runs an operator's command. Its output is part of the error.
func shell(ctx context.Context, command string, v judge.Victim) error {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), "CHECK_APP="+v.App, "CHECK_STREAM="+v.Stream, "CHECK_PEER="+v.Peer, "CHECK_CLIENT="+v.ClientID)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, printable(strings.TrimSpace(string(out[:min(len(out), 500)]))))
	}
	return nil
}
