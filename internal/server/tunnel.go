package server

import (
	"net/http"
	"time"

	"penstock/app"
	"penstock/internal/config"
	"penstock/internal/page"
	"penstock/internal/tunnel"
)

// webSocketPath is where RTMP over WebSocket is served.
const webSocketPath = "/rtmp"

// newTunnel lets RTMP clients in through HTTP; nil when the configuration does not want that.
func newTunnel(c *config.Config, srv *app.Server, o Options) *tunnel.Handler {
	if !c.HTTP.Tunnel {
		return nil
	}
	return tunnel.New(tunnel.Options{
		Serve: srv.ServeConn, Allow: page.OwnName(c.HTTP.Hosts, "http.hosts"), Origins: c.HTTP.Origins,
		Sessions: c.Limits.TunnelSessions, Idle: time.Duration(c.Limits.TunnelIdleTimeout), Log: o.Log,
	})
}

// throughTunnel serves what is RTMP, and leaves the rest to next.
func throughTunnel(t *tunnel.Handler, next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case tunnel.Handles(r.URL.Path):
			t.ServeHTTP(w, r)
		case r.URL.Path == webSocketPath:
			t.WebSocket(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
