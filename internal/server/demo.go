package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"penstock/amf"
	"penstock/flv"
	"penstock/internal/config"
	"penstock/internal/demo"
	"penstock/media"
)

// demoKey is where --demo publishes.
const demoKey = "live/demo"

func checkDemo(c *config.Config, wanted bool) error {
	if !wanted {
		return nil
	}
	if a, ok := c.Applications()["live"]; !ok || a.Redirect != "" {
		return errors.New("--demo publishes to the application live, which the configuration does not have: add it under apps, or leave --demo out")
	}
	return nil
}

// publishDemo publishes the demo clip until ctx ends, then returns nil.
func (s *Server) publishDemo(ctx context.Context) error {
	pub, err := s.app.Streams().Publish(demoKey, "demo")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer pub.Close()
	clip := func() io.Reader { return bytes.NewReader(demo.Clip()) }
	err = demo.Loop(ctx, clip, func(t *flv.Tag) error { return publishTag(pub, t) })
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// publishTag passes one tag of a file to a stream.
func publishTag(pub *media.Publication, t *flv.Tag) error {
	switch t.Type {
	case flv.TagAudio:
		return pub.Audio(t.Time, t.Body)
	case flv.TagVideo:
		return pub.Video(t.Time, t.Body)
	case flv.TagScript:
		values, err := amf.NewDecoder(t.Body, amf.AMF0).DecodeAll()
		if err != nil || len(values) < 2 || values[0] != media.MetadataName {
			return err
		}
		describe(pub, values[1])
		return pub.SetMetadata(t.Body)
	}
	return nil
}

// describe passes on what pages show of a picture.
func describe(pub *media.Publication, v amf.Value) {
	props, _ := amf.PropsOf(v)
	o := amf.NewObject(props...)
	width, _ := o.Number("width")
	height, _ := o.Number("height")
	rate, _ := o.Number("framerate")
	pub.SetInfo(int(width), int(height), rate)
}
