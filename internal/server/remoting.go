package server

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"penstock/app"
	"penstock/internal/config"
	"penstock/internal/page"
	"penstock/internal/tunnel"
	"penstock/remoting"
	"penstock/status"
)

// newGateway serves Flash Remoting; nil when the configuration does not want that.
func newGateway(c *config.Config, srv *app.Server, o Options) *remoting.Handler {
	if !c.HTTP.Gateway {
		return nil
	}
	l := c.Limits
	limits := remoting.Limits{
		Bytes: int(l.RemotingBytes), Headers: l.RemotingHeaders, Calls: l.RemotingCalls, NameBytes: int(l.RemotingNameBytes),
		Requests: l.RemotingRequests, Timeout: time.Duration(l.RemotingTimeout), AMF: c.Limits.App().RTMP.AMF,
		Sessions: l.RemotingSessions, SessionIdle: time.Duration(l.RemotingSessionIdle),
	}
	if limits.Sessions == 0 {
		limits.Sessions = -1
	}
	return remoting.New(remoting.Options{
		Serve: srv.ServeConn, Addr: tunnel.ClientAddr, Allow: page.OwnName(c.HTTP.Hosts, "http.hosts"), Describe: c.HTTP.GatewayDescribe,
		Origin: func(host string) bool { return inDomains(c.HTTP.PolicyDomains, host) }, Limits: limits, Log: o.Log,
		Refused: func(r *http.Request, application, target string, s *status.Status) {
			srv.Record(gatewayRefusal(r, application, target, s))
		},
	})
}

// gatewayRefusal is what the gateway refused before any application heard of it. What the caller sent is no name of ours: it is cut short.
func gatewayRefusal(r *http.Request, application, target string, s *status.Status) *app.Refusal {
	cut := func(text string) string { return strings.ToValidUTF8(text[:min(len(text), 64)], "") }
	cause := app.CauseMalformed
	switch s.Code {
	case status.CallBadVersion:
		cause = app.CauseEncoding
	case status.CallProhibited:
		cause = app.CausePolicy
	}
	if strings.Contains(s.Description, "limit remoting_") {
		cause = app.CauseLimit
	}
	rule := "gateway"
	if target != "" {
		rule += " " + cut(target)
	}
	return &app.Refusal{Stage: app.StageCall, Cause: cause, Rule: rule, Status: s, Peer: tunnel.ClientAddr(r), App: cut(application), FlashVer: cut(r.UserAgent())}
}

// inDomains tells whether a host is one of http.policy_domains, as Flash reads a policy file: * is all, *.example.com is example.com too.
func inDomains(domains []string, host string) bool {
	for _, d := range domains {
		suffix, wild := strings.CutPrefix(d, "*.")
		if d == "*" || strings.EqualFold(d, host) || wild && (strings.EqualFold(suffix, host) || len(host) > len(suffix) &&
			strings.EqualFold(host[len(host)-len(suffix)-1:], "."+suffix)) {
			return true
		}
	}
	return false
}

// withGateway serves remoting and Flash's policy file, and leaves the rest to next.
func withGateway(gateway *remoting.Handler, c *config.Config, next http.Handler) http.Handler {
	policy := crossDomain(c.HTTP.PolicyDomains, "")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case gateway != nil && remoting.Handles(r.URL.Path):
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
