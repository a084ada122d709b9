// Package metrics counts what happens on a server, for Prometheus. Everything is counted by events that are rare, or read when
// somebody asks; nothing is done for each frame. The values of labels are bounded: a client cannot add any.
package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"penstock/app"
	"penstock/internal/journal"
	"penstock/status"
)

// Options configure Metrics. Server, Journal and Hooks are required.
type Options struct {
	Server  *app.Server
	Journal *journal.Journal
	Hooks   *Hooks
	Apps    []string // the configured ones; others are told together as "other"
	Version string
}

// Other is the label of applications that are not configured, and of codes that are not in the catalogue of package status.
const Other = "other"

// Metrics is safe for concurrent use. Refusal, Session, Stream and Gone wait for nothing and can be a server's observers.
type Metrics struct {
	o        Options
	apps     map[string]bool
	registry *prometheus.Registry

	refusals                       *prometheus.CounterVec
	handshake, connect, firstFrame prometheus.Histogram

	mu    sync.Mutex
	live  map[*app.Client]struct{} // accepted, and not gone
	gone  totals                   // of the connections that are gone
	shown totals                   // what was last told: counters must never fall
}

// totals are sums over connections.
type totals struct{ in, out, dropped uint64 }

func (t *totals) add(c *app.Client) {
	t.in += c.BytesRead()
	t.out += c.BytesWritten()
	t.dropped += c.QueueDrops()
}

// New makes the metrics of a server, in a registry of their own.
func New(o Options) *Metrics {
	m := &Metrics{o: o, apps: make(map[string]bool), registry: prometheus.NewRegistry(), live: make(map[*app.Client]struct{})}
	for _, name := range o.Apps {
		m.apps[name] = true
	}
	m.refusals = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "penstock_refusals_total",
		Help: "Refusals by configured application, cause, and code that the client was told (empty when it could not be told)."},
		[]string{"app", "cause", "code"})
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	m.handshake = histogram("penstock_handshake_seconds", "From the acceptance of a connection to the end of its handshake, of accepted clients.", brief())
	m.connect = histogram("penstock_connect_seconds", "From the end of the handshake to the answer that accepts the client.", brief())
	m.firstFrame = histogram("penstock_first_frame_seconds",
		"From the command play, or from the publisher's coming when the player waited for one, to the first frame for the player.", brief())
	m.registry.MustRegister(m.refusals, m.handshake, m.connect, m.firstFrame, o.Hooks.took, o.Hooks.lost, (*collector)(m),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// brief are buckets, in seconds, for what takes milliseconds when all is well.
func brief() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// Handler answers in the text format of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Refusal counts a refusal.
func (m *Metrics) Refusal(r *app.Refusal) {
	name := r.App
	if name != "" && !m.apps[name] {
		name = Other
	}
	code := ""
	if r.Status != nil {
		code = string(r.Status.Code)
		if _, known := status.Lookup(r.Status.Code); !known {
			code = Other
		}
	}
	m.refusals.WithLabelValues(name, string(r.Cause), code).Inc()
}

// Session hears of sessions that begin.
func (m *Metrics) Session(c *app.Client, ended bool, _ error) {
	if ended {
		return // what it sends and takes is counted until Gone
	}
	m.handshake.Observe(c.HandshakeTime().Seconds())
	m.connect.Observe(time.Since(c.Since).Seconds())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live[c] = struct{}{}
}

// Stream hears of first frames.
func (m *Metrics) Stream(_ *app.Client, e app.StreamEvent) {
	if e.Kind == app.StreamFirst {
		m.firstFrame.Observe(e.Took.Seconds())
	}
}

// Gone hears of connections that have ended.
func (m *Metrics) Gone(c *app.Client) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.live, c)
	m.gone.add(c)
}

// totals are what all connections together have sent and taken.
func (m *Metrics) totals() totals {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := m.gone
	for c := range m.live {
		sum.add(c)
	}
	m.shown = totals{max(sum.in, m.shown.in), max(sum.out, m.shown.out), max(sum.dropped, m.shown.dropped)}
	return m.shown
}
