package flv

// The legacy sound formats with a meaning here (FLV 10.1 §E.4.2.1).
const (
	soundMP3        = 2
	soundNelly16    = 4
	soundNelly8     = 5
	soundALaw       = 7
	soundMuLaw      = 8
	soundExHeader   = 9 // Enhanced RTMP v2
	soundAAC        = 10
	soundSpeex      = 11
	soundMP38       = 14
	audioStereo     = 1 // flag of the first byte
	audioRateShift  = 2
	audioFormatBits = 4
)

var soundRates = [4]uint32{5512, 11025, 22050, 44100}

// ParseAudio classifies the payload of an audio tag or message: an
// AudioTagHeader (FLV 10.1 §E.4.2.1) or an ExAudioTagHeader (Enhanced RTMP v2,
// "Enhanced Audio"). It validates the header and the table of tracks, never the
// codec data. A zero-length body is Empty and no error; other errors are a
// *ParseError with ErrTruncated, ErrModEx, ErrMultitrack, ErrTrackSize or
// ErrDuplicateTrack. It does not allocate unless it fails.
//
// The sample rate and the channel count of AAC are left at zero: its header has
// fixed values that mean nothing.
func ParseAudio(body []byte) (Info, error) {
	info := Info{Kind: TagAudio}
	if len(body) == 0 {
		info.Empty = true
		return info, nil
	}
	c := cursor{body: body, kind: TagAudio}
	var err error
	if body[0]>>audioFormatBits == soundExHeader {
		err = enhancedAudio(&c, &info)
	} else {
		err = legacyAudio(&c, &info)
	}
	if err != nil {
		return Info{Kind: TagAudio}, err
	}
	return info, nil
}

func enhancedAudio(c *cursor, info *Info) error {
	h, err := parseEx(c)
	if err != nil {
		return err
	}
	data, err := h.fill(c, info)
	if err != nil {
		return err
	}
	if info.Reserved || h.packet != PacketMultichannelConfig {
		return nil
	}
	info.Config, info.ChannelMap = true, true
	part := cursor{body: c.body[:info.DataOffset+len(data)], pos: info.DataOffset, kind: TagAudio}
	info.Channels, err = channels(&part)
	return err
}

// channels reads a MultichannelConfig. The channel ids of a custom order are
// checked to be present and skipped; an order that is not defined is reported
// as it is.
func channels(c *cursor) (Channels, error) {
	order, err := c.number(1, "channel order")
	if err != nil {
		return Channels{}, err
	}
	count, err := c.number(1, "channel count")
	if err != nil {
		return Channels{}, err
	}
	ch := Channels{Order: ChannelOrder(order), Count: uint8(count)}
	switch ch.Order {
	case ChannelsNative:
		ch.Mask, err = c.number(4, "channel mask")
	case ChannelsCustom:
		if len(c.body)-c.pos < int(count) {
			err = c.fail("channel ids", ErrTruncated)
		}
	}
	return ch, err
}

func legacyAudio(c *cursor, info *Info) error {
	first := c.body[0]
	c.pos = 1
	info.DataOffset = 1
	info.Tracks.Add(0)
	info.LegacyID = first >> audioFormatBits
	if info.LegacyID == soundAAC {
		return legacyAAC(c, info)
	}
	info.SampleRate = soundRates[first>>audioRateShift&3]
	info.Channels.Count = 1 + first&audioStereo
	switch info.LegacyID {
	case soundMP3:
		info.Codec = FourCCMP3
	case soundMP38:
		info.Codec = FourCCMP3
		info.SampleRate = 8000
	case soundALaw, soundMuLaw:
		info.SampleRate = 8000
	case soundNelly8:
		info.SampleRate, info.Channels.Count = 8000, 1
	case soundNelly16, soundSpeex:
		info.SampleRate, info.Channels.Count = 16000, 1
	}
	return nil
}

func legacyAAC(c *cursor, info *Info) error {
	info.Codec = FourCCAAC
	packet, err := c.number(1, "packet type")
	if err != nil {
		return err
	}
	info.DataOffset = c.pos
	info.PacketType = PacketType(packet)
	switch info.PacketType {
	case PacketSequenceStart:
		info.Config = true
	case PacketCodedFrames:
	default:
		info.Reserved, info.Tracks = true, TrackSet{}
	}
	return nil
}
