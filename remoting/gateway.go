// Package remoting is the gateway for Flash Remoting: AMF packets over HTTP, whose calls are those that a client of RTMP could make.
// Each request is a connection to the application, from connect to close, made within the process: the same rules, hooks, limits
// and methods decide about it, and what an application refuses is a fault with the application's words. An application that remembers
// who called asks for a session (KeepSession): the connection is then kept from one request of its caller to the next.
package remoting

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"penstock/status"
)

// ContentType of packets, both ways. A page of another origin cannot send it unless it is allowed to.
const ContentType = "application/x-amf"

// Path is where a Handler expects to be: it answers Path, where a call's target is APPLICATION.METHOD or APPLICATION/INSTANCE.METHOD,
// and Path/APPLICATION[/INSTANCE], where it is METHOD.
const Path = "/gateway"

// Handles tells whether a URL's path is the gateway's.
func Handles(path string) bool {
	rest, ok := strings.CutPrefix(path, Path)
	return ok && (rest == "" || rest[0] == '/' || rest[0] == ';')
}

// Options configures New.
type Options struct {
	// Serve serves a connection and returns when it has ended: app.Server.ServeConn.
	Serve  func(net.Conn)
	Addr   func(*http.Request) net.Addr // whom a request comes from; nil: its RemoteAddr
	Allow  func(*http.Request) error    // may refuse a request, in words; nil: none
	Origin func(host string) bool       // the hosts whose pages may call from browsers (CORS); nil: none but the gateway's own
	// Describe lets callers ask for an application's methods, see Described. Without it they are told Call.Prohibited.
	Describe bool
	// Refused hears what the gateway itself refuses, with what was asked as far as it is known. Applications record their own
	// refusals. nil: nobody hears it.
	Refused func(r *http.Request, application, target string, s *status.Status)
	Limits  Limits
	Log     *slog.Logger // nil: slog.Default
}

// Handler is the gateway. It is safe for concurrent use.
type Handler struct {
	o        Options
	places   chan struct{} // one for each request that is served
	sessions sessions
}

// New returns a Handler.
func New(o Options) *Handler {
	o.Limits = o.Limits.withDefaults()
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Addr == nil {
		o.Addr = func(r *http.Request) net.Addr { return peer(r.RemoteAddr) }
	}
	return &Handler{
		o: o, places: make(chan struct{}, o.Limits.Requests),
		sessions: sessions{max: o.Limits.Sessions, idle: o.Limits.SessionIdle, byID: make(map[string]*session)},
	}
}

// Close ends all sessions and keeps no further ones. Requests are still answered.
func (h *Handler) Close() { h.sessions.close() }

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.crossOrigin(w, r)
	switch {
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", "POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST, OPTIONS")
		http.Error(w, "This is a gateway for Flash Remoting: POST AMF packets to it.", http.StatusMethodNotAllowed)
		return
	}
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != ContentType {
		http.Error(w, "The gateway takes "+ContentType+" only.", http.StatusUnsupportedMediaType)
		return
	}
	if h.o.Allow != nil {
		if err := h.o.Allow(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
	}
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	default:
		h.o.Log.Warn("a remoting request was turned away", "peer", r.RemoteAddr, "limit", "remoting_requests", "max", h.o.Limits.Requests)
		h.busy(w, r, "The server's limit remoting_requests is reached.")
		return
	}
	h.serve(w, r)
}

// crossOrigin lets pages of other hosts call, where they may: Flash Player asks for the policy file, browsers and Ruffle in them for this.
func (h *Handler) crossOrigin(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" || h.o.Origin == nil {
		return
	}
	w.Header().Add("Vary", "Origin")
	if u, err := url.Parse(origin); err != nil || u.Host == "" || !h.o.Origin(u.Hostname()) {
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Allow-Methods", http.MethodPost)
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
	w.Header().Set("Access-Control-Max-Age", "600")
}

func (h *Handler) busy(w http.ResponseWriter, r *http.Request, text string) {
	h.refused(r, "", "", status.New(status.CallFailed, text))
	w.Header().Set("Retry-After", "1")
	http.Error(w, text, http.StatusServiceUnavailable)
}

func (h *Handler) refused(r *http.Request, application, target string, s *status.Status) {
	if h.o.Refused != nil {
		h.o.Refused(r, application, target, s)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.o.Limits.Timeout))
	ctx, cancel := context.WithTimeout(r.Context(), h.o.Limits.Timeout)
	defer cancel()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(h.o.Limits.Bytes)))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		h.refused(r, "", "", status.New(status.CallFailed, (&LimitError{"remoting_bytes", 0, h.o.Limits.Bytes}).Error()))
		http.Error(w, (&LimitError{"remoting_bytes", 0, h.o.Limits.Bytes}).Error(), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "The request did not come whole.", http.StatusBadRequest)
		return
	}
	request, err := Decode(body, h.o.Limits)
	if err != nil {
		// There is nothing to address an answer to. Flash Player calls a reply it cannot decode BadVersion; we say it in HTTP.
		h.refused(r, "", "", status.New(status.CallBadVersion, err.Error()))
		http.Error(w, string(status.CallBadVersion)+": "+err.Error(), http.StatusBadRequest)
		return
	}
	b, err := h.newBatch(ctx, r, request.Headers)
	if err != nil {
		h.busy(w, r, "Another request of this session is still at work.")
		return
	}
	defer b.end()
	h.o.Log.Debug("remoting", "peer", r.RemoteAddr, "version", request.Version, "headers", len(request.Headers), "calls", len(request.Bodies),
		"session", b.session != nil)
	answer := &Packet{Version: request.Version}
	for _, call := range request.Bodies {
		answer.Bodies = append(answer.Bodies, b.call(call))
	}
	answer.Headers = b.finish()
	out, err := answer.Append(nil)
	if err != nil { // what a method returned cannot be written; the server's own values always can
		h.o.Log.Warn("the answer of a remoting request cannot be encoded", "peer", r.RemoteAddr, "error", err)
		answer.Headers = nil
		for i := range answer.Bodies {
			answer.Bodies[i] = fault(request.Bodies[i], status.New(status.CallFailed, "The result cannot be encoded."), "")
		}
		out, _ = answer.Append(nil)
	}
	w.Header().Set("Content-Type", ContentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out) // whoever left needs no answer
}

// peer is the address of a caller.
type peer string

// Network implements net.Addr.
func (peer) Network() string { return "tcp" }

// String implements net.Addr.
func (p peer) String() string { return string(p) }

// hostOf is an address without its port.
func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}
