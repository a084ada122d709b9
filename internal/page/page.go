// Package page is the web page at the server's HTTP address (what is live, a player, how to
// publish and play, who is connected, and who was refused and why) and the console below it, for
// those who look after the server. Both work without internet; nothing in them is a public API.
// The console is files only: what it shows and does goes through the server's API.
//
// The page polls one document with a snapshot of the server. There are no event streams, so no
// listener to count or to end at shutdown: a snapshot is made at most twice a second, however
// many pages are open.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"penstock/app"
	"penstock/internal/journal"
)

// Options configure the page. Server is required.
type Options struct {
	Server *app.Server
	// Journal has the refusals. nil shows none.
	Journal *journal.Journal
	// Recent remembers ended sessions; whoever wires the server gives it what the server's OnSession
	// says. nil shows none.
	Recent *Recent
	// Version is shown at the foot of the page.
	Version string
	// RTMPPort tells the port of the RTMP listener, for the addresses that the page shows; the
	// host in them is the one the browser used. nil, or an answer of "", means 1935.
	RTMPPort func(r *http.Request) string
	// App is the application that the examples name, "live" when empty.
	App string
	// Demo tells that App/demo is the server's own test picture.
	Demo bool
	// Public shows the state to visitors from everywhere, with stream names, addresses and the
	// texts of refusals redacted. Without it only loopback and private networks see it, and
	// these always see it whole.
	Public bool
	// Hosts are further host names under which visitors from loopback and private networks may
	// open the page. Addresses, names without a dot, this machine's own name and those under
	// localhost, local, lan, home.arpa and internal always work. Any other name is refused,
	// because a stranger's web page could make the visitor's browser ask under it (DNS
	// rebinding).
	Hosts []string
	// PublicOption and HostsOption are what the configuration calls Public and Hosts, for the
	// text that a refused visitor reads.
	PublicOption, HostsOption string
	// ConsoleClosed tells that the console is not for whoever asks, and that logging in does not help: it is answered with 403,
	// and says why. nil is never.
	ConsoleClosed func(r *http.Request) bool
}

//go:embed assets
var assets embed.FS

// files are what the page consists of.
var files = []struct{ path, name, contentType string }{
	{"/{$}", "index.html", "text/html; charset=utf-8"},
	{"/page.css", "page.css", "text/css; charset=utf-8"},
	{"/page.js", "page.js", "text/javascript; charset=utf-8"},
	{"/lists.js", "lists.js", "text/javascript; charset=utf-8"},
	{"/howto.js", "howto.js", "text/javascript; charset=utf-8"},
	{"/player.js", "player.js", "text/javascript; charset=utf-8"},
	{"/dom.js", "dom.js", "text/javascript; charset=utf-8"},
	{"/mpegts.js", "mpegts.js", "text/javascript; charset=utf-8"},
	{"/mpegts.js.LICENSE", "mpegts.js.LICENSE", "text/plain; charset=utf-8"},
	{"/mpegts.js.LICENSE.txt", "mpegts.js.LICENSE.txt", "text/plain; charset=utf-8"},
	{"/favicon.svg", "favicon.svg", "image/svg+xml"},
	{"/console/console.css", "console/console.css", "text/css; charset=utf-8"},
	{"/console/console.js", "console/console.js", "text/javascript; charset=utf-8"},
	{"/console/api.js", "console/api.js", "text/javascript; charset=utf-8"},
	{"/console/act.js", "console/act.js", "text/javascript; charset=utf-8"},
	{"/console/live.js", "console/live.js", "text/javascript; charset=utf-8"},
	{"/console/refused.js", "console/refused.js", "text/javascript; charset=utf-8"},
	{"/console/table.js", "console/table.js", "text/javascript; charset=utf-8"},
	{"/console/applications.js", "console/applications.js", "text/javascript; charset=utf-8"},
	{"/console/lists.js", "console/lists.js", "text/javascript; charset=utf-8"},
}

// New makes the page's handler. It answers "/", "/console/", "/state.json", "/page.json" and the
// files of both pages, and 404 for everything else; streams are played from "/APP/NAME.flv", which another
// handler answers. It is safe for concurrent use.
func New(o Options) http.Handler {
	if o.App == "" {
		o.App = "live"
	}
	if o.Recent == nil {
		o.Recent = NewRecent(0)
	}
	h := &handler{o: o, access: newAccess(o)}
	mux := http.NewServeMux()
	for _, f := range files {
		body, err := assets.ReadFile("assets/" + f.name)
		if err != nil {
			panic(err) // the binary was built without its own file: a test keeps this from happening
		}
		mux.Handle("GET "+f.path, file(body, f.contentType))
	}
	mux.Handle("GET /console/{$}", h.console())
	mux.Handle("GET /console", http.RedirectHandler("console/", http.StatusSeeOther))
	mux.HandleFunc("GET /page.json", h.page)
	mux.HandleFunc("GET /state.json", h.state)
	return secured(mux)
}

type handler struct {
	o      Options
	access access
	cache  cache

	refusals []refusal // last read; cache.mu guards it
}

// contentPolicy allows nothing but our own files, and blob: for the media source that the
// player fills.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func file(body []byte, contentType string) http.Handler {
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:12]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache") // asks each time; an unchanged file is not sent again
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

// console is the console's page. What it shows comes from the API, which knows who asks; the page itself is no secret.
func (h *handler) console() http.Handler {
	body, err := assets.ReadFile("assets/console/index.html")
	if err != nil {
		panic(err)
	}
	open := file(body, "text/html; charset=utf-8")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.o.ConsoleClosed == nil || !h.o.ConsoleClosed(r) {
			open.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write(body)
	})
}

// pageInfo is what never changes while the server runs; every visitor may have it.
type pageInfo struct {
	Version  string `json:"version"`
	RTMPPort string `json:"rtmpPort"`
	App      string `json:"app"`
	Demo     bool   `json:"demo"`
}

func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	p := pageInfo{Version: h.o.Version, RTMPPort: "1935", App: h.o.App, Demo: h.o.Demo}
	if h.o.RTMPPort != nil {
		if port := h.o.RTMPPort(r); port != "" {
			p.RTMPPort = port
		}
	}
	writeJSON(w, http.StatusOK, p)
}

// state answers the snapshot that the page shows. It serves this page only and changes with it.
func (h *handler) state(w http.ResponseWriter, r *http.Request) {
	view, why := h.access.judge(r)
	if view == viewNothing {
		writeJSON(w, http.StatusForbidden, map[string]string{"error": why})
		return
	}
	body, err := h.cache.get(view, h.snapshot)
	if err != nil {
		http.Error(w, "The state could not be written as JSON.", http.StatusInternalServerError)
		return
	}
	sendJSON(w, http.StatusOK, body)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	sendJSON(w, code, body)
}

func sendJSON(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(body) // a visitor who left needs no answer
}
