package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"penstock/internal/page"
)

// newHTTPServer serves the page, and streams under /APP/NAME.flv.
func (s *Server) newHTTPServer(recent *page.Recent) *http.Server {
	_, port, _ := net.SplitHostPort(s.rtmpListener.Addr().String())
	web := page.New(page.Options{
		Server: s.app, Recent: recent, Version: s.o.Version, App: s.mainApp(), Demo: s.o.Demo,
		RTMPPort: func(*http.Request) string { return port },
		Public:   s.config.HTTP.Public, Hosts: s.config.HTTP.Hosts,
		PublicOption: "http.public", HostsOption: "http.hosts",
	})
	flv := s.flvHandler()
	root := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody { // nothing here wants one: it may not hold the connection
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(5 * time.Second))
		}
		if strings.HasSuffix(r.URL.Path, ".flv") {
			flv.ServeHTTP(w, r)
			return
		}
		web.ServeHTTP(w, r)
	})
	base, stop := context.WithCancelCause(context.Background())
	s.stopStreams = stop
	return &http.Server{
		Handler:     root,
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
		// Answers have no time limit, for streams have no end; neither have requests, for Go's ends answers too.
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
}

func (s *Server) flvHandler() http.Handler { return http.NotFoundHandler() }
