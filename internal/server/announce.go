package server

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// announce prints the addresses that a user needs, one a line, aligned. It comes when the ports are open.
func (s *Server) announce() {
	if s.o.Out == nil {
		return
	}
	rtmp := "rtmp://" + display(s.rtmpListener.Addr()) + "/"
	name := s.mainApp()
	var b strings.Builder
	line := func(what, address string) { fmt.Fprintf(&b, "%-8s %s\n", what, address) }
	line("publish", rtmp+name+"/NAME")
	line("play", rtmp+name+"/NAME")
	if s.o.Demo {
		line("demo", rtmp+demoKey)
	}
	if s.httpListener != nil {
		line("page", s.pageURL())
	}
	if others := otherAddresses(s.rtmpListener.Addr()); others != "" {
		line("", "this machine is also "+others)
	}
	_, _ = fmt.Fprint(s.o.Out, b.String())
}

// pageURL is the address of the page.
func (s *Server) pageURL() string {
	scheme := "http://"
	if s.config.HTTP.TLS.Cert != "" {
		scheme = "https://"
	}
	return scheme + display(s.httpListener.Addr()) + "/"
}

// mainApp is the application that examples name: live, or the first that takes streams.
func (s *Server) mainApp() string {
	apps := s.config.Applications()
	names := slices.Sorted(maps.Keys(apps))
	i := slices.IndexFunc(names, func(name string) bool { return apps[name].Redirect == "" })
	if a, ok := apps["live"]; ok && a.Redirect == "" || i < 0 {
		return "live"
	}
	return names[i]
}

// display is host and port of a listener, as a user of the same machine would write them.
func display(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	if ap.Addr().IsUnspecified() {
		return fmt.Sprintf("localhost:%d", ap.Port())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()).String()
}

// otherAddresses lists this machine's IPv4 addresses in its networks, when the listener is open on all of them.
func otherAddresses(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil || !ap.Addr().IsUnspecified() {
		return ""
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	const most = 4
	var list []string
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() && len(list) < most {
			list = append(list, p.Addr().String())
		}
	}
	return strings.Join(list, ", ")
}
