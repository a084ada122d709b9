// Package instancelog remembers the last lines of the log that are about each instance of an application: what its script traced, how
// it failed, when it started. It stands before the server's handler for log records and changes nothing of what that writes.
package instancelog

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Bounds of what is remembered, whatever scripts write and however clients call their instances.
const (
	MaxLines     = 100 // of one instance; the oldest go
	MaxLineBytes = 512 // of a line's text; the rest is cut off
	MaxInstances = 128 // the one that has been silent for the longest goes
)

// Line is a line of the log.
type Line struct {
	Time  time.Time
	Level slog.Level
	Text  string // message and attributes, without those that all lines of an instance have
}

type key struct{ app, instance string }

// Log is what is remembered. It is safe for concurrent use.
type Log struct {
	mu        sync.Mutex
	instances map[key]*lines
	written   uint64 // counts records
}

type lines struct {
	ring []Line // the oldest is at first, once it is full
	next int
	last uint64 // Log.written at its last
}

// New returns an empty Log.
func New() *Log { return &Log{instances: make(map[key]*lines)} }

// Lines returns what is remembered of an instance, oldest first.
func (l *Log) Lines(app, instance string) []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := l.instances[key{app, instance}]
	if in == nil {
		return nil
	}
	return append(slices.Clone(in.ring[in.next:]), in.ring[:in.next]...)
}

func (l *Log) add(k key, line Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written++
	in := l.instances[k]
	if in == nil {
		if len(l.instances) >= MaxInstances {
			l.forget()
		}
		in = &lines{}
		l.instances[k] = in
	}
	in.last = l.written
	if len(in.ring) < MaxLines {
		in.ring = append(in.ring, line)
		return
	}
	in.ring[in.next] = line
	in.next = (in.next + 1) % MaxLines
}

func (l *Log) forget() {
	var silent key
	least := l.written
	for k, in := range l.instances {
		if in.last < least {
			silent, least = k, in.last
		}
	}
	delete(l.instances, silent)
}

// Handler returns a handler that hands every record to next, and remembers those that have the attributes app and instance: all of
// a logger's that was made with them, of others those without the attribute session, for what a client does is in the journal.
func (l *Log) Handler(next slog.Handler) slog.Handler { return &handler{Handler: next, log: l} }

type handler struct {
	slog.Handler
	log    *Log
	bound  key
	text   string // attributes of the logger, but for app and instance
	groups int
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	w := *h
	w.Handler = h.Handler.WithAttrs(attrs)
	if h.groups == 0 {
		var b strings.Builder
		for _, a := range attrs {
			w.bound.take(&b, a)
		}
		w.text += b.String()
	}
	return &w
}

// WithGroup implements slog.Handler. What is in groups is not remembered.
func (h *handler) WithGroup(name string) slog.Handler {
	w := *h
	w.Handler = h.Handler.WithGroup(name)
	w.groups++
	return &w
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	k, session := h.bound, false
	if k.app == "" || k.instance == "" {
		r.Attrs(func(a slog.Attr) bool {
			k.note(a)
			session = a.Key == "session"
			return !session
		})
	}
	if !session && k.app != "" && k.instance != "" {
		var b strings.Builder
		b.WriteString(r.Message + h.text)
		if h.groups == 0 {
			r.Attrs(func(a slog.Attr) bool {
				k.take(&b, a)
				return b.Len() <= MaxLineBytes
			})
		}
		h.log.add(k, Line{Time: r.Time, Level: r.Level, Text: cut(b.String())})
	}
	return h.Handler.Handle(ctx, r)
}

// note reports whether an attribute names the instance.
func (k *key) note(a slog.Attr) bool {
	switch a.Key {
	case "app":
		k.app = a.Value.String()
	case "instance":
		k.instance = a.Value.String()
	default:
		return false
	}
	return true
}

// take is note, and writes what names no instance.
func (k *key) take(b *strings.Builder, a slog.Attr) {
	if !k.note(a) {
		b.WriteString(" " + a.Key + "=" + cut(a.Value.Resolve().String()))
	}
}

// cut shortens a text, between two characters.
func cut(s string) string {
	if len(s) <= MaxLineBytes {
		return s
	}
	n := MaxLineBytes
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
