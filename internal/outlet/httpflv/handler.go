// Package httpflv serves live streams as FLV over HTTP and over WebSocket, which
// is what browser players (mpegts.js, flv.js) and FFmpeg read without RTMP.
//
// GET /APP/NAME.flv is the stream "APP/NAME". The response has no end while the
// stream lives. The same address upgraded to a WebSocket sends the same bytes in
// binary messages; a message holds whole tags, unless a tag exceeds 64 KiB.
//
// The bytes are an FLV file (Adobe Flash Video File Format Specification 10.1,
// Annex E): the header, the metadata, the sequence headers, the frames from the
// last key frame on, then the live frames. Timestamps begin at 0 for each viewer.
// Enhanced RTMP payloads are passed as they are.
package httpflv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"penstock/media"
)

// Options of a Handler. Zero fields take the default.
type Options struct {
	// Wait is how long a viewer waits for a publisher before the answer 404.
	// Default 10 s; negative: not at all.
	Wait time.Duration
	// Linger is how long a viewer waits for the next publisher when one has left.
	// Default 10 s; negative: not at all.
	Linger time.Duration
	// WriteTimeout ends a viewer that does not accept 64 KiB in this time. Default 15 s.
	WriteTimeout time.Duration
	// Probe is the age of a stream from which on its tracks count as known; to
	// viewers of a younger one the FLV header, which names audio and video, is sent
	// when both have been seen or the stream has reached this age. Default 1 s.
	Probe time.Duration
	// Queue bounds what is kept for a slow viewer. Defaults of media.QueueLimits.
	Queue media.QueueLimits
	// Viewers is the largest number at once, those that wait for a publisher
	// included; more get 503. Default 1000; negative: no limit.
	Viewers int
	// Allow decides on each request; an error is answered with 403 and its text.
	// It may name another stream to be viewed; "" is key. Default: everybody may
	// view. Unless HideNames is set, it is also asked before a stream's name is
	// told in an answer to the same request.
	Allow func(r *http.Request, key string) (as string, err error)
	// Barred is asked about a request before Allow and once more when its viewer is
	// counted, and by Recheck about all viewers; an error is answered with 403 and
	// its text, or ends the viewer. Default: nobody is.
	Barred func(r *http.Request, key string) error
	// HideNames keeps the names of other streams out of the answer 404.
	HideNames bool
	Log       *slog.Logger // default: nothing is logged
}

func (o Options) withDefaults() Options {
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Wait, 10*time.Second)
	def(&o.Linger, 10*time.Second)
	def(&o.WriteTimeout, 15*time.Second)
	def(&o.Probe, time.Second)
	if o.Viewers == 0 {
		o.Viewers = 1000
	}
	if o.Allow == nil {
		o.Allow = func(*http.Request, string) (string, error) { return "", nil }
	}
	if o.Barred == nil {
		o.Barred = func(*http.Request, string) error { return nil }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// maxKey bounds a stream's name in a request, in bytes.
const maxKey = 1024

// Handler is the http.Handler. It is safe for concurrent use.
type Handler struct {
	r    *media.Registry
	o    Options
	ctx  context.Context // ends with Close
	stop context.CancelFunc

	mu      sync.Mutex
	viewers map[*viewing]struct{}
	idle    sync.Cond // there are no viewers
}

// viewing is a request that is being served.
type viewing struct {
	r   *http.Request
	key string
	end context.CancelCauseFunc
}

// barred is why the operator ended a viewer.
type barred struct{ error }

// Unwrap returns what Options.Barred returned.
func (b *barred) Unwrap() error { return b.error }

// errStopping is why Close ends viewers.
var errStopping = errors.New("the server is shutting down")

// New returns a handler that serves the streams of r.
func New(r *media.Registry, o Options) *Handler {
	h := &Handler{r: r, o: o.withDefaults(), viewers: make(map[*viewing]struct{})}
	h.idle.L = &h.mu
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Close ends all viewers in an orderly way and returns when they are gone. Later
// requests are answered with 503.
func (h *Handler) Close() {
	h.stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.viewers) > 0 {
		h.idle.Wait()
	}
}

// Viewers returns how many view each stream now, or wait for it.
func (h *Handler) Viewers() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := make(map[string]int)
	for v := range h.viewers {
		m[v.key]++
	}
	return m
}

// Recheck ends the viewers that are barred now, and returns how many. It does not wait until they are gone.
func (h *Handler) Recheck() int {
	h.mu.Lock()
	all := slices.Collect(maps.Keys(h.viewers))
	h.mu.Unlock()
	n := 0
	for _, v := range all {
		if err := h.o.Barred(v.r, v.key); err != nil {
			v.end(&barred{err})
			n++
		}
	}
	return n
}

// enter counts a viewer in; the reason of a refusal is returned as text.
func (h *Handler) enter(v *viewing) (refusal string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.ctx.Err() != nil:
		return errStopping.Error()
	case h.o.Viewers >= 0 && len(h.viewers) >= h.o.Viewers:
		return fmt.Sprintf("the limit of %d viewers is reached", h.o.Viewers)
	}
	h.viewers[v] = struct{}{}
	return ""
}

func (h *Handler) leave(v *viewing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if delete(h.viewers, v); len(h.viewers) == 0 {
		h.idle.Broadcast()
	}
}

// ServeHTTP answers GET (and its upgrade to a WebSocket), HEAD and OPTIONS.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Cache-Control", "no-store")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		head.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
		head.Set("Access-Control-Allow-Headers", "*")
		head.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		head.Set("Allow", "GET, HEAD, OPTIONS")
		http.Error(w, "a stream can only be read: use GET", http.StatusMethodNotAllowed)
		return
	}
	key, ok := streamKey(r.URL.Path)
	if !ok {
		http.Error(w, "no stream has this address: it is /APPLICATION/STREAM.flv", http.StatusNotFound)
		return
	}
	if err := h.o.Barred(r, key); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	as, err := h.o.Allow(r, key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	if as != "" {
		key = as
	}
	ctx, end := context.WithCancelCause(r.Context())
	defer end(nil)
	defer context.AfterFunc(h.ctx, func() { end(errStopping) })()
	v := &viewing{r: r, key: key, end: end}
	if refusal := h.enter(v); refusal != "" {
		head.Set("Retry-After", "10")
		http.Error(w, refusal, http.StatusServiceUnavailable)
		return
	}
	defer h.leave(v)
	// Whoever was barred between the first question and here, Recheck has not seen.
	if err := h.o.Barred(r, key); err != nil {
		end(&barred{err})
	}
	h.serve(ctx, w, r, key)
}

func (h *Handler) serve(ctx context.Context, w http.ResponseWriter, r *http.Request, key string) {
	live := h.await(ctx, r, key)
	if cause := context.Cause(ctx); cause != nil {
		code := http.StatusServiceUnavailable
		if _, ok := cause.(*barred); ok {
			code = http.StatusForbidden
		}
		http.Error(w, cause.Error(), code)
		return
	}
	if !live {
		http.Error(w, h.notLive(r, key), http.StatusNotFound)
		return
	}
	switch {
	case r.Method == http.MethodHead:
		w.Header().Set("Content-Type", contentType)
	case upgrade(r):
		h.serveWebSocket(ctx, w, r, key)
	default:
		h.serveHTTP(ctx, w, r, key)
	}
}

// await returns whether the stream has a publisher, after waiting for one. HEAD
// does not wait.
func (h *Handler) await(ctx context.Context, r *http.Request, key string) bool {
	if h.o.Wait < 0 || r.Method == http.MethodHead {
		return h.r.Live(key)
	}
	ctx, cancel := context.WithTimeout(ctx, h.o.Wait)
	defer cancel()
	_, err := h.r.Wait(ctx, key)
	return err == nil
}

// streamKey returns the name of the stream for a request's path.
func streamKey(path string) (key string, ok bool) {
	key, ok = strings.CutSuffix(strings.TrimPrefix(path, "/"), ".flv")
	if !ok || len(key) > maxKey || !utf8.ValidString(key) {
		return "", false
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			return "", false
		}
	}
	return key, !strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7F || r == '\\' })
}

// maxNames bounds the names told in an answer.
const maxNames = 10

// notLive says in one line that the stream is not live, and which are.
func (h *Handler) notLive(r *http.Request, key string) string {
	text := fmt.Sprintf("stream %q is not live", key)
	if h.o.HideNames {
		return text
	}
	var names []string
	more := 0
	for _, s := range h.r.Streams() {
		if !s.Live {
			continue
		}
		_, err := h.o.Allow(r, s.Key)
		switch {
		case err != nil:
		case len(names) == maxNames:
			more++
		default:
			names = append(names, fmt.Sprintf("%q", s.Key))
		}
	}
	switch {
	case len(names) == 0:
		return text + "; no stream is"
	case more > 0:
		return fmt.Sprintf("%s; live now: %s and %d more", text, strings.Join(names, ", "), more)
	}
	return text + "; live now: " + strings.Join(names, ", ")
}

// redact shortens the last element of a key, which may be a secret, for the log.
func redact(key string) string {
	i := strings.LastIndexByte(key, '/') + 1
	n := i + (len(key)-i)*3/10
	for n > i && !utf8.RuneStart(key[n]) {
		n--
	}
	return key[:n] + "…"
}
