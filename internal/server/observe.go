package server

import (
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"penstock/app"
	"penstock/internal/accesslog"
	"penstock/internal/journal"
	"penstock/internal/metrics"
	"penstock/internal/page"
)

// observers hear of everything that happens on a server.
type observers struct {
	recent  *page.Recent
	journal *journal.Journal
	metrics *metrics.Metrics
	access  *accesslog.Log // nil: none is wanted
}

// observe opens the files that are written and lets the observers hear of what happens on the server. It shuts out the networks
// that were blocked when the last process ended.
func (s *Server) observe() {
	c, log := s.config, s.o.Log
	o := journal.Options{
		MaxRows: c.Refusals.MaxRows, MaxAge: time.Duration(c.Refusals.MaxAge), Repeats: c.Refusals.Repeats,
		StreamNames: c.Refusals.StreamNames, Log: log,
	}
	if o.MaxRows > 0 {
		o.Path = filepath.Join(c.Data, "journal.db")
	}
	all := &observers{recent: page.NewRecent(recentShown), journal: journal.Open(o)}
	all.metrics = metrics.New(metrics.Options{
		Server: s.app, Journal: all.journal, Hooks: s.hooks, Apps: slices.Collect(maps.Keys(c.Applications())), Version: s.o.Version,
	})
	if a := c.Log.Access; a.File != "" {
		all.access = accesslog.Open(accesslog.Options{
			File: a.File, MaxBytes: int64(a.MaxBytes), Keep: a.Keep, StreamNames: c.Refusals.StreamNames,
			Software: "Penstock " + s.o.Version, Log: log,
		})
	}
	all.attach(s.app)
	if all.access != nil {
		all.attachAccess(s.app)
	}
	all.unforget(s.app, log)
	s.observers = all
}

func (o *observers) attach(srv *app.Server) {
	srv.OnRefusal = func(r *app.Refusal) {
		o.journal.Refusal(r)
		o.metrics.Refusal(r)
	}
	srv.OnSession = func(c *app.Client, ended bool, reason error) {
		o.recent.Session(c, ended, reason)
		o.metrics.Session(c, ended, reason)
	}
	srv.OnStream = o.metrics.Stream
	srv.OnGone = func(c *app.Client) {
		o.journal.Gone(c)
		o.metrics.Gone(c)
	}
}

// attachAccess lets the access log hear of it too.
func (o *observers) attachAccess(srv *app.Server) {
	refusal, challenge, session, stream := srv.OnRefusal, srv.OnChallenge, srv.OnSession, srv.OnStream
	srv.OnRefusal = func(r *app.Refusal) {
		refusal(r)
		o.access.Refusal(r)
	}
	srv.OnChallenge = func(r *app.Refusal) {
		challenge(r)
		o.access.Refusal(r)
	}
	srv.OnSession = func(c *app.Client, ended bool, reason error) {
		session(c, ended, reason)
		o.access.Session(c, ended, reason)
	}
	srv.OnStream = func(c *app.Client, e app.StreamEvent) {
		stream(c, e)
		o.access.Stream(c, e)
	}
}

// unforget blocks what was blocked when the last process ended.
func (o *observers) unforget(srv *app.Server, log *slog.Logger) {
	blocks, err := o.journal.Blocks()
	if err != nil && !o.journal.Stats().Memory {
		log.Error("the networks that were blocked are not known", "error", err)
	}
	for _, b := range blocks {
		if err := srv.Block(b); err != nil {
			log.Error("a network is not blocked any more", "network", b.Network, "error", err)
		}
	}
}

// close ends them, last.
func (o *observers) close() {
	o.journal.Close()
	if o.access != nil {
		o.access.Close()
	}
}
