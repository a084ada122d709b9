package scripted

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"penstock/amf"
	"penstock/flv"
	"penstock/internal/demo"
)

// Frame is one audio or video message as it is compared: coded data only, no sequence headers and no metadata.
type Frame struct {
	Type flv.TagType
	Time uint32 // ms
	Sum  [8]byte
	Len  int
}

// NewFrame makes a Frame of a message or tag; ok is false for what is not compared.
func NewFrame(t flv.TagType, time uint32, body []byte) (f Frame, ok bool) {
	var i flv.Info
	var err error
	switch t {
	case flv.TagVideo:
		i, err = flv.ParseVideo(body)
	case flv.TagAudio:
		i, err = flv.ParseAudio(body)
	default:
		return f, false
	}
	if err != nil || !i.Coded() {
		return f, false
	}
	f = Frame{Type: t, Time: time, Len: len(body)}
	sum := sha256.Sum256(body)
	copy(f.Sum[:], sum[:])
	return f, true
}

// Clip returns the beginning of the demo clip up to length ms, its time beginning at base (mod 2^32). Metadata is left out.
func Clip(length, base uint32) []flv.Tag {
	var tags []flv.Tag
	r := flv.NewReader(bytes.NewReader(demo.Clip()))
	for {
		var t flv.Tag
		err := r.ReadTag(&t)
		if errors.Is(err, io.EOF) || t.Time >= length {
			return tags
		}
		if err != nil { // the clip is part of the program
			panic(err)
		}
		if t.Type == flv.TagAudio || t.Type == flv.TagVideo {
			t.Time += base
			tags = append(tags, t)
		}
	}
}

// Metadata is what onMetaData says about the clip: an ECMA array without a duration, as for a live stream.
func Metadata() *amf.Array {
	return amf.NewECMA(
		amf.Prop{Key: "width", Value: 640.0}, amf.Prop{Key: "height", Value: 360.0}, amf.Prop{Key: "framerate", Value: 25.0},
		amf.Prop{Key: "videocodecid", Value: 7.0}, amf.Prop{Key: "audiocodecid", Value: 10.0},
		amf.Prop{Key: "audiosamplerate", Value: 48000.0}, amf.Prop{Key: "stereo", Value: true},
		amf.Prop{Key: "encoder", Value: "penstock check"})
}

// File is the clip as an FLV file, for a client to publish.
func File(tags []flv.Tag) []byte {
	b := flv.AppendHeader(nil, true, true)
	body, err := amf.Append0(nil, "onMetaData", Metadata())
	if err != nil { // of constants
		panic(err)
	}
	first := uint32(0)
	if len(tags) > 0 {
		first = tags[0].Time
	}
	b = flv.AppendTag(b, &flv.Tag{Type: flv.TagScript, Time: first, Body: body})
	for i := range tags {
		b = flv.AppendTag(b, &tags[i])
	}
	return b
}

// FramesOf are the frames among tags.
func FramesOf(tags []flv.Tag) []Frame {
	var out []Frame
	for i := range tags {
		if f, ok := NewFrame(tags[i].Type, tags[i].Time, tags[i].Body); ok {
			out = append(out, f)
		}
	}
	return out
}

// maxRecording bounds what is read of a recording, in tags.
const maxRecording = 100_000

// Recording reads the frames of an FLV file that a client wrote. What comes before a fault in it is returned with the error.
func Recording(r io.Reader) ([]Frame, error) {
	var out []Frame
	for fr, n := flv.NewReader(r), 0; ; n++ {
		var t flv.Tag
		err := fr.ReadTag(&t)
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case errors.Is(err, flv.ErrTruncated): // a client that was killed leaves half a tag
			return out, nil
		case err != nil:
			return out, err
		case n > maxRecording:
			return out, fmt.Errorf("more than %d tags", maxRecording)
		}
		if f, ok := NewFrame(t.Type, t.Time, t.Body); ok {
			out = append(out, f)
		}
	}
}
