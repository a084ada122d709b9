// Auth refuses in its own words: a connect without an invitation, and a publish without a key.
package main

import (
	"context"
	"crypto/subtle"
	"log"
	"os"

	"penstock/amf"
	"penstock/app"
	"penstock/status"
)

func main() {
	mux := app.NewMux()
	mux.Handle("studio", studio(os.Getenv("STUDIO_KEY")))
	log.Fatal(app.ListenAndServe(":1935", mux))
}

// studio lets in who is on the list, and lets publish who has the key: rtmp://host/studio/name?key=…
func studio(key string) app.Handler {
	live := app.Live(app.LiveOptions{
		Publish: func(_ context.Context, r *app.PublishRequest) error {
			if key == "" || subtle.ConstantTimeCompare([]byte(r.Query.Get("key")), []byte(key)) == 0 {
				return status.New(status.PublishDenied, "The stream key is wrong: copy it again from your studio page.")
			}
			return nil
		},
	})
	return app.HandlerFunc(func(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
		if c.Query.Get("banned") != "" {
			why := amf.NewObject(amf.Prop{Key: "until", Value: "tomorrow"})
			return nil, app.Reject("You are banned until tomorrow.", why)
		}
		return live.Connect(ctx, c, args)
	})
}
