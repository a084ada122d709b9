// Package operator knows who is asking over HTTP and what they may do: people who log in with a password and then have a session
// cookie, and programs that send a token. Without any user and token configured it knows only the machine itself, whose requests
// are those of an administrator. It serves the log-in and guards the handlers of others; it does nothing else.
package operator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"penstock/internal/lockout"
	"penstock/internal/password"
)

// Role is what someone may do. Each may do what those below it may.
type Role int

// Roles.
const (
	Nobody   Role = iota
	Viewer        // reads
	Operator      // ends connections and streams, blocks networks
	Admin         // unloads applications
)

// String is the role as it is written in the configuration.
func (r Role) String() string {
	switch r {
	case Viewer:
		return "viewer"
	case Operator:
		return "operator"
	case Admin:
		return "admin"
	}
	return "nobody"
}

// MarshalText implements encoding.TextMarshaler.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// ParseRole reads viewer, operator or admin.
func ParseRole(s string) (Role, error) {
	for _, r := range []Role{Viewer, Operator, Admin} {
		if s == r.String() {
			return r, nil
		}
	}
	return Nobody, fmt.Errorf("%q is not viewer, operator or admin", s)
}

// User is someone who logs in.
type User struct {
	Hash string // argon2id, see password.New
	Role Role
}

// Token is what a program sends.
type Token struct {
	SHA256 string // of the token, hexadecimal
	Role   Role
}

// maxAddressFailures is how many wrong passwords within a minute cost an address a minute, whoever's they are: checking one costs
// time and memory, and there are many names to guess. It does not hold for this machine, where a proxy asks for everybody.
const maxAddressFailures = 30

// DefaultSession is how long a log-in holds when Options do not say.
const DefaultSession = 12 * time.Hour

// Options are who there is.
type Options struct {
	Path      string            // configuration path, "console"
	Users     map[string]User   // by name
	Tokens    map[string]Token  // by label
	Session   time.Duration     // how long a log-in holds; 0 is DefaultSession
	Passwords *password.Checker // nil: one of its own
}

// Authority tells who asks. It is safe for concurrent use.
type Authority struct {
	path      string
	users     map[string]user
	decoy     password.Hash // what an unknown user's password is compared with
	tokens    []token
	attempts  *lockout.Table // by address and user
	addresses *lockout.Table // by address
	passwords *password.Checker
	sessions  *sessions
	origins   *http.CrossOriginProtection
	log       *slog.Logger
	stop      context.CancelFunc
}

type user struct {
	hash password.Hash
	role Role
}

type token struct {
	label string
	sum   [sha256.Size]byte
	role  Role
}

// New compiles options; its error names the configuration key at fault. Close what it returns.
func New(o Options, log *slog.Logger) (*Authority, error) {
	if o.Path == "" {
		o.Path = "console"
	}
	if o.Passwords == nil {
		o.Passwords = password.NewChecker()
	}
	if o.Session <= 0 {
		o.Session = DefaultSession
	}
	a := &Authority{
		path: o.Path, users: make(map[string]user, len(o.Users)), attempts: lockout.New(),
		addresses: lockout.NewTable(maxAddressFailures), passwords: o.Passwords,
		origins: http.NewCrossOriginProtection(), log: log,
	}
	hashes := make([]password.Hash, 0, len(o.Users))
	for _, name := range slices.Sorted(maps.Keys(o.Users)) {
		h, err := password.Parse(o.Users[name].Hash)
		if err != nil {
			return nil, fmt.Errorf("%s.users.%s.password: %w", o.Path, name, err)
		}
		a.users[name] = user{h, o.Users[name].Role}
		hashes = append(hashes, h)
	}
	a.decoy = password.Decoy(hashes...)
	for _, label := range slices.Sorted(maps.Keys(o.Tokens)) {
		b, err := hex.DecodeString(o.Tokens[label].SHA256)
		if err != nil || len(b) != sha256.Size {
			return nil, fmt.Errorf("%s.tokens.%s.sha256: not 64 hexadecimal digits", o.Path, label)
		}
		a.tokens = append(a.tokens, token{label, [sha256.Size]byte(b), o.Tokens[label].Role})
	}
	if !a.Configured() {
		log.Info("console: no users and no tokens are configured, so it answers this machine only, and so does the API", "option", o.Path+".users")
	}
	ctx, stop := context.WithCancel(context.Background())
	a.sessions, a.stop = newSessions(ctx, o.Session), stop
	return a, nil
}

// Close ends every session, and the contexts of all requests that Require let in.
func (a *Authority) Close() { a.stop() }

// Configured reports whether there is any user or token. Without, only the machine itself is answered.
func (a *Authority) Configured() bool { return len(a.users)+len(a.tokens) > 0 }

// Closed reports whether a request is refused whatever it may bring: nobody is configured, and it is not from this machine.
func (a *Authority) Closed(r *http.Request) bool { return !a.Configured() && notLocal(r) != "" }
