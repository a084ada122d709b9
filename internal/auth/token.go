package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"

	"penstock/app"
)

// JWT says which tokens are taken. One of Secret, KeyFile, JWKSFile and JWKSURL is set.
type JWT struct {
	Secret   string        // HS256, HS384, HS512
	KeyFile  string        // public key or certificate, PEM: RSA, ECDSA or Ed25519
	JWKSFile string        // key set
	JWKSURL  string        // key set, fetched again every Refresh and, once a minute at most, for an unknown key ID
	Refresh  time.Duration // 0 is an hour
	Issuer   string        // wanted iss, "" any
	Audience string        // wanted aud, "" any
}

const (
	minSecret   = 32 // bytes
	jwksTimeout = 5 * time.Second
	tokenLeeway = 5 * time.Second
)

// claims is what a token says. Everything must be said: "*" is all.
type claims struct {
	App     stringList `json:"app"`     // patterns of applications
	Stream  stringList `json:"stream"`  // patterns of stream names; looked at for publish and play only
	Actions stringList `json:"actions"` // connect, publish, play, call
	jwt.RegisteredClaims
}

// stringList is a string or a list of strings.
type stringList []string

// UnmarshalJSON implements json.Unmarshaler.
func (l *stringList) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = stringList{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

func (l stringList) matches(name string) bool {
	return slices.ContainsFunc(l, func(pattern string) bool { return match(pattern, name) })
}

type tokenProof struct {
	action Action
	path   string
	key    jwt.Keyfunc
	parser *jwt.Parser
}

func newTokenProof(a *Authority, o Options) (*tokenProof, error) {
	p := &tokenProof{action: o.Action, path: o.Path + ".jwt"}
	key, methods, err := a.tokenKey(o.JWT, p.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.path, err)
	}
	options := []jwt.ParserOption{jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithLeeway(tokenLeeway)}
	if o.JWT.Issuer != "" {
		options = append(options, jwt.WithIssuer(o.JWT.Issuer))
	}
	if o.JWT.Audience != "" {
		options = append(options, jwt.WithAudience(o.JWT.Audience))
	}
	p.key, p.parser = key, jwt.NewParser(options...)
	return p, nil
}

// tokenKey finds the key and the algorithms that fit its kind: none that could be confused with another's.
func (a *Authority) tokenKey(o *JWT, path string) (jwt.Keyfunc, []string, error) {
	rsaMethods := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	ecMethods := []string{"ES256", "ES384", "ES512"}
	public := slices.Concat(rsaMethods, ecMethods, []string{"EdDSA"})
	fixed := func(key any) jwt.Keyfunc { return func(*jwt.Token) (any, error) { return key, nil } }
	switch {
	case o.Secret != "":
		if len(o.Secret) < minSecret {
			return nil, nil, fmt.Errorf("secret: shorter than %d bytes", minSecret)
		}
		return fixed([]byte(o.Secret)), []string{"HS256", "HS384", "HS512"}, nil
	case o.KeyFile != "":
		key, err := readPublicKey(o.KeyFile)
		if err != nil {
			return nil, nil, fmt.Errorf("key_file: %w", err)
		}
		switch key.(type) {
		case *rsa.PublicKey:
			return fixed(key), rsaMethods, nil
		case *ecdsa.PublicKey:
			return fixed(key), ecMethods, nil
		case ed25519.PublicKey:
			return fixed(key), []string{"EdDSA"}, nil
		}
		return nil, nil, fmt.Errorf("key_file: a %T cannot verify tokens", key)
	case o.JWKSFile != "":
		b, err := os.ReadFile(o.JWKSFile)
		if err != nil {
			return nil, nil, fmt.Errorf("jwks_file: %w", err)
		}
		set, err := keyfunc.NewJWKSetJSON(b)
		if err != nil {
			return nil, nil, fmt.Errorf("jwks_file: %w", err)
		}
		return set.Keyfunc, public, nil
	}
	set, err := a.fetchKeys(o, path)
	if err != nil {
		return nil, nil, fmt.Errorf("jwks_url: %w", err)
	}
	return set.Keyfunc, public, nil
}

// fetchKeys keeps a key set up to date until the Authority is closed. A set that cannot be fetched yet opens nothing.
func (a *Authority) fetchKeys(o *JWT, path string) (keyfunc.Keyfunc, error) {
	refresh := o.Refresh
	if refresh <= 0 {
		refresh = time.Hour
	}
	later := true
	return keyfunc.NewDefaultOverrideCtx(a.ctx, []string{o.JWKSURL}, keyfunc.Override{
		Client: &http.Client{Timeout: jwksTimeout}, HTTPTimeout: jwksTimeout, NoErrorReturnFirstHTTPReq: &later,
		RefreshInterval: refresh, RefreshUnknownKID: rate.NewLimiter(rate.Every(time.Minute), 1),
		RateLimitWaitMax: jwksTimeout, // bounds the fetching too, not only the wait for the permission to fetch
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(_ context.Context, err error) {
				var at *url.Error // without the URL, which may have credentials
				if errors.As(err, &at) {
					err = at.Err
				}
				a.log.Error("cannot fetch the key set of tokens", "rule", path, "error", err)
			}
		},
	})
}

func readPublicKey(file string) (crypto.PublicKey, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("no PEM in it")
	}
	if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
		return cert.PublicKey, nil
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}

func (p *tokenProof) rule() string { return p.path }

func (p *tokenProof) how() string {
	return "a token: add the one you were given to the URL as ?token=TOKEN"
}

func (p *tokenProof) brief() string { return "a token (?token=TOKEN)" }

func (p *tokenProof) check(_ context.Context, q *Request) (grant, error) {
	raw := q.Query.Get("token")
	if raw == "" {
		raw = q.Query.Get("jwt")
	}
	if raw == "" {
		return grant{}, errAbsent
	}
	var c claims
	fail := func(cause app.Cause, words string, err error) (grant, error) {
		return grant{}, &failure{rule: p.path, cause: cause, words: words, err: err}
	}
	_, err := p.parser.ParseWithClaims(raw, &c, p.key)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return fail(app.CauseHandler, "The token has expired: get a new one.", jwt.ErrTokenExpired)
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return fail(app.CauseHandler, "The token is not valid yet: try again later, or check the clock of whoever made it.", jwt.ErrTokenNotValidYet)
	case err != nil:
		return fail(app.CauseHandler, "The token is not valid here: copy it again whole, or get a new one.", err)
	case !c.Actions.matches(string(p.action)):
		return fail(app.CausePolicy, fmt.Sprintf("The token does not allow to %s: get one that does.", p.action), nil)
	case !c.App.matches(q.App):
		return fail(app.CausePolicy, "The token is for another application: check the URL, or get another token.", nil)
	case p.action.hasStream() && !c.Stream.matches(q.name()):
		return fail(app.CausePolicy, "The token is for another stream: check the stream's name, or get another token.", nil)
	}
	user := ""
	if c.Subject != "" {
		user = "token:" + c.Subject
	}
	return grant{user: user}, nil
}
