package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/lmittmann/tint"

	"penstock/internal/config"
)

// NewLog makes the log that a configuration asks for: coloured text on a terminal, plain text elsewhere, or JSON. Refusals
// beyond 10 a second of one address are counted instead of written.
func NewLog(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // config validated it
	var h slog.Handler
	switch {
	case c.Format == "json":
		h = slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	case isTerminal(w):
		h = tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly})
	default:
		h = slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})
	}
	return slog.New(newRefusalFilter(h))
}

// isTerminal reports whether w is a character device that shows colours.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// How many lines about refusals the log gets. Refusals themselves are not limited by this.
const (
	refusalLines     = 10          // a second, of one address
	refusalWindow    = time.Second // over which they are counted
	refusalAddresses = 4096        // counted one by one; all others together
)

// refusalMessage is what package app logs about each refusal, with the attribute peer; challengeMessage about each question of a
// log-in.
const (
	refusalMessage   = "refused"
	challengeMessage = "challenged"
)

// refusalFilter is a slog.Handler that lets through refusalLines about one address in a window. When a window in which lines
// were left out ends, one line says how many.
type refusalFilter struct {
	slog.Handler
	shared *refusalWindows
}

// refusalWindows are the counters that a filter and those made of it with attributes share.
type refusalWindows struct {
	mu     sync.Mutex
	counts map[string]*refusalCount // by address
}

type refusalCount struct{ seen int }

func newRefusalFilter(h slog.Handler) slog.Handler {
	return &refusalFilter{h, &refusalWindows{counts: make(map[string]*refusalCount)}}
}

// Handle implements slog.Handler.
func (f *refusalFilter) Handle(ctx context.Context, r slog.Record) error {
	if (r.Message == refusalMessage || r.Message == challengeMessage) && !f.pass(peerOf(r), r.Level) {
		return nil
	}
	return f.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (f *refusalFilter) WithAttrs(a []slog.Attr) slog.Handler {
	return &refusalFilter{f.Handler.WithAttrs(a), f.shared}
}

// WithGroup implements slog.Handler.
func (f *refusalFilter) WithGroup(name string) slog.Handler {
	return &refusalFilter{f.Handler.WithGroup(name), f.shared}
}

// peerOf is the address, without port, that a refusal is about.
func peerOf(r slog.Record) (host string) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "peer" {
			host = a.Value.String()
		}
		return a.Key != "peer"
	})
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return host
}

// pass counts a line and reports whether it is written.
func (f *refusalFilter) pass(host string, level slog.Level) bool {
	w := f.shared
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.counts[host]
	if c == nil && len(w.counts) >= refusalAddresses {
		host = "others"
		c = w.counts[host]
	}
	if c == nil {
		c = &refusalCount{}
		w.counts[host] = c
		time.AfterFunc(refusalWindow, func() { f.closeWindow(host, c, level) })
	}
	c.seen++
	return c.seen <= refusalLines
}

// closeWindow forgets an address and says what was left out.
func (f *refusalFilter) closeWindow(host string, c *refusalCount, level slog.Level) {
	w := f.shared
	w.mu.Lock()
	delete(w.counts, host)
	left := c.seen - refusalLines
	w.mu.Unlock()
	if left <= 0 {
		return
	}
	r := slog.NewRecord(time.Now(), level, "more refusals, not written one by one", 0)
	r.AddAttrs(slog.String("peer", host), slog.Int("count", left), slog.Duration("within", refusalWindow))
	_ = f.Handler.Handle(context.Background(), r)
}
