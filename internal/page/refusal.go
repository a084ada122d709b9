package page

import (
	"context"
	"net"
	"strings"
	"time"

	"penstock/app"
	"penstock/internal/explain"
	"penstock/internal/journal"
)

// refusal is a row of the journal as the page tells it: first in words for people who do not know
// RTMP, then what went over the wire.
type refusal struct {
	Time        int64  `json:"time"`            // Unix ms, of the last
	First       int64  `json:"first,omitempty"` // of the first, when there were several
	Count       int64  `json:"count,omitempty"` // likewise
	Peer        string `json:"peer,omitempty"`
	Software    string `json:"software,omitempty"`
	Wanted      string `json:"wanted"` // "to publish live/a…"
	Why         string `json:"why"`
	Advice      string `json:"advice,omitempty"`
	App         string `json:"app,omitempty"`
	Stream      string `json:"stream,omitempty"` // shortened: it may be a key
	Code        string `json:"code,omitempty"`   // "" when the client could not be told anything
	Description string `json:"description,omitempty"`
	Cause       string `json:"cause"`
	Rule        string `json:"rule,omitempty"`
	XStatus     int    `json:"xStatus,omitempty"`
	Session     string `json:"session,omitempty"`

	stage app.Stage
}

func newRefusal(r *journal.Refusal) refusal {
	name, description := r.Stream, r.Description
	if name != "" && !strings.HasSuffix(name, "…") { // the journal may be told to keep whole names; the page asks nobody who they are
		name = app.Redact(name)
		if len(r.Stream) > 3 { // see app.Refusal.Told
			description = strings.ReplaceAll(description, r.Stream, name)
		}
	}
	v := refusal{
		Time: r.Last.UnixMilli(), Cause: string(r.Cause), Rule: explain.Clean(r.Rule, 64), Peer: r.Peer, Code: explain.Clean(r.Code, maxText),
		Description: explain.Clean(description, maxText),
		XStatus:     r.XStatus, Session: r.Session, App: explain.Clean(r.App, 128), Stream: explain.Clean(name, 64), stage: r.Stage,
	}
	if r.Count > 1 {
		v.First, v.Count = r.Time.UnixMilli(), r.Count
	}
	v.Why, v.Advice = explain.Words(r.Cause, r.Rule)
	v.Wanted = explain.Wanted(r.Stage, v.App, v.Stream)
	if r.FlashVer != "" {
		v.Software = explain.Software(r.FlashVer)
	}
	return v
}

// maxRefusals is how many refusals the page shows, and readTimeout how long the journal may take to say which.
const (
	maxRefusals = 100
	readTimeout = 2 * time.Second
)

// readRefusals returns the newest refusals, or those that were read last when the journal takes too long. h.cache.mu is held.
func (h *handler) readRefusals() []refusal {
	if h.o.Journal == nil {
		return []refusal{} // JSON has [] for it
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	found, err := h.o.Journal.Find(ctx, journal.Filter{Limit: maxRefusals})
	if err != nil && h.refusals != nil {
		return h.refusals
	}
	h.refusals = make([]refusal, 0, len(found.Refusals))
	for i := range found.Refusals {
		h.refusals = append(h.refusals, newRefusal(&found.Refusals[i]))
	}
	return h.refusals
}

// hostOf is an address without its port.
func hostOf(peer string) string {
	if host, _, err := net.SplitHostPort(peer); err == nil {
		return host
	}
	return peer
}
