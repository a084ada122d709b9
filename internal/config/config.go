// Package config reads the configuration of penstock: one YAML file, every key of which has a default, so that no file is
// needed. It is strict: a key that does not exist, a value of the wrong kind and a value that makes no sense are errors that
// name the line. docs/config.md is generated from the comments in this package:
//
//	go generate ./internal/config
package config

//go:generate go test -count=1 -run TestReferenceIsCurrent -update .

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
	"time"
)

// Config is a whole configuration. It does not change after it was read.
type Config struct {
	RTMP     RTMP     `yaml:"rtmp"`
	HTTP     HTTP     `yaml:"http"`
	Console  Console  `yaml:"console"`
	Data     string   `yaml:"data"` // folder for what outlives the process; made when something needs it
	Refusals Refusals `yaml:"refusals"`
	Log      Log      `yaml:"log"`
	Identity Identity `yaml:"identity"`
	// OnBWDone sends the onBWDone that follows a successful connect; some old players wait for it.
	OnBWDone bool     `yaml:"on_bw_done"`
	Shutdown Shutdown `yaml:"shutdown"`
	// ExemptNetworks are networks not counted by limits.connections_per_ip and limits.connect_rate_per_ip: put here the
	// address of a proxy or gateway from which everyone seems to come.
	ExemptNetworks Networks `yaml:"exempt_networks"`
	// Apps are the applications by name; clients of any other are rejected. Naming one replaces the default, which is the
	// single application `live`.
	Apps map[string]App `yaml:"apps"`
	// Scripts is a folder of scripted applications: each folder in it with a main.asc or main.js is one, under the folder's name. Their
	// scripts are trusted like the configuration: docs/scripting.md says what they can do, and what bounds them.
	Scripts string `yaml:"scripts"`
	Limits  Limits `yaml:"limits"`
}

// RTMP is where publishers and players connect.
type RTMP struct {
	Listen string `yaml:"listen"` // address and port; without an address, every address of the machine
	TLS    TLS    `yaml:"tls"`
}

// TLS is a certificate. With one the RTMP port accepts RTMPS too, both being told apart by their first byte; the HTTP port
// speaks HTTPS only.
type TLS struct {
	Cert string `yaml:"cert"` // file with the certificate and its chain, PEM
	Key  string `yaml:"key"`  // file with the private key, PEM
}

// HTTP is where the page and HTTP-FLV, for players in browsers, are served.
type HTTP struct {
	Listen string   `yaml:"listen"` // address and port, or "off"
	Wait   Duration `yaml:"wait"`   // how long a player over HTTP waits for a publisher; 0 not at all
	Linger Duration `yaml:"linger"` // how long it waits for the next one when the publisher has left; 0 not at all
	// Public shows visitors from everywhere what is live, who is connected and who was refused, with names and addresses
	// shortened; without it only loopback and private networks see that.
	Public bool `yaml:"public"`
	// Hosts are host names by which visitors on loopback and private networks open the page, beside those that always work:
	// addresses, names without a dot, and names under localhost, local, lan, home.arpa and internal.
	Hosts []string `yaml:"hosts"`
	TLS   TLS      `yaml:"tls"`
	// Tunnel lets RTMP in through HTTP: RTMPT (RTMPTS with tls), and RTMP over WebSocket at /rtmp.
	Tunnel bool `yaml:"tunnel"`
	// Pages is a folder of pages of your own, served at /pages/. They are of the same origin as the console: put nothing there that
	// others can write.
	Pages string `yaml:"pages"`
	// Gateway serves Flash Remoting (AMF over HTTP) at /gateway: calls of the applications' methods, each request a connection
	// of its own, under the same rules as over RTMP.
	Gateway bool `yaml:"gateway"`
	// GatewayDescribe lets callers of the gateway ask, by the header DescribeService, which methods an application has.
	GatewayDescribe bool `yaml:"gateway_describe"`
	// PolicyDomains are the hosts whose Flash movies may use the gateway and open sockets to the RTMP port: example.com,
	// *.example.com, or * for all. They are what /crossdomain.xml, a policy-file request and, at the gateway, a browser's question
	// (CORS) are answered with; without any, no movie of another host may.
	PolicyDomains []string `yaml:"policy_domains"`
	// Origins are the hosts whose pages may open the WebSocket at /rtmp, beside the server's own page: example.com, or
	// *.example.com for its subdomains.
	Origins []string `yaml:"origins"`
}

// Log says what is written to stderr, and how.
type Log struct {
	Level  string    `yaml:"level"`  // least level that is written: debug, info, warn or error
	Format string    `yaml:"format"` // text or json
	Access AccessLog `yaml:"access"`
}

// Identity is what the server says of itself in the answer to connect. Old clients look at it to find out what a server can do.
type Identity struct {
	FMSVersion   string  `yaml:"fms_version"`  // `fmsVer`
	Capabilities float64 `yaml:"capabilities"` // `capabilities`
	Version      string  `yaml:"version"`      // `data.version`
}

// Shutdown is what happens on SIGTERM and SIGINT: clients are told NetConnection.Connect.AppShutdown.
type Shutdown struct {
	Grace Duration `yaml:"grace"` // the process ends within this time
	// ReconnectURL is where clients that understand a reconnect request (Enhanced RTMP v2) are asked to go first.
	ReconnectURL   string   `yaml:"reconnect_url"`
	ReconnectGrace Duration `yaml:"reconnect_grace"` // how long they may take, within shutdown.grace
}

// Default is the configuration without a file. Apps is nil: see Applications.
func Default() *Config {
	return &Config{
		RTMP:           RTMP{Listen: ":1935"},
		HTTP:           HTTP{Listen: ":8080", Tunnel: true, Gateway: true, Wait: Duration(10 * time.Second), Linger: Duration(10 * time.Second)},
		Console:        defaultConsole(),
		Data:           "./data",
		Refusals:       defaultRefusals(),
		Log:            Log{Level: "info", Format: "text", Access: AccessLog{MaxBytes: 16 << 20, Keep: 8}},
		Identity:       Identity{FMSVersion: "FMS/5,0,15,5004", Capabilities: 255, Version: "5,0,15,5004"},
		OnBWDone:       true,
		Shutdown:       Shutdown{Grace: Duration(10 * time.Second), ReconnectGrace: Duration(5 * time.Second)},
		ExemptNetworks: MustNetworks("loopback"),
		Limits:         DefaultLimits(),
	}
}

// Applications are Apps, or the default when none is named.
func (c *Config) Applications() map[string]App {
	if len(c.Apps) > 0 {
		return c.Apps
	}
	return map[string]App{"live": DefaultApp()}
}

// FieldError is a value that makes no sense, or a key that does not exist.
type FieldError struct {
	Path   string // "limits.connections"; "" is the whole file
	Reason string
}

func (e *FieldError) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

func fieldErrorf(path, format string, args ...any) error {
	return &FieldError{Path: path, Reason: fmt.Sprintf(format, args...)}
}

// Validate returns a *FieldError for the first value that makes no sense. It opens no file and no port.
func (c *Config) Validate() error {
	checks := []func() error{
		c.RTMP.Validate, c.HTTP.Validate, c.Console.Validate, c.Refusals.Validate, c.Log.Validate, c.Identity.Validate, c.Shutdown.Validate,
		func() error { return validateApps(c.Apps) }, c.Limits.Validate, c.validateHookTimes,
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	if c.Data == "" {
		return fieldErrorf("data", "is empty, name a folder")
	}
	return nil
}

// validateHookTimes wants hooks to answer before the application as a whole has to.
func (c *Config) validateHookTimes() error {
	for _, name := range sortedKeys(c.Apps) {
		if h := c.Apps[name].Hooks; h.Used() && h.Timeout >= c.Limits.HandlerTimeout {
			return fieldErrorf("apps."+name+".hooks.timeout", "%v is not below limits.handler_timeout, %v", h.Timeout, c.Limits.HandlerTimeout)
		}
	}
	return nil
}

// Validate checks the section.
func (r *RTMP) Validate() error {
	if err := checkListen("rtmp.listen", r.Listen); err != nil {
		return err
	}
	return r.TLS.validate("rtmp.tls")
}

func (t *TLS) validate(path string) error {
	if (t.Cert == "") != (t.Key == "") {
		return fieldErrorf(path, "cert and key belong together, set both or none")
	}
	return nil
}

// Off reports whether nothing is served over HTTP.
func (h *HTTP) Off() bool { return h.Listen == "off" }

// Validate checks the section.
func (h *HTTP) Validate() error {
	if h.Off() {
		return nil
	}
	if err := checkListen("http.listen", h.Listen); err != nil {
		return err
	}
	for _, o := range h.Origins {
		if _, err := path.Match(o, ""); err != nil || o == "" || strings.ContainsAny(o, "/: ") {
			return fieldErrorf("http.origins", "%q is not a host, such as example.com or *.example.com", o)
		}
	}
	for _, d := range h.PolicyDomains {
		if d == "" || strings.ContainsAny(d, "/: <>&\"'") {
			return fieldErrorf("http.policy_domains", "%q is not a host, such as example.com, *.example.com or *", d)
		}
	}
	return h.TLS.validate("http.tls")
}

func checkListen(key, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" {
		return fieldErrorf(key, "%q is not ADDRESS:PORT, such as 127.0.0.1:1935 or :1935", addr)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fieldErrorf(key, "%q has no port from 0 to 65535", addr)
	}
	return nil
}

// Validate checks the section.
func (l *Log) Validate() error {
	if err := oneOf("log.level", l.Level, "debug", "info", "warn", "error"); err != nil {
		return err
	}
	if err := oneOf("log.format", l.Format, "text", "json"); err != nil {
		return err
	}
	return l.Access.Validate()
}

func oneOf(path, got string, want ...string) error {
	for _, w := range want {
		if got == w {
			return nil
		}
	}
	last := len(want) - 1
	return fieldErrorf(path, "%q is not %s or %s", got, strings.Join(want[:last], ", "), want[last])
}

// Validate checks the section.
func (i *Identity) Validate() error {
	if i.FMSVersion == "" {
		return fieldErrorf("identity.fms_version", "is empty, clients expect one such as FMS/5,0,15,5004")
	}
	return nil
}

// Validate checks the section.
func (s *Shutdown) Validate() error {
	switch {
	case s.Grace <= 0:
		return fieldErrorf("shutdown.grace", "must be above 0")
	case s.ReconnectGrace <= 0:
		return fieldErrorf("shutdown.reconnect_grace", "must be above 0")
	case s.ReconnectURL == "":
		return nil
	case s.ReconnectGrace >= s.Grace:
		return fieldErrorf("shutdown.reconnect_grace", "%v leaves nothing of shutdown.grace, %v, for the others", s.ReconnectGrace, s.Grace)
	}
	return checkRTMPURL("shutdown.reconnect_url", s.ReconnectURL)
}

func checkRTMPURL(path, raw string) error {
	u, err := url.Parse(raw)
	if err != nil || !strings.HasPrefix(u.Scheme, "rtmp") || u.Host == "" {
		return fieldErrorf(path, "%q is not an RTMP URL, such as rtmp://other.example/live", raw)
	}
	return nil
}
