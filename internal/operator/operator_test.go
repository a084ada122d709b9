package operator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"penstock/internal/lockout"
	"penstock/internal/password"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hash is cheap, for tests that check many passwords: its password is "pw".
const hash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$7M2vTguNHCwieXVOG1+uykExCai1Y53o0JkCs978saw"

const tokenText = "0123456789abcdef0123456789abcdef"

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func options() Options {
	return Options{
		Users: map[string]User{"vera": {hash, Viewer}, "otto": {hash, Operator}, "anna": {hash, Admin}},
		Tokens: map[string]Token{
			"watch": {sum(tokenText), Viewer}, "deploy": {strings.ToUpper(sum("the other token")), Admin},
		},
	}
}

func authority(t *testing.T, o Options) (*Authority, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	a, err := New(o, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a, &log
}

// request is one from 192.0.2.1 to a name of the server. headers are pairs; Host and From are special.
func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr, r.Host = "192.0.2.1:4000", "tv.example:8080"
	for i := 0; i < len(headers); i += 2 {
		switch headers[i] {
		case "Host":
			r.Host = headers[i+1]
		case "From":
			r.RemoteAddr = headers[i+1]
		case "Proto":
			r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0
		default:
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// detail is what an answer says of why.
func detail(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var p struct {
		Title, Detail string
		Status        int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != w.Code || p.Title == "" ||
		w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("not a problem: %d %v %s %v", w.Code, w.Header(), w.Body, err)
	}
	return p.Detail
}

func logIn(t *testing.T, a *Authority, body string, headers ...string) (*httptest.ResponseRecorder, *http.Cookie) {
	t.Helper()
	headers = append([]string{"Content-Type", "application/json"}, headers...)
	w := serve(a.Sessions(), request("POST", "/console/session", body, headers...))
	for _, c := range w.Result().Cookies() {
		return w, c
	}
	return w, nil
}

// Whoever it is, however they show it: what each role may do.
func TestRoles(t *testing.T) {
	a, log := authority(t, options())
	cookieOf := func(user string) []string {
		w, c := logIn(t, a, `{"user":"`+user+`","password":"pw"}`)
		if w.Code != http.StatusOK || c == nil {
			t.Fatalf("%s: %d %s", user, w.Code, w.Body)
		}
		return []string{"Cookie", c.Name + "=" + c.Value, Header, "1"}
	}
	_, byToken := logIn(t, a, `{"token":"`+tokenText+`"}`)
	basic := func(user, pw string) []string {
		r := httptest.NewRequest("GET", "/", nil)
		r.SetBasicAuth(user, pw)
		return []string{"Authorization", r.Header.Get("Authorization")}
	}
	for _, tc := range []struct {
		name    string
		headers []string
		who     string
		role    Role
		by      Proof
	}{
		{"session of a viewer", cookieOf("vera"), "vera", Viewer, BySession},
		{"session of an operator", cookieOf("otto"), "otto", Operator, BySession},
		{"session of an admin", cookieOf("anna"), "anna", Admin, BySession},
		{"session of a token", []string{"Cookie", byToken.Name + "=" + byToken.Value, Header, "1"}, "watch", Viewer, BySession},
		{"token", []string{"Authorization", "Bearer " + tokenText}, "watch", Viewer, ByToken},
		{"token, lower case scheme", []string{"Authorization", "bearer the other token"}, "deploy", Admin, ByToken},
		{"basic", basic("otto", "pw"), "otto", Operator, ByPassword},
		{"nothing", nil, "", Nobody, ""},
		{"this machine is nobody once there are users", []string{"From", "127.0.0.1:1", "Host", "localhost"}, "", Nobody, ""},
		{"unknown token", []string{"Authorization", "Bearer x"}, "", Nobody, ""},
		{"hash of a token", []string{"Authorization", "Bearer " + sum(tokenText)}, "", Nobody, ""},
		{"wrong password", basic("otto", "px"), "", Nobody, ""},
		{"unknown user", basic("eve", "pw"), "", Nobody, ""},
		{"no password", basic("otto", ""), "", Nobody, ""},
		{"long password", basic("otto", strings.Repeat("x", password.MaxBytes+1)), "", Nobody, ""},
		{"other scheme", []string{"Authorization", "Digest x"}, "", Nobody, ""},
		{"made-up session", []string{"Cookie", cookieName + "=" + strings.Repeat("A", 26), Header, "1"}, "", Nobody, ""},
		{"empty session", []string{"Cookie", cookieName + "=", Header, "1"}, "", Nobody, ""},
		{"a wrong token beside a good session", append(cookieOf("anna"), "Authorization", "Bearer y"), "", Nobody, ""},
	} {
		for _, least := range []Role{Viewer, Operator, Admin} {
			var got Identity
			h := a.Require(least, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = From(r.Context()) }))
			w := serve(h, request("POST", "/x", "", tc.headers...))
			want := http.StatusOK
			if tc.role == Nobody {
				want = http.StatusUnauthorized
			} else if tc.role < least {
				want = http.StatusForbidden
			}
			if w.Code != want {
				t.Errorf("%s, wants %v: %d, want %d: %s", tc.name, least, w.Code, want, w.Body)
			}
			if want != http.StatusOK {
				if d := detail(t, w); d == "" || got != (Identity{}) {
					t.Errorf("%s, wants %v: served, or no reason", tc.name, least)
				}
				if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (want == http.StatusUnauthorized) {
					t.Errorf("%s: WWW-Authenticate %q", tc.name, challenge)
				}
			} else if got.Name != tc.who || got.Role != tc.role || got.By != tc.by {
				t.Errorf("%s: %+v", tc.name, got)
			}
		}
		a.attempts = lockout.New() // these are not about guessing
	}
	for _, secret := range []string{tokenText, "pw\"", "px", hash} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, log)
		}
	}
}

func TestRoleText(t *testing.T) {
	for _, r := range []Role{Viewer, Operator, Admin} {
		if got, err := ParseRole(r.String()); got != r || err != nil {
			t.Errorf("%v: %v %v", r, got, err)
		}
	}
	for _, s := range []string{"", "nobody", "Admin", "root"} {
		if r, err := ParseRole(s); err == nil || r != Nobody {
			t.Errorf("%q is %v", s, r)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		o    Options
		want string
	}{
		"hash":  {Options{Users: map[string]User{"ann": {"hunter2", Admin}}}, "console.users.ann.password: "},
		"token": {Options{Path: "c", Tokens: map[string]Token{"ci": {"secret", Admin}}}, "c.tokens.ci.sha256: "},
		"short": {Options{Tokens: map[string]Token{"ci": {"00ff", Admin}}}, "console.tokens.ci.sha256: "},
	} {
		a, err := New(tc.o, slog.New(slog.DiscardHandler))
		if err == nil {
			a.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
