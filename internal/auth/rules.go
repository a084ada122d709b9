package auth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"penstock/app"
	"penstock/status"
)

// Options are the rules for one action of one application. Every network rule and the origins must let a client pass. When
// there is anything by which a client can prove itself (keys, users, tokens, signed URLs), it must prove itself by one.
type Options struct {
	Path    string // configuration path, such as apps.live.publish
	Action  Action
	Allow   Networks
	AllowIs string   // what Allow is to a stranger: "local networks"
	Deny    Networks // may be nil
	Origins []string // hosts, or .host for its subdomains too; none: all

	Keys   map[string]Key    // by label
	Users  map[string]string // name to argon2id hash, see password.New
	JWT    *JWT              // nil: no tokens
	Secret string            // of signed URLs; "": none
}

// Rules are compiled Options.
type Rules struct {
	o      Options
	proofs []proof
}

// proof is one kind of credential.
type proof interface {
	// check returns errAbsent when the request has no credential of this kind, and otherwise a *failure or what it grants.
	check(ctx context.Context, q *Request) (grant, error)
	// how tells a person how to give the credential; it goes on after "needs ". brief is the same where there are several:
	// FFmpeg and rtmpdump show 255 bytes of a text.
	how() string
	brief() string
	rule() string
}

// grant is what a good credential says.
type grant struct {
	rename string // public name of the stream, "" as it is
	user   string // see Request.User
}

var errAbsent = errors.New("no such credential")

// failure is why a credential was not taken.
type failure struct {
	rule  string
	cause app.Cause
	words string
	err   error // for the log; without secrets
}

func (f *failure) Error() string { return f.words }

// Rules compiles options. The error names the configuration key at fault.
func (a *Authority) Rules(o Options) (*Rules, error) {
	r := &Rules{o: o}
	if len(o.Keys) > 0 {
		p, err := newKeyProof(a, o)
		if err != nil {
			return nil, err
		}
		r.proofs = append(r.proofs, p)
	}
	if len(o.Users) > 0 {
		p, err := newUserProof(a, o)
		if err != nil {
			return nil, err
		}
		r.proofs = append(r.proofs, p)
	}
	if o.JWT != nil {
		p, err := newTokenProof(a, o)
		if err != nil {
			return nil, err
		}
		r.proofs = append(r.proofs, p)
	}
	if o.Secret != "" {
		r.proofs = append(r.proofs, &signedProof{action: o.Action, path: o.Path + ".signed_urls", secret: []byte(o.Secret)})
	}
	return r, nil
}

// Check returns nil, having set q.Stream to the public name and q.User to who it is, or an *app.Refusal.
func (r *Rules) Check(ctx context.Context, q *Request) error {
	subject := r.o.Action.subject(q.App)
	policy := func(rule, words string) error {
		return r.refuse(&failure{rule: r.o.Path + "." + rule, cause: app.CausePolicy, words: words})
	}
	switch {
	case r.o.Deny != nil && r.o.Deny.Contains(q.Addr):
		return policy("deny_networks", subject+" is closed to your network; only the operator can change that.")
	case r.o.Allow != nil && !r.o.Allow.Contains(q.Addr):
		return policy("allow_networks", fmt.Sprintf("%s is open to %s only; the operator can open it with %s.allow_networks.",
			subject, r.o.AllowIs, r.o.Path))
	case len(r.o.Origins) > 0 && !fromOrigin(q, r.o.Origins):
		return policy("origins", subject+" is for the pages of certain sites only; use the player on such a page.")
	}
	return r.prove(ctx, q)
}

// prove wants one good credential. A bad one beside it does no harm.
func (r *Rules) prove(ctx context.Context, q *Request) error {
	if len(r.proofs) == 0 {
		return nil
	}
	var first *failure
	briefs := make([]string, 0, len(r.proofs))
	for _, p := range r.proofs {
		g, err := p.check(ctx, q)
		var f *failure
		switch {
		case err == nil:
			if g.rename != "" {
				q.Stream = g.rename
			}
			if g.user != "" {
				q.User = g.user
			}
			return nil
		case errors.Is(err, errAbsent):
		case !errors.As(err, &f):
			return err
		case first == nil:
			first = f
		}
		briefs = append(briefs, p.brief())
	}
	if first == nil {
		first = &failure{rule: r.o.Path, cause: app.CauseHandler,
			words: r.o.Action.subject(q.App) + " needs one of these: " + strings.Join(briefs, ", ") + "."}
		if len(r.proofs) == 1 {
			first.rule, first.words = r.proofs[0].rule(), r.o.Action.subject(q.App)+" needs "+r.proofs[0].how()+"."
		}
	}
	return r.refuse(first)
}

func (r *Rules) refuse(f *failure) error {
	return &app.Refusal{Cause: f.cause, Rule: f.rule, Status: status.New(app.Code(app.Stage(r.o.Action), f.cause), f.words), Err: f.err}
}

// fromOrigin reports whether the page or the movie that a client names is of one of the hosts. Clients can lie about it.
func fromOrigin(q *Request, hosts []string) bool {
	for _, raw := range []string{q.PageURL, q.SWFURL} {
		u, err := url.Parse(raw)
		if raw == "" || err != nil {
			continue
		}
		name := strings.ToLower(u.Hostname())
		for _, h := range hosts {
			if name == strings.TrimPrefix(h, ".") || strings.HasPrefix(h, ".") && strings.HasSuffix(name, h) {
				return true
			}
		}
	}
	return false
}

// match reports whether a pattern, in which * stands for any text, slashes included, is the name.
func match(pattern, name string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for {
		part, more, wild := strings.Cut(rest, "*")
		if !wild {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], more
	}
}
