package status

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
	srcERTMP    = "Enhanced RTMP v2, Reconnect Request"
	srcImitated = "servers that copied FMS captures"
	srcRed5     = "Red5"
	srcFlash    = "Flash Player test results"
	srcWiki     = "RTMPy wiki"
	srcClients  = "client sources"
	srcOurs     = "no genuine capture; our wording"
)

// sourceNotes explains each source, in the order of trust.
var sourceNotes = [...]struct{ name, note string }{
	{srcFMS45, "Sessions with Flash Media Server 4.5 (Akamai's 4,5,2,524), as printed by rtmpdump and similar clients in published logs."},
	{srcFMS, "Byte dumps of Flash Media Server in the Gnash test suite (strk/gnash, cygnal/testsuite/libnet.all/test_rtmp.cpp), and published logs of clients of an FMS."},
	{srcAMS5, "A published log of Adobe Media Server 5 gives only the sizes of its messages; the text is the one natural text of that size."},
	{srcFMSLog, "A line of Flash Media Server's own log, published by its operator."},
	{srcFlash, "The behaviour of Flash Player as recorded by the test suite of Ruffle (ruffle-rs/ruffle, tests netconnection)."},
	{srcAS3, "ActionScript 3.0 Reference for the Adobe Flash Platform, class NetStatusEvent: code, level and meaning, but no description."},
	{srcSSAS, "Adobe Media Server, Server-Side ActionScript Language Reference, and the Flash Communication Server documents before it."},
	{srcGuide, "Adobe Media Server Configuration and Administration Guide, with the x-status numbers of its access log."},
	{srcERTMP, "Enhanced RTMP v2 (veovera/enhanced-rtmp), section on the Reconnect Request."},
	{srcImitated, "Servers whose authors worked from captures of FMS: iizukanao/node-rtsp-rtmp-server, hydralabs/rtmpy, shiretu/crtmpserver."},
	{srcRed5, "Red5 (Red5/red5-server); an independent server."},
	{srcWiki, "The RTMPy project's wiki pages on status messages: observations of Flash Media Server 2.0.3."},
	{srcClients, "Clients that act on the code: OBS Studio and librtmp, GStreamer's rtmp2 elements, HaishinKit."},
	{srcOurs, "Nobody published what a genuine server sends. Code and level are documented, the description is Penstock's."},
}
