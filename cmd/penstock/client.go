package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/status"
)

// connection are the flags of all commands that connect to a server.
type connection struct {
	Trace    bool          `help:"Print the whole conversation, message by message, to stderr."`
	Timeout  time.Duration `default:"10s" help:"How long the server may take to answer."`
	AMF3     bool          `name:"amf3" help:"Ask for AMF3 instead of AMF0."`
	Insecure bool          `help:"Do not verify the certificate of an rtmps server."`
}

// dial connects to the application that a URL names.
func (f *connection) dial(p *program, url string) (*rtmp.Client, error) {
	forward := []amf.Prop{{Key: "*", Value: 4.0}}
	c := rtmp.ClientConfig{
		Timeout: f.Timeout,
		// The server is the user's choice, and a size of 1 is legal.
		Limits: rtmp.Limits{Chunk: chunk.Limits{MinChunkSize: 1}},
		// Whatever comes is passed on as it is. No reconnect requests (1): nothing here would follow one.
		Capabilities: &rtmp.Capabilities{
			FourCCList: []string{"*"}, VideoFourCCInfoMap: forward, AudioFourCCInfoMap: forward, CapsEx: 2 | 4 | 8,
		},
	}
	if f.AMF3 {
		c.ObjectEncoding = 3
	}
	if f.Insecure {
		c.TLSConfig = &tls.Config{InsecureSkipVerify: true} // the user asked for it
	}
	if f.Trace {
		c.Trace = rtmp.NewTracer(p.stderr)
	}
	client, err := rtmp.Dial(p.ctx, url, &c)
	if err != nil {
		return nil, told(err)
	}
	return client, nil
}

// answer bounds the wait for the server's answer to one command.
func (f *connection) answer(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, f.Timeout, fmt.Errorf("no answer within %v", f.Timeout))
}

// parseStreamURL is for commands that need a stream name.
func parseStreamURL(url string) (rtmp.URL, error) {
	u, err := rtmp.ParseURL(url)
	if err != nil {
		return u, &usageError{fmt.Sprintf("%v: write it as rtmp://HOST/live/NAME", err)}
	}
	if u.App == "" || u.Stream == "" {
		return u, &usageError{"the URL names no stream: write it as rtmp://HOST/live/NAME"}
	}
	return u, nil
}

// until is a context that ends with the program's, or with the connection; its cause is then what the server said.
func until(p *program, c *rtmp.Client) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(p.ctx)
	go func() {
		select {
		case <-c.Done():
			cancel(c.Err())
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// told makes one line of an error: code, description and further properties, as the server said them.
func told(err error) error {
	text := err.Error()
	if s, ok := status.Of(err); ok {
		for _, extra := range s.Extra {
			if extra.Value != nil && extra.Key != "clientid" && extra.Key != "details" {
				text += fmt.Sprintf(" %s:%s", extra.Key, amf.Format(extra.Value))
			}
		}
	}
	return errors.New(printable(text))
}

// printable keeps what a server says from doing anything to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
