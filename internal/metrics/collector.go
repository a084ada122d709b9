package metrics

import "github.com/prometheus/client_golang/prometheus"

// collector reads, when somebody asks, what the server knows anyway.
type collector Metrics

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// descriptions of what collector tells.
type descriptions struct {
	sessions, streams, waiting, players, in, out, dropped, limits, blocks, rows, pending, lost, memory, build *prometheus.Desc
}

func described() descriptions {
	return descriptions{
		sessions: describe("penstock_sessions", "Clients that are connected over RTMP."),
		streams:  describe("penstock_streams", "Streams that somebody publishes."),
		waiting:  describe("penstock_streams_waiting", "Names that players wait for and nobody publishes."),
		players:  describe("penstock_players", "Players of all streams, waiting ones and those over HTTP included."),
		in:       describe("penstock_received_bytes_total", "Bytes from RTMP clients after the handshake."),
		out:      describe("penstock_sent_bytes_total", "Bytes that the sockets of RTMP clients took after the handshake."),
		dropped:  describe("penstock_queue_dropped_messages_total", "Messages that were left out because an RTMP player was too slow."),
		limits:   describe("penstock_limit_exceeded_total", "How often a limit was exceeded, messages that were left out because of one included.", "limit"),
		blocks:   describe("penstock_blocked_networks", "Networks that are blocked."),
		rows:     describe("penstock_journal_rows", "Refusals in the journal's file."),
		pending:  describe("penstock_journal_pending", "Refusals that wait to be written to it."),
		lost:     describe("penstock_journal_dropped_total", "Refusals that were not written because more came than could be."),
		memory:   describe("penstock_journal_memory_only", "1 when the journal's file cannot be used, or there is none."),
		build:    describe("penstock_build_info", "Always 1.", "version"),
	}
}

// Describe implements prometheus.Collector.
func (m *collector) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, out) }

// Collect implements prometheus.Collector.
func (m *collector) Collect(out chan<- prometheus.Metric) {
	d := described()
	tell := func(desc *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, kind, v, labels...)
	}
	gauge := func(desc *prometheus.Desc, v int) { tell(desc, prometheus.GaugeValue, float64(v)) }
	counter := func(desc *prometheus.Desc, v uint64) { tell(desc, prometheus.CounterValue, float64(v)) }
	var live, waiting, players int
	for _, i := range m.o.Server.Streams().Streams() {
		players += i.Players
		if i.Live {
			live++
		} else {
			waiting++
		}
	}
	gauge(d.sessions, len(m.o.Server.Clients()))
	gauge(d.streams, live)
	gauge(d.waiting, waiting)
	gauge(d.players, players)
	sum := (*Metrics)(m).totals()
	counter(d.in, sum.in)
	counter(d.out, sum.out)
	counter(d.dropped, sum.dropped)
	for limit, n := range m.o.Server.Refusals().ByLimit {
		tell(d.limits, prometheus.CounterValue, float64(n), limit)
	}
	gauge(d.blocks, len(m.o.Server.Blocks()))
	j := m.o.Journal.Stats()
	gauge(d.rows, j.Rows)
	gauge(d.pending, j.Pending)
	counter(d.lost, j.Dropped)
	memory := 0
	if j.Memory {
		memory = 1
	}
	gauge(d.memory, memory)
	tell(d.build, prometheus.GaugeValue, 1, m.o.Version)
}
