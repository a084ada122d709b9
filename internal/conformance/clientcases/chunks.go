package clientcases

import (
	"bytes"
	"fmt"

	"penstock/flv"
	"penstock/internal/conformance"
	"penstock/internal/conformance/scripted"
	"penstock/rtmp"
	"penstock/status"
)

func chunks() []*Case {
	section := func(id, title, what, source string) conformance.Case {
		return describe("chunks/"+id, "Chunk stream", title, undisturbed+what, source)
	}
	var out []*Case
	for _, size := range []uint32{1, 128, 4096, 65536, 0xFFFFFF, 0x7FFFFFFF} {
		c := section(fmt.Sprintf("size-%d", size), fmt.Sprintf("Set Chunk Size %d", size), "a chunk has 1 to 2^31−1 bytes.", "RTMP 1.0 §5.4.1")
		if size == 1 {
			c.Severity = conformance.Recommended
		}
		out = append(out, unusual(c, func() *scripted.Script {
			return &scripted.Script{Commands: commands{"connect": func(p *scripted.Peer, cmd *rtmp.Command) error {
				p.Act(fmt.Sprintf("Set Chunk Size %d", size))
				return p.Ordinary(cmd)
			}}, ChunkSize: size}
		}))
	}
	out = append(out,
		unusual(section("size-changes", "Chunk sizes that change", "the chunk size may change at any time, also smaller.", "RTMP 1.0 §5.4.1"), func() *scripted.Script {
			return &scripted.Script{Midway: acting("chunk sizes change", resize)}
		}),
		unusual(section("compact", "Heads of types 1 and 2", "a head may leave out what it has in common with the one before.", "RTMP 1.0 §5.3.1.2"), func() *scripted.Script {
			return &scripted.Script{Cut: scripted.Cut{Compact: true}, Early: acting("heads are shortened", nil)}
		}),
		unusual(section("pieces", "Everything in pieces of a few bytes", "TCP keeps no borders.", "RFC 9293 §3.8"), func() *scripted.Script {
			return &scripted.Script{Piece: 3, Accepted: acting("everything is sent in pieces of 3 bytes, until media flows", nil)}
		}),
		wide(64), wide(319), wide(320), wide(65599),
		unusual(optional(section("csid-long-form", "Chunk stream IDs in their longest form", "IDs from 64 to 319 may be written in three bytes.", "RTMP 1.0 §5.3.1.1")), func() *scripted.Script {
			return &scripted.Script{Cut: scripted.Cut{WideIDs: true}, Early: acting("chunk stream IDs are written long", nil), Feed: scripted.Feed{CSID: onCSID(100)}}
		}),
		playing(section("interleaved", "Audio and video alternate", "the chunks of several messages may alternate.", "RTMP 1.0 §5.3"), scripted.Feed{Mix: true}, scripted.Cut{}, 256),
		playing(section("control-within", "Control messages within a message", "control messages may come between the chunks of a message.", "RTMP 1.0 §5.4"), scripted.Feed{}, scripted.Cut{}, 0),
	)
	within := out[len(out)-1]
	within.Script = func() *scripted.Script {
		return &scripted.Script{Late: acting("control messages come within messages", nil), ChunkSize: 128, Midway: controlWithin}
	}
	abort := playing(optional(section("abort", "Abort Message", "a message that was begun may be aborted, and sent anew.", "RTMP 1.0 §5.4.2")), scripted.Feed{Abort: true}, scripted.Cut{}, 128)
	return append(out, abort)
}

func optional(c conformance.Case) conformance.Case {
	c.Severity = conformance.Recommended
	return c
}

func onCSID(id uint32) map[flv.TagType]uint32 {
	return map[flv.TagType]uint32{flv.TagAudio: id, flv.TagVideo: id}
}

// resize changes the chunk size again and again; what a publisher gets between are statuses that do not matter.
func resize(p *scripted.Peer) error {
	for _, size := range []uint32{64, 1000, 33, 60000, 128} {
		notice := &status.Status{Level: status.LevelStatus, Code: "NetStream.Notice", Description: string(bytes.Repeat([]byte("just so "), 40))}
		if err := p.Message(scripted.ChunkSize(size)); err != nil {
			return err
		}
		if err := p.Status(scripted.StreamID, notice); err != nil {
			return err
		}
	}
	return nil
}

// wide sends everything but the first answers on a chunk stream with a large ID.
func wide(id uint32) *Case {
	c := describe(fmt.Sprintf("chunks/csid-%d", id), "Chunk stream", fmt.Sprintf("Chunk stream %d", id),
		undisturbed+"chunk stream IDs go up to 65599.", "RTMP 1.0 §5.3.1.1")
	c.Severity = conformance.Recommended
	return unusual(c, func() *scripted.Script {
		return &scripted.Script{
			Feed: scripted.Feed{CSID: onCSID(id)},
			Commands: commands{"createStream": func(p *scripted.Peer, cmd *rtmp.Command) error {
				p.Act(fmt.Sprintf("the server writes on chunk stream %d", id))
				m, err := cmd.Result(nil, float64(scripted.StreamID)).Message()
				if err != nil {
					return err
				}
				m.CSID = id
				return p.Message(m)
			}},
		}
	})
}

// playing is a case that only a player can be put to.
func playing(c conformance.Case, feed scripted.Feed, cut scripted.Cut, size uint32) *Case {
	out := unusual(c, func() *scripted.Script {
		return &scripted.Script{Feed: feed, Cut: cut, ChunkSize: size, Late: acting("the stream will come like this: "+c.Title, nil)}
	})
	out.Role = scripted.Player
	return out
}

// controlWithin sends a data message whose chunks have control messages between them.
func controlWithin(p *scripted.Peer) error {
	m, err := rtmp.NewData(scripted.StreamID, 0, "onNobodyKnows", string(bytes.Repeat([]byte("x"), 600)))
	if err != nil {
		return err
	}
	m.CSID = 7
	cut := scripted.Cut{Size: 128}
	var mixed [][]byte
	for i, chunk := range cut.Chunks(m) {
		mixed = append(mixed, chunk)
		if i == 0 || i == 2 {
			mixed = append(mixed, cut.Chunks(rtmp.NewUserControl(rtmp.EventStreamBegin, scripted.StreamID))...)
		}
	}
	return p.Chunks("Data onNobodyKnows, 600 bytes, with StreamBegin between its chunks", mixed...)
}
