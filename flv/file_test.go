package flv

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// fileCases drive the writer, the reader and the fuzz seeds.
var fileCases = []struct {
	name         string
	audio, video bool
	tags         []Tag
	hex          string
}{
	{"no tags", true, true, nil, "464c5601 05 00000009 00000000"},
	{"script", false, false, []Tag{{Type: TagScript, Body: []byte{2, 0, 0}}},
		"464c5601 00 00000009 00000000 12 000003 000000 00 000000 020000 0000000e"},
	{"AMF3 script", false, true, []Tag{{Type: TagScriptAMF3, Body: []byte{0}}},
		"464c5601 01 00000009 00000000 0f 000001 000000 00 000000 00 0000000c"},
	{"extended time", true, false, []Tag{
		{Type: TagAudio, Time: 0xffffff, Body: []byte{0xaf, 1}},
		{Type: TagAudio, Time: 0x1000000, Body: []byte{0xaf, 1}},
		{Type: TagAudio, Time: 0xffffffff, Body: []byte{}}},
		"464c5601 04 00000009 00000000 08 000002 ffffff 00 000000 af01 0000000d" +
			"08 000002 000000 01 000000 af01 0000000d 08 000000 ffffff ff 000000 0000000b"},
	{"encrypted", false, true, []Tag{{Type: TagVideo, Filtered: true, Body: []byte{1}}},
		"464c5601 01 00000009 00000000 29 000001 000000 00 000000 01 0000000c"},
	{"unknown type", false, false, []Tag{{Type: 31, Body: []byte{}}},
		"464c5601 00 00000009 00000000 1f 000000 000000 00 000000 0000000b"},
}

func readAll(r *Reader) (tags []Tag, err error) {
	for {
		var t Tag
		if err = r.ReadTag(&t); err != nil {
			return tags, err
		}
		tags = append(tags, t)
	}
}

func TestFiles(t *testing.T) {
	for _, c := range fileCases {
		t.Run(c.name, func(t *testing.T) {
			want := unhex(t, c.hex)
			var out bytes.Buffer
			w := NewWriter(&out)
			if err := w.WriteHeader(c.audio, c.video); err != nil {
				t.Fatal(err)
			}
			for i := range c.tags {
				if err := w.WriteTag(&c.tags[i]); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(want, out.Bytes()); d != "" {
				t.Errorf("written (-want +got):\n%s", d)
			}
			r := NewReader(iotest.OneByteReader(bytes.NewReader(want)))
			h, err := r.ReadHeader()
			if want := (Header{Version: 1, Audio: c.audio, Video: c.video}); err != nil || h != want {
				t.Errorf("header %+v, %v; want %+v", h, err, want)
			}
			tags, err := readAll(r)
			if err != io.EOF || r.WrongBackPointers() != 0 || r.Offset() != int64(len(want)) {
				t.Errorf("%v, %d wrong back pointers, offset %d", err, r.WrongBackPointers(), r.Offset())
			}
			if d := cmp.Diff(c.tags, tags); d != "" {
				t.Errorf("read (-want +got):\n%s", d)
			}
		})
	}
}

// A file cut anywhere gives its whole tags and then io.EOF or ErrTruncated.
func TestTruncatedFiles(t *testing.T) {
	for _, c := range fileCases {
		whole := unhex(t, c.hex)
		for n := range whole {
			tags, err := readAll(NewReader(bytes.NewReader(whole[:n])))
			if !cmp.Equal(tags, c.tags[:len(tags):len(tags)]) && len(tags) > 0 {
				t.Errorf("%s cut to %d: %v", c.name, n, tags)
			}
			end, size := HeaderSize, n
			clean := size == 0 || size == 9 || size == end
			for _, tag := range c.tags {
				end += TagHeadSize + len(tag.Body) + TagTailSize
				clean = clean || size == end || size == end-TagTailSize
			}
			if clean != (err == io.EOF) || !clean && !errors.Is(err, ErrTruncated) {
				t.Errorf("%s cut to %d: %v", c.name, n, err)
			}
			var fe *FileError
			if !clean && (!errors.As(err, &fe) || fe.Offset != int64(n) || fe.Field == "") {
				t.Errorf("%s cut to %d: %#v", c.name, n, err)
			}
		}
	}
}

func TestReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	head := string(AppendHeader(nil, true, true))
	for _, c := range []struct {
		name   string
		r      io.Reader
		limits Limits
		err    error
		text   string
	}{
		{"other file", strings.NewReader("RIFF\x01\x05\x00\x00\x00\x09"), Limits{}, ErrSignature, "flv: signature at byte 0: not an FLV file"},
		{"small header size", strings.NewReader("FLV\x01\x05\x00\x00\x00\x08"), Limits{}, ErrHeaderSize, "flv: header size at byte 5: invalid header size"},
		{"header over the limit", strings.NewReader("FLV\x01\x05\x00\x00\x00\x0b"), Limits{Header: 10}, ErrHeaderSize, "flv: header size at byte 5: invalid header size"},
		{"huge header", strings.NewReader("FLV\x01\x05\xff\xff\xff\xff"), Limits{}, ErrHeaderSize, "flv: header size at byte 5: invalid header size"},
		{"cut in a long header", strings.NewReader("FLV\x01\x05\x00\x00\x00\x0b."), Limits{}, ErrTruncated, "flv: file header at byte 10: truncated"},
		{"tag over the limit", strings.NewReader(head + "\x08\x00\x00\x05"), Limits{Tag: 4}, ErrTruncated, ""},
		{"whole tag over the limit", bytes.NewReader(AppendTag([]byte(head), &Tag{Body: make([]byte, 5)})), Limits{Tag: 4}, ErrTagSize, "flv: tag size at byte 14: tag too large"},
		{"broken reader", io.MultiReader(strings.NewReader(head+"\x08"), iotest.ErrReader(broken)), Limits{}, broken, "flv: tag header at byte 14: broken"},
	} {
		r := NewReaderLimits(c.r, c.limits)
		_, err := readAll(r)
		if !errors.Is(err, c.err) || c.text != "" && err.Error() != c.text {
			t.Errorf("%s: got %v, want %v %q", c.name, err, c.err, c.text)
		}
		if again := r.ReadTag(&Tag{}); again != err {
			t.Errorf("%s: then %v", c.name, again)
		}
		if _, again := r.ReadHeader(); again != err {
			t.Errorf("%s: then header %v", c.name, again)
		}
	}
}

func TestReaderTolerance(t *testing.T) {
	// A header of 11 bytes, wrong back pointers, a stream id that is not 0.
	in := unhex(t, "464c5601 05 0000000b eeee 00000001 08 000001 000001 00 000007 aa 00000000 09 000001 000002 00 000000 bb 0000000c")
	r := NewReader(bytes.NewReader(in))
	tags, err := readAll(r)
	want := []Tag{{Type: TagAudio, Time: 1, Body: []byte{0xaa}}, {Type: TagVideo, Time: 2, Body: []byte{0xbb}}}
	if err != io.EOF || !cmp.Equal(tags, want) || r.WrongBackPointers() != 2 {
		t.Errorf("%v, %v, %d wrong back pointers", tags, err, r.WrongBackPointers())
	}
}

// A tag that declares 16 MiB costs memory for what arrives, not for 16 MiB.
func TestReaderAllocatesByArrival(t *testing.T) {
	for _, arrived := range []int{0, readStep + 1} {
		in := AppendTagHead(AppendHeader(nil, true, true), TagVideo, 0, MaxTagBody)
		r := NewReader(bytes.NewReader(append(in, make([]byte, arrived)...)))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readAll(r)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, ErrTruncated) || got > 4*readStep {
			t.Errorf("%d bytes arrived: %v, %d bytes allocated", arrived, err, got)
		}
	}
}

func TestLargeTags(t *testing.T) {
	for _, n := range []int{readStep - 1, readStep, readStep + 1, 5 * readStep, MaxTagBody} {
		body := bytes.Repeat([]byte{7, 8, 9}, n/3+1)[:n]
		in := AppendTag(AppendHeader(nil, true, true), &Tag{Type: TagVideo, Body: body})
		tags, err := readAll(NewReader(bytes.NewReader(in)))
		if err != io.EOF || len(tags) != 1 || !bytes.Equal(tags[0].Body, body) || cap(tags[0].Body) != n {
			t.Errorf("%d bytes: %d tags, %v", n, len(tags), err)
		}
	}
}

func TestOversizedTagIsNotWritten(t *testing.T) {
	big := Tag{Type: TagVideo, Body: make([]byte, MaxTagBody+1)}
	if got := AppendTag([]byte("x"), &big); string(got) != "x" {
		t.Errorf("AppendTag wrote %d bytes", len(got))
	}
	var out bytes.Buffer
	w := NewWriter(&out)
	if err := w.WriteTag(&big); !errors.Is(err, ErrTagSize) || out.Len() != 0 {
		t.Errorf("WriteTag: %v, %d bytes", err, out.Len())
	}
	if err := w.WriteTag(&Tag{Body: make([]byte, maxKeptBuffer)}); err != nil || w.buf != nil {
		t.Errorf("%v; the buffer of a large tag is kept: %d bytes", err, cap(w.buf))
	}
}

func TestFourCC(t *testing.T) {
	for _, c := range []struct {
		text, name string
		code       FourCC
		number     uint32 // as onMetaData carries it
	}{
		{"avc1", "H.264", FourCCAVC, 1635148593}, {"hvc1", "H.265", FourCCHEVC, 1752589105},
		{"vvc1", "H.266", FourCCVVC, 1987470129}, {"av01", "AV1", FourCCAV1, 1635135537},
		{"vp08", "VP8", FourCCVP8, 1987063864}, {"vp09", "VP9", FourCCVP9, 1987063865},
		{"Opus", "Opus", FourCCOpus, 1332770163}, {"fLaC", "FLAC", FourCCFLAC, 1716281667},
		{"ac-3", "AC-3", FourCCAC3, 1633889587}, {"ec-3", "E-AC-3", FourCCEAC3, 1700998451},
		{".mp3", "MP3", FourCCMP3, 778924083}, {"mp4a", "AAC", FourCCAAC, 1836069985},
		{"zzzz", "zzzz", 0x7a7a7a7a, 2054847098},
	} {
		if got, ok := ParseFourCC(c.text); !ok || got != c.code || uint32(got) != c.number {
			t.Errorf("ParseFourCC(%q) = %d, %v", c.text, got, ok)
		}
		if c.code.String() != c.text || c.code.Name() != c.name {
			t.Errorf("%q: %s, %s", c.text, c.code, c.code.Name())
		}
	}
	if _, ok := ParseFourCC("avc"); ok {
		t.Error("three characters make no FourCC")
	}
	if s := FourCC(0x61000a7f).String(); s != "0x61000a7f" {
		t.Errorf("unprintable: %s", s)
	}
	if s := FourCC(0).String(); s != "" {
		t.Errorf("zero: %q", s)
	}
}

func TestCodecName(t *testing.T) {
	for _, c := range []struct {
		kind      TagType
		hex, want string
	}{
		{TagVideo, "17 00 000000", "H.264"}, {TagVideo, "1c 00 000000", "H.265"}, {TagVideo, "12", "Sorenson H.263"},
		{TagVideo, "90 61763031", "AV1"}, {TagVideo, "d1 00", ""}, {TagVideo, "", ""}, {TagVideo, "91 7a7a7a7a", "zzzz"},
		{TagAudio, "af 00", "AAC"}, {TagAudio, "b0", "Speex"}, {TagAudio, "7f", "G.711 A-law"}, {TagAudio, "e0", "MP3"},
		{TagAudio, "90 4f707573", "Opus"}, {TagAudio, "", ""}, {TagAudio, "00", "PCM"},
	} {
		info, err := parseKind(c.kind, unhex(t, c.hex))
		if err != nil || info.CodecName() != c.want {
			t.Errorf("%d %s: %q, %v; want %q", c.kind, c.hex, info.CodecName(), err, c.want)
		}
	}
}

func TestTrackSet(t *testing.T) {
	var s TrackSet
	if _, ok := s.First(); ok || s.Len() != 0 || s.Has(0) {
		t.Error("the zero set is not empty")
	}
	for i, id := range []uint8{255, 128, 64, 63, 0} {
		s.Add(id)
		s.Add(id)
		if first, ok := s.First(); !ok || first != id || s.Len() != i+1 || !s.Has(id) {
			t.Errorf("after %d: first %d, length %d", id, first, s.Len())
		}
	}
	if map[TrackSet]int{set(1, 200): 7}[set(200, 1)] != 7 {
		t.Error("not usable as a map key")
	}
}

func FuzzFile(f *testing.F) {
	for _, c := range fileCases {
		f.Add(unhex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReaderLimits(bytes.NewReader(in), Limits{Tag: 1 << 16})
		tags, err := readAll(r)
		if err == nil || r.Offset() > int64(len(in)) {
			t.Fatalf("%v at %d of %d", err, r.Offset(), len(in))
		}
		out := AppendHeader(nil, true, true)
		for i := range tags {
			out = AppendTag(out, &tags[i])
		}
		again, err := readAll(NewReader(bytes.NewReader(out)))
		if err != io.EOF || !cmp.Equal(tags, again) {
			t.Fatalf("rewritten: %v", err)
		}
	})
}

func BenchmarkReadTag(b *testing.B) {
	in := AppendHeader(nil, true, true)
	for range 100 {
		in = AppendTag(in, &Tag{Type: TagVideo, Body: make([]byte, 4000)})
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		readAll(NewReader(bytes.NewReader(in)))
	}
}
