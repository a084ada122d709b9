package refusals

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
	"penstock/test/process"
)

// limits are the scenarios of limits that ordinary clients can reach.
func limits() []*scenario {
	direct, relayed := occupy(false, playing, ""), occupy(true, playing, "")
	closed := map[app.Stage]status.Code{app.StageConnection: status.ConnectClosed}
	during := []app.Stage{app.StageConnection}
	publishers := map[*client]string{rtmpdump: "cannot publish"}
	lost := map[*client]string{gstreamer: "connection closed remotely"} // it reads no status after publish
	return []*scenario{
		{title: "More connections than the server takes", what: "Another client has the only place.",
			cause: app.CauseLimit, xStatus: 409, rule: "connections", server: "limits: {connections: 1}", stages: onConnect, first: direct},
		{title: "More connections from one address", what: "Another client of the same address has the only place.",
			cause: app.CauseLimit, xStatus: 409, rule: "connections_per_ip", server: "exempt_networks: []\nlimits: {connections_per_ip: 1}",
			stages: onConnect, before: relayed},
		{title: "More connections in a second from one address", what: "The address has connected more often than `connect_rate_per_ip` allows.",
			cause: app.CauseLimit, xStatus: 409, rule: "connect_rate_per_ip", server: "exempt_networks: []\nlimits: {connect_rate_per_ip: 0.01}",
			stages: onConnect, before: connectOften},
		{title: "Properties that are too long", what: "The client's `tcUrl` is longer than `property_bytes`.",
			cause: app.CauseLimit, xStatus: 409, rule: "property_bytes", server: "limits: {property_bytes: 20}", stages: onConnect},
		{title: "More players than a stream has", what: "Another player has the only place.",
			cause: app.CauseLimit, xStatus: 409, rule: "players_per_stream", server: "limits: {players_per_stream: 1}", stages: onPlay, first: direct},
		{title: "Pictures that are too large", what: "A message is longer than `message_bytes`.",
			cause: app.CauseLimit, xStatus: 409, rule: "message_bytes", server: "limits: {message_bytes: 1KiB}", stages: during, code: closed, cannot: publishers, shows: lost},
		{title: "Too many messages", what: "The publisher sends more than `media_rate` messages a second.",
			cause: app.CauseLimit, xStatus: 409, rule: "media_rate", server: "limits: {media_rate: 4}", stages: during, code: closed, cannot: publishers, shows: lost},
		{title: "A publisher that falls silent", what: "The encoder hangs: nothing comes for `publisher_idle_timeout`.",
			cause: app.CauseIdle, xStatus: 432, rule: "publisher_idle_timeout", server: "limits: {publisher_idle_timeout: 1s}", stages: during,
			code: map[app.Stage]status.Code{app.StageConnection: status.ConnectIdleTimeOut}, cannot: publishers, shows: lost, during: hang("publishing", nil)},
		{title: "A player that is too slow", what: "The player hangs, and more than `player_queue` allows waits for it.",
			cause: app.CauseSlow, xStatus: 408, rule: "player_queue", server: "limits: {player_queue: {soft_bytes: 128KiB, soft_delay: 500ms, hard_bytes: 256KiB, hard_delay: 1s}}", stages: during,
			code:    map[app.Stage]status.Code{app.StageConnection: status.PlayInsufficientBW},
			actions: map[*client]action{ffmpeg: playing, gstreamer: playing}, during: hang("playing", flood),
			shows: map[*client]string{gstreamer: "", rtmpdump: "NetStream.Play.Failed"}, fine: map[*client]bool{gstreamer: true, rtmpdump: true}},
		{title: "Another protocol", what: "The client speaks TLS (`rtmps://`) to a server that is not set up for it. Nothing can be said to it.",
			cause: app.CauseForeign, xStatus: 400, application: "{}", stages: []app.Stage{app.StageAccept},
			code: map[app.Stage]status.Code{app.StageAccept: ""},
			ask:  func(g *target) { g.scheme = "rtmps" }, shows: map[*client]string{ffmpeg: "rtmps://", gstreamer: "ERROR", rtmpdump: "ERROR"}},
	}
}

// occupy takes a place before the client: from the client's address or another, with a query that names a user.
func occupy(sameAddress bool, does action, query string) func(t *testing.T, at *place) {
	return func(t *testing.T, at *place) {
		t.Helper()
		url := "rtmp://" + at.server.rtmp + "/" + at.app
		if sameAddress {
			url = at.url()
		}
		if does == publishing {
			name := "other"
			if at.relay != nil {
				name += "-" + at.relay.ip
			}
			publishUntilEnd(t, url, name+query)
			return
		}
		c, err := rtmp.Dial(t.Context(), url+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := c.Play(t.Context(), "cam", rtmp.PlayOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// connectOften uses up what an address may connect.
func connectOften(t *testing.T, at *place) {
	for range 100 {
		c, err := rtmp.Dial(t.Context(), at.url(), nil)
		if err != nil {
			until(t, 10*time.Second, "the refusal is in the log", func() bool { return len(at.server.log.of(at.relay.ip)) == 1 })
			return
		}
		_ = c.Close()
	}
	t.Error("one address may connect a hundred times")
}

// hang stops the client's process, once the log says what it does, until it has been refused. Meanwhile other goes on.
func hang(does string, other func(t *testing.T, at *place)) func(t *testing.T, at *place, p *process.Process) {
	return func(t *testing.T, at *place, p *process.Process) {
		t.Helper()
		until(t, 20*time.Second, at.client.name+" is "+does, func() bool {
			return at.server.log.has(does, at.session()) && (does == "playing" || at.relay.Sent() > 6000) // media too
		})
		_ = syscall.Kill(p.Cmd.Process.Pid, syscall.SIGSTOP)
		if other != nil {
			other(t, at)
		}
		until(t, 20*time.Second, at.client.name+" is refused", func() bool { return at.refused() > 0 })
		_ = syscall.Kill(p.Cmd.Process.Pid, syscall.SIGCONT)
	}
}

// session is the client's session ID, "" while it is not connected.
func (at *place) session() string {
	for line := range strings.Lines(at.server.log.String()) {
		var l struct {
			Msg, Session string
			Peer         struct{ IP string }
		}
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "connected" && l.Peer.IP == at.relay.ip {
			return l.Session
		}
	}
	return "not connected"
}

// flood publishes until the client is refused, at most 100 MB.
func flood(t *testing.T, at *place) {
	c, err := rtmp.Dial(t.Context(), "rtmp://"+at.server.rtmp+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ns, err := c.Publish(t.Context(), "cam")
	if err != nil {
		t.Fatal(err)
	}
	body := append([]byte{0x2f}, make([]byte, 64<<10)...)
	for i := range 1600 {
		if at.refused() > 0 {
			return
		}
		if err := ns.WriteAudio(t.Context(), uint32(i*10), body); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}
