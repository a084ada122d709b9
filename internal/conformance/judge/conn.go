package judge

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"penstock/internal/conformance/wire"
)

// Conn is one connection of a trial. It remembers everything it heard, so that the order in which a server says independent
// things does not matter.
type Conn struct {
	Raw *wire.Conn
	t   *Trial

	heard []*Heard
	asked int // how much had been heard when something was sent last
	err   error
	txn   float64
	// Encoding is what the server granted in its answer to connect.
	Encoding int
	// Info is the information object of that answer, Properties the object before it.
	Info, Properties *wire.Object
}

// Heard is one message that came.
type Heard struct {
	*wire.Message
	Cmd   *wire.Command // of a command or data message
	Err   error         // why it could not be decoded
	taken bool
}

// IsStatus tells whether it is an onStatus command, with a code that begins with one of these.
func (h *Heard) IsStatus(codes ...string) bool {
	if !h.IsCommand() || h.Cmd == nil || h.Cmd.Name != "onStatus" {
		return false
	}
	for _, code := range codes {
		if strings.HasPrefix(h.Cmd.Code(), code) {
			return true
		}
	}
	return len(codes) == 0
}

// Answers tells whether it is _result or _error of a transaction.
func (h *Heard) Answers(txn float64) bool {
	return h.IsCommand() && h.Cmd != nil && (h.Cmd.Name == "_result" || h.Cmd.Name == "_error") && h.Cmd.Transaction == txn
}

// Named tells whether it is the command of that name.
func (h *Heard) Named(name string) bool { return h.IsCommand() && h.Cmd != nil && h.Cmd.Name == name }

// Send sends messages.
func (c *Conn) Send(msgs ...*wire.Message) error {
	c.asked = len(c.heard)
	return c.wrote(c.Raw.Send(msgs...))
}

// SendCut sends one message cut as told.
func (c *Conn) SendCut(m *wire.Message, cut wire.Cutting) error {
	c.asked = len(c.heard)
	return c.wrote(c.Raw.SendCut(m, cut))
}

// SendRaw sends bytes; text says what they are.
func (c *Conn) SendRaw(b []byte, text string) error {
	c.asked = len(c.heard)
	return c.wrote(c.Raw.SendRaw(b, text))
}

// wrote hides errors of writing: what the server said before it ended is to be read first, and reading ends then too.
func (c *Conn) wrote(err error) error {
	if err != nil {
		c.Raw.Note("sending failed: %s", ending(err))
	}
	return nil
}

// next reads one more message until a deadline.
func (c *Conn) next(deadline time.Time) (*Heard, error) {
	if c.err != nil {
		return nil, c.err
	}
	d := time.Until(deadline)
	if d <= 0 {
		return nil, os.ErrDeadlineExceeded
	}
	m, err := c.Raw.ReadMessage(d)
	if err == nil && len(c.heard) >= maxHeard {
		err = wire.ErrFlood
	}
	if err != nil {
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			c.err = err
		}
		return nil, err
	}
	h := &Heard{Message: m}
	switch {
	case m.IsCommand():
		h.Cmd, h.Err = m.Command()
	case m.IsData():
		h.Cmd, h.Err = m.Data()
	}
	c.heard = append(c.heard, h)
	return h, nil
}

// Find returns the first message that matches and was not found before, among those that came already or come within Step.
func (c *Conn) Find(match func(*Heard) bool) (*Heard, error) {
	for _, h := range c.heard {
		if !h.taken && match(h) {
			h.taken = true
			return h, nil
		}
	}
	deadline := time.Now().Add(c.t.Step)
	for {
		h, err := c.next(deadline)
		if err != nil {
			return nil, err
		}
		if match(h) {
			h.taken = true
			return h, nil
		}
	}
}

// Await is Find where the message must come; what says what is expected.
func (c *Conn) Await(what string, match func(*Heard) bool) (*Heard, error) {
	h, err := c.Find(match)
	if err != nil {
		return nil, Fails(what, c.instead(err))
	}
	return h, nil
}

// instead says what came in place of what was waited for.
func (c *Conn) instead(err error) string {
	var texts []string
	for _, h := range c.heard[min(c.asked, len(c.heard)):] {
		if len(texts) == 4 {
			texts = append(texts, "…")
			break
		}
		texts = append(texts, shorten(wire.Describe(h.Message)))
	}
	text := ending(err)
	if len(texts) > 0 {
		text += "; there came: " + strings.Join(texts, "; ")
	}
	return text
}

// ending says how a conversation ended.
func ending(err error) string {
	var framing *wire.FramingError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "nothing"
	case errors.Is(err, wire.ErrFlood), errors.As(err, &framing):
		return err.Error()
	}
	return fmt.Sprintf("the connection ended (%s)", wire.Ending(err))
}

// All returns everything that came so far.
func (c *Conn) All() []*Heard { return c.heard }

// End reads until the peer ends its side, within Step. How is "FIN", "RST" or another ending, "" when it stays open.
func (c *Conn) End() (how string) {
	deadline := time.Now().Add(c.t.Step)
	for {
		if _, err := c.next(deadline); err != nil {
			return wire.Ending(err)
		}
	}
}

// Listen reads what comes, for as long as d, or until a status, an error or close says that the server has judged.
func (c *Conn) Listen(d time.Duration) {
	deadline := time.Now().Add(d)
	for {
		h, err := c.next(deadline)
		if err != nil || h.Named("_error") || h.Named("close") || h.IsStatus() {
			return
		}
	}
}

// Close ends this side at once, with FIN.
func (c *Conn) Close() { c.Raw.Close() }

// shorten keeps a message that is told in passing to a line or two.
func shorten(s string) string {
	if r := []rune(s); len(r) > 160 {
		return string(r[:160]) + "…"
	}
	return s
}
