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
	application bool // connect: there is no stream
	byName      bool // some key can be given as the stream's name
	keys        []compiledKey
}

type compiledKey struct {
	sum               [sha256.Size]byte
	stream, publishAs string
}

func newKeyProof(a *Authority, o Options) (*keyProof, error) {
	p := &keyProof{a: a, path: o.Path + ".keys", application: o.Action == Connect}
	for _, label := range slices.Sorted(maps.Keys(o.Keys)) {
		k := o.Keys[label]
		c := compiledKey{sum: sha256.Sum256([]byte(k.Key)), stream: k.Stream, publishAs: k.PublishAs}
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

func (p *keyProof) check(ctx context.Context, q *Request) (string, error) {
	given := q.Query.Get("key")
	if given == "" {
		return p.nameIsKey(q.Stream)
	}
	wait, ok, err := p.a.attempts.Try(ctx, addrKey(q.Addr)+" key "+q.key(), func() (bool, error) {
		return p.opens(given, q.name()), nil
	})
	if err != nil {
		return "", err
	}
	if wait > 0 {
		return "", tooMany(p.path, wait)
	}
	if !ok {
		return "", &failure{rule: p.path, cause: app.CauseHandler,
			words: "The stream key is wrong, or belongs to another stream: copy it again, or ask the operator for a new one."}
	}
	return "", nil
}

// opens compares with every key, so that the time does not tell which one came near.
func (p *keyProof) opens(given, stream string) bool {
	sum, found := sha256.Sum256([]byte(given)), 0
	for _, k := range p.keys {
		same := subtle.ConstantTimeCompare(sum[:], k.sum[:])
		if p.application || match(k.stream, stream) {
			found |= same
		}
	}
	return found == 1
}

// nameIsKey takes the stream's name for a key.
func (p *keyProof) nameIsKey(stream string) (string, error) {
	sum, name := sha256.Sum256([]byte(stream)), ""
	for _, k := range p.keys {
		if subtle.ConstantTimeCompare(sum[:], k.sum[:]) == 1 && k.publishAs != "" {
			name = k.publishAs
		}
	}
	if name == "" || p.application {
		return "", errAbsent
	}
	return name, nil
}
