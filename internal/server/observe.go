package server

import (
	"log/slog"
	"path/filepath"
	"time"

	"penstock/app"
	"penstock/internal/config"
	"penstock/internal/journal"
	"penstock/internal/page"
)

// observers hear of everything that happens on a server.
type observers struct {
	recent  *page.Recent
	journal *journal.Journal
}

// newObservers opens the files that are written.
func newObservers(c *config.Config, log *slog.Logger) *observers {
	o := journal.Options{
		MaxRows: c.Refusals.MaxRows, MaxAge: time.Duration(c.Refusals.MaxAge), Repeats: c.Refusals.Repeats,
		StreamNames: c.Refusals.StreamNames, Log: log,
	}
	if o.MaxRows > 0 {
		o.Path = filepath.Join(c.Data, "journal.db")
	}
	return &observers{recent: page.NewRecent(recentShown), journal: journal.Open(o)}
}

// attach lets them hear of what happens on srv, and shuts out the networks that were blocked when the last process ended.
func (o *observers) attach(srv *app.Server, log *slog.Logger) {
	srv.OnRefusal = func(r *app.Refusal) {
		o.recent.Refusal(r)
		o.journal.Refusal(r)
	}
	srv.OnSession = o.recent.Session
	srv.OnGone = o.journal.Gone
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
func (o *observers) close() { o.journal.Close() }
