package hostile

import "testing"

// report is a published fault of another RTMP or AMF implementation, with the rows that ask
// whether we have it too, or why it does not apply.
type report struct {
	what   string
	rows   []string
	reason string
}

var reports = []report{
	{what: "CVE-2016-10191 (FFmpeg): a later header changes the length of a message that has begun",
		rows: []string{"a longer length in the middle of a message", "a shorter length in the middle of a message", "another type in the middle of a message"}},
	{what: "CVE-2026-78066 (bRPC): a declared length is allocated",
		rows: []string{"eight long messages declared, none sent", "more of unfinished messages than may be", "a string longer than the message"}},
	{what: "CVE-2026-84727 (bRPC): Abort frees the chunk stream in use",
		rows: []string{"Abort in the middle, then on with type 3", "Abort of the message being acknowledged", "Abort of chunk streams that do not exist"}},
	{what: "CVE-2026-54427 (bRPC), ZLMediaKit 4787: AMF nesting overflows the stack before connect",
		rows: []string{"connect nested 200 deep", "objects nested 100000 deep", "strict arrays nested", "AMF3 arrays nested", "AMF3 dictionaries nested", "AMF0 and AMF3 nested in turns"}},
	{what: "CVE-2026-56387 (bRPC): AMF lengths and counts are allocated",
		rows: []string{"a strict array that counts to 4294967295", "a long string of 4 GiB", "an AMF3 vector of 2^28 numbers", "an AMF3 array of 2^28 elements"}},
	{what: "CVE-2026-82953 (bRPC): the error path of createStream",
		rows: []string{"a command before connect", "more message streams than may be", "stream commands on a stream that does not exist"}},
	{what: "ZLMediaKit 1839: crash in RTMP parsing", rows: []string{"noise after the handshake", "bodies that are noise", "commands that are none"}},
	{what: "CVE-2017-11665 (FFmpeg): AMF fields read out of bounds", rows: []string{"a string longer than the message", "commands that are none", "data messages that are no AMF"}},
	{what: "CVE-2015-8270, 8271, 8272 (rtmpdump): AMF3 string references, sealed members, null names",
		rows: []string{"AMF3 references to nothing", "an AMF3 class of 2^25 sealed names", "names that are no strings"}},
	{what: "CVE-2012-4750 (EzServer): the length of an AMF string is trusted", rows: []string{"a string longer than the message"}},
	{what: "CVE-2010-3000 (RealPlayer): ECMA array count", rows: []string{"connect with an ECMA count of 4294967295"}},
	{what: "CVE-2005-3900, CVE-2009-3791, CVE-2010-2219 and others (Flash Media Server): resources used up by malformed RTMP",
		rows: []string{"half-open connections by the dozen", "10000 commands before connect", "more unfinished messages than may be"}},
	{what: "MPSB05-11 (Flash Communication Server): the administration port", reason: "nothing of the administration is reachable over RTMP"},
	{what: "CVE-2017-5878 (Red5), CVE-2017-5641 (BlazeDS), VU#307983, HITCON 2023: classes named by the peer are loaded",
		rows: []string{"a class that a server might load", "an unknown externalizable class"}},
	{what: "CVE-2011-2093 (BlazeDS): graphs with cycles", rows: []string{"an object that contains itself", "a billion laughs", "a billion laughs in connect"}},
	{what: "CVE-2009-3960, CVE-2015-3269 (BlazeDS), PyAMF: external entities in XML", rows: []string{"XML with an external entity"}},
	{what: "CVE-2023-34105 (SRS): names in a shell command", reason: "no name is given to another program",
		rows: []string{"publish a name of a line end"}},
	{what: "CVE-2026-34731 (AVideo): hooks without authentication, stream keys in statistics", reason: "there are no hooks; keys in the log are looked for",
		rows: []string{"a stream name that is a key"}},
	{what: "CVE-2018-19365, CVE-2024-52052 (Wowza): paths out of the folder",
		rows: []string{"publish a name of a way out", "play a name of a way out", "connect to an application of a way out", "publish a name of a backslash"}},
	{what: "GStreamer-SA-2026-0020, FLVMeta: corrupt FLV", rows: []string{"bodies that are noise", "tracks of no size, twice the same, too few bytes"}},
	{what: "nginx-rtmp 134, 811, 856, 1147: long stream names", rows: []string{"publish a name of 513 bytes", "play a name of 513 bytes", "a method whose name is 30 KiB long"}},
	{what: "nginx-rtmp: the length shrinks in the middle of a message", rows: []string{"a shorter length in the middle of a message"}},
	{what: "nginx-rtmp 246, 324, 576, 1162: limits too small for real encoders",
		rows: []string{"the greatest chunk size", "a publisher that does not wait for any answer", "eight long messages declared, none sent"}},
	{what: "mediamtx 590, 1459, 1504, 1822: panics on odd messages", rows: []string{"empty messages of every type", "commands that are none", "the server itself panics in one connection"}},
	{what: "go2rtc 2241, lal 331: control messages that are too short",
		rows: []string{"a chunk size of two bytes", "an Abort of two bytes", "user control events that are too short", "acknowledgements of what was never sent"}},
	{what: "Node-Media-Server 65, 127: one connection ends the process",
		rows: []string{"the server itself panics in one connection", "a method panics", "the handler panics at connect"}},
	{what: "ireader/media-server 235: use after free when a connection ends", rows: []string{"connections that are reset in the middle", "clients that leave while a method runs"}},
	{what: "baresip 441: a loop over a declared count", rows: []string{"a strict array that counts to 4294967295"}},
	{what: "the Red5 audit of 2026: budgets, chunk size, queues, names, secrets in logs",
		rows: []string{"a tiny chunk size", "a quarter of a million nulls", "a caller that never reads large answers", "a player that never reads", "a stream name that is a key"}},
	{what: "librtmp2-server's changes of 2026: idle clients and publishers, players that do not read",
		rows: []string{"connected and idle", "publish without media", "a player that never reads", "a long ModEx chain", "an aggregate within an aggregate"}},
}

// Every published fault has a row or a reason.
func TestEveryReportIsAskedAbout(t *testing.T) {
	known := make(map[string]bool)
	for _, r := range rows() {
		if known[r.name] {
			t.Errorf("two rows are named %q", r.name)
		}
		known[r.name] = true
	}
	for _, r := range reports {
		if len(r.rows) == 0 && r.reason == "" {
			t.Errorf("%s: neither a row nor a reason", r.what)
		}
		for _, name := range r.rows {
			if !known[name] {
				t.Errorf("%s: there is no row %q", r.what, name)
			}
		}
	}
}
