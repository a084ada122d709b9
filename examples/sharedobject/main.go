// Sharedobject is a shopping list that everyone on it sees and changes. The server keeps count of it; the client adds what its
// arguments say and prints what happens:
//
//	sharedobject
//	sharedobject rtmp://localhost/list milk "two eggs"
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/sharedobject"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 1 {
		if err := shop(ctx, os.Args[1], os.Args[2:]); err != nil {
			log.Fatal(err)
		}
		return
	}
	objects := sharedobject.NewHub(sharedobject.Options{})
	go count(ctx, objects)
	log.Fatal(app.ListenAndServe(":1935", list(objects)))
}

// list is the application: whoever connects may use its objects.
func list(objects *sharedobject.Hub) app.Handler {
	return app.Live(app.LiveOptions{Share: app.ShareAll(objects)})
}

// count keeps the number of things in a slot of its own.
func count(ctx context.Context, objects *sharedobject.Hub) {
	shopping, err := objects.Get(ctx, app.DefaultInstance, "shopping", false)
	if err != nil {
		log.Fatal(err)
	}
	watch := shopping.Watch()
	defer watch.Close()
	for {
		slots, _ := shopping.Slots()
		if n, _ := shopping.Get("count"); n != int32(len(slots)-1) {
			_ = shopping.Set("count", max(0, len(slots)-1))
		}
		if _, err := watch.Next(ctx); err != nil {
			return
		}
	}
}

// shop adds items and prints what happens to the list until ctx ends.
func shop(ctx context.Context, url string, items []string) error {
	c, err := rtmp.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	shopping, err := c.SharedObject(ctx, "shopping", rtmp.SharedObjectOptions{OnSync: func(list []sharedobject.Notice) {
		for _, n := range list {
			fmt.Println(n.Code, n.Key, amf.Format(n.Value))
		}
	}})
	if err != nil {
		return err
	}
	for _, item := range items {
		_ = shopping.Set(item, true) // its error would be the end of the connection
	}
	<-ctx.Done()
	return shopping.Close()
}
