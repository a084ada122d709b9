package judge

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// Target is the server to judge, and what it takes to bring about what a client cannot bring about alone. Empty fields leave the
// cases that need them not reproduced.
type Target struct {
	Address string // host:port
	TLS     *tls.Config
	App     string // the app property, with instance
	Query   string // behind it, with credentials perhaps
	Prefix  string // of every stream name

	RejectingApp     string // refuses every client
	RedirectingApp   string // sends every client elsewhere
	FailingApp       string // fails in its own code when a client connects
	NoPublishApp     string // lets nobody publish
	NoPlayApp        string // lets nobody play
	MethodApp        string // has the methods; App when empty
	FailingMethod    string
	ProhibitedApp    string // has the prohibited method; MethodApp when empty
	ProhibitedMethod string
	EchoMethod       string
	NoReadObject     string // shared object that may not be read
	NoWriteObject    string // shared object that may not be written
	NoCreateObject   string // shared object that is not there and may not be made

	Control Control
}

// Victim is a connection that Control is asked to end.
type Victim struct {
	App, Stream string
	Peer        string // the tester's address, host:port
	ClientID    string // what the server calls it in statuses, if it does
}

// Control is the operator's side of a server. Nil functions are what it cannot do.
type Control struct {
	Close  func(context.Context, Victim) error // ends one healthy connection
	Unload func(ctx context.Context, app string) error
	Load   func(ctx context.Context, app string) error // undoes Unload
	Stop   func(context.Context) error                 // stops the server
	Start  func(context.Context) error                 // starts it again after a case that ended it
}

// ParseURL reads rtmp://HOST[:PORT]/APP[/INSTANCE][?QUERY], or rtmps.
func ParseURL(raw string) (*Target, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "rtmp" && u.Scheme != "rtmps") {
		return nil, fmt.Errorf("%q is no address of a server: write it as rtmp://HOST/APP", raw)
	}
	t := &Target{App: strings.Trim(u.Path, "/"), Query: u.RawQuery}
	if t.App == "" {
		return nil, fmt.Errorf("%q names no application: write it as rtmp://HOST/APP", raw)
	}
	port := u.Port()
	if port == "" {
		port = "1935"
	}
	if u.Scheme == "rtmps" {
		t.TLS = &tls.Config{ServerName: u.Hostname()}
		if u.Port() == "" {
			port = "443"
		}
	}
	t.Address = net.JoinHostPort(u.Hostname(), port)
	return t, nil
}

// URL is the address without credentials.
func (t *Target) URL() string { return t.tcURL(t.App) }

func (t *Target) tcURL(app string) string {
	scheme := "rtmp"
	if t.TLS != nil {
		scheme = "rtmps"
	}
	return scheme + "://" + t.Address + "/" + app
}

// Loopback tells whether the server is on this machine.
func (t *Target) Loopback() bool {
	host, _, _ := net.SplitHostPort(t.Address)
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost"
}

// secrets are the values of the query, which no report may show.
func (t *Target) secrets() []string {
	var list []string
	q, _ := url.ParseQuery(t.Query)
	for _, values := range q {
		for _, v := range values {
			if v != "" {
				list = append(list, v)
			}
		}
	}
	return list
}

func (t *Target) dial(ctx context.Context, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", t.Address)
	if err != nil || t.TLS == nil {
		return nc, err
	}
	tc := tls.Client(nc, t.TLS)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return tc, nil
}
