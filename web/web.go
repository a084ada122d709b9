// Package web serves an application written in Go to web pages: RTMP over WebSocket, the module /penstock.js that pages speak it with
// (NetConnection, NetStream and SharedObject, see docs/web.md), and the pages themselves.
//
//	mux.Handle("chat", chat)
//	server := &app.Server{Handler: mux}
//	log.Fatal(web.ListenAndServe(":8080", server, web.Options{Pages: os.DirFS("pages")}))
//
// It is above the other public packages, and the only one of them that needs a third party's, for WebSocket.
package web

import (
	"io/fs"
	"net"
	"net/http"
	"time"

	"penstock/app"
	"penstock/internal/tunnel"
	"penstock/internal/webclient"
	"penstock/remoting"
)

// Paths that a Handler answers itself.
const (
	SocketPath = "/rtmp"
	ModulePath = webclient.Path
)

// Options configures New.
type Options struct {
	// Pages are served at all other paths; nil: there are none.
	Pages fs.FS
	// Origins are the hosts whose pages may connect, beside those that come from the same host: "example.com", "*.example.com". The
	// Origin header is what browsers say of themselves: this keeps other people's pages from acting for their visitors, not programs.
	Origins []string
	// Allow is asked before a WebSocket is opened: a request that it returns an error for is answered 403 with the error's text. nil
	// allows every request. Who may connect to which application is for its app.Handler to say.
	Allow func(*http.Request) error
	// Gateway serves Flash Remoting too, at /gateway. Serve, Addr and Allow are filled in where they are nil. nil: there is none.
	Gateway *remoting.Options
}

// Handler is an http.Handler for pages and their connections. It is safe for concurrent use.
type Handler struct {
	tunnel  *tunnel.Handler
	gateway *remoting.Handler // nil: there is none
	module  http.Handler
	pages   http.Handler
}

// New returns a Handler whose connections are s's. Close it after s.
func New(s *app.Server, o Options) *Handler {
	h := &Handler{
		tunnel: tunnel.New(tunnel.Options{Serve: s.ServeConn, Allow: o.Allow, Origins: o.Origins}),
		module: webclient.Handler(),
		pages:  http.NotFoundHandler(),
	}
	if o.Pages != nil {
		h.pages = http.FileServerFS(o.Pages)
	}
	if o.Gateway != nil {
		g := *o.Gateway
		if g.Serve == nil {
			g.Serve = s.ServeConn
		}
		if g.Addr == nil {
			g.Addr = tunnel.ClientAddr
		}
		if g.Allow == nil {
			g.Allow = o.Allow
		}
		h.gateway = remoting.New(g)
	}
	return h
}

// ServeHTTP implements http.Handler. The client's address is the last one in X-Forwarded-For, or X-Real-IP, when the request comes from
// this machine or a private network.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.gateway != nil && remoting.Handles(r.URL.Path) {
		h.gateway.ServeHTTP(w, r)
		return
	}
	switch r.URL.Path {
	case SocketPath:
		h.tunnel.WebSocket(w, r)
	case ModulePath:
		h.module.ServeHTTP(w, r)
	default:
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-cache")
		h.pages.ServeHTTP(w, r)
	}
}

// Close ends all connections at once and waits for them; later ones are answered 503. app.Server.Shutdown, called before, ends them in
// order.
func (h *Handler) Close() {
	if h.gateway != nil {
		h.gateway.Close()
	}
	h.tunnel.Close()
}

// What a visitor may take, and keep open without asking for anything.
const (
	headerTime  = 10 * time.Second
	idleTime    = 2 * time.Minute
	headerBytes = 16 << 10
)

// Serve serves pages and their connections on l until that is closed, and returns its error, never nil.
func Serve(l net.Listener, s *app.Server, o Options) error {
	h := New(s, o)
	defer h.Close()
	return (&http.Server{Handler: h, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerBytes}).Serve(l)
}

// ListenAndServe is Serve on a TCP address, such as ":8080".
func ListenAndServe(addr string, s *app.Server, o Options) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return Serve(l, s, o)
}
