package conformance

import (
	"bytes"
	"math"
	"strings"

	"penstock/internal/conformance/wire"
)

// body is true of a message of a type whose payload has a property.
func body(typ uint8, is func(b []byte) bool) func(*session, *wire.Message, error, []byte) bool {
	return func(_ *session, m *wire.Message, _ error, _ []byte) bool {
		return m != nil && m.Type == typ && is(m.Payload)
	}
}

func contains(part string, n int) func([]byte) bool {
	return func(b []byte) bool { return bytes.Count(b, []byte(part)) >= n }
}

// broken is true when reading stopped for a reason.
func broken(reason string) func(*session, *wire.Message, error, []byte) bool {
	return func(_ *session, _ *wire.Message, err error, _ []byte) bool {
		return err != nil && strings.Contains(err.Error(), reason)
	}
}

func empty(b []byte) bool { return len(b) == 0 }

// deadly are servers that an attack ends, each by another one.
var deadly = []mutant{
	{name: "dies of garbage", kills: []string{"hostile/garbage"}, deadly: func(_ *session, _ *wire.Message, _ error, raw []byte) bool {
		return len(raw) > 0 && raw[0] != 3 && raw[0] == 9
	}},
	{name: "dies of chunk size 0", kills: []string{"hostile/chunk-size-0"}, deadly: broken("chunk size 0")},
	{name: "dies of a negative chunk size", kills: []string{"hostile/chunk-size-top-bit"}, deadly: broken("chunk size 4294967295")},
	{name: "dies of another length", kills: []string{"hostile/length-changes"}, deadly: broken("in the middle of a message")},
	{name: "dies of what is declared", kills: []string{"hostile/declared-length"}, deadly: func(_ *session, _ *wire.Message, _ error, raw []byte) bool {
		return bytes.Count(raw, []byte{0xFF, 0xFF, 0xFF, wire.TypeVideo, 1, 0, 0, 0}) >= 16
	}},
	{name: "dies of many chunk streams", kills: []string{"hostile/many-streams"}, deadly: broken("chunk streams")},
	{name: "dies of an Abort", kills: []string{"hostile/abort-unknown"}, deadly: body(wire.TypeAbort, contains("\xEE\x6B\x28\x00", 1))},
	{name: "dies of an empty event", kills: []string{"hostile/empty-control"}, deadly: body(wire.TypeUserControl, empty)},
	{name: "dies of an empty command", kills: []string{"hostile/empty-command"}, deadly: body(wire.TypeCommand0, empty)},
	{name: "dies of depth", kills: []string{"hostile/amf-depth"}, deadly: body(wire.TypeCommand0, contains("\x03\x00\x01a", 5000))},
	{name: "dies of a count", kills: []string{"hostile/amf-count"}, deadly: body(wire.TypeCommand0, contains("\x08\xFF\xFF\xFF\xFF", 1))},
	{name: "dies of a cut string", kills: []string{"hostile/amf-cut"}, deadly: body(wire.TypeCommand0, contains("\x02\xFF\xFFa", 1))},
	{name: "dies of NaN", kills: []string{"hostile/stream-ids"}, deadly: func(_ *session, m *wire.Message, _ error, _ []byte) bool {
		if m == nil {
			return false
		}
		c := command(m)
		if c == nil || c.Name != "deleteStream" {
			return false
		}
		n, _ := c.Arg(0).(float64)
		return math.IsNaN(n)
	}},
	{name: "dies of an aggregate", kills: []string{"hostile/aggregate"}, deadly: body(wire.TypeAggregate, contains("\x09\xFF\xFF\xFF", 1))},
	{name: "dies of one byte of video", kills: []string{"hostile/media"}, deadly: body(wire.TypeVideo, func(b []byte) bool { return len(b) == 1 })},
	{name: "dies of a name", kills: []string{"hostile/names"}, deadly: body(wire.TypeCommand0, contains("../../../../etc/passwd", 1))},
}
