package main

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"sync"

	"penstock/internal/collector"
	"penstock/internal/config"
	"penstock/internal/processors"
	"penstock/internal/server"
)

type serveCmd struct {
	Config    string `short:"c" placeholder:"FILE" help:"YAML file, see docs/config.md. Without one: the application live, open for playing to anyone and for publishing to local networks."`
	RTMP      string `name:"rtmp" placeholder:"ADDR" help:"Where RTMP listens, :1935 by default."`
	HTTP      string `name:"http" placeholder:"ADDR" help:"Where the page and HTTP-FLV listen, :8080 by default; off for nowhere."`
	Data      string `placeholder:"DIR" help:"Folder for what outlives the process, ./data by default."`
	Demo      bool   `help:"Publish a moving test picture with sound to live/demo."`
	LogLevel  string `placeholder:"L" help:"debug, info, warn or error; info by default."`
	LogFormat string `placeholder:"F" help:"text or json; text by default."`
}

// gcPercent is how much garbage there may be beside what is used before it is collected, unless the environment has GOGC. A
// server's garbage is what publishers send, which is little beside what it sends to players: half of Go's usual 100 costs next to
// nothing and takes less memory (docs/performance.md). GOMEMLIMIT holds as ever.
const gcPercent = 50

// Run serves until a signal comes.
func (s *serveCmd) Run(p *program) error {
	c, err := s.configuration()
	if err != nil {
		return err
	}
	defer tune(p.ctx)()
	log := server.NewLog(p.stderr, c.Log)
	srv, err := server.New(c, server.Options{Demo: s.Demo, Version: programVersion(), Log: log, Out: p.stdout})
	if err != nil {
		return err
	}
	return srv.Run(p.ctx)
}

// tune lets the Go runtime follow what the server has to do, as far as the environment does not say otherwise, until stop is called.
// It outlasts ctx: a server that ends may have much to do.
func tune(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
		running.Go(func() { collector.Run(ctx, gcPercent) })
	}
	if os.Getenv("GOMAXPROCS") == "" {
		running.Go(func() { processors.Follow(ctx) })
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// configuration is the file, then the environment, then the flags.
func (s *serveCmd) configuration() (*config.Config, error) {
	c := config.Default()
	if s.Config != "" {
		var err error
		if c, err = config.Load(s.Config); err != nil {
			return nil, err
		}
	}
	if err := c.ApplyEnv(os.LookupEnv); err != nil {
		return nil, err
	}
	flags := []struct {
		value string
		name  string
		dst   *string
	}{
		{s.RTMP, "--rtmp", &c.RTMP.Listen}, {s.HTTP, "--http", &c.HTTP.Listen}, {s.Data, "--data", &c.Data},
		{s.LogLevel, "--log-level", &c.Log.Level}, {s.LogFormat, "--log-format", &c.Log.Format},
	}
	for _, f := range flags {
		if f.value == "" {
			continue
		}
		*f.dst = f.value
		if err := c.Validate(); err != nil {
			var field *config.FieldError
			if errors.As(err, &field) {
				return nil, &usageError{f.name + ": " + field.Reason}
			}
			return nil, err
		}
	}
	return c, nil
}
