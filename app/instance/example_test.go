package instance_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/app/instance"
	"penstock/app/rpc"
	"penstock/rtmp"
	"penstock/sharedobject"
	"penstock/status"
)

// auction is one instance of the application: rtmp://host/auction/LOT.
type auction struct {
	in  *instance.Instance
	hub *sharedobject.Hub

	mu   sync.Mutex
	best float64
}

// bidder is the session of one client.
type bidder struct {
	*rpc.Methods
	a    *auction
	name string
}

// Connect decides about a client, which says its name.
func (a *auction) Connect(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
	b := &bidder{Methods: rpc.New(), a: a}
	if err := rpc.Scan(args, &b.name); err != nil {
		return nil, err
	}
	if b.name == "" {
		return nil, app.Reject("A bidder needs a name.", nil)
	}
	b.Register("bid", b.bid)
	return b, nil
}

// bid is called by the client.
func (b *bidder) bid(ctx context.Context, amount float64) error {
	b.a.mu.Lock()
	defer b.a.mu.Unlock()
	if amount <= b.a.best {
		return status.Newf("Auction.Bid.TooLow", "The best bid is %g.", b.a.best)
	}
	b.a.best = amount
	app.After(ctx, func(context.Context) {
		_, _ = rpc.NotifyAll(b.a.in.Clients(), "best", amount, b.name)
	})
	return nil
}

// Share lets clients read the board, which only the program changes.
func (b *bidder) Share(_ context.Context, r *app.ShareRequest) (*sharedobject.Hub, error) {
	if r.Name != "board" {
		return nil, status.For(status.SharedObjectNoReadAccess, r.Name)
	}
	r.Write = false
	return b.a.hub, nil
}

// Leave is told of those who have gone.
func (a *auction) Leave(c *app.Client, reason error) {
	_, _ = rpc.NotifyAll(a.in.Clients(), "left", c.ID)
}

// Stop is called once, when nobody is there any more.
func (a *auction) Stop(reason error) { fmt.Println("stopped:", reason) }

// auctions makes the application.
func auctions(hub *sharedobject.Hub) *instance.Handler {
	return instance.New(func(ctx context.Context, in *instance.Instance) (instance.Application, error) {
		a := &auction{in: in, hub: hub}
		board, err := hub.Get(ctx, in.Name, "board", false)
		if err != nil {
			return nil, err
		}
		in.Go(func(ctx context.Context) {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				_ = board.Update(func(tx *sharedobject.Tx) error { return tx.Set("bidders", in.Stats().Clients) })
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		})
		return a, nil
	}, instance.Options{Idle: 10 * time.Minute, Log: slog.New(slog.DiscardHandler)})
}

// Clients of rtmp://host/auction/lamp share one instance; it ends with the server at the latest.
func Example() {
	hub := sharedobject.NewHub(sharedobject.Options{})
	defer func() { _ = hub.Close(context.Background()) }()
	lots := auctions(hub)
	mux := app.NewMux()
	mux.Handle("auction", lots)
	srv := &app.Server{Handler: mux, Log: slog.New(slog.DiscardHandler)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = srv.Serve(l) }()

	ctx := context.Background()
	dial := func(name any) (*rtmp.Client, error) {
		return rtmp.Dial(ctx, "rtmp://"+l.Addr().String()+"/auction/lamp/_", &rtmp.ClientConfig{Args: []amf.Value{name}})
	}
	if _, err := dial(7.0); err != nil {
		fmt.Println(err)
	}
	ada, err := dial("Ada")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = ada.Call(ctx, "bid", 10)
	fmt.Println("10:", err)
	_, err = ada.Call(ctx, "bid", 5)
	fmt.Println("5:", err)
	for _, st := range lots.Instances() {
		fmt.Println(st.App, st.Name, st.Clients, "client,", st.Calls, "call,", st.CallsRefused, "refused")
	}
	lots.UnloadInstance("auction", "lamp", "The lamp is sold.")
	<-ada.Done()
	fmt.Println(ada.Err())
	_ = srv.Close()
	// Unordered output:
	// NetConnection.Connect.Rejected: Connection failed: argument 1 of connect has to be a string, not the number 7.
	// 10: <nil>
	// 5: Auction.Bid.TooLow: The best bid is 10.
	// auction lamp 1 client, 1 call, 1 refused
	// NetConnection.Connect.AppShutdown: The lamp is sold.
	// stopped: NetConnection.Connect.AppShutdown: The lamp is sold.
}
