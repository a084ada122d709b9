package flv

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parseKind(kind TagType, body []byte) (Info, error) {
	if kind == TagAudio {
		return ParseAudio(body)
	}
	return ParseVideo(body)
}

func TestPayloads(t *testing.T) {
	for _, c := range payloadCases() {
		t.Run(c.name, func(t *testing.T) {
			body := c.body(t)
			info, err := parseKind(c.kind, body)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.info, info); d != "" {
				t.Errorf("Info (-want +got):\n%s", d)
			}
			var tracks []Track
			for track, err := range Tracks(c.kind, body) {
				if err != nil {
					t.Fatal(err)
				}
				tracks = append(tracks, track)
			}
			if d := cmp.Diff(c.tracks, tracks); d != "" {
				t.Errorf("Tracks (-want +got):\n%s", d)
			}
			if c.packet == nil {
				return
			}
			got, err := AppendEx([]byte("x"), c.packet)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(append([]byte("x"), body...), got); d != "" {
				t.Errorf("AppendEx (-want +got):\n%s", d)
			}
		})
	}
}

// Every proper prefix of a payload either fails with ErrTruncated or
// ErrTrackSize, or parses; it never panics or reads past its end.
func TestPayloadPrefixes(t *testing.T) {
	for _, c := range payloadCases() {
		body := c.body(t)
		for n := range body {
			part := body[:n:n]
			info, err := parseKind(c.kind, part)
			if err != nil && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrTrackSize) {
				t.Errorf("%s, %d bytes: %v", c.name, n, err)
			}
			if err != nil && info != (Info{Kind: c.kind}) {
				t.Errorf("%s, %d bytes: Info is not empty beside an error: %+v", c.name, n, info)
			}
			if info.DataOffset > n {
				t.Errorf("%s, %d bytes: DataOffset %d", c.name, n, info.DataOffset)
			}
		}
	}
}

type badCase struct {
	name, hex string
	kind      TagType
	err       error
	offset    int
	field     string
}

func badCases() []badCase {
	return []badCase{
		{"avc without packet type", "17", TagVideo, ErrTruncated, 1, "packet type"},
		{"avc without composition time", "17 01 0000", TagVideo, ErrTruncated, 2, "composition time"},
		{"avc config without composition time", "17 00", TagVideo, ErrTruncated, 2, "composition time"},
		{"legacy command without a byte", "52", TagVideo, ErrTruncated, 1, "video command"},
		{"aac without packet type", "af", TagAudio, ErrTruncated, 1, "packet type"},
		{"no FourCC", "91 6876", TagVideo, ErrTruncated, 1, "FourCC"},
		{"no audio FourCC", "91 6f70", TagAudio, ErrTruncated, 1, "FourCC"},
		{"command without a byte", "d1", TagVideo, ErrTruncated, 1, "video command"},
		{"short composition time", "91 68766331 0000", TagVideo, ErrTruncated, 5, "composition time"},
		{"ModEx without size", "97", TagVideo, ErrTruncated, 1, "ModEx size"},
		{"ModEx without long size", "97 ff 00", TagVideo, ErrTruncated, 2, "ModEx size"},
		{"ModEx without data", "97 ff ffff 00", TagVideo, ErrTruncated, 4, "ModEx data"},
		{"ModEx without type", "97 00 00", TagVideo, ErrTruncated, 3, "ModEx type"},
		{"ModEx chain", "97" + strings.Repeat("000057", 9) + "000001 61763031", TagVideo, ErrModEx, 25, "ModEx"},
		{"audio ModEx chain", "97" + strings.Repeat("000057", 100), TagAudio, ErrModEx, 25, "ModEx"},
		{"multitrack without type", "96", TagVideo, ErrTruncated, 1, "multitrack type"},
		{"unknown layout", "96 31 68766331", TagVideo, ErrMultitrack, 1, "multitrack type"},
		{"multitrack in multitrack", "96 06 68766331", TagVideo, ErrMultitrack, 1, "multitrack type"},
		{"ModEx in multitrack", "96 07 68766331", TagVideo, ErrMultitrack, 1, "multitrack type"},
		{"audio multitrack in multitrack", "95 05 4f707573", TagAudio, ErrMultitrack, 1, "multitrack type"},
		{"no track", "96 00 68766331", TagVideo, ErrTruncated, 6, "track id"},
		{"no track codec", "96 20 687663", TagVideo, ErrTruncated, 2, "FourCC"},
		{"no track id", "96 20 68766331", TagVideo, ErrTruncated, 6, "track id"},
		{"no track size", "96 10 68766331 00 0000", TagVideo, ErrTruncated, 7, "track size"},
		{"track size past the end", "96 11 61763031 00 000002 aa", TagVideo, ErrTrackSize, 7, "track size"},
		{"largest track size", "96 10 61763031 00 ffffff aa", TagVideo, ErrTrackSize, 7, "track size"},
		{"coded track of no size", "96 11 61763031 00 000000", TagVideo, ErrTrackSize, 7, "track size"},
		{"coded track X of no size", "96 13 61763031 00 000000", TagVideo, ErrTrackSize, 7, "track size"},
		{"coded audio track of no size", "95 11 4f707573 00 000000", TagAudio, ErrTrackSize, 7, "track size"},
		{"composition time past the track", "96 11 68766331 00 000002 0000 01 000001 00", TagVideo, ErrTruncated, 10, "composition time"},
		{"rest after the last track", "96 10 61763031 00 000001 aa 01 0000", TagVideo, ErrTruncated, 12, "track size"},
		{"same track twice", "96 10 61763031 07 000001 aa 07 000001 aa", TagVideo, ErrDuplicateTrack, 11, "track"},
		{"no channel order", "94 4f707573", TagAudio, ErrTruncated, 5, "channel order"},
		{"no channel count", "94 4f707573 00", TagAudio, ErrTruncated, 6, "channel count"},
		{"short channel mask", "94 4f707573 01 02 000000", TagAudio, ErrTruncated, 7, "channel mask"},
		{"short channel ids", "94 4f707573 02 03 0001", TagAudio, ErrTruncated, 7, "channel ids"},
		{"channel ids in the next track", "95 14 4f707573 00 000002 0202 01 000002 0002", TagAudio, ErrTruncated, 12, "channel ids"},
	}
}

func TestBadPayloads(t *testing.T) {
	for _, c := range badCases() {
		t.Run(c.name, func(t *testing.T) {
			body := unhex(t, c.hex)
			_, err := parseKind(c.kind, body)
			want := &ParseError{Kind: c.kind, Offset: c.offset, Field: c.field, Err: c.err}
			if !errors.Is(err, c.err) || err.Error() != want.Error() {
				t.Errorf("got %v, want %v", err, want)
			}
			seen := error(nil)
			for _, err := range Tracks(c.kind, body) {
				seen = err
			}
			if seen == nil || seen.Error() != want.Error() {
				t.Errorf("Tracks: got %v, want %v", seen, want)
			}
		})
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	for _, c := range payloadCases() {
		body := c.body(t)
		if n := testing.AllocsPerRun(10, func() { parseKind(c.kind, body) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

func TestTracksStopsEarly(t *testing.T) {
	body := unhex(t, "96 10 61763031 00 000001 aa 01 000001 bb")
	for track := range Tracks(TagVideo, body) {
		if track.ID != 0 {
			t.Fatal("the loop went on")
		}
		if cap(track.Data) != 1 {
			t.Errorf("Data reaches into the next track: cap %d", cap(track.Data))
		}
		break
	}
}

func TestAppendExErrors(t *testing.T) {
	one := []Track{{Codec: FourCCAV1}}
	chain := make([]ModEx, MaxModEx+1)
	for i := range chain {
		chain[i] = NanoOffset(0)
	}
	for _, c := range []struct {
		name string
		p    ExPacket
		err  error
	}{
		{"multitrack as a type", ExPacket{Kind: TagVideo, Type: PacketVideoMultitrack, Tracks: one}, ErrRange},
		{"audio multitrack as a type", ExPacket{Kind: TagAudio, Type: PacketAudioMultitrack, Tracks: one}, ErrRange},
		{"ModEx as a type", ExPacket{Kind: TagAudio, Type: PacketModEx, Tracks: one}, ErrRange},
		{"long chain", ExPacket{Kind: TagVideo, ModEx: chain, Tracks: one}, ErrModEx},
		{"empty ModEx", ExPacket{Kind: TagVideo, ModEx: []ModEx{{}}, Tracks: one}, ErrRange},
		{"long ModEx", ExPacket{Kind: TagVideo, ModEx: []ModEx{{Data: make([]byte, 65537)}}, Tracks: one}, ErrRange},
		{"ModEx type", ExPacket{Kind: TagVideo, ModEx: []ModEx{{Type: 16, Data: []byte{0}}}, Tracks: one}, ErrRange},
		{"no track", ExPacket{Kind: TagVideo}, ErrMultitrack},
		{"two tracks", ExPacket{Kind: TagVideo, Layout: OneTrack, Tracks: make([]Track, 2)}, ErrMultitrack},
		{"layout", ExPacket{Kind: TagVideo, Layout: 4, Tracks: one}, ErrMultitrack},
		{"metadata that would read as a command", ExPacket{Kind: TagVideo, FrameType: FrameCommand, Type: PacketMetadata, Layout: OneTrack, Tracks: one}, ErrMultitrack},
		{"same track", ExPacket{Kind: TagVideo, Layout: ManyTracks, Tracks: make([]Track, 2)}, ErrDuplicateTrack},
		{"large track", ExPacket{Kind: TagVideo, Layout: ManyTracks, Tracks: []Track{{Data: make([]byte, MaxTagBody+1)}}}, ErrTrackSize},
		{"composition time", ExPacket{Kind: TagVideo, Tracks: []Track{{Codec: FourCCAVC, CTS: 1 << 23}}}, ErrRange},
		{"low composition time", ExPacket{Kind: TagVideo, Tracks: []Track{{Codec: FourCCAVC, CTS: -1<<23 - 1}}}, ErrRange},
	} {
		got, err := AppendEx([]byte("x"), &c.p)
		if !errors.Is(err, c.err) || string(got) != "x" {
			t.Errorf("%s: %q, %v; want %v", c.name, got, err, c.err)
		}
	}
}

func TestAppendLegacy(t *testing.T) {
	if got := AppendAVC(nil, FrameKey, PacketCodedFrames, -2); !cmp.Equal(got, []byte{0x17, 1, 0xff, 0xff, 0xfe}) {
		t.Errorf("AppendAVC: % x", got)
	}
	if got := AppendAAC(nil, PacketSequenceStart); !cmp.Equal(got, []byte{0xaf, 0}) {
		t.Errorf("AppendAAC: % x", got)
	}
}

func FuzzVideo(f *testing.F) { fuzzPayload(f, TagVideo) }
func FuzzAudio(f *testing.F) { fuzzPayload(f, TagAudio) }

// fuzzPayload checks that the fast parser and the track iterator agree, that
// the tracks fill the body, and that extended payloads survive re-encoding.
func fuzzPayload(f *testing.F, kind TagType) {
	for _, c := range payloadCases() {
		if c.kind == kind {
			f.Add(c.body(f))
		}
	}
	for _, c := range badCases() {
		if c.kind == kind {
			f.Add(unhex(f, c.hex))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		info, err := parseKind(kind, body)
		var set TrackSet
		var p ExPacket
		var failed error
		for track, err := range Tracks(kind, body) {
			if failed = err; err == nil {
				p.Tracks = append(p.Tracks, track)
				set.Add(track.ID)
			}
		}
		if (err == nil) != (failed == nil) {
			t.Fatalf("parse: %v, Tracks: %v", err, failed)
		}
		if err != nil {
			return
		}
		if set != info.Tracks || set.Len() != len(p.Tracks) || info.DataOffset > len(body) {
			t.Fatalf("tracks %v, %+v", p.Tracks, info)
		}
		if info.Key && !info.Coded() {
			t.Fatalf("key frame that is not coded: %+v", info)
		}
		if info.Enhanced && !info.Command && !info.Reserved && !info.Multitrack {
			p.Kind, p.FrameType, p.Type = kind, info.FrameType, info.PacketType
			again, err := AppendEx(nil, &p)
			if err != nil {
				t.Fatal(err)
			}
			second, err := parseKind(kind, again)
			info.NanoOffset, info.DataOffset, second.DataOffset = 0, 0, 0
			if err != nil || second != info {
				t.Fatalf("re-encoded: %+v, %v; want %+v", second, err, info)
			}
		}
	})
}

func BenchmarkParseVideo(b *testing.B) {
	for _, c := range payloadCases() {
		switch c.name {
		case "avc key", "hevc key", "nano offset", "many codecs":
			if body := c.body(b); c.kind == TagVideo {
				b.Run(strings.ReplaceAll(c.name, " ", "-"), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						ParseVideo(body)
					}
				})
			}
		}
	}
}

func BenchmarkParseAudio(b *testing.B) {
	for _, c := range payloadCases() {
		switch c.name {
		case "aac raw", "aac", "audio one track":
			if body := c.body(b); c.kind == TagAudio {
				b.Run(strings.ReplaceAll(c.name, " ", "-"), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						ParseAudio(body)
					}
				})
			}
		}
	}
}
