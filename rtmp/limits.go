package rtmp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"penstock/amf"
	"penstock/rtmp/chunk"
)

// Limits bounds what a peer can make a connection spend. A zero field means its default. Each
// limit has an option name (in brackets) under which it is logged, counted and configured.
type Limits struct {
	HandshakeTimeout time.Duration // [handshake_timeout] whole RTMP handshake, 5 s
	TLSTimeout       time.Duration // [tls_timeout] TLS handshake, 5 s
	ConnectTimeout   time.Duration // [connect_timeout] first command after the handshake, 5 s
	WriteTimeout     time.Duration // [write_timeout] without one byte accepted by the peer, 15 s
	CloseLinger      time.Duration // [close_linger] wait for the peer's end after our FIN, 15 s

	ControlQueueBytes    int // [control_queue_bytes] commands and control waiting to be sent, 1 MiB
	ControlQueueMessages int // [control_queue_messages] 1024

	MediaRate       float64 // [media_rate] audio, video and data messages per second, 2000
	CommandRate     float64 // [command_rate] commands per second, 100 (burst twice that)
	PingRate        float64 // [ping_rate] ping requests per second, 20
	ControlRate     float64 // [control_rate] other control messages per second, 100
	UnknownMessages int     // [unknown_messages] messages of unknown type or use per minute, 100

	Connections      int     // [connections] open at once, 10000
	ConnectionsPerIP int     // [connections_per_ip] open at once from one address (IPv6: /64), 32
	ConnectRatePerIP float64 // [connect_rate_per_ip] new ones per second, 10 (burst twice that)
	PendingTLS       int     // [pending_tls] unfinished TLS handshakes, 256
	PendingTLSPerIP  int     // [pending_tls_per_ip] of one address, 16

	Chunk chunk.Limits // message sizes, chunk streams, reassembly
	AMF   amf.Limits   // decoded values
}

// DefaultLimits are the documented defaults.
func DefaultLimits() Limits { return Limits{}.WithDefaults() }

func orDefault[T int | float64 | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// WithDefaults fills every zero field.
func (l Limits) WithDefaults() Limits {
	orDefault(&l.HandshakeTimeout, 5*time.Second)
	orDefault(&l.TLSTimeout, 5*time.Second)
	orDefault(&l.ConnectTimeout, 5*time.Second)
	orDefault(&l.WriteTimeout, 15*time.Second)
	orDefault(&l.CloseLinger, 15*time.Second)
	orDefault(&l.ControlQueueBytes, 1<<20)
	orDefault(&l.ControlQueueMessages, 1024)
	orDefault(&l.MediaRate, 2000)
	orDefault(&l.CommandRate, 100)
	orDefault(&l.PingRate, 20)
	orDefault(&l.ControlRate, 100)
	orDefault(&l.UnknownMessages, 100)
	orDefault(&l.Connections, 10000)
	orDefault(&l.ConnectionsPerIP, 32)
	orDefault(&l.ConnectRatePerIP, 10)
	orDefault(&l.PendingTLS, 256)
	orDefault(&l.PendingTLSPerIP, 16)
	return l
}

// OptionWriteTimeout is the option name of WriteTimeout: the peer took too long to read, where
// every other limit says that it sent too much.
const OptionWriteTimeout = "write_timeout"

// LimitError says which limit a peer went over. Option is the name under which the limit is
// configured; Value is what was seen, Max what is allowed.
type LimitError struct {
	Option string
	Value  any
	Max    any
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("rtmp: over the limit %s: %v, allowed %v", e.Option, e.Value, e.Max)
}

// TimeoutError says which time limit a peer used up before its first command. Option is the name
// under which the limit is configured; Err is what the socket said.
type TimeoutError struct {
	Option string
	After  time.Duration
	Err    error
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("rtmp: %s of %v is over: %v", e.Option, e.After, e.Err)
}

// Unwrap returns the socket's error.
func (e *TimeoutError) Unwrap() error { return e.Err }

// timedOut makes a TimeoutError of an error that comes from a deadline, unless it is one.
func timedOut(err error, option string, after time.Duration) error {
	var t *TimeoutError
	if !errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &t) {
		return err
	}
	return &TimeoutError{Option: option, After: after, Err: err}
}

// rate is a token bucket: n events per second with a burst of burst. Not safe for concurrent
// use: it belongs to the goroutine that counts.
type rate struct {
	perSecond, burst float64
	tokens           float64
	last             time.Time
}

func newRate(perSecond, burst float64) rate {
	return rate{perSecond: perSecond, burst: burst, tokens: burst}
}

// allow spends one token.
func (r *rate) allow(now time.Time) bool {
	if !r.last.IsZero() {
		r.tokens = min(r.burst, r.tokens+now.Sub(r.last).Seconds()*r.perSecond)
	}
	r.last = now
	if r.tokens < 1 {
		return false
	}
	r.tokens--
	return true
}

// loopback is what ConnectionsPerIP and ConnectRatePerIP do not count by default.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// admission counts connections in total and per address. Safe for concurrent use.
type admission struct {
	mu     sync.Mutex
	total  int
	over   int // of total, those let in only to be told why they may not stay
	tls    int // unfinished TLS handshakes
	perIP  map[netip.Prefix]*addressState
	sweep  time.Time
	exempt []netip.Prefix
}

type addressState struct {
	open int
	over int
	tls  int // unfinished TLS handshakes
	rate rate
}

// maxOverPerIP is how many refused connections of one address are told why at the same time.
const maxOverPerIP = 16

// addressKey is an address and the unit in which it is counted: an IPv4 address, or an IPv6 /64.
func addressKey(a net.Addr) (ip netip.Addr, key netip.Prefix, ok bool) {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return ip, key, false
	}
	ip = t.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	key, err := ip.Prefix(bits)
	return ip, key, err == nil
}

func (a *admission) exempted(ip netip.Addr) bool {
	for _, e := range a.exempt {
		if e.Contains(ip) {
			return true
		}
	}
	return false
}

// enter counts a new connection. A non-nil LimitError means that it may only be told why it is
// refused; ok false that not even that is possible. release undoes the count.
func (a *admission) enter(remote net.Addr, l *Limits, now time.Time) (release func(), over *LimitError, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ip, key, counted := addressKey(remote)
	counted = counted && !a.exempted(ip)
	var st *addressState
	if counted {
		st = a.state(key, l, now)
		switch {
		case !st.rate.allow(now):
			over = &LimitError{Option: "connect_rate_per_ip", Value: "more", Max: l.ConnectRatePerIP}
		case st.open-st.over >= l.ConnectionsPerIP:
			over = &LimitError{Option: "connections_per_ip", Value: st.open + 1, Max: l.ConnectionsPerIP}
		}
		if over != nil && st.over >= maxOverPerIP {
			return nil, over, false
		}
	}
	if over == nil && a.total-a.over >= l.Connections {
		over = &LimitError{Option: "connections", Value: a.total + 1, Max: l.Connections}
	}
	if over != nil && a.over >= l.Connections/8+16 {
		return nil, over, false
	}
	bump := func(n int) {
		a.total += n
		if over != nil {
			a.over += n
		}
		if counted {
			st.open += n
			if over != nil {
				st.over += n
			}
		}
	}
	bump(1)
	return func() { a.mu.Lock(); defer a.mu.Unlock(); bump(-1) }, over, true
}

// enterTLS counts the beginning of a TLS handshake of a connection that enter let in. release undoes the count.
func (a *admission) enterTLS(remote net.Addr, l *Limits) (release func(), over *LimitError) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ip, key, counted := addressKey(remote)
	st := a.perIP[key]
	if !counted || a.exempted(ip) || st == nil {
		st = &addressState{} // not counted by address
	}
	if a.tls >= l.PendingTLS {
		return nil, &LimitError{Option: "pending_tls", Value: a.tls + 1, Max: l.PendingTLS}
	}
	if st.tls >= l.PendingTLSPerIP {
		return nil, &LimitError{Option: "pending_tls_per_ip", Value: st.tls + 1, Max: l.PendingTLSPerIP}
	}
	a.tls++
	st.tls++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.tls--
		st.tls--
	}, nil
}

// state finds or makes an address's counters and forgets the idle ones once a minute.
func (a *admission) state(key netip.Prefix, l *Limits, now time.Time) *addressState {
	if a.perIP == nil {
		a.perIP = make(map[netip.Prefix]*addressState)
	}
	if now.Sub(a.sweep) > time.Minute {
		a.sweep = now
		for k, s := range a.perIP {
			if s.open == 0 && now.Sub(s.rate.last) > time.Minute {
				delete(a.perIP, k)
			}
		}
	}
	st := a.perIP[key]
	if st == nil {
		st = &addressState{rate: newRate(l.ConnectRatePerIP, 2*l.ConnectRatePerIP)}
		a.perIP[key] = st
	}
	return st
}
