package conformance

import (
	"bytes"
	"math"
	"strings"

	"penstock/internal/conformance/wire"
)

func keep(m *wire.Message) []*wire.Message { return []*wire.Message{m} }

// on makes a hook of a condition and what is done to the messages for which it is true.
func on(is func(s *session, m *wire.Message) bool, do func(s *session, m *wire.Message) []*wire.Message) func(*session, *wire.Message) []*wire.Message {
	return func(s *session, m *wire.Message) []*wire.Message {
		if is(s, m) {
			return do(s, m)
		}
		return keep(m)
	}
}

func drop(*session, *wire.Message) []*wire.Message { return nil }

func ends(s *session, _ *wire.Message) []*wire.Message { return s.end() }

// flip changes the last byte.
func flip(_ *session, m *wire.Message) []*wire.Message {
	m.Payload = bytes.Clone(m.Payload)
	m.Payload[len(m.Payload)-1] ^= 0xFF
	return keep(m)
}

// command is the decoded command of a message, nil for another message.
func command(m *wire.Message) *wire.Command {
	if !m.IsCommand() {
		return nil
	}
	c, err := m.Command()
	if err != nil {
		return nil
	}
	return c
}

func named(name string) func(*session, *wire.Message) bool {
	return func(_ *session, m *wire.Message) bool { c := command(m); return c != nil && c.Name == name }
}

// coded is true of commands whose information object has a code.
func coded(code string) func(*session, *wire.Message) bool {
	return func(_ *session, m *wire.Message) bool { c := command(m); return c != nil && c.Code() == code }
}

// edit decodes a command, changes it, and encodes it again.
func edit(f func(c *wire.Command)) func(*session, *wire.Message) []*wire.Message {
	return func(_ *session, m *wire.Message) []*wire.Message {
		c := command(m)
		f(c)
		changed := wire.CommandMessage(m.Type == wire.TypeCommand3, m.StreamID, c)
		changed.CSID, changed.Timestamp = m.CSID, m.Timestamp
		return keep(changed)
	}
}

// field sets a property of the information object.
func field(key string, v any) func(*session, *wire.Message) []*wire.Message {
	return edit(func(c *wire.Command) {
		info := c.Info()
		for i := range info.Props {
			if info.Props[i].Key == key {
				info.Props[i].Value = v
				return
			}
		}
		info.Props = append(info.Props, wire.Prop{Key: key, Value: v})
	})
}

func firstText(m *wire.Message) string {
	c := command(m)
	if c == nil {
		return ""
	}
	s, _ := c.Arg(0).(string)
	return s
}

func ofType(t uint8) func(*session, *wire.Message) bool {
	return func(_ *session, m *wire.Message) bool { return m.Type == t }
}

func isEvent(e uint16) func(*session, *wire.Message) bool {
	return func(_ *session, m *wire.Message) bool { got, _, ok := m.Event(); return ok && got == e }
}

// beginning is true of commands that began with a chunk of a type.
func beginning(format uint8) func(*session, *wire.Message) bool {
	return func(_ *session, m *wire.Message) bool { return m.IsCommand() && m.Fmt == format }
}

// connecting is true of a connect with a property, or with arguments for "".
func connecting(key string) func(*session, *wire.Message) bool {
	return func(_ *session, m *wire.Message) bool {
		c := command(m)
		if c == nil || c.Name != "connect" {
			return false
		}
		if key == "" {
			return len(c.Args) > 0
		}
		o, _ := c.Object.(*wire.Object)
		_, has := o.Get(key)
		return has
	}
}

// signed is true of a C1 with a digest in a scheme.
func signed(c1 []byte, s wire.Scheme) bool {
	again := bytes.Clone(c1)
	wire.SignC1(again, s)
	return bytes.Equal(again, c1)
}

const (
	s1At = 1
	s2At = 1 + wire.HandshakeSize
)

func plain(c1 []byte) bool { return bytes.Equal(c1[4:8], make([]byte, 4)) }

var mutants = []mutant{
	{name: "Success is an error", kills: []string{"netconnection/connect-success"}, down: on(coded("NetConnection.Connect.Success"), field("level", "error"))},
	{name: "Rejected is called Failed", kills: []string{"netconnection/connect-rejected"}, down: on(coded("NetConnection.Connect.Rejected"), field("code", "NetConnection.Connect.Failed"))},
	{name: "unknown methods are not answered", kills: []string{"netconnection/call-failed"}, down: on(coded("NetConnection.Call.Failed"), drop)},
	{name: "refusals end with RST", kills: []string{"netconnection/connect-rejected-end"}, resets: true,
		down: on(named("_error"), func(s *session, m *wire.Message) []*wire.Message { s.set("refused", true); return keep(m) })},
	{name: "code before level", kills: []string{"netconnection/field-order"}, down: on(coded("NetStream.Publish.Start"), edit(func(c *wire.Command) {
		p := c.Info().Props
		p[0], p[1] = p[1], p[0]
	}))},

	{name: "Publish.Start has another name", kills: []string{"netstream/publish-start"}, down: on(coded("NetStream.Publish.Start"), field("code", "NetStream.Publish.Started"))},
	{name: "Play.Start is a warning", kills: []string{"netstream/play-start"}, down: on(coded("NetStream.Play.Start"), field("level", "warning"))},
	{name: "players are not told of the end", kills: []string{"netstream/play-end"}, down: on(func(s *session, m *wire.Message) bool {
		return coded("NetStream.Play.UnpublishNotify")(s, m) || isEvent(wire.EventStreamEOF)(s, m)
	}, drop)},
	{name: "Publish.Start on stream 0", kills: []string{"netstream/status-stream"}, down: on(coded("NetStream.Publish.Start"),
		func(_ *session, m *wire.Message) []*wire.Message { m.StreamID = 0; return keep(m) })},
	{name: "Play.Start with a transaction", kills: []string{"netstream/status-transaction"}, down: on(coded("NetStream.Play.Start"), edit(func(c *wire.Command) { c.Transaction = 99 }))},

	{name: "S0 of version 6", kills: []string{"handshake/simple"}, hello: func(_, s []byte) { s[0] = 6 }},
	{name: "S2 is no echo", kills: []string{"handshake/s2-echo"}, hello: func(c1, s []byte) {
		if plain(c1) {
			s[s2At+700] ^= 1
		}
	}},
	{name: "S1 claims a digest", kills: []string{"handshake/s1-zero"}, hello: func(c1, s []byte) {
		if plain(c1) {
			s[s1At+4] = 4
		}
	}},
	{name: "S2 badly signed, digest first", kills: []string{"handshake/digest-first"}, hello: func(c1, s []byte) {
		if signed(c1, wire.DigestFirst) {
			s[len(s)-1] ^= 1
		}
	}},
	{name: "S1 badly signed, key first", kills: []string{"handshake/digest-second"}, hello: func(c1, s []byte) {
		if signed(c1, wire.KeyFirst) {
			s[s1At+1000] ^= 1
		}
	}},
	{name: "C1 must come at once", kills: []string{"handshake/byte-by-byte"}, oneSegment: true},
	{name: "what comes before S0 is lost", kills: []string{"handshake/eager"}, flushes: true},

	{name: "type 1 chunks are lost", kills: []string{"chunk/type-1"}, up: on(beginning(1), drop)},
	{name: "type 2 chunks are lost", kills: []string{"chunk/type-2"}, up: on(beginning(2), drop)},
	{name: "type 3 chunks begin nothing", kills: []string{"chunk/type-3"}, up: on(beginning(3), drop)},
	{name: "deltas of type 2 are wrong", kills: []string{"chunk/deltas"}, up: on(func(_ *session, m *wire.Message) bool { return m.Type == wire.TypeAudio && m.Fmt == 2 },
		func(_ *session, m *wire.Message) []*wire.Message { m.Timestamp += 23; return keep(m) })},
	{name: "64 chunk streams", kills: []string{"chunk/csid-2-bytes"}, up: on(func(_ *session, m *wire.Message) bool { return m.CSID >= 64 }, drop)},
	{name: "commands are cut at 128 for ever", kills: []string{"chunk/set-chunk-size"}, up: func(s *session, m *wire.Message) []*wire.Message {
		if v, ok := m.Value(); ok && m.Type == wire.TypeSetChunkSize {
			s.set("size", v)
		}
		if m.IsCommand() && len(m.Payload) > 500 && s.get("size") == uint32(4096) {
			return nil
		}
		return keep(m)
	}},
	{name: "huge chunk sizes are refused", kills: []string{"chunk/chunk-size-max"}, up: on(func(_ *session, m *wire.Message) bool {
		v, ok := m.Value()
		return ok && m.Type == wire.TypeSetChunkSize && v > 1<<24
	}, ends)},
	{name: "interleaving tears messages", kills: []string{"chunk/interleaved"}, up: on(func(_ *session, m *wire.Message) bool { return m.Woven && m.Type == wire.TypeVideo }, flip)},
	{name: "extended timestamps are read once", kills: []string{"chunk/extended"}, up: on(func(_ *session, m *wire.Message) bool {
		return m.Extended && m.Chunks > 1 && m.Type == wire.TypeVideo && len(m.Payload) < 1000
	}, flip)},
	{name: "a fresh chunk stream begins with type 1", kills: []string{"chunk/server-framing"}, cut: func(s *session, m *wire.Message, c *wire.Cutting) {
		if m.Type == wire.TypeAudio && s.get("begun") == nil {
			s.set("begun", true)
			m.CSID, c.First, c.Delta = 40, 1, m.Timestamp
		}
	}},
	{name: "extended timestamps are written once", kills: []string{"chunk/server-extended"}, cut: func(_ *session, _ *wire.Message, c *wire.Cutting) { c.OmitT3 = true }},
	{name: "control messages on chunk stream 3", kills: []string{"chunk/server-control"}, down: on(ofType(wire.TypeWindowAckSize),
		func(_ *session, m *wire.Message) []*wire.Message { m.CSID = 3; return keep(m) })},

	{name: "nothing is acknowledged", kills: []string{"control/acknowledgement"}, down: on(ofType(wire.TypeAck), drop)},
	{name: "a pong with another stamp", kills: []string{"control/ping"}, down: on(isEvent(wire.EventPong),
		func(*session, *wire.Message) []*wire.Message { return keep(wire.UserControl(wire.EventPong, 1)) })},
	{name: "unknown events end it", kills: []string{"control/unknown-event"}, up: on(isEvent(99), ends)},
	{name: "unknown types end it", kills: []string{"control/unknown-type"}, up: on(ofType(13), ends)},
	{name: "SetBufferLength ends it", kills: []string{"control/buffer-length"}, up: on(isEvent(wire.EventSetBufferLength), ends)},

	{name: "createStream answers undefined", kills: []string{"commands/create-stream"}, down: on(func(s *session, m *wire.Message) bool {
		c := command(m)
		if c == nil || c.Name != "_result" {
			return false
		}
		_, is := c.Arg(0).(float64)
		return is
	}, edit(func(c *wire.Command) { c.Object = wire.Undefined{} }))},
	{name: "transaction IDs are whole", kills: []string{"commands/transaction"}, down: on(named("_result"), edit(func(c *wire.Command) { c.Transaction = math.Trunc(c.Transaction) }))},
	{name: "createStream behind FCPublish is lost", kills: []string{"commands/pipelined"}, up: func(s *session, m *wire.Message) []*wire.Message {
		c := command(m)
		if c == nil {
			return keep(m)
		}
		before := s.get("before")
		s.set("before", c.Name)
		if c.Name == "createStream" && before == "FCPublish" {
			return nil
		}
		return keep(m)
	}},
	{name: "the query is part of the name", kills: []string{"commands/publish-query"}, up: on(func(_ *session, m *wire.Message) bool { return strings.Contains(firstText(m), "?key=") },
		edit(func(c *wire.Command) { c.Args[0] = strings.ReplaceAll(c.Args[0].(string), "?", "_") }))},

	{name: "strict arrays end it", kills: []string{"amf/connect-types"}, up: on(connecting("checkStrict"), ends)},
	{name: "arguments of connect end it", kills: []string{"amf/connect-arguments"}, up: on(connecting(""), ends)},
	{name: "the count of arrays is believed", kills: []string{"amf/ecma-count"}, up: on(func(_ *session, m *wire.Message) bool {
		return m.IsData() && bytes.Contains(m.Payload, []byte{0x08, 0, 0, 0, 20})
	}, drop)},
	{name: "ASCII only", kills: []string{"amf/unicode"}, up: on(func(_ *session, m *wire.Message) bool { c := command(m); return c != nil && c.Name == "publish" },
		edit(func(c *wire.Command) {
			name, _ := c.Arg(0).(string)
			c.Args[0] = strings.Map(func(r rune) rune {
				if r > 127 {
					return '_'
				}
				return r
			}, name)
		}))},
	{name: "type 17 for everybody", kills: []string{"amf/only-amf0"}, down: on(coded("NetStream.Play.Start"), func(_ *session, m *wire.Message) []*wire.Message {
		if m.Type == wire.TypeCommand0 {
			m.Type, m.Payload = wire.TypeCommand3, append([]byte{0}, m.Payload...)
		}
		return keep(m)
	})},
	{name: "objectEncoding 1", kills: []string{"amf/object-encoding"}, down: on(func(s *session, m *wire.Message) bool {
		c := command(m)
		if c == nil {
			return false
		}
		n, _ := c.Info().Number("objectEncoding")
		return n == 3
	}, field("objectEncoding", 1.0))},

	{name: "Enhanced RTMP ends it", kills: []string{"enhanced/connect"}, up: on(connecting("fourCcList"), ends)},
	{name: "fourCcList for everybody", kills: []string{"enhanced/silent"}, down: on(coded("NetConnection.Connect.Success"), field("fourCcList", wire.Array{"*"}))},

	{name: "one frame is damaged", kills: []string{"media/intact"}, down: on(func(_ *session, m *wire.Message) bool { return m.Type == wire.TypeAudio && m.Timestamp == 250 }, flip)},
	{name: "large frames are damaged", kills: []string{"media/large"}, up: on(func(_ *session, m *wire.Message) bool { return m.Type == wire.TypeVideo && len(m.Payload) > 250_000 }, flip)},
	{name: "no audio header for late players", kills: []string{"media/late-headers"}, down: on(func(_ *session, m *wire.Message) bool {
		return m.Type == wire.TypeAudio && len(m.Payload) == 4
	}, drop)},
	{name: "@setDataFrame reaches players", kills: []string{"media/late-metadata"}, down: on(func(_ *session, m *wire.Message) bool {
		return m.IsData() && bytes.HasPrefix(m.Payload, []byte("\x02\x00\x0aonMetaData"))
	}, func(_ *session, m *wire.Message) []*wire.Message {
		m.Payload = append([]byte("\x02\x00\x0d@setDataFrame"), m.Payload...)
		return keep(m)
	})},
	{name: "deleteStream frees nothing", kills: []string{"media/name-free"}, up: on(named("deleteStream"), drop)},
	{name: "a publisher that is gone stays", kills: []string{"media/name-free-broken"}, clings: true},
}
