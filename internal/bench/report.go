package bench

import (
	"math"
	"runtime"
	"slices"
	"time"

	"penstock/internal/bench/histogram"
	"penstock/internal/bench/load"
	"penstock/internal/bench/process"
)

// Report is everything that was measured, as it is written as JSON. Times are in the unit that the name says, sizes in bytes.
type Report struct {
	Time    time.Time `json:"time"`
	System  string    `json:"system"`
	CPUs    int       `json:"cpus"`
	Plan    Summary   `json:"plan"`
	Runs    []Run     `json:"runs"`
	Servers []Median  `json:"servers"` // in the plan's order; ratios are to the first
}

// Summary is what the plan was.
type Summary struct {
	Mode       Mode    `json:"mode"`
	Publishers int     `json:"publishers,omitempty"`
	Players    int     `json:"players,omitempty"`
	Slow       int     `json:"slow,omitempty"`
	Stalled    int     `json:"stalled,omitempty"`
	VideoBits  int     `json:"video_bits,omitempty"`
	AudioBits  int     `json:"audio_bits,omitempty"`
	FPS        int     `json:"fps,omitempty"`
	GOP        int     `json:"gop,omitempty"`
	Codec      string  `json:"codec,omitempty"`
	Idle       int     `json:"idle,omitempty"`
	Parallel   int     `json:"parallel,omitempty"`
	Ramp       float64 `json:"ramp,omitempty"`
	Churn      float64 `json:"churn,omitempty"`
	WarmupS    float64 `json:"warmup_s"`
	DurationS  float64 `json:"duration_s"`
	Runs       int     `json:"runs"`
}

// Percentiles are those of one kind of time, in milliseconds.
type Percentiles struct {
	N    uint64  `json:"n"`
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Run is one measurement of one server.
type Run struct {
	Server  string  `json:"server"`
	Round   int     `json:"round"`
	Seconds float64 `json:"seconds"`

	ServerCPU float64 `json:"server_cpu_s"`
	RSS       int64   `json:"rss"`
	// What delivered bytes cost: CPU seconds for 10^9 of them.
	CPUPerGB float64 `json:"cpu_s_per_gb,omitempty"`
	Bytes    uint64  `json:"bytes,omitempty"`        // that players received
	Ingest   uint64  `json:"ingest_bytes,omitempty"` // that publishers sent

	VideoLatency *Percentiles `json:"video_latency_ms,omitempty"`
	AudioLatency *Percentiles `json:"audio_latency_ms,omitempty"`
	FirstPicture *Percentiles `json:"first_picture_ms,omitempty"`
	Video        load.Count   `json:"video,omitzero"` // from each player's beginning on, like Audio
	Audio        load.Count   `json:"audio,omitzero"`
	BrokenGOPs   uint64       `json:"broken_gops"`
	Ended        uint64       `json:"ended"` // connections that the server ended

	RSSPerPlayer     float64 `json:"rss_per_player,omitempty"`     // what all players added, for each
	RSSPerPair       float64 `json:"rss_per_pair,omitempty"`       // what publishers and players added, for each publisher
	RSSPerConnection float64 `json:"rss_per_connection,omitempty"` // mode idle

	Cycles          uint64       `json:"cycles,omitempty"`
	CyclesPerSecond float64      `json:"cycles_per_s,omitempty"`
	CPUPerThousand  float64      `json:"cpu_s_per_1000,omitempty"`
	Cycle           *Percentiles `json:"cycle_ms,omitempty"`

	SelfCPU    float64      `json:"self_cpu_s"`
	OtherCPU   float64      `json:"other_cpu_s"`
	IdleShare  float64      `json:"idle_share"`
	StealShare float64      `json:"steal_share"`
	SendLag    *Percentiles `json:"send_lag_ms,omitempty"` // how late frames left
	ReaderBusy float64      `json:"reader_busy,omitempty"` // share of the time for which the busiest part of the reading was at work

	Samples  []Sample `json:"samples,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Sample is one second of a run.
type Sample struct {
	At    float64 `json:"at_s"`
	Bytes uint64  `json:"bytes"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	RSS   int64   `json:"rss,omitempty"`
	CPU   float64 `json:"cpu_s,omitempty"` // of the server since it started
}

// Median is a server's medians over its runs. What was not measured is not there.
type Median struct {
	Server string            `json:"server"`
	Runs   int               `json:"runs"`
	Values map[string]*Value `json:"values"`
}

// Value is one figure of a server: the median of its runs, the extremes, and the median over that of the first server.
type Value struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Ratio  float64 `json:"ratio,omitempty"`
}

func newReport(p *Plan) *Report {
	r := &Report{Time: time.Now().UTC().Truncate(time.Second), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU()}
	r.Plan = Summary{Mode: p.Mode, Parallel: p.Parallel, WarmupS: p.Warmup.Seconds(), DurationS: p.Duration.Seconds(), Runs: p.Runs}
	switch p.Mode {
	case Idle:
		r.Plan.Idle = p.Idle
	case Fanout:
		s := &p.Shape
		r.Plan.Publishers, r.Plan.Players, r.Plan.Slow, r.Plan.Stalled, r.Plan.Ramp, r.Plan.Churn = p.Publishers, p.Players, p.Slow, p.Stalled, p.Ramp, p.Churn
		r.Plan.VideoBits, r.Plan.AudioBits, r.Plan.FPS, r.Plan.GOP, r.Plan.Codec = s.VideoBits, s.AudioBits, s.FPS, s.GOP, string(s.Codec)
	}
	return r
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func percentiles(h *histogram.Histogram) *Percentiles {
	if h.Count() == 0 {
		return nil
	}
	return &Percentiles{N: h.Count(), Mean: ms(h.Mean()), P50: ms(h.Quantile(0.5)), P90: ms(h.Quantile(0.9)), P99: ms(h.Quantile(0.99)),
		P999: ms(h.Quantile(0.999)), Max: ms(h.Max())}
}

func sample(at time.Duration, st *load.Stats, u process.Usage) Sample {
	return Sample{At: at.Seconds(), Bytes: st.Bytes, P50: ms(st.VideoLatency.Quantile(0.5)), P99: ms(st.VideoLatency.Quantile(0.99)),
		RSS: u.RSS, CPU: u.CPU.Seconds()}
}

// fill writes what players and publishers counted into the run, and says when these themselves were too slow.
func (r *Run) fill(p *Plan, st *load.Stats, lag *histogram.Histogram) {
	r.Bytes, r.Video, r.Audio, r.BrokenGOPs, r.Ended = st.Bytes, st.Video, st.Audio, st.BrokenGOPs, st.Ended
	r.VideoLatency, r.AudioLatency, r.FirstPicture = percentiles(&st.VideoLatency), percentiles(&st.AudioLatency), percentiles(&st.FirstPicture)
	r.SendLag = percentiles(lag)
	r.ReaderBusy = st.Busy.Seconds() / r.Seconds / float64(readers())
	if r.Bytes > 0 && r.ServerCPU > 0 {
		r.CPUPerGB = r.ServerCPU / (float64(r.Bytes) / 1e9)
	}
	if late := lag.Quantile(0.99); late > 5*time.Millisecond {
		r.warn("penstock bench itself sent 1 %% of the frames %.1f ms late or more", ms(late))
	}
	if r.ReaderBusy > 0.8 {
		r.warn("penstock bench itself read for %.0f %% of the time: it may be what is slow", r.ReaderBusy*100)
	}
	expected := float64(p.Shape.VideoBits+p.Shape.AudioBits) / 8 * r.Seconds * float64(p.Players-p.Stalled-(p.Slow+1)/2)
	if expected > 0 && float64(r.Bytes) < 0.97*expected {
		r.warn("players received %.0f %% of what was sent for them", float64(r.Bytes)/expected*100)
	}
	if p.Slow+p.Stalled == 0 && (r.Video.Bad() || r.Audio.Bad()) {
		r.warn("frames were lost, doubled or out of order: video %+v, audio %+v", r.Video, r.Audio)
	}
	if r.BrokenGOPs > 0 {
		r.warn("%d times video went on after a gap without a key frame", r.BrokenGOPs)
	}
	if r.Ended > 0 {
		r.warn("the server ended %d players, the first with: %v", r.Ended, st.EndedWhy)
	}
}

// perConnection divides what memory grew by.
func (r *Run) perConnection(p *Plan, idle, published int64) {
	if p.Players > 0 {
		r.RSSPerPlayer = float64(r.RSS-published) / float64(p.Players)
	}
	r.RSSPerPair = float64(r.RSS-idle) / float64(p.Publishers)
}

// figure is one column of the tables.
type figure struct {
	key, title string
	format     string
	modes      []Mode
	of         func(*Run) float64 // 0: not measured
}

func quantile(p *Percentiles, of func(*Percentiles) float64) float64 {
	if p == nil {
		return 0
	}
	return of(p)
}

func p50(p *Percentiles) float64 { return p.P50 }
func p99(p *Percentiles) float64 { return p.P99 }

var figures = []figure{
	{"cpu_s_per_gb", "CPU-s per GB", "%.2f", []Mode{Fanout}, func(r *Run) float64 { return r.CPUPerGB }},
	{"video_p50_ms", "video p50, ms", "%.1f", []Mode{Fanout}, func(r *Run) float64 { return quantile(r.VideoLatency, p50) }},
	{"video_p99_ms", "video p99, ms", "%.1f", []Mode{Fanout}, func(r *Run) float64 { return quantile(r.VideoLatency, p99) }},
	{"audio_p99_ms", "audio p99, ms", "%.1f", []Mode{Fanout}, func(r *Run) float64 { return quantile(r.AudioLatency, p99) }},
	{"first_picture_p50_ms", "first picture p50, ms", "%.0f", []Mode{Fanout}, func(r *Run) float64 { return quantile(r.FirstPicture, p50) }},
	{"kb_per_player", "KB per player", "%.1f", []Mode{Fanout}, func(r *Run) float64 { return r.RSSPerPlayer / 1000 }},
	{"kb_per_pair", "KB per publisher and its players", "%.0f", []Mode{Fanout}, func(r *Run) float64 { return r.RSSPerPair / 1000 }},
	{"cycles_per_s", "connects per s", "%.0f", []Mode{Connects}, func(r *Run) float64 { return r.CyclesPerSecond }},
	{"cpu_s_per_1000", "CPU-s per 1,000", "%.3f", []Mode{Connects}, func(r *Run) float64 { return r.CPUPerThousand }},
	{"cycle_p50_ms", "connect p50, ms", "%.1f", []Mode{Connects}, func(r *Run) float64 { return quantile(r.Cycle, p50) }},
	{"cycle_p99_ms", "connect p99, ms", "%.1f", []Mode{Connects}, func(r *Run) float64 { return quantile(r.Cycle, p99) }},
	{"kb_per_connection", "KB per idle connection", "%.1f", []Mode{Idle}, func(r *Run) float64 { return r.RSSPerConnection / 1000 }},
	{"rss_mb", "memory, MB", "%.1f", []Mode{Fanout, Connects, Idle}, func(r *Run) float64 { return float64(r.RSS) / 1e6 }},
}

// shown are the figures of the report's mode that were measured for any server.
func (r *Report) shown() []figure {
	var list []figure
	for _, f := range figures {
		if slices.Contains(f.modes, r.Plan.Mode) && slices.ContainsFunc(r.Servers, func(m Median) bool { return m.Values[f.key] != nil }) {
			list = append(list, f)
		}
	}
	return list
}

// summarise computes the medians.
func (r *Report) summarise(p *Plan) {
	r.Servers = nil
	for i := range p.Servers {
		m := Median{Server: p.Servers[i].Name, Values: make(map[string]*Value)}
		var runs []*Run
		for j := range r.Runs {
			if r.Runs[j].Server == m.Server {
				runs = append(runs, &r.Runs[j])
			}
		}
		m.Runs = len(runs)
		for _, f := range figures {
			if !slices.Contains(f.modes, p.Mode) {
				continue
			}
			var values []float64
			for _, run := range runs {
				if v := f.of(run); v != 0 && !math.IsNaN(v) {
					values = append(values, v)
				}
			}
			if len(values) > 0 {
				m.Values[f.key] = newValue(values)
			}
		}
		r.Servers = append(r.Servers, m)
	}
	for i := range r.Servers {
		for key, v := range r.Servers[i].Values {
			if first := r.Servers[0].Values[key]; i > 0 && first != nil && first.Median != 0 {
				v.Ratio = v.Median / first.Median
			}
		}
	}
}

func newValue(values []float64) *Value {
	slices.Sort(values)
	n := len(values)
	return &Value{Median: (values[(n-1)/2] + values[n/2]) / 2, Min: values[0], Max: values[n-1]}
}
