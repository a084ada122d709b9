package app

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultInstance is the instance of an application that a client named without one.
const DefaultInstance = "_definst_"

// Longest names, in bytes.
const (
	MaxAppName      = 128
	MaxInstanceName = 128
	MaxStreamName   = 512
	MaxQuery        = 2 << 10
)

// NameError says what is wrong with the name of an application, instance or stream.
type NameError struct {
	What   string // "application", "instance", "stream"
	Name   string // shortened
	Reason string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("app: %s name %q: %s", e.What, e.Name, e.Reason)
}

// checkName applies the rules that every name obeys: no rule later sees two spellings of one
// name, and no name can leave a folder it is used in.
func checkName(what, name string, max int) error {
	fail := func(reason string) error {
		return &NameError{What: what, Name: shorten(name, 64), Reason: reason}
	}
	switch {
	case name == "":
		return fail("is empty")
	case len(name) > max:
		return fail(fmt.Sprintf("is longer than %d bytes", max))
	case !utf8.ValidString(name):
		return fail("is not UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return fail("has a control character")
	case strings.Contains(name, `\`):
		return fail("has a backslash")
	}
	for seg := range strings.SplitSeq(name, "/") {
		switch seg {
		case "":
			return fail("has an empty segment")
		case ".", "..":
			return fail("has a segment " + seg)
		}
	}
	return nil
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// splitQuery cuts "name?a=b" and parses the query. Only keys and values are unescaped: clients
// never escape the path.
func splitQuery(s string) (name string, q url.Values, err error) {
	name, raw, ok := strings.Cut(s, "?")
	if !ok {
		return name, nil, nil
	}
	if len(raw) > MaxQuery {
		return name, nil, fmt.Errorf("query longer than %d bytes", MaxQuery)
	}
	q = make(url.Values)
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=") // values are base64 at times: only the first '=' divides
		q.Add(unescape(k), unescape(v))
	}
	return name, q, nil
}

// unescape decodes %XX but leaves '+' alone and returns s as it is when it is no valid escape.
func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

func merge(dst, src url.Values) url.Values {
	if dst == nil {
		dst = make(url.Values, len(src))
	}
	for k, v := range src {
		dst[k] = v
	}
	return dst
}

// parseApp reads the app property of connect: "app", "app/instance", with a query and a
// trailing slash as some clients send.
func parseApp(s string) (app, instance string, q url.Values, err error) {
	s, q, err = splitQuery(s)
	if err != nil {
		return "", "", nil, &NameError{What: "application", Name: shorten(s, 64), Reason: err.Error()}
	}
	s = strings.TrimSuffix(s, "/")
	app, instance, ok := strings.Cut(s, "/")
	if err := checkName("application", app, MaxAppName); err != nil {
		return "", "", nil, err
	}
	if !ok || instance == DefaultInstance {
		return app, DefaultInstance, q, nil
	}
	instance = strings.TrimPrefix(instance, DefaultInstance+"/")
	if err := checkName("instance", instance, MaxInstanceName); err != nil {
		return "", "", nil, err
	}
	return app, instance, q, nil
}

// typePrefixes are the media types that a Flash stream name may begin with.
var typePrefixes = []string{"mp4:", "flv:", "mp3:", "f4v:"}

// parseStream reads the stream name of publish and play into its canonical form.
func parseStream(s string) (name string, q url.Values, err error) {
	name, q, err = splitQuery(s)
	if err != nil {
		return "", nil, &NameError{What: "stream", Name: shorten(name, 64), Reason: err.Error()}
	}
	for _, p := range typePrefixes {
		if rest, ok := strings.CutPrefix(name, p); ok {
			name = rest
			break
		}
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "/"), "/")
	return name, q, checkName("stream", name, MaxStreamName)
}

// StreamKey is the name under which a stream is known to the whole server:
// "app/stream", or "app/instance/stream" outside the default instance. The stream "room/x" of the
// default instance is therefore the stream "x" of the instance "room": clients split one URL at
// different slashes, and must meet all the same. Rules about instances have to judge the key.
func StreamKey(app, instance, stream string) string {
	if instance == "" || instance == DefaultInstance {
		return app + "/" + stream
	}
	return app + "/" + instance + "/" + stream
}

// Redact shortens a stream's name, which is a key for many, for logs.
func Redact(name string) string { return redact(name) }

// redact shortens what may be a stream key for logs: its first third, at most 8 bytes.
func redact(name string) string {
	n := min(len(name)/3, 8)
	for n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n] + "…"
}
