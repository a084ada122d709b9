package hostile

import (
	"bytes"
	"math"
	"strings"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

// secretName is a stream name that must not appear in the log.
const secretName = "key-of-an-attacker-0123456789"

// calls sends n calls in as few writes as possible.
func (p *peer) calls(n int, name string, args ...amf.Value) {
	var b []byte
	for i := range n {
		m, err := (&rtmp.Command{Name: name, Transaction: float64(100 + i), Args: args}).Message()
		if err != nil {
			p.a.t.Fatal(err)
		}
		b = p.w.Append(b, m)
	}
	p.raw(b)
}

// commandRows attack with remote procedure calls.
func commandRows() []row {
	return []row{
		// They want no answers: so many of those could be over a limit of their own before the writer's turn comes.
		over("10000 calls at once", atRPC, "command_rate", func(p *peer) {
			m, err := (&rtmp.Command{Name: "echo", Args: []amf.Value{"x"}}).Message()
			if err != nil {
				p.a.t.Fatal(err)
			}
			var b []byte
			for range 10_000 {
				b = p.w.Append(b, m)
			}
			p.raw(b)
		}),
		over("10000 commands before connect", atConnect, "command_rate", func(p *peer) { p.calls(10_000, "createStream") }),
		over("calls behind one that does not return", atRPC, "queued_commands", func(p *peer) {
			p.call(2, "wait")
			p.calls(180, "echo", "x")
			time.Sleep(500 * time.Millisecond)
			p.calls(60, "echo", "x")
		}),
		{name: "large calls behind one that does not return", peakMiB: 48, run: func(a *attack) {
			p := a.connected("rpc")
			p.chunkSize(64 << 10)
			p.call(2, "wait")
			// 8000 empty objects each: far more in memory than on the wire.
			large := cat([]byte{5, 10, 0, 0, 0x1F, 0x40}, bytes.Repeat([]byte{3, 0, 0, 9}, 8000))
			for range 60 {
				p.bytesCommand("echo", large)
			}
			p.wantCode(status.ConnectClosed)
			p.wantFIN()
		}, cause: app.CauseLimit, rule: "queued_command_bytes"},
		{name: "large commands behind a connect that does not return", peakMiB: 24, run: func(a *attack) {
			p := a.shaken()
			p.connect("late")
			large := cat([]byte{5, 10, 0, 0, 0x0F, 0}, bytes.Repeat([]byte{3, 0, 0, 9}, 3840))
			for range 60 {
				p.bytesCommand("echo", large)
			}
			p.wantFIN()
		}},
		{name: "a command before connect", at: atConnect, send: func(p *peer) { p.call(2, "createStream") }, code: status.CallFailed},
		{name: "connect twice", at: atLive, send: func(p *peer) { p.connect("rpc") }, code: status.CallFailed},
		{name: "connect without an object", at: atConnect, send: func(p *peer) { p.call(1, "connect") }, code: status.ConnectFailed, then: fin, cause: app.CauseMalformed},
		{name: "objectEncoding 1", at: atConnect, send: func(p *peer) { p.connect("live", amf.Prop{Key: "objectEncoding", Value: 1.0}) },
			code: status.CallBadVersion, cause: app.CauseEncoding},
		{name: "objectEncoding NaN, capsEx 1e308", at: atConnect, send: func(p *peer) {
			p.connect("live", amf.Prop{Key: "objectEncoding", Value: math.NaN()}, amf.Prop{Key: "capsEx", Value: 1e308})
		}, code: status.ConnectSuccess},
		{name: "an unknown method", at: atRPC, send: func(p *peer) { p.call(2, "__proto__") }, code: status.CallFailed, cause: app.CauseNotFound},
		{name: "a method named with NUL and no UTF-8", at: atRPC, send: func(p *peer) { p.call(2, "a\x00b\xff\xfe\n\r") }, code: status.CallFailed},
		{name: "a method whose name is 30 KiB long", at: atRPC, send: func(p *peer) { p.call(2, strings.Repeat("\xe2\x82\xac", 10_000)) }, code: status.CallFailed},
		{name: "more message streams than may be", at: atLive, send: func(p *peer) { p.calls(40, "createStream") }, code: status.CallFailed,
			cause: app.CauseLimit, rule: "message_streams"},
		{name: "streams created and deleted", at: atLive, send: func(p *peer) {
			for i := range 90 {
				p.call(2, "createStream")
				p.call(0, "deleteStream", nil, float64(i+1))
			}
		}},
		{name: "deleteStream of NaN, of infinity, of others", at: atLive, send: func(p *peer) {
			for _, v := range []amf.Value{math.NaN(), math.Inf(1), math.Inf(-1), -1.0, 0.0, 0.5, 1e300, 4294967296.0, 1.0, 2.0, "x", nil, healthyName, true} {
				p.call(0, "deleteStream", v)
			}
			p.call(0, "deleteStream")
		}},
		{name: "stream commands on a stream that does not exist", at: atLive, send: func(p *peer) {
			p.sid = 4_000_000_000
			for _, name := range []string{"publish", "play", "play2", "pause", "seek", "receiveAudio", "closeStream"} {
				p.on(name, healthyName)
			}
		}, code: status.CallFailed, cause: app.CauseMalformed},
		{name: "the server's own calls are never answered", run: func(a *attack) {
			p := a.connected("rpc")
			// The method takes as long as call_timeout, which here is handler_timeout too.
			p.call(2, "callme")
			p.until("an answer", func(m *answer) bool {
				return m.cmd != nil && m.cmd.Transaction == 2 && (m.cmd.StringArg(0) == "over 4 failed 8" || m.status != nil)
			})
			p.alive()
		}, options: []string{"pending_calls", "call_timeout"}},
	}
}

// nameRows attack with names.
func nameRows() []row {
	bad := map[string]string{
		"dots": "..", "a way out": "a/../../b", "a dot": "./a", "a backslash": `a\b`, "NUL": "a\x00b", "a line end": "a\nlevel=INFO msg=forged",
		"no UTF-8": "\xff\xfe\xc0", "nothing": "", "an empty segment": "a//b", "513 bytes": strings.Repeat("n", 513),
		"a query of 2 KiB": "a?" + strings.Repeat("q", 2049),
	}
	var list []row
	for what, name := range bad {
		list = append(list,
			row{name: "publish a name of " + what, at: atLive, send: func(p *peer) { p.stream(); p.on("publish", name, "live") },
				code: status.PublishBadName, cause: app.CauseBadName, then: ownEnd},
			row{name: "play a name of " + what, at: atLive, send: func(p *peer) { p.stream(); p.on("play", name) },
				code: status.PlayFailed, cause: app.CauseBadName, then: ownEnd})
		if what == "513 bytes" {
			continue // is an unknown application's instance
		}
		list = append(list, row{name: "connect to an application of " + what, at: atConnect, send: func(p *peer) { p.connect(name) },
			code: status.ConnectInvalidApp, cause: app.CauseBadName, then: fin})
	}
	sortRows(list)
	invalid := func(name, application string) row {
		return row{name: name, at: atConnect, send: func(p *peer) { p.connect(application) }, code: status.ConnectInvalidApp, cause: app.CauseBadName, then: fin}
	}
	return append(list,
		invalid("an application name of 129 bytes", strings.Repeat("a", 129)),
		invalid("an instance name of 129 bytes", "live/"+strings.Repeat("a", 129)),
		row{name: "a tcUrl of 3 KiB", at: atConnect, send: func(p *peer) { p.connect("live", amf.Prop{Key: "tcUrl", Value: strings.Repeat("t", 3000)}) },
			code: status.ConnectRejected, then: fin, cause: app.CauseLimit, rule: "property_bytes"},
		row{name: "an unknown application", at: atConnect, send: func(p *peer) { p.connect("x") }, code: status.ConnectRejected, then: fin, cause: app.CauseUnknownApp},
		row{name: "names that are no strings", at: atLive, send: func(p *peer) {
			p.stream()
			for _, v := range []amf.Value{math.NaN(), nil, amf.NewObject(), amf.NewArray(), true} {
				p.on("publish", v, v)
				p.on("play", v, v, v, v)
				p.on("FCPublish", v)
				p.on("releaseStream", v)
			}
		}, then: lives, cause: app.CauseBadName},
		row{name: "refused, then nothing more", run: func(a *attack) {
			p := a.connected("live")
			p.stream()
			p.on("publish", secretName+"/..", "live")
			p.wantCode(status.PublishBadName)
			began := time.Now()
			p.wantFIN()
			if took := time.Since(began); took > 3*time.Second*slack {
				a.t.Errorf("the server waited %v", took)
			}
		}, leftOut: "refused_timeout"},
	)
}

func sortRows(list []row) {
	for i := range list {
		for j := i; j > 0 && list[j].name < list[j-1].name; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}
