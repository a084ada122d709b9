package auth

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"penstock/app"
	"penstock/internal/password"
)

// userProof is the users of one action.
type userProof struct {
	a     *Authority
	path  string
	users map[string]password.Hash
	decoy password.Hash // what an unknown user's password is compared with
}

func newUserProof(a *Authority, o Options) (*userProof, error) {
	p := &userProof{a: a, path: o.Path + ".users", users: make(map[string]password.Hash, len(o.Users))}
	hashes := make([]password.Hash, 0, len(o.Users))
	for _, name := range slices.Sorted(maps.Keys(o.Users)) {
		h, err := password.Parse(o.Users[name])
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", p.path, name, err)
		}
		p.users[name] = h
		hashes = append(hashes, h)
	}
	p.decoy = password.Decoy(hashes...)
	return p, nil
}

func (p *userProof) rule() string { return p.path }

func (p *userProof) how() string {
	return "a user and password: add them to the URL as ?user=NAME&pass=PASSWORD"
}

func (p *userProof) brief() string { return "a user and password (?user=NAME&pass=PASSWORD)" }

func (p *userProof) check(ctx context.Context, q *Request) (grant, error) {
	user, entered, ok := login(q)
	if !ok {
		return grant{}, errAbsent
	}
	wait, ok, err := p.a.attempts.Try(ctx, addrKey(q.Addr)+" user "+user, func() (bool, error) {
		return p.verify(ctx, user, entered)
	})
	switch {
	case err != nil:
		return grant{}, err
	case wait > 0:
		return grant{}, tooMany(p.path, wait)
	case !ok:
		return grant{}, &failure{rule: p.path, cause: app.CauseHandler,
			words: "The user name or the password is wrong: enter both again, or ask the operator."}
	}
	return grant{user: "user:" + user}, nil
}

func (p *userProof) verify(ctx context.Context, user, entered string) (bool, error) {
	h, known := p.users[user]
	if !known {
		h = p.decoy
	}
	ok, err := p.a.passwords.Check(ctx, h, entered)
	return ok && known, err
}

// login finds user and password: in the query, in tcUrl as user:pass@, or as the first two arguments of connect.
func login(q *Request) (user, entered string, ok bool) {
	if q.Query.Has("user") && q.Query.Has("pass") {
		user, entered = q.Query.Get("user"), q.Query.Get("pass")
	} else if u, p, found := userInfo(q.TCURL); found {
		user, entered = u, p
	} else if len(q.Args) >= 2 {
		u, isUser := q.Args[0].(string)
		p, isPassword := q.Args[1].(string)
		if !isUser || !isPassword {
			return "", "", false
		}
		user, entered = u, p
	}
	return user, entered, user != "" && len(user) <= password.MaxBytes && len(entered) <= password.MaxBytes
}
