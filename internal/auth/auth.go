// Package auth decides who may connect, publish and play: networks, origins, stream keys, users, tokens, signed URLs, and the
// log-in of encoders that came with Flash Media Server. It knows rules and credentials; it listens nowhere and keeps nothing
// beyond the process. What it refuses is an *app.Refusal with the configuration path of the rule that fired and words for the
// person at the encoder. No word, error or rule contains a secret.
package auth

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/internal/lockout"
	"penstock/internal/password"
)

// Action is what a client wants to do.
type Action string

// Actions.
const (
	Connect Action = "connect"
	Publish Action = "publish"
	Play    Action = "play"
	Call    Action = "call" // of a method of the application
)

// hasStream reports whether the action is about a stream.
func (a Action) hasStream() bool { return a == Publish || a == Play }

// subject begins a sentence about the action.
func (a Action) subject(application string) string {
	switch a {
	case Publish:
		return "Publishing to " + application
	case Play:
		return "Playing from " + application
	case Call:
		return "Calling methods of " + application
	}
	return "Connecting to " + application
}

// Request is what a client wants, and everything by which it may show that it is allowed to.
type Request struct {
	App, Instance string
	Stream        string // canonical name without query, "" when the client connects; Check replaces a stream key by the public name
	Addr          net.Addr
	PageURL       string
	SWFURL        string
	TCURL         string
	FlashVer      string
	Query         url.Values // of application, tcUrl and stream name, the last's first
	Args          []amf.Value

	// User is who the client has proved to be, set by Check: "user:NAME", "key:LABEL", "token:SUBJECT", or as it was when
	// the credential names nobody.
	User string
}

// key is the stream under its name in the whole server, or the application without one.
func (q *Request) key() string {
	if q.Stream == "" {
		return q.App
	}
	return app.StreamKey(q.App, q.Instance, q.Stream)
}

// name is the stream's name by which rules know it: with the instance before it when there is one, since "a/b" can be both.
func (q *Request) name() string {
	if q.Stream == "" {
		return ""
	}
	return strings.TrimPrefix(q.key(), q.App+"/")
}

// Networks is a set of addresses.
type Networks interface{ Contains(net.Addr) bool }

// Authority is what rules share: failures, nonces, and how many passwords are checked at the same time. It is safe for
// concurrent use.
type Authority struct {
	attempts  *lockout.Table
	nonces    *nonces
	passwords *password.Checker
	secret    []byte // salts of encoder log-ins; new with each process
	log       *slog.Logger
	ctx       context.Context
	stop      context.CancelFunc
}

// New returns an Authority, which logs that key sets cannot be fetched. Close it to end the refreshing of key sets.
func New(log *slog.Logger) *Authority {
	ctx, stop := context.WithCancel(context.Background())
	a := &Authority{
		attempts: lockout.New(), nonces: newNonces(), passwords: password.NewChecker(),
		secret: make([]byte, 32), log: log, ctx: ctx, stop: stop,
	}
	_, _ = rand.Read(a.secret)
	return a
}

// Close ends what runs in the background.
func (a *Authority) Close() { a.stop() }

// Passwords checks passwords within the bounds of this Authority, for others who must: there are only so many cores.
func (a *Authority) Passwords() *password.Checker { return a.passwords }

func addrKey(a net.Addr) string { return lockout.AddrKey(a) }

// tooMany is the refusal of one who must wait.
func tooMany(rule string, wait time.Duration) *failure {
	return &failure{rule: rule, cause: app.CausePolicy, err: fmt.Errorf("%d failures within %v", lockout.MaxFailures, lockout.Window),
		words: fmt.Sprintf("Too many wrong attempts from your address: wait %d seconds, correct what you entered, then try again.",
			int(wait.Seconds())+1)}
}
