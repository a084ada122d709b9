package page

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"penstock/internal/explain"
)

// view is how much of the state a visitor sees.
type view int

const (
	viewNothing view = iota
	viewRedacted
	viewWhole
)

// access decides what a visitor sees. Stream names are keys more often than not: whoever knows
// one can publish in its owner's place.
type access struct {
	public                    bool
	hosts                     []string // lower case
	publicOption, hostsOption string
}

func newAccess(o Options) access {
	a := access{public: o.Public, publicOption: o.PublicOption, hostsOption: o.HostsOption}
	if a.publicOption == "" {
		a.publicOption = "Public"
	}
	if a.hostsOption == "" {
		a.hostsOption = "Hosts"
	}
	for _, h := range o.Hosts {
		a.hosts = append(a.hosts, strings.ToLower(h))
	}
	if own, err := os.Hostname(); err == nil {
		a.hosts = append(a.hosts, strings.ToLower(own))
	}
	return a
}

// judge returns what the visitor may see and, for one who sees less than everything, why.
func (a access) judge(r *http.Request) (v view, why string) {
	from, local := visitor(r)
	switch host := hostName(r.Host); {
	case !local:
		why = fmt.Sprintf("What is live, who is connected and who was refused is for the operator of the server: it is shown to "+
			"visitors from the same machine and from private networks, and you came from %s. The option %s shows it to everybody, "+
			"with the names of streams hidden.",
			from, a.publicOption)
	case !a.knows(host):
		why = fmt.Sprintf("The page was opened under the name %s, which this server does not know as its own. Open it by IP "+
			"address, or add the name to the option %s.", explain.Clean(host, 80), a.hostsOption)
	default:
		return viewWhole, ""
	}
	if a.public {
		return viewRedacted, why
	}
	return viewNothing, why
}

// OwnName returns a check of the name under which a visitor from loopback or a private network opens the server. One that is
// not the server's own may be somebody's page, whose name was pointed at this machine to act from within its network. hosts are
// names beside those that always work; option is the name of the option that adds to them.
func OwnName(hosts []string, option string) func(*http.Request) error {
	a := newAccess(Options{Hosts: hosts, HostsOption: option})
	return func(r *http.Request) error {
		host := hostName(r.Host)
		if _, local := visitor(r); !local || a.knows(host) {
			return nil
		}
		return fmt.Errorf("the name %s is not known to this server as its own: use an IP address, or add the name to the option %s",
			explain.Clean(host, 80), a.hostsOption)
	}
}

// visitor returns who asks, for people to read, and whether that is loopback or a private
// network. Behind a proxy it is whom the proxy names: if any of these is outside or cannot be
// read, so is the visitor. A visitor can forge these headers only to see less.
func visitor(r *http.Request) (from string, local bool) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if !isLocal(host) {
		return explain.Clean(host, 64), false
	}
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded"} {
		for _, line := range r.Header.Values(name) {
			for item := range strings.SplitSeq(line, ",") {
				if name == "Forwarded" {
					item = forwardedFor(item)
				}
				if item = strings.TrimSpace(item); !isLocal(item) {
					return explain.Clean(item, 64) + " through a proxy", false
				}
			}
		}
	}
	return host, true
}

// forwardedFor returns the address in one element of a Forwarded header (RFC 7239 §4):
// `for="[2001:db8::1]:4711";proto=https`.
func forwardedFor(element string) string {
	for pair := range strings.SplitSeq(element, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(k, "for") {
			v = strings.Trim(v, `"`)
			if host, _, err := net.SplitHostPort(v); err == nil {
				return host
			}
			return strings.Trim(v, "[]")
		}
	}
	return "an unnamed address"
}

func isLocal(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
}

// hostName is the Host header without the port, in lower case.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// localSuffixes are names that nobody outside can point at an address of their choice.
var localSuffixes = []string{".localhost", ".local", ".lan", ".home.arpa", ".internal"}

func (a access) knows(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return true
	}
	for _, s := range localSuffixes {
		if strings.HasSuffix(host, s) {
			return true
		}
	}
	return slices.Contains(a.hosts, host)
}
