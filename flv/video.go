package flv

// The legacy video codec ids that have the packet header of AVC: packet type
// and composition time. 12 and 13 are not in FLV 10.1; clients and servers that
// predate Enhanced RTMP use them for H.265 and AV1.
const (
	legacyAVC  = 7
	legacyHEVC = 12
	legacyAV1  = 13
)

// ParseVideo classifies the payload of a video tag or message: a VideoTagHeader
// (FLV 10.1 §E.4.3.1) or an ExVideoTagHeader (Enhanced RTMP v2, "Enhanced
// Video"). It validates the header and the table of tracks, never the codec
// data. A zero-length body is Empty and no error; other errors are a
// *ParseError with ErrTruncated, ErrModEx, ErrMultitrack, ErrTrackSize or
// ErrDuplicateTrack. It does not allocate unless it fails.
func ParseVideo(body []byte) (Info, error) {
	info := Info{Kind: TagVideo}
	if len(body) == 0 {
		info.Empty = true
		return info, nil
	}
	c := cursor{body: body, kind: TagVideo}
	var err error
	if body[0]&0x80 == 0 {
		err = legacyVideo(&c, &info)
	} else {
		err = enhancedVideo(&c, &info)
	}
	if err != nil {
		return Info{Kind: TagVideo}, err
	}
	key := info.FrameType == FrameKey || info.FrameType == FrameGeneratedKey
	info.Key = key && info.Coded()
	return info, nil
}

func enhancedVideo(c *cursor, info *Info) error {
	h, err := parseEx(c)
	if err != nil {
		return err
	}
	if _, err := h.fill(c, info); err != nil {
		return err
	}
	if !info.Command && !info.Reserved {
		info.Metadata = h.packet == PacketMetadata
		info.Config = info.Config || h.packet == PacketMPEG2SequenceStart
	}
	return nil
}

func legacyVideo(c *cursor, info *Info) error {
	first := c.body[0]
	c.pos = 1
	info.DataOffset = 1
	info.FrameType = FrameType(first >> 4)
	info.LegacyID = first & 0x0f
	switch info.LegacyID {
	case legacyAVC:
		info.Codec = FourCCAVC
	case legacyHEVC:
		info.Codec = FourCCHEVC
	case legacyAV1:
		info.Codec = FourCCAV1
	}
	if info.FrameType == FrameCommand {
		id, err := c.number(1, "video command")
		info.Command, info.CommandID = true, uint8(id)
		return err
	}
	info.Tracks.Add(0)
	if info.Codec == 0 {
		return nil
	}
	return legacyPacket(c, info)
}

// legacyPacket reads what follows the first byte for AVC and its kin. The end
// of a sequence is accepted without a composition time.
func legacyPacket(c *cursor, info *Info) error {
	packet, err := c.number(1, "packet type")
	if err != nil {
		return err
	}
	info.PacketType = PacketType(packet)
	switch info.PacketType {
	case PacketSequenceStart:
		info.Config = true
	case PacketCodedFrames:
	case PacketSequenceEnd:
		info.End = true
		info.DataOffset = min(5, len(c.body))
		return nil
	default:
		info.Reserved, info.Tracks = true, TrackSet{}
		info.DataOffset = c.pos
		return nil
	}
	cts, err := c.signed24()
	if packet := info.PacketType; packet == PacketCodedFrames {
		info.CTS = cts
	}
	info.DataOffset = c.pos
	return err
}
