package rtmp

import (
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
