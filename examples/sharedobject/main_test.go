package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"penstock/app"
	"penstock/rtmp"
	"penstock/sharedobject"
)

func TestShopping(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	objects := sharedobject.NewHub(sharedobject.Options{})
	srv := &app.Server{Handler: list(objects), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	go count(ctx, objects)
	url := "rtmp://" + l.Addr().String() + "/list"
	done := make(chan error, 1)
	go func() { done <- shop(ctx, url, []string{"milk", "two eggs"}) }()

	c, err := rtmp.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	heard := make(chan struct{}, 100)
	so, err := c.SharedObject(ctx, "shopping", rtmp.SharedObjectOptions{OnSync: func([]sharedobject.Notice) { heard <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	for {
		if n, _ := so.Get("count"); n == 2.0 {
			break
		}
		select {
		case <-heard:
		case <-time.After(10 * time.Second):
			slots, _ := so.Slots()
			t.Fatalf("the list holds %v", slots)
		}
	}
	if v, _ := so.Get("milk"); v != true {
		t.Errorf("milk is %v", v)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
