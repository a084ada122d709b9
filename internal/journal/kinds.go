package journal

import (
	"net/netip"
	"time"

	"penstock/app"
)

// How refusals become rows, so that a storm fills neither the memory nor the file: of one network (an IPv4 address or an IPv6
// /64) and one kind, the first Options.Repeats of a window have rows of their own, all further ones share one. A network
// whose refusals are of ever new kinds, because it makes up names, gets perPeer own rows in a window.
const (
	window   = time.Minute
	perPeer  = 100
	maxPeers = 4096 // networks that are counted one by one; all others together
)

// kind is what refusals that share a row have in common.
type kind struct {
	app, rule string
	stage     app.Stage
	cause     app.Cause
}

// peerKinds is what came from one network in its present window.
type peerKinds struct {
	began time.Time
	own   int // rows that are no shared ones
	kinds map[kind]*kindCount
}

type kindCount struct {
	own    int
	shared *Refusal // nil until there are more than Repeats
}

// kinds sorts refusals into rows. Guarded by Journal.mu.
type kinds struct {
	repeats int
	peers   map[netip.Addr]*peerKinds
}

func newKinds(repeats int) kinds {
	return kinds{repeats: repeats, peers: make(map[netip.Addr]*peerKinds)}
}

// row returns the row that r shares, or nil when r is to have one of its own. share is then where to keep a row that later
// ones share; nil when r's row is none.
func (k *kinds) row(r *Refusal) (shared *Refusal, share **Refusal) {
	p := k.peer(r.IP, r.Time)
	key := kind{r.App, r.Rule, r.Stage, r.Cause}
	c := p.kinds[key]
	if c == nil && p.own >= perPeer {
		key = kind{stage: r.Stage, cause: r.Cause} // as many as there are stages and causes
		c = p.kinds[key]
	}
	if c == nil {
		c = &kindCount{}
		p.kinds[key] = c
	}
	if c.own < k.repeats && p.own < perPeer {
		c.own++
		p.own++
		return nil, nil
	}
	return c.shared, &c.shared
}

func (k *kinds) peer(ip netip.Addr, now time.Time) *peerKinds {
	key := network(ip)
	p := k.peers[key]
	if p == nil && len(k.peers) >= maxPeers {
		key = netip.Addr{}
		p = k.peers[key]
	}
	if p == nil || now.Sub(p.began) >= window || now.Before(p.began) {
		p = &peerKinds{began: now, kinds: make(map[kind]*kindCount)}
		k.peers[key] = p
	}
	return p
}

// forget drops what lies outside its window. It looks at everything, so it is not for every refusal.
func (k *kinds) forget(now time.Time) {
	for key, p := range k.peers {
		if now.Sub(p.began) >= window {
			delete(k.peers, key)
		}
	}
}

// network is the address of the network that one subscriber usually has.
func network(ip netip.Addr) netip.Addr {
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip
}
