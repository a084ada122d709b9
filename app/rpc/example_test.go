package rpc_test

import (
	"context"
	"fmt"
	"net"

	"penstock/app"
	"penstock/app/rpc"
	"penstock/rtmp"
)

// start serves a Mux on a free port of this machine.
func start(mux *app.Mux) (address string, stop func() error) {
	srv := &app.Server{Handler: mux}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { _ = srv.Serve(l) }()
	return l.Addr().String(), srv.Close
}

type Item struct {
	Name  string  `amf:"name"`
	Price float64 `amf:"price"`
	Count *int    `amf:"count,omitempty"`
}

// Functions are registered under names; their arguments and results are mapped.
func ExampleMethods_Register() {
	m := rpc.New()
	m.Register("sum", func(ctx context.Context, c *app.Client, a, b float64) (float64, error) {
		return a + b, nil
	})
	m.Register("total", func(items []Item) (total float64) {
		for _, it := range items {
			n := 1
			if it.Count != nil {
				n = *it.Count
			}
			total += it.Price * float64(n)
		}
		return total
	})
	mux := app.NewMux()
	mux.Handle("shop", m)
	address, stop := start(mux)
	defer stop()

	ctx := context.Background()
	c, err := rtmp.Dial(ctx, "rtmp://"+address+"/shop", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	three := 3
	total, err := rpc.Call[float64](ctx, c, "total", []Item{{Name: "tea", Price: 2.5, Count: &three}, {Name: "cup", Price: 4}})
	fmt.Println(total, err)
	_, err = c.Call(ctx, "sum", 1, "2")
	fmt.Println(err)
	_, err = c.Call(ctx, "total", []any{map[string]any{"name": 7}})
	fmt.Println(err)
	// Output:
	// 11.5 <nil>
	// NetConnection.Call.Failed: Failed to execute method (sum): argument 2 has to be a number, not a string.
	// NetConnection.Call.Failed: Failed to execute method (total): argument 1[0].name has to be a string, not the number 7.
}

// A client has methods as well, and the server calls many clients at once.
func ExampleCallAll() {
	mux := app.NewMux()
	lobby := rpc.New()
	mux.Handle("lobby", lobby)
	srv := &app.Server{Handler: mux}
	lobby.Register("vote", func(ctx context.Context, question string) (map[string]int, error) {
		votes := make(map[string]int)
		for _, a := range rpc.CallAll[string](ctx, srv.Clients(), "choose", question) {
			if a.Err == nil {
				votes[a.Value]++
			}
		}
		return votes, nil
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()

	ctx := context.Background()
	var last *rtmp.Client
	for _, choice := range []string{"tea", "coffee", "tea"} {
		own := rpc.NewClient()
		own.Register("choose", func(question string) string { return choice })
		c, err := rtmp.Dial(ctx, "rtmp://"+l.Addr().String()+"/lobby", &rtmp.ClientConfig{Handler: own.Answer})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer c.Close()
		last = c
	}
	votes, err := rpc.Call[map[string]int](ctx, last, "vote", "Tea or coffee?")
	fmt.Println(votes, err)
	// Output:
	// map[coffee:1 tea:2] <nil>
}

// What must come after the answer is left for afterwards.
func ExampleMethods_after() {
	m := rpc.New()
	m.Register("start", func(ctx context.Context, c *app.Client) string {
		app.After(ctx, func(context.Context) {
			_ = c.Notify("counting", 3)
		})
		return "started"
	})
	mux := app.NewMux()
	mux.Handle("game", m)
	address, stop := start(mux)
	defer stop()

	heard := make(chan int)
	own := rpc.NewClient()
	own.Register("counting", func(n int) { heard <- n })
	ctx := context.Background()
	c, err := rtmp.Dial(ctx, "rtmp://"+address+"/game", &rtmp.ClientConfig{Handler: own.Answer})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(c.Call(ctx, "start"))
	fmt.Println(<-heard)
	// Output:
	// started <nil>
	// 3
}
