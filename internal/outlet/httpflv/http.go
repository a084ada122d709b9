package httpflv

import (
	"context"
	"net/http"
	"time"
)

const contentType = "video/x-flv"

// serveHTTP writes the stream as the body of a response.
func (h *Handler) serveHTTP(ctx context.Context, w http.ResponseWriter, r *http.Request, key string) {
	head := w.Header()
	head.Set("Content-Type", contentType)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("X-Accel-Buffering", "no") // nginx as a reverse proxy would hold the stream back
	if r.ProtoMajor == 1 {
		head.Set("Connection", "close") // the deadline of the last write stays on the connection
	}
	rc := http.NewResponseController(w)
	progress := func() { _ = rc.SetWriteDeadline(time.Now().Add(h.o.WriteTimeout)) }
	progress()
	w.WriteHeader(http.StatusOK)
	if rc.Flush() != nil {
		return
	}
	log := h.o.Log.With("stream", redact(key), "peer", r.RemoteAddr, "over", "http")
	log.Info("viewing")
	err := h.run(ctx, key, func(b []byte) error {
		progress()
		if _, err := w.Write(b); err != nil {
			return err
		}
		return rc.Flush()
	})
	progress()
	log.Info("viewing ended", "why", err)
}
