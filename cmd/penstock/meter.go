package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"penstock/flv"
)

// meter counts what goes through, and shows it on a terminal while it does.
type meter struct {
	p     *program
	verb  string
	begin time.Time
	quit  chan struct{} // nil without a terminal
	done  chan struct{}

	mu           sync.Mutex
	frames       int
	bytes        int64
	video, audio string // codecs
}

// startMeter begins to count. With a trace on stderr nothing else is shown there.
func startMeter(p *program, verb string, trace bool) *meter {
	m := &meter{p: p, verb: verb, begin: time.Now()}
	if f, ok := p.stderr.(*os.File); ok && !trace {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			m.quit, m.done = make(chan struct{}), make(chan struct{})
			go m.show()
		}
	}
	return m
}

func (m *meter) count(t *flv.Tag) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += int64(len(t.Body))
	switch t.Type {
	case flv.TagVideo:
		if i, err := flv.ParseVideo(t.Body); err == nil && i.CodecName() != "" {
			m.video = i.CodecName()
		}
	case flv.TagAudio:
		if i, err := flv.ParseAudio(t.Body); err == nil && i.CodecName() != "" {
			m.audio = i.CodecName()
		}
	default:
		return
	}
	m.frames++
}

// line is one line about all so far, and the rate of what came since bytes.
func (m *meter) line(since int64, within time.Duration) (text string, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	codecs := strings.Join(strings.Fields(m.video+" "+m.audio), " + ")
	if codecs == "" {
		codecs = "no frame yet"
	}
	rate := float64(m.bytes-since) * 8 / 1000 / max(within.Seconds(), 0.001)
	return fmt.Sprintf("%s %s  %s  %d frames  %.0f kb/s", m.verb, time.Since(m.begin).Round(100*time.Millisecond), codecs, m.frames, rate), m.bytes
}

func (m *meter) show() {
	defer close(m.done)
	const every = time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	var seen int64
	for {
		select {
		case <-tick.C:
			text, bytes := m.line(seen, every)
			seen = bytes
			_, _ = fmt.Fprintf(m.p.stderr, "\r\x1b[K%s", text)
		case <-m.quit:
			_, _ = fmt.Fprint(m.p.stderr, "\r\x1b[K")
			return
		}
	}
}

// stop ends counting and says what there was.
func (m *meter) stop() {
	if m.quit != nil {
		close(m.quit)
		<-m.done
	}
	text, _ := m.line(0, time.Since(m.begin))
	_, _ = fmt.Fprintln(m.p.stderr, text)
}
