package hostile

import (
	"bytes"
	"encoding/binary"

	"penstock/app"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/status"
)

// head is a type 0 chunk header that declares a message; csid is at most 63.
func head(csid, typ byte, length int, sid uint32) []byte {
	b := []byte{csid, 0, 0, 0, byte(length >> 16), byte(length >> 8), byte(length), typ}
	return binary.LittleEndian.AppendUint32(b, sid)
}

// head3 is head for any csid.
func head3(csid uint32, typ byte, length int, sid uint32) []byte {
	return append([]byte{1, byte(csid - 64), byte((csid - 64) >> 8)}, head(0, typ, length, sid)[1:]...)
}

// declare begins a message of that length and sends one chunk of it.
func (p *peer) declare(csid, typ byte, length int) bool {
	return p.raw(append(head(csid, typ, length, p.sid), make([]byte, min(length, 128))...))
}

// over is a row in which a message goes over a limit of the chunk stream.
func over(name string, at where, option string, send func(p *peer)) row {
	r := row{name: name, at: at, send: send, code: status.ConnectClosed, then: fin, cause: app.CauseLimit, rule: option}
	if at == atConnect {
		r.code = status.ConnectFailed
	}
	return r
}

// broken is a row in which the chunk stream breaks its rules.
func broken(name string, at where, send func(p *peer)) row {
	r := over(name, at, "", send)
	r.cause = app.CauseProtocol
	return r
}

// most sends a message of that length but for its last chunk, 64 KiB at a time.
func (p *peer) most(csid byte, typ byte, length int) bool {
	const size = 64 << 10
	if !p.raw(append(head(csid, typ, length, p.sid), make([]byte, min(size, length-1))...)) {
		return false
	}
	for sent := size; sent+size < length; sent += size {
		if !p.raw(append([]byte{0xC0 | csid}, make([]byte, size)...)) {
			return false
		}
	}
	return true
}

// chunkRows attack the reassembly of messages.
func chunkRows() []row {
	return []row{
		over("a video message that is too long", atPublish, "message_bytes", func(p *peer) { p.declare(6, 9, 4<<20+1) }),
		over("a video message before anything is published", atLive, "message_bytes", func(p *peer) { p.declare(6, 9, 16<<10+1) }),
		over("a command that is too long", atLive, "command_bytes", func(p *peer) { p.declare(3, 20, 256<<10+1) }),
		over("a connect that is too long", atConnect, "command_bytes", func(p *peer) { p.declare(3, 20, 16<<10+1) }),
		over("publish, then a long message, before connect", atConnect, "message_bytes", func(p *peer) {
			p.on("publish", "x")
			p.until("the answer", func(m *answer) bool { return m.cmd != nil })
			p.declare(6, 9, 1<<20)
		}),
		over("a control message that is too long", atLive, "control_bytes", func(p *peer) { p.declare(2, 4, 65) }),
		over("a shared object message that is too long", atLive, "shared_object_bytes", func(p *peer) { p.declare(3, 19, 256<<10+1) }),
		over("an aggregate that is too long", atPublish, "aggregate_bytes", func(p *peer) { p.declare(6, 22, 4<<20+1) }),
		over("more chunk streams than may be", atLive, "chunk_streams", func(p *peer) {
			for i := range uint32(64) {
				p.raw(head3(1000+i*7, 8, 0, 0))
			}
		}),
		over("more unfinished messages than may be", atPublish, "partial_messages", func(p *peer) {
			for i := range byte(9) {
				p.declare(10+i, 9, 4<<20)
			}
		}),
		{name: "eight long messages declared, none sent", at: atPublish, send: func(p *peer) {
			for i := range byte(8) {
				p.declare(10+i, 9, 4<<20)
			}
		}, options: []string{"partial_messages"}, peakMiB: 4},
		{name: "more of unfinished messages than may be", run: func(a *attack) {
			p := a.publishing("attack")
			p.chunkSize(64 << 10)
			p.body(8, 0, []byte{0xAF, 1}) // this may take a while
			for i := range byte(3) {
				p.most(10+i, 9, 4<<20)
			}
			p.wantCode(status.ConnectClosed)
			p.wantFIN()
		}, cause: app.CauseLimit, rule: "reassembly_bytes", peakMiB: 32},
		over("unfinished messages before anything is published", atLive, "reassembly_bytes", func(p *peer) {
			p.chunkSize(64 << 10)
			p.most(10, 20, 256<<10)
			p.most(11, 20, 256<<10)
		}),
		over("the chunk size changes all the time", atLive, "set_chunk_size_count", func(p *peer) {
			for i := range uint32(17) {
				p.chunkSize(1000 + i)
			}
		}),
		over("a tiny chunk size", atLive, "chunk_size_min", func(p *peer) { p.chunkSize(1) }),
		broken("a chunk size of 0", atLive, func(p *peer) { p.control(1, 0, 0, 0, 0) }),
		broken("a chunk size with bit 31 set", atLive, func(p *peer) { p.control(1, 0x80, 0, 16, 0) }),
		broken("a chunk size of two bytes", atLive, func(p *peer) { p.control(1, 16, 0) }),
		broken("an Abort of two bytes", atLive, func(p *peer) { p.control(2, 0, 6) }),
		{name: "the greatest chunk size", at: atPublish, send: func(p *peer) {
			p.chunkSize(0x7FFFFFFF)
			p.body(9, 0, append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 100_000)...))
		}},
		broken("a longer length in the middle of a message", atPublish, func(p *peer) {
			p.declare(6, 9, 1000)
			p.declare(6, 9, 4<<20)
		}),
		broken("a shorter length in the middle of a message", atPublish, func(p *peer) {
			p.declare(6, 9, 1000)
			p.raw([]byte{0x46, 0, 0, 0, 0, 0, 200, 9})
		}),
		broken("another type in the middle of a message", atPublish, func(p *peer) {
			p.declare(6, 9, 1000)
			p.raw([]byte{0x46, 0, 0, 0, 0, 3, 232, 8})
		}),
		broken("a type 2 chunk on a fresh chunk stream", atLive, func(p *peer) { p.raw([]byte{0x80 | 40, 0, 0, 0}) }),
		broken("a type 3 chunk on a fresh chunk stream", atLive, func(p *peer) { p.raw([]byte{0xC0 | 40}) }),
		broken("a type 3 chunk before connect", atConnect, func(p *peer) { p.raw([]byte{0xC0 | 40}) }),
		{name: "extended timestamps that are not repeated", at: atPublish, send: func(p *peer) {
			for i := range 10 {
				b := head(6, 9, 300, p.sid)
				copy(b[1:], []byte{0xFF, 0xFF, 0xFF})
				b = binary.BigEndian.AppendUint32(b, 0x01000000+uint32(i))
				b = append(b, bytes.Repeat([]byte{0x27}, 128)...)
				b = append(append(b, 0xC6), bytes.Repeat([]byte{1}, 128)...)
				p.raw(append(append(b, 0xC6), bytes.Repeat([]byte{2}, 44)...))
			}
		}},
		{name: "Abort of chunk streams that do not exist", at: atLive, send: func(p *peer) {
			for i := range uint32(60) {
				p.control(2, u32(i*1_000_003)...)
			}
		}},
		{name: "Abort in the middle, then on with type 3", at: atPublish, send: func(p *peer) {
			for range 20 {
				p.declare(6, 9, 1000)
				p.control(2, u32(6)...)
				p.raw(append([]byte{0xC6}, make([]byte, 128)...)) // a new message with the old header
				p.control(2, u32(6)...)
			}
		}},
		{name: "Abort of the message being acknowledged", at: atPublish, send: func(p *peer) {
			p.control(2, u32(2)...)
			p.declare(6, 9, 1000)
			p.raw(chunk.Append(nil, &rtmp.Message{Type: 2, CSID: 6 + 1, Payload: u32(6)}, 128))
			p.raw(chunk.Append(nil, &rtmp.Message{Type: 2, CSID: 6 + 1, Payload: u32(7)}, 128))
		}},
	}
}

// controlRows attack with protocol and user control messages.
func controlRows() []row {
	return []row{
		{name: "an acknowledgement window of 1", run: func(a *attack) {
			p := a.publishing("attack")
			p.control(5, u32(1)...)
			for i := range 1500 {
				p.body(8, uint32(i), append([]byte{0xAF, 1}, make([]byte, 98)...))
			}
			p.alive()
			if p.acks > 10 {
				a.t.Errorf("%d acknowledgements for 170 KB", p.acks)
			}
		}},
		{name: "a window of 0 and windows that change", run: func(a *attack) {
			p := a.connected("live")
			p.control(5, u32(0)...)
			for i := range 60 {
				p.control(6, append(u32(uint32(1000+i%2)), 2)...)
			}
			p.control(6, u32(5)...) // without its last byte, as some send it
			p.windows = 0
			p.alive()
			if p.windows > 61 {
				a.t.Errorf("%d windows in answer to 61", p.windows)
			}
		}},
		{name: "acknowledgements of what was never sent", at: atLive, send: func(p *peer) {
			for _, v := range []uint32{0xFFFFFFFF, 0, 0x80000000, 1} {
				p.control(3, u32(v)...)
			}
			p.control(3)
			p.control(3, 1, 2)
			p.control(5, 1, 2)
			p.control(6)
		}},
		{name: "user control events that are too short", at: atPlay, send: func(p *peer) {
			p.control(4)
			p.control(4, 0)
			for event := range byte(40) {
				p.control(4, 0, event)
				if event%2 == 0 && event != 6 {
					p.control(4, 0, event, 1, 2, 3)
				}
			}
			p.control(4, 0xFF, 0xFF)
		}},
		over("a flood of pings", atLive, "ping_rate", func(p *peer) {
			for i := range uint32(100) {
				p.message(rtmp.NewUserControl(rtmp.EventPingRequest, i))
			}
		}),
		over("a flood of buffer lengths", atPlay, "control_rate", func(p *peer) {
			for i := range uint32(400) {
				p.message(rtmp.NewUserControl(rtmp.EventSetBufferLength, 1, i))
			}
		}),
		over("a flood of Aborts before connect", atConnect, "control_rate", func(p *peer) {
			for range 400 {
				p.control(2, u32(9)...)
			}
		}),
		over("messages of unknown types", atLive, "unknown_messages", func(p *peer) {
			for i := range 120 {
				p.body([]byte{0, 7, 10, 21, 23, 99, 255}[i%7], 0, []byte("?"))
			}
		}),
		{name: "empty messages of every type", at: atPublish, send: func(p *peer) {
			for typ := range byte(23) {
				if typ != 1 && typ != 2 { // these must have four bytes
					p.body(typ, 0, nil)
				}
			}
		}},
		over("shared object messages", atLive, "unknown_messages", func(p *peer) {
			for range 120 {
				p.body(19, 0, []byte("\x00\x04test\x00\x00\x00\x00"))
			}
		}),
	}
}
