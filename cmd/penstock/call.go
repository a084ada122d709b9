package main

import (
	"fmt"
	"strings"

	"penstock/amf"
)

type callCmd struct {
	connection
	URL    string   `arg:"" help:"Application: rtmp://HOST/APP or rtmp://HOST/APP/INSTANCE."`
	Method string   `arg:"" help:"Name of the method. Every live application has ping, echo and streams."`
	Args   []string `arg:"" optional:"" name:"JSON" help:"Arguments, each a JSON value: 1, true, '\"text\"', '{\"a\": 1}'."`
}

// Run prints the result as JSON. What the server refuses with is the error.
func (c *callCmd) Run(p *program) error {
	args, err := parseArgs(c.Args)
	if err != nil {
		return err
	}
	// With a stream name behind it, all of the path is application and instance.
	client, err := c.dial(p, strings.TrimSuffix(c.URL, "/")+"/_")
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := c.answer(p.ctx)
	defer cancel()
	v, err := client.Call(ctx, c.Method, args...)
	if err != nil {
		return told(err)
	}
	text, err := amf.AppendJSON(nil, v)
	if err != nil {
		return fmt.Errorf("the result cannot be shown as JSON: %w", err)
	}
	_, err = fmt.Fprintf(p.stdout, "%s\n", text)
	return err
}

func parseArgs(texts []string) ([]amf.Value, error) {
	args := make([]amf.Value, len(texts))
	for i, text := range texts {
		v, err := amf.FromJSON([]byte(text))
		if err != nil {
			return nil, &usageError{fmt.Sprintf(`argument %d, %s, is not JSON: a text needs quotes, such as '"text"'`, i+1, printable(text))}
		}
		args[i] = v
	}
	return args, nil
}
