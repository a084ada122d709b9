// Command penstock is an RTMP server, and its client as a tool.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands are the subcommands; each has a file.
type commands struct {
	Serve        serveCmd        `cmd:"" help:"Run the server."`
	Publish      publishCmd      `cmd:"" help:"Publish an FLV file, or the demo clip, in real time."`
	Play         playCmd         `cmd:"" help:"Play a stream, and write it to an FLV file."`
	Call         callCmd         `cmd:"" help:"Call a method of an application and print the result as JSON."`
	Bench        benchCmd        `cmd:"" help:"Measure an RTMP server, or several in turns: cost, latency, lost frames, memory."`
	Check        checkCmd        `cmd:"" help:"Find out what an RTMP server or client does of what it should, with the evidence."`
	HashPassword hashPasswordCmd `cmd:"" help:"Print the hash of a password, read from the standard input, for the users of the configuration."`
	Version      versionCmd      `cmd:"" help:"Print the version."`
}

// program is what a subcommand works with.
type program struct {
	ctx    context.Context // ends with SIGINT and SIGTERM; a second signal ends the process
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
}

// Exit codes. What the command line says wrong is told apart from what went wrong.
const (
	exitFailed = 1
	exitUsage  = 2
)

const firstLines = `penstock serve --demo                       a server that shows a moving picture: open http://localhost:8080/
penstock play rtmp://localhost/live/demo    play it; penstock publish FILE rtmp://localhost/live/NAME publishes

`

const description = `RTMP server that always tells the client why, and an RTMP client as a tool.`

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() { // ends with the process
		<-signals
		cancel()
		<-signals
		os.Exit(exitFailed)
	}()
	p := &program{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(p.run(os.Args[1:]))
}

// run executes one command line and returns the exit code.
func (p *program) run(args []string) int {
	code := -1
	parser, err := kong.New(&commands{}, kong.Name("penstock"), kong.Description(description),
		kong.Writers(p.stdout, p.stderr), kong.Exit(func(c int) { code = c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Bind(p))
	if err != nil {
		return p.fail(err, exitFailed)
	}
	if len(args) == 0 {
		_, _ = io.WriteString(p.stdout, firstLines)
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	switch {
	case code >= 0: // --help was printed
		return code
	case err != nil:
		return p.fail(fmt.Errorf("%w (penstock --help lists what there is)", err), exitUsage)
	}
	if err := command.Run(); err != nil {
		var usage *usageError
		if errors.As(err, &usage) {
			return p.fail(err, exitUsage)
		}
		return p.fail(err, exitFailed)
	}
	return 0
}

// fail prints an error as the one line that it is.
func (p *program) fail(err error, code int) int {
	_, _ = fmt.Fprintf(p.stderr, "penstock: %v\n", err)
	return code
}

// usageError is a command line that makes no sense.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

type versionCmd struct{}

func (versionCmd) Run(p *program) error {
	_, err := fmt.Fprintln(p.stdout, "penstock", programVersion())
	return err
}

// version is set by the linker (make build).
var version string

// programVersion is the version of the build, else the module's, else the commit of the working tree.
func programVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel " + s.Value[:12]
		}
	}
	return "devel"
}
