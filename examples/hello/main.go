// Hello is a whole RPC server: the client calls greet, and is called back before it is answered.
package main

import (
	"context"
	"fmt"
	"log"

	"penstock/amf"
	"penstock/app"
)

func main() {
	mux := app.NewMux()
	mux.HandleFunc("hello", hello)
	log.Fatal(app.ListenAndServe(":1935", mux))
}

func hello(_ context.Context, c *app.Client, _ []amf.Value) (app.Session, error) {
	return app.Methods{"greet": func(ctx context.Context, args []amf.Value) (amf.Value, error) {
		name, err := c.Call(ctx, "whoAreYou")
		return fmt.Sprintf("Hello, %v!", name), err
	}}, nil
}
