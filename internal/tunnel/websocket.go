package tunnel

import (
	"context"
	"net"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

// readLimit is the most that one message of a WebSocket may hold, in bytes. Messages are no units of RTMP: a client may cut
// its bytes as it likes.
const readLimit = 1 << 20

// WebSocket serves RTMP over a WebSocket: the bytes of an RTMP connection, the handshake first, in binary messages. Pages of
// other hosts than the server's own and Options.Origins are answered 403.
func (h *Handler) WebSocket(w http.ResponseWriter, r *http.Request) {
	if h.o.Allow != nil {
		if err := h.o.Allow(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		OriginPatterns: h.o.Origins, Subprotocols: []string{"rtmp"}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return // answered by Accept
	}
	ws.SetReadLimit(readLimit)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &socket{Conn: websocket.NetConn(ctx, ws, websocket.MessageBinary), remote: ClientAddr(r), ws: ws}
	if !h.addSocket(s) {
		_ = ws.Close(websocket.StatusGoingAway, "the server is being stopped")
		return
	}
	defer h.dropSocket(s)
	h.o.Serve(s)
}

func (h *Handler) addSocket(s *socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.sockets[s] = struct{}{}
	h.wg.Add(1)
	return true
}

func (h *Handler) dropSocket(s *socket) {
	_ = s.Close()
	h.mu.Lock()
	delete(h.sockets, s)
	h.mu.Unlock()
	h.wg.Done()
}

// socket is a WebSocket as the RTMP server sees it.
type socket struct {
	net.Conn
	ws     *websocket.Conn
	remote net.Addr
	once   sync.Once
}

// RemoteAddr implements net.Conn.
func (s *socket) RemoteAddr() net.Addr { return s.remote }

// Close ends the WebSocket with close code 1000 and waits a moment for the client's answer.
func (s *socket) Close() (err error) {
	s.once.Do(func() { err = s.Conn.Close() })
	return err
}
