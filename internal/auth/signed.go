package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"time"

	"penstock/app"
)

// Sign returns the query by which a signed URL opens a stream ("app/stream") for an action until expires:
// expires=SECONDS&sig=HEX, where sig is the HMAC-SHA256 of "ACTION:app/stream:SECONDS". With the actions
// connect and call, the application alone is signed.
func Sign(secret string, action Action, stream string, expires time.Time) string {
	seconds := strconv.FormatInt(expires.Unix(), 10)
	return url.Values{"expires": {seconds}, "sig": {hex.EncodeToString(signature([]byte(secret), action, stream, seconds))}}.Encode()
}

func signature(secret []byte, action Action, stream, expires string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(string(action) + ":" + stream + ":" + expires))
	return h.Sum(nil)
}

type signedProof struct {
	action Action
	path   string
	secret []byte
}

func (p *signedProof) rule() string { return p.path }

func (p *signedProof) how() string {
	return "a signed URL: use the whole address that you were given, with ?expires= and &sig="
}

func (p *signedProof) brief() string { return "a signed URL (?expires=…&sig=…)" }

func (p *signedProof) check(_ context.Context, q *Request) (grant, error) {
	expires, sig := q.Query.Get("expires"), q.Query.Get("sig")
	if expires == "" && sig == "" {
		return grant{}, errAbsent
	}
	got, err := hex.DecodeString(strings.ToLower(sig))
	seconds, errTime := strconv.ParseInt(expires, 10, 64)
	if err != nil || errTime != nil || !hmac.Equal(got, signature(p.secret, p.action, q.key(), expires)) {
		return grant{}, &failure{rule: p.path, cause: app.CauseHandler,
			words: "The signature of this address does not fit: use the whole address that you were given, unchanged."}
	}
	if time.Now().Unix() >= seconds {
		return grant{}, &failure{rule: p.path, cause: app.CauseHandler, words: "This address has expired: get a new one."}
	}
	return grant{}, nil
}
