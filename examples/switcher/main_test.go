package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"penstock/app"
	"penstock/playout"
	"penstock/rtmp"
	"penstock/status"
)

// Two cameras, a control and a viewer, over sockets.
func TestMixer(t *testing.T) {
	server := &app.Server{}
	channels := playout.NewChannels(server.Streams(), playout.Options{})
	defer channels.Close()
	program, err := channels.Open(key("program"), nil)
	if err != nil {
		t.Fatal(err)
	}
	mux := app.NewMux()
	mux.Handle("live", mixer(server, program))
	server.Handler = mux
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	dial := func() *rtmp.Client {
		c, err := rtmp.Dial(ctx, "rtmp://"+l.Addr().String()+"/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	for _, name := range []string{"a", "b"} {
		camera, err := dial().Publish(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		stopped := make(chan struct{})
		go func() { // key frames only
			defer close(stopped)
			for ts := uint32(0); ctx.Err() == nil && camera.WriteVideo(ctx, ts, []byte{0x17, 1, 0, 0, 0, name[0]}) == nil; ts += 20 {
				time.Sleep(20 * time.Millisecond)
			}
		}()
		defer func() { cancel(); <-stopped }()
	}
	control := dial()
	viewer, err := dial().Play(ctx, "program", rtmp.PlayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := func(names string) {
		t.Helper()
		last := uint32(0)
		for names != "" {
			ev, err := viewer.Read(ctx)
			if err != nil {
				t.Fatalf("%s is not seen: %v", names, err)
			}
			if ev.Type != rtmp.TypeVideo {
				continue
			}
			if ev.Timestamp < last {
				t.Errorf("%d after %d", ev.Timestamp, last)
			}
			if last = ev.Timestamp; ev.Payload[5] == names[0] {
				names = names[1:]
			}
		}
	}
	for _, name := range []string{"a", "b", "a"} {
		if v, err := control.Call(ctx, "cut", name); err != nil || v != true {
			t.Fatalf("cut %s: %v, %v", name, v, err)
		}
		want(name)
	}
	if _, err := control.Call(ctx, "rotate", 1.0, "b", "a"); err != nil {
		t.Fatal(err)
	}
	want("ba")
	for _, bad := range [][]any{{"cut", "c"}, {"cut"}, {"rotate"}, {"rotate", 0.0, "a"}, {"rotate", 1.0, "program"}, {"rotate", 1.0, 2.0}} {
		if v, err := control.Call(ctx, bad[0].(string), bad[1:]...); err == nil {
			t.Errorf("%v: %v", bad, v)
		}
	}
	_, err = dial().Publish(ctx, "program")
	if st, ok := status.Of(err); !ok || st.Code != status.PublishBadName || !strings.Contains(st.Description, "program") {
		t.Errorf("a camera called program: %v", err)
	}
}
