package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"penstock/internal/password"
)

type hashPasswordCmd struct{}

// maxPasswordLine bounds what is read of the standard input.
const maxPasswordLine = 1 << 10

// Run hashes the first line of the standard input: a password in the command line could be read by other users.
func (hashPasswordCmd) Run(p *program) error {
	_, _ = fmt.Fprint(p.stderr, "Password: ")
	line, err := bufio.NewReader(io.LimitReader(p.stdin, maxPasswordLine+2)).ReadString('\n')
	_, _ = fmt.Fprintln(p.stderr)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("cannot read the password: %w", err)
	}
	switch line = strings.TrimRight(line, "\r\n"); {
	case line == "":
		return &usageError{"no password: type one, or pipe it in"}
	case len(line) > maxPasswordLine:
		return &usageError{fmt.Sprintf("the password is longer than %d bytes", maxPasswordLine)}
	}
	_, err = fmt.Fprintln(p.stdout, password.New(line))
	return err
}
