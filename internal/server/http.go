package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"penstock/app"
	"penstock/internal/admission"
	"penstock/internal/api"
	"penstock/internal/auth"
	"penstock/internal/config"
	"penstock/internal/operator"
	"penstock/internal/outlet/httpflv"
	"penstock/internal/page"
	"penstock/internal/password"
	"penstock/internal/webclient"
	"penstock/status"
)

// newHTTPServer serves the page, and streams under /APP/NAME.flv.
func (s *Server) newHTTPServer() (*http.Server, error) {
	_, port, _ := net.SplitHostPort(s.rtmpListener.Addr().String())
	web := page.New(page.Options{
		Server: s.app, Recent: s.observers.recent, Journal: s.observers.journal, Version: s.o.Version, App: s.mainApp(), Demo: s.o.Demo,
		RTMPPort: func(*http.Request) string { return port },
		Public:   s.config.HTTP.Public, Hosts: s.config.HTTP.Hosts,
		PublicOption: "http.public", HostsOption: "http.hosts", ConsoleClosed: s.operators.Closed,
	})
	redirects := make(map[string]string)
	for name, a := range s.config.Applications() {
		redirects[name] = a.Redirect
	}
	programs, err := api.New(api.Options{Server: s.app, Journal: s.observers.journal, Apps: redirects, Guard: s.operators.Require,
		Instances: s.scripts.directory(s.app), Hubs: s.objects.hubs, InstanceLog: s.lines, Version: s.o.Version, Log: s.o.Log})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", web)
	mux.Handle(api.Prefix+"/", programs)
	mux.Handle("GET /metrics", s.operators.Require(operator.Viewer, s.observers.metrics.Handler()))
	mux.Handle("/console/session", s.operators.Sessions())
	mux.Handle("GET "+webclient.Path, webclient.Handler())
	pages, err := newPages(s.config.HTTP.Pages)
	if err != nil {
		return nil, err
	}
	if pages != nil {
		mux.Handle("GET "+pagesPath, pages)
	}
	root := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody { // nothing here wants one: it may not hold the connection
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(5 * time.Second))
		}
		if strings.HasSuffix(r.URL.Path, ".flv") {
			s.viewers.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
	return &http.Server{
		Handler:  throughTunnel(s.tunnel, withGateway(s.gateway, s.config, root)),
		ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
		// Answers have no time limit, for streams have no end; neither have requests, for Go's ends answers too.
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}, nil
}

// newOperators knows who may use the console and the API.
func newOperators(c config.Console, passwords *password.Checker, log *slog.Logger) (*operator.Authority, error) {
	o := operator.Options{
		Path: "console", Session: time.Duration(c.Session), Passwords: passwords,
		Users: make(map[string]operator.User), Tokens: make(map[string]operator.Token),
	}
	for name, u := range c.Users {
		role, err := operator.ParseRole(u.Role)
		if err != nil {
			return nil, fmt.Errorf("console.users.%s.role: %w", name, err)
		}
		o.Users[name] = operator.User{Hash: u.Password, Role: role}
	}
	for label, t := range c.Tokens {
		role, err := operator.ParseRole(t.Role)
		if err != nil {
			return nil, fmt.Errorf("console.tokens.%s.role: %w", label, err)
		}
		o.Tokens[label] = operator.Token{SHA256: t.SHA256, Role: role}
	}
	return operator.New(o, log)
}

// newViewers serves streams to players over HTTP and WebSocket, under the rules of the applications.
func (s *Server) newViewers() *httpflv.Handler {
	c, srv, ad, log := s.config, s.app, s.admission, s.o.Log
	apps := c.Applications()
	refuse := func(refusal *app.Refusal, r *http.Request) error {
		if refusal == nil {
			return nil
		}
		refusal.FlashVer = r.UserAgent()
		if st := ad.Words(refusal); st != nil {
			refusal.Status = st
		}
		srv.Record(refusal)
		return errors.New(refusal.Status.Description)
	}
	return httpflv.New(srv.Registry, httpflv.Options{
		Wait: orNever(c.HTTP.Wait), Linger: orNever(c.HTTP.Linger), WriteTimeout: time.Duration(c.Limits.WriteTimeout),
		Queue: c.Limits.Queue(), Viewers: c.Limits.HTTPViewers, Log: log,
		HideNames: true, // who may play a stream need not know the others
		Barred: func(r *http.Request, key string) error {
			if _, ok := s.operators.LoggedIn(r); ok {
				return nil
			}
			return refuse(shutOut(srv, r, key), r)
		},
		Allow: func(r *http.Request, key string) (string, error) {
			if _, ok := s.operators.LoggedIn(r); ok {
				return key, nil // the console has a picture of every stream
			}
			as, refusal := mayView(apps, ad, r, key)
			return as, refuse(refusal, r)
		},
	})
}

// recheckViewers ends players over HTTP whom the operator has shut out.
func (s *Server) recheckViewers() {
	if s.viewers != nil {
		s.viewers.Recheck()
	}
}

// shutOut is the operator's word, which comes before every rule.
func shutOut(srv *app.Server, req *http.Request, key string) *app.Refusal {
	name, _, _ := strings.Cut(key, "/")
	r := srv.ShutOut(remote(req.RemoteAddr), name)
	if r != nil {
		r.Stage, r.App, r.Peer = app.StagePlay, name, remote(req.RemoteAddr)
		r.Status = status.New(app.Code(r.Stage, r.Cause), r.Status.Description)
	}
	return r
}

// mayView is the rule for players over HTTP, and the key of the stream that they get; the description of its status is for them
// to read.
func mayView(apps map[string]config.App, ad *admission.Admission, req *http.Request, key string) (string, *app.Refusal) {
	name, stream, _ := strings.Cut(key, "/")
	from := remote(req.RemoteAddr)
	refusal := func(cause app.Cause, s *status.Status) *app.Refusal {
		return &app.Refusal{Stage: app.StagePlay, Cause: cause, Rule: "http", Status: s, App: name, Peer: from}
	}
	a, ok := apps[name]
	switch {
	case !ok:
		return "", refusal(app.CauseUnknownApp, status.Newf(status.PlayFailed, "application %q is not defined", name))
	case a.Redirect != "":
		return "", refusal(app.CauseRedirect, status.Newf(status.PlayFailed, "application %s has moved to %s", name, a.Redirect))
	}
	q := auth.Request{App: name, Stream: stream, Addr: from}
	err := ad.App(name).View(req, &q)
	var r *app.Refusal
	switch {
	case err == nil:
		return name + "/" + q.Stream, nil
	case errors.As(err, &r):
		r.Stage, r.App, r.Peer = app.StagePlay, name, from
		return "", r
	}
	r = refusal(app.CauseFailed, status.New(status.PlayFailed, "The application failed."))
	r.Err = err
	return "", r
}

// orNever turns the 0 of the configuration into what package httpflv means by not at all.
func orNever(d config.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return time.Duration(d)
}

// remote is a request's RemoteAddr as an address.
type remote string

// Network implements net.Addr.
func (remote) Network() string { return "tcp" }

// String implements net.Addr.
func (r remote) String() string { return string(r) }
