package operator

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"time"

	"penstock/internal/lockout"
	"penstock/internal/password"
)

// Identify tells who asks, or why that cannot be told. Credentials that are sent decide: when they are wrong, nothing else counts.
func (a *Authority) Identify(r *http.Request) (Identity, *Denied) {
	if !a.Configured() {
		if why := notLocal(r); why != "" {
			return Identity{}, denied(http.StatusForbidden, "No users and no tokens are configured, so the console and the API answer "+
				"this machine only (http://localhost:PORT/console/): %s. To let others in, set %s.users or %s.tokens in the configuration.",
				why, a.path, a.path)
		}
		return Identity{Name: "this machine", Role: Admin, By: ByLoopback, session: a.sessions.ctx}, nil
	}
	if given := r.Header.Get("Authorization"); given != "" {
		return a.authorize(r, given)
	}
	if id, ok := a.sessions.of(r); ok {
		return id, nil
	}
	return Identity{}, denied(http.StatusUnauthorized,
		"Nobody is logged in: do so at /console/, or send a token of %s.tokens as Authorization: Bearer TOKEN.", a.path)
}

// LoggedIn is Identify for what other rules guard too: it looks at the cookie of a session only.
// The page of another origin is not let in, which a cookie alone does not see when it is another port of the same host.
func (a *Authority) LoggedIn(r *http.Request) (Identity, bool) {
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
			return Identity{}, false
		}
	}
	return a.sessions.of(r)
}

// authorize judges an Authorization header (RFC 9110 §11.6.2).
func (a *Authority) authorize(r *http.Request, given string) (Identity, *Denied) {
	if name, secret, ok := r.BasicAuth(); ok {
		return a.byPassword(r.Context(), r.RemoteAddr, name, secret)
	}
	if scheme, secret, ok := strings.Cut(given, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return a.byToken(r.Context(), r.RemoteAddr, strings.TrimSpace(secret))
	}
	return Identity{}, denied(http.StatusUnauthorized, "Only Bearer and Basic are understood in the header Authorization.")
}

func (a *Authority) byToken(ctx context.Context, peer, given string) (id Identity, d *Denied) {
	wait, ok, err := a.attempts.Try(ctx, lockout.AddrKey(remote(peer))+" token", func() (bool, error) {
		sum, found := sha256.Sum256([]byte(given)), false
		for _, t := range a.tokens { // all of them, so that the time does not tell which came near
			if subtle.ConstantTimeCompare(sum[:], t.sum[:]) == 1 {
				id, found = Identity{Name: t.label, Role: t.role, By: ByToken, session: a.sessions.ctx}, true
			}
		}
		return found, nil
	})
	if d := a.failed(ok, wait, err); d != nil {
		return Identity{}, d
	}
	if !ok {
		a.log.Warn("API: unknown token", "peer", peer)
		return Identity{}, denied(http.StatusUnauthorized, "The token is unknown.")
	}
	return id, nil
}

func (a *Authority) byPassword(ctx context.Context, peer, name, entered string) (Identity, *Denied) {
	if len(name) > password.MaxBytes || len(entered) > password.MaxBytes {
		return Identity{}, denied(http.StatusUnauthorized, "The user name or the password is too long.")
	}
	u, known := a.users[name]
	if !known {
		u.hash = a.decoy
	}
	wait, ok, err := a.slowed(ctx, peer, name, func() (bool, error) {
		same, err := a.passwords.Check(ctx, u.hash, entered)
		return same && known, err
	})
	if d := a.failed(ok, wait, err); d != nil {
		return Identity{}, d
	}
	if !ok {
		if known { // an unknown name may be a password in the wrong field
			a.log.Warn("console: wrong password", "user", name, "peer", peer)
		}
		return Identity{}, denied(http.StatusUnauthorized, "The user name or the password is wrong.")
	}
	return Identity{Name: name, Role: u.role, By: ByPassword, session: a.sessions.ctx}, nil
}

// slowed runs the check of a password unless who asks has to wait.
func (a *Authority) slowed(ctx context.Context, peer, name string, check func() (bool, error)) (wait time.Duration, ok bool, err error) {
	address := lockout.AddrKey(remote(peer))
	one := func() (ok bool, err error) {
		wait, ok, err = a.attempts.Try(ctx, address+" user "+name, check)
		return ok, err
	}
	if loopback(hostOnly(peer)) {
		ok, err = one()
		return wait, ok, err
	}
	all, ok, err := a.addresses.Try(ctx, address, one)
	return max(wait, all), ok, err
}

// failed is the answer when an attempt was not made.
func (a *Authority) failed(ok bool, wait time.Duration, err error) *Denied {
	switch {
	case err != nil:
		return denied(http.StatusServiceUnavailable, "The log-in was not finished.")
	case !ok && wait > 0:
		d := denied(http.StatusTooManyRequests, "Too many wrong attempts from your address: wait %d seconds, then try again.", int(wait.Seconds())+1)
		d.RetryAfter = wait
		return d
	}
	return nil
}

// remote is a request's RemoteAddr as an address.
type remote string

// Network implements net.Addr.
func (remote) Network() string { return "tcp" }

// String implements net.Addr.
func (r remote) String() string { return string(r) }
