package hostile

import (
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

// chatter sends acknowledgements, so that silence is not what ends the connection, until a
// refusal names the rule. What the kernel still moves from one buffer to another counts as
// progress, so that this may take a few times the limit.
func (p *peer) chatter(rule string) {
	p.a.t.Helper()
	for began := time.Now(); time.Since(began) < 2*wait; time.Sleep(50 * time.Millisecond) {
		for _, r := range p.a.s.seen() {
			if r.Rule == rule {
				return
			}
		}
		p.control(3, 0, 0, 0, 1)
	}
}

// slowRows attack by not reading.
func slowRows() []row {
	return []row{
		{name: "a player that never reads", run: func(a *attack) {
			p := a.reluctant("live")
			p.stream()
			p.on("play", healthyName)
			a.wantRefusal(app.CauseSlow, "player_queue")
			a.stillLive()
		}, cause: app.CauseSlow, rule: "player_queue", options: []string{"player_queue.hard_delay", "write_timeout"}},
		{name: "a player that reads again too late", run: func(a *attack) {
			p := a.reluctant("live")
			p.stream()
			p.on("play", healthyName)
			a.wantRefusal(app.CauseSlow, "player_queue")
			p.wantCode(status.PlayInsufficientBW)
			p.wantFIN()
		}, cause: app.CauseSlow, options: []string{"player_queue.soft_delay"}},
		{name: "a player that never reads a fast stream", peakMiB: 40, run: func(a *attack) {
			pub := a.publishing("fast")
			pub.chunkSize(64 << 10)
			pub.body(9, 0, sequenceHeader(1, 50))
			slow := a.reluctant("live")
			slow.stream()
			slow.on("play", "fast")
			slow.wantCode(status.PlayStart)
			good := a.playing("fast")
			done := make(chan struct{})
			go func() {
				defer close(done)
				for good.video < 601 {
					if _, err := good.read(time.Now().Add(wait)); err != nil {
						return
					}
				}
			}()
			// 37 MiB, in one group of pictures for every second.
			for i := range 600 {
				pub.body(9, uint32(i), avc(i%30 == 0, 64<<10))
				time.Sleep(2 * slack * time.Millisecond)
			}
			pub.alive()
			<-done
			if good.video < 601 {
				a.t.Errorf("the player beside it got %d of 601 messages", good.video)
			}
			slow.wantCode(status.PlayInsufficientBW)
		}, options: []string{"player_queue.soft_bytes"}},
		{name: "a player that never reads headers", peakMiB: 48, run: func(a *attack) {
			pub := a.publishing("headers")
			pub.chunkSize(64 << 10)
			slow := a.reluctant("live")
			slow.stream()
			slow.on("play", "headers")
			slow.wantCode(status.PlayStart)
			for i := range 300 { // which are never dropped
				pub.body(9, uint32(i), sequenceHeader(i, 60<<10))
			}
			pub.alive()
		}, cause: app.CauseSlow, rule: "player_queue", options: []string{"player_queue.hard_bytes"}},
		{name: "a caller that never reads", run: func(a *attack) {
			p := a.reluctant("rpc")
			p.call(2, "big")
			p.chatter("write_timeout")
		}, rule: "write_timeout"},
		{name: "a caller that never reads large answers", peakMiB: 24, run: func(a *attack) {
			p := a.reluctant("rpc")
			p.calls(10, "big")
			a.wantRefusal(app.CauseLimit, "control_queue_bytes")
		}, rule: "control_queue_bytes"},
		{name: "a caller that never reads many answers", peakMiB: 16, run: func(a *attack) {
			p := a.reluctant("rpc")
			p.calls(2, "big")
			time.Sleep(100 * time.Millisecond)
			for range 4 {
				p.calls(40, "echo", "x")
				time.Sleep(50 * time.Millisecond)
			}
		}, cause: app.CauseLimit, rule: "control_queue_messages"},
		{name: "a pinger that never reads", run: func(a *attack) {
			p := a.reluctant("rpc")
			p.call(2, "big")
			for i := range uint32(35) {
				p.message(rtmp.NewUserControl(rtmp.EventPingRequest, i))
			}
			p.chatter("write_timeout")
		}, rule: "write_timeout"},
	}
}

// faultRows ask what happens when the application, or the server itself, is at fault.
func faultRows() []row {
	return []row{
		{name: "the handler panics at connect", at: atConnect, send: func(p *peer) { p.connect("panic") }, code: status.ConnectFailed, then: fin, cause: app.CauseFailed},
		{name: "a method panics", at: atRPC, send: func(p *peer) { p.call(2, "panic") }, code: status.CallFailed, cause: app.CauseFailed},
		{name: "the handler takes too long at connect", at: atConnect, send: func(p *peer) { p.connect("late") },
			code: status.ConnectFailed, then: fin, cause: app.CauseTimeout, options: []string{"handler_timeout"}},
		{name: "the handler is deaf to its deadline", at: atConnect, send: func(p *peer) { p.connect("stuck") },
			code: status.ConnectFailed, then: fin, cause: app.CauseTimeout, options: []string{"handler_timeout"}},
		{name: "a method takes too long", at: atRPC, send: func(p *peer) { p.call(2, "late") }, code: status.CallFailed, cause: app.CauseTimeout},
		{name: "the server itself panics in one connection", at: atRPC, send: func(p *peer) { p.body(typePanic, 0, nil) },
			code: status.ConnectFailed, then: fin, cause: app.CauseFailed},
		{name: "clients that leave while a method runs", run: func(a *attack) {
			for range 10 {
				p := a.connected("rpc")
				p.call(2, "wait", amf.Undefined)
				_ = p.nc.Close()
			}
		}},
	}
}
