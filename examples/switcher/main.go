// Switcher is a live vision mixer: cameras publish rtmp://host/live/NAME, whoever mixes calls cut, and everybody plays
// rtmp://host/live/program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/playout"
	"penstock/status"
)

func main() {
	listen := flag.String("listen", ":1935", "address to listen on")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	server := &app.Server{}
	program, err := playout.NewChannels(server.Streams(), playout.Options{}).Open(key("program"), func(e playout.Event) { log.Println(e.Code, e.Source) })
	if err != nil {
		log.Fatal(err)
	}
	mux := app.NewMux()
	mux.Handle("live", mixer(server, program))
	server.Handler = mux
	fmt.Println("listening on", l.Addr())
	log.Fatal(server.Serve(l))
}

func key(name string) string { return app.StreamKey("live", "", name) }

// mixer lets everybody publish and play, and this machine mix.
func mixer(server *app.Server, program *playout.Channel) app.Handler {
	cut := func(_ context.Context, args []amf.Value) (amf.Value, error) { // cut(name)
		name, _ := argument[string](args, 0)
		if !server.Streams().Live(key(name)) {
			return nil, status.Newf(status.CallFailed, "There is no camera %q.", name)
		}
		return true, program.Play(playout.Item{Source: key(name)})
	}
	rotate := func(_ context.Context, args []amf.Value) (amf.Value, error) { // rotate(seconds, name, …)
		seconds, ok := argument[float64](args, 0)
		var items []playout.Item
		for i := 1; ok && i < len(args); i++ {
			var name string
			name, ok = argument[string](args, i)
			items = append(items, playout.Item{Source: key(name), Length: time.Duration(seconds * float64(time.Second))})
		}
		if !ok || seconds < 1 || seconds > 3600 {
			return nil, status.New(status.CallFailed, "rotate wants seconds, 1 to 3600, and names.")
		}
		return true, program.Play(items...)
	}
	return app.HandlerFunc(func(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
		local := func() error {
			if a, ok := c.Addr.(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
				return errors.New("only this machine mixes")
			}
			return nil
		}
		methods := app.Methods{"cut": app.Only(local, cut), "rotate": app.Only(local, rotate)}
		return app.Live(app.LiveOptions{Methods: methods}).Connect(ctx, c, args)
	})
}

func argument[T any](args []amf.Value, i int) (v T, ok bool) {
	if i < len(args) {
		v, ok = args[i].(T)
	}
	return v, ok
}
