package auth

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"penstock/app"
	"penstock/internal/lockout"
	"penstock/status"
)

// Mode is a way in which encoders log in.
type Mode string

// Modes: the access manager of Flash Media Server, and Limelight's.
const (
	Adobe Mode = "adobe"
	LLNW  Mode = "llnw"
)

const (
	llnwRealm = "live"
	maxUser   = 128 // bytes; FFmpeg cuts what it is asked with at 299
)

// Encoder is the log-in of encoders at connect: FMLE, OBS, FFmpeg, GStreamer, Wirecast and others do it when they are given a
// user and a password. Each step is a rejected connect whose description the encoder reads. The hash is MD5, as the encoders
// have it: use it over RTMPS where the network is not trusted.
type Encoder struct {
	a      *Authority
	path   string
	mode   Mode
	users  map[string]string
	agents []string
}

// NewEncoder returns the log-in of users, name to password. When agents are given, only clients whose flashVer begins with one
// of them are asked; Check returns no user for the others.
func (a *Authority) NewEncoder(path string, mode Mode, users map[string]string, agents []string) (*Encoder, error) {
	if mode != Adobe && mode != LLNW {
		return nil, fmt.Errorf("%s.mode: %q is not adobe or llnw", path, mode)
	}
	for name, password := range users {
		if name == "" || len(name) > maxUser || password == "" || strings.ContainsAny(name, "&?=# /") {
			return nil, fmt.Errorf("%s.users: %q has no password, or is no name of up to %d bytes without space, /, &, ?, = and #", path, name, maxUser)
		}
	}
	return &Encoder{a: a, path: path, mode: mode, users: users, agents: agents}, nil
}

// Check returns the user who logged in, "" for a client that is not asked, or the *app.Refusal with the next step.
// rawApp is the app property of connect as sent.
func (e *Encoder) Check(ctx context.Context, q *Request, rawApp string) (user string, err error) {
	mod := q.Query.Get("authmod")
	asked := func(agent string) bool { return strings.HasPrefix(q.FlashVer, agent) }
	if mod == "" && len(e.agents) > 0 && !slices.ContainsFunc(e.agents, asked) {
		return "", nil
	}
	user = q.Query.Get("user")
	if mod != string(e.mode) || user == "" || len(user) > maxUser {
		text := fmt.Sprintf("[ AccessManager.Reject ] : [ code=403 need auth; authmod=%s ] : ", e.mode)
		if mod == "" {
			return "", e.ask(text)
		}
		return "", e.refuse(text, fmt.Errorf("log-in by authmod=%s with a user of %d bytes", strconv.QuoteToASCII(mod[:min(len(mod), 16)]), len(user)))
	}
	who := addrKey(q.Addr) + " encoder " + user
	if q.Query.Get("response") == "" {
		return "", e.challenge(user, who)
	}
	wait, ok, err := e.a.attempts.Try(ctx, who, func() (bool, error) { return e.verify(q, user, who, rawApp), nil })
	switch {
	case err != nil:
		return "", err
	case wait > 0:
		return "", e.failed(q, fmt.Errorf("%d failures within %v: %v to wait", lockout.MaxFailures, lockout.Window, wait))
	case !ok:
		return "", e.failed(q, errors.New("wrong password, unknown user, or a challenge that is used up"))
	}
	return user, nil
}

func (e *Encoder) refuse(description string, err error) error {
	return &app.Refusal{Cause: app.CauseHandler, Rule: e.path, Status: status.New(status.ConnectRejected, description), Err: err}
}

// ask refuses a step of a log-in that has not failed.
func (e *Encoder) ask(description string) error {
	return &app.Refusal{Cause: app.CauseChallenge, Rule: e.path, Status: status.New(status.ConnectRejected, description)}
}

// challenge is the second step. An unknown user is asked like a known one.
func (e *Encoder) challenge(user, who string) error {
	n := e.a.nonces.issue(who)
	head := fmt.Sprintf("[ AccessManager.Reject ] : [ authmod=%s ] : ?reason=needauth&user=%s", e.mode, user)
	if e.mode == LLNW {
		return e.ask(head + "&nonce=" + n)
	}
	return e.ask(head + "&salt=" + e.salt(user) + "&challenge=" + n + "&opaque=" + n)
}

func (e *Encoder) failed(q *Request, err error) error {
	text := fmt.Sprintf("[ AccessManager.Reject ] : [ authmod=%s ] : ?reason=authfailed", e.mode)
	if o := q.Query.Get("opaque"); e.mode == Adobe && len(o) <= 64 {
		text += "&opaque=" + o
	}
	return e.refuse(text, err)
}

// salt is a user's, the same whether there is such a user or not.
func (e *Encoder) salt(user string) string {
	return base64.StdEncoding.EncodeToString(e.derive("salt", user)[:9])
}

func (e *Encoder) derive(what, user string) []byte {
	h := hmac.New(sha256.New, e.a.secret)
	h.Write([]byte(what + "\x00" + e.path + "\x00" + user))
	return h.Sum(nil)
}

func (e *Encoder) verify(q *Request, user, who, rawApp string) bool {
	password, known := e.users[user]
	if !known {
		password = hex.EncodeToString(e.derive("password", user))
	}
	v := q.Query.Get
	var n, want string
	if e.mode == LLNW {
		n = e.a.nonces.take(orNone(v("nonce")), who)
		want = llnwResponse(user, password, rawApp, llnwProof{n, v("nc"), v("cnonce")})
	} else {
		n = e.a.nonces.take(v("opaque"), who)
		want = adobeResponse(user, e.salt(user), password, n, v("challenge"))
	}
	same := subtle.ConstantTimeCompare([]byte(want), []byte(v("response"))) == 1
	return same && known && n != ""
}

// orNone is a nonce that does not exist for "", which take understands as the last one.
func orNone(id string) string {
	if id == "" {
		return "none"
	}
	return id
}

// adobeResponse is what an encoder answers. seed is the server's opaque, or its challenge when it sent no opaque; challenge is
// the client's own.
func adobeResponse(user, salt, password, seed, challenge string) string {
	return md5Base64(md5Base64(user+salt+password) + seed + challenge)
}

func md5Base64(s string) string {
	sum := md5.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// llnwProof is what varies from one log-in to the next.
type llnwProof struct{ nonce, nc, cnonce string }

// llnwResponse is HTTP's digest (RFC 2617 §3.2.2) with the method publish and the application as URI.
func llnwResponse(user, password, rawApp string, p llnwProof) string {
	rawApp, _, _ = strings.Cut(rawApp, "?")
	if !strings.Contains(rawApp, "/") {
		rawApp += "/_definst_"
	}
	ha1 := md5Hex(user + ":" + llnwRealm + ":" + password)
	ha2 := md5Hex("publish:/" + rawApp)
	return md5Hex(strings.Join([]string{ha1, p.nonce, p.nc, p.cnonce, "auth", ha2}, ":"))
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}
