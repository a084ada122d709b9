package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"penstock/app"
)

const hmacSecret = "0123456789abcdef0123456789abcdef"

func token(t *testing.T, method jwt.SigningMethod, key any, kid string, change func(jwt.MapClaims)) string {
	t.Helper()
	c := jwt.MapClaims{"app": "live", "stream": "cam*", "actions": []string{"publish", "play"}, "exp": time.Now().Add(time.Hour).Unix()}
	if change != nil {
		change(c)
	}
	tok := jwt.NewWithClaims(method, c)
	if kid != "" {
		tok.Header["kid"] = kid
	}
	s, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tokenRules(t *testing.T, a *Authority, j *JWT) *Rules {
	t.Helper()
	r, err := a.Rules(Options{Path: "p", Action: Publish, JWT: j})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pemFile(t *testing.T, key crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
}

func write(t *testing.T, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTokenClaims(t *testing.T) {
	r := tokenRules(t, authority(t), &JWT{Secret: hmacSecret, Issuer: "me", Audience: "penstock"})
	for _, tc := range []struct {
		name   string
		change func(jwt.MapClaims)
		cause  app.Cause // "" is let in
		words  string
	}{
		{"good", func(jwt.MapClaims) {}, "", ""},
		{"lists", func(c jwt.MapClaims) {
			c["app"], c["stream"], c["actions"] = []string{"x", "live"}, []string{"y", "cam"}, "*"
		}, "", ""},
		{"expired", func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }, app.CauseHandler, "The token has expired"},
		{"no expiry", func(c jwt.MapClaims) { delete(c, "exp") }, app.CauseHandler, "The token is not valid here"},
		{"too early", func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(time.Minute).Unix() }, app.CauseHandler, "The token is not valid yet"},
		{"issuer", func(c jwt.MapClaims) { c["iss"] = "you" }, app.CauseHandler, "The token is not valid here"},
		{"audience", func(c jwt.MapClaims) { delete(c, "aud") }, app.CauseHandler, "The token is not valid here"},
		{"application", func(c jwt.MapClaims) { c["app"] = "other" }, app.CausePolicy, "The token is for another application"},
		{"no application", func(c jwt.MapClaims) { delete(c, "app") }, app.CausePolicy, "The token is for another application"},
		{"stream", func(c jwt.MapClaims) { c["stream"] = "dog*" }, app.CausePolicy, "The token is for another stream"},
		{"no stream", func(c jwt.MapClaims) { delete(c, "stream") }, app.CausePolicy, "The token is for another stream"},
		{"action", func(c jwt.MapClaims) { c["actions"] = []string{"play"} }, app.CausePolicy, "The token does not allow to publish"},
		{"no action", func(c jwt.MapClaims) { delete(c, "actions") }, app.CausePolicy, "The token does not allow to publish"},
		{"claim of another kind", func(c jwt.MapClaims) { c["stream"] = 5 }, app.CauseHandler, "The token is not valid here"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := token(t, jwt.SigningMethodHS256, []byte(hmacSecret), "", func(c jwt.MapClaims) {
				c["iss"], c["aud"] = "me", "penstock"
				tc.change(c)
			})
			for _, param := range []string{"token=", "jwt="} {
				err := r.Check(t.Context(), request("cam1", param+raw))
				if tc.name == "lists" {
					err = r.Check(t.Context(), request("cam", param+raw))
				}
				if tc.cause == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				got := refusal(t, err)
				if got.Cause != tc.cause || got.Rule != "p.jwt" || !strings.HasPrefix(got.Status.Description, tc.words) {
					t.Errorf("%v", got)
				}
			}
		})
	}
	// A stream in an instance has the instance in its name, whichever way it is written.
	raw := token(t, jwt.SigningMethodHS256, []byte(hmacSecret), "", func(c jwt.MapClaims) { c["iss"], c["aud"] = "me", "penstock" })
	q := request("cam", "token="+raw)
	if q.Instance = "room"; r.Check(t.Context(), q) == nil {
		t.Error("cam* opens room/cam")
	}
}

func TestTokenKeys(t *testing.T) {
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	edPublic, edKey, _ := ed25519.GenerateKey(rand.Reader)
	rsaFile := pemFile(t, &rsaKey.PublicKey)
	rsaPEM, _ := os.ReadFile(rsaFile)
	for _, tc := range []struct {
		name   string
		jwt    JWT
		method jwt.SigningMethod
		key    any
		in     bool
	}{
		{"HS256", JWT{Secret: hmacSecret}, jwt.SigningMethodHS256, []byte(hmacSecret), true},
		{"HS512", JWT{Secret: hmacSecret}, jwt.SigningMethodHS512, []byte(hmacSecret), true},
		{"wrong secret", JWT{Secret: hmacSecret}, jwt.SigningMethodHS256, []byte("x"), false},
		{"RS256", JWT{KeyFile: rsaFile}, jwt.SigningMethodRS256, rsaKey, true},
		{"PS384", JWT{KeyFile: rsaFile}, jwt.SigningMethodPS384, rsaKey, true},
		{"public key as a secret", JWT{KeyFile: rsaFile}, jwt.SigningMethodHS256, rsaPEM, false},
		{"ES256", JWT{KeyFile: pemFile(t, &ecKey.PublicKey)}, jwt.SigningMethodES256, ecKey, true},
		{"EdDSA", JWT{KeyFile: pemFile(t, edPublic)}, jwt.SigningMethodEdDSA, edKey, true},
		{"another kind of key", JWT{KeyFile: rsaFile}, jwt.SigningMethodES256, ecKey, false},
		{"none", JWT{Secret: hmacSecret}, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, false},
		{"none with a public key", JWT{KeyFile: rsaFile}, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, false},
		{"key set", JWT{JWKSFile: write(t, "set.json", jwks("one", ecKey))}, jwt.SigningMethodES256, ecKey, true},
		{"key set, another key", JWT{JWKSFile: write(t, "set.json", jwks("other", ecKey))}, jwt.SigningMethodES256, ecKey, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := tokenRules(t, authority(t), &tc.jwt)
			err := r.Check(t.Context(), request("cam", "token="+token(t, tc.method, tc.key, "one", nil)))
			if (err == nil) != tc.in {
				t.Errorf("%v", err)
			}
		})
	}
	for name, j := range map[string]*JWT{
		"short secret": {Secret: "short"}, "no file": {KeyFile: "/nonexistent"}, "no PEM": {KeyFile: write(t, "x", "x")},
		"no key set": {JWKSFile: write(t, "x", "{")}, "no key set file": {JWKSFile: "/nonexistent"},
	} {
		if _, err := authority(t).Rules(Options{Path: "p", Action: Play, JWT: j}); err == nil || !strings.HasPrefix(err.Error(), "p.jwt: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func jwks(kid string, k *ecdsa.PrivateKey) string {
	point, err := k.PublicKey.Bytes() // 4, x, y
	if err != nil {
		panic(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":%q,"x":%q,"y":%q}]}`, kid, b64(point[1:33]), b64(point[33:]))
}

// A key set is fetched again when it is old and when a token names a key that it has not, but not for every such token.
func TestTokenKeySetFromURL(t *testing.T) {
	first, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	second, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	var set atomic.Value
	var fetched atomic.Int32
	set.Store(jwks("one", first))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		time.Sleep(20 * time.Millisecond) // no key set is fetched in no time
		_, _ = w.Write([]byte(set.Load().(string)))
	}))
	defer srv.Close()
	var logged bytes.Buffer
	a := New(slog.New(slog.NewTextHandler(&logged, nil)))
	defer a.Close()
	r := tokenRules(t, a, &JWT{JWKSURL: srv.URL})
	check := func(k *ecdsa.PrivateKey, kid string) error {
		return r.Check(t.Context(), request("cam", "token="+token(t, jwt.SigningMethodES256, k, kid, nil)))
	}
	if err := check(first, "one"); err != nil {
		t.Fatal(err)
	}
	set.Store(jwks("two", second))
	if err := check(second, "two"); err != nil {
		t.Errorf("a new key: %v", err)
	}
	before, begin := fetched.Load(), time.Now()
	for i := range 20 {
		if check(second, fmt.Sprint("unknown", i)) == nil {
			t.Error("an unknown key is good")
		}
	}
	if fetched.Load() != before || time.Since(begin) > 5*time.Second {
		t.Errorf("unknown keys made it fetch %d times, in %v", fetched.Load()-before, time.Since(begin))
	}
	// A set that cannot be fetched does not keep the server from starting, and opens nothing.
	down := tokenRules(t, a, &JWT{JWKSURL: "http://127.0.0.1:1/keys?secret=x"})
	if down.Check(t.Context(), request("cam", "token="+token(t, jwt.SigningMethodES256, first, "one", nil))) == nil {
		t.Error("without keys")
	}
	if text := logged.String(); !strings.Contains(text, "rule=p.jwt") || strings.Contains(text, "secret=x") {
		t.Errorf("logged %q", text)
	}
}
