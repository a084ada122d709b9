package httpflv

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

const (
	wsReadLimit = 4 << 10 // bytes of one message from a viewer
	wsMessages  = 100     // messages from a viewer, who has nothing to say
)

// upgrade reports whether a request asks for a WebSocket (RFC 6455 §4.2.1).
func upgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && hasToken(r.Header, "Connection", "upgrade") && hasToken(r.Header, "Upgrade", "websocket")
}

func hasToken(h http.Header, name, token string) bool {
	for _, line := range h[name] {
		for field := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(field), token) {
				return true
			}
		}
	}
	return false
}

// serveWebSocket writes the stream as binary messages. It ends with close code
// 1000 when the stream has ended, 1001 when the server stops, 1008 when the
// viewer was too slow, sent too much or is barred (RFC 6455 §7.4.1).
func (h *Handler) serveWebSocket(ctx context.Context, w http.ResponseWriter, r *http.Request, key string) {
	// Streams are open to every origin, as over HTTP: Access-Control-Allow-Origin is "*".
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // answered by Accept
	}
	defer c.CloseNow()
	log := h.o.Log.With("stream", redact(key), "peer", r.RemoteAddr, "over", "websocket")
	log.Info("viewing")

	// Reading answers pings and sees the end. Its context must outlive ctx: to
	// cancel a read or write breaks the connection before the close frame is sent.
	conn, stop := context.WithCancel(context.WithoutCancel(ctx))
	viewing, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		c.SetReadLimit(wsReadLimit)
		for range wsMessages {
			if _, _, err := c.Read(conn); err != nil {
				return
			}
		}
	}()
	// One timer for all writes: a context with a deadline for each would allocate.
	overdue := time.AfterFunc(h.o.WriteTimeout, stop)
	overdue.Stop()
	err = h.run(viewing, key, func(b []byte) error {
		overdue.Reset(h.o.WriteTimeout)
		defer overdue.Stop()
		return c.Write(conn, websocket.MessageBinary, b)
	})
	var out *barred
	switch {
	case errors.As(err, &out):
		_ = c.Close(websocket.StatusPolicyViolation, reason(out.Error()))
	case errors.Is(err, errEnded):
		_ = c.Close(websocket.StatusNormalClosure, err.Error())
	case errors.Is(err, errSlow):
		_ = c.Close(websocket.StatusPolicyViolation, err.Error())
	case errors.Is(err, errStopping):
		_ = c.Close(websocket.StatusGoingAway, err.Error())
	case errors.Is(err, errClosed):
		_ = c.Close(websocket.StatusPolicyViolation, "unexpected messages")
	}
	stop()
	_ = c.CloseNow()
	<-done
	log.Info("viewing ended", "why", err)
}

// reason is a text that fits in a close frame (RFC 6455 §5.5).
func reason(text string) string {
	const most = 123
	if len(text) <= most {
		return text
	}
	n := most - len("…")
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}
