package refusals

import (
	"testing"

	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

// limits are the scenarios of limits that ordinary clients can reach.
func limits() []*scenario {
	hold := func(url func(at *place) string) func(t *testing.T, at *place) {
		return func(t *testing.T, at *place) {
			t.Helper()
			c, err := rtmp.Dial(t.Context(), url(at), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			if _, err := c.Play(t.Context(), "cam", rtmp.PlayOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	direct := func(at *place) string { return "rtmp://" + at.server.rtmp + "/live" }
	relayed := func(at *place) string { return at.url() }
	closed := map[app.Stage]status.Code{app.StageConnection: status.ConnectClosed}
	during := []app.Stage{app.StageConnection}
	encoders := map[*client]string{rtmpdump: "cannot publish"}
	return []*scenario{
		{title: "More connections than the server takes", what: "Another client has the only place.",
			cause: app.CauseLimit, xStatus: 409, rule: "connections", server: "limits: {connections: 1}", stages: onConnect, first: hold(direct)},
		{title: "More connections from one address", what: "Another client of the same address has the only place.",
			cause: app.CauseLimit, xStatus: 409, rule: "connections_per_ip", server: "exempt_networks: []\nlimits: {connections_per_ip: 1}",
			stages: onConnect, before: hold(relayed)},
		{title: "Properties that are too long", what: "The client's `tcUrl` is longer than `property_bytes`.",
			cause: app.CauseLimit, xStatus: 409, rule: "property_bytes", server: "limits: {property_bytes: 20}", stages: onConnect},
		{title: "More players than a stream has", what: "Another player has the only place.",
			cause: app.CauseLimit, xStatus: 409, rule: "players_per_stream", server: "limits: {players_per_stream: 1}", stages: onPlay, first: hold(direct)},
		{title: "Pictures that are too large", what: "A message is longer than `message_bytes`.",
			cause: app.CauseLimit, xStatus: 409, rule: "message_bytes", server: "limits: {message_bytes: 1KiB}", stages: during, code: closed, cannot: encoders},
		{title: "Too many messages", what: "The publisher sends more than `media_rate` messages a second.",
			cause: app.CauseLimit, xStatus: 409, rule: "media_rate", server: "limits: {media_rate: 4}", stages: during, code: closed, cannot: encoders},
	}
}
