package script

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/rtmp/rtmptest"
	"penstock/status"
)

// neighbour is a live stream of another application, of 100 frames a second, and how late its frames come.
type neighbour struct {
	stop chan struct{}
	late chan []time.Duration
}

// frame is an audio body with the time at which it was sent.
func frame(t time.Time) []byte {
	return binary.BigEndian.AppendUint64([]byte{0xAF, 1}, uint64(t.UnixNano()))
}

func (s *stage) neighbour() *neighbour {
	s.t.Helper()
	n := &neighbour{stop: make(chan struct{}), late: make(chan []time.Duration, 1)}
	open := func() *rtmptest.Peer {
		p := rtmptest.Pipe(s.t, s.srv.ServeConn)
		p.Timeout = 20 * time.Second
		p.Open("other")
		p.WantCommand("onBWDone")
		p.CreateStream()
		return p
	}
	pub, viewer := open(), open()
	pub.Publish("cam")
	pub.WantStatus(status.PublishStart)
	viewer.Play("cam", -1.0)
	viewer.WantStatus(status.PlayReset)
	sent := make(chan int, 1)
	go func() {
		i := 0
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ; ; i++ {
			pub.SendAudio(uint32(i*10), frame(time.Now()))
			select {
			case <-tick.C:
			case <-n.stop:
				pub.SendAudio(uint32(i*10+10), frame(time.Time{}))
				sent <- i + 1
				return
			}
		}
	}()
	go func() {
		var late []time.Duration
		defer func() { n.late <- late }()
		for {
			m := viewer.Any()
			if m.Type != rtmp.TypeAudio || len(m.Payload) != 10 {
				continue
			}
			at := int64(binary.BigEndian.Uint64(m.Payload[2:]))
			if at == time.Time.UnixNano(time.Time{}) {
				if want := <-sent; want != len(late) {
					s.t.Errorf("the stream beside lost frames: %d of %d came", len(late), want)
				}
				return
			}
			late = append(late, time.Since(time.Unix(0, at)))
		}
	}()
	return n
}

func quantile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[min(len(list)-1, int(q*float64(len(list))))]
}

const wrong = `
		Client.prototype.forever = function () { for (;;) {} };
		Client.prototype.timer = function () { setTimeout(function () { for (;;) {} }, 1); };
		Client.prototype.answer = function () { this.call("ask", {get onStatus() { for (;;) {} }, get onResult() { for (;;) {} }}); };
		Client.prototype.regexp = function () { return /^(?=(a+)+b)/.test("a".repeat(40)); };
		Client.prototype.recursion = function f() { return f() + 1; };
		Client.prototype.bomb = function () {
			var caught = 0, keep = [];
			[function () { keep.push("x".repeat(1 << 30)); }, function () { keep.push(new ArrayBuffer(1e13)); }, function () { keep.push(new Float64Array(1e10)); },
				function () { keep.push(new Array(1e9).fill(0)); }, function () { keep.push(new Array(1e9).join("xx")); }, function () { keep.push("x".padEnd(1e12)); },
				function () { keep.push(Array.from({length: 1e9})); }].forEach(function (f) { try { f(); } catch (e) { caught++; } });
			for (var i = 0; i < 10; i++) keep.push("y".repeat(1 << 20));
			return caught;
		};
		Client.prototype.ping = function () { return "pong"; };
`

// A script that does not come back, or eats, ends its instance at the most: its clients are told, and neither another instance, nor
// another application, nor a live stream notices.
func TestScriptsThatGoWrong(t *testing.T) {
	const limit = time.Second
	mild := serve(t, wrong, func(o *Options) { o.EntryTime = time.Minute }) // what is caught before the time is over
	s := serve(t, wrong, func(o *Options) { o.EntryTime = limit })
	beside := s.neighbour()
	other := rtmptest.Pipe(t, s.srv.ServeConn)
	other.Open("other")
	other.WantCommand("onBWDone")
	sister := s.open("sister")
	var calls []time.Duration
	while := func(done func() bool) { // calls next door as long as it lasts
		for {
			for _, p := range []*rtmptest.Peer{other, sister} {
				began := time.Now()
				if got := call(p, "ping"); got != `"pong"` {
					t.Errorf("next door: %s", got)
				}
				calls = append(calls, time.Since(began))
			}
			if done() {
				return
			}
			time.Sleep(30 * time.Millisecond) // well below the limits on calls
		}
	}
	p := mild.open("a")
	for method, want := range map[string]string{"regexp": "false", "bomb": "7"} {
		began, got := time.Now(), make(chan string, 1)
		go func() { got <- call(p, method) }()
		while(func() bool { return len(got) > 0 })
		if g := <-got; g != want {
			t.Errorf("%s: %s, want %s", method, g, want)
		}
		t.Logf("%s: %v", method, time.Since(began))
	}
	p.WantError(p.Call("recursion"), status.CallFailed)
	for _, how := range []string{"forever", "timer", "answer"} {
		p, q := s.open(how), s.open(how)
		p.Send(&rtmp.Command{Name: how})
		if how == "answer" {
			p.Send(p.WantCommand("ask").Command.Result(nil, 1.0))
		}
		told := make(chan struct{})
		go func() {
			defer close(told)
			for _, x := range []*rtmptest.Peer{p, q} {
				x.WantStatus(status.ConnectAppShutdown)
			}
		}()
		while(func() bool {
			select {
			case <-told:
				return true
			default:
				return false
			}
		})
		s.logs("script_time")
		if got := call(s.open(how), "ping"); got != `"pong"` { // a new instance
			t.Errorf("after %s: %s", how, got)
		}
	}
	close(beside.stop)
	late := <-beside.late
	t.Logf("a live stream beside: %d frames, late by p50 %v, p99 %v, at most %v", len(late), quantile(late, .5), quantile(late, .99), quantile(late, 1))
	t.Logf("calls next door: %d, p50 %v, p99 %v, at most %v", len(calls), quantile(calls, .5), quantile(calls, .99), quantile(calls, 1))
	// Who had to wait for a script that does not come back would wait for the limit, three times in all.
	if m := quantile(late, .5); m > limit {
		t.Errorf("the stream beside is late by %v", m)
	}
}
