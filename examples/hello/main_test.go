package main

import (
	"context"
	"net"
	"testing"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

func TestGreetCallsBack(t *testing.T) {
	mux := app.NewMux()
	mux.HandleFunc("hello", hello)
	srv := &app.Server{Handler: mux}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()

	c, err := rtmp.Dial(t.Context(), "rtmp://"+l.Addr().String()+"/hello", &rtmp.ClientConfig{
		Handler: func(_ context.Context, cmd *rtmp.Command) (amf.Value, error) {
			if cmd.Name == "whoAreYou" {
				return "Ada", nil
			}
			return nil, nil // onBWDone wants no answer
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if v, err := c.Call(t.Context(), "greet"); err != nil || v != "Hello, Ada!" {
		t.Errorf("greet: %v, %v", v, err)
	}
	_, err = c.Call(t.Context(), "shout")
	if st, ok := status.Of(err); !ok || st.Code != status.CallFailed || st.Description != "Method not found (shout)." {
		t.Errorf("shout: %v", err)
	}
}
