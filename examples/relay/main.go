// Relay plays a stream from one server and publishes it on another, whatever servers they are.
//
//	relay rtmp://from/live/cam rtmp://to/live/cam
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"os/signal"

	"penstock/rtmp"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: relay rtmp://FROM/APP/STREAM rtmp://TO/APP/STREAM")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := relay(ctx, os.Args[1], os.Args[2])
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

// relay runs until the source ends or ctx does.
func relay(ctx context.Context, from, to string) error {
	source, err := rtmp.Dial(ctx, from, nil)
	if err != nil {
		return err
	}
	defer source.Close()
	in, err := source.Play(ctx, source.URL().Stream, rtmp.PlayOptions{UntilEnd: true})
	if err != nil {
		return err
	}
	target, err := rtmp.Dial(ctx, to, nil)
	if err != nil {
		return err
	}
	defer target.Close()
	out, err := target.Publish(ctx, target.URL().Stream)
	if err != nil {
		return err
	}
	defer out.Close()
	for {
		ev, err := in.Read(ctx)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case ev.Type == rtmp.TypeAudio:
			err = out.WriteAudio(ctx, ev.Timestamp, ev.Payload)
		case ev.Type == rtmp.TypeVideo:
			err = out.WriteVideo(ctx, ev.Timestamp, ev.Payload)
		case ev.Type == rtmp.TypeDataAMF0 && ev.Name == "onMetaData":
			err = out.WriteData(ctx, ev.Timestamp, "@setDataFrame", append([]any{ev.Name}, ev.Args...)...)
		}
		if err != nil {
			return err
		}
	}
}
