package flv

import "iter"

// Track is the part of an audio or video payload that belongs to one track.
type Track struct {
	ID    uint8  // 0 when the payload does not name its tracks
	Codec FourCC // 0 for a legacy codec without a FourCC
	CTS   int32  // composition time, ms; set for coded frames of H.264, H.265 and H.266
	Data  []byte // codec data after the composition time; shares the body's memory
}

// Tracks returns the tracks of a payload of the given kind, TagAudio or
// TagVideo, in wire order. An error ends the sequence; it is the error that
// ParseAudio or ParseVideo return for the same body. Empty messages, commands
// and packets of a reserved type have no tracks.
func Tracks(kind TagType, body []byte) iter.Seq2[Track, error] {
	return func(yield func(Track, error) bool) {
		info, err := parse(kind, body)
		if err != nil {
			yield(Track{}, err)
			return
		}
		if info.Empty || info.Command || info.Reserved {
			return
		}
		if !info.Enhanced {
			yield(Track{Codec: info.Codec, CTS: info.CTS, Data: body[info.DataOffset:]}, nil)
			return
		}
		c := cursor{body: body, kind: kind}
		h, _ := parseEx(&c)
		for more := true; more; {
			var t Track
			if t, more, err = h.next(&c); !yield(t, err) || err != nil {
				return
			}
		}
	}
}

func parse(kind TagType, body []byte) (Info, error) {
	if kind == TagAudio {
		return ParseAudio(body)
	}
	return ParseVideo(body)
}

// next reads one track and leaves the cursor behind it. It reports whether
// another one follows.
func (h *exHeader) next(c *cursor) (t Track, more bool, err error) {
	t.Codec = h.codec
	if h.layout == ManyTracksManyCodecs {
		v, err := c.number(4, "FourCC")
		if err != nil {
			return t, false, err
		}
		t.Codec = FourCC(v)
	}
	if h.layout != PlainTrack {
		v, err := c.number(1, "track id")
		if err != nil {
			return t, false, err
		}
		t.ID = uint8(v)
	}
	end := len(c.body)
	if h.layout >= ManyTracks {
		size, err := c.number(3, "track size")
		if err != nil {
			return t, false, err
		}
		if int(size) > end-c.pos || size == 0 && h.coded() {
			c.pos -= 3
			return t, false, c.fail("track size", ErrTrackSize)
		}
		end = c.pos + int(size)
	}
	part := cursor{body: c.body[:end:end], pos: c.pos, kind: c.kind}
	if h.kind == TagVideo && h.packet == PacketCodedFrames && t.Codec.composed() {
		if t.CTS, err = part.signed24(); err != nil {
			return t, false, err
		}
	}
	t.Data = part.body[part.pos:]
	c.pos = end
	return t, end < len(c.body), nil
}

// coded reports whether the packets carry coded media.
func (h *exHeader) coded() bool {
	return h.packet == PacketCodedFrames || h.kind == TagVideo && h.packet == PacketCodedFramesX
}

// fill puts the header and all tracks into info and returns the data of the
// first track.
func (h *exHeader) fill(c *cursor, info *Info) (data []byte, err error) {
	info.Enhanced = true
	info.FrameType, info.PacketType = h.frame, h.packet
	info.NanoOffset = h.nano
	info.Codec = h.codec
	info.Multitrack = h.layout != PlainTrack
	info.DataOffset = c.pos
	info.Command, info.CommandID = h.command, h.id
	info.Reserved = h.reserved
	if h.command || h.reserved {
		return nil, nil
	}
	info.Config = h.packet == PacketSequenceStart
	info.End = h.packet == PacketSequenceEnd
	for first, more := true, true; more; first = false {
		start := c.pos
		var t Track
		if t, more, err = h.next(c); err != nil {
			return nil, err
		}
		if info.Tracks.Has(t.ID) {
			c.pos = start
			return nil, c.fail("track", ErrDuplicateTrack)
		}
		info.Tracks.Add(t.ID)
		if first {
			info.Codec, info.CTS = t.Codec, t.CTS
			info.DataOffset = c.pos - len(t.Data)
			data = t.Data
		}
	}
	return data, nil
}
