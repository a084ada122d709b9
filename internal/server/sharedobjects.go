package server

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"penstock/app"
	"penstock/internal/config"
	"penstock/internal/sqlitestore"
	"penstock/sharedobject"
)

// objects is the shared objects of every application that has any.
type objects struct {
	store *sqlitestore.Store // nil when no application has persistent objects
	hubs  map[string]*sharedobject.Hub
	log   *slog.Logger
}

// newObjects opens the file of persistent objects when an application has some.
func newObjects(c *config.Config, log *slog.Logger) (*objects, error) {
	o := &objects{hubs: make(map[string]*sharedobject.Hub), log: log}
	for name, a := range c.Applications() {
		if !a.SharedObjects.Used() || a.Redirect != "" {
			continue
		}
		options := sharedobject.Options{Name: name, Limits: c.Limits.Objects(), Log: log}
		if len(a.SharedObjects.Persistent) > 0 {
			if o.store == nil {
				var err error
				if o.store, err = sqlitestore.Open(filepath.Join(c.Data, "sharedobjects.db")); err != nil {
					return nil, err
				}
			}
			options.Store = o.store
		}
		o.hubs[name] = sharedobject.NewHub(options)
	}
	return o, nil
}

// close stores what is not stored yet.
func (o *objects) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for name, hub := range o.hubs {
		if err := hub.Close(ctx); err != nil {
			o.log.Error("shared objects are lost", "app", name, "error", err)
		}
	}
	if o.store != nil {
		_ = o.store.Close()
	}
}

// shareFunc decides about the use of a shared object, see app.Sharer.
type shareFunc = func(context.Context, *app.ShareRequest) (*sharedobject.Hub, error)

// share is the rule of an application for shared objects, nil when it has none.
func (o *objects) share(name string, rule config.SharedObjects) shareFunc {
	hub := o.hubs[name]
	if hub == nil {
		return nil
	}
	path := "apps." + name + ".shared_objects."
	read, write := sharedobject.Paths(rule.Read), sharedobject.Paths(rule.Write)
	create, persistent := sharedobject.Paths(rule.Create), sharedobject.Paths(rule.Persistent)
	return func(_ context.Context, r *app.ShareRequest) (*sharedobject.Hub, error) {
		if !read.Allow(r.Name) {
			return nil, &app.Refusal{Cause: app.CausePolicy, Rule: path + "read"}
		}
		r.Write = write.Allow(r.Name)
		r.Create = create.Allow(r.Name) && (!r.Persistent || persistent.Allow(r.Name))
		return hub, nil
	}
}
