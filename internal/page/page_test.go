package page

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"penstock/app"
)

func newServer() *app.Server { return &app.Server{Handler: app.NewMux()} }

// ask sends a request as if from a visitor.
func ask(t *testing.T, h http.Handler, method, path, from string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr, r.Host = from+":50000", "127.0.0.1:8080"
	if strings.Contains(from, ":") {
		r.RemoteAddr = "[" + from + "]:50000"
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else {
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFiles(t *testing.T) {
	h := New(Options{Server: newServer()})
	tests := []struct{ method, path, contentType string }{
		{"GET", "/", "text/html"}, {"HEAD", "/", "text/html"},
		{"GET", "/page.css", "text/css"}, {"GET", "/page.js", "text/javascript"},
		{"GET", "/player.js", "text/javascript"}, {"GET", "/mpegts.js", "text/javascript"},
		{"GET", "/mpegts.js.LICENSE", "text/plain"}, {"GET", "/favicon.svg", "image/svg+xml"},
	}
	for _, tt := range tests {
		// The page itself is for everybody: a stranger asks.
		res := ask(t, h, tt.method, tt.path, "203.0.113.5")
		if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), tt.contentType) {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, res.StatusCode, res.Header.Get("Content-Type"))
		}
		for _, header := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Etag"} {
			if res.Header.Get(header) == "" {
				t.Errorf("%s: no %s", tt.path, header)
			}
		}
		again := ask(t, h, "GET", tt.path, "203.0.113.5", "If-None-Match", res.Header.Get("Etag"))
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: status %d for the version that the browser has", tt.path, again.StatusCode)
		}
	}
	for path, want := range map[string]int{"/nothing": 404, "/assets/index.html": 404, "/live/a.flv": 404} {
		if res := ask(t, h, "GET", path, "127.0.0.1"); res.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, res.StatusCode, want)
		}
	}
	if res := ask(t, h, "POST", "/", "127.0.0.1"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d", res.StatusCode)
	}
}

// The policy forbids inline code, nothing may come from elsewhere, and what strangers wrote must not become markup.
func TestPagesAreSelfContained(t *testing.T) {
	h := New(Options{Server: newServer()})
	get := func(base, ref string) string {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		u = u.ResolveReference(&url.URL{Path: ref})
		res := ask(t, h, "GET", u.Path, "127.0.0.1")
		if res.StatusCode != 200 {
			t.Errorf("%s refers to %s: status %d", base, ref, res.StatusCode)
		}
		return body(t, res)
	}
	for page, scripts := range map[string][]string{
		"/":         {"page.js", "lists.js", "howto.js", "player.js", "dom.js"},
		"/console/": {"console.js", "api.js", "act.js", "live.js", "refused.js", "lists.js", "../player.js", "../dom.js"},
	} {
		html := get(page, "")
		for _, bad := range []string{`<script>`, `<style`, ` style="`, ` onclick=`, `javascript:`, `http://`, `https://`} {
			if strings.Contains(html, bad) {
				t.Errorf("%s contains %s", page, bad)
			}
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="([^"#]+)"`).FindAllStringSubmatch(html, -1) {
			if m[1] != "console/" && !strings.HasPrefix(m[1], "../api/") { // directories of their own, and the API
				get(page, m[1])
			}
		}
		for _, script := range scripts {
			js := get(page, script)
			for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "https://"} {
				if strings.Contains(js, bad) {
					t.Errorf("%s contains %s", script, bad)
				}
			}
			for _, m := range regexp.MustCompile(`from '([^']+)'`).FindAllStringSubmatch(js, -1) {
				get(path.Join(page, path.Dir(script))+"/", m[1])
			}
			for _, m := range regexp.MustCompile(`byId\('([^']+)'\)`).FindAllStringSubmatch(js, -1) {
				if !strings.Contains(html, `id="`+m[1]+`"`) {
					t.Errorf("%s looks for the element %s, which %s does not have", script, m[1], page)
				}
			}
		}
	}
}

// The console is a page of its own with the same policy; where it is closed, the answer says so in its status.
func TestConsole(t *testing.T) {
	h := New(Options{Server: newServer(), ConsoleClosed: func(r *http.Request) bool { return strings.HasPrefix(r.RemoteAddr, "203.") }})
	for from, want := range map[string]int{"127.0.0.1": http.StatusOK, "203.0.113.5": http.StatusForbidden} {
		res := ask(t, h, "GET", "/console/", from)
		if html := body(t, res); res.StatusCode != want || !strings.Contains(html, `id="login-detail"`) || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s", from, res.StatusCode, html)
		}
		if p := res.Header.Get("Content-Security-Policy"); p != contentPolicy || strings.Contains(p, "unsafe") {
			t.Errorf("policy %q", p)
		}
	}
	if res := ask(t, New(Options{Server: newServer()}), "GET", "/console/", "203.0.113.5"); res.StatusCode != http.StatusOK {
		t.Errorf("to a stranger who may log in: %d", res.StatusCode)
	}
	if res := ask(t, h, "GET", "/console", "127.0.0.1"); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/console/" {
		t.Errorf("without the slash: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
}

// The player is the file that the npm package mpegts.js 1.8.2 has as dist/mpegts.js.
func TestPlayerIsUnchanged(t *testing.T) {
	b, err := assets.ReadFile("assets/mpegts.js")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	if got, want := hex.EncodeToString(sum[:]), "bda31748736a69cb610c2edf4623e633f1f4f47b5bda83668c8d287e51b0c3a8"; got != want {
		t.Errorf("mpegts.js has the SHA-256 %s, want %s: state its new version on the page and here", got, want)
	}
}

func TestPageInfo(t *testing.T) {
	var got pageInfo
	tests := []struct {
		o    Options
		want pageInfo
	}{
		{Options{Version: "1.2"}, pageInfo{"1.2", "1935", "live", false}},
		{Options{RTMPPort: func(*http.Request) string { return "" }}, pageInfo{"", "1935", "live", false}},
		{Options{App: "tv", Demo: true, RTMPPort: func(*http.Request) string { return "19350" }}, pageInfo{"", "19350", "tv", true}},
	}
	for _, tt := range tests {
		tt.o.Server = newServer()
		res := ask(t, New(tt.o), "GET", "/page.json", "203.0.113.5")
		if err := json.Unmarshal([]byte(body(t, res)), &got); err != nil || got != tt.want {
			t.Errorf("page.json = %+v, %v; want %+v", got, err, tt.want)
		}
	}
}
