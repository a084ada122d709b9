package page

import (
	"net"

	"penstock/app"
	"penstock/internal/explain"
)

// refusal is one refusal as the page tells it: first in words for people who do not know RTMP,
// then what went over the wire.
type refusal struct {
	Time        int64  `json:"time"` // Unix ms
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

func newRefusal(r *app.Refusal) refusal {
	v := refusal{
		Time: r.Time.UnixMilli(), Cause: string(r.Cause), Rule: explain.Clean(r.Rule, 64),
		XStatus: r.XStatus, Session: r.Session, App: explain.Clean(r.App, 128), Stream: explain.Clean(r.Stream, 64), stage: r.Stage,
	}
	v.Why, v.Advice = explain.Words(r.Cause, r.Rule)
	v.Wanted = explain.Wanted(r.Stage, v.App, v.Stream)
	if r.Peer != nil {
		v.Peer = r.Peer.String()
	}
	if r.FlashVer != "" {
		v.Software = explain.Software(r.FlashVer)
	}
	if r.Status != nil {
		v.Code, v.Description = explain.Clean(string(r.Status.Code), maxText), explain.Clean(r.Told(), maxText)
	}
	return v
}

// hostOf is an address without its port.
func hostOf(peer string) string {
	if host, _, err := net.SplitHostPort(peer); err == nil {
		return host
	}
	return peer
}
