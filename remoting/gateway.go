// Package remoting is the gateway for Flash Remoting: AMF packets over HTTP, whose calls are those that a client of RTMP could make.
// Each request is a connection to the application, from connect to close, made within the process: the same rules, hooks, limits
// and methods decide about it, and what an application refuses is a fault with the application's words. Since a connection lasts for one
// request only, an application that remembers who called needs RTMP.
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

	"penstock/amf"
	"penstock/rtmp"
	"penstock/status"
)

// ContentType of packets, both ways. A page of another origin cannot send it unless it is allowed to.
const ContentType = "application/x-amf"

// Options configures New.
type Options struct {
	// Dial makes a connection to the RTMP server, on behalf of whoever sent the request.
	Dial   func(*http.Request) (net.Conn, error)
	Allow  func(*http.Request) error // may refuse a request, in words; nil: none
	Limits Limits
	Log    *slog.Logger // nil: slog.Default
}

// Handler is the gateway. It is safe for concurrent use.
type Handler struct {
	o      Options
	places chan struct{} // one for each request that is served
}

// New returns a Handler.
func New(o Options) *Handler {
	o.Limits = o.Limits.withDefaults()
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Handler{o: o, places: make(chan struct{}, o.Limits.Requests)}
}

// ServeHTTP answers POST /gateway, where a call's target is APPLICATION.METHOD or APPLICATION/INSTANCE.METHOD, and
// POST /gateway/APPLICATION[/INSTANCE], where it is METHOD.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
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
		w.Header().Set("Retry-After", "1")
		http.Error(w, "The server's limit remoting_requests is reached.", http.StatusServiceUnavailable)
		return
	}
	h.serve(w, r)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.o.Limits.Timeout))
	ctx, cancel := context.WithTimeout(r.Context(), h.o.Limits.Timeout)
	defer cancel()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(h.o.Limits.Bytes)))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, (&LimitError{"remoting_bytes", 0, h.o.Limits.Bytes}).Error(), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "The request did not come whole.", http.StatusBadRequest)
		return
	}
	request, err := Decode(body, h.o.Limits)
	if err != nil {
		// There is nothing to address an answer to. Flash Player calls a reply it cannot decode BadVersion; we say it in HTTP.
		h.o.Log.Info("a remoting request makes no sense", "peer", r.RemoteAddr, "error", err)
		http.Error(w, string(status.CallBadVersion)+": "+err.Error(), http.StatusBadRequest)
		return
	}
	b := &batch{h: h, ctx: ctx, r: r, headers: request.Headers, app: strings.Trim(strings.TrimPrefix(r.URL.Path, "/gateway"), "/")}
	defer b.close()
	answer := &Packet{Version: request.Version}
	for _, call := range request.Bodies {
		answer.Bodies = append(answer.Bodies, b.call(call))
	}
	out, err := answer.Append(nil)
	if err != nil { // what a method returned cannot be written; the server's own values always can
		h.o.Log.Warn("the answer of a remoting request cannot be encoded", "peer", r.RemoteAddr, "error", err)
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

// batch is one request at work: its calls run one after the other, those to one application on one connection.
type batch struct {
	h       *Handler
	ctx     context.Context
	r       *http.Request
	headers []Header
	app     string // of the path, "" when targets name theirs
	conns   map[string]*connection
}

type connection struct {
	client *rtmp.Client
	err    error
}

func (b *batch) close() {
	for _, c := range b.conns {
		if c.client != nil {
			_ = c.client.Close()
		}
	}
}

// call makes one call and returns its answer.
func (b *batch) call(call Body) Body {
	if call.Err != nil {
		return fault(call, status.New(status.CallBadVersion, call.Err.Error()), "")
	}
	for _, h := range b.headers {
		switch {
		case strings.EqualFold(h.Name, "DescribeService"):
			return fault(call, status.New(status.CallProhibited, "Methods are not described here."), "")
		case h.MustUnderstand && !strings.EqualFold(h.Name, "Credentials"):
			return fault(call, status.Newf(status.CallFailed, "The header %.64q is not understood, and must be.", h.Name), "")
		}
	}
	application, method := b.app, call.Target
	if application == "" {
		var ok bool
		if application, method, ok = strings.Cut(call.Target, "."); !ok {
			return fault(call, status.Newf(status.CallFailed, "Method not found (%s).", call.Target), "The target has to be APPLICATION.METHOD.")
		}
	}
	c := b.connect(application)
	if c.err != nil {
		return refused(call, c.err)
	}
	v, err := c.client.Call(b.ctx, method, arguments(call.Value)...)
	if err == nil {
		return Body{Target: call.Response + "/onResult", Response: "null", Value: v}
	}
	return refused(call, err)
}

// arguments of a call: Flash Player sends an array of them.
func arguments(v amf.Value) []amf.Value {
	if a, ok := v.(*amf.Array); ok && len(a.Assoc) == 0 {
		return a.Dense
	}
	if v == nil {
		return nil
	}
	return []amf.Value{v}
}

// connect connects to an application, once in a request.
func (b *batch) connect(application string) *connection {
	if c := b.conns[application]; c != nil {
		return c
	}
	c := &connection{}
	if b.conns == nil {
		b.conns = make(map[string]*connection)
	}
	b.conns[application] = c
	cfg := &rtmp.ClientConfig{
		FlashVer: "AMF gateway", PageURL: b.r.Referer(), Timeout: b.h.o.Limits.Timeout,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return b.h.o.Dial(b.r) },
	}
	app := application + query(b.r.URL.RawQuery, b.headers)
	cfg.Properties = []amf.Prop{{Key: "app", Value: app}}
	c.client, c.err = rtmp.Dial(b.ctx, "rtmp://gateway/app", cfg)
	return c
}

// query is what follows an application's name: the request's own query, in which the user of a Credentials header replaces another.
func query(raw string, headers []Header) string {
	for _, h := range headers {
		props, ok := amf.PropsOf(h.Value)
		if !ok || !strings.EqualFold(h.Name, "Credentials") {
			continue
		}
		var pairs []string
		for pair := range strings.SplitSeq(raw, "&") {
			if name, _, _ := strings.Cut(pair, "="); pair != "" && name != "user" && name != "pass" {
				pairs = append(pairs, pair)
			}
		}
		o := &amf.Object{Props: props}
		raw = strings.Join(append(pairs, "user="+escape(o.String("userid")), "pass="+escape(o.String("password"))), "&")
	}
	if raw == "" {
		return ""
	}
	return "?" + raw
}

// escape escapes a value as package app reads it, for which a plus is a plus.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// refused is the fault of a call that a server or an application refused.
func refused(call Body, err error) Body {
	s, ok := status.Of(err)
	if !ok {
		s = status.New(status.CallFailed, "The call failed.")
	}
	switch s.Code {
	case status.CallFailed, status.CallBadVersion, status.CallProhibited:
		return fault(call, s, "")
	case status.ConnectRejected:
		if !strings.Contains(s.Description, "is not defined.") {
			return fault(call, status.New(status.CallProhibited, s.Description), string(s.Code))
		}
	}
	if strings.HasPrefix(string(s.Code), "NetConnection.Connect.") {
		return fault(call, status.New(status.CallFailed, s.Description), string(s.Code))
	}
	return fault(call, s, "") // a code of the application's own
}

// fault is the answer to a call that went wrong: what an information object has, and what callers of PyAMF and Red5 look for.
func fault(call Body, s *status.Status, details string) Body {
	o := s.Object()
	o.Set("type", string(s.Code))
	o.Set("details", details)
	return Body{Target: call.Response + "/onStatus", Response: "null", Value: o}
}
