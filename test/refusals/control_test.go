package refusals

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"penstock/app"
	"penstock/status"
	"penstock/test/process"
)

// post asks the server's API for something, as its operator does.
func (s *server) post(t *testing.T, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode/100 != 2 {
		t.Fatalf("POST %s: %s\n%s", path, resp.Status, answer)
	}
}

// operators are the scenarios in which somebody who runs the server steps in.
func operators() []*scenario {
	during := []app.Stage{app.StageConnection}
	lost := map[*client]string{gstreamer: "connection closed remotely"}
	stopsPlaying := map[*client]string{gstreamer: "", rtmpdump: "NetStream.Play.Failed"}
	return []*scenario{
		{title: "From an address that is blocked", what: "The operator has blocked the address (`POST /api/v1/blocks`), with words of their own.",
			cause: app.CauseOperator, xStatus: 403, rule: app.RuleBlock, application: "{}", stages: onConnect,
			before: func(t *testing.T, at *place) {
				at.server.post(t, "/blocks", `{"network": "`+at.relay.ip+`", "seconds": 60, "text": "You are blocked until Monday: call 555 0100."}`)
			}},
		{title: "Kicked while it publishes", what: "The operator ends the session (`POST /api/v1/sessions/ID/kick`), with words of their own.",
			cause: app.CauseOperator, xStatus: 403, rule: app.RuleKick, application: "{}", stages: during,
			code:   map[app.Stage]status.Code{app.StageConnection: status.ConnectClosed},
			during: once("publishing", kick), cannot: map[*client]string{rtmpdump: "cannot publish"}, shows: lost},
		{title: "Kicked while it plays", what: "The same with a player.",
			cause: app.CauseOperator, xStatus: 403, rule: app.RuleKick, application: "{}", stages: during,
			actions: map[*client]action{ffmpeg: playing, gstreamer: playing},
			code:    map[app.Stage]status.Code{app.StageConnection: status.ConnectClosed},
			during:  once("playing", kick), shows: stopsPlaying, fine: map[*client]bool{gstreamer: true, rtmpdump: true}},
		{title: "Its name is taken away", what: "The operator releases the name (`POST /api/v1/streams/release`), so that another can publish under it.",
			cause: app.CauseOperator, xStatus: 403, rule: app.RuleRelease, application: "{}", stages: onPublish, shows: lost,
			during: once("publishing", func(t *testing.T, at *place) {
				at.server.post(t, "/streams/release", `{"stream": "`+at.app+`/cam", "text": "The other camera is on the air now."}`)
			})},
		{title: "To an application that is stopped", what: "The operator has unloaded the application (`POST /api/v1/apps/live/unload`).",
			cause: app.CauseShutdown, xStatus: 302, application: "{}", stages: onConnect,
			code:  map[app.Stage]status.Code{app.StageConnect: status.ConnectAppShutdown},
			first: func(t *testing.T, at *place) { at.server.post(t, "/apps/"+at.app+"/unload", "{}") },
			shows: map[*client]string{gstreamer: "NetConnection.Connect.AppShutdown"}},
	}
}

func kick(t *testing.T, at *place) {
	at.server.post(t, "/sessions/"+at.session()+"/kick", `{"text": "The hall is closing: good night."}`)
}

// once does something as soon as the log says what the client does.
func once(does string, do func(t *testing.T, at *place)) func(t *testing.T, at *place, p *process.Process) {
	return func(t *testing.T, at *place, _ *process.Process) {
		t.Helper()
		until(t, 20*time.Second, at.client.name+" is "+does, func() bool { return at.server.log.has(does, at.session()) })
		do(t, at)
	}
}
