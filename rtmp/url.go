package rtmp

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Default ports of the two schemes.
const (
	DefaultPort    = "1935" // rtmp
	DefaultTLSPort = "443"  // rtmps
)

// URL is an RTMP address taken apart. App and Stream are what goes over the wire, in connect
// and in publish or play, each with the query that was written in it: neither is decoded,
// because clients never do that and stream keys contain what looks like escapes.
type URL struct {
	Scheme         string // "rtmp" or "rtmps"
	User, Password string // as written before "@", never sent by this package
	Host           string // name or address, without the brackets of IPv6
	Port           string // "" when none was written: see Address
	App            string // "live", "live/instance", "live2?backup=1"
	Stream         string // "key", "mp4:film.mp4", "key?token=x", or "" when there is none
}

// URLError reports a text that is not an RTMP address. It never contains the text, which may
// hold a stream key.
type URLError struct{ Reason string }

func (e *URLError) Error() string { return "rtmp: invalid URL: " + e.Reason }

// ParseURL takes an address apart where FFmpeg does, so that one address means the same here
// and there:
//
//	rtmp://host/app                 app "app", no stream
//	rtmp://host/app/key             app "app", stream "key"
//	rtmp://host/app/inst/key/more   app "app/inst", stream "key/more"
//	rtmp://host/app/mp4:a/b.mp4     a colon before the second slash: app "app", stream "mp4:a/b.mp4"
//	rtmp://host/ondemand/a/b        app "ondemand", stream "a/b"
//	rtmp://host/app/key?token=x     app "app", stream "key?token=x"
//	rtmp://host/app?backup=1/key    app "app?backup=1", stream "key"
//	rtmp://host/app?slist=name      app "app?slist=name", stream "name"
//
// A slash in a query separates like any other: rtmp://host/app/key?t=a/b is app "app/key?t=a"
// and stream "b". Tokens must therefore be free of slashes. A stream that ends in .mp4 or .f4v
// and has no colon gets the prefix "mp4:"; a final ".flv" is taken off. The error is a
// *URLError.
func ParseURL(raw string) (URL, error) {
	var u URL
	scheme, rest, ok := strings.Cut(strings.TrimSpace(raw), "://")
	if !ok {
		return u, &URLError{"no scheme, want rtmp:// or rtmps://"}
	}
	u.Scheme = strings.ToLower(scheme)
	if u.Scheme != "rtmp" && u.Scheme != "rtmps" {
		return u, &URLError{"the scheme is neither rtmp nor rtmps"}
	}
	for _, r := range rest {
		if r < ' ' || r == 0x7F {
			return u, &URLError{"it contains a control character"}
		}
	}
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], strings.TrimPrefix(rest[i:], "/")
	}
	if err := u.parseAuthority(authority); err != nil {
		return URL{}, err
	}
	u.App, u.Stream = splitPath(path)
	u.Stream = playpath(u.Stream)
	return u, nil
}

func (u *URL) parseAuthority(s string) error {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		u.User, u.Password, _ = strings.Cut(s[:i], ":")
		s = s[i+1:]
	}
	u.Host = s
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return &URLError{"the bracket of the IPv6 address is not closed"}
		}
		u.Host, s = s[1:end], s[end+1:]
		if s != "" && s[0] != ':' {
			return &URLError{"something follows the IPv6 address"}
		}
		u.Port = strings.TrimPrefix(s, ":")
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		u.Host, u.Port = s[:i], s[i+1:]
	}
	if u.Host == "" {
		return &URLError{"no host"}
	}
	if u.Port != "" {
		if n, err := strconv.ParseUint(u.Port, 10, 16); err != nil || n == 0 {
			return &URLError{"the port is not a number from 1 to 65535"}
		}
	}
	return nil
}

// splitPath separates the path, without its first slash, into application and stream.
func splitPath(path string) (app, stream string) {
	if i := strings.IndexByte(path, '?'); i >= 0 {
		if _, name, ok := strings.Cut(path[i:], "slist="); ok {
			name, _, _ = strings.Cut(name, "&")
			return path, name
		}
	}
	if rest, ok := strings.CutPrefix(path, "ondemand/"); ok {
		return "ondemand", rest
	}
	first := strings.IndexByte(path, '/')
	if first < 0 {
		return path, ""
	}
	rest := path[first+1:]
	second := strings.IndexByte(rest, '/')
	colon := strings.IndexByte(rest, ':')
	if second < 0 || colon >= 0 && colon < second {
		return path[:first], rest
	}
	return path[:first+1+second], rest[second+1:]
}

func playpath(name string) string {
	if strings.HasSuffix(name, ".flv") {
		return strings.TrimSuffix(name, ".flv")
	}
	film := strings.HasSuffix(name, ".mp4") || strings.HasSuffix(name, ".f4v")
	if film && !strings.Contains(name, ":") {
		return "mp4:" + name
	}
	return name
}

// Address is host and port to connect to, the scheme's default port when none was written.
func (u URL) Address() string {
	port := u.Port
	if port == "" {
		port = DefaultPort
		if u.Scheme == "rtmps" {
			port = DefaultTLSPort
		}
	}
	return net.JoinHostPort(u.Host, port)
}

// TCURL is the tcUrl property of connect: scheme, host, port if one was written, application.
func (u URL) TCURL() string { return u.origin() + "/" + u.App }

func (u URL) origin() string {
	host := u.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if u.Port != "" {
		host += ":" + u.Port
	}
	return u.Scheme + "://" + host
}

// Query is the query of App and that of Stream, joined by "&": what a server that looks in
// both places finds. It is not decoded.
func (u URL) Query() string {
	_, a, _ := strings.Cut(u.App, "?")
	_, b, _ := strings.Cut(u.Stream, "?")
	if a != "" && b != "" {
		return a + "&" + b
	}
	return a + b
}

// String is the whole address, with user, password and stream name: do not log it.
func (u URL) String() string {
	s := u.origin()
	if u.User != "" || u.Password != "" {
		scheme, rest, _ := strings.Cut(s, "://")
		s = fmt.Sprintf("%s://%s:%s@%s", scheme, u.User, u.Password, rest)
	}
	s += "/" + u.App
	if u.Stream != "" {
		s += "/" + u.Stream
	}
	return s
}

// Redacted is the address for logs: without user, password, query or stream name, which is a
// key more often than not.
func (u URL) Redacted() string {
	app, _, query := strings.Cut(u.App, "?")
	s := u.origin() + "/" + app
	if query {
		s += "?***"
	}
	if u.Stream != "" {
		s += "/***"
	}
	return s
}
