package servercases

import (
	"fmt"
	"strings"

	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

func enhanced() []judge.Case {
	const v2 = "Enhanced RTMP v2, connect and _result"
	return section("enhanced", "Enhanced RTMP", []judge.Case{
		{Case: about("connect", "", required, "a client that offers Enhanced RTMP", "A connect with fourCcList, videoFourCcInfoMap, audioFourCcInfoMap and capsEx is accepted, by servers too that know nothing of them.",
			v2), Run: offerAccepted},
		{Case: about("silent", "", required, "a client that offers nothing", "The _result of a client that did not offer fourCcList has no strict array.", "Amcrest cameras hang up on it"), Run: notOffered},
		{Case: about("capsex", "", recommended, "capsEx", "The information object of a client that offered it has capsEx, a number, spelt exactly so.", v2),
			Run: func(t *judge.Trial) error { return offered(t, "capsEx") }},
		{Case: about("fourcclist", "", optional, "fourCcList", "The information object of a client that offered it has fourCcList, a strict array of strings, spelt exactly so.", v2),
			Run: func(t *judge.Trial) error { return offered(t, "fourCcList") }},
		{Case: about("video-map", "", recommended, "videoFourCcInfoMap", "The information object of a client that offered it has videoFourCcInfoMap, an object of numbers, spelt exactly so.", v2),
			Run: func(t *judge.Trial) error { return offered(t, "videoFourCcInfoMap") }},
		{Case: about("audio-map", "", recommended, "audioFourCcInfoMap", "The information object of a client that offered it has audioFourCcInfoMap, an object of numbers, spelt exactly so.", v2),
			Run: func(t *judge.Trial) error { return offered(t, "audioFourCcInfoMap") }},
		{Case: about("hevc", "", recommended, "HEVC", "HEVC as hvc1 reaches players unchanged, its sequence header late players too.", "Enhanced RTMP v1"),
			Run: func(t *judge.Trial) error { return exVideo(t, "hvc1") }},
		{Case: about("av1", "", recommended, "AV1", "AV1 as av01 reaches players unchanged, its sequence header late players too.", "Enhanced RTMP v1"),
			Run: func(t *judge.Trial) error { return exVideo(t, "av01") }},
		{Case: about("vp9", "", optional, "VP9", "VP9 as vp09 reaches players unchanged, its sequence header late players too.", "Enhanced RTMP v1"),
			Run: func(t *judge.Trial) error { return exVideo(t, "vp09") }},
		{Case: about("opus", "", recommended, "Opus", "Opus as ExAudio reaches players unchanged, its sequence header late players too.", "Enhanced RTMP v2, ExAudioTagHeader"), Run: exAudio},
		{Case: about("multitrack", "", optional, "multitrack", "A Multitrack video message reaches players unchanged.", "Enhanced RTMP v2, Multitrack"),
			Run: func(t *judge.Trial) error {
				// OneTrack, CodedFrames, hvc1, track 1
				return exRelay(t, videoMessage(0, 40, append([]byte{0x96, 0x01, 'h', 'v', 'c', '1', 1, 0, 0, 0}, pattern(80, 3)...)))
			}},
		{Case: about("modex", "", optional, "ModEx", "A video message with a nanosecond offset reaches players unchanged.", "Enhanced RTMP v2, ModEx"),
			Run: func(t *judge.Trial) error {
				// ModEx of 3 bytes, TimestampOffsetNano, then CodedFramesX of hvc1
				return exRelay(t, videoMessage(0, 40, append([]byte{0x97, 2, 0, 1, 0, 0x03, 'h', 'v', 'c', '1'}, pattern(80, 4)...)))
			}},
	})
}

// offer is what a client of Enhanced RTMP v2 says of itself.
func offer() []any {
	any7 := func() *wire.Object { return wire.Obj("*", 7) }
	return []any{"fourCcList", wire.Array{"av01", "vp09", "hvc1", "Opus", "*"}, "videoFourCcInfoMap", any7(), "audioFourCcInfoMap", any7(), "capsEx", 15}
}

func offerAccepted(t *judge.Trial) error {
	return joinWith(t, t.ConnectObject(t.App, offer()...))
}

func notOffered(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	for _, o := range []*wire.Object{c.Properties, c.Info} {
		if o == nil {
			continue
		}
		for _, p := range o.Props {
			if _, list := p.Value.(wire.Array); list {
				return judge.Differs("no strict array", p.Key+": "+wire.Format(p.Value))
			}
		}
	}
	return nil
}

func offered(t *judge.Trial, key string) error {
	c, err := t.Open("")
	if err != nil {
		return err
	}
	if err := c.Join(offer()...); err != nil {
		return err
	}
	v, has := c.Info.Get(key)
	if !has {
		if where := misplaced(c, key); where != "" {
			return judge.Differs(key+" in the information object", where)
		}
		return judge.Fails(key+" in the information object", judge.Keys(c.Info))
	}
	ok := false
	switch v := v.(type) {
	case float64:
		ok = key == "capsEx"
	case wire.Array:
		ok = key == "fourCcList" && allTexts(v)
	case *wire.Object:
		ok = strings.HasSuffix(key, "Map") && allNumbers(v)
	}
	if !ok {
		return judge.Differs(key+" of its type", wire.Format(v))
	}
	return nil
}

// misplaced finds a property that is spelt otherwise, or is in the other object.
func misplaced(c *judge.Conn, key string) string {
	for name, o := range map[string]*wire.Object{"the information object": c.Info, "the properties": c.Properties} {
		if o == nil {
			continue
		}
		for _, p := range o.Props {
			if strings.EqualFold(p.Key, key) {
				return fmt.Sprintf("%s in %s", p.Key, name)
			}
		}
	}
	return ""
}

func allTexts(a wire.Array) bool {
	for _, v := range a {
		if _, ok := v.(string); !ok {
			return false
		}
	}
	return true
}

func allNumbers(o *wire.Object) bool {
	for _, p := range o.Props {
		if _, ok := p.Value.(float64); !ok {
			return false
		}
	}
	return true
}

// exVideo publishes a codec of Enhanced RTMP: sequence start, a key frame, a player, another key frame.
func exVideo(t *judge.Trial, fourCC string) error {
	tag := func(frameType, packetType byte, body []byte) []byte {
		return append(append([]byte{0x80 | frameType<<4 | packetType}, fourCC...), body...)
	}
	config := map[string][]byte{
		"hvc1": append([]byte{1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 0x5D, 0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0F}, 0),
		"av01": {0x81, 0x00, 0x0C, 0x00},
		"vp09": {1, 0, 0, 0, 0, 10, 0x82, 2, 2, 2, 0, 0},
	}[fourCC]
	frames := func(seed byte) []byte {
		body := pattern(300, seed)
		if fourCC == "hvc1" { // composition time, then a NAL unit with its length
			body = append([]byte{0, 0, 0, 0, 0, 1, 0x2C}, body...)
		}
		return tag(1, 1, body)
	}
	return exStream(t, videoMessage(0, 0, tag(1, 0, config)), videoMessage(0, 0, frames(1)), videoMessage(0, 80, frames(2)))
}

func exAudio(t *judge.Trial) error {
	tag := func(packetType byte, body []byte) []byte {
		return append([]byte{0x90 | packetType, 'O', 'p', 'u', 's'}, body...)
	}
	head := append([]byte("OpusHead"), 1, 2, 0x38, 0x01, 0x80, 0xBB, 0, 0, 0, 0, 0)
	return exStream(t, audioMessage(0, 0, tag(0, head)), audioMessage(0, 0, tag(1, pattern(90, 1))), audioMessage(0, 80, tag(1, pattern(90, 2))))
}

func exStream(t *judge.Trial, header, before, after *wire.Message) error {
	name := t.Stream("")
	p, err := joinOffering(t, "publisher")
	if err != nil {
		return err
	}
	id, err := p.StartPublish(name)
	if err != nil {
		return err
	}
	header.StreamID, before.StreamID, after.StreamID = id, id, id
	if err := p.Send(metadata(id), header, before); err != nil {
		return err
	}
	if err := p.Barrier(); err != nil {
		return err
	}
	c, err := joinOffering(t, "player")
	if err != nil {
		return err
	}
	if _, err := c.StartPlay(name); err != nil {
		return err
	}
	if err := c.Barrier(); err != nil {
		return err
	}
	if err := relay(p, c, "the frame", after); err != nil {
		return err
	}
	_, err = arrives(c, "the sequence header", header)
	return err
}

// exRelay sends one message of Enhanced RTMP among those of an ordinary stream.
func exRelay(t *judge.Trial, m *wire.Message) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	m.StreamID = id
	return relay(p, c, "the message", m)
}

func joinOffering(t *judge.Trial, label string) (*judge.Conn, error) {
	c, err := t.Open(label)
	if err != nil {
		return nil, err
	}
	return c, c.Join(offer()...)
}
