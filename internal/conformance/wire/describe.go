package wire

import (
	"fmt"
	"strings"
)

var eventNames = map[uint16]string{
	0: "StreamBegin", 1: "StreamEOF", 2: "StreamDry", 3: "SetBufferLength", 4: "StreamIsRecorded", 6: "PingRequest",
	7: "PingResponse", 26: "SWFVerifyRequest", 27: "SWFVerifyResponse", 31: "BufferEmpty", 32: "BufferReady",
}

// Describe says on one line what a message is.
func Describe(m *Message) string {
	text := describe(m)
	if m.StreamID != 0 {
		text += fmt.Sprintf(" (stream %d)", m.StreamID)
	}
	switch m.Type {
	case TypeAudio, TypeVideo, TypeAggregate:
		text += fmt.Sprintf(" at %d ms", m.Timestamp)
	}
	return text
}

func describe(m *Message) string {
	name := TypeName(m.Type)
	switch m.Type {
	case TypeSetChunkSize, TypeAbort, TypeAck, TypeWindowAckSize:
		if v, ok := m.Value(); ok {
			return fmt.Sprintf("%s %d", name, v)
		}
	case TypeSetPeerBandwidth:
		if v, ok := m.Value(); ok && len(m.Payload) > 4 {
			limit := [...]string{"hard", "soft", "dynamic"}
			if int(m.Payload[4]) < len(limit) {
				return fmt.Sprintf("%s %d %s", name, v, limit[m.Payload[4]])
			}
			return fmt.Sprintf("%s %d limit %d", name, v, m.Payload[4])
		}
	case TypeUserControl:
		return describeEvent(m)
	case TypeCommand0, TypeCommand3:
		c, err := m.Command()
		return amf3Mark(m) + describeCommand(c, err, true)
	case TypeData0, TypeData3:
		c, err := m.Data()
		return amf3Mark(m) + "data " + describeCommand(c, err, false)
	case TypeShared0, TypeShared3:
		return describeShared(m)
	}
	return fmt.Sprintf("%s, %d bytes", name, len(m.Payload))
}

func amf3Mark(m *Message) string {
	if m.Type == TypeCommand3 || m.Type == TypeData3 {
		return fmt.Sprintf("[type %d] ", m.Type)
	}
	return ""
}

func describeEvent(m *Message) string {
	event, body, ok := m.Event()
	if !ok {
		return fmt.Sprintf("UserControl, %d bytes", len(m.Payload))
	}
	name := eventNames[event]
	if name == "" {
		name = fmt.Sprintf("user control event %d", event)
	}
	var b strings.Builder
	b.WriteString(name)
	for len(body) >= 4 {
		fmt.Fprintf(&b, " %d", get32(body))
		body = body[4:]
	}
	return b.String()
}

func describeCommand(c *Command, err error, full bool) string {
	if c == nil {
		return "undecodable: " + err.Error()
	}
	var b strings.Builder
	b.WriteString(c.Name)
	if full && (err == nil) {
		fmt.Fprintf(&b, " %s %s", number(c.Transaction), Format(c.Object))
	}
	for _, a := range c.Args {
		b.WriteString(" " + Format(a))
	}
	if err != nil {
		b.WriteString(" (undecodable: " + err.Error() + ")")
	}
	return shorten(strings.ToValidUTF8(b.String(), "\uFFFD"), 2*maxShown)
}

func describeShared(m *Message) string {
	so, err := m.SharedObject()
	if so == nil {
		return fmt.Sprintf("SharedObject undecodable: %v", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "SharedObject %q version %d flags %d:", so.Name, so.Version, so.Flags)
	for _, e := range so.Events {
		fmt.Fprintf(&b, " %s", e)
	}
	if err != nil {
		fmt.Fprintf(&b, " (undecodable: %v)", err)
	}
	return shorten(strings.ToValidUTF8(b.String(), "\uFFFD"), 2*maxShown)
}
