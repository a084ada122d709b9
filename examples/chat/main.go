// Chat is rooms in which people talk: each instance of the application is one, "chat/lobby" or any other name. Its page is served too,
// and speaks to it through RTMP over WebSocket:
//
//	go run ./examples/chat    # then open http://localhost:8080/ in several browsers
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"penstock/app"
	"penstock/app/instance"
	"penstock/web"
)

//go:embed pages
var files embed.FS

func main() {
	addr := flag.String("http", ":8080", "address of the page")
	flag.Parse()
	pages, _ := fs.Sub(files, "pages") // it is there
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("page  http://%s/\n", l.Addr())
	server := &app.Server{Handler: rooms()}
	end, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(end, func() {
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(limit) // everyone is told
		_ = l.Close()
	})
	if err := web.Serve(l, server, web.Options{Pages: pages}); !errors.Is(err, net.ErrClosed) {
		log.Fatal(err)
	}
}

// rooms is the application. A room without people is forgotten after an hour.
func rooms() app.Handler {
	mux := app.NewMux()
	mux.Handle("chat", instance.New(func(_ context.Context, in *instance.Instance) (instance.Application, error) {
		return open(in), nil
	}, instance.Options{Idle: time.Hour}))
	return mux
}
