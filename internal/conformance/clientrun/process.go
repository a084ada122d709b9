package clientrun

import (
	"errors"
	"os"
	"os/exec"
	"time"

	"penstock/internal/conformance/clientcases"
)

const (
	politely = 1500 * time.Millisecond // after an interrupt, for a client to finish its recording
	pipes    = time.Second             // for output of what it left behind
)

// process is the client's command while it runs.
type process struct {
	cmd  *exec.Cmd
	out  *output
	done chan struct{}     // closed when it has ended
	exit *clientcases.Exit // valid when done is closed
}

func startProcess(words []string, dir string) (*process, error) {
	p := &process{cmd: exec.Command(words[0], words[1:]...), out: &output{}, done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), "NO_COLOR=1", "AV_LOG_FORCE_NOCOLOR=1", "GST_DEBUG_NO_COLOR=1")
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.WaitDelay = pipes
	ownGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.wait() // ends with the process: end kills it
	return p, nil
}

func (p *process) wait() {
	err := p.cmd.Wait()
	exit := &clientcases.Exit{At: time.Now()}
	if bad, ok := errors.AsType[*exec.ExitError](err); ok {
		exit.Code = bad.ExitCode()
		exit.Signal = signalOf(bad.ProcessState)
	}
	p.exit = exit
	close(p.done)
}

// exited is how the process ended, nil while it runs.
func (p *process) exited() *clientcases.Exit {
	select {
	case <-p.done:
		return p.exit
	default:
		return nil
	}
}

// end ends the process and all that it started.
func (p *process) end() {
	interruptGroup(p.cmd)
	t := time.NewTimer(politely)
	defer t.Stop()
	select {
	case <-p.done:
	case <-t.C:
	}
	killGroup(p.cmd)
	<-p.done
}

func (p *process) said() []string { return p.out.lines() }
