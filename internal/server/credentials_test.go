package server

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"penstock/amf"
	"penstock/app"
	"penstock/internal/auth"
	"penstock/internal/config"
	"penstock/internal/password"
	"penstock/rtmp"
	"penstock/status"
)

const (
	streamKey = "3f1c0a5be2d94c7786a1f0e4b9d25c68"
	jwtSecret = "0123456789abcdef0123456789abcdef"
	urlSecret = "a secret of the operator"
)

// attempt is what a client does: how it connects to application app, and which name it then publishes or plays.
type attempt struct {
	userInfo string // joe:pw@
	appQuery string // ?key=…
	args     []amf.Value
	page     string
	name     string
}

// try returns why the action was refused.
func (a attempt) try(t *testing.T, addr string, action auth.Action) error {
	t.Helper()
	cfg := &rtmp.ClientConfig{Args: a.args, PageURL: a.page}
	if a.userInfo != "" { // as the few clients that do not take it off
		cfg.Properties = []amf.Prop{{Key: "tcUrl", Value: "rtmp://" + a.userInfo + addr + "/live"}}
	}
	c, err := rtmp.Dial(t.Context(), "rtmp://"+addr+"/live"+a.appQuery, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	switch action {
	case auth.Publish:
		_, err = c.Publish(t.Context(), a.name)
	case auth.Play:
		_, err = c.Play(t.Context(), a.name, rtmp.PlayOptions{})
	}
	return err
}

func claims(change jwt.MapClaims) string {
	c := jwt.MapClaims{"app": "live", "stream": "cam", "actions": []string{"connect", "publish", "play"}, "exp": time.Now().Add(time.Hour).Unix()}
	for k, v := range change {
		c[k] = v
	}
	s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(jwtSecret))
	if err != nil {
		panic(err)
	}
	return s
}

func signedURL(action auth.Action, key string, in time.Duration) string {
	if action == auth.Connect {
		key, _, _ = strings.Cut(key, "/")
	}
	return auth.Sign(urlSecret, action, key, time.Now().Add(in))
}

type admissionCase struct {
	name string
	try  attempt
	rule string // after the action; "-" is let in
	text string
}

// credentials is every credential in every place that the action has.
func credentials(action auth.Action) []admissionCase {
	const keyWrong, userWrong = "The stream key is wrong", "The user name or the password is wrong"
	places := func(name, query, rule, text string) []admissionCase {
		cases := []admissionCase{{name + ", application", attempt{appQuery: "?" + query, name: "cam"}, rule, text}}
		if action != auth.Connect {
			cases = append(cases, admissionCase{name + ", stream", attempt{name: "cam?" + query}, rule, text})
		}
		return cases
	}
	cases := []admissionCase{
		{"nothing", attempt{name: "cam"}, "", " needs one of these: a"},
		{"user info", attempt{userInfo: "joe:pw@", name: "cam"}, "-", ""},
		{"user info, wrong", attempt{userInfo: "joe:px@", name: "cam"}, ".users", userWrong},
		{"arguments", attempt{args: []amf.Value{"joe", "pw"}, name: "cam"}, "-", ""},
		{"arguments, unknown user", attempt{args: []amf.Value{"ann", "pw"}, name: "cam"}, ".users", userWrong},
		{"arguments, no texts", attempt{args: []amf.Value{1.0, "pw"}, name: "cam"}, "", " needs one of these: a"},
	}
	cases = append(cases, places("key", "key="+streamKey, "-", "")...)
	cases = append(cases, places("wrong key", "key=x", ".keys", keyWrong)...)
	cases = append(cases, places("hashed key", "key=hashed", "-", "")...)
	cases = append(cases, places("user", "user=joe&pass=pw", "-", "")...)
	cases = append(cases, places("wrong password", "user=ann2&pass=px", ".users", userWrong)...)
	cases = append(cases, places("token", "token="+claims(nil), "-", "")...)
	cases = append(cases, places("token as jwt", "jwt="+claims(nil), "-", "")...)
	cases = append(cases, places("expired token", "token="+claims(jwt.MapClaims{"exp": 1}), ".jwt", "The token has expired")...)
	cases = append(cases, places("another's token", "token="+claims(jwt.MapClaims{"app": "x"}), ".jwt", "The token is for another application")...)
	cases = append(cases, places("signed", signedURL(action, "live/cam", time.Hour), "-", "")...)
	cases = append(cases, places("expired address", signedURL(action, "live/cam", -time.Second), ".signed_urls", "This address has expired")...)
	cases = append(cases, places("signed for another", signedURL(action, "x/cam", time.Hour), ".signed_urls", "The signature of this address")...)
	cases = append(cases, places("bad key, good token", "key=x&token="+claims(nil), "-", "")...)
	if action != auth.Connect {
		cases = append(cases,
			admissionCase{"key of another stream", attempt{name: "dog?key=" + streamKey}, ".keys", keyWrong},
			admissionCase{"name is key", attempt{name: "secretname"}, "-", ""},
			admissionCase{"public name without key", attempt{name: "stage"}, "", " needs one of these: a"},
			admissionCase{"public name with key", attempt{name: "stage?key=secretname"}, "-", ""})
	}
	return cases
}

// Every credential, wherever clients put it, opens every action, and nothing else does.
func TestCredentials(t *testing.T) {
	sum := sha256.Sum256([]byte("hashed"))
	hash := password.New("pw")
	for action, code := range map[auth.Action]status.Code{
		auth.Connect: status.ConnectRejected, auth.Publish: status.PublishDenied, auth.Play: status.PlayFailed,
	} {
		t.Run(string(action), func(t *testing.T) {
			r := start(t, false, func(c *config.Config) {
				a := config.DefaultApp()
				access := map[auth.Action]*config.Access{auth.Connect: &a.Connect, auth.Publish: &a.Publish, auth.Play: &a.Play}[action]
				access.Keys = map[string]config.StreamKey{
					"one": {Stream: "cam", Key: streamKey}, "two": {SHA256: hex.EncodeToString(sum[:])}, "three": {Key: "secretname", PublishAs: "stage"},
				}
				access.Users = map[string]string{"joe": hash}
				access.JWT.Secret, access.SignedURLs.Secret = jwtSecret, urlSecret
				c.Apps = map[string]config.App{"live": a}
			})
			for _, tc := range credentials(action) {
				t.Run(tc.name, func(t *testing.T) {
					err := tc.try.try(t, r.rtmp, action)
					if tc.rule == "-" {
						if err != nil {
							t.Error(err)
						}
						return
					}
					wantCode(t, err, code, tc.text)
					last := r.refusal(t)
					if want := "apps.live." + string(action) + tc.rule; last.Rule != want {
						t.Errorf("rule %s, want %s", last.Rule, want)
					}
					if last.Cause != app.CauseHandler && last.Cause != app.CausePolicy || strings.Contains(last.Error(), streamKey) {
						t.Errorf("%v", last)
					}
				})
			}
		})
	}
}

// A client that gives the key for a name publishes under the public name, and nobody finds the key.
func TestKeyIsRenamed(t *testing.T) {
	r := start(t, false, func(c *config.Config) {
		a := config.DefaultApp()
		a.Publish.Keys = map[string]config.StreamKey{"a": {Key: streamKey, PublishAs: "stage"}}
		c.Apps = map[string]config.App{"live": a}
	})
	c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
	if _, err := c.Publish(t.Context(), streamKey); err != nil {
		t.Fatal(err)
	}
	if v, err := c.Call(t.Context(), "streams"); err != nil || !amf.Equal(v, amf.NewArray("stage")) {
		t.Errorf("%s, %v", amf.Format(v), err)
	}
}

// Networks and origins hold for each action, denied before allowed.
func TestNetworksAndOrigins(t *testing.T) {
	any, us, them := config.MustNetworks("any"), config.MustNetworks("::ffff:127.0.0.0/104"), config.MustNetworks("203.0.113.0/24")
	for _, action := range []auth.Action{auth.Connect, auth.Publish, auth.Play} {
		for _, tc := range []struct {
			name   string
			change func(*config.Access)
			page   string
			rule   string
		}{
			{"allowed", func(a *config.Access) { a.AllowNetworks = us }, "", "-"},
			{"others allowed", func(a *config.Access) { a.AllowNetworks = them }, "", ".allow_networks"},
			{"denied", func(a *config.Access) { a.AllowNetworks, a.DenyNetworks = any, us }, "", ".deny_networks"},
			{"others denied", func(a *config.Access) { a.DenyNetworks = them }, "", "-"},
			{"origin", func(a *config.Access) { a.Origins = []string{".example.com"} }, "https://www.Example.com/x", "-"},
			{"other origin", func(a *config.Access) { a.Origins = []string{".example.com"} }, "https://example.com.evil.test", ".origins"},
			{"no origin", func(a *config.Access) { a.Origins = []string{"example.com"} }, "", ".origins"},
		} {
			t.Run(string(action)+" "+tc.name, func(t *testing.T) {
				r := start(t, false, func(c *config.Config) {
					a := config.DefaultApp()
					tc.change(map[auth.Action]*config.Access{auth.Connect: &a.Connect, auth.Publish: &a.Publish, auth.Play: &a.Play}[action])
					c.Apps = map[string]config.App{"live": a}
				})
				err := attempt{name: "cam", page: tc.page}.try(t, r.rtmp, action)
				if tc.rule == "-" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if err == nil {
					t.Fatal("is let in")
				}
				if got := r.refusal(t); got.Rule != "apps.live."+string(action)+tc.rule || got.Cause != app.CausePolicy {
					t.Errorf("%v", got)
				}
			})
		}
	}
}

// Publishers that prove themselves may come from everywhere, unless networks are named.
func TestDefaultNetworks(t *testing.T) {
	a := config.DefaultApp()
	local, any := config.MustNetworks("loopback", "private").String(), config.MustNetworks("any").String()
	if got := a.Publish.Networks(false).String(); got != local {
		t.Errorf("without a word: %s", got)
	}
	a.Publish.Keys = map[string]config.StreamKey{"a": {Key: streamKey}}
	if got := a.Publish.Networks(false).String(); got != any {
		t.Errorf("with keys: %s", got)
	}
	a.Publish.AllowNetworks = config.MustNetworks("loopback", "private")
	if got := a.Publish.Networks(true).String(); got != local {
		t.Errorf("as written: %s", got)
	}
}

// Players over HTTP are under the rules for connect and play.
func TestViewersProveThemselves(t *testing.T) {
	r := start(t, true, func(c *config.Config) {
		a := config.DefaultApp()
		a.Connect.DenyNetworks = config.MustNetworks("203.0.113.0/24")
		a.Play.Users = map[string]string{"joe": password.New("pw")}
		a.Play.SignedURLs.Secret = urlSecret
		guarded, origin := config.DefaultApp(), config.DefaultApp()
		guarded.EncoderAuth = config.EncoderAuth{Mode: "adobe", Users: map[string]string{"a": "b"}}
		origin.Connect.Origins = []string{"example.com"}
		c.Apps = map[string]config.App{"live": a, "guarded": guarded, "origin": origin}
		c.HTTP.Wait = 0
	})
	get := func(path string, change func(*http.Request)) (int, string) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.http+path, nil)
		change(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b := make([]byte, 13)
		if resp.StatusCode != http.StatusOK {
			b, _ = io.ReadAll(resp.Body)
		}
		return resp.StatusCode, string(b)
	}
	for _, tc := range []struct {
		name, path string
		change     func(*http.Request)
		status     int
		text       string
	}{
		{"nothing", "/live/demo.flv", nil, 403, "Playing from live needs one of these: a user and password"},
		{"query", "/live/demo.flv?user=joe&pass=pw", nil, 200, ""},
		{"basic", "/live/demo.flv", func(r *http.Request) { r.SetBasicAuth("joe", "pw") }, 200, ""},
		{"wrong", "/live/demo.flv?user=joe&pass=px", nil, 403, "The user name or the password is wrong"},
		{"signed", "/live/demo.flv?" + signedURL(auth.Play, "live/demo", time.Hour), nil, 200, ""},
		{"signed to publish", "/live/demo.flv?" + signedURL(auth.Publish, "live/demo", time.Hour), nil, 403, "The signature"},
		{"encoders only", "/guarded/a.flv", nil, 403, "Players of guarded must log in"},
		{"other page", "/origin/a.flv", func(r *http.Request) { r.Header.Set("Origin", "https://evil.test") }, 403, "Connecting to origin is for the pages"},
		{"our page", "/origin/a.flv", func(r *http.Request) { r.Header.Set("Origin", "https://example.com") }, 404, "not live"},
	} {
		change := tc.change
		if change == nil {
			change = func(*http.Request) {}
		}
		if code, text := get(tc.path, change); code != tc.status || !strings.Contains(text, tc.text) {
			t.Errorf("%s: %d %q", tc.name, code, text)
		}
	}
}

// Where only encoders are asked to log in, others play, but cannot publish.
func TestEncoderAgents(t *testing.T) {
	r := start(t, false, func(c *config.Config) {
		a := config.DefaultApp()
		a.EncoderAuth = config.EncoderAuth{Mode: "adobe", Users: map[string]string{"alice": "secret"}, Agents: []string{"FMLE/"}}
		c.Apps = map[string]config.App{"live": a}
	})
	url := "rtmp://" + r.rtmp + "/live"
	_, err := rtmp.Dial(t.Context(), url, &rtmp.ClientConfig{FlashVer: "FMLE/3.0"})
	wantCode(t, err, status.ConnectRejected, "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ")
	c := dial(t, url, &rtmp.ClientConfig{FlashVer: "LNX 9,0,124,2"})
	if _, err := c.Play(t.Context(), "cam", rtmp.PlayOptions{}); err != nil {
		t.Error(err)
	}
	_, err = c.Publish(t.Context(), "cam")
	wantCode(t, err, status.PublishDenied, "Publishing to live needs a user and password")
}

// What is wrong with rules keeps the server from starting, and names the key.
func TestRulesThatCannotBe(t *testing.T) {
	for want, change := range map[string]func(*config.App){
		"apps.live.play.jwt: key_file: ":      func(a *config.App) { a.Play.JWT.KeyFile = filepath.Join(t.TempDir(), "none") },
		"apps.live.publish.users.joe: not an": func(a *config.App) { a.Publish.Users = map[string]string{"joe": "$argon2id$x"} },
		"apps.live.encoder_auth.users: ": func(a *config.App) {
			a.EncoderAuth = config.EncoderAuth{Mode: "adobe", Users: map[string]string{"a b": "x"}}
		},
	} {
		c := config.Default()
		c.RTMP.Listen, c.HTTP.Listen, c.Data = "127.0.0.1:0", "off", t.TempDir()
		a := config.DefaultApp()
		change(&a)
		c.Apps = map[string]config.App{"live": a}
		_, err := New(c, Options{})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s…", err, want)
		}
		var refusal *app.Refusal
		if errors.As(err, &refusal) {
			t.Error("is a refusal")
		}
	}
}

// Who is logged in to the console sees every picture; a token and a stranger do not.
func TestConsoleSeesEveryStream(t *testing.T) {
	r := start(t, true, func(c *config.Config) {
		a := config.DefaultApp()
		a.Play.SignedURLs.Secret = urlSecret
		c.Apps = map[string]config.App{"live": a}
		c.Console.Users = map[string]config.ConsoleUser{"vera": {Password: password.New("pw"), Role: "viewer"}}
	})
	resp, err := http.Post("http://"+r.http+"/console/session", "application/json", strings.NewReader(`{"user":"vera","password":"pw"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || len(resp.Cookies()) != 1 {
		t.Fatalf("log-in: %s %v", resp.Status, resp.Cookies())
	}
	for name, tc := range map[string]struct {
		cookie *http.Cookie
		want   int
	}{
		"logged in": {resp.Cookies()[0], http.StatusOK},
		"stranger":  {nil, http.StatusForbidden},
		"made up":   {&http.Cookie{Name: resp.Cookies()[0].Name, Value: "x"}, http.StatusForbidden},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+r.http+"/live/demo.flv", nil)
		if err != nil {
			t.Fatal(err)
		}
		if tc.cookie != nil {
			req.AddCookie(tc.cookie)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tc.want {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}
