package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"penstock/flv"
	"penstock/rtmp"
)

type playCmd struct {
	connection
	Out      string        `short:"o" placeholder:"FILE" help:"FLV file to write, - for standard output. Without it the stream is only measured."`
	Duration time.Duration `placeholder:"D" help:"Stop after this time."`
	URL      string        `arg:"" help:"rtmp://HOST/live/NAME."`
}

// Run plays until the stream ends, a signal, or the server's end.
func (c *playCmd) Run(p *program) (err error) {
	u, err := parseStreamURL(c.URL)
	if err != nil {
		return err
	}
	client, err := c.dial(p, c.URL)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	ctx := p.ctx
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	asked, answered := c.answer(ctx)
	stream, err := client.Play(asked, u.Stream, rtmp.PlayOptions{UntilEnd: true, Backpressure: true})
	answered()
	if err != nil {
		if p.ctx.Err() != nil {
			return nil // interrupted before the server answered
		}
		return told(err)
	}
	file, err := createFLV(p, c.Out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.close()) }()
	m := startMeter(p, "played", c.Trace)
	err = copyStream(ctx, stream, file, m)
	m.stop()
	switch {
	case err == nil, errors.Is(err, io.EOF), p.ctx.Err() != nil:
		return nil
	case c.Duration > 0 && ctx.Err() != nil:
		if m.frames == 0 {
			return fmt.Errorf("nothing came within %v: nobody publishes %s now", c.Duration, printable(u.Stream))
		}
		return nil
	}
	return told(err)
}

// copyStream writes what can be part of a file, until the stream's end.
func copyStream(ctx context.Context, s *rtmp.NetStream, file *flvFile, m *meter) error {
	for {
		ev, err := s.Read(ctx)
		if err != nil {
			return err
		}
		t := flv.Tag{Time: ev.Timestamp, Body: ev.Payload}
		switch ev.Type {
		case rtmp.TypeAudio:
			t.Type = flv.TagAudio
		case rtmp.TypeVideo:
			t.Type = flv.TagVideo
		case rtmp.TypeDataAMF0:
			if ev.Status != nil || ev.Name == "|RtmpSampleAccess" {
				continue // about the connection, not of the stream
			}
			t.Type = flv.TagScript
		default:
			continue
		}
		m.count(&t)
		if err := file.write(&t); err != nil {
			return err
		}
	}
}

// flvFile writes an FLV file whose time begins at 0. The zero value writes nothing.
type flvFile struct {
	w            *bufio.Writer
	file         *os.File // nil for standard output
	start        uint32
	begun        bool
	audio, video bool
	buf          []byte
}

func createFLV(p *program, name string) (*flvFile, error) {
	f := &flvFile{}
	switch name {
	case "":
		return f, nil
	case "-":
		f.w = bufio.NewWriterSize(p.stdout, 64<<10)
	default:
		file, err := os.Create(name)
		if err != nil {
			return nil, err
		}
		f.file, f.w = file, bufio.NewWriterSize(file, 256<<10)
	}
	// Which of the two there is shows later: close corrects the header of a file.
	_, err := f.w.Write(flv.AppendHeader(nil, true, true))
	return f, err
}

func (f *flvFile) write(t *flv.Tag) error {
	if f.w == nil {
		return nil
	}
	media := t.Type == flv.TagAudio || t.Type == flv.TagVideo
	if media && !f.begun {
		f.start, f.begun = t.Time, true
	}
	f.audio = f.audio || t.Type == flv.TagAudio
	f.video = f.video || t.Type == flv.TagVideo
	own := *t
	own.Time -= f.start
	if !f.begun || int32(own.Time) < 0 {
		own.Time = 0
	}
	f.buf = flv.AppendTag(f.buf[:0], &own)
	if _, err := f.w.Write(f.buf); err != nil {
		return err
	}
	if f.file == nil {
		return f.w.Flush() // someone watches
	}
	return nil
}

func (f *flvFile) close() error {
	if f.w == nil {
		return nil
	}
	err := f.w.Flush()
	if f.file == nil {
		return err
	}
	if f.begun {
		head := flv.AppendHeader(nil, f.audio, f.video)
		_, patchErr := f.file.WriteAt(head, 0)
		var pipe *os.PathError
		if !errors.As(patchErr, &pipe) { // what cannot be patched is no file
			err = errors.Join(err, patchErr)
		}
	}
	return errors.Join(err, f.file.Close())
}
