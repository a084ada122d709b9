// Package webclient is NetConnection for web pages: a client of RTMP over WebSocket in TypeScript, whose built file is embedded and
// served as /penstock.js. Its source is in npm, which is also what is published as an npm package; go generate builds it.
package webclient

//go:generate npm/build

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"time"
)

// Path is where Handler wants to be.
const Path = "/penstock.js"

//go:embed npm/dist/penstock.js
var script []byte

// Handler serves the module. Pages of other origins may load it too; whether they may connect is for the WebSocket to say.
func Handler() http.Handler {
	sum := sha256.Sum256(script)
	etag := `"` + hex.EncodeToString(sum[:12]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", etag)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(script))
	})
}
