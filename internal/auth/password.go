package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/argon2"

	"penstock/app"
)

// Parameters of HashPassword (OWASP's for argon2id), and the most that a hash may ask for.
const (
	hashMemory, hashTime, hashThreads = 19 << 10, 2, 1 // KiB, passes, lanes
	maxMemory, maxTime, maxThreads    = 256 << 10, 16, 16
	saltBytes, sumBytes               = 16, 32
	maxPassword                       = 1 << 10 // bytes
)

// hash is an argon2id hash.
type hash struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

// HashPassword returns the argon2id hash of a password in PHC form, with a fresh salt: $argon2id$v=19$m=…,t=…,p=…$SALT$HASH.
func HashPassword(password string) string {
	h := hash{memory: hashMemory, time: hashTime, threads: hashThreads, salt: make([]byte, saltBytes), sum: make([]byte, sumBytes)}
	_, _ = rand.Read(h.salt)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, b64(h.salt), b64(h.derive(password)))
}

var errHash = errors.New("not an argon2id hash ($argon2id$v=19$m=…,t=…,p=…$SALT$HASH); make one with penstock hash-password")

// parseHash reads a hash in PHC form and bounds what it costs.
func parseHash(s string) (h hash, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errHash
	}
	if _, err := fmt.Sscanf(parts[3]+"\n", "m=%d,t=%d,p=%d\n", &h.memory, &h.time, &h.threads); err != nil {
		return h, errHash
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	h.sum, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.sum) < 16 || len(h.sum) > 64 {
		return h, errHash
	}
	if h.memory < 8 || h.memory > maxMemory || h.time < 1 || h.time > maxTime || h.threads < 1 || h.threads > maxThreads {
		return h, fmt.Errorf("costs too much or nothing: at most m=%d (KiB), t=%d, p=%d", maxMemory, maxTime, maxThreads)
	}
	return h, nil
}

func (h *hash) derive(password string) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.sum)))
}

// userProof is the users of one action.
type userProof struct {
	a     *Authority
	path  string
	users map[string]hash
	decoy hash // what an unknown user's password is compared with; costs as much as the dearest
}

func newUserProof(a *Authority, o Options) (*userProof, error) {
	p := &userProof{a: a, path: o.Path + ".users", users: make(map[string]hash, len(o.Users))}
	for _, name := range slices.Sorted(maps.Keys(o.Users)) {
		h, err := parseHash(o.Users[name])
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", p.path, name, err)
		}
		p.users[name] = h
		if uint64(h.memory)*uint64(h.time) > uint64(p.decoy.memory)*uint64(p.decoy.time) {
			p.decoy = h
		}
	}
	p.decoy.salt, p.decoy.sum = make([]byte, len(p.decoy.salt)), make([]byte, len(p.decoy.sum))
	_, _ = rand.Read(p.decoy.salt)
	_, _ = rand.Read(p.decoy.sum)
	return p, nil
}

func (p *userProof) rule() string { return p.path }

func (p *userProof) how() string {
	return "a user and password: add them to the URL as ?user=NAME&pass=PASSWORD"
}

func (p *userProof) check(ctx context.Context, q *Request) (string, error) {
	user, password, ok := login(q)
	if !ok {
		return "", errAbsent
	}
	wait, ok, err := p.a.attempts.try(ctx, addrKey(q.Addr)+" user "+user, func() (bool, error) {
		return p.verify(ctx, user, password)
	})
	switch {
	case err != nil:
		return "", err
	case wait > 0:
		return "", tooMany(p.path, wait)
	case !ok:
		return "", &failure{rule: p.path, cause: app.CauseHandler,
			words: "The user name or the password is wrong: enter both again, or ask the operator."}
	}
	return "", nil
}

func (p *userProof) verify(ctx context.Context, user, password string) (bool, error) {
	h, known := p.users[user]
	if !known {
		h = p.decoy
	}
	select {
	case p.a.argon <- struct{}{}:
		defer func() { <-p.a.argon }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return subtle.ConstantTimeCompare(h.derive(password), h.sum) == 1 && known, nil
}

// login finds user and password: in the query, in tcUrl as user:pass@, or as the first two arguments of connect.
func login(q *Request) (user, password string, ok bool) {
	if q.Query.Has("user") && q.Query.Has("pass") {
		user, password = q.Query.Get("user"), q.Query.Get("pass")
	} else if u, p, found := userInfo(q.TCURL); found {
		user, password = u, p
	} else if len(q.Args) >= 2 {
		u, isUser := q.Args[0].(string)
		p, isPassword := q.Args[1].(string)
		if !isUser || !isPassword {
			return "", "", false
		}
		user, password = u, p
	}
	return user, password, user != "" && len(user) <= maxPassword && len(password) <= maxPassword
}
