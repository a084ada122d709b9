package refusals

import (
	"context"
	"testing"
	"time"

	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

// names are the scenarios of applications and streams.
func names() []*scenario {
	return []*scenario{
		{title: "To an application that is not there", what: "No application of the configuration has the name.",
			cause: app.CauseUnknownApp, xStatus: 404, application: "{}", stages: onConnect, obs: true,
			ask: func(g *target) { g.app = "nosuch" }},
		{title: "To an application that cannot be", what: "The application's name leaves its folder.",
			cause: app.CauseBadName, xStatus: 400, application: "{}", stages: onConnect, code: map[app.Stage]status.Code{app.StageConnect: status.ConnectInvalidApp},
			ask:   func(g *target) { g.app, g.explicit = "..", true },
			shows: map[*client]string{gstreamer: "NetConnection.Connect.InvalidApp"}},
		{title: "With a name that cannot be", what: "The stream's name leaves its folder.",
			cause: app.CauseBadName, xStatus: 400, application: "{}", stages: onBoth, code: map[app.Stage]status.Code{app.StagePublish: status.PublishBadName},
			ask: func(g *target) { g.stream, g.explicit = "../cam", true }},
		{title: "With a name that is taken", what: "Another publisher has the name, and shows that it lives.",
			cause: app.CauseBusyName, xStatus: 409, application: "{}", stages: onPublish, obs: true, code: map[app.Stage]status.Code{app.StagePublish: status.PublishBadName},
			first: func(t *testing.T, at *place) { publishUntilEnd(t, "rtmp://"+at.server.rtmp+"/"+at.app, "cam") }},
		{title: "A recording that is not there", what: "The player asks for a recorded stream (start ≥ 0), and there is neither one nor a live one.",
			cause: app.CauseNotFound, xStatus: 404, application: "{}", stages: onPlay, code: map[app.Stage]status.Code{app.StagePlay: status.PlayStreamNotFound},
			ask: func(g *target) {
				g.rtmpdump, g.ffmpeg = []string{}, []string{"-rtmp_live", "recorded"}
			},
			cannot: map[*client]string{gstreamer: "rtmp2src asks for live streams only, and waits for a publisher"}},
		{title: "To an application that has moved", what: "The application is a `redirect`; the URL to go to is in `ex.redirect`, which old Flash players follow.",
			cause: app.CauseRedirect, xStatus: 302, application: "redirect: rtmp://media.example.com/live", stages: onConnect},
	}
}

// publishUntilEnd publishes a byte now and then until the test ends.
func publishUntilEnd(t *testing.T, url, name string) *rtmp.NetStream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c, err := rtmp.Dial(ctx, url, nil)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ns, err := c.Publish(ctx, name)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		begin := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = ns.WriteAudio(ctx, uint32(time.Since(begin).Milliseconds()), []byte{0x2f, 0xff, 0xfb, 0x90})
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done; _ = c.Close() })
	return ns
}
