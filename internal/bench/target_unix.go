//go:build unix

package bench

import (
	"os/exec"
	"syscall"
)

// terminable gives a server a process group of its own, so that its children end with it, and a ^C does not end it too early.
func terminable(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func terminate(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
