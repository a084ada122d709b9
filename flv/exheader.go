package flv

// MaxModEx is the longest chain of ModEx prefixes that is accepted. Enhanced
// RTMP defines one kind of prefix, so real chains have length one.
const MaxModEx = 8

// modExNanoOffset is the ModEx type TimestampOffsetNano, and maxNanoOffset the
// largest offset it may state (Enhanced RTMP v2, "VideoPacketModExType").
const (
	modExNanoOffset = 0
	maxNanoOffset   = 999_999
)

// TrackLayout says how an extended payload names its tracks.
type TrackLayout uint8

// The layouts. On the wire the last three are numbered 0 to 2 (Enhanced RTMP
// v2, AvMultitrackType).
const (
	PlainTrack           TrackLayout = iota // no multitrack header: track 0
	OneTrack                                // one track with an id
	ManyTracks                              // many tracks of one codec, with sizes
	ManyTracksManyCodecs                    // the same, each track with its own FourCC
)

// cursor reads the fields of a payload in order.
type cursor struct {
	body []byte
	pos  int
	kind TagType
}

func (c *cursor) fail(field string, err error) error {
	return &ParseError{Kind: c.kind, Offset: c.pos, Field: field, Err: err}
}

// number reads a big endian integer of n bytes, at most four.
func (c *cursor) number(n int, field string) (uint32, error) {
	if len(c.body)-c.pos < n {
		return 0, c.fail(field, ErrTruncated)
	}
	var v uint32
	for _, b := range c.body[c.pos : c.pos+n] {
		v = v<<8 | uint32(b)
	}
	c.pos += n
	return v, nil
}

// signed24 reads a composition time (SI24).
func (c *cursor) signed24() (int32, error) {
	v, err := c.number(3, "composition time")
	return int32(v<<8) >> 8, err
}

// exHeader is an extended header up to its first track.
type exHeader struct {
	kind     TagType
	frame    FrameType
	packet   PacketType // after ModEx and multitrack
	nano     uint32
	layout   TrackLayout
	codec    FourCC // zero for ManyTracksManyCodecs
	command  bool
	id       uint8 // of the command
	reserved bool
}

// parseEx reads an extended header in the order of Enhanced RTMP v2,
// "ExVideoTagHeader" and "ExAudioTagHeader". The first byte is known to exist
// and to announce such a header.
func parseEx(c *cursor) (h exHeader, err error) {
	first := c.body[0]
	c.pos = 1
	h.kind = c.kind
	h.packet = PacketType(first & 0x0f)
	if c.kind == TagVideo {
		h.frame = FrameType(first >> 4 & 7)
	}
	if err = h.modEx(c); err != nil {
		return h, err
	}
	if h.kind == TagVideo && h.frame == FrameCommand && h.packet != PacketMetadata {
		id, err := c.number(1, "video command")
		h.command, h.id = true, uint8(id)
		return h, err
	}
	if h.packet == multitrackType(c.kind) {
		if err = h.multitrack(c); err != nil {
			return h, err
		}
	}
	h.reserved = isReserved(c.kind, h.packet)
	if h.layout == ManyTracksManyCodecs || h.reserved && len(c.body)-c.pos < 4 {
		return h, nil
	}
	codec, err := c.number(4, "FourCC")
	h.codec = FourCC(codec)
	return h, err
}

// modEx reads the prefixes, each of which ends with the next packet type.
// Prefixes of unknown type are skipped. Like FFmpeg, it ignores an offset of
// the wrong size or value instead of refusing the media.
func (h *exHeader) modEx(c *cursor) error {
	for n := 0; h.packet == PacketModEx; n++ {
		if n == MaxModEx {
			return c.fail("ModEx", ErrModEx)
		}
		size, err := c.number(1, "ModEx size")
		if err == nil && size == 255 {
			size, err = c.number(2, "ModEx size")
		}
		if err != nil {
			return err
		}
		length := int(size) + 1
		if len(c.body)-c.pos < length {
			return c.fail("ModEx data", ErrTruncated)
		}
		data := c.body[c.pos : c.pos+length]
		c.pos += length
		next, err := c.number(1, "ModEx type")
		if err != nil {
			return err
		}
		h.packet = PacketType(next & 0x0f)
		if next>>4 == modExNanoOffset && length >= 3 {
			if v := uint32(data[0])<<16 | uint32(data[1])<<8 | uint32(data[2]); v <= maxNanoOffset {
				h.nano = v
			}
		}
	}
	return nil
}

// multitrack reads the layout and the packet type that all tracks share.
func (h *exHeader) multitrack(c *cursor) error {
	v, err := c.number(1, "multitrack type")
	if err != nil {
		return err
	}
	h.layout = TrackLayout(v>>4) + OneTrack
	h.packet = PacketType(v & 0x0f)
	if h.layout > ManyTracksManyCodecs || h.packet == multitrackType(c.kind) || h.packet == PacketModEx {
		c.pos--
		return c.fail("multitrack type", ErrMultitrack)
	}
	return nil
}

func multitrackType(kind TagType) PacketType {
	if kind == TagAudio {
		return PacketAudioMultitrack
	}
	return PacketVideoMultitrack
}

func isReserved(kind TagType, p PacketType) bool {
	return p > PacketModEx || kind == TagAudio && (p == 3 || p == 6)
}
