package refusals

import (
	"testing"

	"penstock/app"
	"penstock/rtmp"
)

// quotas are the scenarios of what the clients of an application, of an address and of a user can do together.
func quotas() []*scenario {
	const key = "3f1c0a5be2d94c7786a1f0e4b9d25c68"
	withKey := func(action string) string { return action + ": {keys: {camera: {key: " + key + "}}}\n" }
	stages := map[string][]app.Stage{"connections": onConnect, "publishers": onPublish, "players": onPlay}
	does := map[string]action{"connections": playing, "publishers": publishing, "players": playing}
	rules := map[string]string{"connections": "connect", "publishers": "publish", "players": "play"}
	var list []*scenario
	add := func(title, what, limit, more string, s scenario) {
		s.title, s.what, s.cause, s.xStatus = title, what, app.CauseLimit, 409
		s.rule = "apps.live.limits." + limit
		s.application = more + "limits: {" + limit + ": 1}"
		list = append(list, &s)
	}
	for _, what := range []string{"connections", "publishers", "players"} {
		add("More "+what+" than the application takes", "`limits."+what+"` of the application is 1, and another client has the place.",
			what, "", scenario{stages: stages[what], first: occupy(false, does[what], "")})
		add("More "+what+" than the application takes from one address", "Another client of the same address has the place.",
			what+"_per_ip", "", scenario{stages: stages[what], before: occupy(true, does[what], "")})
		add("More "+what+" than the application takes of one user", "Another client with the same key, from another address, has the place.",
			what+"_per_user", withKey(rules[what]), scenario{stages: stages[what], query: "key=" + key, first: occupyAs(what, "?key="+key)})
	}
	lost := map[*client]string{gstreamer: "connection closed remotely"} // it reads no status after publish
	bits := func(title, what, limit string) {
		add(title, what, limit, "", scenario{stages: onPublish, cannot: map[*client]string{rtmpdump: "cannot publish"}, shows: lost})
		s := list[len(list)-1]
		s.application = "limits: {" + limit + ": 1000}"
	}
	bits("More bits than a stream may have", "The stream has more than `limits.bitrate` of the application, measured over five seconds.", "bitrate")
	bits("More bits than an application's streams may have", "All streams together have more than `limits.bitrate_total`; the newest is ended.", "bitrate_total")
	bits("More bits than the streams of one address may have", "They have more than `limits.bitrate_per_ip` together.", "bitrate_per_ip")
	add("More connects in a second than the application takes", "`limits.connect_rate` is used up.", "connect_rate", "", scenario{stages: onConnect, first: connectAway(false)})
	list[len(list)-1].application = "limits: {connect_rate: 0.01}"
	add("More connects in a second than the application takes from one address", "`limits.connect_rate_per_ip` is used up.",
		"connect_rate_per_ip", "", scenario{stages: onConnect, before: connectAway(true)})
	list[len(list)-1].application = "limits: {connect_rate_per_ip: 0.01}"
	return list
}

// occupyAs is occupy for a user that a key names: where connects are limited it is in the application's query.
func occupyAs(what, query string) func(t *testing.T, at *place) {
	if what == "publishers" {
		return occupy(false, publishing, query)
	}
	return occupy(false, playing, query)
}

// connectAway connects until that is refused, so that nothing is left for the client.
func connectAway(sameAddress bool) func(t *testing.T, at *place) {
	return func(t *testing.T, at *place) {
		t.Helper()
		url := "rtmp://" + at.server.rtmp + "/" + at.app
		if sameAddress {
			connectOften(t, at)
			return
		}
		for range 100 {
			c, err := rtmp.Dial(t.Context(), url, nil)
			if err != nil {
				return
			}
			_ = c.Close()
		}
		t.Error("a hundred connects in a second are taken")
	}
}
