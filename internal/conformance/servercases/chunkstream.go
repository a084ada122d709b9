package servercases

import (
	"fmt"
	"strings"

	"penstock/internal/conformance/judge"
	"penstock/internal/conformance/wire"
)

func chunkStream() []judge.Case {
	return section("chunk", "Chunk stream", []judge.Case{
		{Case: about("type-1", "", required, "type 1 chunks", "A message that begins with a type 1 chunk is understood.", "RTMP 1.0 §5.3.1.2.2"), Run: headerType1},
		{Case: about("type-2", "", required, "type 2 chunks", "A message that begins with a type 2 chunk is understood.", "RTMP 1.0 §5.3.1.2.3"), Run: headerType2},
		{Case: about("type-3", "", required, "type 3 chunks that begin a message", "A message that begins with a type 3 chunk is understood.", "RTMP 1.0 §5.3.1.2.4"), Run: headerType3},
		{Case: about("deltas", "", required, "timestamp deltas", "Deltas of type 1 and 2 chunks add up: players see the publisher's intervals.", "RTMP 1.0 §5.3.1.2"), Run: deltas},
		{Case: about("csid-2-bytes", "", required, "chunk stream ids of two bytes", "Chunk stream ids from 64 to 319 are understood.", "RTMP 1.0 §5.3.1.1; seen from Flash clients"),
			Run: func(t *judge.Trial) error { return onChunkStream(t, 200, 2) }},
		{Case: about("csid-3-bytes", "", recommended, "chunk stream ids of three bytes", "Chunk stream ids from 320 to 65599 are understood.", "RTMP 1.0 §5.3.1.1"),
			Run: func(t *judge.Trial) error { return onChunkStream(t, 65599, 3) }},
		{Case: about("csid-long-form", "", optional, "an id in the longer form", "A chunk stream id from 64 to 319 in three bytes is understood.", "RTMP 1.0 §5.3.1.1"),
			Run: func(t *judge.Trial) error { return onChunkStream(t, 300, 3) }},
		{Case: about("set-chunk-size", "", required, "Set Chunk Size", "After Set Chunk Size 4096 a message of 1000 bytes in one chunk is understood.", "RTMP 1.0 §5.4.1"),
			Run: func(t *judge.Trial) error { return chunkSize(t, 4096, 2) }},
		{Case: about("chunk-size-max", "", required, "the largest chunk size", "Chunk size 2147483647 is accepted.", "RTMP 1.0 §5.4.1 (1 to 2147483647)"),
			Run: func(t *judge.Trial) error { return chunkSize(t, 1<<31-1, 2) }},
		{Case: about("chunk-size-1", "", optional, "the smallest chunk size", "Chunk size 1 is accepted. (A server may refuse it to protect itself: each byte costs it a header.)", "RTMP 1.0 §5.4.1"),
			Run: func(t *judge.Trial) error { return chunkSize(t, 1, 2) }},
		{Case: about("chunk-size-other-csid", "", recommended, "Set Chunk Size on another chunk stream", "Set Chunk Size is obeyed on any chunk stream.", "cameras that send control messages on chunk stream 3"),
			Run: func(t *judge.Trial) error { return chunkSize(t, 4096, 3) }},
		{Case: about("chunk-size-between", "", recommended, "Set Chunk Size within a message", "Set Chunk Size between the chunks of a message on another chunk stream counts from the next chunk on.", "RTMP 1.0 §5.4.1"), Run: chunkSizeBetween},
		{Case: about("interleaved", "", required, "interleaved messages", "A command between the chunks of a video message is answered, and the video message arrives unchanged.", "RTMP 1.0 §5.3"), Run: interleaved},
		{Case: about("abort", "", recommended, "Abort Message", "After Abort Message the rest of the aborted message is not waited for.", "RTMP 1.0 §5.4.2"), Run: abort},
		{Case: about("extended", "", required, "extended timestamps", "A message of several chunks at 16777216 ms, its extended timestamp repeated in every type 3 chunk, arrives unchanged.",
			"RTMP 1.0 §5.3.1.3; streams longer than 4 h 39 min"), Run: func(t *judge.Trial) error { return extendedAt(t, 0x1000000, false) }},
		{Case: about("extended-edge", "", recommended, "a timestamp of 16777215", "A timestamp of exactly 16777215 ms travels as extended timestamp.", "RTMP 1.0 §5.3.1.3"),
			Run: func(t *judge.Trial) error { return extendedAt(t, 0xFFFFFF, false) }},
		{Case: about("extended-omitted", "", optional, "encoders that do not repeat it", "Type 3 chunks without the extended timestamp, as old encoders and cameras send them, are recognised.",
			"librtmp up to 2.3, cameras"), Run: func(t *judge.Trial) error { return extendedAt(t, 0x1000000, true) }},
		{Case: about("wrap", "", recommended, "the 32-bit clock wraps", "Timestamps that go from 4294967280 to 16 are 32 ms apart for players.", "RTMP 1.0 §5.3.1.3; errata and addenda"), Run: wraps},
		{Case: about("aggregate", "", recommended, "aggregate messages", "The audio and video in an aggregate message reach players, each with its own timestamp.", "RTMP 1.0 §7.1.6"), Run: aggregate},
		{Case: about("server-framing", "", required, "the server's own chunks", "What the server sends is a chunk stream that a strict reader understands: fresh chunk streams begin with type 0, messages go on with type 3.",
			"RTMP 1.0 §5.3.1"), Run: serverFraming},
		{Case: about("server-extended", "", required, "the server's own extended timestamps", "Type 3 chunks of the server repeat the extended timestamp of their message.", "RTMP 1.0 §5.3.1.3; FFmpeg reads them always"), Run: serverExtended},
		{Case: about("server-control", "", required, "the server's control messages", "Protocol control and user control messages of the server travel on chunk stream 2 and message stream 0.", "RTMP 1.0 §5.4, §7.1.7"), Run: serverControl},
	})
}

// question is a createStream of a transaction, with padding that changes its length.
func question(c *judge.Conn, txn float64, padding int) *wire.Message {
	cmd := &wire.Command{Name: "createStream", Transaction: txn}
	if padding > 0 {
		cmd.Args = []any{string(pattern7(padding))}
	}
	return wire.CommandMessage(c.Encoding == 3, 0, cmd)
}

// pattern7 is n bytes of ASCII.
func pattern7(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return b
}

// answered waits for the answer to a question.
func answered(c *judge.Conn, txn float64, what string) error {
	_, err := c.Await("an answer to "+what, func(h *judge.Heard) bool { return h.Answers(txn) })
	return err
}

// asks sends questions, each cut in its own way, and waits for every answer.
func asks(t *judge.Trial, cuts []wire.Cutting, padding []int) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	for i, cut := range cuts {
		txn := c.NextTransaction()
		m := question(c, txn, padding[i])
		m.CSID = 5
		c.Raw.Note("the next command begins with a type %d chunk", cut.First)
		if err := c.SendCut(m, cut); err != nil {
			return err
		}
		if err := answered(c, txn, fmt.Sprintf("a command that begins with a type %d chunk", cut.First)); err != nil {
			return err
		}
	}
	return nil
}

func headerType1(t *judge.Trial) error {
	return asks(t, []wire.Cutting{{}, {First: 1, Delta: 10}}, []int{0, 20})
}

func headerType2(t *judge.Trial) error {
	return asks(t, []wire.Cutting{{}, {First: 2, Delta: 10}}, []int{0, 0})
}

func headerType3(t *judge.Trial) error {
	return asks(t, []wire.Cutting{{}, {First: 3}}, []int{0, 0})
}

func deltas(t *judge.Trial) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	list := []*wire.Message{audio(id, 1000, 1), audio(id, 0, 2), audio(id, 0, 3)}
	list[1].Payload = list[1].Payload[:90] // another length for type 1
	list[2].Payload = list[2].Payload[:90]
	list[0].CSID, list[1].CSID, list[2].CSID = 7, 7, 7
	cuts := []wire.Cutting{{}, {First: 1, Delta: 23}, {First: 2, Delta: 46}}
	var times []uint32
	for i, m := range list {
		cuts[i].Size = 128
		if err := p.SendCut(m, cuts[i]); err != nil {
			return err
		}
		h, err := arrives(c, "Audio", m)
		if err != nil {
			return err
		}
		times = append(times, h.Timestamp)
	}
	if times[1]-times[0] != 23 || times[2]-times[1] != 46 {
		return judge.Differs("intervals of 23 and 46 ms", fmt.Sprintf("%d and %d ms", int32(times[1]-times[0]), int32(times[2]-times[1])))
	}
	return nil
}

func onChunkStream(t *judge.Trial, csid uint32, length int) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	txn := c.NextTransaction()
	m := question(c, txn, 0)
	b := wire.AppendHeader(nil, wire.Header{CSID: csid, CSIDLen: length, Length: len(m.Payload), Type: m.Type})
	if err := c.SendRaw(append(b, m.Payload...), fmt.Sprintf("createStream %v on chunk stream %d, %d bytes of basic header", txn, csid, length)); err != nil {
		return err
	}
	return answered(c, txn, fmt.Sprintf("a command on chunk stream %d", csid))
}

func chunkSize(t *judge.Trial, size, csid uint32) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	m := wire.ControlValue(wire.TypeSetChunkSize, size)
	m.CSID = csid
	txn := c.NextTransaction()
	// In one segment: what a server makes of it must not depend on when it reads.
	b := wire.AppendMessage(wire.AppendMessage(nil, m, wire.Cutting{}), question(c, txn, 1000), wire.Cutting{Size: int(min(size, 1<<24-1))})
	if err := c.SendRaw(b, fmt.Sprintf("SetChunkSize %d on chunk stream %d, and createStream %v with 1000 bytes more in such chunks", size, csid, txn)); err != nil {
		return err
	}
	return answered(c, txn, fmt.Sprintf("a command in chunks of %d bytes", size))
}

func chunkSizeBetween(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	txn := c.NextTransaction()
	m := question(c, txn, 600)
	m.CSID = 5
	head := wire.Chunks(m, wire.Cutting{Size: 128})
	b := append([]byte(nil), head[0]...)
	b = wire.AppendMessage(b, wire.ControlValue(wire.TypeSetChunkSize, 256), wire.Cutting{})
	for rest := m.Payload[128:]; len(rest) > 0; {
		n := min(256, len(rest))
		b = append(wire.AppendHeader(b, wire.Header{Fmt: 3, CSID: 5}), rest[:n]...)
		rest = rest[n:]
	}
	if err := c.SendRaw(b, fmt.Sprintf("128 bytes of createStream %v, SetChunkSize 256, and the rest in chunks of 256 bytes", txn)); err != nil {
		return err
	}
	return answered(c, txn, "the command")
}

func interleaved(t *judge.Trial) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	m := videoMessage(id, 40, frame(true, 700, 4))
	txn := p.NextTransaction()
	parts := wire.Chunks(m, wire.Cutting{Size: 128})
	var b []byte
	for i, part := range parts {
		b = append(b, part...)
		if i == 2 {
			b = wire.AppendMessage(b, question(p, txn, 0), wire.Cutting{Size: 128})
		}
	}
	if err := p.SendRaw(b, fmt.Sprintf("a video message in %d chunks, createStream %v after the third", len(parts), txn)); err != nil {
		return err
	}
	if err := answered(p, txn, "the command between the chunks"); err != nil {
		return err
	}
	_, err = arrives(c, "the video message around it", m)
	return err
}

func abort(t *judge.Trial) error {
	c, err := t.Join("")
	if err != nil {
		return err
	}
	aborted := c.NextTransaction()
	m := question(c, aborted, 400)
	m.CSID = 5
	txn := c.NextTransaction()
	whole := question(c, txn, 0)
	whole.CSID = 5
	b := wire.AppendMessage(wire.Chunks(m, wire.Cutting{Size: 128})[0], wire.ControlValue(wire.TypeAbort, 5), wire.Cutting{})
	if err := c.SendRaw(wire.AppendMessage(b, whole, wire.Cutting{}),
		fmt.Sprintf("the first chunk of createStream %v on chunk stream 5, Abort 5, and createStream %v on chunk stream 5", aborted, txn)); err != nil {
		return err
	}
	if err := answered(c, txn, "a whole command on the same chunk stream"); err != nil {
		return err
	}
	return c.Never("no answer to the aborted command", func(h *judge.Heard) bool { return h.Answers(aborted) })
}

func extendedAt(t *judge.Trial, ts uint32, omit bool) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	m := videoMessage(id, ts, frame(true, 700, 4))
	if err := p.SendCut(m, wire.Cutting{Size: 128, OmitT3: omit}); err != nil {
		return err
	}
	if _, err := arrives(c, "the video message", m); err != nil {
		return err
	}
	next := videoMessage(id, ts+40, frame(true, 500, 5))
	if err := p.SendCut(next, wire.Cutting{Size: 128, OmitT3: omit}); err != nil {
		return err
	}
	_, err = arrives(c, "the one after it", next)
	return err
}

// beforeWrap is pair for a stream whose clock begins shortly before 2^32.
func beforeWrap(t *judge.Trial) (p, c *judge.Conn, id uint32, err error) {
	const ts = 0xFFFFFFF0 - 40
	name := t.Stream("")
	if p, id, err = published(t, name); err != nil {
		return
	}
	err = p.Send(videoMessage(id, ts, videoHeader), audioMessage(id, ts, audioHeader), picture(id, ts, true, 0), audio(id, ts, 0))
	if err != nil {
		return
	}
	if err = p.Barrier(); err != nil {
		return
	}
	if c, _, err = played(t, name); err != nil {
		return
	}
	err = c.Barrier()
	return
}

func wraps(t *judge.Trial) error {
	p, c, id, err := beforeWrap(t)
	if err != nil {
		return err
	}
	a, b := audio(id, 0xFFFFFFF0, 1), audio(id, 0x10, 2)
	if err := p.Send(a, b); err != nil {
		return err
	}
	first, err := arrives(c, "Audio", a)
	if err != nil {
		return err
	}
	second, err := arrives(c, "Audio", b)
	if err != nil {
		return err
	}
	if d := second.Timestamp - first.Timestamp; d != 32 {
		return judge.Differs("an interval of 32 ms", fmt.Sprintf("%d ms and %d ms", first.Timestamp, second.Timestamp))
	}
	return nil
}

// tag is one message in an aggregate: an FLV tag and its back pointer.
func tag(typ byte, ts uint32, payload []byte) []byte {
	n := len(payload)
	b := []byte{typ, byte(n >> 16), byte(n >> 8), byte(n), byte(ts >> 16), byte(ts >> 8), byte(ts), byte(ts >> 24), 0, 0, 0}
	b = append(b, payload...)
	n += 11
	return append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func aggregate(t *judge.Trial) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	v, a := picture(id, 0, true, 6), audio(id, 0, 6)
	body := append(tag(wire.TypeVideo, 500, v.Payload), tag(wire.TypeAudio, 521, a.Payload)...)
	if err := p.Send(&wire.Message{Type: wire.TypeAggregate, CSID: 6, StreamID: id, Timestamp: 40, Payload: body}); err != nil {
		return err
	}
	first, err := arrives(c, "the video in the aggregate", v)
	if err != nil {
		return err
	}
	second, err := arrives(c, "the audio in the aggregate", a)
	if err != nil {
		return err
	}
	if d := second.Timestamp - first.Timestamp; d != 21 {
		return judge.Differs("an interval of 21 ms", fmt.Sprintf("%d ms", int32(d)))
	}
	return nil
}

// framing checks what the reader noticed on a connection, of anomalies in which text occurs.
func framing(c *judge.Conn, text string) error {
	for _, a := range c.Raw.Reader().Anomalies() {
		if strings.Contains(a, text) {
			return judge.Differs("a strict chunk stream", a)
		}
	}
	return nil
}

func serverFraming(t *judge.Trial) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	if err := relay(p, c, "a key frame", videoMessage(id, 40, frame(true, 9000, 4))); err != nil {
		return err
	}
	if err := relay(p, c, "audio", audio(id, 60, 4)); err != nil {
		return err
	}
	if err := framing(p, ""); err != nil {
		return err
	}
	return framing(c, "")
}

// stride is the distance, in ms, of the messages that lead a stream beyond 16777215 ms: servers that give players a clock of
// their own take more than ten seconds for a jump.
const stride = 9900

func serverExtended(t *judge.Trial) error {
	p, c, id, err := pair(t)
	if err != nil {
		return err
	}
	if err := p.Send(wire.ControlValue(wire.TypeSetChunkSize, 65536)); err != nil {
		return err
	}
	p.Raw.Note("audio every %d ms follows, until the clock is beyond 16777215 ms", stride)
	ts := uint32(0)
	for ts < 0x1000000+20*stride {
		var batch []*wire.Message
		for range 100 {
			ts += stride
			batch = append(batch, audio(id, ts, 1))
		}
		if err := p.Send(batch...); err != nil {
			return err
		}
	}
	for i := range uint32(2) {
		if err := relay(p, c, "a key frame of 150000 bytes", videoMessage(id, ts+40*i, frame(true, 150_000, byte(i)))); err != nil {
			return err
		}
	}
	return framing(c, "extended timestamp")
}

func serverControl(t *judge.Trial) error {
	p, c, _, err := pair(t)
	if err != nil {
		return err
	}
	n := 0
	for _, conn := range []*judge.Conn{p, c} {
		for _, h := range conn.All() {
			if h.Type > wire.TypeSetPeerBandwidth {
				continue
			}
			n++
			if h.CSID != 2 || h.StreamID != 0 {
				return judge.Differs("chunk stream 2, message stream 0", fmt.Sprintf("%s on chunk stream %d, message stream %d", wire.Describe(h.Message), h.CSID, h.StreamID))
			}
		}
	}
	if n == 0 {
		return judge.Needs("a server that sends control messages")
	}
	return nil
}
