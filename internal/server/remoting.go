package server

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"penstock/app"
	"penstock/internal/config"
	"penstock/internal/page"
	"penstock/internal/tunnel"
	"penstock/remoting"
)

// newGateway serves Flash Remoting; nil when the configuration does not want that.
func newGateway(c *config.Config, srv *app.Server, o Options) http.Handler {
	if !c.HTTP.Gateway {
		return nil
	}
	l := c.Limits
	return remoting.New(remoting.Options{
		Allow: page.OwnName(c.HTTP.Hosts, "http.hosts"), Log: o.Log,
		Limits: remoting.Limits{
			Bytes: int(l.RemotingBytes), Headers: l.RemotingHeaders, Calls: l.RemotingCalls, NameBytes: int(l.RemotingNameBytes),
			Requests: l.RemotingRequests, Timeout: time.Duration(l.RemotingTimeout), AMF: c.Limits.App().RTMP.AMF,
		},
		Dial: func(r *http.Request) (net.Conn, error) {
			near, far := net.Pipe()
			go srv.ServeConn(&within{far, tunnel.ClientAddr(r)}) // ends with near
			return near, nil
		},
	})
}

// within is the server's end of a connection made within the process, on behalf of somebody.
type within struct {
	net.Conn
	remote net.Addr
}

// RemoteAddr is who it is on behalf of.
func (c *within) RemoteAddr() net.Addr { return c.remote }

// withGateway serves remoting and Flash's policy file, and leaves the rest to next.
func withGateway(gateway http.Handler, c *config.Config, next http.Handler) http.Handler {
	policy := crossDomain(c.HTTP.PolicyDomains, "")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case gateway != nil && (r.URL.Path == "/gateway" || strings.HasPrefix(r.URL.Path, "/gateway/")):
			gateway.ServeHTTP(w, r)
		case r.URL.Path == "/crossdomain.xml":
			w.Header().Set("Content-Type", "text/x-cross-domain-policy")
			_, _ = w.Write([]byte(policy))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// crossDomain is Flash's policy file: the hosts whose movies may talk to this server, by HTTP, or by sockets to the given ports.
// The domains have been checked to need no escaping. Source: Adobe, Cross-domain policy file specification.
func crossDomain(domains []string, ports string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><cross-domain-policy>`)
	if len(domains) == 0 {
		b.WriteString(`<site-control permitted-cross-domain-policies="none"/>`)
	} else {
		b.WriteString(`<site-control permitted-cross-domain-policies="master-only"/>`)
	}
	for _, d := range domains {
		if ports != "" {
			fmt.Fprintf(&b, `<allow-access-from domain="%s" to-ports="%s"/>`, d, ports)
			continue
		}
		fmt.Fprintf(&b, `<allow-access-from domain="%s"/><allow-http-request-headers-from domain="%s" headers="*"/>`, d, d)
	}
	b.WriteString(`</cross-domain-policy>`)
	return b.String()
}
