package server

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/app/instance"
	"penstock/internal/admission"
	"penstock/internal/config"
	"penstock/internal/script"
	"penstock/media"
	"penstock/sharedobject"
)

// maxMatchTime bounds one match of a script's regular expression.
const maxMatchTime = 200 * time.Millisecond

// withScripts adds the scripted applications to those that are configured: each has the rules of its section, or the default ones, and
// may share all objects as far as its script lets clients.
func withScripts(c *config.Config) (*config.Config, []string, error) {
	if c.Scripts == "" {
		return c, nil, nil
	}
	names, err := script.Find(c.Scripts)
	if err != nil {
		return nil, nil, fmt.Errorf("scripts: %w", err)
	}
	with := *c
	with.Apps = maps.Clone(c.Applications())
	for _, name := range names {
		a, ok := with.Apps[name]
		if !ok {
			a = config.DefaultApp()
		}
		if a.Redirect != "" {
			return nil, nil, fmt.Errorf("apps.%s.redirect: the application has a script too, in %s", name, filepath.Join(c.Scripts, name))
		}
		if !a.SharedObjects.Used() {
			a.SharedObjects.Read, a.SharedObjects.Persistent = []string{"/"}, []string{"/"}
		}
		with.Apps[name] = a
	}
	return &with, names, nil
}

// scripts are the scripted applications by name.
type scripts map[string]*script.Application

func loadScripts(c *config.Config, names []string, so *objects, streams *media.Registry, log *slog.Logger) (scripts, error) {
	if len(names) > 0 {
		script.BoundRegexps(maxMatchTime)
	}
	l, memory := c.Limits, script.NewMemory()
	all := make(scripts)
	for _, name := range names {
		a, err := script.Load(name, filepath.Join(c.Scripts, name), script.Options{
			Hub: so.hubs[name], Registry: streams, Log: log, EntryTime: time.Duration(l.ScriptTime), Queue: l.ScriptQueue, Depth: l.ScriptDepth,
			Idle: time.Duration(l.ScriptIdle), MemoryBytes: int64(l.ScriptMemory), Memory: memory,
		})
		if err != nil {
			return nil, fmt.Errorf("scripts: %w", err)
		}
		all[name] = a
	}
	return all, nil
}

// unload ends what runs of an application, so that its script starts anew when the application is loaded again.
func (s scripts) unload(name string) {
	if a := s[name]; a != nil {
		a.Unload()
	}
}

// directory is every instance that the server has.
func (s scripts) directory(srv *app.Server) *instance.Directory {
	d := &instance.Directory{Server: srv}
	for _, a := range s {
		d.Sources = append(d.Sources, a)
	}
	return d
}

func (s scripts) close() {
	for _, a := range s {
		a.Close()
	}
}

// scriptedApp lets in whom both the rules and the script let in, to do what both let it do.
func scriptedApp(a *script.Application, rules *admission.Rules, share shareFunc) app.Handler {
	return app.HandlerFunc(func(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
		r, err := rules.Connect(ctx, c, args)
		if err != nil {
			return nil, err
		}
		s, err := a.Connect(ctx, c, args)
		if err != nil {
			r.Close(err)
			return nil, err
		}
		return &scriptedSession{r, s, share}, nil
	})
}

type scriptedSession struct {
	rules  *admission.Client
	script *script.Session
	share  shareFunc
}

// Close implements app.Session.
func (s *scriptedSession) Close(reason error) {
	s.script.Close(reason)
	s.rules.Close(reason)
}

// Call implements app.Caller.
func (s *scriptedSession) Call(ctx context.Context, name string, args []amf.Value) (amf.Value, error) {
	if err := s.rules.Call(ctx, name); err != nil {
		return nil, err
	}
	return s.script.Call(ctx, name, args)
}

// Publish implements app.Publisher.
func (s *scriptedSession) Publish(ctx context.Context, r *app.PublishRequest) error {
	if err := s.rules.Publish(ctx, r); err != nil {
		return err
	}
	return s.script.Publish(ctx, r)
}

// Play implements app.Player.
func (s *scriptedSession) Play(ctx context.Context, r *app.PlayRequest) error {
	if err := s.rules.Play(ctx, r); err != nil {
		return err
	}
	return s.script.Play(ctx, r)
}

// Share implements app.Sharer.
func (s *scriptedSession) Share(ctx context.Context, r *app.ShareRequest) (*sharedobject.Hub, error) {
	if _, err := s.share(ctx, r); err != nil {
		return nil, err
	}
	write, create := r.Write, r.Create
	hub, err := s.script.Share(ctx, r)
	r.Write, r.Create = r.Write && write, r.Create && create
	return hub, err
}
