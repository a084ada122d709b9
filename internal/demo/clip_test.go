package demo

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"penstock/flv"
)

func readAll(t *testing.T, r io.Reader) []*flv.Tag {
	t.Helper()
	var tags []*flv.Tag
	for fr := flv.NewReader(r); ; {
		tag := new(flv.Tag)
		err := fr.ReadTag(tag)
		if errors.Is(err, io.EOF) {
			return tags
		}
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, tag)
	}
}

// A browser and every RTMP player must be able to begin the clip anywhere within two seconds.
func TestClipIsFitForPlayers(t *testing.T) {
	if n := len(Clip()); n > 1_200_000 {
		t.Errorf("clip has %d bytes, want at most 1200000", n)
	}
	var pictures, sounds, configs int
	lastKey := int64(-1)
	for _, tag := range readAll(t, bytes.NewReader(Clip())) {
		switch tag.Type {
		case flv.TagVideo:
			info, err := flv.ParseVideo(tag.Body)
			if err != nil {
				t.Fatal(err)
			}
			if info.Codec != flv.FourCCAVC || info.Enhanced {
				t.Fatalf("video at %d ms is %+v, want legacy H.264", tag.Time, info)
			}
			if info.CTS != 0 {
				t.Errorf("picture at %d ms has composition time %d: the clip must have no B-frames", tag.Time, info.CTS)
			}
			if info.Config {
				configs++
			}
			if !info.Coded() {
				continue
			}
			pictures++
			if info.Key {
				lastKey = int64(tag.Time)
			} else if lastKey < 0 || int64(tag.Time)-lastKey > 2000 {
				t.Fatalf("picture at %d ms, last key frame at %d ms: want one every 2 s", tag.Time, lastKey)
			}
		case flv.TagAudio:
			info, err := flv.ParseAudio(tag.Body)
			if err != nil {
				t.Fatal(err)
			}
			if info.Codec != flv.FourCCAAC {
				t.Fatalf("audio at %d ms is %+v, want AAC", tag.Time, info)
			}
			if info.Config {
				configs++
			} else {
				sounds++
			}
		}
	}
	if pictures != 256 || sounds < 480 || sounds > 482 || configs != 2 {
		t.Errorf("clip has %d pictures, %d sounds, %d sequence headers; want 256, 480 to 482, 2", pictures, sounds, configs)
	}
}
