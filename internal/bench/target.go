package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os/exec"
	"time"

	"penstock/internal/bench/load"
	"penstock/internal/bench/process"
	"penstock/rtmp"
)

// target is a server that is ready to be measured.
type target struct {
	load  load.Server
	url   rtmp.URL
	meter process.Meter
	known bool // the meter measures something
	stop  func()
}

const (
	startWait = 20 * time.Second // for a server that is started to accept connections
	stopWait  = 10 * time.Second // for it to end when it is told to
)

// ready makes a server ready: one that is started here is, and has accepted a connection.
func (p *Plan) ready(ctx context.Context, s *Server) (*target, error) {
	u, err := rtmp.ParseURL(s.URL)
	if err != nil {
		return nil, err
	}
	t := &target{url: u, meter: process.None{}, stop: func() {}}
	t.load = load.Server{URL: u, Timeout: p.Timeout}
	if u.Scheme == "rtmps" {
		t.load.TLS = &tls.Config{ServerName: u.Host, InsecureSkipVerify: p.Insecure}
	}
	pids := s.PIDs
	if s.Run != "" {
		pid, err := t.start(ctx, s.Run)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		pids = []int{pid}
	}
	switch {
	case len(pids) > 0:
		t.meter, err = process.PIDs(pids...)
		t.known = true
	case s.Metrics != "":
		t.meter, t.known = process.Endpoint(s.Metrics), true
	}
	if err == nil {
		_, err = t.meter.Read()
	}
	if err != nil {
		t.stop()
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return t, nil
}

// start runs the command of a server until stop is called.
func (t *target) start(ctx context.Context, command string) (pid int, err error) {
	address := t.url.Address()
	if nc, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		_ = nc.Close()
		return 0, fmt.Errorf("something listens on %s already", address)
	}
	cmd := exec.Command("sh", "-c", "exec "+command)
	terminable(cmd)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var why error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		why = cmd.Wait()
	}()
	t.stop = func() {
		terminate(cmd)
		select {
		case <-ended:
		case <-time.After(stopWait):
			kill(cmd)
			<-ended
		}
	}
	deadline := time.Now().Add(startWait)
	for {
		nc, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = nc.Close()
			time.Sleep(200 * time.Millisecond) // its workers, when it has some, are there then
			return cmd.Process.Pid, nil
		}
		select {
		case <-ended:
			t.stop = func() {}
			return 0, fmt.Errorf("the server ended before it listened on %s: %v", address, why)
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.stop()
			return 0, context.Cause(ctx)
		}
		if time.Now().After(deadline) {
			t.stop()
			return 0, fmt.Errorf("nothing listens on %s after %v", address, startWait)
		}
	}
}
