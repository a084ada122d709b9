package hostile

import (
	"math/rand/v2"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/status"
)

// avc is a legacy H.264 body of n bytes: a key frame or not.
func avc(isKey bool, n int) []byte {
	b := make([]byte, max(n, 5))
	b[0], b[1] = 0x27, 1
	if isKey {
		b[0] = 0x17
	}
	return b
}

// sequenceHeader is an AVC sequence header of n bytes that begins with a number.
func sequenceHeader(i, n int) []byte {
	b := make([]byte, n)
	copy(b, []byte{0x17, 0, 0, 0, 0, 1, byte(i >> 8), byte(i)})
	return b
}

// aggregate is an aggregate body of n empty audio messages.
func aggregate(n int) []byte {
	var b []byte
	for i := range n {
		b = chunk.AppendAggregate(b, &rtmp.Message{Type: 8, Timestamp: uint32(i), Payload: []byte{0xAF, 1}})
	}
	return b
}

// metadata sends @setDataFrame onMetaData with n bytes in it.
func (p *peer) metadata(n int) {
	value := amf.NewECMA()
	for i := 0; n > 0; i++ {
		part := min(n, 30_000)
		value.Set(string(rune('a'+i)), string(make([]byte, part)))
		n -= part
	}
	m, err := rtmp.NewData(p.sid, 0, "@setDataFrame", "onMetaData", value)
	if err != nil {
		p.a.t.Fatal(err)
	}
	p.message(m)
}

// tracks is an Enhanced RTMP multitrack sequence start of n tracks, from first.
func tracks(first, n int) []byte {
	b := []byte{0x80 | 1<<4 | 6, 1 << 4, 'h', 'v', 'c', '1'}
	for i := range n {
		b = append(b, byte(first+i), 0, 0, 2, 1, 1)
	}
	return b
}

// mediaRows attack with audio, video and data messages.
func mediaRows() []row {
	return []row{
		over("a flood of video messages", atPublish, "media_rate", func(p *peer) {
			b := []byte(nil)
			for i := range 6000 {
				b = p.w.Append(b, &rtmp.Message{Type: 9, CSID: 6, StreamID: p.sid, Timestamp: uint32(i), Payload: avc(false, 10)})
			}
			p.raw(b)
		}),
		over("a flood of messages within aggregates", atPublish, "media_rate", func(p *peer) {
			p.chunkSize(1 << 20)
			for range 6 {
				p.body(22, 0, aggregate(1000))
			}
		}),
		over("more messages in an aggregate than may be", atPublish, "aggregate_messages", func(p *peer) {
			p.chunkSize(1 << 20)
			p.body(22, 0, aggregate(1001))
		}),
		broken("an aggregate within an aggregate", atPublish, func(p *peer) {
			p.body(22, 0, chunk.AppendAggregate(nil, &rtmp.Message{Type: 22, Payload: aggregate(2)}))
		}),
		broken("an aggregate that is cut short", atPublish, func(p *peer) { p.body(22, 0, aggregate(2)[:20]) }),
		broken("an aggregate whose parts are too long", atPublish, func(p *peer) { p.body(22, 0, []byte{8, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 1}) }),
		broken("a command within an aggregate", atPublish, func(p *peer) {
			p.body(22, 0, chunk.AppendAggregate(nil, &rtmp.Message{Type: 20, Payload: str("connect")}))
		}),
		{name: "an aggregate of empty messages", at: atPublish, send: func(p *peer) {
			var b []byte
			for range 500 {
				b = chunk.AppendAggregate(b, &rtmp.Message{Type: 8})
			}
			p.body(22, 0, b)
		}},
		{name: "a long ModEx chain", at: atPublish, send: func(p *peer) {
			b := []byte{0x90 | 7}
			for range 5000 {
				b = append(b, 0, 0, 7) // one byte of data, and ModEx again
			}
			p.body(9, 0, b)
		}},
		{name: "tracks of no size, twice the same, too few bytes", at: atPublish, send: func(p *peer) {
			for _, b := range [][]byte{
				{0x96, 0x11, 'h', 'v', 'c', '1', 0, 0, 0, 0}, {0x96, 0x10, 'h', 'v', 'c', '1', 0, 0, 0, 0, 0, 0, 0, 0},
				{0x96, 0x11, 'h', 'v', 'c', '1', 0, 0xFF, 0xFF, 0xFF}, {0x96, 0xF1}, {0x96, 0x16}, {0x96, 0x17}, {0x96}, {0x90}, {0x97}, {0x97, 0xFF, 0xFF, 0xFF},
			} {
				p.body(9, 0, b)
				p.body(8, 0, b)
			}
		}},
		{name: "more tracks than may be", at: atPublish, send: func(p *peer) { p.body(9, 0, tracks(0, 16)); p.body(9, 1, tracks(16, 1)) },
			leftOut: "tracks"},
		{name: "256 tracks at once", at: atPublish, send: func(p *peer) { p.body(9, 0, tracks(0, 256)) }, leftOut: "tracks"},
		{name: "a sequence header that is too long", at: atPublish, send: func(p *peer) { p.body(9, 0, sequenceHeader(1, 64<<10+1)) },
			leftOut: "config_bytes"},
		{name: "a flood of sequence headers", run: func(a *attack) {
			p := a.publishing("attack")
			p.chunkSize(64 << 10)
			for i := range 300 {
				p.body(9, uint32(i), sequenceHeader(i, 60<<10))
			}
			p.alive()
			q := a.playing("attack")
			q.drainFor(100 * time.Millisecond)
			if q.configs != 1 {
				a.t.Errorf("a newcomer got %d sequence headers, want the last", q.configs)
			}
		}, options: []string{"config_bytes"}},
		{name: "the same sequence header over and over", run: func(a *attack) {
			p := a.publishing("attack")
			q := a.playing("attack")
			for i := range 200 {
				p.body(9, uint32(i), sequenceHeader(1, 50))
			}
			p.alive()
			q.drainFor(100 * time.Millisecond)
			if q.configs != 1 {
				a.t.Errorf("a player got %d of them, want one", q.configs)
			}
		}},
		{name: "metadata that is too long", at: atPublish, send: func(p *peer) { p.metadata(65 << 10) }, leftOut: "metadata_bytes"},
		{name: "a flood of metadata", at: atPublish, send: func(p *peer) {
			p.chunkSize(64 << 10)
			for range 200 {
				p.metadata(60 << 10)
			}
		}, options: []string{"metadata_bytes"}, peakMiB: 32},
		{name: "colour information that is too long", at: atPublish, send: func(p *peer) {
			p.body(9, 0, append([]byte{0x94, 'h', 'v', 'c', '1'}, make([]byte, 17<<10)...))
		}, leftOut: "color_info_bytes"},
		{name: "a group of pictures that never ends", run: func(a *attack) {
			p := a.publishing("attack")
			p.chunkSize(1 << 20)
			p.body(9, 0, avc(true, 1000))
			for i := range 60 {
				p.body(9, uint32(i), avc(false, 256<<10))
			}
			p.alive()
			if n := a.s.Registry.GOPBytes(); n > 4<<20+1<<20 { // and the healthy stream's
				a.t.Errorf("the caches hold %d bytes", n)
			}
		}, options: []string{"gop_bytes"}, peakMiB: 32},
		{name: "three of these at once", run: func(a *attack) {
			for i := range 3 {
				p := a.publishing("attack" + string(rune('a'+i)))
				p.chunkSize(1 << 20)
				p.body(9, 0, avc(true, 1000))
				for i := range 14 {
					p.body(9, uint32(i), avc(false, 256<<10))
				}
				p.alive()
				if n := a.s.Registry.GOPBytes(); n > 6<<20 {
					a.t.Errorf("the caches hold %d bytes", n)
				}
			}
		}, options: []string{"total_gop_bytes"}, peakMiB: 32},
		{name: "a group of pictures longer than may be kept", run: func(a *attack) {
			p := a.publishing("attack")
			p.body(9, 0, avc(true, 1000))
			for i := range 20 {
				p.body(9, uint32(i)*400, avc(false, 1000))
			}
			p.alive()
			if info, ok := a.s.Registry.Stream("live/attack"); !ok || info.GOPFrames != 0 || info.GOPDrops == 0 {
				a.t.Errorf("the cache still holds %d frames", info.GOPFrames)
			}
		}, options: []string{"gop_duration"}},
		{name: "timestamps that jump and wrap", run: func(a *attack) {
			p := a.publishing("attack")
			q := a.playing("attack")
			random := rand.New(rand.NewPCG(1, 2))
			for i := range 200 {
				ts := []uint32{0, 0xFFFFFF, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, random.Uint32()}[i%6]
				p.body(9, ts, avc(i%10 == 0, 300))
				p.body(8, ^ts, []byte{0xAF, 1, 2})
			}
			p.alive()
			last, n := uint32(0), 0
			for n < 150 {
				m := q.until("video", func(m *answer) bool { return m.Type == 9 })
				if m.Timestamp < last {
					a.t.Fatalf("time goes back from %d to %d", last, m.Timestamp)
				}
				last, n = m.Timestamp, n+1
			}
		}, peakMiB: 8},
		{name: "bodies that are noise", at: atPublish, send: func(p *peer) {
			random := rand.New(rand.NewPCG(3, 4))
			for i := range 90 {
				b := make([]byte, random.IntN(40))
				for j := range b {
					b[j] = byte(random.Uint32())
				}
				p.body([]byte{8, 9, 18, 15}[i%4], uint32(i), b)
			}
		}, then: lives},
		{name: "data messages that are no AMF", at: atPublish, send: func(p *peer) {
			for range 30 {
				p.body(18, 0, []byte{0xFF, 1, 2})
				p.body(18, 0, cat(str("@setDataFrame"), str("onMetaData"), nested(100)))
				p.body(15, 0, cat([]byte{0}, str("x"), laughs(30, 0)))
			}
		}, then: lives, peakMiB: 32},
		over("metadata of a billion laughs, many times", atPublish, "unknown_messages", func(p *peer) {
			for range 120 {
				p.body(18, 0, cat(str("@setDataFrame"), str("onMetaData"), []byte{3}, key("x"), laughs(30, 1), objectEnd))
			}
		}),
		{name: "a publisher that does not wait for any answer", run: func(a *attack) {
			p := a.shaken()
			p.connect("live")
			p.call(2, "createStream")
			p.sid = 1
			p.on("publish", "eager", "live")
			p.chunkSize(64 << 10)
			p.body(9, 0, avc(true, 100_000))
			p.wantCode(status.PublishStart)
			p.alive()
			if info, _ := a.s.Registry.Stream("live/eager"); info.FramesIn != 1 {
				a.t.Errorf("%d frames arrived, want 1", info.FramesIn)
			}
		}},
	}
}
