package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"penstock/internal/lockout"
)

// The cookie of a log-in is not for scripts, not for other sites, and over TLS for TLS only.
func TestCookie(t *testing.T) {
	a, log := authority(t, options())
	for _, tc := range []struct {
		name    string
		headers []string
		secure  bool
	}{
		{"plain", nil, false},
		{"behind a proxy that speaks TLS", []string{"X-Forwarded-Proto", "https"}, true},
	} {
		w, c := logIn(t, a, `{"user":"otto","password":"pw"}`, tc.headers...)
		if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure != tc.secure || c.Path != "/" || c.Domain != "" ||
			c.MaxAge != int(DefaultSession.Seconds()) || len(c.Value) < 26 {
			t.Fatalf("%s: %+v", tc.name, c)
		}
		if strings.Contains(w.Body.String(), c.Value) || strings.Contains(log.String(), c.Value) || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: the secret is told: %s", tc.name, w.Body)
		}
		if want := `{"name":"otto","role":"operator","by":"session","users":true,"tokens":true}`; strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s: %s", tc.name, w.Body)
		}
	}
	overTLS := httptest.NewRequest("POST", "https://tv.example/console/session", nil)
	if !cookie(overTLS, "x", time.Hour).Secure {
		t.Error("over TLS the cookie is not for TLS only")
	}
	if !strings.Contains(log.String(), "logged in") {
		t.Errorf("the log does not say who logged in: %s", log)
	}
}

// A log-in that is none leaves no cookie, and tells the same of an unknown user as of a wrong password.
func TestLogInRefuses(t *testing.T) {
	a, _ := authority(t, options())
	for _, tc := range []struct {
		name, body string
		headers    []string
		code       int
		text       string
	}{
		{"wrong password", `{"user":"otto","password":"px"}`, nil, 401, "The user name or the password is wrong."},
		{"unknown user", `{"user":"eve","password":"pw"}`, nil, 401, "The user name or the password is wrong."},
		{"token", `{"token":"x"}`, nil, 401, "The token is unknown."},
		{"empty", `{}`, nil, 401, "wrong"},
		{"no JSON", `user=otto&password=pw`, nil, 400, "JSON"},
		{"other kind", `{"user":"otto","password":"pw"}`, []string{"Content-Type", "text/plain"}, 415, "application/json"},
		{"long", `{"user":"` + strings.Repeat("x", maxLogin) + `"}`, nil, 400, "8192"},
		{"from another site", `{"user":"otto","password":"pw"}`, []string{"Sec-Fetch-Site", "cross-site"}, 403, "another site"},
		{"from another origin", `{"user":"otto","password":"pw"}`, []string{"Origin", "http://evil.example"}, 403, "another site"},
	} {
		headers := tc.headers
		if len(headers) == 0 || headers[0] != "Content-Type" {
			headers = append([]string{"Content-Type", "application/json"}, headers...)
		}
		w := serve(a.Sessions(), request("POST", "/console/session", tc.body, headers...))
		if w.Code != tc.code || len(w.Result().Cookies()) != 0 || !strings.Contains(detail(t, w), tc.text) {
			t.Errorf("%s: %d %v %s", tc.name, w.Code, w.Result().Cookies(), w.Body)
		}
	}
}

// What changes something is not done for another site's page, however the browser shows who it is.
func TestForgedRequests(t *testing.T) {
	a, _ := authority(t, options())
	_, c := logIn(t, a, `{"user":"anna","password":"pw"}`)
	session := []string{"Cookie", c.Name + "=" + c.Value}
	token := []string{"Authorization", "Bearer the other token"}
	for _, tc := range []struct {
		name, method string
		who, headers []string
		served       bool
	}{
		{"the console", "POST", session, []string{Header, "1", "Sec-Fetch-Site", "same-origin", "Origin", "http://tv.example:8080"}, true},
		{"the console in an old browser", "POST", session, []string{Header, "1", "Origin", "http://tv.example:8080"}, true},
		{"a program with a cookie", "POST", session, []string{Header, "1"}, true},
		{"reading needs no header", "GET", session, nil, true},
		{"a program", "POST", token, nil, true},
		{"no header", "POST", session, []string{"Sec-Fetch-Site", "same-origin"}, false},
		{"no header, DELETE", "DELETE", session, nil, false},
		{"no header, PUT", "PUT", session, nil, false},
		{"another site", "POST", session, []string{Header, "1", "Sec-Fetch-Site", "cross-site"}, false},
		{"another port", "POST", session, []string{Header, "1", "Sec-Fetch-Site", "same-site"}, false},
		{"another origin", "POST", session, []string{Header, "1", "Origin", "http://evil.example"}, false},
		{"another site, token", "POST", token, []string{"Sec-Fetch-Site", "cross-site"}, false},
	} {
		served := false
		h := a.Require(Viewer, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served = true }))
		w := serve(h, request(tc.method, "/api", "", append(tc.headers, tc.who...)...))
		if served != tc.served || !served && w.Code != http.StatusForbidden {
			t.Errorf("%s: served %t, %d %s", tc.name, served, w.Code, w.Body)
		}
	}
	// Logging somebody out is a change too.
	if w := serve(a.Sessions(), request("DELETE", "/console/session", "", session...)); w.Code != http.StatusForbidden {
		t.Errorf("log-out without the header: %d", w.Code)
	}
}

// Five wrong passwords cost a minute, also for the right one; from elsewhere and for others nothing changes.
func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := authority(t, options())
		try := func(body string, headers ...string) int {
			w, _ := logIn(t, a, body, headers...)
			if w.Code == http.StatusTooManyRequests && (w.Header().Get("Retry-After") != "60" || !strings.Contains(detail(t, w), "wait 61 seconds")) {
				t.Errorf("%v %s", w.Header(), w.Body)
			}
			return w.Code
		}
		const wrong, right = `{"user":"otto","password":"px"}`, `{"user":"otto","password":"pw"}`
		for i := range lockout.MaxFailures {
			if code := try(wrong); code != http.StatusUnauthorized {
				t.Fatalf("%d: %d", i, code)
			}
		}
		for name, tc := range map[string]struct {
			body    string
			headers []string
			want    int
		}{
			"right, now":      {right, nil, 429},
			"another address": {right, []string{"From", "192.0.2.2:1"}, 200},
			"another port":    {right, []string{"From", "192.0.2.1:9"}, 429},
			"another user":    {`{"user":"anna","password":"pw"}`, nil, 200},
			"a token":         {`{"token":"` + tokenText + `"}`, nil, 200},
		} {
			if code := try(tc.body, tc.headers...); code != tc.want {
				t.Errorf("%s: %d, want %d", name, code, tc.want)
			}
		}
		// Basic is the same door.
		r := request("GET", "/api", "")
		r.SetBasicAuth("otto", "pw")
		if _, d := a.Identify(r); d == nil || d.Status != http.StatusTooManyRequests {
			t.Errorf("Basic: %v", d)
		}
		for range lockout.MaxFailures {
			try(`{"token":"x"}`)
		}
		if code := try(`{"token":"` + tokenText + `"}`); code != http.StatusTooManyRequests {
			t.Errorf("tokens: %d", code)
		}
		time.Sleep(lockout.Penalty)
		if code := try(right); code != http.StatusOK {
			t.Errorf("after the penalty: %d", code)
		}
	})
}

// Who tries one password after another under many names pays too, unless it is a proxy on this machine that asks for many.
func TestGuessingNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := authority(t, options())
		try := func(user, from string) int {
			w, _ := logIn(t, a, `{"user":"`+user+`","password":"pw"}`, "From", from)
			return w.Code
		}
		for i := range maxAddressFailures {
			for _, from := range []string{"192.0.2.1:1", "127.0.0.1:1"} {
				if code := try(fmt.Sprint("guess", i), from); code != http.StatusUnauthorized {
					t.Fatalf("%d from %s: %d", i, from, code)
				}
			}
		}
		for from, want := range map[string]int{"192.0.2.1:2": 429, "192.0.2.2:1": 200, "127.0.0.1:1": 200} {
			if code := try("otto", from); code != want {
				t.Errorf("from %s: %d, want %d", from, code, want)
			}
		}
		time.Sleep(lockout.Penalty)
		if code := try("otto", "192.0.2.1:1"); code != http.StatusOK {
			t.Errorf("after the penalty: %d", code)
		}
	})
}

// Another port of the same host is another origin, for which browsers send the cookie all the same.
func TestLoggedIn(t *testing.T) {
	a, _ := authority(t, options())
	_, c := logIn(t, a, `{"user":"vera","password":"pw"}`)
	for name, tc := range map[string]struct {
		headers []string
		in      bool
	}{
		"no origin":      {nil, true},
		"own origin":     {[]string{"Origin", "http://TV.example:8080"}, true},
		"another port":   {[]string{"Origin", "http://tv.example:3000"}, false},
		"another site":   {[]string{"Origin", "https://evil.example"}, false},
		"no site at all": {[]string{"Origin", "null"}, false},
	} {
		id, ok := a.LoggedIn(request("GET", "/live/a.flv", "", append(tc.headers, "Cookie", c.Name+"="+c.Value)...))
		if ok != tc.in || ok != (id.Name == "vera") {
			t.Errorf("%s: %+v %t", name, id, ok)
		}
	}
	r := request("GET", "/live/a.flv", "")
	r.SetBasicAuth("vera", "pw")
	if _, ok := a.LoggedIn(r); ok {
		t.Error("a password is for players, not for this")
	}
}

// A session ends with its time, with the log-out and with the server, and what runs for it ends too.
func TestSessionEnds(t *testing.T) {
	for name, end := range map[string]func(a *Authority, c *http.Cookie){
		"time":    func(*Authority, *http.Cookie) { time.Sleep(time.Hour) },
		"log-out": func(a *Authority, c *http.Cookie) { logOut(a, c) },
		"close":   func(a *Authority, _ *http.Cookie) { a.Close() },
		"new log-in": func(a *Authority, c *http.Cookie) {
			serve(a.Sessions(), request("POST", "/console/session", `{"user":"vera","password":"pw"}`, "Content-Type", "application/json", "Cookie", c.String()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := options()
				o.Session = time.Hour
				a, _ := authority(t, o)
				_, c := logIn(t, a, `{"user":"otto","password":"pw"}`)
				endless := func(done chan<- error) {
					serve(a.Require(Viewer, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
						<-r.Context().Done()
						done <- r.Context().Err()
					})), request("GET", "/api/stream", "", "Cookie", c.Name+"="+c.Value))
				}
				done := make(chan error, 1)
				go endless(done)
				time.Sleep(time.Hour - time.Second)
				synctest.Wait()
				select {
				case err := <-done:
					t.Fatalf("ended early: %v", err)
				default:
				}
				end(a, c)
				if err := <-done; err != context.Canceled {
					t.Errorf("ended with %v", err)
				}
				if id, d := a.Identify(request("GET", "/", "", "Cookie", c.Name+"="+c.Value)); d == nil {
					t.Errorf("is still %+v", id)
				}
			})
		})
	}
}

// Endless answers to programs end with the server, which could not stop otherwise.
func TestCloseEndsRequests(t *testing.T) {
	for name, headers := range map[string][]string{
		"token":    {"Authorization", "Bearer " + tokenText},
		"loopback": {"From", "127.0.0.1:1", "Host", "localhost"},
	} {
		o := options()
		if name == "loopback" {
			o = Options{}
		}
		a, _ := authority(t, o)
		begun, done := make(chan struct{}), make(chan int)
		go func() {
			done <- serve(a.Require(Viewer, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(begun)
				<-r.Context().Done()
			})), request("GET", "/api/stream", "", headers...)).Code
		}()
		<-begun
		a.Close()
		if code := <-done; code != http.StatusOK {
			t.Errorf("%s: %d", name, code)
		}
	}
}

func logOut(a *Authority, c *http.Cookie) {
	serve(a.Sessions(), request("DELETE", "/console/session", "", "Cookie", c.Name+"="+c.Value, Header, "1"))
}

func TestLogOutTakesTheCookie(t *testing.T) {
	a, _ := authority(t, options())
	_, c := logIn(t, a, `{"user":"otto","password":"pw"}`)
	w := serve(a.Sessions(), request("DELETE", "/console/session", "", "Cookie", c.Name+"="+c.Value, Header, "1"))
	if gone := w.Result().Cookies(); w.Code != http.StatusNoContent || len(gone) != 1 || gone[0].MaxAge >= 0 || gone[0].Value != "" {
		t.Errorf("%d %v", w.Code, gone)
	}
	if len(a.sessions.byID)+len(a.sessions.list) != 0 {
		t.Error("the session is kept")
	}
}

// However often someone logs in, memory is bounded; the newest log-ins hold.
func TestSessionsAreBounded(t *testing.T) {
	a, _ := authority(t, options())
	s := a.sessions
	first := s.start(Identity{Name: "anna"})
	for range maxSessionsPerUser {
		s.start(Identity{Name: "anna"})
	}
	if _, ok := s.of(request("GET", "/", "", "Cookie", cookieName+"="+first)); ok || len(s.byID) != maxSessionsPerUser {
		t.Errorf("%d sessions of one user, the first holds: %t", len(s.byID), ok)
	}
	var last string
	for i := range maxSessions + 50 {
		last = s.start(Identity{Name: fmt.Sprint(i)})
	}
	if len(s.byID) != maxSessions || len(s.list) != maxSessions {
		t.Errorf("%d and %d sessions", len(s.byID), len(s.list))
	}
	if _, ok := s.of(request("GET", "/", "", "Cookie", cookieName+"="+last)); !ok {
		t.Error("the newest does not hold")
	}
}

// Log-ins, requests and log-outs at the same time.
func TestAtOnce(t *testing.T) {
	a, _ := authority(t, options())
	var wg sync.WaitGroup
	var served atomic.Int32
	h := a.Require(Viewer, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
	for range 8 {
		wg.Go(func() {
			for range 20 {
				secret := a.sessions.start(Identity{Name: "otto", Role: Operator})
				serve(h, request("GET", "/", "", "Cookie", cookieName+"="+secret))
				a.sessions.finish(request("DELETE", "/", "", "Cookie", cookieName+"="+secret))
			}
		})
	}
	wg.Wait()
	if served.Load() != 160 || len(a.sessions.list) != 0 {
		t.Errorf("%d served, %d left", served.Load(), len(a.sessions.list))
	}
}
