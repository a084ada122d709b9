package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"penstock/internal/bench"
	"penstock/internal/bench/load"
)

type benchCmd struct {
	Mode       string        `default:"fan-out" enum:"fan-out,connects,idle" help:"What to measure: fan-out (publishers and players), connects (how often clients can connect), idle (memory of connections that do nothing)."`
	Publishers int           `default:"1" help:"Publishers."`
	Players    int           `default:"100" help:"Players, spread evenly over the publishers."`
	Slow       int           `default:"0" help:"How many of the players read at half of the bit rate."`
	Stalled    int           `default:"0" help:"How many of the players do not read at all."`
	Bitrate    int           `default:"2000" help:"Video, kb/s; 0 is none."`
	Audio      int           `default:"128" help:"Audio, kb/s; 0 is none."`
	FPS        int           `name:"fps" default:"30" help:"Video frames per second."`
	GOP        int           `name:"gop" default:"60" help:"Frames from one key frame to the next."`
	KeyRatio   int           `default:"8" help:"How many times as large as other frames a key frame is."`
	Codec      string        `default:"h264" enum:"h264,hevc,av1" help:"Codec that the video says it is: h264, hevc or av1."`
	ChunkSize  int           `default:"4096" help:"The publishers' chunk size, bytes."`
	Duration   time.Duration `default:"10s" help:"How long one measurement takes."`
	Warmup     time.Duration `default:"3s" help:"How long everything runs before it."`
	Ramp       float64       `default:"100" help:"Players that join per second."`
	Churn      float64       `default:"0" help:"Players per second that leave and are replaced while it is measured."`
	Parallel   int           `default:"50" help:"Connections that are opened at once."`
	Idle       int           `default:"1000" help:"Connections of --mode=idle."`
	Runs       int           `default:"1" help:"Measurements of each server, in turns."`
	Timeout    time.Duration `default:"10s" help:"How long a server may take for an answer."`
	Name       string        `default:"server" help:"What the server is called in the tables."`
	PID        []int         `name:"pid" help:"Process IDs of the server, for its CPU time and memory."`
	Metrics    string        `placeholder:"URL" help:"The server's metrics endpoint, where it has no process here."`
	Command    string        `name:"run" placeholder:"COMMAND" help:"Start the server by this shell command for each measurement, and end it after that."`
	VS         []string      `name:"vs" sep:"none" placeholder:"SERVER" help:"Another server to measure in turns: name=NAME,url=URL and pid=PID+PID, metrics=URL or, last, run=COMMAND. May be repeated."`
	JSON       string        `name:"json" placeholder:"FILE" help:"Write everything that was measured."`
	HTML       string        `name:"html" placeholder:"FILE" help:"Write a page with plots."`
	Remote     bool          `help:"Confirm that you may load a server that is not on this machine."`
	Insecure   bool          `help:"Do not verify the certificate of an rtmps server."`
	URL        string        `arg:"" help:"rtmp://HOST/live/NAME."`
}

// Run measures, and writes what it found even when it could not finish.
func (c *benchCmd) Run(p *program) error {
	plan, err := c.plan(p)
	if err != nil {
		return err
	}
	report, err := bench.Execute(p.ctx, plan)
	if len(report.Runs) > 0 {
		err = errors.Join(report.WriteTable(p.stdout), writeFile(c.JSON, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", " ")
			return e.Encode(report)
		}), writeFile(c.HTML, report.WriteHTML), err)
	}
	return err
}

func (c *benchCmd) plan(p *program) (*bench.Plan, error) {
	plan := &bench.Plan{
		Mode: bench.Mode(c.Mode), Publishers: c.Publishers, Players: c.Players, Slow: c.Slow, Stalled: c.Stalled,
		Shape: load.Shape{VideoBits: c.Bitrate * 1000, AudioBits: c.Audio * 1000, FPS: c.FPS, GOP: c.GOP, KeyRatio: c.KeyRatio,
			Codec: load.Codec(c.Codec), ChunkSize: c.ChunkSize},
		Warmup: c.Warmup, Duration: c.Duration, Ramp: c.Ramp, Churn: c.Churn, Parallel: c.Parallel, Idle: c.Idle, Runs: c.Runs,
		Timeout: c.Timeout, Remote: c.Remote, Insecure: c.Insecure, Log: p.stderr,
		Servers: []bench.Server{{Name: c.Name, URL: c.URL, PIDs: c.PID, Metrics: c.Metrics, Run: c.Command}},
	}
	for _, text := range c.VS {
		s, err := parseServer(text)
		if err != nil {
			return nil, err
		}
		plan.Servers = append(plan.Servers, s)
	}
	if err := plan.Check(); err != nil {
		return nil, &usageError{err.Error()}
	}
	return plan, nil
}

// parseServer reads the value of --vs.
func parseServer(text string) (bench.Server, error) {
	var s bench.Server
	for rest := text; rest != ""; {
		var field string
		if strings.HasPrefix(rest, "run=") {
			field, rest = rest, ""
		} else {
			field, rest, _ = strings.Cut(rest, ",")
		}
		key, value, ok := strings.Cut(field, "=")
		switch {
		case ok && key == "name":
			s.Name = value
		case ok && key == "url":
			s.URL = value
		case ok && key == "metrics":
			s.Metrics = value
		case ok && key == "run":
			s.Run = value
		case ok && key == "pid":
			for one := range strings.SplitSeq(value, "+") {
				pid, err := strconv.Atoi(one)
				if err != nil || pid <= 0 {
					return s, &usageError{fmt.Sprintf("--vs: %q is no process ID", one)}
				}
				s.PIDs = append(s.PIDs, pid)
			}
		default:
			return s, &usageError{fmt.Sprintf("--vs: %q is none of name=, url=, pid=, metrics=, run=", field)}
		}
	}
	if s.Name == "" || s.URL == "" {
		return s, &usageError{"--vs needs name=NAME,url=URL"}
	}
	return s, nil
}

// writeFile writes a file whole, - is the standard output, "" nothing.
func writeFile(name string, write func(io.Writer) error) error {
	switch name {
	case "":
		return nil
	case "-":
		return write(os.Stdout)
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
