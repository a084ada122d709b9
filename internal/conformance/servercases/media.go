package servercases

import (
	"bytes"
	"fmt"
	"time"

	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

func media() []judge.Case {
	return section("media", "Live media", []judge.Case{
		{Case: about("intact", "", required, "media arrives unchanged",
			"Audio and video of a publisher reach a player byte for byte and in order.", "RTMP 1.0 §7.1.4, §7.1.5"), Run: mediaIntact},
		{Case: about("large", "", required, "a key frame of 300 kB",
			"A video message of 300,000 bytes reaches a player byte for byte.", "RTMP 1.0 §5.3.1.2 (messages of up to 16,777,215 bytes)"), Run: mediaLarge},
		{Case: about("late-headers", "", required, "a late player gets the sequence headers",
			"A player that comes after the sequence headers were sent gets them before the media that needs them.",
			"FFmpeg, OBS Studio and GStreamer send them once"), Run: lateHeaders},
		{Case: about("late-metadata", "", required, "a late player gets the metadata",
			"The onMetaData that a publisher set with @setDataFrame is sent to a player that comes later, without the name @setDataFrame.",
			"RTMP 1.0 §7.1.2; "+fmsCapture), Run: lateMetadata},
		{Case: about("metadata-ecma", "", recommended, "metadata is an ECMA array",
			"onMetaData reaches players as an ECMA array: FFmpeg reads no other form.", "FFmpeg libavformat/flvdec.c"), Run: metadataECMA},
		{Case: about("first-key", "", recommended, "a late player begins with a key frame",
			"The first picture that a player gets is a key frame.", "today's players show nothing, or rubbish, until a key frame"), Run: firstKey},
		{Case: about("data", "", recommended, "timed data is relayed",
			"A data message of a publisher, such as onTextData, reaches players.", "RTMP 1.0 §7.1.2"), Run: dataRelay},
		{Case: about("empty", "", recommended, "an empty audio message does no harm",
			"An audio message without a byte, which encoders send for silence, ends neither stream nor connection.",
			"errata and addenda to RTMP 1.0"), Run: emptyMedia},
		{Case: about("name-free", "", required, "a name is free when its publisher left",
			"After deleteStream of the publisher another client can publish the name.", "RTMP 1.0 §7.2.2.3"), Run: nameFree},
		{Case: about("name-free-broken", "", required, "a name is free when its publisher broke off",
			"When a publisher's connection ends without a word, another client can publish the name within five seconds.",
			"encoders reconnect at once after a loss"), Run: nameFreeBroken},
	})
}

// Payloads of an H.264 and AAC stream: sequence headers as of an encoder, frames of one NAL unit.
var (
	videoHeader = []byte{
		0x17, 0, 0, 0, 0, 0x01, 0x4D, 0x40, 0x1F, 0xFF, 0xE1, 0x00, 0x19, 0x67, 0x4D, 0x40, 0x1F, 0xA6, 0x11, 0x02, 0x80, 0xBF, 0xE5,
		0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xC8, 0x3C, 0x60, 0xC8, 0x46, 0x01, 0x00, 0x06, 0x68, 0xE8, 0x43, 0x0F, 0x2C, 0x80,
	}
	audioHeader = []byte{0xAF, 0x00, 0x12, 0x10}
)

// pattern is n bytes that depend on seed.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*31) ^ byte(i>>8) ^ seed
	}
	return b
}

func videoMessage(id, ts uint32, payload []byte) *wire.Message {
	return &wire.Message{Type: wire.TypeVideo, CSID: 6, StreamID: id, Timestamp: ts, Payload: payload}
}

// frame is the payload of a picture with n bytes in its NAL unit.
func frame(key bool, n int, seed byte) []byte {
	head, nal := byte(0x27), byte(0x41)
	if key {
		head, nal = 0x17, 0x65
	}
	n++
	b := []byte{head, 1, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), nal}
	return append(b, pattern(n-1, seed)...)
}

func picture(id, ts uint32, key bool, seed byte) *wire.Message {
	return videoMessage(id, ts, frame(key, 400, seed))
}

func audioMessage(id, ts uint32, payload []byte) *wire.Message {
	return &wire.Message{Type: wire.TypeAudio, CSID: 4, StreamID: id, Timestamp: ts, Payload: payload}
}

func audio(id, ts uint32, seed byte) *wire.Message {
	return audioMessage(id, ts, append([]byte{0xAF, 0x01}, pattern(120, seed)...))
}

func metadata(id uint32) *wire.Message {
	o := wire.Obj("width", 640, "height", 360, "framerate", 25, "videocodecid", 7, "audiocodecid", 10, "encoder", "penstock-check")
	o.ECMA = true
	return wire.DataMessage(id, 0, "@setDataFrame", "onMetaData", o)
}

// sendHeaders sends what a stream begins with: metadata, sequence headers, a key frame.
func sendHeaders(c *judge.Conn, id uint32) error {
	return c.Send(metadata(id), videoMessage(id, 0, videoHeader), audioMessage(id, 0, audioHeader), picture(id, 0, true, 0), audio(id, 0, 0))
}

// pair is a publisher that has sent the beginning of a stream, and a player of it that has been let in.
func pair(t *judge.Trial) (p, c *judge.Conn, id uint32, err error) {
	name := t.Stream("")
	if p, id, err = published(t, name); err != nil {
		return
	}
	if err = sendHeaders(p, id); err != nil {
		return
	}
	if err = p.Barrier(); err != nil {
		return
	}
	if c, _, err = played(t, name); err != nil {
		return
	}
	// A server that is content with itself may add a player after it has answered it.
	err = c.Barrier()
	return
}

// arrives checks that exactly this payload reaches a player.
func arrives(c *judge.Conn, what string, m *wire.Message) (*judge.Heard, error) {
	return c.Await(fmt.Sprintf("%s, %d bytes, unchanged", what, len(m.Payload)), func(h *judge.Heard) bool {
		return h.Type == m.Type && bytes.Equal(h.Payload, m.Payload)
	})
}

// relay sends a message through a publisher until a player has it: a key frame follows it, because a server may hold back what
// comes before one.
func relay(p, c *judge.Conn, what string, m *wire.Message) error {
	if err := p.Send(m); err != nil {
		return err
	}
	_, err := arrives(c, what, m)
	return err
}

func mediaIntact(t *judge.Trial) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	var sent []*wire.Message
	for i := range 10 {
		ts := uint32(40 * (i + 1))
		sent = append(sent, picture(id, ts, i%5 == 0, byte(i+1)), audio(id, ts+10, byte(i+1)))
	}
	if err := p.Send(sent...); err != nil {
		return err
	}
	for i, m := range sent {
		if _, err := arrives(c, fmt.Sprintf("%s %d", wire.TypeName(m.Type), i/2), m); err != nil {
			return err
		}
	}
	last := map[uint8]uint32{}
	for _, h := range c.All() {
		if h.Type != wire.TypeVideo && h.Type != wire.TypeAudio {
			continue
		}
		if h.Timestamp < last[h.Type] {
			return judge.Differs("timestamps that do not go back", fmt.Sprintf("%s at %d ms after %d ms", wire.TypeName(h.Type), h.Timestamp, last[h.Type]))
		}
		last[h.Type] = h.Timestamp
	}
	return nil
}

func mediaLarge(t *judge.Trial) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	if err := p.Send(wire.ControlValue(wire.TypeSetChunkSize, 4096)); err != nil {
		return err
	}
	return relay(p, c, "a key frame", videoMessage(id, 40, frame(true, 300_000, 5)))
}

// late is a player that comes after the beginning of a stream, which goes on.
func late(t *judge.Trial) (*judge.Conn, error) {
	p, c, id, err := pair(t)
	if err != nil {
		return nil, err
	}
	if err := p.Send(picture(id, 40, false, 1), audio(id, 40, 1), picture(id, 80, true, 2), audio(id, 80, 2)); err != nil {
		return nil, err
	}
	_, err = arrives(c, "Video", picture(id, 80, true, 2))
	return c, err
}

func lateHeaders(t *judge.Trial) error {
	c, err := late(t)
	if err != nil {
		return err
	}
	for _, want := range []struct {
		typ    uint8
		header []byte
	}{{wire.TypeVideo, videoHeader}, {wire.TypeAudio, audioHeader}} {
		if _, err := c.Find(func(h *judge.Heard) bool { return h.Type == want.typ && len(h.Payload) > 0 }); err != nil {
			return judge.Fails("the sequence header of "+wire.TypeName(want.typ), "nothing")
		}
		for _, h := range c.All() {
			if h.Type != want.typ || len(h.Payload) == 0 {
				continue
			}
			if !bytes.Equal(h.Payload, want.header) {
				return judge.Differs(wire.TypeName(want.typ)+" begins with its sequence header", wire.Describe(h.Message))
			}
			break
		}
	}
	return nil
}

func isMetadata(h *judge.Heard) bool {
	return h.IsData() && h.Cmd != nil && (h.Cmd.Name == "onMetaData" || h.Cmd.Name == "@setDataFrame")
}

func lateMetadata(t *judge.Trial) error {
	c, err := late(t)
	if err != nil {
		return err
	}
	h, err := c.Await("onMetaData", isMetadata)
	if err != nil {
		return err
	}
	if n, ok := h.Cmd.Info().Number("width"); h.Cmd.Name != "onMetaData" || !ok || n != 640 {
		return judge.Differs("onMetaData with width 640", wire.Describe(h.Message))
	}
	return nil
}

func metadataECMA(t *judge.Trial) error {
	c, err := late(t)
	if err != nil {
		return err
	}
	h, err := c.Await("onMetaData", isMetadata)
	if err != nil {
		return err
	}
	if o := h.Cmd.Info(); o == nil || !o.ECMA {
		return judge.Differs("an ECMA array", wire.Describe(h.Message))
	}
	return nil
}

func firstKey(t *judge.Trial) error {
	c, err := late(t)
	if err != nil {
		return err
	}
	for _, h := range c.All() {
		if h.Type != wire.TypeVideo || len(h.Payload) < 2 || h.Payload[1] != 1 {
			continue
		}
		if h.Payload[0]>>4 != 1 {
			return judge.Differs("a key frame first", wire.Describe(h.Message))
		}
		return nil
	}
	return judge.Fails("a picture", "none")
}

func dataRelay(t *judge.Trial) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	if err := p.Send(wire.DataMessage(id, 60, "onTextData", wire.Obj("text", "penstock-check"))); err != nil {
		return err
	}
	h, err := c.Await("onTextData", func(h *judge.Heard) bool { return h.IsData() && h.Cmd != nil && h.Cmd.Name == "onTextData" })
	if err != nil {
		return err
	}
	if h.Cmd.Info().Text("text") != "penstock-check" {
		return judge.Differs("onTextData as sent", wire.Describe(h.Message))
	}
	return nil
}

func emptyMedia(t *judge.Trial) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	if err := p.Send(audioMessage(id, 20, nil)); err != nil {
		return err
	}
	return relay(p, c, "a key frame after it", picture(id, 40, true, 3))
}

func nameFree(t *judge.Trial) error {
	name := t.Stream("")
	a, id, err := published(t, name)
	if err != nil {
		return err
	}
	if err := steps(
		func() error { return sendHeaders(a, id) },
		func() error {
			return a.Command(0, &wire.Command{Name: "deleteStream", Transaction: a.NextTransaction(), Args: []any{float64(id)}})
		},
		a.Barrier,
	); err != nil {
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
	// The first client lives on: its name is free because it gave it up, not because it is silent.
	for range 5 {
		if err := a.Barrier(); err != nil {
			return err
		}
	}
	h, err := b.Await("an answer to publish", func(h *judge.Heard) bool { return h.IsStatus("NetStream.") })
	if err != nil {
		return err
	}
	if h.Cmd.Info().Text("level") == "error" {
		return judge.Fails("publish is accepted", wire.Describe(h.Message))
	}
	return nil
}

// takes checks that a second client can publish a name, and is heard.
func takes(t *judge.Trial, name string) error {
	b, err := t.Join("second publisher")
	if err != nil {
		return err
	}
	id, err := b.StartPublish(name)
	if err != nil {
		return err
	}
	if err := sendHeaders(b, id); err != nil {
		return err
	}
	c, _, err := played(t, name)
	if err != nil {
		return err
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	return relay(b, c, "a key frame of the second publisher", picture(id, 40, true, 7))
}

func nameFreeBroken(t *judge.Trial) error {
	name := t.Stream("")
	a, id, err := published(t, name)
	if err != nil {
		return err
	}
	if err := sendHeaders(a, id); err != nil {
		return err
	}
	a.Close()
	begin := time.Now()
	for {
		err := takes(t, name)
		if err == nil || time.Since(begin) > 5*time.Second {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}
