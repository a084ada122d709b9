package rtmp

import (
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestLimitDefaults(t *testing.T) {
	v := reflect.ValueOf(DefaultLimits())
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if name == "Chunk" || name == "AMF" {
			continue // these packages fill in their own
		}
		if v.Field(i).IsZero() {
			t.Errorf("%s has no default", name)
		}
	}
	if l := (Limits{CommandRate: 7, CloseLinger: time.Minute}).WithDefaults(); l.CommandRate != 7 || l.CloseLinger != time.Minute || l.PingRate != 20 {
		t.Errorf("limits %+v", l)
	}
	err := &LimitError{Option: "media_rate", Value: 3, Max: 2}
	if !strings.Contains(err.Error(), "media_rate: 3, allowed 2") {
		t.Error(err)
	}
}

func TestRate(t *testing.T) {
	now := time.Unix(1000, 0)
	r := newRate(10, 20)
	for i := range 20 {
		if !r.allow(now) {
			t.Fatalf("event %d of the burst is refused", i)
		}
	}
	if r.allow(now) {
		t.Error("event 21 of a burst of 20 is allowed")
	}
	now = now.Add(99 * time.Millisecond)
	if r.allow(now) {
		t.Error("an event after 99 ms of 100 is allowed")
	}
	now = now.Add(2 * time.Millisecond)
	if !r.allow(now) {
		t.Error("an event after 101 ms is refused")
	}
	now = now.Add(time.Hour)
	n := 0
	for r.allow(now) {
		n++
	}
	if n != 20 {
		t.Errorf("%d events after an hour, want the burst of 20", n)
	}
}

func tcpAddr(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func TestAddressKey(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7:1":               "192.0.2.7/32",
		"[::ffff:192.0.2.7]:1":      "192.0.2.7/32",
		"[2001:db8:1:2:3:4:5:6]:1":  "2001:db8:1:2::/64",
		"[2001:db8:1:2:9:9:9:9]:99": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1":          "fe80::/64",
	} {
		if _, got, ok := addressKey(tcpAddr(addr)); !ok || got.String() != want {
			t.Errorf("%s: %v %v, want %s", addr, got, ok, want)
		}
	}
	if _, _, ok := addressKey(&net.UnixAddr{Name: "x"}); ok {
		t.Error("a Unix socket has an address to count")
	}
}

// entrant counts who gets in.
type entrant struct {
	t *testing.T
	a *admission
	l Limits
	// now is when the next one comes.
	now time.Time
}

func (e *entrant) enter(addr string) (release func(), option string) {
	e.t.Helper()
	release, over, ok := e.a.enter(tcpAddr(addr), &e.l, e.now)
	switch {
	case !ok:
		return nil, "!" + over.Option
	case over != nil:
		return release, over.Option
	}
	return release, ""
}

func (e *entrant) want(addr, option string) (release func()) {
	e.t.Helper()
	release, got := e.enter(addr)
	if got != option {
		e.t.Errorf("%s at %v: %q, want %q", addr, e.now.Unix(), got, option)
	}
	return release
}

func TestAdmissionPerAddress(t *testing.T) {
	e := &entrant{t: t, a: &admission{exempt: loopback}, now: time.Unix(1000, 0),
		l: Limits{ConnectionsPerIP: 2, ConnectRatePerIP: 100}.WithDefaults()}
	first := e.want("192.0.2.1:1", "")
	e.want("[::ffff:192.0.2.1]:2", "")
	refused := e.want("192.0.2.1:3", "connections_per_ip")
	e.want("192.0.2.2:1", "")
	e.want("[2001:db8::1]:1", "")
	e.want("[2001:db8::2]:1", "")
	e.want("[2001:db8::3]:1", "connections_per_ip")
	e.want("[2001:db8:0:1::1]:1", "")
	for range 50 {
		e.want("127.0.0.1:1", "")
		e.want("[::ffff:127.0.0.1]:1", "")
		e.want("[::1]:1", "")
	}
	refused()
	e.want("192.0.2.1:4", "connections_per_ip")
	first()
	e.want("192.0.2.1:5", "")
	e.want("192.0.2.1:6", "connections_per_ip")
}

func TestAdmissionExempt(t *testing.T) {
	e := &entrant{t: t, a: &admission{exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, now: time.Unix(1000, 0),
		l: Limits{ConnectionsPerIP: 1, ConnectRatePerIP: 100}.WithDefaults()}
	for range 5 {
		e.want("10.1.2.3:1", "")
	}
	e.want("127.0.0.1:1", "")
	e.want("127.0.0.1:1", "connections_per_ip")
}

func TestAdmissionRate(t *testing.T) {
	e := &entrant{t: t, a: new(admission), now: time.Unix(1000, 0), l: Limits{ConnectRatePerIP: 1}.WithDefaults()}
	e.want("192.0.2.1:1", "")()
	e.want("192.0.2.1:2", "")()
	e.want("192.0.2.1:3", "connect_rate_per_ip")()
	e.want("192.0.2.2:1", "")()
	e.now = e.now.Add(time.Second)
	e.want("192.0.2.1:4", "")()
	e.want("192.0.2.1:5", "connect_rate_per_ip")()
}

// Those over a limit are told so, but not any number of them at the same time.
func TestAdmissionOver(t *testing.T) {
	e := &entrant{t: t, a: new(admission), now: time.Unix(1000, 0), l: Limits{ConnectionsPerIP: 1, ConnectRatePerIP: 1000}.WithDefaults()}
	e.want("192.0.2.1:1", "")
	var told []func()
	for range maxOverPerIP {
		told = append(told, e.want("192.0.2.1:2", "connections_per_ip"))
	}
	e.want("192.0.2.1:3", "!connections_per_ip")
	told[0]()
	e.want("192.0.2.1:4", "connections_per_ip")
	if e.a.over != maxOverPerIP || e.a.total != maxOverPerIP+1 {
		t.Errorf("%d over of %d", e.a.over, e.a.total)
	}
}

func TestAdmissionTotal(t *testing.T) {
	e := &entrant{t: t, a: &admission{exempt: loopback}, now: time.Unix(1000, 0), l: Limits{Connections: 8}.WithDefaults()}
	var in []func()
	for range 8 {
		in = append(in, e.want("127.0.0.1:1", ""))
	}
	for range 1 + 16 { // an eighth of the eight, and sixteen
		in = append(in, e.want("127.0.0.1:2", "connections"))
	}
	e.want("127.0.0.1:3", "!connections")
	for _, release := range in {
		release()
	}
	if e.a.total != 0 || e.a.over != 0 {
		t.Errorf("%d, %d over, after all have left", e.a.total, e.a.over)
	}
	e.want("127.0.0.1:4", "")
}

// Addresses that have gone are forgotten, those that are open or fresh are not.
func TestAdmissionForgets(t *testing.T) {
	e := &entrant{t: t, a: new(admission), now: time.Unix(1000, 0), l: Limits{}.WithDefaults()}
	e.want("192.0.2.1:1", "")()
	e.want("192.0.2.2:1", "") // stays
	e.now = e.now.Add(59 * time.Second)
	e.want("192.0.2.3:1", "")()
	e.now = e.now.Add(2 * time.Second)
	e.want("192.0.2.4:1", "")
	if len(e.a.perIP) != 3 {
		t.Errorf("%d addresses known, want those that are open or came a moment ago: %v", len(e.a.perIP), e.a.perIP)
	}
}
