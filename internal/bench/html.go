package bench

import (
	"fmt"
	"html"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
)

// palette are the colours of the servers in the plots, readable on light and dark.
var palette = []string{"#2f7ed8", "#d9822b", "#3d9970", "#b5519c", "#8a6d3b", "#c0392b", "#16a5a5", "#7f8c8d"}

// WriteHTML writes the report as one page that needs nothing else: a dot for each run, a line for each median, and the course
// of latency and memory.
func (r *Report) WriteHTML(w io.Writer) error {
	var table strings.Builder
	if err := r.WriteTable(&table); err != nil {
		return err
	}
	data := struct {
		Time, Table  string
		Plots, Lines []template.HTML
		Warnings     []string
	}{Time: r.Time.Format("2006-01-02 15:04 MST"), Table: table.String()}
	for _, f := range r.shown() {
		data.Plots = append(data.Plots, r.dots(&f))
	}
	if r.Plan.Mode == Fanout {
		data.Lines = append(data.Lines,
			r.course("video latency p50, ms", func(s *Sample) float64 { return s.P50 }),
			r.course("video latency p99, ms", func(s *Sample) float64 { return s.P99 }),
			r.course("memory, MB", func(s *Sample) float64 { return float64(s.RSS) / 1e6 }),
			r.course("delivered, Mb per second", func(s *Sample) float64 { return float64(s.Bytes) * 8 / 1e6 }))
	}
	for i := range r.Runs {
		for _, text := range r.Runs[i].Warnings {
			data.Warnings = append(data.Warnings, fmt.Sprintf("%s, run %d: %s", r.Runs[i].Server, r.Runs[i].Round, text))
		}
	}
	return page.Execute(w, data)
}

var page = template.Must(template.New("report").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>penstock bench</title><style>
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}
pre{overflow-x:auto;font-size:13px}svg{display:block;margin:.5em 0 1.5em;max-width:100%;height:auto}svg text{fill:currentColor;font:12px system-ui,sans-serif}
h2{font-size:1.1em}
</style></head><body>
<h1>penstock bench</h1><p>{{.Time}}</p>
<pre>{{.Table}}</pre>
{{range .Plots}}{{.}}{{end}}
{{range .Lines}}{{.}}{{end}}
{{if .Warnings}}<h2>Notes</h2><ul>{{range .Warnings}}<li>{{.}}</li>{{end}}</ul>{{end}}
</body></html>
`))

const (
	plotWidth  = 760.0
	plotLeft   = 180.0
	rowHeight  = 26.0
	lineHeight = 220.0
)

// dots plots one figure: a row for each server, from zero.
func (r *Report) dots(f *figure) template.HTML {
	top := 0.0
	for _, m := range r.Servers {
		if v := m.Values[f.key]; v != nil {
			top = max(top, v.Max)
		}
	}
	if top <= 0 {
		return ""
	}
	x := func(v float64) float64 { return plotLeft + max(v, 0)/top*(plotWidth-plotLeft-70) }
	var b strings.Builder
	fmt.Fprintf(&b, `<h2>%s</h2><svg viewBox="0 0 %.0f %.0f" width="%.0f">`, html.EscapeString(f.title), plotWidth, rowHeight*float64(len(r.Servers))+8, plotWidth)
	for i, m := range r.Servers {
		y := rowHeight*float64(i) + rowHeight/2 + 4
		fmt.Fprintf(&b, `<text x="%.0f" y="%.1f" text-anchor="end">%s</text><line x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f" stroke="currentColor" opacity=".15"/>`,
			plotLeft-10, y+4, html.EscapeString(m.Server), plotLeft, plotWidth-70, y, y)
		v := m.Values[f.key]
		if v == nil {
			continue
		}
		colour := palette[i%len(palette)]
		fmt.Fprintf(&b, `<rect x="%.0f" y="%.1f" width="%.1f" height="12" fill="%s" opacity=".35"/>`, plotLeft, y-6, x(v.Median)-plotLeft, colour)
		for j := range r.Runs {
			if run := &r.Runs[j]; run.Server == m.Server {
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(f.of(run)), y, colour)
			}
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f">`+f.format+`</text>`, x(v.Max)+8, y+4, v.Median)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // all text is escaped above
}

// course plots something over time: a line for each run, the colour is the server's.
func (r *Report) course(title string, of func(*Sample) float64) template.HTML {
	top, end := 0.0, 0.0
	for i := range r.Runs {
		for j := range r.Runs[i].Samples {
			s := &r.Runs[i].Samples[j]
			top, end = max(top, of(s)), max(end, s.At)
		}
	}
	if top <= 0 || end <= 0 {
		return ""
	}
	top = nice(top)
	var b strings.Builder
	fmt.Fprintf(&b, `<h2>%s</h2><svg viewBox="0 0 %.0f %.0f" width="%.0f">`, html.EscapeString(title), plotWidth, lineHeight+30, plotWidth)
	x := func(t float64) float64 { return 50 + t/end*(plotWidth-200) }
	y := func(v float64) float64 { return 8 + (1-v/top)*(lineHeight-16) }
	for i := range 5 {
		v := top * float64(i) / 4
		fmt.Fprintf(&b, `<line x1="50" x2="%.0f" y1="%.1f" y2="%.1f" stroke="currentColor" opacity=".15"/><text x="44" y="%.1f" text-anchor="end">%.4g</text>`,
			x(end), y(v), y(v), y(v)+4, v)
	}
	fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" text-anchor="end">%.0f s</text>`, x(end), lineHeight+18, end)
	for i, m := range r.Servers {
		colour := palette[i%len(palette)]
		fmt.Fprintf(&b, `<text x="%.0f" y="%.0f" style="fill:%s">%s</text>`, x(end)+10, 20+float64(i)*16, colour, html.EscapeString(m.Server))
		for j := range r.Runs {
			run := &r.Runs[j]
			if run.Server != m.Server || len(run.Samples) == 0 {
				continue
			}
			var points []string
			for k := range run.Samples {
				points = append(points, fmt.Sprintf("%.1f,%.1f", x(run.Samples[k].At), y(of(&run.Samples[k]))))
			}
			fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" opacity=".7"/>`, strings.Join(thin(points), " "), colour)
		}
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // all text is escaped above
}

// nice is the next of 1, 2, 5, 10 … above v.
func nice(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, k := range []float64{1, 2, 5} {
		if v <= k*unit {
			return k * unit
		}
	}
	return 10 * unit
}

// maxPoints is how many points a line has at the most: more are not to be seen.
const maxPoints = 2000

func thin(points []string) []string {
	if len(points) <= maxPoints {
		return points
	}
	step := (len(points) + maxPoints - 1) / maxPoints
	var kept []string
	for c := range slices.Chunk(points, step) {
		kept = append(kept, c[0])
	}
	return kept
}
