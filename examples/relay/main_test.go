package main

import (
	"bytes"
	"context"
	"net"
	"testing"

	"penstock/app"
	"penstock/rtmp"
)

func serve(t *testing.T) string {
	t.Helper()
	mux := app.NewMux()
	mux.Handle("live", app.Live(app.LiveOptions{}))
	srv := &app.Server{Handler: mux}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return "rtmp://" + l.Addr().String() + "/live/cam"
}

func dial(t *testing.T, url string) *rtmp.Client {
	t.Helper()
	c, err := rtmp.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestWhatGoesInComesOut(t *testing.T) {
	from, to := serve(t), serve(t)
	camera, err := dial(t, from).Publish(t.Context(), "cam")
	if err != nil {
		t.Fatal(err)
	}
	viewer, err := dial(t, to).Play(t.Context(), "cam", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- relay(ctx, from, to) }()

	config := []byte{0x17, 0, 0, 0, 0, 1, 2, 3}
	key := []byte{0x17, 1, 0, 0, 0, 9, 8, 7}
	if err := camera.WriteVideo(ctx, 0, config); err != nil {
		t.Fatal(err)
	}
	if err := camera.WriteVideo(ctx, 40, key); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]byte{config, key} {
		for {
			ev, err := viewer.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if ev.Type != rtmp.TypeVideo {
				continue
			}
			if !bytes.Equal(ev.Payload, want) {
				t.Errorf("got % x, want % x", ev.Payload, want)
			}
			break
		}
	}
	if err := camera.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("relay ended with %v", err)
	}
	cancel()
}
