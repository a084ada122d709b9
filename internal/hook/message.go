package hook

import (
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// Message is one event as it is told. Its JSON is what the format json posts; docs/hooks.md explains the fields.
type Message struct {
	Event    Event     `json:"event"`
	ID       string    `json:"id"` // the same whenever this event is sent again
	Session  string    `json:"session"`
	Sequence int       `json:"sequence"` // within the session, from 1
	Time     time.Time `json:"time"`
	Decided  string    `json:"decided,omitempty"` // "allow": it was allowed without the answer; this only tells of it

	App      string `json:"app"`
	Instance string `json:"instance,omitempty"` // "" is the default one
	IP       string `json:"ip"`
	Port     int    `json:"port,omitempty"`
	Over     string `json:"over"`
	TCURL    string `json:"tcurl,omitempty"`
	PageURL  string `json:"pageurl,omitempty"`
	SWFURL   string `json:"swfurl,omitempty"`
	FlashVer string `json:"flashver,omitempty"`

	Details
}

// Details are what an event has beside who did it.
type Details struct {
	User   string     `json:"user,omitempty"` // who the client has proved to be
	Stream string     `json:"stream,omitempty"`
	Type   string     `json:"type,omitempty"` // of publish: live, record, append
	Query  url.Values `json:"query,omitempty"`
	Start  float64    `json:"start,omitempty"`  // of play
	Length float64    `json:"length,omitempty"` // of play
	Reset  bool       `json:"reset,omitempty"`  // of play
	Method string     `json:"method,omitempty"` // of call

	// Of ends.
	Began    bool    `json:"began,omitempty"` // false: it was allowed, but did not come about
	Seconds  float64 `json:"seconds,omitempty"`
	Bytes    uint64  `json:"bytes,omitempty"` // of media
	BytesIn  uint64  `json:"bytes_in,omitempty"`
	BytesOut uint64  `json:"bytes_out,omitempty"`
	Reason   string  `json:"reason,omitempty"` // of disconnect
}

// number gives an event that is sent for the first time its place in the session.
func (s *Session) number(m *Message) {
	if m.Sequence == 0 {
		s.sequence++
		m.Sequence, m.ID = s.sequence, m.Session+"-"+strconv.Itoa(s.sequence)
	}
}

// message makes an event of details.
func (s *Session) message(e Event, d Details) *Message {
	c := &s.client
	m := &Message{
		Event: e, Session: c.ID, Time: time.Now().UTC(), App: c.App, Instance: c.Instance, Over: c.Over,
		TCURL: c.TCURL, PageURL: c.PageURL, SWFURL: c.SWFURL, FlashVer: c.FlashVer, Details: d,
	}
	if c.Addr != nil {
		m.IP = c.Addr.String()
		if a, err := netip.ParseAddrPort(m.IP); err == nil {
			m.IP, m.Port = a.Addr().Unmap().WithZone("").String(), int(a.Port())
		}
	}
	return m
}
