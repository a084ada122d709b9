// Package server makes a running server of a configuration: listeners, applications, streams, the page and HTTP-FLV. It only
// wires; what it wires is elsewhere.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"penstock/app"
	"penstock/internal/admission"
	"penstock/internal/config"
	"penstock/internal/instancelog"
	"penstock/internal/metrics"
	"penstock/internal/operator"
	"penstock/internal/outlet/httpflv"
	"penstock/internal/tunnel"
	"penstock/media"
	"penstock/remoting"
)

// Options are what the command line adds to a configuration.
type Options struct {
	Demo    bool         // publish the demo clip as live/demo
	Version string       // shown by the page
	Log     *slog.Logger // nil: slog.Default
	Out     io.Writer    // where the addresses are printed when the server is ready; nil: nowhere
}

// Server is a server that listens. Run runs it; it cannot be run twice.
type Server struct {
	config *config.Config
	o      Options
	app    *app.Server
	http   *http.Server

	rtmpListener net.Listener
	httpListener net.Listener // nil when HTTP is off
	viewers      *httpflv.Handler
	tunnel       *tunnel.Handler   // nil when RTMP is not let in through HTTP
	gateway      *remoting.Handler // nil when there is no Flash Remoting
	hooks        *metrics.Hooks
	admission    *admission.Admission
	operators    *operator.Authority
	objects      *objects
	scripts      scripts
	lines        *instancelog.Log // what the log said of instances
	observers    *observers       // nil until New has all else
}

// New opens the ports and makes everything that Run runs. Its errors are one line that says what to do. A server that is not
// run must be closed.
func New(c *config.Config, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	lines := instancelog.New()
	o.Log = slog.New(lines.Handler(o.Log.Handler()))
	if err := checkData(c.Data); err != nil {
		return nil, err
	}
	c, scripted, err := withScripts(c)
	if err != nil {
		return nil, err
	}
	if err := checkDemo(c, o.Demo); err != nil {
		return nil, err
	}
	tlsConfig, err := loadTLS("rtmp.tls", c.RTMP.TLS)
	if err != nil {
		return nil, err
	}
	httpTLS, err := loadTLS("http.tls", c.HTTP.TLS)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, o: o, hooks: metrics.NewHooks(), lines: lines}
	if s.rtmpListener, err = listen("rtmp", c.RTMP.Listen); err != nil {
		return nil, err
	}
	if s.admission, err = admission.New(c.Applications(), admission.Options{Exempt: c.ExemptNetworks, Hooks: s.hooks, Log: o.Log}); err != nil {
		_ = s.rtmpListener.Close()
		return nil, err
	}
	if s.operators, err = newOperators(c.Console, s.admission.Passwords(), o.Log); err != nil {
		s.admission.Close(context.Background())
		_ = s.rtmpListener.Close()
		return nil, err
	}
	if s.objects, err = newObjects(c, o.Log); err != nil {
		s.operators.Close()
		s.admission.Close(context.Background())
		_ = s.rtmpListener.Close()
		return nil, err
	}
	streams := c.Limits.Media()
	streams.Log = o.Log
	registry := media.NewRegistry(streams)
	if s.scripts, err = loadScripts(c, scripted, s.objects, registry, o.Log); err != nil {
		s.objects.close()
		s.operators.Close()
		s.admission.Close(context.Background())
		_ = s.rtmpListener.Close()
		return nil, err
	}
	s.app = s.newAppServer(tlsConfig, registry)
	if !c.HTTP.Off() {
		if s.httpListener, err = listen("http", c.HTTP.Listen); err != nil {
			s.Close()
			return nil, err
		}
		s.app.PageURL = s.pageURL()
		s.httpListener = limitHTTP(s.httpListener, c.Limits.HTTPConnections, o.Log)
		if httpTLS != nil {
			s.httpListener = tls.NewListener(s.httpListener, httpTLS)
		}
		s.tunnel = newTunnel(c, s.app, o)
		s.gateway = newGateway(c, s.app, o)
		s.viewers = s.newViewers()
	}
	s.observe()
	if !c.HTTP.Off() {
		if s.http, err = s.newHTTPServer(); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// recentShown is how many ended sessions the page remembers.
const recentShown = 100

func (s *Server) newAppServer(t *tls.Config, registry *media.Registry) *app.Server {
	c, log, ad := s.config, s.o.Log, s.admission
	srv := &app.Server{
		Handler: applications(c.Applications(), registry, ad, s.objects, s.scripts), Registry: registry,
		TLSConfig: t, Limits: c.Limits.App(), Log: log,
		Identity: app.Identity{FMSVer: c.Identity.FMSVersion, Capabilities: c.Identity.Capabilities, Version: c.Identity.Version},
		Exempt:   c.ExemptNetworks.Prefixes(), NoBWDone: !c.OnBWDone,
		ReconnectURL: c.Shutdown.ReconnectURL, ReconnectGrace: time.Duration(c.Shutdown.ReconnectGrace),
		Words: ad.Words,
	}
	srv.OnUnload = func(name string) {
		s.scripts.unload(name)
		s.recheckViewers()
	}
	srv.OnBlock = func(app.Block) { s.recheckViewers() }
	if len(c.HTTP.PolicyDomains) > 0 {
		_, port, _ := net.SplitHostPort(c.RTMP.Listen)
		srv.Policy = crossDomain(c.HTTP.PolicyDomains, port)
	}
	srv.OnChallenge = ad.Challenge(srv.Record)
	return srv
}

func loadTLS(key string, t config.TLS) (*tls.Config, error) {
	if t.Cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// Close frees the ports of a server that was not run.
func (s *Server) Close() {
	if s.observers != nil {
		s.observers.close()
	}
	s.scripts.close()
	s.objects.close()
	s.operators.Close()
	s.admission.Close(context.Background())
	_ = s.rtmpListener.Close()
	if s.httpListener != nil {
		_ = s.httpListener.Close()
	}
}

// Run serves until ctx ends, then stops in order: every client is told NetConnection.Connect.AppShutdown, and those that
// have not left after the grace period are cut off. It returns nil after that, or why it could not go on serving.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 3)
	go func() { failed <- ignore(s.app.Serve(s.rtmpListener), app.ErrServerClosed) }()
	defer s.observers.close()
	defer s.operators.Close()
	defer s.objects.close()
	defer s.scripts.close()
	running := 1
	if s.http != nil {
		go func() { failed <- ignore(s.http.Serve(s.httpListener), http.ErrServerClosed) }()
		running++
	}
	// The demo goes on until the clients have been told: they shall not take the end of the server for that of a stream.
	demoCtx, stopDemo := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDemo()
	if s.o.Demo {
		go func() { failed <- s.publishDemo(demoCtx) }()
		running++
	}
	s.announce()
	var err error
	select {
	case <-ctx.Done():
		s.o.Log.Info("stopping", "grace", s.config.Shutdown.Grace.String(), "clients", len(s.app.Clients()))
	case err = <-failed:
		running--
	}
	s.stop()
	stopDemo()
	for range running {
		err = errors.Join(err, <-failed)
	}
	return err
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// stop tells everyone and waits for them, for the grace period at the most.
func (s *Server) stop() {
	// What remains after the grace period is cut off, which takes a moment too.
	grace := time.Duration(s.config.Shutdown.Grace)
	ctx, cancel := context.WithTimeout(context.Background(), grace-min(grace/10, 500*time.Millisecond))
	defer cancel()
	webStopped := make(chan struct{})
	go func() {
		defer close(webStopped)
		s.stopHTTP(ctx)
	}()
	if err := s.app.Shutdown(ctx); err != nil {
		s.o.Log.Warn("clients were cut off, they did not leave within shutdown.grace", "error", err)
	}
	<-webStopped
	s.admission.Close(ctx)
}

// stopHTTP ends the players, lets answers that are under way finish, and cuts off what is left when ctx ends.
func (s *Server) stopHTTP(ctx context.Context) {
	if s.http == nil {
		return
	}
	viewersGone := make(chan struct{})
	go func() {
		defer close(viewersGone)
		s.viewers.Close()
	}()
	if s.tunnel != nil {
		s.tunnel.Drain(ctx)
		defer s.tunnel.Close()
	}
	if s.gateway != nil {
		s.gateway.Close()
	}
	s.operators.Close()
	s.observers.journal.EndSubscriptions()
	err := s.http.Shutdown(ctx)
	select {
	case <-viewersGone: // WebSockets are not the http.Server's any more
		if err == nil {
			return
		}
	case <-ctx.Done():
	}
	_ = s.http.Close()
}
