package servercases

import (
	"fmt"

	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

func commands() []judge.Case {
	return section("commands", "Commands", []judge.Case{
		{Case: about("create-stream", "", required, "createStream", "createStream is answered by _result with null and a number of at least 1.",
			"RTMP 1.0 §7.2.1.3; FFmpeg and OBS Studio read the number behind a null"), Run: createStream},
		{Case: about("create-stream-again", "", recommended, "several message streams", "A second createStream is answered by another number.", "RTMP 1.0 §7.2.1.3"), Run: createStreamAgain},
		{Case: about("two-streams", "", recommended, "publishing and playing on one connection", "One connection can publish on one message stream and play on another.", "RTMP 1.0 §3; Flash applications"), Run: twoStreams},
		{Case: about("transaction", "", required, "transaction IDs", "The answer has the transaction ID of the command, whatever number that is.", "RTMP 1.0 §7.1.1"), Run: transaction},
		{Case: about("no-answer", "", recommended, "transaction ID 0", "A call with transaction ID 0 is not answered.", "RTMP 1.0 §7.2.1.2"), Run: noAnswer},
		{Case: about("pipelined", "", required, "releaseStream, FCPublish and createStream at once", "An encoder that sends releaseStream, FCPublish and createStream without waiting gets its message stream.",
			"OBS Studio, FFmpeg"), Run: pipelined},
		{Case: about("release-stream", "", recommended, "releaseStream", "releaseStream is answered by _result or _error.", "RTMP 1.0 §7.1.1; encoders of the FMLE family"),
			Run: func(t *judge.Trial) error { return isAnswered(t, "releaseStream") }},
		{Case: about("fcpublish", "", recommended, "FCPublish", "FCPublish is answered by _result or _error.", "RTMP 1.0 §7.1.1; encoders of the FMLE family"),
			Run: func(t *judge.Trial) error { return isAnswered(t, "FCPublish") }},
		{Case: about("onfcpublish", "", optional, "onFCPublish", "FCPublish is followed by the command onFCPublish with code NetStream.Publish.Start.", "encoders of the FMLE family wait for it"),
			Run: func(t *judge.Trial) error {
				return isFollowed(t, "FCPublish", "onFCPublish", "NetStream.Publish.Start")
			}},
		{Case: about("onfcsubscribe", "", optional, "onFCSubscribe", "FCSubscribe is followed by the command onFCSubscribe with code NetStream.Play.Start.", "captures of Flash Media Server at Akamai"),
			Run: func(t *judge.Trial) error {
				return isFollowed(t, "FCSubscribe", "onFCSubscribe", "NetStream.Play.Start")
			}},
		{Case: about("get-stream-length", "", recommended, "getStreamLength", "getStreamLength is answered by _result or _error.", "FFmpeg asks before it plays"),
			Run: func(t *judge.Trial) error { return isAnswered(t, "getStreamLength") }},
		{Case: about("checkbw", "", optional, "_checkbw", "_checkbw is answered by _result or _error.", "FFmpeg and rtmpdump send it"),
			Run: func(t *judge.Trial) error { return isAnswered(t, "_checkbw") }},
		{Case: about("onbwdone", "", optional, "onBWDone", "connect is followed by the command onBWDone.", fmsCapture+"; old players wait for it"), Run: bwDone},
		{Case: about("publish-type", "", recommended, "publish without a type", "A publish without a type is taken to be live.", "cameras"), Run: publishNoType},
		{Case: about("publish-query", "", required, "a stream name with a query", "A stream published as NAME?key=value can be played as NAME.", "keys and tokens of today's encoders"), Run: publishQuery},
		{Case: about("play-numbers", "", recommended, "play with all arguments", "play with start, length and a numeric reset is accepted.", "RTMP 1.0 §7.2.2.1"), Run: playNumbers},
		{Case: about("delete-name", "", recommended, "deleteStream of a name", "deleteStream with a name instead of a number does no harm.", "GStreamer sends it"), Run: deleteName},
		{Case: about("undefined-object", "", recommended, "undefined as command object", "A command whose object is undefined is answered.", "RTMP 1.0 §7.1.1; old Flash clients"), Run: undefinedObject},
		{Case: about("close-and-publish", "", recommended, "a message stream is used again", "After closeStream the same message stream can publish again.", "NetStream.close() of Flash"), Run: closeAndPublish},
		{Case: about("before-connect", "", optional, "a command before connect", "A command before connect is answered by _error, or ends the connection.", "RTMP 1.0 §7.2.1.1"), Run: beforeConnect},
	})
}

func createStream(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	h, err := c.Ask("createStream")
	if err != nil {
		return err
	}
	if n, ok := wire.Number(h.Cmd.Arg(0)); h.Cmd.Name != "_result" || h.Cmd.Object != nil || !ok || n < 1 || n != float64(uint32(n)) {
		return judge.Differs("_result, null, a whole number of at least 1", wire.Describe(h.Message))
	}
	return nil
}

func createStreamAgain(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	a, err := c.Ask("createStream")
	if err != nil {
		return err
	}
	b, err := c.Ask("createStream")
	if err != nil {
		return err
	}
	first, _ := wire.Number(a.Cmd.Arg(0))
	if second, ok := wire.Number(b.Cmd.Arg(0)); !ok || first == second {
		return judge.Differs("another number than "+wire.Format(a.Cmd.Arg(0)), wire.Describe(b.Message))
	}
	return nil
}

func twoStreams(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	id, err := c.StartPublish(t.Stream(""))
	if err != nil {
		return err
	}
	if err := sendHeaders(c, id); err != nil {
		return err
	}
	player, err := c.CreateStream()
	if err != nil {
		return err
	}
	if player == id {
		return judge.Differs("two message streams", fmt.Sprintf("number %d twice", id))
	}
	if err := c.Play(player, t.Stream(""), -2000); err != nil {
		return err
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	return relay(c, c, "its own key frame", picture(id, 40, true, 8))
}

func transaction(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	for _, txn := range []float64{7, 4294967298, 1000000.5, 7} {
		if err := c.Command(0, &wire.Command{Name: "createStream", Transaction: txn}); err != nil {
			return err
		}
		h, err := c.Await(fmt.Sprintf("an answer to transaction %v", txn), func(h *judge.Heard) bool { return h.Named("_result") || h.Named("_error") })
		if err != nil {
			return err
		}
		if h.Cmd.Transaction != txn {
			return judge.Differs(fmt.Sprintf("transaction %v", txn), wire.Describe(h.Message))
		}
	}
	return nil
}

func noAnswer(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	if err := c.Command(0, &wire.Command{Name: "penstockCheckNoSuchMethod", Transaction: 0, Args: []any{1.0}}); err != nil {
		return err
	}
	return c.Never("no answer", func(h *judge.Heard) bool { return h.Answers(0) })
}

func pipelined(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	name := t.Stream("")
	var b []byte
	for i, cmd := range []*wire.Command{{Name: "releaseStream", Args: []any{name}}, {Name: "FCPublish", Args: []any{name}}, {Name: "createStream"}} {
		cmd.Transaction = float64(2 + i)
		b = wire.AppendMessage(b, wire.CommandMessage(c.Encoding == 3, 0, cmd), wire.Cutting{})
	}
	if err := c.SendRaw(b, "releaseStream 2, FCPublish 3 and createStream 4 in one segment"); err != nil {
		return err
	}
	return answered(c, 4, "createStream behind releaseStream and FCPublish")
}

func isAnswered(t *judge.Trial, name string) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	_, err = c.Ask(name, t.Stream(""))
	return err
}

func isFollowed(t *judge.Trial, name, by, code string) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	if err := c.Command(0, &wire.Command{Name: name, Transaction: c.NextTransaction(), Args: []any{t.Stream("")}}); err != nil {
		return err
	}
	h, err := c.Await(by, func(h *judge.Heard) bool { return h.Named(by) })
	if err != nil {
		return err
	}
	if h.Cmd.Code() != code {
		return judge.Differs("code "+code, wire.Describe(h.Message))
	}
	return nil
}

func bwDone(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	_, err = c.Await("onBWDone", func(h *judge.Heard) bool { return h.Named("onBWDone") })
	return err
}

func publishNoType(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	id, err := c.CreateStream()
	if err != nil {
		return err
	}
	if err := c.Publish(id, t.Stream("")); err != nil {
		return err
	}
	return status(c, "NetStream.Publish.Start", "NetStream.", "status")
}

func publishQuery(t *judge.Trial) error {
	name := t.Stream("")
	p, id, err := published(t, name+"?key=penstock-check&n=1")
	if err != nil {
		return err
	}
	if err := sendHeaders(p, id); err != nil {
		return err
	}
	c, _, err := played(t, name)
	if err != nil {
		return err
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	return relay(p, c, "a key frame", picture(id, 40, true, 2))
}

func playNumbers(t *judge.Trial) error {
	name := t.Stream("")
	if _, _, err := published(t, name); err != nil {
		return err
	}
	c, err := t.Join("player")
	if err != nil {
		return err
	}
	id, err := c.CreateStream()
	if err != nil {
		return err
	}
	if err := c.Play(id, name, -2, -1, 1); err != nil {
		return err
	}
	return status(c, "NetStream.Play.Start", "NetStream.Play.Start", "status")
}

func deleteName(t *judge.Trial) error {
	c, _, err := published(t, t.Stream(""))
	if err != nil {
		return err
	}
	if err := c.Command(0, &wire.Command{Name: "deleteStream", Transaction: c.NextTransaction(), Args: []any{t.Stream("")}}); err != nil {
		return err
	}
	return c.Barrier()
}

func undefinedObject(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	txn := c.NextTransaction()
	if err := c.Command(0, &wire.Command{Name: "createStream", Transaction: txn, Object: wire.Undefined{}}); err != nil {
		return err
	}
	return answered(c, txn, "createStream with undefined as object")
}

func closeAndPublish(t *judge.Trial) error {
	c, id, err := published(t, t.Stream("a"))
	if err != nil {
		return err
	}
	if err := c.Command(id, &wire.Command{Name: "closeStream"}); err != nil {
		return err
	}
	if _, err := c.Find(func(h *judge.Heard) bool { return h.IsStatus("NetStream.Publish.Start") }); err != nil {
		return judge.Needs("a server that tells that publishing has begun")
	}
	if err := c.Publish(id, t.Stream("b"), "live"); err != nil {
		return err
	}
	return status(c, "NetStream.Publish.Start", "NetStream.Publish.", "status")
}

func beforeConnect(t *judge.Trial) error {
	c, err := t.Open("")
	if err != nil {
		return err
	}
	if err := c.Command(0, &wire.Command{Name: "createStream", Transaction: 2}); err != nil {
		return err
	}
	h, err := c.Find(func(h *judge.Heard) bool { return h.Answers(2) })
	switch {
	case err != nil && c.End() == "":
		return judge.Fails("_error, or the end of the connection", "nothing")
	case err == nil && h.Cmd.Name != "_error":
		return judge.Differs("_error", wire.Describe(h.Message))
	}
	return nil
}
