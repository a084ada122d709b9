package operator

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// notLocal returns why a request is not one of this machine, "" when it is. The peer's address alone does not tell: a page that
// some browser on this machine opened can ask under a name that its owner points here (DNS rebinding), and a proxy on this machine
// asks for strangers.
func notLocal(r *http.Request) string {
	if !loopback(hostOnly(r.RemoteAddr)) {
		return "you came from " + bounded(hostOnly(r.RemoteAddr))
	}
	if host := hostOnly(r.Host); !loopbackName(host) {
		return "you asked for it by the name " + bounded(host)
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return "you came through a proxy (" + name + ")"
		}
	}
	if !r.ProtoAtLeast(1, 1) { // as proxies ask, some of them without a word about whom they ask for
		return "you came with " + r.Proto + ", as proxies do"
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || !loopbackName(u.Hostname()) {
			return "the request was made by the page " + bounded(origin)
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return "the request was made by the page of another site"
	}
	return ""
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func loopbackName(host string) bool {
	return loopback(host) || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// hostOnly is an address without its port, in lower case.
func hostOnly(s string) string {
	if h, _, err := net.SplitHostPort(s); err == nil {
		s = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(s, "[]"), "."))
}

// bounded is what a stranger wrote, for people to read.
func bounded(s string) string {
	return fmt.Sprintf("%+.80q", s)
}
