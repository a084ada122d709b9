package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Header must be sent, with any value, with whatever changes something in a session: another site's page cannot make a browser
// send it.
const Header = "X-Penstock"

// Identity is who asks.
type Identity struct {
	Name    string // user, label of the token, or "this machine"
	Role    Role
	By      Proof
	session context.Context // ends with the session, or with the Authority
}

// Proof is how someone showed who it is.
type Proof string

// Proofs.
const (
	BySession  Proof = "session"  // the cookie of a log-in
	ByToken    Proof = "token"    // Authorization: Bearer
	ByPassword Proof = "password" // Authorization: Basic
	ByLoopback Proof = "loopback" // nobody is configured, and the request comes from this machine
)

// Denied is why a request is not served. It is an error for people; it contains no secret.
type Denied struct {
	Status     int // HTTP
	Detail     string
	RetryAfter time.Duration
}

// Error implements error.
func (d *Denied) Error() string { return d.Detail }

// Write answers with the reason as application/problem+json (RFC 9457).
func (d *Denied) Write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if d.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="penstock"`)
	}
	if d.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(d.RetryAfter.Seconds()))))
	}
	w.WriteHeader(d.Status)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": http.StatusText(d.Status), "status": d.Status, "detail": d.Detail})
}

func denied(code int, format string, args ...any) *Denied {
	return &Denied{Status: code, Detail: fmt.Sprintf(format, args...)}
}

// Require lets in those who have the role, and answers the others. The handler finds who it is with From; its context ends with
// the session and with the Authority, so that endless answers end too.
func (a *Authority) Require(least Role, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, d := a.Check(r, least)
		if d != nil {
			d.Write(w)
			return
		}
		ctx, cancel := With(r.Context(), id)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Check is Require without a handler: who asks, or why they may not. A request that changes something must not come from another
// site's page.
func (a *Authority) Check(r *http.Request, least Role) (Identity, *Denied) {
	id, d := a.Identify(r)
	if d != nil {
		return id, d
	}
	if d := a.forged(r, id); d != nil {
		return id, d
	}
	if id.Role < least {
		return id, denied(http.StatusForbidden, "This needs the role %s, and %s has the role %s (%s).", least, id.Name, id.Role, a.path)
	}
	return id, nil
}

// forged reports a request that somebody else's page made the browser send (CSRF).
func (a *Authority) forged(r *http.Request, id Identity) *Denied {
	if err := a.origins.Check(r); err != nil {
		return denied(http.StatusForbidden, "The request was made by the page of another site.")
	}
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	if id.By == BySession && !safe && r.Header.Get(Header) == "" {
		return denied(http.StatusForbidden, "The request lacks the header %s, which the console's own requests have.", Header)
	}
	return nil
}

type contextKey struct{}

// With puts an identity into a context that ends when its session does. Call the function when the request is served.
func With(ctx context.Context, id Identity) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithValue(ctx, contextKey{}, id))
	if id.session == nil {
		return ctx, cancel
	}
	unlink := context.AfterFunc(id.session, cancel)
	return ctx, func() { unlink(); cancel() }
}

// From returns who asks, in what Require serves.
func From(ctx context.Context) Identity {
	id, _ := ctx.Value(contextKey{}).(Identity)
	return id
}
