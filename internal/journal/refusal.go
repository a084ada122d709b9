package journal

import (
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"penstock/app"
)

// Refusal is one refusal as it is kept, or several of one kind that share a row.
type Refusal struct {
	ID    int64     // rises with time; a JavaScript number holds it
	Time  time.Time // of the first, in microseconds
	Last  time.Time // of the last; Time when there was one
	Count int64     // how many there were

	// Of the last of them.
	Session  string
	IP       netip.Addr // not valid when the peer had none
	Peer     string
	App      string
	Stream   string // shortened, unless Options.StreamNames
	FlashVer string
	Stage    app.Stage
	Rule     string
	Cause    app.Cause
	Code     string // "" when the client could not be told anything
	Level    string
	// Description is what the client was told, with the stream's name shortened as in Stream.
	Description string
	XStatus     int
	BytesIn     uint64
	// Ending is how the last connection of the row that has ended took its end; "" while none has, and when nobody
	// looks at the end: before the handshake, over HTTP, and of calls, after which a connection goes on.
	Ending app.Ending
}

// Longest texts that are kept, in bytes. What a client says is bounded elsewhere already, only more generously.
const (
	maxName        = 128
	maxDescription = 512
	maxFlashVer    = 256
)

// newRefusal copies what is kept of r.
func newRefusal(r *app.Refusal, names bool) *Refusal {
	at := r.Time.Truncate(time.Microsecond)
	v := &Refusal{
		Time: at, Last: at, Count: 1, Session: r.Session, App: bound(r.App, maxName), Stream: bound(r.Stream, maxName),
		FlashVer: bound(r.FlashVer, maxFlashVer), Stage: r.Stage, Rule: bound(r.Rule, maxName), Cause: r.Cause,
		XStatus: r.XStatus, BytesIn: r.BytesIn,
	}
	if names {
		v.Stream = bound(r.StreamName(), app.MaxStreamName)
	}
	if r.Peer != nil {
		v.Peer = bound(r.Peer.String(), maxName)
		if ap, err := netip.ParseAddrPort(v.Peer); err == nil {
			v.IP = ap.Addr().Unmap().WithZone("")
		}
	}
	if r.Status != nil {
		v.Code, v.Level, v.Description = bound(string(r.Status.Code), maxName), bound(r.Status.Level, maxName), bound(r.Told(), maxDescription)
		if names {
			v.Description = bound(r.Status.Description, maxDescription)
		}
	}
	return v
}

// bound copies at most n bytes of s, whole and valid characters.
func bound(s string, n int) string {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(strings.Clone(s), "�")
}

// repeat makes r the latest of the refusals that share a row.
func (v *Refusal) repeat(r *Refusal) {
	id, first, count, ending := v.ID, v.Time, v.Count+1, v.Ending
	*v = *r
	v.ID, v.Time, v.Count, v.Ending = id, first, count, ending
}
