package hostile

import (
	"math"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

// stillLive wants the healthy stream to be on the air, with its own metadata.
func (a *attack) stillLive() {
	a.t.Helper()
	if !a.s.Registry.Live("live/" + healthyName) {
		a.t.Error("the healthy stream is off the air")
	}
	a.crowd.check(a.t)
}

// streamRows attack other people's streams, and the deadlines of one's own.
func streamRows() []row {
	return []row{
		{name: "end somebody else's stream by name", run: func(a *attack) {
			p := a.connected("live")
			p.stream()
			for _, name := range []string{"releaseStream", "FCUnpublish", "FCPublish", "deleteStream", "closeStream", "FCUnsubscribe"} {
				p.call(0, name, healthyName)
				p.on(name, healthyName)
			}
			p.call(0, "deleteStream", nil, 1.0)
			p.alive()
			a.stillLive()
		}},
		{name: "publish a name that is taken", run: func(a *attack) {
			p := a.connected("live")
			p.stream()
			p.on("publish", healthyName, "live")
			p.wantCode(status.PublishBadName)
			a.stillLive()
		}, cause: app.CauseBusyName},
		{name: "a stream name that is a key", run: func(a *attack) {
			p := a.publishing(secretName)
			done := make(chan struct{})
			defer func() { <-done }()
			go func() {
				defer close(done)
				for i := range uint32(150) {
					p.body(8, i, []byte{0xAF, 1, 2})
					time.Sleep(10 * time.Millisecond)
				}
			}()
			for _, name := range []string{secretName, secretName + "?token=" + secretName} {
				q := a.connected("live")
				q.stream()
				q.on("publish", name, "live")
				q.wantCode(status.PublishBadName)
				q.on("play", name, 0.0)
				q.wantCode(status.PlayStart)
				q.on("play", secretName+"-none", 0.0)
				q.wantCode(status.PlayStreamNotFound)
			}
		}, cause: app.CauseBusyName},
		{name: "publish a name that is taken, again and again", run: func(a *attack) {
			a.crowd.pings.Store(0)
			for range 4 {
				p := a.connected("live")
				p.stream()
				for range 3 {
					p.on("publish", healthyName, "live")
				}
			}
			for _, p := range a.peers {
				for range 3 {
					p.wantCode(status.PublishBadName)
				}
			}
			a.stillLive()
			if n := a.crowd.pings.Load(); n > 3 {
				a.t.Errorf("the publisher was pinged %d times: one that does not read would be cut off", n)
			}
		}, cause: app.CauseBusyName},
		{name: "a publisher that is dead but not gone", run: func(a *attack) {
			p := a.publishing("takeover")
			q := a.connected("live")
			q.stream()
			q.on("publish", "takeover", "live")
			q.wantCode(status.PublishStart)
			p.body(8, 0, []byte{0xAF, 1, 2})
			p.wantCode(status.PublishBadName)
		}, options: []string{"publish_timeout"}},
		{name: "metadata and media for somebody else's stream", run: func(a *attack) {
			p := a.playing(healthyName)
			m, err := rtmp.NewData(p.sid, 0, "@setDataFrame", "onMetaData", amf.NewECMA(amf.Prop{Key: "title", Value: "forged"}))
			if err != nil {
				a.t.Fatal(err)
			}
			p.message(m)
			p.body(9, 0, healthyFrame(1))
			p.alive()
			a.stillLive()
			q := a.playing(healthyName)
			d := q.until("metadata", func(m *answer) bool {
				return m.Type == rtmp.TypeDataAMF0 && len(m.Payload) > 20 && m.Payload[3] == 'o' && m.Payload[5] == 'M'
			})
			if _, args, _, err := rtmp.ParseData(&d.Message, amf.Limits{}); err != nil || args[0].(*amf.Array).String("title") != "healthy" {
				a.t.Errorf("metadata is %v (%v)", args, err)
			}
		}},
		over("media for no stream at all", atLive, "unknown_messages", func(p *peer) {
			for range 120 {
				p.body(9, 0, healthyFrame(1)[:100])
			}
		}),
		{name: "connected and idle", at: atLive, send: func(*peer) {}, code: status.ConnectIdleTimeOut, then: fin, cause: app.CauseIdle, rule: "activity_timeout"},
		{name: "kept from idling by calls to nothing", run: func(a *attack) {
			p := a.connected("live")
			began := time.Now()
			for time.Since(began) < 1500*time.Millisecond {
				p.call(0, "nothing")
				time.Sleep(50 * time.Millisecond)
			}
			p.wantCode(status.ConnectIdleTimeOut)
			p.wantFIN()
			if after := a.wantRefusal(app.CauseIdle, "activity_timeout").Time.Sub(began); after > 1200*time.Millisecond {
				a.t.Errorf("the server waited %v", after)
			}
		}, cause: app.CauseIdle, rule: "activity_timeout"},
		{name: "publish without media", at: atPublish, send: func(*peer) {}, code: status.ConnectIdleTimeOut, then: fin, cause: app.CauseIdle, rule: "first_media_timeout"},
		{name: "a publisher that falls silent", at: atPublish, send: func(p *peer) { p.body(8, 0, []byte{0xAF, 1, 2}) },
			code: status.ConnectIdleTimeOut, then: fin, cause: app.CauseIdle, rule: "publisher_idle_timeout"},
		{name: "a client that falls silent", run: func(a *attack) {
			p := a.connected("rpc")
			p.wantCode(status.ConnectIdleTimeOut)
			p.wantFIN()
			if p.pings == 0 {
				a.t.Error("it was not pinged before")
			}
		}, cause: app.CauseIdle, rule: "ping_timeout", options: []string{"ping_interval"}},
		{name: "play from NaN and infinity", at: atLive, send: func(p *peer) {
			p.stream()
			for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e308, -1e308} {
				p.on("play", healthyName, v, v, v)
			}
			p.on("play", "nobody", math.NaN(), math.NaN())
			p.on("play", "nobody", 0.0)
		}, code: status.PlayStreamNotFound},
		{name: "seek, pause and receive with nonsense", at: atPlay, send: func(p *peer) {
			for _, v := range []amf.Value{math.NaN(), math.Inf(1), nil, "x", amf.NewObject(), -1.0} {
				for _, name := range []string{"seek", "pause", "pauseRaw", "receiveAudio", "receiveVideo", "play2"} {
					p.on(name, v, v)
				}
			}
		}},
		{name: "headers asked for again and again", run: func(a *attack) {
			p := a.playing(healthyName)
			began := time.Now()
			for range 40 {
				p.on("receiveVideo", false)
				p.on("receiveVideo", true)
				p.on("pause", true, 0.0)
				p.on("pause", false, 0.0)
				p.wantCode(status.UnpauseNotify)
			}
			p.alive()
			p.drainFor(200 * time.Millisecond)
			if limit := 3 + int(time.Since(began)/time.Second); p.configs > limit {
				a.t.Errorf("the headers came %d times", p.configs)
			}
		}, options: []string{"resync_interval"}},
		{name: "play again and again", run: func(a *attack) {
			big := a.publishing("gop") // one key frame and 2 MiB after it
			big.chunkSize(64 << 10)
			big.body(9, 0, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 1000)...))
			for i := range 40 {
				big.body(9, uint32(i), append([]byte{0x27, 1, 0, 0, 0}, make([]byte, 50_000)...))
			}
			big.alive()
			p := a.playing("gop")
			for range 80 {
				p.on("play", "gop")
				p.wantCode(status.PlayStart)
			}
			p.alive()
			if p.in > 16<<20 {
				a.t.Errorf("%d MiB in answer to 80 commands", p.in>>20)
			}
		}, peakMiB: 32, options: []string{"resync_interval"}},
		{name: "more players than a stream may have", run: func(a *attack) {
			for range 3 {
				a.playing(healthyName)
			}
			p := a.connected("live")
			p.stream()
			p.on("play", healthyName)
			p.wantCode(status.PlayFailed)
		}, cause: app.CauseLimit, rule: "players_per_stream"},
		// Each message stream costs the cached frames a copy, at most eight.
		{name: "one stream played on six message streams", peakMiB: 40, run: func(a *attack) {
			big := a.publishing("ids")
			big.chunkSize(64 << 10)
			p := a.connected("live")
			for range 6 {
				p.stream()
				p.on("play", "ids")
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				p.drainFor(600 * time.Millisecond)
			}()
			big.body(9, 0, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 1000)...))
			for i := range 60 { // 3 MiB that stay in the cache
				big.body(9, uint32(i), avc(false, 50_000))
				time.Sleep(5 * time.Millisecond)
			}
			big.alive()
			<-done

		}},
	}
}
