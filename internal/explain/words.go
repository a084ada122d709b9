// Package explain says in plain words why something was refused, what can be done about it, and which program it was, for people
// who do not know RTMP. The page and the API say the same words.
package explain

import (
	"strings"
	"unicode"

	"penstock/app"
)

// Wanted completes "… wanted …".
func Wanted(stage app.Stage, application, stream string) string {
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
	case app.StageShare:
		if stream == "" {
			return "to use a shared object" + in(" of ")
		}
		return "to use the shared object " + stream + in(" of ")
	case app.StageConnection:
		return "to stay connected" + in(" to ")
	}
	return Clean("to "+string(stage), 64)
}

// words are why a cause refuses, and what can be done about it.
var words = map[app.Cause]struct{ why, advice string }{
	app.CauseUnknownApp: {"there is no application of that name",
		"Check the first part of the path in the address: rtmp://host/application/name. Applications are set up in the configuration."},
	app.CauseBadName: {"the name cannot be used",
		"Use letters, digits, - and _. A name must not be empty, too long, or have “..”, a backslash or an empty part in it."},
	app.CauseHandler: {"the application said no", "What the client was told are the application's own words."},
	app.CauseHook: {"the program that decides about this application said no",
		"What the client was told are its words, where it gave any. What it wants to know is in its documentation: the hook is set up in the configuration."},
	app.CauseHookLate: {"the program that decides about this application did not answer in time",
		"Try again. If it stays so, look at that program: the hook's timeout and when_down are options of the application."},
	app.CauseHookDown: {"the program that decides about this application cannot be reached",
		"Start that program, or correct the hook's address in the configuration; the server's log has more under this session."},
	app.CauseChallenge: {"the encoder was asked for its user and password, which is how a log-in begins",
		"Nothing, if the encoder then logs in. Otherwise enter a user and a password in the encoder."},
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
	app.CauseOperator: {"the operator of this server wanted it so",
		"The rule says what the operator did: kick ended one session, release took a stream's name back, unload ended an instance of an application, and block shuts the client's network out until it is unblocked."},
}

// Why completes "was refused because …"; a cause without words is told by its name.
func Why(c app.Cause) string {
	if w, ok := words[c]; ok {
		return w.why
	}
	return Clean(string(c), 64)
}

// Advice is what can be done about it, in sentences, "" for a cause without words.
func Advice(c app.Cause) string { return words[c].advice }

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

// Software names the program behind a flashVer in plain words; many programs claim to be a
// Flash Player or Flash Media Live Encoder.
func Software(flashVer string) string {
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
	return Clean(flashVer, 48)
}

// Clean bounds what a stranger wrote and takes out what would not be seen or would reorder the
// text around it.
func Clean(s string, runes int) string {
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
