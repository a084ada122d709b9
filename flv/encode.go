package flv

// ModEx is one ModEx prefix of an extended header.
type ModEx struct {
	Type uint8  // 0 to 15
	Data []byte // 1 to 65536 bytes
}

// NanoOffset returns the prefix that moves the presentation time by ns
// nanoseconds, 0 to 999999.
func NanoOffset(ns uint32) ModEx {
	return ModEx{Type: modExNanoOffset, Data: []byte{byte(ns >> 16), byte(ns >> 8), byte(ns)}}
}

// ExPacket describes a payload with an extended header. A multitrack payload is
// asked for by Layout, not by Type.
type ExPacket struct {
	Kind      TagType   // TagAudio or TagVideo
	FrameType FrameType // video
	Type      PacketType
	ModEx     []ModEx // outermost first
	Layout    TrackLayout
	Tracks    []Track // exactly one unless Layout is ManyTracks or ManyTracksManyCodecs
	CommandID uint8   // video with FrameCommand, which has no tracks
}

// AppendEx appends the payload that p describes (Enhanced RTMP v2, "Enhanced
// Video" and "Enhanced Audio"). The codec of the first track is that of all
// tracks unless Layout is ManyTracksManyCodecs; composition times are written
// for coded frames of H.264, H.265 and H.266 only. On error, a *ParseError, it
// returns dst as it was.
func AppendEx(dst []byte, p *ExPacket) ([]byte, error) {
	command := p.Kind == TagVideo && p.FrameType == FrameCommand && p.Type != PacketMetadata
	if err := p.check(command); err != nil {
		return dst, err
	}
	outer := p.Type
	if p.Layout != PlainTrack && !command {
		outer = multitrackType(p.Kind)
	}
	first := byte(soundExHeader << audioFormatBits)
	if p.Kind == TagVideo {
		first = 0x80 | byte(p.FrameType&7)<<4
	}
	if len(p.ModEx) == 0 {
		dst = append(dst, first|byte(outer))
	} else {
		dst = append(dst, first|byte(PacketModEx))
		dst = appendModEx(dst, p.ModEx, outer)
	}
	if command {
		return append(dst, p.CommandID), nil
	}
	if p.Layout != PlainTrack {
		dst = append(dst, byte(p.Layout-OneTrack)<<4|byte(p.Type))
	}
	if p.Layout != ManyTracksManyCodecs {
		dst = appendNumber(dst, 4, uint32(p.Tracks[0].Codec))
	}
	for i := range p.Tracks {
		dst = p.appendTrack(dst, &p.Tracks[i])
	}
	return dst, nil
}

func appendModEx(dst []byte, chain []ModEx, last PacketType) []byte {
	for i, m := range chain {
		size := len(m.Data) - 1
		if size < 255 {
			dst = append(dst, byte(size))
		} else {
			dst = append(dst, 255, byte(size>>8), byte(size))
		}
		dst = append(dst, m.Data...)
		next := PacketModEx
		if i == len(chain)-1 {
			next = last
		}
		dst = append(dst, m.Type<<4|byte(next))
	}
	return dst
}

func (p *ExPacket) appendTrack(dst []byte, t *Track) []byte {
	if p.Layout == ManyTracksManyCodecs {
		dst = appendNumber(dst, 4, uint32(t.Codec))
	}
	if p.Layout != PlainTrack {
		dst = append(dst, t.ID)
	}
	if p.Layout >= ManyTracks {
		dst = appendNumber(dst, 3, uint32(p.trackSize(t)))
	}
	if p.timed(t) {
		dst = appendNumber(dst, 3, uint32(t.CTS))
	}
	return append(dst, t.Data...)
}

// timed reports whether the track has a composition time on the wire.
func (p *ExPacket) timed(t *Track) bool {
	codec := p.Tracks[0].Codec
	if p.Layout == ManyTracksManyCodecs {
		codec = t.Codec
	}
	return p.Kind == TagVideo && p.Type == PacketCodedFrames && codec.composed()
}

func (p *ExPacket) trackSize(t *Track) int {
	if p.timed(t) {
		return len(t.Data) + 3
	}
	return len(t.Data)
}

func (p *ExPacket) check(command bool) error {
	fail := func(field string, err error) error {
		return &ParseError{Kind: p.Kind, Field: field, Err: err}
	}
	if p.Type == multitrackType(p.Kind) || p.Type >= PacketModEx {
		return fail("packet type", ErrRange)
	}
	if len(p.ModEx) > MaxModEx {
		return fail("ModEx", ErrModEx)
	}
	for _, m := range p.ModEx {
		if len(m.Data) < 1 || len(m.Data) > 1<<16 || m.Type > 15 {
			return fail("ModEx data", ErrRange)
		}
	}
	if command {
		return nil
	}
	if p.Kind == TagVideo && p.FrameType == FrameCommand && p.Layout != PlainTrack {
		return fail("frame type", ErrMultitrack) // would be read as a command
	}
	if p.Layout > ManyTracksManyCodecs || len(p.Tracks) == 0 || p.Layout < ManyTracks && len(p.Tracks) > 1 {
		return fail("tracks", ErrMultitrack)
	}
	var seen TrackSet
	for i := range p.Tracks {
		t := &p.Tracks[i]
		if seen.Has(t.ID) {
			return fail("track id", ErrDuplicateTrack)
		}
		seen.Add(t.ID)
		if p.Layout >= ManyTracks && p.trackSize(t) > MaxTagBody {
			return fail("track size", ErrTrackSize)
		}
		if t.CTS < -1<<23 || t.CTS >= 1<<23 {
			return fail("composition time", ErrRange)
		}
	}
	return nil
}

// AppendAVC appends the 5 bytes before the data of a legacy H.264 payload (FLV
// 10.1 §E.4.3.1); cts is the composition time in ms, cut to 24 bits.
func AppendAVC(dst []byte, f FrameType, p PacketType, cts int32) []byte {
	return appendNumber(append(dst, byte(f)<<4|legacyAVC, byte(p)), 3, uint32(cts))
}

// AppendAAC appends the 2 bytes before the data of a legacy AAC payload (FLV
// 10.1 §E.4.2.1).
func AppendAAC(dst []byte, p PacketType) []byte {
	return append(dst, soundAAC<<audioFormatBits|0x0f, byte(p))
}

func appendNumber(dst []byte, n int, v uint32) []byte {
	for n--; n >= 0; n-- {
		dst = append(dst, byte(v>>(8*n)))
	}
	return dst
}
