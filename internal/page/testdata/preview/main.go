// Preview serves the page with made-up guests, to look at it in a browser:
//
//	go run ./internal/page/testdata/preview -http 127.0.0.1:8099
package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"penstock/app"
	"penstock/flv"
	"penstock/internal/demo"
	"penstock/internal/journal"
	"penstock/internal/outlet/httpflv"
	"penstock/internal/page"
	"penstock/media"
	"penstock/rtmp"
	"penstock/status"
)

func main() {
	addr := flag.String("http", "127.0.0.1:8099", "address of the page")
	empty := flag.Bool("empty", false, "no streams and no guests")
	flag.Parse()
	mux := app.NewMux()
	mux.Handle("live", app.Live(app.LiveOptions{Publish: func(_ context.Context, r *app.PublishRequest) error {
		if strings.HasPrefix(r.Name, "private") {
			return &app.Refusal{Cause: app.CausePolicy, Rule: "publish_from",
				Status: status.New(status.PublishDenied, "Publishing from 203.0.113.7 is not allowed: see the option live.publish_from.")}
		}
		return nil
	}}))
	recent, refusals := page.NewRecent(20), journal.Open(journal.Options{Repeats: 10, Log: slog.New(slog.DiscardHandler)})
	s := &app.Server{Handler: mux, Log: slog.New(slog.DiscardHandler), OnRefusal: refusals.Refusal, OnSession: recent.Session}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Print(s.Serve(l)) }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if !*empty {
		go source(s.Streams(), "live/demo")
		go guests("rtmp://" + l.Addr().String())
	}
	h := http.NewServeMux()
	h.Handle("/", page.New(page.Options{Server: s, Recent: recent, Journal: refusals, Version: "preview", Demo: !*empty,
		RTMPPort: func(*http.Request) string { return port }}))
	h.Handle("/live/", httpflv.New(s.Streams(), httpflv.Options{}))
	log.Print("http://"+*addr, " and rtmp port ", port)
	log.Fatal(http.ListenAndServe(*addr, h))
}

// source publishes the demo clip without a connection.
func source(reg *media.Registry, key string) {
	p, err := reg.Publish(key, nil)
	if err != nil {
		log.Fatal(err)
	}
	p.SetInfo(640, 360, 25)
	log.Print(demo.Loop(context.Background(), func() io.Reader { return bytes.NewReader(demo.Clip()) }, func(t *flv.Tag) error {
		switch t.Type {
		case flv.TagAudio:
			return p.Audio(t.Time, t.Body)
		case flv.TagVideo:
			return p.Video(t.Time, t.Body)
		}
		return nil
	}))
}

// guests connect, publish, play and are refused.
func guests(base string) {
	ctx := context.Background()
	for _, url := range []string{base + "/lvie", base + "/live/.."} {
		_, _ = rtmp.Dial(ctx, url, nil)
	}
	connect := func() *rtmp.Client {
		c, err := rtmp.Dial(ctx, base+"/live", nil)
		if err != nil {
			log.Fatal(err)
		}
		return c
	}
	publisher := connect()
	out, err := publisher.Publish(ctx, "camera-north")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		_ = demo.Loop(ctx, func() io.Reader { return bytes.NewReader(demo.Clip()) }, func(t *flv.Tag) error {
			if t.Type == flv.TagVideo {
				return out.WriteVideo(ctx, t.Time, t.Body)
			}
			return nil
		})
	}()
	_, _ = connect().Publish(ctx, "demo")
	_, _ = connect().Publish(ctx, "private-room")
	viewer := connect()
	if in, err := viewer.Play(ctx, "camera-north", rtmp.PlayOptions{}); err == nil {
		go func() {
			for _, err := in.Read(ctx); err == nil; _, err = in.Read(ctx) {
			}
		}()
	}
	if web, err := net.Dial("tcp", strings.TrimPrefix(base, "rtmp://")); err == nil {
		_, _ = io.WriteString(web, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	time.Sleep(4 * time.Second)
	_ = viewer.Close()
}
