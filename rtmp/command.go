package rtmp

import (
	"context"
	"errors"
	"fmt"

	"penstock/amf"
	"penstock/status"
)

// Command is a command message (type 20, or 17 on an AMF3 connection; RTMP 1.0 §7.1.1):
// a name, a transaction ID, a command object (nil is null) and arguments.
type Command struct {
	Name        string
	Transaction float64
	Object      amf.Value
	Args        []amf.Value

	StreamID  uint32 // message stream ID; 0 is the NetConnection
	Timestamp uint32 // ms
	AMF3      bool   // travels as type 17
}

// Arg is the i-th argument, or amf.Undefined when the command has fewer.
func (c *Command) Arg(i int) amf.Value {
	if i < 0 || i >= len(c.Args) {
		return amf.Undefined
	}
	return c.Args[i]
}

// StringArg is the i-th argument when it is a string, else "".
func (c *Command) StringArg(i int) string {
	s, _ := c.Arg(i).(string)
	return s
}

// NumberArg is the i-th argument when it is a number of either AMF version.
func (c *Command) NumberArg(i int) (float64, bool) {
	switch v := c.Arg(i).(type) {
	case float64:
		return v, true
	case int32:
		return float64(v), true
	}
	return 0, false
}

// CommandError reports a command that could not be decoded. Name and Transaction hold what was
// readable before the fault, so that the sender can be answered; Known tells whether the
// transaction ID was.
type CommandError struct {
	Name        string
	Transaction float64
	Known       bool
	Err         error
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("rtmp: command %q (transaction %v): %v", e.Name, e.Transaction, e.Err)
}

// Unwrap returns the AMF error.
func (e *CommandError) Unwrap() error { return e.Err }

// ErrNotCommand reports a message whose first values are not a name and a transaction ID.
var ErrNotCommand = errors.New("not a command: no name and transaction ID")

// amfBody removes the format selector byte of types 15, 16 and 17. A body that begins with an
// AMF0 string marker lacks the selector: some clients forget it.
func amfBody(m *Message) []byte {
	switch m.Type {
	case TypeDataAMF3, TypeSharedObjectAMF3, TypeCommandAMF3:
		if len(m.Payload) > 0 && m.Payload[0] != 0x02 {
			return m.Payload[1:]
		}
	}
	return m.Payload
}

// ParseCommand decodes a message of type 20 or 17. The error is a *CommandError.
func ParseCommand(m *Message, l amf.Limits) (*Command, error) {
	c := &Command{StreamID: m.StreamID, Timestamp: m.Timestamp, AMF3: m.Type == TypeCommandAMF3}
	fail := func(known bool, err error) (*Command, error) {
		return nil, &CommandError{Name: c.Name, Transaction: c.Transaction, Known: known, Err: err}
	}
	d := amf.NewDecoderLimits(amfBody(m), amf.AMF0, l)
	name, err := d.Decode()
	if err != nil {
		return fail(false, err)
	}
	switch n := name.(type) {
	case string:
		c.Name = n
	case nil: // Flex RPC sends a null name
	default:
		return fail(false, ErrNotCommand)
	}
	txn, err := d.Decode()
	if err != nil {
		return fail(false, err)
	}
	switch t := txn.(type) {
	case float64:
		c.Transaction = t
	case int32:
		c.Transaction = float64(t)
	default:
		return fail(false, ErrNotCommand)
	}
	rest, err := d.DecodeAll()
	if err != nil {
		return fail(true, err)
	}
	if len(rest) > 0 {
		c.Object, c.Args = rest[0], rest[1:]
	}
	return c, nil
}

// Message encodes the command. A value that AMF cannot carry is an error.
func (c *Command) Message() (*Message, error) {
	m := &Message{
		Type: TypeCommandAMF0, CSID: CSIDCommand, StreamID: c.StreamID, Timestamp: c.Timestamp,
		Payload: make([]byte, 0, 128),
	}
	if c.StreamID != 0 {
		m.CSID = CSIDData
	}
	if c.AMF3 {
		m.Type = TypeCommandAMF3
		m.Payload = append(m.Payload, 0)
	}
	values := make([]amf.Value, 0, 3+len(c.Args))
	values = append(values, c.Name, c.Transaction, c.Object)
	values = append(values, c.Args...)
	var err error
	m.Payload, err = amf.Append0(m.Payload, values...)
	if err != nil {
		return nil, fmt.Errorf("rtmp: encode command %q: %w", c.Name, err)
	}
	return m, nil
}

// Result builds the `_result` to a command: its transaction ID, message stream and AMF version.
func (c *Command) Result(object amf.Value, args ...amf.Value) *Command {
	return &Command{
		Name: "_result", Transaction: c.Transaction, Object: object, Args: args,
		StreamID: c.StreamID, AMF3: c.AMF3,
	}
}

// Error builds the `_error` to a command, with the status as its information object.
func (c *Command) Error(s *status.Status) *Command {
	return &Command{
		Name: "_error", Transaction: c.Transaction, Args: []amf.Value{s.Object()},
		StreamID: c.StreamID, AMF3: c.AMF3,
	}
}

// OnStatus builds an `onStatus` command: transaction ID 0, null, information object. Statuses
// of a NetStream travel on that stream's ID: GStreamer ignores them anywhere else.
func OnStatus(streamID uint32, s *status.Status) *Command {
	return &Command{Name: "onStatus", StreamID: streamID, Args: []amf.Value{s.Object()}}
}

// CloseCommand builds `close`: a Flash Player closes its socket on it and raises
// NetConnection.Connect.Closed.
func CloseCommand() *Command { return &Command{Name: "close"} }

// NewData builds a data message (type 18): a name and values.
func NewData(streamID uint32, timestamp uint32, name string, args ...amf.Value) (*Message, error) {
	p, err := amf.Append0(nil, append([]amf.Value{name}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("rtmp: encode data message %q: %w", name, err)
	}
	return &Message{Type: TypeDataAMF0, CSID: CSIDData, StreamID: streamID, Timestamp: timestamp, Payload: p}, nil
}

// ParseData decodes a data message of type 18 or 15 into its name and values. Body is the
// payload as AMF0 without the selector byte of type 15; it shares the message's memory.
func ParseData(m *Message, l amf.Limits) (name string, args []amf.Value, body []byte, err error) {
	body = amfBody(m)
	v, err := amf.NewDecoderLimits(body, amf.AMF0, l).DecodeAll()
	if err != nil {
		return "", nil, body, fmt.Errorf("rtmp: data message: %w", err)
	}
	if len(v) > 0 {
		name, _ = v[0].(string)
		args = v[1:]
	}
	return name, args, body, nil
}

type reply struct {
	cmd *Command
	err error
}

func (c *Client) settle(txn float64, r reply) {
	c.mu.Lock()
	ch := c.calls[txn]
	delete(c.calls, txn)
	c.mu.Unlock()
	if ch != nil {
		ch <- r
	}
}

// Call calls a method of the server's and waits for its answer. Arguments may be anything
// amf.ToValue takes. The error holds a *status.Status (errors.As): the server's own when it
// answered `_error`; NetConnection.Call.Failed when ctx or the connection ended first, with
// that as its cause; Call.BadVersion when the answer cannot be decoded; Call.Prohibited when
// the policy forbids the method.
func (c *Client) Call(ctx context.Context, name string, args ...amf.Value) (amf.Value, error) {
	wait, err := c.Start(name, args...)
	if err != nil {
		return nil, err
	}
	return wait(ctx)
}

// Start sends a call, so that calls started one after the other leave in this order, and returns what waits for the answer as Call
// does. wait must be called, once; it may be by another goroutine.
func (c *Client) Start(name string, args ...amf.Value) (wait func(ctx context.Context) (amf.Value, error), err error) {
	if err := c.cfg.allowed(c.url, name); err != nil {
		return nil, err
	}
	txn, ch, err := c.begin(0, name, args)
	if err != nil {
		return nil, because(status.CallFailed, err, "%s", name)
	}
	return func(ctx context.Context) (amf.Value, error) {
		select {
		case r := <-ch:
			return r.value(name)
		case <-ctx.Done():
			c.forget(txn)
			return nil, because(status.CallFailed, context.Cause(ctx), "no answer to %s", name)
		}
	}, nil
}

func (r reply) value(name string) (amf.Value, error) {
	if r.err != nil {
		if s, ok := status.Of(r.err); ok && s.Code == status.CallBadVersion {
			return nil, r.err
		}
		return nil, because(status.CallFailed, r.err, "no answer to %s", name)
	}
	if r.cmd.Name == "_error" {
		return nil, r.refusal()
	}
	return r.cmd.Arg(0), nil
}

// refusal is the status of an `_error`.
func (r reply) refusal() *status.Status {
	if s, ok := status.FromObject(r.cmd.Arg(0)); ok {
		return s
	}
	return status.New(status.CallFailed, amf.Format(r.cmd.Arg(0)))
}

// Notify calls a method without wanting an answer (transaction ID 0).
func (c *Client) Notify(name string, args ...amf.Value) error {
	if err := c.cfg.allowed(c.url, name); err != nil {
		return err
	}
	return c.send(&Command{Name: name, AMF3: c.amf3}, args)
}

// send queues a command with its arguments converted.
func (c *Client) send(cmd *Command, args []amf.Value) error {
	for _, a := range args {
		v, err := amf.ToValue(a)
		if err != nil {
			return fmt.Errorf("rtmp: argument of %s: %w", cmd.Name, err)
		}
		cmd.Args = append(cmd.Args, v)
	}
	err := c.conn.SendCommand(cmd)
	if ended := c.Err(); err != nil && ended != nil {
		return ended
	}
	return err
}

// begin sends a command that wants an answer.
func (c *Client) begin(streamID uint32, name string, args []amf.Value) (txn float64, ch chan reply, err error) {
	ch = make(chan reply, 1)
	c.mu.Lock()
	if c.calls == nil {
		err = c.err
		c.mu.Unlock()
		return 0, nil, err
	}
	c.txn++
	txn = c.txn
	c.calls[txn] = ch
	c.mu.Unlock()
	if err := c.send(&Command{Name: name, Transaction: txn, StreamID: streamID, AMF3: c.amf3}, args); err != nil {
		c.forget(txn)
		return 0, nil, err
	}
	return txn, ch, nil
}

func (c *Client) forget(txn float64) {
	c.mu.Lock()
	delete(c.calls, txn)
	c.mu.Unlock()
}

func (c *Client) nextTxn() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.txn++
	return c.txn
}

// call is Call without policy, and with the connection's own end as its error.
func (c *Client) call(ctx context.Context, name string, args ...amf.Value) (amf.Value, error) {
	txn, ch, err := c.begin(0, name, args)
	if err != nil {
		return nil, err
	}
	select {
	case r := <-ch:
		if r.err != nil {
			return nil, r.err
		}
		return r.value(name)
	case <-ctx.Done():
		c.forget(txn)
		return nil, because(status.CallFailed, context.Cause(ctx), "no answer to %s", name)
	}
}

type clientKey struct{}

// ClientOf is the client whose ClientConfig.Handler was given ctx, nil for another ctx: a handler can be called before Dial has returned.
func ClientOf(ctx context.Context) *Client {
	c, _ := ctx.Value(clientKey{}).(*Client)
	return c
}

// serve answers a call of the server's.
func (c *Client) serve(cmd *Command) error {
	if c.cfg.Handler == nil {
		if cmd.Transaction == 0 {
			return nil
		}
		// Code before level and no description, as Flash Player has it.
		info := amf.NewObject(amf.Prop{Key: "code", Value: string(status.CallFailed)},
			amf.Prop{Key: "level", Value: status.LevelError})
		return c.conn.SendCommand(&Command{Name: "_error", Transaction: cmd.Transaction, AMF3: cmd.AMF3,
			StreamID: cmd.StreamID, Args: []amf.Value{info}})
	}
	return c.callback(func() {
		v, err := c.cfg.Handler(context.WithValue(c.conn.Context(), clientKey{}, c), cmd)
		if err == nil {
			v, err = amf.ToValue(v)
		}
		if cmd.Transaction == 0 {
			return
		}
		answer := cmd.Result(nil, v)
		if err != nil {
			s, ok := status.Of(err)
			if !ok {
				s = status.Newf(status.CallFailed, "Failed to execute method (%s).", cmd.Name)
			}
			answer = cmd.Error(s)
		}
		_ = c.conn.SendCommand(answer)
	})
}
