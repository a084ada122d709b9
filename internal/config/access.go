package config

import (
	"encoding/hex"
	"strings"
	"time"
)

// Access is who may do one thing with an application.
type Access struct {
	// AllowNetworks are the networks that are let in. The default for publish, the local networks, becomes any when publishers
	// have to prove themselves.
	AllowNetworks Networks `yaml:"allow_networks"`
	// DenyNetworks are networks that are not let in, also when allow_networks has them.
	DenyNetworks Networks `yaml:"deny_networks"`
	// Origins are the hosts (example.com, or .example.com for its subdomains too) whose pages are let in. Without any, all are,
	// and clients that are on no page. (A client can lie about its page.)
	Origins []string `yaml:"origins"`
	// Keys are stream keys by a label of your choice.
	Keys map[string]StreamKey `yaml:"keys"`
	// Users are names, each with the hash that `penstock hash-password` prints. Clients give user and password as
	// `?user=NAME&pass=PASSWORD`, in the server's URL as `rtmp://NAME:PASSWORD@…` (most encoders take that off, see
	// encoder_auth), or as the first two arguments of connect. After five failures within a minute, a user is refused for a
	// minute from that address; likewise a stream with a wrong key.
	Users      map[string]string `yaml:"users"`
	JWT        JWT               `yaml:"jwt"`
	SignedURLs SignedURLs        `yaml:"signed_urls"`
}

// StreamKey is a key: clients add it to the stream's name or to the server's URL as `?key=KEY`. The label stands for it in errors.
type StreamKey struct {
	// Stream is the names of streams that the key opens, * standing for any text; without it, all of them, or
	// publish_as. In an instance of the application the name is INSTANCE/NAME.
	Stream string `yaml:"stream"`
	Key    string `yaml:"key"`        // the key; at least 128 random bits, such as `openssl rand -hex 16` prints
	SHA256 string `yaml:"key_sha256"` // instead of the key, its SHA-256: `printf %s KEY | sha256sum`
	// PublishAs is the stream's public name: clients may then give the key in place of a name, as encoders ask for it.
	PublishAs string `yaml:"publish_as"`
}

// JWT is tokens (RFC 7519), given as `?token=` or `?jwt=`. Exactly one of secret, key_file, jwks_file and jwks_url is set; none
// takes no tokens. A token must have the claims `exp`, `app` (application), `stream` (name of the stream; not needed to connect and call)
// and `actions` (connect, publish, play, call); each is one text or a list, in which * stands for any text.
type JWT struct {
	Secret   string   `yaml:"secret"`    // at least 32 bytes: HS256, HS384, HS512
	KeyFile  string   `yaml:"key_file"`  // public key or certificate, PEM: RS256 to PS512, ES256 to ES512, EdDSA
	JWKSFile string   `yaml:"jwks_file"` // key set (RFC 7517)
	JWKSURL  string   `yaml:"jwks_url"`  // where a key set is fetched
	Refresh  Duration `yaml:"refresh"`   // how often it is fetched again; an unknown key ID causes that too, once a minute
	Issuer   string   `yaml:"issuer"`    // wanted `iss`; without it, any
	Audience string   `yaml:"audience"`  // wanted `aud`; without it, any
}

// SignedURLs is addresses that expire: `APP/STREAM?expires=SECONDS&sig=HEX`, where HEX is the HMAC-SHA256 of
// `ACTION:APP/STREAM:SECONDS`, such as `play:live/cam:1767225600`, and `connect:APP:SECONDS` for connect, `call:APP:SECONDS` for call.
type SignedURLs struct {
	Secret string `yaml:"secret"` // at least 16 bytes; none takes no signed URLs
}

// EncoderAuth is the user and password of encoders, as FMLE, OBS ("use authentication"), FFmpeg (`rtmp://NAME:PASSWORD@…`),
// GStreamer and others send them. It uses MD5: better over RTMPS.
type EncoderAuth struct {
	// Mode is adobe, which most encoders know, or llnw; without it nobody is asked.
	Mode string `yaml:"mode"`
	// Users are names, each with its password as it is: the encoders' method leaves no choice.
	Users map[string]string `yaml:"users"`
	// Agents are beginnings of flashVer, such as FMLE/: only clients that have one must log in, and only who has logged in can
	// publish. Without any, all must log in, players too.
	Agents []string `yaml:"agents"`
}

func (n Networks) byDefault() Networks {
	n.preset = true
	return n
}

// DefaultApp is an application about which nothing is said.
func DefaultApp() App {
	access := func(n Networks) Access {
		return Access{AllowNetworks: n.byDefault(), JWT: JWT{Refresh: Duration(time.Hour)}}
	}
	all := []string{"/"}
	return App{
		Publish: access(MustNetworks("loopback", "private")), Play: access(MustNetworks("any")), Connect: access(MustNetworks("any")),
		Call: access(MustNetworks("any")), Limits: AppLimits{PublishersPerIP: 16}, Hooks: defaultHooks(),
		SharedObjects: SharedObjects{Write: all, Create: all},
	}
}

// Proof reports whether clients have to prove themselves.
func (a *Access) Proof() bool {
	return len(a.Keys) > 0 || len(a.Users) > 0 || a.JWT.Used() || a.SignedURLs.Secret != ""
}

// Used reports whether tokens are taken.
func (j *JWT) Used() bool {
	return j.Secret != "" || j.KeyFile != "" || j.JWKSFile != "" || j.JWKSURL != ""
}

// Networks are AllowNetworks, or any when nothing was said of them and there is something better to go by.
func (a *Access) Networks(better bool) Networks {
	if a.AllowNetworks.preset && (better || a.Proof()) {
		return MustNetworks("any")
	}
	return a.AllowNetworks
}

// Validate checks the section at path.
func (a *Access) Validate(path string) error {
	if err := checkOrigins(path+".origins", a.Origins); err != nil {
		return err
	}
	for _, label := range sortedKeys(a.Keys) {
		if err := a.Keys[label].validate(path + ".keys." + label); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(a.Users) {
		if !strings.HasPrefix(a.Users[name], "$argon2id$") {
			return fieldErrorf(path+".users."+name, "is not the hash of a password: make one with penstock hash-password")
		}
	}
	if s := a.SignedURLs.Secret; s != "" && len(s) < 16 {
		return fieldErrorf(path+".signed_urls.secret", "is shorter than 16 bytes")
	}
	return a.JWT.validate(path + ".jwt")
}

func (k StreamKey) validate(path string) error {
	if (k.Key == "") == (k.SHA256 == "") {
		return fieldErrorf(path, "wants either key or key_sha256")
	}
	if b, err := hex.DecodeString(k.SHA256); k.SHA256 != "" && (err != nil || len(b) != 32) {
		return fieldErrorf(path+".key_sha256", "is not 64 hexadecimal digits")
	}
	if strings.ContainsAny(k.PublishAs, "*?") {
		return fieldErrorf(path+".publish_as", "%q is not the name of one stream", k.PublishAs)
	}
	return nil
}

func (j *JWT) validate(path string) error {
	set := 0
	for _, s := range []string{j.Secret, j.KeyFile, j.JWKSFile, j.JWKSURL} {
		if s != "" {
			set++
		}
	}
	switch {
	case set > 1:
		return fieldErrorf(path, "wants only one of secret, key_file, jwks_file and jwks_url")
	case j.Secret != "" && len(j.Secret) < 32:
		return fieldErrorf(path+".secret", "is shorter than 32 bytes")
	case j.JWKSURL != "" && !strings.HasPrefix(j.JWKSURL, "https://") && !strings.HasPrefix(j.JWKSURL, "http://"):
		return fieldErrorf(path+".jwks_url", "%q is not an HTTP URL", j.JWKSURL)
	case j.JWKSURL != "" && j.Refresh <= 0:
		return fieldErrorf(path+".refresh", "must be above 0")
	}
	return nil
}

// Validate checks the section at path.
func (e *EncoderAuth) Validate(path string) error {
	if e.Mode == "" {
		if len(e.Users) > 0 {
			return fieldErrorf(path+".mode", "is missing, want adobe or llnw")
		}
		return nil
	}
	if err := oneOf(path+".mode", e.Mode, "adobe", "llnw"); err != nil {
		return err
	}
	for _, name := range sortedKeys(e.Users) {
		if name == "" || len(name) > 128 || strings.ContainsAny(name, "&?=# /") {
			return fieldErrorf(path+".users", "%q is no name that encoders can send: up to 128 bytes, no space, /, &, ?, = or #", name)
		}
		if e.Users[name] == "" {
			return fieldErrorf(path+".users."+name, "has no password")
		}
	}
	return nil
}
