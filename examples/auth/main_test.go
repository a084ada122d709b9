package main

import (
	"net"
	"testing"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

func TestRefusalsInOurOwnWords(t *testing.T) {
	mux := app.NewMux()
	mux.Handle("studio", studio("s3cret"))
	srv := &app.Server{Handler: mux}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	url := "rtmp://" + l.Addr().String() + "/studio"

	_, err = rtmp.Dial(t.Context(), url+"?banned=1", nil)
	st, ok := status.Of(err)
	if !ok || st.Code != status.ConnectRejected || st.Description != "You are banned until tomorrow." {
		t.Fatalf("banned: %v", err)
	}
	o, _ := st.Object().Get("application")
	if info, _ := o.(*amf.Object); info.String("until") != "tomorrow" {
		t.Errorf("application: %s", amf.Format(o))
	}

	c, err := rtmp.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Publish(t.Context(), "cam?key=wrong")
	if st, ok := status.Of(err); !ok || st.Code != status.PublishDenied {
		t.Errorf("wrong key: %v", err)
	}
	if ns, err := c.Publish(t.Context(), "cam?key=s3cret"); err != nil {
		t.Errorf("right key: %v", err)
	} else if ns.Name() == "" {
		t.Error("stream without a name")
	}
}
