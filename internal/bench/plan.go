// Package bench measures RTMP servers: what they spend for what they deliver, how late it comes, whether anything is missing,
// and the same for several servers in turns on one machine.
package bench

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"penstock/internal/bench/load"
	"penstock/rtmp"
)

// Mode is what is measured.
type Mode string

// The modes.
const (
	Fanout   Mode = "fan-out"  // publishers and players
	Connects Mode = "connects" // connect, answer, close, as often as can be
	Idle     Mode = "idle"     // connections that do nothing
)

// Server is one server to measure.
type Server struct {
	Name    string // in the tables
	URL     string // rtmp://HOST/APP/STREAM; publisher i sends STREAM when there is one, else STREAM followed by i
	PIDs    []int  // its processes on this machine; their children count as well
	Metrics string // URL of its metrics endpoint, when there are no PIDs
	Run     string // a shell command that is the server: it is started before each run and ended after it
}

// Plan is what to do. The zero value of a field that needs one takes no default: the command line has them.
type Plan struct {
	Mode       Mode
	Servers    []Server
	Publishers int
	Players    int // all together, spread evenly over the publishers
	Slow       int // of the players, how many read at half of the bit rate
	Stalled    int // of the players, how many do not read at all
	Shape      load.Shape
	Warmup     time.Duration // between the last player's start and the measurement
	Duration   time.Duration // of the measurement
	Ramp       float64       // players that join per second
	Churn      float64       // players per second that leave and are replaced during the measurement
	Parallel   int           // connections being opened at once
	Idle       int           // connections of the mode idle
	Runs       int           // of each server, in turns
	Timeout    time.Duration // for any one answer
	Remote     bool          // servers may be elsewhere than on this machine
	Insecure   bool          // certificates are not verified
	Log        io.Writer     // told of each step; nil: nobody
}

// The bounds of a plan.
const (
	maxPublishers = 2000
	maxPlayers    = 20000
	maxDuration   = 24 * time.Hour
	maxRuns       = 100
	maxServers    = 16
)

// Check says what is wrong with a plan, and that a server is not on this machine when that was not confirmed.
func (p *Plan) Check() error {
	within := func(what string, v, low, high int) error {
		if v < low || v > high {
			return fmt.Errorf("%s: %d is not between %d and %d", what, v, low, high)
		}
		return nil
	}
	if p.Mode != Fanout && p.Mode != Connects && p.Mode != Idle {
		return fmt.Errorf("the mode is %s, %s or %s", Fanout, Connects, Idle)
	}
	for _, err := range []error{
		within("servers", len(p.Servers), 1, maxServers),
		within("publishers", p.Publishers, 1, maxPublishers),
		within("players", p.Players, 0, maxPlayers),
		within("slow and stalled players", p.Slow+p.Stalled, 0, p.Players),
		within("parallel", p.Parallel, 1, 1000),
		within("idle connections", p.Idle, 1, maxPlayers),
		within("runs", p.Runs, 1, maxRuns),
	} {
		if err != nil {
			return err
		}
	}
	switch {
	case p.Slow < 0 || p.Stalled < 0:
		return fmt.Errorf("slow and stalled players cannot be fewer than none")
	case p.Duration < time.Second || p.Duration > maxDuration || p.Warmup < 0 || p.Warmup > maxDuration:
		return fmt.Errorf("a measurement lasts between 1 s and %v", maxDuration)
	case !(p.Ramp > 0 && p.Ramp <= 10000):
		return fmt.Errorf("between 0 and 10000 players may join per second")
	case !(p.Churn >= 0 && p.Churn <= 1000):
		return fmt.Errorf("between 0 and 1000 players may be replaced per second")
	}
	if err := p.Shape.Check(); err != nil {
		return err
	}
	for i := range p.Servers {
		if err := p.Servers[i].check(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) check(p *Plan) error {
	u, err := rtmp.ParseURL(s.URL)
	switch {
	case err != nil:
		return err
	case u.App == "" || u.Stream == "" && p.Mode == Fanout:
		return fmt.Errorf("%s: the URL names no stream: write it as rtmp://HOST/live/NAME", s.Name)
	case s.Run != "" && (len(s.PIDs) > 0 || s.Metrics != ""):
		return fmt.Errorf("%s: a server that is started here needs neither process IDs nor metrics", s.Name)
	case !p.Remote && !loopback(u.Host):
		return fmt.Errorf("%s is not on this machine: a server that is not yours must not be measured; confirm with --remote that you may", u.Host)
	}
	return nil
}

// loopback tells whether a host is this machine by its name or address; other names are not looked up, they may change.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func (p *Plan) logf(format string, args ...any) {
	if p.Log != nil {
		fmt.Fprintf(p.Log, format+"\n", args...)
	}
}

// sourceAddress gives each of the connections that are opened at once an address of its own on this machine, so that closed
// ones, which keep their port for a minute, do not use up all ports. nil: the system chooses.
func sourceAddress(host string, i int) net.Addr {
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.Is4() || !ip.IsLoopback() {
		return nil
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 1+byte(i>>7), 1+byte(i&0x7F))}
}
