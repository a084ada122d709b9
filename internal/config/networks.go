package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Networks is a set of addresses, written as a list of networks (10.0.0.0/8), addresses and words: `any`, `loopback`,
// `private` (the private and link-local networks of IPv4 and IPv6).
type Networks struct {
	words    []string
	prefixes []netip.Prefix
	preset   bool // nobody wrote it
}

// words are the names of well-known networks (RFC 1918, RFC 3927, RFC 4193, RFC 4291).
func wellKnown(word string) []string {
	switch word {
	case "any":
		return []string{"0.0.0.0/0", "::/0"}
	case "loopback":
		return []string{"127.0.0.0/8", "::1/128"}
	case "private":
		return []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"}
	}
	return nil
}

// ParseNetworks reads a list of networks, addresses and words.
func ParseNetworks(words ...string) (Networks, error) {
	n := Networks{words: words}
	for _, w := range words {
		known := wellKnown(w)
		for _, k := range known {
			n.prefixes = append(n.prefixes, netip.MustParsePrefix(k))
		}
		if known != nil {
			continue
		}
		if a, err := netip.ParseAddr(w); err == nil {
			a = a.Unmap().WithZone("")
			n.prefixes = append(n.prefixes, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(w)
		if err != nil {
			return Networks{}, fmt.Errorf("%q is no network, such as 192.168.0.0/16, and not any, loopback or private", w)
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		n.prefixes = append(n.prefixes, p.Masked())
	}
	return n, nil
}

// MustNetworks is ParseNetworks for constants.
func MustNetworks(words ...string) Networks {
	n, err := ParseNetworks(words...)
	if err != nil {
		panic(err)
	}
	return n
}

// Contains reports whether an address, of a TCP connection or "host:port", is in the set. IPv4 addresses mapped into IPv6 are
// IPv4 addresses. What has no IP address is in no network.
func (n Networks) Contains(a net.Addr) bool {
	if a == nil {
		return false
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return false
	}
	ip := ap.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(n.prefixes, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Prefixes is the set, to be read only. It is never nil.
func (n Networks) Prefixes() []netip.Prefix {
	return slices.Clip(append([]netip.Prefix{}, n.prefixes...))
}

// Local reports whether the set is the local networks, the default for publishers.
func (n Networks) Local() bool { return slices.Equal(n.words, []string{"loopback", "private"}) }

// String is the list as it is written in YAML.
func (n Networks) String() string { return "[" + strings.Join(n.words, ", ") + "]" }
