package flv

import "math/bits"

// FrameType is the frame type of a video payload (FLV 10.1 §E.4.3.1 and the
// same three bits of the ExVideoTagHeader).
type FrameType uint8

// The frame types of video.
const (
	FrameKey          FrameType = 1 // a key frame
	FrameInter        FrameType = 2 // needs earlier frames
	FrameDisposable   FrameType = 3 // no other frame needs it (H.263)
	FrameGeneratedKey FrameType = 4 // key frame made by a server
	FrameCommand      FrameType = 5 // no picture, a command byte follows
)

// PacketType is the packet type of an extended audio or video header. Values 3
// and 4 mean different things for the two kinds (Enhanced RTMP v2,
// AudioPacketType and VideoPacketType).
type PacketType uint8

// The packet types of extended headers. 8 to 15 are reserved, for audio also 3
// and 6.
const (
	PacketSequenceStart      PacketType = 0
	PacketCodedFrames        PacketType = 1
	PacketSequenceEnd        PacketType = 2
	PacketCodedFramesX       PacketType = 3 // video: composition time 0, not on the wire
	PacketMetadata           PacketType = 4 // video: colorInfo
	PacketMultichannelConfig PacketType = 4 // audio
	PacketMPEG2SequenceStart PacketType = 5 // video: AV1 descriptor of MPEG-2 TS
	PacketAudioMultitrack    PacketType = 5 // audio
	PacketVideoMultitrack    PacketType = 6 // video
	PacketModEx              PacketType = 7
)

// TrackSet is a set of track ids 0 to 255. It is comparable, so it may be a map
// key. The zero value is the empty set.
type TrackSet [4]uint64

// Add puts id into the set.
func (s *TrackSet) Add(id uint8) { s[id>>6] |= 1 << (id & 63) }

// Has reports whether id is in the set.
func (s TrackSet) Has(id uint8) bool { return s[id>>6]&(1<<(id&63)) != 0 }

// Len returns the number of track ids in the set.
func (s TrackSet) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// First returns the lowest track id; ok is false for the empty set.
func (s TrackSet) First() (id uint8, ok bool) {
	for i, w := range s {
		if w != 0 {
			return uint8(i*64 + bits.TrailingZeros64(w)), true
		}
	}
	return 0, false
}

// ChannelOrder says how an audio stream's channels are laid out (Enhanced RTMP
// v2, AudioChannelOrder).
type ChannelOrder uint8

// The channel orders.
const (
	ChannelsUnspecified ChannelOrder = 0 // only the count is known
	ChannelsNative      ChannelOrder = 1 // by the mask
	ChannelsCustom      ChannelOrder = 2 // by one channel id for each channel
)

// Channels describes the audio channels of a MultichannelConfig packet, or the
// count that a legacy audio header states. The zero value means unknown.
type Channels struct {
	Order ChannelOrder
	Count uint8
	Mask  uint32 // ChannelsNative: bit n is set when channel id n is present
}

// Info is what a relay needs to know about one audio or video message. It is
// plain data: comparable, and holds no reference to the payload.
type Info struct {
	Kind       TagType    // TagAudio or TagVideo
	Codec      FourCC     // codec of the first track; legacy ids mapped; 0 unknown
	LegacyID   uint8      // codec id of a legacy header; 0 when Enhanced
	FrameType  FrameType  // video
	PacketType PacketType // of an extended header, or of the AVC, HEVC, AAC packet

	Enhanced   bool // extended header of Enhanced RTMP
	Multitrack bool // the message names its tracks
	Key        bool // a coded key frame: decoding can start here. Never set with one of the next flags
	Config     bool // sequence header or audio MultichannelConfig: late players need the last of each track
	End        bool // end of sequence
	Metadata   bool // video colorInfo: late players need the last one
	ChannelMap bool // the Config is a MultichannelConfig, which stands beside the sequence header
	Command    bool // video command, no picture
	Empty      bool // zero-length message: for audio the start of silence
	Reserved   bool // a packet type without a meaning yet: relay or drop, keep the stream

	Tracks     TrackSet // tracks in the message; {0} when it names none; empty for Empty, Command and Reserved
	CTS        int32    // composition time of the first track, ms, signed
	NanoOffset uint32   // presentation time offset, ns, 0 to 999999
	DataOffset int      // where the codec data of the first track begins in the body

	SampleRate uint32   // Hz, legacy audio; 0 when the header does not tell (AAC, extended)
	Channels   Channels // legacy audio and MultichannelConfig
	CommandID  uint8    // Command: 0 start of client-side seek, 1 its end
}

// Coded reports whether the message carries coded media.
func (i Info) Coded() bool {
	return !(i.Config || i.End || i.Metadata || i.Command || i.Empty || i.Reserved)
}

// CodecName returns a name for pages and logs: "H.264", "AAC", "Speex". It is
// "" for an empty message and the FourCC or number of an unknown codec.
func (i Info) CodecName() string {
	if i.Codec != 0 {
		return i.Codec.Name()
	}
	if i.Enhanced || i.Empty {
		return ""
	}
	if i.Kind == TagAudio {
		return audioNames[i.LegacyID&15]
	}
	return videoNames[i.LegacyID&15]
}

var videoNames = [16]string{
	"video 0", "JPEG", "Sorenson H.263", "Screen Video", "VP6", "VP6 alpha", "Screen Video 2", "H.264",
	"H.263", "MPEG-4 Part 2", "video 10", "video 11", "H.265", "AV1", "video 14", "video 15",
}

var audioNames = [16]string{
	"PCM", "ADPCM", "MP3", "PCM little endian", "Nellymoser 16 kHz", "Nellymoser 8 kHz", "Nellymoser", "G.711 A-law",
	"G.711 mu-law", "audio 9", "AAC", "Speex", "audio 12", "audio 13", "MP3 8 kHz", "audio 15",
}
