package bench

import (
	"fmt"
	"io"
	"strings"
)

// WriteTable writes the medians as a Markdown table, which reads as well on a terminal, and below it what is to be known of them.
func (r *Report) WriteTable(w io.Writer) error {
	columns := r.shown()
	rows := [][]string{{"server"}}
	for _, f := range columns {
		rows[0] = append(rows[0], f.title)
	}
	for i := range r.Servers {
		m := &r.Servers[i]
		row := []string{m.Server}
		for _, f := range columns {
			row = append(row, cell(&f, m.Values[f.key]))
		}
		rows = append(rows, row)
	}
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, s := range row {
			width[i] = max(width[i], len([]rune(s)))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		for i, s := range row {
			pad := strings.Repeat(" ", width[i]-len([]rune(s)))
			if i == 0 {
				b.WriteString("| " + s + pad)
			} else {
				b.WriteString(" | " + pad + s)
			}
		}
		b.WriteString(" |\n")
		if n == 0 {
			for i := range row {
				b.WriteString("| " + strings.Repeat("-", width[i]-min(i, 1)) + strings.Repeat(":", min(i, 1)) + " ")
			}
			b.WriteString("|\n")
		}
	}
	b.WriteString("\n" + r.remark() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func cell(f *figure, v *Value) string {
	if v == nil {
		return "–"
	}
	s := fmt.Sprintf(f.format, v.Median)
	if low, high := fmt.Sprintf(f.format, v.Min), fmt.Sprintf(f.format, v.Max); low != high {
		s += fmt.Sprintf(" (%s–%s)", low, high)
	}
	if v.Ratio != 0 {
		s += fmt.Sprintf(" ×%.2f", v.Ratio)
	}
	return s
}

// remark says under which circumstances the figures came about.
func (r *Report) remark() string {
	p := &r.Plan
	what := ""
	switch p.Mode {
	case Connects:
		what = fmt.Sprintf("%d clients that connect, are answered and close", p.Parallel)
	case Idle:
		what = fmt.Sprintf("%d idle connections", p.Idle)
	default:
		what = fmt.Sprintf("%d → %d, %s at %.3g Mb/s and %d frames/s, GOP of %d, audio at %d kb/s", p.Publishers, p.Players, p.Codec,
			float64(p.VideoBits)/1e6, p.FPS, p.GOP, p.AudioBits/1000)
		if p.Slow+p.Stalled > 0 {
			what += fmt.Sprintf(", %d players slow and %d stalled", p.Slow, p.Stalled)
		}
	}
	var self, idle, seconds float64
	var bad, frames, ended uint64
	for i := range r.Runs {
		run := &r.Runs[i]
		self, idle, seconds = self+run.SelfCPU, idle+run.IdleShare*run.Seconds, seconds+run.Seconds
		frames += run.Video.Received + run.Audio.Received
		bad += run.Video.Lost + run.Video.Duplicated + run.Video.Reordered + run.Audio.Lost + run.Audio.Duplicated + run.Audio.Reordered
		ended += run.Ended
	}
	text := fmt.Sprintf("%s. Medians of %d runs of %.0f s", what, p.Runs, p.DurationS)
	if p.Runs > 1 {
		text += " (lowest–highest)"
	}
	if len(r.Servers) > 1 {
		text += ", × is to the first"
	}
	text += fmt.Sprintf("; %d CPUs, %s.", r.CPUs, r.System)
	if seconds > 0 {
		text += fmt.Sprintf(" The measurement itself used %.0f %% of a CPU, the machine was idle for %.0f %%.", self/seconds*100, idle/seconds*100)
	}
	if p.Mode == Fanout {
		text += fmt.Sprintf(" Of %d frames, %d were lost, doubled or out of order.", frames, bad)
	}
	if ended > 0 {
		text += fmt.Sprintf(" %d connections were ended by the servers.", ended)
	}
	return text
}
