package flv

import (
	"encoding/hex"
	"strings"
	"testing"
)

// payloadCase is one payload that parses. When packet is set, encoding it must
// give the same bytes.
type payloadCase struct {
	name   string
	kind   TagType
	hex    string // spaces are ignored
	packet *ExPacket
	info   Info
	tracks []Track
}

func (c *payloadCase) body(t testing.TB) []byte {
	t.Helper()
	return unhex(t, c.hex)
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// set returns a TrackSet.
func set(ids ...uint8) (s TrackSet) {
	for _, id := range ids {
		s.Add(id)
	}
	return s
}

func payloadCases() []payloadCase {
	all := append(legacyVideoCases(), legacyAudioCases()...)
	all = append(all, plainVideoCases()...)
	all = append(all, modExCases()...)
	all = append(all, multitrackCases()...)
	return append(all, enhancedAudioCases()...)
}

func legacyVideoCases() []payloadCase {
	v := func(i Info) Info {
		i.Kind = TagVideo
		if !i.Empty && !i.Command && !i.Reserved {
			i.Tracks = set(0)
		}
		return i
	}
	avc := func(i Info) Info {
		i.Codec, i.LegacyID = FourCCAVC, 7
		return v(i)
	}
	return []payloadCase{
		{name: "empty", kind: TagVideo, info: v(Info{Empty: true})},
		{name: "avc config", kind: TagVideo, hex: "17 00 000000 0142c01e",
			info:   avc(Info{FrameType: FrameKey, Config: true, DataOffset: 5}),
			tracks: []Track{{Codec: FourCCAVC, Data: []byte{1, 0x42, 0xc0, 0x1e}}}},
		{name: "avc key", kind: TagVideo, hex: "17 01 000021 00000001 65",
			info:   avc(Info{FrameType: FrameKey, PacketType: 1, Key: true, CTS: 33, DataOffset: 5}),
			tracks: []Track{{Codec: FourCCAVC, CTS: 33, Data: []byte{0, 0, 0, 1, 0x65}}}},
		{name: "avc inter, negative composition time", kind: TagVideo, hex: "27 01 fffffe aa",
			info:   avc(Info{FrameType: FrameInter, PacketType: 1, CTS: -2, DataOffset: 5}),
			tracks: []Track{{Codec: FourCCAVC, CTS: -2, Data: []byte{0xaa}}}},
		{name: "avc generated key", kind: TagVideo, hex: "47 01 000000 aa",
			info:   avc(Info{FrameType: FrameGeneratedKey, PacketType: 1, Key: true, DataOffset: 5}),
			tracks: []Track{{Codec: FourCCAVC, Data: []byte{0xaa}}}},
		{name: "avc without NAL units", kind: TagVideo, hex: "27 01 000000",
			info:   avc(Info{FrameType: FrameInter, PacketType: 1, DataOffset: 5}),
			tracks: []Track{{Codec: FourCCAVC, Data: []byte{}}}},
		{name: "avc end", kind: TagVideo, hex: "17 02 000000",
			info:   avc(Info{FrameType: FrameKey, PacketType: 2, End: true, DataOffset: 5}),
			tracks: []Track{{Codec: FourCCAVC, Data: []byte{}}}},
		{name: "avc end, short", kind: TagVideo, hex: "17 02",
			info:   avc(Info{FrameType: FrameKey, PacketType: 2, End: true, DataOffset: 2}),
			tracks: []Track{{Codec: FourCCAVC, Data: []byte{}}}},
		{name: "avc reserved packet", kind: TagVideo, hex: "17 09 00",
			info: avc(Info{FrameType: FrameKey, PacketType: 9, Reserved: true, DataOffset: 2})},
		{name: "avc command", kind: TagVideo, hex: "57 01",
			info: avc(Info{FrameType: FrameCommand, Command: true, CommandID: 1, DataOffset: 1})},
		{name: "hevc config, id 12", kind: TagVideo, hex: "1c 00 000000 01",
			info:   v(Info{Codec: FourCCHEVC, LegacyID: 12, FrameType: FrameKey, Config: true, DataOffset: 5}),
			tracks: []Track{{Codec: FourCCHEVC, Data: []byte{1}}}},
		{name: "hevc key, id 12", kind: TagVideo, hex: "1c 01 000010 aabb",
			info:   v(Info{Codec: FourCCHEVC, LegacyID: 12, FrameType: FrameKey, PacketType: 1, Key: true, CTS: 16, DataOffset: 5}),
			tracks: []Track{{Codec: FourCCHEVC, CTS: 16, Data: []byte{0xaa, 0xbb}}}},
		{name: "av1, id 13", kind: TagVideo, hex: "2d 01 000000 aa",
			info:   v(Info{Codec: FourCCAV1, LegacyID: 13, FrameType: FrameInter, PacketType: 1, DataOffset: 5}),
			tracks: []Track{{Codec: FourCCAV1, Data: []byte{0xaa}}}},
		{name: "sorenson key", kind: TagVideo, hex: "12 aabb",
			info:   v(Info{LegacyID: 2, FrameType: FrameKey, Key: true, DataOffset: 1}),
			tracks: []Track{{Data: []byte{0xaa, 0xbb}}}},
		{name: "sorenson disposable", kind: TagVideo, hex: "32",
			info:   v(Info{LegacyID: 2, FrameType: FrameDisposable, DataOffset: 1}),
			tracks: []Track{{Data: []byte{}}}},
		{name: "vp6 key", kind: TagVideo, hex: "14 00aa",
			info:   v(Info{LegacyID: 4, FrameType: FrameKey, Key: true, DataOffset: 1}),
			tracks: []Track{{Data: []byte{0, 0xaa}}}},
	}
}

func legacyAudioCases() []payloadCase {
	a := func(i Info) Info {
		i.Kind = TagAudio
		if !i.Empty && !i.Reserved {
			i.Tracks, i.DataOffset = set(0), max(i.DataOffset, 1)
		}
		return i
	}
	mono, stereo := Channels{Count: 1}, Channels{Count: 2}
	raw := func(c FourCC) []Track { return []Track{{Codec: c, Data: []byte{0xaa}}} }
	return []payloadCase{
		{name: "silence", kind: TagAudio, info: a(Info{Empty: true})},
		{name: "aac config", kind: TagAudio, hex: "af 00 1210",
			info:   a(Info{Codec: FourCCAAC, LegacyID: 10, Config: true, DataOffset: 2}),
			tracks: []Track{{Codec: FourCCAAC, Data: []byte{0x12, 0x10}}}},
		{name: "aac empty config", kind: TagAudio, hex: "af 00",
			info:   a(Info{Codec: FourCCAAC, LegacyID: 10, Config: true, DataOffset: 2}),
			tracks: []Track{{Codec: FourCCAAC, Data: []byte{}}}},
		{name: "aac raw", kind: TagAudio, hex: "af 01 aa",
			info:   a(Info{Codec: FourCCAAC, LegacyID: 10, PacketType: 1, DataOffset: 2}),
			tracks: raw(FourCCAAC)},
		{name: "aac reserved packet", kind: TagAudio, hex: "af 02 aa",
			info: a(Info{Codec: FourCCAAC, LegacyID: 10, PacketType: 2, Reserved: true, DataOffset: 2})},
		{name: "mp3 44 kHz stereo", kind: TagAudio, hex: "2f aa",
			info: a(Info{Codec: FourCCMP3, LegacyID: 2, SampleRate: 44100, Channels: stereo}), tracks: raw(FourCCMP3)},
		{name: "mp3 8 kHz", kind: TagAudio, hex: "e2 aa",
			info: a(Info{Codec: FourCCMP3, LegacyID: 14, SampleRate: 8000, Channels: mono}), tracks: raw(FourCCMP3)},
		{name: "pcm 11 kHz mono", kind: TagAudio, hex: "36 aa",
			info: a(Info{LegacyID: 3, SampleRate: 11025, Channels: mono}), tracks: raw(0)},
		{name: "pcm, id 0", kind: TagAudio, hex: "03 aa",
			info: a(Info{LegacyID: 0, SampleRate: 5512, Channels: stereo}), tracks: raw(0)},
		{name: "a-law", kind: TagAudio, hex: "72 aa",
			info: a(Info{LegacyID: 7, SampleRate: 8000, Channels: mono}), tracks: raw(0)},
		{name: "mu-law", kind: TagAudio, hex: "82 aa",
			info: a(Info{LegacyID: 8, SampleRate: 8000, Channels: mono}), tracks: raw(0)},
		{name: "nellymoser 16 kHz", kind: TagAudio, hex: "4f aa",
			info: a(Info{LegacyID: 4, SampleRate: 16000, Channels: mono}), tracks: raw(0)},
		{name: "nellymoser 8 kHz", kind: TagAudio, hex: "5f aa",
			info: a(Info{LegacyID: 5, SampleRate: 8000, Channels: mono}), tracks: raw(0)},
		{name: "nellymoser 22 kHz", kind: TagAudio, hex: "6b aa",
			info: a(Info{LegacyID: 6, SampleRate: 22050, Channels: stereo}), tracks: raw(0)},
		{name: "speex", kind: TagAudio, hex: "b6 aa",
			info: a(Info{LegacyID: 11, SampleRate: 16000, Channels: mono}), tracks: raw(0)},
	}
}

// video and audio complete an Info of an extended header.
func video(i Info) Info {
	i.Kind, i.Enhanced = TagVideo, true
	return i
}

func audio(i Info) Info {
	i.Kind, i.Enhanced = TagAudio, true
	return i
}

func plain(kind TagType, f FrameType, p PacketType, t ...Track) *ExPacket {
	return &ExPacket{Kind: kind, FrameType: f, Type: p, Tracks: t}
}

func plainVideoCases() []payloadCase {
	one := func(name, hexBody string, f FrameType, p PacketType, i Info, t Track) payloadCase {
		i.FrameType, i.PacketType, i.Codec, i.CTS, i.Tracks = f, p, t.Codec, t.CTS, set(0)
		return payloadCase{name: name, kind: TagVideo, hex: hexBody, packet: plain(TagVideo, f, p, t), info: video(i), tracks: []Track{t}}
	}
	aa := []byte{0xaa}
	return []payloadCase{
		one("hevc config", "90 68766331 aa", FrameKey, PacketSequenceStart, Info{Config: true, DataOffset: 5}, Track{Codec: FourCCHEVC, Data: aa}),
		one("hevc key", "91 68766331 000021 aa", FrameKey, PacketCodedFrames, Info{Key: true, DataOffset: 8}, Track{Codec: FourCCHEVC, CTS: 33, Data: aa}),
		one("avc inter, negative composition time", "a1 61766331 ffffff aa", FrameInter, PacketCodedFrames, Info{DataOffset: 8}, Track{Codec: FourCCAVC, CTS: -1, Data: aa}),
		one("vvc largest composition time", "a1 76766331 7fffff", FrameInter, PacketCodedFrames, Info{DataOffset: 8}, Track{Codec: FourCCVVC, CTS: 1<<23 - 1, Data: []byte{}}),
		one("hevc without composition time", "93 68766331 aa", FrameKey, PacketCodedFramesX, Info{Key: true, DataOffset: 5}, Track{Codec: FourCCHEVC, Data: aa}),
		one("hevc end", "92 68766331", FrameKey, PacketSequenceEnd, Info{End: true, DataOffset: 5}, Track{Codec: FourCCHEVC, Data: []byte{}}),
		one("av1 config", "90 61763031 aa", FrameKey, PacketSequenceStart, Info{Config: true, DataOffset: 5}, Track{Codec: FourCCAV1, Data: aa}),
		one("av1 key has no composition time", "91 61763031 aa", FrameKey, PacketCodedFrames, Info{Key: true, DataOffset: 5}, Track{Codec: FourCCAV1, Data: aa}),
		one("av1 descriptor", "95 61763031 aa", FrameKey, PacketMPEG2SequenceStart, Info{Config: true, DataOffset: 5}, Track{Codec: FourCCAV1, Data: aa}),
		one("vp9 inter", "a1 76703039 aa", FrameInter, PacketCodedFrames, Info{DataOffset: 5}, Track{Codec: FourCCVP9, Data: aa}),
		one("vp8 generated key", "c1 76703038 aa", FrameGeneratedKey, PacketCodedFrames, Info{Key: true, DataOffset: 5}, Track{Codec: FourCCVP8, Data: aa}),
		one("unknown codec", "91 7a7a7a7a aa", FrameKey, PacketCodedFrames, Info{Key: true, DataOffset: 5}, Track{Codec: 0x7a7a7a7a, Data: aa}),
		one("colorInfo of OBS Studio", "84 68766331 02", 0, PacketMetadata, Info{Metadata: true, DataOffset: 5}, Track{Codec: FourCCHEVC, Data: []byte{2}}),
		one("colorInfo of FFmpeg", "d4 68766331 02", FrameCommand, PacketMetadata, Info{Metadata: true, DataOffset: 5}, Track{Codec: FourCCHEVC, Data: []byte{2}}),
		one("colorInfo with key frame type", "94 68766331 02", FrameKey, PacketMetadata, Info{Metadata: true, DataOffset: 5}, Track{Codec: FourCCHEVC, Data: []byte{2}}),
		{name: "command", kind: TagVideo, hex: "d1 01",
			packet: &ExPacket{Kind: TagVideo, FrameType: FrameCommand, Type: PacketCodedFrames, CommandID: 1},
			info:   video(Info{FrameType: FrameCommand, PacketType: 1, Command: true, CommandID: 1, DataOffset: 2})},
		{name: "reserved packet", kind: TagVideo, hex: "9f 68766331 aa",
			info: video(Info{FrameType: FrameKey, PacketType: 15, Reserved: true, Codec: FourCCHEVC, DataOffset: 5})},
		{name: "reserved packet, short", kind: TagVideo, hex: "98 aa",
			info: video(Info{FrameType: FrameKey, PacketType: 8, Reserved: true, DataOffset: 1})},
	}
}

func modExCases() []payloadCase {
	long := make([]byte, 256)
	longer := make([]byte, 300)
	key := Track{Codec: FourCCAV1, Data: []byte{0xaa}}
	mk := func(name, hexBody string, nano uint32, chain ...ModEx) payloadCase {
		p := plain(TagVideo, FrameKey, PacketCodedFrames, key)
		p.ModEx = chain
		n := len(strings.ReplaceAll(hexBody, " ", ""))/2 - 1
		return payloadCase{name: name, kind: TagVideo, hex: hexBody, packet: p, tracks: []Track{key},
			info: video(Info{Codec: FourCCAV1, FrameType: FrameKey, PacketType: 1, Key: true, NanoOffset: nano, Tracks: set(0), DataOffset: n})}
	}
	const tail = "01 61763031 aa"
	filler := strings.Repeat("00", 256)
	chain := make([]ModEx, MaxModEx)
	for i := range chain {
		chain[i] = ModEx{Type: 5, Data: []byte{0}}
	}
	command := plain(TagVideo, FrameCommand, PacketCodedFrames)
	command.ModEx = []ModEx{NanoOffset(1)}
	return []payloadCase{
		mk("nano offset", "97 02 0f423f "+tail, 999_999, NanoOffset(999_999)),
		mk("nano offset out of range is ignored", "97 02 0f4240 "+tail, 0, ModEx{Data: []byte{0x0f, 0x42, 0x40}}),
		mk("nano offset too short is ignored", "97 01 0001 "+tail, 0, ModEx{Data: []byte{0, 1}}),
		mk("unknown modifier, then nano offset", "97 00 ff 57 02 000001 "+tail, 1, ModEx{Type: 5, Data: []byte{0xff}}, NanoOffset(1)),
		mk("256 bytes", "97 ff 00ff "+filler+" 51 61763031 aa", 0, ModEx{Type: 5, Data: long}),
		mk("300 bytes", "97 ff 012b "+filler+strings.Repeat("00", 44)+" 51 61763031 aa", 0, ModEx{Type: 5, Data: longer}),
		mk("longest chain", "97"+strings.Repeat("0000 57", MaxModEx-1)+"0000 51 61763031 aa", 0, chain...),
		{name: "command behind a modifier", kind: TagVideo, hex: "d7 02 000001 01 00", packet: command,
			info: video(Info{FrameType: FrameCommand, PacketType: 1, NanoOffset: 1, Command: true, DataOffset: 7})},
	}
}

func multitrackCases() []payloadCase {
	mk := func(name string, kind TagType, hexBody string, p ExPacket, i Info) payloadCase {
		p.Kind = kind
		i.Multitrack, i.Enhanced, i.Kind, i.FrameType, i.PacketType = true, true, kind, p.FrameType, p.Type
		for _, t := range p.Tracks {
			i.Tracks.Add(t.ID)
		}
		i.Codec, i.CTS = p.Tracks[0].Codec, p.Tracks[0].CTS
		return payloadCase{name: name, kind: kind, hex: hexBody, packet: &p, info: i, tracks: p.Tracks}
	}
	a, bc := []byte{0xaa}, []byte{0xbb, 0xcc}
	return []payloadCase{
		mk("one track config", TagVideo, "96 00 68766331 01 aa",
			ExPacket{FrameType: FrameKey, Layout: OneTrack, Tracks: []Track{{ID: 1, Codec: FourCCHEVC, Data: a}}},
			Info{Config: true, DataOffset: 7}),
		mk("one track key", TagVideo, "96 01 61766331 ff 000005 aa",
			ExPacket{FrameType: FrameKey, Type: PacketCodedFrames, Layout: OneTrack, Tracks: []Track{{ID: 255, Codec: FourCCAVC, CTS: 5, Data: a}}},
			Info{Key: true, DataOffset: 10}),
		mk("many tracks", TagVideo, "96 11 61763031 00 000001 aa 40 000002 bbcc",
			ExPacket{FrameType: FrameKey, Type: PacketCodedFrames, Layout: ManyTracks,
				Tracks: []Track{{ID: 0, Codec: FourCCAV1, Data: a}, {ID: 64, Codec: FourCCAV1, Data: bc}}},
			Info{Key: true, DataOffset: 10}),
		mk("many tracks, composition times inside the sizes", TagVideo, "a6 11 68766331 02 000004 fffffd aa 01 000005 000007 bbcc",
			ExPacket{FrameType: FrameInter, Type: PacketCodedFrames, Layout: ManyTracks,
				Tracks: []Track{{ID: 2, Codec: FourCCHEVC, CTS: -3, Data: a}, {ID: 1, Codec: FourCCHEVC, CTS: 7, Data: bc}}},
			Info{DataOffset: 13}),
		mk("many tracks end", TagVideo, "96 12 68766331 01 000000 02 000000",
			ExPacket{FrameType: FrameKey, Type: PacketSequenceEnd, Layout: ManyTracks,
				Tracks: []Track{{ID: 1, Codec: FourCCHEVC, Data: []byte{}}, {ID: 2, Codec: FourCCHEVC, Data: []byte{}}}},
			Info{End: true, DataOffset: 10}),
		mk("many codecs", TagVideo, "96 21 61763031 00 000001 aa 61766331 01 000005 000007 bbcc",
			ExPacket{FrameType: FrameKey, Type: PacketCodedFrames, Layout: ManyTracksManyCodecs,
				Tracks: []Track{{ID: 0, Codec: FourCCAV1, Data: a}, {ID: 1, Codec: FourCCAVC, CTS: 7, Data: bc}}},
			Info{Key: true, DataOffset: 10}),
		mk("metadata of one track", TagVideo, "96 04 68766331 01 02",
			ExPacket{FrameType: FrameKey, Type: PacketMetadata, Layout: OneTrack, Tracks: []Track{{ID: 1, Codec: FourCCHEVC, Data: []byte{2}}}},
			Info{Metadata: true, DataOffset: 7}),
		mk("audio one track", TagAudio, "95 01 6d703461 01 aa",
			ExPacket{Type: PacketCodedFrames, Layout: OneTrack, Tracks: []Track{{ID: 1, Codec: FourCCAAC, Data: a}}},
			Info{DataOffset: 7}),
		mk("audio many codecs", TagAudio, "95 20 6d703461 01 000001 aa 4f707573 02 000000",
			ExPacket{Type: PacketSequenceStart, Layout: ManyTracksManyCodecs,
				Tracks: []Track{{ID: 1, Codec: FourCCAAC, Data: a}, {ID: 2, Codec: FourCCOpus, Data: []byte{}}}},
			Info{Config: true, DataOffset: 10}),
		{name: "reserved inner packet", kind: TagVideo, hex: "96 08 68766331 01 aa",
			info: video(Info{FrameType: FrameKey, PacketType: 8, Multitrack: true, Reserved: true, Codec: FourCCHEVC, DataOffset: 6})},
	}
}

func enhancedAudioCases() []payloadCase {
	one := func(name, hexBody string, p PacketType, i Info, t Track) payloadCase {
		i.PacketType, i.Codec, i.Tracks, i.DataOffset = p, t.Codec, set(0), 5
		return payloadCase{name: name, kind: TagAudio, hex: hexBody, packet: plain(TagAudio, 0, p, t), info: audio(i), tracks: []Track{t}}
	}
	aa := []byte{0xaa}
	nano := one("nano offset", "97 02 000102 01 4f707573 aa", PacketCodedFrames, Info{NanoOffset: 258}, Track{Codec: FourCCOpus, Data: aa})
	nano.packet.ModEx = []ModEx{NanoOffset(258)}
	nano.info.DataOffset = 10
	return []payloadCase{
		one("opus config", "90 4f707573 aa", PacketSequenceStart, Info{Config: true}, Track{Codec: FourCCOpus, Data: aa}),
		one("opus empty config", "90 4f707573", PacketSequenceStart, Info{Config: true}, Track{Codec: FourCCOpus, Data: []byte{}}),
		one("aac", "91 6d703461 aa", PacketCodedFrames, Info{}, Track{Codec: FourCCAAC, Data: aa}),
		one("flac", "91 664c6143 aa", PacketCodedFrames, Info{}, Track{Codec: FourCCFLAC, Data: aa}),
		one("mp3", "91 2e6d7033 aa", PacketCodedFrames, Info{}, Track{Codec: FourCCMP3, Data: aa}),
		one("ac-3", "91 61632d33 aa", PacketCodedFrames, Info{}, Track{Codec: FourCCAC3, Data: aa}),
		one("e-ac-3 end", "92 65632d33", PacketSequenceEnd, Info{End: true}, Track{Codec: FourCCEAC3, Data: []byte{}}),
		one("channels unspecified", "94 4f707573 00 06", PacketMultichannelConfig,
			Info{Config: true, ChannelMap: true, Channels: Channels{Count: 6}}, Track{Codec: FourCCOpus, Data: []byte{0, 6}}),
		one("channels native", "94 4f707573 01 02 00000003", PacketMultichannelConfig,
			Info{Config: true, ChannelMap: true, Channels: Channels{Order: ChannelsNative, Count: 2, Mask: 3}}, Track{Codec: FourCCOpus, Data: []byte{1, 2, 0, 0, 0, 3}}),
		one("channels custom", "94 4f707573 02 02 01fe", PacketMultichannelConfig,
			Info{Config: true, ChannelMap: true, Channels: Channels{Order: ChannelsCustom, Count: 2}}, Track{Codec: FourCCOpus, Data: []byte{2, 2, 1, 0xfe}}),
		one("channels in an order to come", "94 4f707573 03 02", PacketMultichannelConfig,
			Info{Config: true, ChannelMap: true, Channels: Channels{Order: 3, Count: 2}}, Track{Codec: FourCCOpus, Data: []byte{3, 2}}),
		nano,
		{name: "reserved packet", kind: TagAudio, hex: "93 4f707573 aa",
			info: audio(Info{PacketType: 3, Reserved: true, Codec: FourCCOpus, DataOffset: 5})},
		{name: "reserved packet, short", kind: TagAudio, hex: "96",
			info: audio(Info{PacketType: 6, Reserved: true, DataOffset: 1})},
	}
}
