package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestHashPassword(t *testing.T) {
	for _, tc := range []struct {
		name, stdin string
		code        int
		stdout      string // beginning
	}{
		{"line", "hunter2\n", 0, "$argon2id$v=19$m=19456,t=2,p=1$"},
		{"no end of line", "hunter2", 0, "$argon2id$"},
		{"nothing", "", exitUsage, ""},
		{"empty line", "\r\n", exitUsage, ""},
		{"too long", strings.Repeat("x", maxPasswordLine+1) + "\n", exitUsage, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			p := &program{ctx: t.Context(), stdin: strings.NewReader(tc.stdin), stdout: &out, stderr: &errs}
			if code := p.run([]string{"hash-password"}); code != tc.code || !strings.HasPrefix(out.String(), tc.stdout) || strings.Contains(out.String(), "hunter2") {
				t.Errorf("code %d: %q %q", code, out.String(), errs.String())
			}
		})
	}
}
