package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"penstock/app"
)

// Key is one stream key.
type Key struct {
	Stream    string // pattern of the names that it opens; "" is all, or PublishAs when that is set
	Key       string // the key itself, or
	SHA256    string // the SHA-256 of it, hexadecimal
	PublishAs string // public name: then the key may be given in place of the stream's name
}

// keyProof is the keys of one action.
type keyProof struct {
	a           *Authority
	path        string
	application bool // connect and call: there is no stream
	byName      bool // some key can be given as the stream's name
	keys        []compiledKey
}

type compiledKey struct {
	label             string
	sum               [sha256.Size]byte
	stream, publishAs string
}

func newKeyProof(a *Authority, o Options) (*keyProof, error) {
	p := &keyProof{a: a, path: o.Path + ".keys", application: !o.Action.hasStream()}
	for _, label := range slices.Sorted(maps.Keys(o.Keys)) {
		k := o.Keys[label]
		c := compiledKey{label: label, sum: sha256.Sum256([]byte(k.Key)), stream: k.Stream, publishAs: k.PublishAs}
		if k.SHA256 != "" {
			b, err := hex.DecodeString(k.SHA256)
			if err != nil || len(b) != sha256.Size {
				return nil, fmt.Errorf("%s.%s.key_sha256: not 64 hexadecimal digits", p.path, label)
			}
			c.sum = [sha256.Size]byte(b)
		}
		if (k.Key == "") == (k.SHA256 == "") {
			return nil, fmt.Errorf("%s.%s: wants either key or key_sha256", p.path, label)
		}
		if c.stream == "" {
			c.stream = "*"
			if c.publishAs != "" {
				c.stream = c.publishAs
			}
		}
		p.byName = p.byName || c.publishAs != ""
		p.keys = append(p.keys, c)
	}
	return p, nil
}

func (p *keyProof) rule() string { return p.path }

func (p *keyProof) how() string {
	switch {
	case p.application:
		return "a key: add it to the server's URL as ?key=KEY"
	case p.byName:
		return "a stream key: enter the one you were given in place of the stream's name, or after it as NAME?key=KEY"
	}
	return "a stream key: add the one you were given to the stream's name as NAME?key=KEY"
}

func (p *keyProof) brief() string {
	if p.application {
		return "a key (?key=KEY)"
	}
	return "a stream key (NAME?key=KEY)"
}

func (p *keyProof) check(ctx context.Context, q *Request) (grant, error) {
	given := q.Query.Get("key")
	if given == "" {
		return p.nameIsKey(q.Stream)
	}
	label := ""
	wait, ok, err := p.a.attempts.Try(ctx, addrKey(q.Addr)+" key "+q.key(), func() (bool, error) {
		var ok bool
		label, ok = p.opens(given, q.name())
		return ok, nil
	})
	if err != nil {
		return grant{}, err
	}
	if wait > 0 {
		return grant{}, tooMany(p.path, wait)
	}
	if !ok {
		return grant{}, &failure{rule: p.path, cause: app.CauseHandler,
			words: "The stream key is wrong, or belongs to another stream: copy it again, or ask the operator for a new one."}
	}
	return grant{user: "key:" + label}, nil
}

// opens compares with every key, so that the time does not tell which one came near. It returns the label of one that opens.
func (p *keyProof) opens(given, stream string) (label string, ok bool) {
	sum := sha256.Sum256([]byte(given))
	for _, k := range p.keys {
		if same := subtle.ConstantTimeCompare(sum[:], k.sum[:]); (p.application || match(k.stream, stream)) && same == 1 {
			label, ok = k.label, true
		}
	}
	return label, ok
}

// nameIsKey takes the stream's name for a key.
func (p *keyProof) nameIsKey(stream string) (grant, error) {
	sum, g := sha256.Sum256([]byte(stream)), grant{}
	for _, k := range p.keys {
		if subtle.ConstantTimeCompare(sum[:], k.sum[:]) == 1 && k.publishAs != "" {
			g = grant{rename: k.publishAs, user: "key:" + k.label}
		}
	}
	if g.rename == "" || p.application {
		return grant{}, errAbsent
	}
	return g, nil
}
