package judge

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"penstock/internal/conformance/wire"
)

// FlashVer is what the tester calls itself: of the family of encoders, as FFmpeg and OBS do.
const FlashVer = "FMLE/3.0 (compatible; penstock-check)"

// ConnectObject is the connect command's object for an application, with further properties behind the usual ones.
func (t *Trial) ConnectObject(app string, more ...any) *wire.Object {
	property, tcURL := app, t.tcURL(app)
	if t.Query != "" && app == t.App {
		property, tcURL = property+"?"+t.Query, tcURL+"?"+t.Query
	}
	o := wire.Obj("app", property, "type", "nonprivate", "flashVer", FlashVer, "tcUrl", tcURL, "fpad", false,
		"capabilities", 15, "audioCodecs", 4071, "videoCodecs", 252, "videoFunction", 1)
	if t.AMF3 {
		o.Props = append(o.Props, wire.Prop{Key: "objectEncoding", Value: 3.0})
	}
	o.Props = append(o.Props, wire.Obj(more...).Props...)
	return o
}

// Connect sends connect and waits for its answer, whichever it is.
func (c *Conn) Connect(object any, args ...any) (*Heard, error) {
	if err := c.Send(wire.CommandMessage(false, 0, &wire.Command{Name: "connect", Transaction: 1, Object: object, Args: args})); err != nil {
		return nil, err
	}
	h, err := c.Await("an answer to connect", func(h *Heard) bool {
		return h.IsCommand() && h.Cmd != nil && (h.Cmd.Name == "_result" || h.Cmd.Name == "_error")
	})
	if err != nil {
		return nil, err
	}
	c.Info = h.Cmd.Info()
	c.Properties, _ = h.Cmd.Object.(*wire.Object)
	if n, ok := c.Info.Number("objectEncoding"); ok && h.Cmd.Name == "_result" && n == 3 && c.t.AMF3 {
		c.Encoding = 3
	}
	return h, nil
}

// Join connects to the application of the target; a refusal is an error.
func (c *Conn) Join(more ...any) error {
	return c.JoinApp(c.t.App, more...)
}

// JoinApp is Join for another application.
func (c *Conn) JoinApp(app string, more ...any) error {
	h, err := c.Connect(c.t.ConnectObject(app, more...))
	if err != nil {
		return err
	}
	if h.Cmd.Name != "_result" {
		return Fails("connect to "+app+" is accepted", wire.Describe(h.Message))
	}
	return nil
}

// NextTransaction is a transaction ID not used before.
func (c *Conn) NextTransaction() float64 {
	c.txn++
	return c.txn
}

// Command sends a command in the encoding of the connection.
func (c *Conn) Command(streamID uint32, cmd *wire.Command) error {
	return c.Send(wire.CommandMessage(c.Encoding == 3, streamID, cmd))
}

// Ask sends a command on the NetConnection under a new transaction ID and waits for its answer.
func (c *Conn) Ask(name string, args ...any) (*Heard, error) {
	txn := c.NextTransaction()
	if err := c.Command(0, &wire.Command{Name: name, Transaction: txn, Args: args}); err != nil {
		return nil, err
	}
	return c.Await(fmt.Sprintf("an answer to %s (transaction %v)", name, txn), func(h *Heard) bool { return h.Answers(txn) })
}

// CreateStream makes a message stream. A server whose answer has no number, or does not come, is taken to mean 1: what it
// answers is for another case to judge.
func (c *Conn) CreateStream() (uint32, error) {
	h, err := c.Ask("createStream")
	if err != nil {
		if c.err != nil {
			return 0, err
		}
		return 1, nil
	}
	if h.Cmd.Name == "_error" {
		return 0, Fails("a message stream", wire.Describe(h.Message))
	}
	if n, ok := wire.Number(h.Cmd.Arg(0)); ok && n >= 1 && n < 1<<24 {
		return uint32(n), nil
	}
	return 1, nil
}

// Barrier waits until the server has answered a createStream: what it has to say to earlier commands came before.
func (c *Conn) Barrier() error {
	_, err := c.Ask("createStream")
	if err != nil && c.err != nil {
		return Fails("the connection lives on", ending(c.err))
	}
	return err
}

// StartPublish makes a message stream and publishes, as encoders do. It waits for a status; that none comes is no error here,
// that an error comes is.
func (c *Conn) StartPublish(name string) (uint32, error) {
	id, err := c.CreateStream()
	if err != nil {
		return 0, err
	}
	return id, c.Publish(id, name, "live")
}

// Publish publishes on a message stream.
func (c *Conn) Publish(id uint32, args ...any) error {
	if err := c.Command(id, &wire.Command{Name: "publish", Transaction: c.NextTransaction(), Args: args}); err != nil {
		return err
	}
	return c.started("publish", "NetStream.Publish.")
}

// StartPlay makes a message stream and plays.
func (c *Conn) StartPlay(name string) (uint32, error) {
	id, err := c.CreateStream()
	if err != nil {
		return 0, err
	}
	return id, c.Play(id, name, -2000)
}

// Play plays on a message stream.
func (c *Conn) Play(id uint32, args ...any) error {
	if err := c.Command(id, &wire.Command{Name: "play", Transaction: c.NextTransaction(), Args: args}); err != nil {
		return err
	}
	return c.started("play", "NetStream.Play.Start", "NetStream.Play.Failed", "NetStream.Play.StreamNotFound")
}

// started waits for the first status with one of these codes, and puts it back.
func (c *Conn) started(what string, codes ...string) error {
	var refused *Heard
	h, err := c.Find(func(h *Heard) bool {
		if h.IsStatus() && h.Cmd.Info().Text("level") == "error" || h.Named("_error") && h.Cmd.Transaction == c.txn {
			refused = h
		}
		return refused == h && h != nil || h.IsStatus(codes...)
	})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err != nil:
		return Fails(what+" is accepted", c.instead(err))
	case refused != nil:
		refused.taken = false
		return Fails(what+" is accepted", wire.Describe(refused.Message))
	}
	h.taken = false
	return nil
}

// Status waits for an onStatus of a code. One whose code begins with family but is another one differs.
func (c *Conn) Status(code, family string) (*Heard, error) {
	h, err := c.Await("onStatus "+code, func(h *Heard) bool { return h.IsStatus(code, family) })
	if err != nil {
		return nil, err
	}
	if h.Cmd.Code() != code {
		return nil, Differs("onStatus "+code, wire.Describe(h.Message))
	}
	return h, nil
}

// Level checks the level of a status.
func (h *Heard) Level(level string) error {
	if got := h.Cmd.Info().Text("level"); got != level {
		return Differs(fmt.Sprintf("level %q", level), fmt.Sprintf("level %q in %s", got, wire.Describe(h.Message)))
	}
	return nil
}

// Never checks that nothing of the kind comes before the answer to a later command.
func (c *Conn) Never(what string, match func(*Heard) bool) error {
	if err := c.Barrier(); err != nil {
		return err
	}
	for _, h := range c.heard {
		if !h.taken && match(h) {
			return Differs(what, wire.Describe(h.Message))
		}
	}
	return nil
}

// Keys lists the keys of an object.
func Keys(o *wire.Object) string {
	if o == nil {
		return "no object"
	}
	var keys []string
	for _, p := range o.Props {
		keys = append(keys, p.Key)
	}
	return strings.Join(keys, ", ")
}
