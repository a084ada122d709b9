package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"penstock/amf"
	"penstock/flv"
	"penstock/internal/demo"
	"penstock/rtmp"
)

type publishCmd struct {
	connection
	Demo     bool          `help:"Publish the demo clip, again and again, instead of a file."`
	Loop     bool          `help:"Publish the file again and again."`
	Duration time.Duration `placeholder:"D" help:"Stop after this time."`
	Args     []string      `arg:"" name:"[FILE] URL" help:"FLV file, - for standard input, and rtmp://HOST/live/NAME."`
}

// Run publishes until the end of the file, a signal, or the server's end.
func (c *publishCmd) Run(p *program) error {
	source, url, err := c.source(p)
	if err != nil {
		return err
	}
	u, err := parseStreamURL(url)
	if err != nil {
		return err
	}
	client, err := c.dial(p, url)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := until(p, client)
	defer cancel()
	if c.Duration > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	asked, answered := c.answer(ctx)
	stream, err := client.Publish(asked, u.Stream)
	answered()
	if err != nil {
		if p.ctx.Err() != nil {
			return nil // interrupted before the server answered
		}
		return told(err)
	}
	m := startMeter(p, "published", c.Trace)
	err = source.Run(ctx, func(t *flv.Tag) error {
		m.count(t)
		return send(ctx, stream, t)
	})
	_ = stream.Close() // the server says Unpublish.Success; client.Close sees to it that this goes out
	m.stop()
	return c.verdict(ctx, p, err)
}

// verdict tells an end that was asked for from an error.
func (c *publishCmd) verdict(ctx context.Context, p *program, err error) error {
	switch {
	case err == nil, p.ctx.Err() != nil, c.Duration > 0 && errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return nil
	}
	return told(err)
}

// source opens what is published, and finds the URL among the arguments.
func (c *publishCmd) source(p *program) (*demo.Source, string, error) {
	switch {
	case c.Demo && len(c.Args) == 1:
		return &demo.Source{Open: func() io.Reader { return bytes.NewReader(demo.Clip()) }}, c.Args[0], nil
	case c.Demo || len(c.Args) != 2:
		return nil, "", &usageError{"publish needs FILE URL, or --demo URL"}
	case c.Args[0] == "-" && c.Loop:
		return nil, "", &usageError{"--loop needs a file, standard input ends once"}
	case c.Args[0] == "-":
		return &demo.Source{Open: func() io.Reader { return p.stdin }, Once: true}, c.Args[1], nil
	}
	f, err := os.Open(c.Args[0])
	if err != nil {
		return nil, "", err
	}
	rewind := func() io.Reader {
		_, _ = f.Seek(0, io.SeekStart) // what cannot go back cannot loop: reading on says so
		return io.NopCloser(f)
	}
	return &demo.Source{Open: rewind, Once: !c.Loop}, c.Args[1], nil
}

// send publishes one tag as it is in the file.
func send(ctx context.Context, s *rtmp.NetStream, t *flv.Tag) error {
	switch t.Type {
	case flv.TagAudio:
		return s.WriteAudio(ctx, t.Time, t.Body)
	case flv.TagVideo:
		return s.WriteVideo(ctx, t.Time, t.Body)
	case flv.TagScript:
		body := t.Body
		if bytes.HasPrefix(body, []byte("\x02\x00\x0aonMetaData")) {
			// With this name before it, the server keeps it for players that come later.
			head, err := amf.Append0(nil, "@setDataFrame")
			if err != nil {
				return fmt.Errorf("metadata: %w", err)
			}
			body = append(head, body...)
		}
		return s.WriteMessage(ctx, &rtmp.Message{Type: rtmp.TypeDataAMF0, Timestamp: t.Time, Payload: body})
	}
	return nil
}
