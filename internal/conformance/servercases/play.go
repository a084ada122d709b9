package servercases

import (
	"strings"

	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

func playback() []judge.Case {
	return []judge.Case{
		{Case: about("play-reset", "NetStream.Play.Reset", recommended, "the playlist is cleared",
			"A play with reset is answered by onStatus of level status and code NetStream.Play.Reset before NetStream.Play.Start.",
			"RTMP 1.0 §7.2.2.1; "+fmsCapture), Run: playReset},
		{Case: about("play-start", "NetStream.Play.Start", required, "playing begins",
			"An accepted play is answered by onStatus of level status and code NetStream.Play.Start.",
			"RTMP 1.0 §7.2.2.1; FFmpeg and rtmpdump wait for it"), Run: playStart},
		{Case: about("play-streamnotfound", "NetStream.Play.StreamNotFound", recommended, "there is no such recorded stream",
			"A play of a recorded stream (start 0) that does not exist is answered by onStatus, level error, code NetStream.Play.StreamNotFound.",
			"RTMP 1.0 §7.2.2.1; FMS captures"), Run: playStreamNotFound},
		{Case: about("play-failed", "NetStream.Play.Failed", optional, "playing is not allowed",
			"A play that is not allowed is answered by onStatus, level error, code NetStream.Play.Failed.",
			asReference), Run: playFailed},
		{Case: about("play-publishnotify", "NetStream.Play.PublishNotify", recommended, "a publisher appears",
			"A client that plays a live stream nobody publishes yet is told NetStream.Play.PublishNotify, level status, when a publisher appears.",
			fmsCapture), Run: publishNotify},
		{Case: about("play-unpublishnotify", "NetStream.Play.UnpublishNotify", recommended, "the publisher leaves",
			"Players are told NetStream.Play.UnpublishNotify, level status, when the publisher leaves.",
			fmsCapture+"; FFmpeg ends on it"), Run: unpublishNotify},
		{Case: about("play-end", "", required, "players learn that the stream ended",
			"When the publisher leaves, players learn it: by NetStream.Play.UnpublishNotify, Play.Stop or Play.Complete, by StreamEOF, or by the end of the connection.",
			"RTMP 1.0 §7.1.7; FMS captures"), Run: playEnd},
		{Case: about("play-stop", "NetStream.Play.Stop", optional, "playing is stopped by the player",
			"play(false) is answered by onStatus of level status and code NetStream.Play.Stop.",
			fmsCapture), Run: playStop},
		{Case: about("pause-notify", "NetStream.Pause.Notify", recommended, "pause",
			"pause(true) is answered by onStatus of level status and code NetStream.Pause.Notify.",
			"RTMP 1.0 §7.2.2.8"), Run: pauseNotify},
		{Case: about("unpause-notify", "NetStream.Unpause.Notify", recommended, "the end of a pause",
			"pause(false) is answered by onStatus of level status and code NetStream.Unpause.Notify.",
			"RTMP 1.0 §7.2.2.8 (whose text says Unpause.Notify)"), Run: unpauseNotify},
		{Case: about("seek", "NetStream.Seek.Notify", optional, "a live stream is sought",
			"seek on a live stream is answered by onStatus NetStream.Seek.Notify, or by NetStream.Seek.Failed of level error.",
			"RTMP 1.0 §7.2.2.7"), Run: seekLive},
		{Case: about("seek-invalidarg", "NetStream.InvalidArg", optional, "seek to what is no time",
			"seek with an argument that is no number is answered by onStatus, level error, code NetStream.InvalidArg (or NetStream.Seek.Failed).",
			"RTMPy wiki, NetStream messages"), Run: seekInvalid},
		{Case: about("data-start", "NetStream.Data.Start", optional, "data begins",
			"A live play is followed by the data message onStatus with code NetStream.Data.Start.",
			fmsCapture+" (some servers leave it out on purpose: FFmpeg then sees one stream more)"), Run: dataStart},
		{Case: about("sample-access", "", optional, "what may be sampled",
			"A live play is followed by the data message |RtmpSampleAccess with two booleans.", fmsCapture), Run: sampleAccess},
	}
}

// playing is a player of a stream that is published.
func playing(t *judge.Trial) (player *judge.Conn, id uint32, err error) {
	name := t.Stream("")
	if _, _, err := published(t, name); err != nil {
		return nil, 0, err
	}
	return played(t, name)
}

func playReset(t *judge.Trial) error {
	c, _, err := playing(t)
	if err != nil {
		return err
	}
	if err := status(c, "NetStream.Play.Reset", "NetStream.Play.Reset", "status"); err != nil {
		return err
	}
	reset := false
	for _, h := range c.All() {
		reset = reset || h.IsStatus("NetStream.Play.Reset")
		if h.IsStatus("NetStream.Play.Start") && !reset {
			return judge.Differs("Play.Reset before Play.Start", "Play.Start before Play.Reset")
		}
	}
	return nil
}

func playStart(t *judge.Trial) error {
	c, _, err := playing(t)
	if err != nil {
		return err
	}
	return status(c, "NetStream.Play.Start", "NetStream.Play.Start", "status")
}

func playStreamNotFound(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	id, err := c.CreateStream()
	if err != nil {
		return err
	}
	if err := c.Command(id, &wire.Command{Name: "play", Transaction: c.NextTransaction(), Args: []any{t.Stream("missing"), 0}}); err != nil {
		return err
	}
	h, err := c.Await("onStatus NetStream.Play.StreamNotFound", func(h *judge.Heard) bool {
		return h.IsStatus("NetStream.Play.StreamNotFound", "NetStream.Play.Failed", "NetStream.Play.Start", "NetStream.Failed")
	})
	if err != nil {
		return err
	}
	if h.Cmd.Code() != "NetStream.Play.StreamNotFound" {
		return judge.Differs("onStatus NetStream.Play.StreamNotFound", wire.Describe(h.Message))
	}
	return h.Level("error")
}

func playFailed(t *judge.Trial) error {
	if t.NoPlayApp == "" {
		return judge.Needs("an application that lets nobody play (--no-play-app NAME)")
	}
	c, err := t.Open("")
	if err != nil {
		return err
	}
	if err := c.JoinApp(t.NoPlayApp); err != nil {
		return err
	}
	id, err := c.CreateStream()
	if err != nil {
		return err
	}
	if err := c.Command(id, &wire.Command{Name: "play", Transaction: c.NextTransaction(), Args: []any{t.Stream(""), -2000}}); err != nil {
		return err
	}
	return status(c, "NetStream.Play.Failed", "NetStream.", "error")
}

func publishNotify(t *judge.Trial) error {
	name := t.Stream("")
	c, _, err := played(t, name)
	if err != nil {
		return err
	}
	p, id, err := published(t, name)
	if err != nil {
		return err
	}
	if err := sendHeaders(p, id); err != nil {
		return err
	}
	return status(c, "NetStream.Play.PublishNotify", "NetStream.Play.PublishNotify", "status")
}

// abandoned is a player whose publisher has just left.
func abandoned(t *judge.Trial) (*judge.Conn, error) {
	name := t.Stream("")
	p, id, err := published(t, name)
	if err != nil {
		return nil, err
	}
	if err := sendHeaders(p, id); err != nil {
		return nil, err
	}
	c, _, err := played(t, name)
	if err != nil {
		return nil, err
	}
	if err := steps(
		func() error { return p.Send(picture(id, 40, true, 9), audio(id, 40, 9)) },
		c.Barrier,
		func() error {
			return p.Command(0, &wire.Command{Name: "deleteStream", Transaction: p.NextTransaction(), Args: []any{float64(id)}})
		},
		p.Barrier,
	); err != nil {
		return nil, err
	}
	p.Close()
	return c, nil
}

func unpublishNotify(t *judge.Trial) error {
	c, err := abandoned(t)
	if err != nil {
		return err
	}
	return status(c, "NetStream.Play.UnpublishNotify", "NetStream.Play.UnpublishNotify", "status")
}

func playEnd(t *judge.Trial) error {
	c, err := abandoned(t)
	if err != nil {
		return err
	}
	_, err = c.Find(func(h *judge.Heard) bool {
		event, _, ok := h.Event()
		name := ""
		if h.Cmd != nil {
			name = h.Cmd.Code()
		}
		return ok && event == wire.EventStreamEOF || strings.HasPrefix(name, "NetStream.Play.Unpublish") || name == "NetStream.Play.Stop" || name == "NetStream.Play.Complete"
	})
	if err != nil && c.End() == "" {
		return judge.Fails("a word that the stream has ended", "nothing")
	}
	return nil
}

func playStop(t *judge.Trial) error {
	c, id, err := playing(t)
	if err != nil {
		return err
	}
	if err := c.Command(id, &wire.Command{Name: "play", Transaction: 0, Args: []any{false}}); err != nil {
		return err
	}
	return status(c, "NetStream.Play.Stop", "NetStream.Play.Stop", "status")
}

func pauseNotify(t *judge.Trial) error {
	c, id, err := playing(t)
	if err != nil {
		return err
	}
	if err := c.Command(id, &wire.Command{Name: "pause", Transaction: c.NextTransaction(), Args: []any{true, 0}}); err != nil {
		return err
	}
	return status(c, "NetStream.Pause.Notify", "NetStream.Pause.", "status")
}

func unpauseNotify(t *judge.Trial) error {
	c, id, err := playing(t)
	if err != nil {
		return err
	}
	for _, on := range []bool{true, false} {
		if err := c.Command(id, &wire.Command{Name: "pause", Transaction: c.NextTransaction(), Args: []any{on, 0}}); err != nil {
			return err
		}
	}
	return status(c, "NetStream.Unpause.Notify", "NetStream.Unpause.", "status")
}

func seekLive(t *judge.Trial) error {
	return seekWith(t, 10.0, "NetStream.Seek.Notify", "NetStream.Seek.Failed")
}

func seekInvalid(t *judge.Trial) error {
	return seekWith(t, "text", "NetStream.InvalidArg", "NetStream.Seek.Failed")
}

func seekWith(t *judge.Trial, arg any, codes ...string) error {
	c, id, err := playing(t)
	if err != nil {
		return err
	}
	if err := c.Command(id, &wire.Command{Name: "seek", Transaction: c.NextTransaction(), Args: []any{arg}}); err != nil {
		return err
	}
	h, err := c.Await("onStatus "+strings.Join(codes, " or "), func(h *judge.Heard) bool { return h.IsStatus("NetStream.Seek.", "NetStream.InvalidArg") })
	if err != nil {
		return err
	}
	switch h.Cmd.Code() {
	case "NetStream.Seek.Notify":
		return h.Level("status")
	case codes[0], codes[1]:
		return h.Level("error")
	}
	return judge.Differs("onStatus "+strings.Join(codes, " or "), wire.Describe(h.Message))
}

func dataStart(t *judge.Trial) error {
	c, _, err := playing(t)
	if err != nil {
		return err
	}
	_, err = c.Await("data onStatus NetStream.Data.Start", func(h *judge.Heard) bool {
		return h.IsData() && h.Cmd != nil && h.Cmd.Name == "onStatus" && h.Cmd.Code() == "NetStream.Data.Start"
	})
	return err
}

func sampleAccess(t *judge.Trial) error {
	c, _, err := playing(t)
	if err != nil {
		return err
	}
	h, err := c.Await("data |RtmpSampleAccess", func(h *judge.Heard) bool { return h.IsData() && h.Cmd != nil && h.Cmd.Name == "|RtmpSampleAccess" })
	if err != nil {
		return err
	}
	_, a := h.Cmd.Arg(0).(bool)
	if _, b := h.Cmd.Arg(1).(bool); !a || !b {
		return judge.Differs("two booleans", wire.Describe(h.Message))
	}
	return nil
}
