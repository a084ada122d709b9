// Hello is a whole RPC server: the client calls greet, and is called back before it is answered.
package main

import (
	"context"
	"log"

	"penstock/app"
	"penstock/app/rpc"
)

func main() { log.Fatal(app.ListenAndServe(":1935", hello())) }

func hello() *app.Mux {
	m := rpc.New()
	m.Register("greet", func(ctx context.Context, c *app.Client) (string, error) {
		name, err := rpc.Call[string](ctx, c, "whoAreYou")
		return "Hello, " + name + "!", err
	})
	mux := app.NewMux()
	mux.Handle("hello", m)
	return mux
}
