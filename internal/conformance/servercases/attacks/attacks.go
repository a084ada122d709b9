// Package attacks is what a hostile client does to a server. After each attack the server must still serve another client.
package attacks

import (
	"strings"
	"time"

	"penstock/internal/conformance"
	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

// Cases lists the attacks. They are run only when asked for.
func Cases() []judge.Case {
	const faults = "published faults of RTMP servers and libraries"
	list := []judge.Case{
		{Case: judge.About("garbage", "", conformance.Required, "bytes that are no RTMP", "A connection that begins with other bytes does the server no harm.", faults),
			Run: attackRaw(pattern(4000, 9), "4000 bytes that are no RTMP")},
		{Case: judge.About("chunk-size-0", "", conformance.Required, "chunk size 0", "Set Chunk Size 0 does the server no harm.", "CVE-2016-10190 and its kind"),
			Run: attack(wire.ControlValue(wire.TypeSetChunkSize, 0), wire.CommandMessage(false, 0, &wire.Command{Name: "createStream", Transaction: 2}))},
		{Case: judge.About("chunk-size-top-bit", "", conformance.Required, "a negative chunk size", "Set Chunk Size with the top bit does the server no harm.", faults),
			Run: attack(wire.ControlValue(wire.TypeSetChunkSize, 0xFFFFFFFF), wire.CommandMessage(false, 0, &wire.Command{Name: "createStream", Transaction: 2}))},
		{Case: judge.About("length-changes", "", conformance.Required, "another length within a message", "A header that changes the length of a message under way does the server no harm.", "CVE-2016-10191"), Run: lengthChanges},
		{Case: judge.About("declared-length", "", conformance.Required, "sixteen messages of 16 MB that never come", "Messages that are declared and not sent do the server no harm.", faults), Run: declaredLength},
		{Case: judge.About("many-streams", "", conformance.Required, "thousands of chunk streams", "5000 chunk streams with unfinished messages do the server no harm.", faults), Run: manyStreams},
		{Case: judge.About("abort-unknown", "", conformance.Required, "Abort of nothing", "Abort Message for chunk streams that do not exist does the server no harm.", faults),
			Run: attack(wire.ControlValue(wire.TypeAbort, 4000000000), wire.ControlValue(wire.TypeAbort, 0), wire.Control(wire.TypeAbort, 1))},
		{Case: judge.About("empty-control", "", conformance.Required, "control messages without a body", "Control messages that are too short do the server no harm.", "crashes of several servers"),
			Run: attack(wire.Control(wire.TypeUserControl), wire.Control(wire.TypeUserControl, 0), wire.Control(wire.TypeUserControl, 0, 6), wire.Control(wire.TypeSetPeerBandwidth, 1),
				wire.Control(wire.TypeWindowAckSize), wire.Control(wire.TypeAck, 0))},
		{Case: judge.About("empty-command", "", conformance.Required, "commands without a body", "Empty commands and data messages do the server no harm.", faults),
			Run: attack(&wire.Message{Type: wire.TypeCommand0, CSID: 3}, &wire.Message{Type: wire.TypeCommand3, CSID: 3}, &wire.Message{Type: wire.TypeData0, CSID: 4}, &wire.Message{Type: wire.TypeShared0, CSID: 3})},
		{Case: judge.About("amf-depth", "", conformance.Required, "deeply nested AMF", "A command with 10000 nested objects does the server no harm.", faults), Run: attack(nested(10000))},
		{Case: judge.About("amf-count", "", conformance.Required, "AMF counts of 4 billion", "Arrays that declare 4294967295 values do the server no harm.", "CVE-2010-3000 and its kind"), Run: attack(amfBody(0x0A, 0xFF, 0xFF, 0xFF, 0xFF), amfBody(0x08, 0xFF, 0xFF, 0xFF, 0xFF))},
		{Case: judge.About("amf-cut", "", conformance.Required, "AMF that ends early", "Strings longer than their message do the server no harm.", faults), Run: attack(amfBody(0x02, 0xFF, 0xFF, 'a'), amfBody(0x0C, 0xFF, 0xFF, 0xFF, 0xFF), amfBody(0x11, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF))},
		{Case: judge.About("stream-ids", "", conformance.Required, "message stream numbers that are none", "deleteStream and play with NaN, infinity and 1e300 do the server no harm.", faults), Run: strangeNumbers},
		{Case: judge.About("aggregate", "", conformance.Required, "aggregates of lies", "Aggregate messages whose sizes do not fit do the server no harm.", faults),
			Run: attack(&wire.Message{Type: wire.TypeAggregate, CSID: 6, StreamID: 1, Payload: []byte{9, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0}}, &wire.Message{Type: wire.TypeAggregate, CSID: 6, StreamID: 1, Payload: pattern(300, 2)})},
		{Case: judge.About("media", "", conformance.Required, "media of one byte", "Audio and video messages of one to five bytes do the server no harm.", "crashes of several servers"), Run: tinyMedia},
		{Case: judge.About("names", "", conformance.Required, "names that lead elsewhere", "publish and play of names with .., NUL and 60000 bytes do the server no harm.", faults), Run: strangeNames},
	}
	for i := range list {
		list[i].Hostile, list[i].Once = true, true
	}
	return judge.Section("hostile", "Robustness", list)
}

// survives checks that the server serves another client.
func survives(t *judge.Trial) error {
	c, err := t.Join("another client")
	if err != nil {
		return judge.Fails("another client is served", err.Error())
	}
	return c.Barrier()
}

// attackRaw sends bytes in place of a handshake.
func attackRaw(b []byte, text string) func(*judge.Trial) error {
	return func(t *judge.Trial) error {
		c, err := t.Dial("attacker")
		if err != nil {
			return err
		}
		if err := c.SendRaw(b, text); err != nil {
			return err
		}
		c.Listen(time.Second)
		c.Close()
		return survives(t)
	}
}

// attack sends messages after connect, in chunks of 128 bytes whatever they say.
func attack(msgs ...*wire.Message) func(*judge.Trial) error {
	return func(t *judge.Trial) error {
		return attacking(t, func(c *judge.Conn) error {
			for _, m := range msgs {
				if err := c.SendCut(m, wire.Cutting{Size: 128}); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// attacking lets an attacker do its work, waits for the server's answer to it, and looks whether it survives.
func attacking(t *judge.Trial, do func(*judge.Conn) error) error {
	c, err := t.Join("attacker")
	if err != nil {
		return err
	}
	if err := do(c); err != nil {
		return err
	}
	c.Listen(time.Second)
	if err := survives(t); err != nil {
		return err
	}
	c.Close()
	return survives(t)
}

func amfBody(b ...byte) *wire.Message {
	m := wire.CommandMessage(false, 0, &wire.Command{Name: "penstockCheck", Transaction: 2})
	m.Payload = append(m.Payload, b...)
	return m
}

func nested(depth int) *wire.Message {
	m := amfBody()
	for range depth {
		m.Payload = append(m.Payload, 0x03, 0, 1, 'a')
	}
	return m
}

func lengthChanges(t *judge.Trial) error {
	return attacking(t, func(c *judge.Conn) error {
		b := wire.AppendHeader(nil, wire.Header{CSID: 5, Length: 200, Type: wire.TypeVideo, StreamID: 1})
		b = append(b, pattern(128, 1)...)
		b = append(wire.AppendHeader(b, wire.Header{Fmt: 1, CSID: 5, Length: 60000, Type: wire.TypeVideo}), pattern(128, 2)...)
		for range 400 {
			b = append(wire.AppendHeader(b, wire.Header{Fmt: 3, CSID: 5}), pattern(128, 3)...)
		}
		return c.SendRaw(b, "200 bytes of video announced, 60000 in the middle, 51456 sent")
	})
}

func declaredLength(t *judge.Trial) error {
	return attacking(t, func(c *judge.Conn) error {
		var b []byte
		for i := range uint32(16) {
			b = wire.AppendHeader(b, wire.Header{CSID: 10 + i, Length: 1<<24 - 1, Type: wire.TypeVideo, StreamID: 1})
			b = append(b, pattern(128, 1)...)
		}
		return c.SendRaw(b, "the first chunks of 16 messages of 16777215 bytes")
	})
}

func manyStreams(t *judge.Trial) error {
	return attacking(t, func(c *judge.Conn) error {
		var b []byte
		for i := range uint32(5000) {
			b = wire.AppendHeader(b, wire.Header{CSID: 64 + i, Length: 1000, Type: wire.TypeVideo, StreamID: 1})
			b = append(b, pattern(128, 1)...)
		}
		return c.SendRaw(b, "the first chunks of messages on 5000 chunk streams")
	})
}

func strangeNumbers(t *judge.Trial) error {
	return attacking(t, func(c *judge.Conn) error {
		var zero float64
		for _, n := range []float64{zero / zero, 1 / zero, -1, 1e300, 4294967296} {
			for _, name := range []string{"deleteStream", "play", "publish"} {
				if err := c.Command(0, &wire.Command{Name: name, Transaction: c.NextTransaction(), Args: []any{n, n, n, n}}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func tinyMedia(t *judge.Trial) error {
	return attacking(t, func(c *judge.Conn) error {
		id, err := c.StartPublish(t.Stream(""))
		if err != nil {
			return err
		}
		for _, first := range []byte{0x17, 0xAF, 0x96, 0x97, 0x95, 0x90, 0xFF} {
			for n := 1; n <= 5; n++ {
				payload := append([]byte{first}, pattern(n-1, 0)...)
				if err := c.Send(&wire.Message{Type: wire.TypeVideo, CSID: 6, StreamID: id, Payload: payload},
					&wire.Message{Type: wire.TypeAudio, CSID: 4, StreamID: id, Payload: payload}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func strangeNames(t *judge.Trial) error {
	return attacking(t, func(c *judge.Conn) error {
		id, err := c.CreateStream()
		if err != nil {
			return err
		}
		for i, name := range []string{"../../../../etc/passwd", "a\x00b", "", strings.Repeat("x", 60000), "%s%n%p", "a/../../b"} {
			command := "publish"
			if i%2 == 1 {
				command = "play"
			}
			c.Raw.Note("%s of a strange name, number %d", command, i)
			if err := c.Command(id, &wire.Command{Name: command, Transaction: c.NextTransaction(), Args: []any{name, "live"}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// pattern is n bytes that depend on seed.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*31) ^ byte(i>>8) ^ seed
	}
	return b
}
