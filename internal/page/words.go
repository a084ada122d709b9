package page

import (
	"net"
	"strings"
	"unicode"

	"penstock/app"
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
		Time: r.Time.UnixMilli(), Why: why(r.Cause), Advice: advice(r.Cause), Cause: string(r.Cause), Rule: clean(r.Rule, 64),
		XStatus: r.XStatus, Session: r.Session, App: clean(r.App, 128), Stream: clean(r.Stream, 64), stage: r.Stage,
	}
	v.Wanted = wanted(r.Stage, v.App, v.Stream)
	if r.Peer != nil {
		v.Peer = r.Peer.String()
	}
	if r.FlashVer != "" {
		v.Software = software(r.FlashVer)
	}
	if r.Status != nil {
		v.Code, v.Description = clean(string(r.Status.Code), maxText), clean(r.Told(), maxText)
	}
	return v
}

// wanted completes "… wanted …".
func wanted(stage app.Stage, application, stream string) string {
	in := func(prefix string) string {
		if application == "" {
			return ""
		}
		return prefix + application
	}
	switch stage {
	case app.StageAccept:
		return "to connect"
	case app.StageConnect:
		return "to connect" + in(" to the application ")
	case app.StagePublish, app.StagePlay:
		if stream == "" {
			return "to " + string(stage) + " a stream" + in(" in ")
		}
		return "to " + string(stage) + " " + strings.TrimPrefix(in("")+"/"+stream, "/")
	case app.StageCall:
		return "to call a method" + in(" of ")
	case app.StageConnection:
		return "to stay connected" + in(" to ")
	}
	return clean("to "+string(stage), 64)
}

// words are why a cause refuses, and what can be done about it.
var words = map[app.Cause]struct{ why, advice string }{
	app.CauseUnknownApp: {"there is no application of that name",
		"Check the first part of the path in the address: rtmp://host/application/name. Applications are set up in the configuration."},
	app.CauseBadName: {"the name cannot be used",
		"Use letters, digits, - and _. A name must not be empty, too long, or have “..”, a backslash or an empty part in it."},
	app.CauseHandler: {"the application said no", "What the application answered stands below."},
	app.CauseRedirect: {"the application sends its clients to another address",
		"The client was told where to go. Not every client follows by itself."},
	app.CauseFailed:  {"the application failed", "The server's log has the reason under this session."},
	app.CauseTimeout: {"the application did not answer in time", "The server's log has more; the option handler_timeout is how long it waits."},
	app.CauseMalformed: {"what the client sent made no sense",
		"The client, or something between it and this server, has a fault. Run “penstock serve --log-level debug” to see more."},
	app.CauseEncoding: {"the client's data could not be decoded",
		"The client has a fault, or uses a form of AMF that nobody has documented."},
	app.CauseLimit: {"a limit of this server is reached", "The limit is an option of that name in the configuration."},
	app.CausePolicy: {"that is not allowed from where the client is",
		"The text that the client was told names the rule or the option that allows it."},
	app.CauseNoAbility: {"the application does not do that", "Another application of this server may: check the address."},
	app.CauseBusyName: {"another publisher has that name",
		"Stop the other publisher, or choose another stream name (stream key)."},
	app.CauseNotFound: {"there is nothing of that name", "Check the name, and whether its publisher is on the air."},
	app.CauseShutdown: {"the server, or that application, is being stopped", "Try again when it runs again."},
	app.CauseIdle: {"nothing came from the client for too long",
		"The network lost the connection, or the client connected and then did nothing."},
	app.CauseForeign: {"the client does not speak RTMP",
		"A web browser or a scanner on the RTMP port, most often. Use this page's address for HTTP."},
	app.CauseProtocol: {"what came in is not a valid RTMP stream", "The client, or something between it and this server, has a fault."},
	app.CauseSlow: {"the player's network is slower than the stream",
		"Send the stream with a lower bitrate, or give the player a faster network."},
}

func why(c app.Cause) string {
	if w, ok := words[c]; ok {
		return w.why
	}
	return clean(string(c), 64)
}

func advice(c app.Cause) string { return words[c].advice }

// programs are pieces of flashVer by which programs are known, the more telling ones first.
var programs = []struct{ piece, name string }{
	{"Penstock", "Penstock"},
	{"Lavf", "FFmpeg"},
	{"GStreamer", "GStreamer"},
	{"Wirecast", "Wirecast"},
	{"XSplit", "XSplit"},
	{"vMix", "vMix"},
	{"FMSc/1.0", "OBS or another live encoder"},
	{"FMLE/", "a live encoder"},
	{"LNX 9,0,124,2", "FFmpeg"},
	{"LNX 10,0,32,18", "rtmpdump, GStreamer or another librtmp program"},
}

// software names the program behind a flashVer in plain words; many programs claim to be a
// Flash Player or Flash Media Live Encoder.
func software(flashVer string) string {
	for _, p := range programs {
		if strings.Contains(flashVer, p.piece) {
			return p.name
		}
	}
	if (&app.Client{FlashVer: flashVer}).IsFlashPlayer() {
		platform, version, _ := strings.Cut(flashVer, " ")
		major, _, _ := strings.Cut(version, ",")
		return "Flash Player " + major + " (" + platform + ")"
	}
	if flashVer == "" {
		return "an unnamed program"
	}
	return clean(flashVer, 48)
}

// clean bounds what a stranger wrote and takes out what would not be seen or would reorder the
// text around it.
func clean(s string, runes int) string {
	n := 0
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		if n++; n > runes {
			return -1
		}
		return r
	}, s[:min(len(s), 4*runes)])
	if n > runes {
		s += "…"
	}
	return s
}

// hostOf is an address without its port.
func hostOf(peer string) string {
	if host, _, err := net.SplitHostPort(peer); err == nil {
		return host
	}
	return peer
}
