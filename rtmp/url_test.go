package rtmp

import (
	"errors"
	"strings"
	"testing"
)

var urlTests = []struct {
	raw     string
	app     string
	stream  string
	address string
	tcURL   string
}{
	{"rtmp://h/app/key", "app", "key", "h:1935", "rtmp://h/app"},
	{"rtmp://h/app", "app", "", "h:1935", "rtmp://h/app"},
	{"rtmp://h/app/", "app", "", "h:1935", "rtmp://h/app"},
	{"rtmp://h/", "", "", "h:1935", "rtmp://h/"},
	{"rtmp://h", "", "", "h:1935", "rtmp://h/"},
	{"rtmps://h/app/key", "app", "key", "h:443", "rtmps://h/app"},
	{"RTMP://h:1936/app/key", "app", "key", "h:1936", "rtmp://h:1936/app"},
	{"rtmp://[::1]/app/key", "app", "key", "[::1]:1935", "rtmp://[::1]/app"},
	{"rtmp://[::1]:99/app/key", "app", "key", "[::1]:99", "rtmp://[::1]:99/app"},
	{"rtmp://u:p@h/app/key", "app", "key", "h:1935", "rtmp://h/app"},
	{"rtmp://u:p@w@h/app/key", "app", "key", "h:1935", "rtmp://h/app"},
	{"rtmp://h/a/b/c", "a/b", "c", "h:1935", "rtmp://h/a/b"},
	{"rtmp://h/a/b/c/d/e", "a/b", "c/d/e", "h:1935", "rtmp://h/a/b"},
	{"rtmp://h/a/mp4:b/c.mp4", "a", "mp4:b/c.mp4", "h:1935", "rtmp://h/a"},
	{"rtmp://h/a/b/mp4:c.mp4", "a/b", "mp4:c.mp4", "h:1935", "rtmp://h/a/b"},
	{"rtmp://h/a/b.mp4", "a", "mp4:b.mp4", "h:1935", "rtmp://h/a"},
	{"rtmp://h/a/b.f4v", "a", "mp4:b.f4v", "h:1935", "rtmp://h/a"},
	{"rtmp://h/a/b.flv", "a", "b", "h:1935", "rtmp://h/a"},
	{"rtmp://h/ondemand/a/b/c", "ondemand", "a/b/c", "h:1935", "rtmp://h/ondemand"},
	{"rtmp://h/app/key?t=1&u=2", "app", "key?t=1&u=2", "h:1935", "rtmp://h/app"},
	{"rtmp://h/app?k=v", "app?k=v", "", "h:1935", "rtmp://h/app?k=v"},
	{"rtmp://h/live2?backup=1/key", "live2?backup=1", "key", "h:1935", "rtmp://h/live2?backup=1"},
	{"rtmp://h/app/key?t=a/b", "app/key?t=a", "b", "h:1935", "rtmp://h/app/key?t=a"}, // as FFmpeg
	{"rtmp://h/a?slist=b/c&d=e", "a?slist=b/c&d=e", "b/c", "h:1935", "rtmp://h/a?slist=b/c&d=e"},
	{"rtmp://h/app/live_1_%zz+~.-_", "app", "live_1_%zz+~.-_", "h:1935", "rtmp://h/app"},
	{"  rtmp://h/app/key\n", "app", "key", "h:1935", "rtmp://h/app"},
}

func TestParseURL(t *testing.T) {
	for _, tt := range urlTests {
		u, err := ParseURL(tt.raw)
		if err != nil {
			t.Errorf("%q: %v", tt.raw, err)
			continue
		}
		if u.App != tt.app || u.Stream != tt.stream || u.Address() != tt.address || u.TCURL() != tt.tcURL {
			t.Errorf("%q: app %q stream %q address %q tcUrl %q, want %q %q %q %q", tt.raw,
				u.App, u.Stream, u.Address(), u.TCURL(), tt.app, tt.stream, tt.address, tt.tcURL)
		}
	}
}

func TestParseURLErrors(t *testing.T) {
	for _, raw := range []string{
		"", "h/app", "http://h/app", "rtmp:/h/app", "rtmp:///app", "rtmp://:1935/app", "rtmp://h:0/a", "rtmp://h:65536/a",
		"rtmp://h:port/a", "rtmp://[::1/app", "rtmp://[::1]x/app", "rtmpt://h/secret", "rtmp://h/secret\x00", "rtmp://h/a\rb",
	} {
		_, err := ParseURL(raw)
		var ue *URLError
		if !errors.As(err, &ue) || ue.Reason == "" {
			t.Errorf("%q: error %v, want a URLError with a reason", raw, err)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats the address: %v", raw, err)
		}
	}
}

func TestURLRedacted(t *testing.T) {
	for raw, want := range map[string]string{
		"rtmp://alice:hunter2@h:99/app/secret?token=abc": "rtmp://h:99/app/***",
		"rtmp://h/app?token=abc":                         "rtmp://h/app?***",
		"rtmp://h/app?token=abc/key":                     "rtmp://h/app?***/***",
		"rtmps://h/app":                                  "rtmps://h/app",
	} {
		u, err := ParseURL(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Redacted(); got != want {
			t.Errorf("%q: redacted %q, want %q", raw, got, want)
		}
		if u.String() != raw {
			t.Errorf("%q: String %q", raw, u.String())
		}
	}
}

func TestURLQuery(t *testing.T) {
	for raw, want := range map[string]string{
		"rtmp://h/app/key":         "",
		"rtmp://h/app/key?a=1":     "a=1",
		"rtmp://h/app?a=1/key":     "a=1",
		"rtmp://h/app?a=1/key?b=2": "a=1&b=2",
	} {
		if u, err := ParseURL(raw); err != nil || u.Query() != want {
			t.Errorf("%q: query %q (%v), want %q", raw, u.Query(), err, want)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, tt := range urlTests {
		f.Add(tt.raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := ParseURL(raw)
		if err != nil {
			return
		}
		if u.Host == "" || u.Address() == "" || !strings.HasPrefix(u.TCURL(), u.Scheme+"://") {
			t.Fatalf("%q: %+v", raw, u)
		}
		other := u
		other.Stream, other.User, other.Password = "other", "u", "p"
		if u.Stream != "" && u.Redacted() != other.Redacted() {
			t.Fatalf("%q: what is redacted depends on the stream: %q", raw, u.Redacted())
		}
	})
}
