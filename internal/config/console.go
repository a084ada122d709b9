package config

import (
	"encoding/hex"
	"strings"
	"time"
	"unicode"
)

// Console is who may look at the console and use the API, and what they may do there. As long as there is no user and no token,
// both answer this machine only, to which everything is allowed. There are three roles: a viewer reads, an operator also ends
// connections, releases the names of streams and blocks networks, an admin also unloads applications. After five wrong passwords
// within a minute, a user is refused for a minute from that address; likewise the tokens from an address, and after thirty wrong
// passwords, every user from an address other than this machine's. A proxy before the
// server should give it `X-Forwarded-For` and, when it speaks TLS, `X-Forwarded-Proto`.
type Console struct {
	Session Duration `yaml:"session"` // how long a log-in holds
	// Users are people who log in, by name.
	Users map[string]ConsoleUser `yaml:"users"`
	// Tokens are for programs, which send `Authorization: Bearer TOKEN`, by a label of your choice.
	Tokens map[string]ConsoleToken `yaml:"tokens"`
}

// ConsoleUser is someone who logs in with a password. Programs may send both too, by HTTP's Basic.
type ConsoleUser struct {
	Password string `yaml:"password"` // the hash that `penstock hash-password` prints
	Role     string `yaml:"role"`     // viewer, operator or admin
}

// ConsoleToken is a token; the label stands for it in the log.
type ConsoleToken struct {
	SHA256 string `yaml:"sha256"` // SHA-256 of the token: `printf %s TOKEN | sha256sum`; make the token with `openssl rand -hex 32`
	Role   string `yaml:"role"`   // viewer, operator or admin
}

func defaultConsole() Console { return Console{Session: Duration(12 * time.Hour)} }

// Validate checks the section.
func (c *Console) Validate() error {
	if c.Session <= 0 {
		return fieldErrorf("console.session", "must be above 0")
	}
	for _, name := range sortedKeys(c.Users) {
		path := "console.users." + name
		if name == "" || len(name) > 128 || strings.Contains(name, ":") || strings.ContainsFunc(name, unicode.IsControl) {
			return fieldErrorf("console.users", "%q is no user name: up to 128 bytes, no colon", name)
		}
		if !strings.HasPrefix(c.Users[name].Password, "$argon2id$") {
			return fieldErrorf(path+".password", "is not the hash of a password: make one with penstock hash-password")
		}
		if err := oneOf(path+".role", c.Users[name].Role, "viewer", "operator", "admin"); err != nil {
			return err
		}
	}
	for _, label := range sortedKeys(c.Tokens) {
		path := "console.tokens." + label
		if b, err := hex.DecodeString(c.Tokens[label].SHA256); err != nil || len(b) != 32 {
			return fieldErrorf(path+".sha256", "is not 64 hexadecimal digits: printf %%s TOKEN | sha256sum")
		}
		if err := oneOf(path+".role", c.Tokens[label].Role, "viewer", "operator", "admin"); err != nil {
			return err
		}
	}
	return nil
}
