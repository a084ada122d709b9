package page

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

func TestAccess(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, from string
		headers    []string
		whole      bool
		why        string // part of what the visitor reads
	}{
		{name: "loopback", from: "127.0.0.1", whole: true},
		{name: "loopback IPv6", from: "::1", whole: true},
		{name: "IPv4 in IPv6", from: "::ffff:192.168.1.4", whole: true},
		{name: "private 10", from: "10.1.2.3", whole: true},
		{name: "private 172.16", from: "172.31.0.9", whole: true},
		{name: "unique local", from: "fd00::7", whole: true},
		{name: "link-local with a zone", from: "fe80::1%eth0", whole: true},
		{name: "outside", from: "203.0.113.5", why: "203.0.113.5. The option http.public"},
		{name: "not quite private", from: "172.32.0.1", why: "172.32.0.1"},
		{name: "outside IPv6", from: "2001:db8::1", why: "2001:db8::1"},
		{name: "proxy for a stranger", from: "127.0.0.1", headers: []string{"X-Forwarded-For", "198.51.100.9"}, why: "198.51.100.9 through a proxy"},
		{name: "proxy for the house", from: "127.0.0.1", headers: []string{"X-Forwarded-For", "192.168.0.4, 127.0.0.1"}, whole: true},
		{name: "two proxies, a stranger first", from: "10.0.0.2", headers: []string{"X-Forwarded-For", "198.51.100.9, 10.0.0.1"}, why: "proxy"},
		{name: "second line", from: "10.0.0.2", headers: []string{"X-Forwarded-For", "10.0.0.1", "X-Forwarded-For", "198.51.100.9"}, why: "proxy"},
		{name: "X-Real-IP", from: "127.0.0.1", headers: []string{"X-Real-IP", "198.51.100.9"}, why: "proxy"},
		{name: "Forwarded", from: "127.0.0.1", headers: []string{"Forwarded", `for="[2001:db8::17]:4711";proto=https`}, why: "2001:db8::17"},
		{name: "Forwarded in the house", from: "127.0.0.1", headers: []string{"Forwarded", "for=192.168.0.4;by=10.0.0.1"}, whole: true},
		{name: "Forwarded, hidden", from: "127.0.0.1", headers: []string{"Forwarded", "for=_secret"}, why: "_secret"},
		{name: "Forwarded, nothing said", from: "127.0.0.1", headers: []string{"Forwarded", "proto=https"}, why: "an unnamed address"},
		{name: "forged: a stranger cannot become local", from: "203.0.113.5", headers: []string{"X-Forwarded-For", "127.0.0.1"}, why: "203.0.113.5"},
		{name: "localhost", from: "127.0.0.1", headers: []string{"Host", "localhost:8080"}, whole: true},
		{name: "IPv6 host", from: "::1", headers: []string{"Host", "[::1]:8080"}, whole: true},
		{name: "name in the house", from: "10.0.0.3", headers: []string{"Host", "Media.LAN"}, whole: true},
		{name: "short name", from: "10.0.0.3", headers: []string{"Host", "media:8080"}, whole: true},
		{name: "own name", from: "10.0.0.3", headers: []string{"Host", own}, whole: true},
		{name: "configured name", from: "10.0.0.3", headers: []string{"Host", "tv.example.com."}, whole: true},
		{name: "rebound name", from: "127.0.0.1", headers: []string{"Host", "evil.example"}, why: "evil.example"},
		{name: "rebound name that ends like ours", from: "127.0.0.1", headers: []string{"Host", "eviltv.example.com"}, why: "http.hosts"},
	}
	for _, public := range []bool{false, true} {
		o := Options{Server: newServer(), Public: public, Hosts: []string{"TV.example.com"}, PublicOption: "http.public", HostsOption: "http.hosts"}
		h := New(o)
		for _, tt := range tests {
			res := ask(t, h, "GET", "/state.json", tt.from, tt.headers...)
			text := body(t, res)
			var got struct {
				Redacted bool
				Error    string
			}
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%s: %v in %s", tt.name, err, text)
			}
			switch {
			case tt.whole || public:
				if res.StatusCode != 200 || got.Redacted == tt.whole {
					t.Errorf("public %t, %s: status %d, redacted %t", public, tt.name, res.StatusCode, got.Redacted)
				}
			case res.StatusCode != 403 || !strings.Contains(got.Error, tt.why):
				t.Errorf("%s: status %d, %q, want 403 and a text with %q", tt.name, res.StatusCode, got.Error, tt.why)
			}
			if cc := res.Header.Get("Cache-Control"); cc != "no-store" {
				t.Errorf("%s: Cache-Control %q", tt.name, cc)
			}
		}
	}
}

func TestVisitorWithoutPort(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "@" // a Unix socket
	if from, local := visitor(r); local || from != "@" {
		t.Errorf("visitor = %q, %t", from, local)
	}
}
