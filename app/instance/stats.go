package instance

import (
	"cmp"
	"slices"
	"time"

	"penstock/app"
	"penstock/status"
)

// Kinds of instances.
const (
	KindGo     = "go"
	KindScript = "script"
	KindPlain  = "" // of an application without instances of its own: it is its clients
)

// Stats is a snapshot of one instance.
type Stats struct {
	App, Name    string
	Kind         string
	Started      time.Time // KindPlain: since when its oldest client is there
	IdleSince    time.Time // zero while it has clients
	Clients      int       // now
	Peak         int       // most at once; KindPlain: now
	Total        uint64    // clients accepted since it started; KindPlain: now
	Refused      uint64    // connects that it refused
	Calls        uint64    // of its clients that were answered
	CallsRefused uint64    // see app.Client.Calls
	BytesIn      uint64    // from its clients, those that have left included unless KindPlain
	BytesOut     uint64
	Stopping     bool // its clients have been told, it takes no new ones
}

// add counts what a client did.
func (s *Stats) add(c *app.Client) {
	answered, refused := c.Calls()
	s.Calls += answered
	s.CallsRefused += refused
	s.BytesIn += c.BytesRead()
	s.BytesOut += c.BytesWritten()
}

// Source lists the instances of some applications and ends single ones. Implementations are safe for concurrent use.
type Source interface {
	// Instances lists those that run, in no order.
	Instances() []Stats
	// UnloadInstance ends an instance: its clients are told NetConnection.Connect.AppShutdown with the description reason, "" being the
	// usual one, and who connects afterwards meets a new instance. It does not wait. false: there is none.
	UnloadInstance(app, name, reason string) bool
}

// Collector is a Source that keeps instances for a while after their last client.
type Collector interface {
	// Collect asks the instances without clients to end now, and returns how many it asked. It does not wait.
	Collect() int
}

// Directory is every instance that a server has: those of the sources, and for all other applications what their clients say. It is
// itself a Source.
type Directory struct {
	Server  *app.Server
	Sources []Source
}

// Instances implements Source, in the order of applications and names.
func (d *Directory) Instances() []Stats {
	var list []Stats
	known := make(map[key]bool)
	for _, s := range d.Sources {
		for _, st := range s.Instances() {
			known[key{st.App, st.Name}] = true
			list = append(list, st)
		}
	}
	plain := make(map[key]*Stats)
	for _, c := range d.Server.Clients() { // the oldest first
		k := key{c.App, c.Instance}
		if known[k] {
			continue
		}
		st := plain[k]
		if st == nil {
			st = &Stats{App: c.App, Name: c.Instance, Kind: KindPlain, Started: c.Since}
			plain[k] = st
		}
		st.Clients, st.Peak, st.Total = st.Clients+1, st.Peak+1, st.Total+1
		st.add(c)
	}
	for _, st := range plain {
		list = append(list, *st)
	}
	slices.SortFunc(list, func(a, b Stats) int { return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Name, b.Name)) })
	return list
}

// Clients are the clients of an instance, oldest first.
func (d *Directory) Clients(app, name string) []*app.Client { return clientsOf(d.Server, app, name) }

func clientsOf(s *app.Server, application, name string) []*app.Client {
	return slices.DeleteFunc(s.Clients(), func(c *app.Client) bool { return c.App != application || c.Instance != name })
}

// UnloadInstance implements Source. The clients' refusals are recorded, as of app.Server.EndInstance.
func (d *Directory) UnloadInstance(app, name, reason string) bool {
	found := d.Server.EndInstance(app, name, shutdownStatus(app, reason)) > 0
	for _, s := range d.Sources {
		if s.UnloadInstance(app, name, reason) {
			found = true
		}
	}
	return found
}

// Collect implements Collector, for the sources that do.
func (d *Directory) Collect() (n int) {
	for _, s := range d.Sources {
		if c, ok := s.(Collector); ok {
			n += c.Collect()
		}
	}
	return n
}

// shutdownStatus is what clients of an application or instance that ends are told.
func shutdownStatus(app, reason string) *status.Status {
	if reason != "" {
		return status.New(status.ConnectAppShutdown, reason)
	}
	return status.For(status.ConnectAppShutdown, app)
}
