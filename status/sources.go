package status

import (
	"slices"
	"strings"
)

// The evidence that catalogue entries name. A genuine capture counts most, then
// Adobe's documentation, then other servers.
const (
	srcFMS45    = "FMS 4.5 capture"
	srcFMS      = "FMS capture"
	srcAMS5     = "AMS 5 byte count"
	srcAS3      = "ActionScript 3 reference: NetStatusEvent"
	srcSSAS     = "Server-Side ActionScript reference"
	srcGuide    = "Media Server configuration guide"
	srcFMSLog   = "FMS log"
	srcERTMP    = "Enhanced RTMP v2, onStatus for NetConnection"
	srcImitated = "servers that copied FMS captures"
	srcRed5     = "Red5"
	srcFlash    = "Flash Player test results"
	srcWiki     = "RTMPy wiki"
	srcClients  = "client sources"
	srcOurs     = "no genuine capture; our wording"

	and = " / " // between the sources of one entry
)

// Sources returns the names of the evidence for the entry, of which Source is
// the printable list.
func (e Entry) Sources() []string { return strings.Split(e.Source, and) }

// OwnText reports whether the description is Penstock's own, because no genuine
// one is known.
func (e Entry) OwnText() bool {
	return e.Description != "" && slices.Contains(e.Sources(), srcOurs)
}

// Evidence is a source that catalogue entries name.
type Evidence struct {
	Name string // as in Entry.Sources
	Note string // what it is
}

// Sources returns the evidence behind the catalogue, the most trustworthy
// first. The slice is the caller's.
func Sources() []Evidence {
	return []Evidence{
		{srcFMS45, "Sessions with Flash Media Server 4.5 (Akamai's 4,5,2,524), as printed by rtmpdump and similar clients in published logs."},
		{srcFMS, "Byte dumps of Flash Media Server in the Gnash test suite (strk/gnash, cygnal/testsuite/libnet.all/test_rtmp.cpp), and published logs of clients of an FMS."},
		{srcAMS5, "A published log of Adobe Media Server 5 gives only the sizes of its messages; the text is the one natural text of that size."},
		{srcFMSLog, "A line of Flash Media Server's own log, published by its operator."},
		{srcFlash, "The behaviour of Flash Player as recorded by the test suite of Ruffle (ruffle-rs/ruffle, tests netconnection)."},
		{srcAS3, "ActionScript 3.0 Reference for the Adobe Flash Platform, class NetStatusEvent: code, level and meaning, but no description."},
		{srcSSAS, "Adobe Media Server, Server-Side ActionScript Language Reference, and the Flash Communication Server documents before it."},
		{srcGuide, "Adobe Media Server Configuration and Administration Guide, with the x-status numbers of its access log."},
		{srcERTMP, "Enhanced RTMP v2 (veovera/enhanced-rtmp), sections on the Reconnect Request and on the onStatus command for NetConnection."},
		{srcImitated, "Servers whose authors worked from captures of FMS: iizukanao/node-rtsp-rtmp-server, hydralabs/rtmpy, shiretu/crtmpserver."},
		{srcRed5, "Red5 (Red5/red5-server); an independent server."},
		{srcWiki, "The RTMPy project's wiki pages on status messages: observations of Flash Media Server 2.0.3."},
		{srcClients, "Clients that act on the code: OBS Studio and librtmp, GStreamer's rtmp2 elements, HaishinKit."},
		{srcOurs, "Nobody published what a genuine server sends: the description is Penstock's. Code and level come from the source beside it."},
	}
}
