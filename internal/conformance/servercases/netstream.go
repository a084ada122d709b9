package servercases

import (
	"fmt"
	"slices"

	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

func netStream() []judge.Case {
	return section("netstream", "NetStream", slices.Concat(publishing(), playback(), []judge.Case{
		{Case: about("status-stream", "", required, "statuses travel on their stream",
			"Statuses of publish and play travel on the message stream of the NetStream.",
			"RTMP 1.0 §7.2.2; GStreamer ignores them anywhere else"), Run: statusStream},
		{Case: about("status-transaction", "", required, "statuses have transaction ID 0",
			"onStatus has transaction ID 0 and a null command object.", "RTMP 1.0 §7.2.2"), Run: statusTransaction},
		{Case: about("status-details", "", optional, "details and clientid",
			"Play.Reset and Play.Start name the stream in details and the client in clientid.", fmsCapture), Run: statusDetails},
	}))
}

func publishing() []judge.Case {
	return []judge.Case{
		{Case: about("publish-start", "NetStream.Publish.Start", required, "publishing begins",
			"An accepted publish is answered by onStatus of level status and code NetStream.Publish.Start.",
			"RTMP 1.0 §7.2.2.6; FFmpeg, OBS Studio and GStreamer wait for it"), Run: publishStart},
		{Case: about("publish-badname", "NetStream.Publish.BadName", recommended, "the name is being published",
			"A publish of a name that a living publisher has is answered by onStatus, level error, code NetStream.Publish.BadName.",
			asReference+"; OBS Studio and GStreamer act on it"), Run: publishBadName},
		{Case: about("publish-denied", "NetStream.Publish.Denied", recommended, "publishing is not allowed",
			"A publish that is not allowed is answered by onStatus, level error, code NetStream.Publish.Denied (or NetStream.Publish.Rejected).",
			"OBS Studio and GStreamer act on it"), Run: publishDenied},
		{Case: about("unpublish-success", "NetStream.Unpublish.Success", recommended, "publishing ends",
			"closeStream of a publisher is answered by onStatus of level status and code NetStream.Unpublish.Success.",
			"RTMPy; servers that copied captures of Flash Media Server"), Run: unpublishSuccess},
		{Case: about("record", "NetStream.Record.Start", optional, "recording is asked for",
			"A publish of type record is told by onStatus what becomes of the recording: NetStream.Record.Start, or Record.NoAccess or Record.Failed of level error.",
			asReference), Run: publishRecord},
	}
}

// published opens a publisher.
func published(t *judge.Trial, name string) (*judge.Conn, uint32, error) {
	c, err := t.Join("publisher")
	if err != nil {
		return nil, 0, err
	}
	id, err := c.StartPublish(name)
	return c, id, err
}

// played opens a player.
func played(t *judge.Trial, name string) (*judge.Conn, uint32, error) {
	c, err := t.Join("player")
	if err != nil {
		return nil, 0, err
	}
	id, err := c.StartPlay(name)
	return c, id, err
}

// status is the case of a status that must come, of a level.
func status(c *judge.Conn, code, family, level string) error {
	h, err := c.Status(code, family)
	if err != nil {
		return err
	}
	return h.Level(level)
}

func publishStart(t *judge.Trial) error {
	c, _, err := published(t, t.Stream(""))
	if err != nil {
		return err
	}
	return status(c, "NetStream.Publish.Start", "NetStream.Publish.", "status")
}

func publishBadName(t *judge.Trial) error {
	name := t.Stream("")
	a, id, err := published(t, name)
	if err != nil {
		return err
	}
	if err := sendHeaders(a, id); err != nil {
		return err
	}
	b, err := t.Join("second publisher")
	if err != nil {
		return err
	}
	second, err := b.CreateStream()
	if err != nil {
		return err
	}
	if err := b.Command(second, &wire.Command{Name: "publish", Transaction: b.NextTransaction(), Args: []any{name, "live"}}); err != nil {
		return err
	}
	// The first publisher shows that it lives, as encoders do all the time.
	for i := range 8 {
		if err := a.Send(audio(id, uint32(40+20*i), 1)); err != nil {
			return err
		}
		if i < 4 {
			if err := a.Barrier(); err != nil {
				return err
			}
		}
	}
	return status(b, "NetStream.Publish.BadName", "NetStream.Publish.", "error")
}

func publishDenied(t *judge.Trial) error {
	if t.NoPublishApp == "" {
		return judge.Needs("an application that lets nobody publish (--no-publish-app NAME)")
	}
	c, err := t.Open("")
	if err != nil {
		return err
	}
	if err := c.JoinApp(t.NoPublishApp); err != nil {
		return err
	}
	id, err := c.CreateStream()
	if err != nil {
		return err
	}
	if err := c.Command(id, &wire.Command{Name: "publish", Transaction: c.NextTransaction(), Args: []any{t.Stream(""), "live"}}); err != nil {
		return err
	}
	h, err := c.Await("onStatus NetStream.Publish.Denied", func(h *judge.Heard) bool { return h.IsStatus("NetStream.") })
	if err != nil {
		return err
	}
	if code := h.Cmd.Code(); code != "NetStream.Publish.Denied" && code != "NetStream.Publish.Rejected" {
		c.End() // what follows is for the transcript
		return judge.Differs("onStatus NetStream.Publish.Denied", wire.Describe(h.Message))
	}
	return h.Level("error")
}

func unpublishSuccess(t *judge.Trial) error {
	c, id, err := published(t, t.Stream(""))
	if err != nil {
		return err
	}
	if err := c.Command(id, &wire.Command{Name: "closeStream", Transaction: 0}); err != nil {
		return err
	}
	return status(c, "NetStream.Unpublish.Success", "NetStream.Unpublish.", "status")
}

func publishRecord(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	id, err := c.CreateStream()
	if err != nil {
		return err
	}
	if err := c.Publish(id, t.Stream(""), "record"); err != nil {
		return err
	}
	h, err := c.Await("onStatus NetStream.Record.…", func(h *judge.Heard) bool { return h.IsStatus("NetStream.Record.") })
	if err != nil {
		return err
	}
	if h.Cmd.Code() == "NetStream.Record.Start" {
		return h.Level("status")
	}
	return h.Level("error")
}

func statusStream(t *judge.Trial) error {
	name := t.Stream("")
	p, id, err := published(t, name)
	if err != nil {
		return err
	}
	c, second, err := played(t, name)
	if err != nil {
		return err
	}
	for _, of := range []struct {
		c  *judge.Conn
		id uint32
	}{{p, id}, {c, second}} {
		for _, h := range of.c.All() {
			if h.IsStatus("NetStream.") && h.StreamID != of.id {
				return judge.Differs(fmt.Sprintf("message stream %d", of.id), fmt.Sprintf("message stream %d: %s", h.StreamID, wire.Describe(h.Message)))
			}
		}
	}
	return nil
}

func statusTransaction(t *judge.Trial) error {
	c, _, err := playing(t)
	if err != nil {
		return err
	}
	if _, err := c.Find(func(h *judge.Heard) bool { return h.IsStatus() }); err != nil {
		return judge.Needs("a server that sends a status when it is asked to play")
	}
	for _, h := range c.All() {
		if h.IsStatus() && (h.Cmd.Transaction != 0 || h.Cmd.Object != nil) {
			return judge.Differs("onStatus 0 null", wire.Describe(h.Message))
		}
	}
	return nil
}

func statusDetails(t *judge.Trial) error {
	c, _, err := playing(t)
	if err != nil {
		return err
	}
	h, err := c.Status("NetStream.Play.Start", "NetStream.Play.Start")
	if err != nil {
		return err
	}
	_, has := h.Cmd.Info().Get("clientid")
	if h.Cmd.Info().Text("details") == "" || !has {
		return judge.Differs("details and clientid", judge.Keys(h.Cmd.Info()))
	}
	return nil
}
