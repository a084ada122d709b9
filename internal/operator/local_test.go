package operator

import (
	"net/http"
	"strings"
	"testing"
)

// Without users and tokens there is no password that everybody knows: this machine is answered, and nobody else.
func TestOnlyThisMachineWithoutUsers(t *testing.T) {
	a, _ := authority(t, Options{})
	for _, tc := range []struct {
		name    string
		headers []string
		why     string // "" is let in
	}{
		{"localhost", []string{"From", "127.0.0.1:5", "Host", "localhost:8080"}, ""},
		{"address", []string{"From", "127.0.0.1:5", "Host", "127.0.0.1:8080"}, ""},
		{"no port", []string{"From", "127.0.0.2:5", "Host", "LOCALHOST."}, ""},
		{"IPv6", []string{"From", "[::1]:5", "Host", "[::1]:8080"}, ""},
		{"IPv4 in IPv6", []string{"From", "[::ffff:127.0.0.1]:5", "Host", "127.0.0.1"}, ""},
		{"a browser on the console itself", []string{"From", "127.0.0.1:5", "Host", "localhost:8080", "Origin", "http://localhost:8080", "Sec-Fetch-Site", "same-origin"}, ""},
		{"credentials are of no use, and no harm", []string{"From", "127.0.0.1:5", "Host", "localhost", "Authorization", "Bearer x"}, ""},

		{"another machine", []string{"From", "192.168.1.5:5", "Host", "localhost:8080"}, `you came from "192.168.1.5"`},
		{"another machine, IPv6", []string{"From", "[2001:db8::1]:5", "Host", "[::1]"}, `you came from "2001:db8::1"`},
		{"no address", []string{"From", "@", "Host", "localhost"}, "you came from"},
		{"rebound name", []string{"From", "127.0.0.1:5", "Host", "evil.example:8080"}, `by the name "evil.example"`},
		{"name that begins like ours", []string{"From", "127.0.0.1:5", "Host", "localhost.evil.example"}, "by the name"},
		{"name that ends like ours", []string{"From", "127.0.0.1:5", "Host", "evillocalhost"}, "by the name"},
		{"no name", []string{"From", "127.0.0.1:5", "Host", ""}, "by the name"},
		{"hostile name", []string{"From", "127.0.0.1:5", "Host", "<script>\u202e"}, `by the name "<script>\u202e"`},
		{"proxy", []string{"From", "127.0.0.1:5", "Host", "localhost", "X-Forwarded-For", "127.0.0.1"}, "X-Forwarded-For"},
		{"proxy, standard", []string{"From", "127.0.0.1:5", "Host", "localhost", "Forwarded", "for=127.0.0.1"}, "Forwarded"},
		{"proxy, other", []string{"From", "127.0.0.1:5", "Host", "localhost", "X-Real-IP", "10.0.0.1"}, "X-Real-Ip"},
		{"proxy that says so only", []string{"From", "127.0.0.1:5", "Host", "localhost", "Via", "1.1 x"}, "Via"},
		{"proxy that says nothing", []string{"From", "127.0.0.1:5", "Host", "127.0.0.1:8080", "Proto", "1.0"}, "HTTP/1.0"},
		{"page of another site", []string{"From", "127.0.0.1:5", "Host", "localhost", "Origin", "https://evil.example"}, "evil.example"},
		{"page without a site", []string{"From", "127.0.0.1:5", "Host", "localhost", "Origin", "null"}, "null"},
		{"image in a page of another site", []string{"From", "127.0.0.1:5", "Host", "localhost", "Sec-Fetch-Site", "cross-site"}, "another site"},
		{"another port of this machine", []string{"From", "127.0.0.1:5", "Host", "localhost", "Sec-Fetch-Site", "same-site"}, "another site"},
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			served := false
			h := a.Require(Admin, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				id := From(r.Context())
				served = id.Role == Admin && id.By == ByLoopback && id.Name != ""
			}))
			w := serve(h, request(method, "/api", "", tc.headers...))
			if closed := a.Closed(request(method, "/console/", "", tc.headers...)); closed != (tc.why != "") {
				t.Errorf("%s %s: closed %t", method, tc.name, closed)
			}
			if tc.why == "" {
				if !served {
					t.Errorf("%s %s: %d %s", method, tc.name, w.Code, w.Body)
				}
				continue
			}
			d := detail(t, w)
			if served || w.Code != http.StatusForbidden || !strings.Contains(d, tc.why) ||
				!strings.Contains(d, "console.users") || !strings.Contains(d, "console.tokens") {
				t.Errorf("%s %s: served %t, %d %q, want %q and what to configure", method, tc.name, served, w.Code, d, tc.why)
			}
		}
	}
}

func TestClosedToNobodyOnceThereAreUsers(t *testing.T) {
	a, log := authority(t, options())
	if a.Closed(request("GET", "/console/", "")) || strings.Contains(log.String(), "this machine only") {
		t.Errorf("whoever can log in is turned away; log: %s", log)
	}
	if _, log := authority(t, Options{}); !strings.Contains(log.String(), "this machine only") {
		t.Errorf("the log does not say who is answered: %s", log)
	}
}

// There is nothing to log in with, and the console says so.
func TestNoLogInWithoutUsers(t *testing.T) {
	a, _ := authority(t, Options{})
	for _, body := range []string{`{"user":"admin","password":"admin"}`, `{"token":""}`, `{"user":"","password":""}`} {
		w, c := logIn(t, a, body)
		if w.Code != http.StatusForbidden || c != nil || !strings.Contains(detail(t, w), "No users and no tokens are configured") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	here := serve(a.Sessions(), request("GET", "/console/session", "", "From", "127.0.0.1:1", "Host", "localhost"))
	if got := here.Body.String(); got != `{"name":"this machine","role":"admin","by":"loopback","users":false,"tokens":false}`+"\n" {
		t.Errorf("this machine is told %s", got)
	}
	there := serve(a.Sessions(), request("GET", "/console/session", ""))
	if got := there.Body.String(); !strings.Contains(got, `"role":"nobody"`) || !strings.Contains(got, "console.users") {
		t.Errorf("another machine is told %s", got)
	}
}
