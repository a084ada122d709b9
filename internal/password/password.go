// Package password hashes passwords and checks them, without letting a crowd that guesses eat the machine's memory.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Parameters of New (OWASP's for argon2id), and the most that a hash may ask for.
const (
	hashMemory, hashTime, hashThreads = 19 << 10, 2, 1 // KiB, passes, lanes
	maxMemory, maxTime, maxThreads    = 256 << 10, 16, 16
	saltBytes, sumBytes               = 16, 32
)

// MaxBytes is the longest password, and the longest user name, that anyone should look at.
const MaxBytes = 1 << 10

// Hash is an argon2id hash; it does not change.
type Hash struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

// New returns the argon2id hash of a password in PHC form, with a fresh salt: $argon2id$v=19$m=…,t=…,p=…$SALT$HASH.
func New(password string) string {
	h := Hash{memory: hashMemory, time: hashTime, threads: hashThreads, salt: make([]byte, saltBytes), sum: make([]byte, sumBytes)}
	_, _ = rand.Read(h.salt)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, b64(h.salt), b64(h.derive(password)))
}

var errHash = errors.New("not an argon2id hash ($argon2id$v=19$m=…,t=…,p=…$SALT$HASH); make one with penstock hash-password")

// Parse reads a hash in PHC form and bounds what it costs.
func Parse(s string) (h Hash, err error) {
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

func (h *Hash) derive(password string) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.sum)))
}

// Decoy is a hash that no password has and that costs as much to check as the dearest of some: compare with it what an unknown
// user enters, so that time does not tell who is known. Without any, it costs what New does.
func Decoy(of ...Hash) Hash {
	d := Hash{memory: hashMemory, time: hashTime, threads: hashThreads, sum: make([]byte, sumBytes)}
	for i, h := range of {
		if i == 0 || uint64(h.memory)*uint64(h.time) > uint64(d.memory)*uint64(d.time) {
			d = h
		}
	}
	d.salt, d.sum = make([]byte, saltBytes), make([]byte, len(d.sum))
	_, _ = rand.Read(d.salt)
	_, _ = rand.Read(d.sum)
	return d
}

// Checker checks passwords, no more at a time than there are cores: each takes the memory that its hash says. It is safe for
// concurrent use.
type Checker struct {
	places chan struct{}
}

// NewChecker returns a Checker. One serves the whole process.
func NewChecker() *Checker { return &Checker{places: make(chan struct{}, runtime.NumCPU())} }

// Check reports whether h is the password's. It waits for its turn; the error is the context's.
func (c *Checker) Check(ctx context.Context, h Hash, password string) (bool, error) {
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return subtle.ConstantTimeCompare(h.derive(password), h.sum) == 1, nil
}
