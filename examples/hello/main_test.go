package main

import (
	"net"
	"testing"

	"penstock/app"
	"penstock/app/rpc"
	"penstock/rtmp"
	"penstock/status"
)

func TestGreetCallsBack(t *testing.T) {
	srv := &app.Server{Handler: hello()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()

	me := rpc.NewClient()
	me.Register("whoAreYou", func() string { return "Ada" })
	c, err := rtmp.Dial(t.Context(), "rtmp://"+l.Addr().String()+"/hello", &rtmp.ClientConfig{
		Handler: me.Answer,
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
