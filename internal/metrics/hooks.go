package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Hooks counts what the operator's programs answer; it can be the observer of package hook, whose events and outcomes are its
// labels. It is made before Metrics, which shows it, and is safe for concurrent use.
type Hooks struct {
	took *prometheus.HistogramVec
	lost *prometheus.CounterVec
}

// NewHooks returns one that has counted nothing.
func NewHooks() *Hooks {
	return &Hooks{
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "penstock_hook_seconds", Buckets: brief(),
			Help: "How long requests to hooks took, by event and outcome."}, []string{"event", "outcome"}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "penstock_hook_lost_total",
			Help: "Events that a hook was not told of, after all attempts or because too many waited."}, []string{"event"}),
	}
}

// HookAnswered counts a request.
func (h *Hooks) HookAnswered(event, outcome string, took time.Duration) {
	h.took.WithLabelValues(event, outcome).Observe(took.Seconds())
}

// HookLost counts an event that was not told.
func (h *Hooks) HookLost(event string) { h.lost.WithLabelValues(event).Inc() }
