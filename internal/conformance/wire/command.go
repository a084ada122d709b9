package wire

import "errors"

// Command is a command message (RTMP 1.0 §7.1.1), or a data message, which has neither transaction ID nor object.
type Command struct {
	Name        string
	Transaction float64
	Object      any
	Args        []any
}

// Arg returns the i-th argument, Undefined when there is none.
func (c *Command) Arg(i int) any {
	if i < len(c.Args) {
		return c.Args[i]
	}
	return Undefined{}
}

// Info returns the first argument that is an object: a status's information object.
func (c *Command) Info() *Object {
	for _, a := range c.Args {
		if o, ok := a.(*Object); ok {
			return o
		}
	}
	return nil
}

// Code is the code of the information object.
func (c *Command) Code() string { return c.Info().Text("code") }

// IsCommand tells whether the message is of a command type.
func (m *Message) IsCommand() bool { return m.Type == TypeCommand0 || m.Type == TypeCommand3 }

// IsData tells whether the message is of a data type.
func (m *Message) IsData() bool { return m.Type == TypeData0 || m.Type == TypeData3 }

// body is the AMF of a message: types 15 and 17 have a format selector before it, which is 0.
func (m *Message) body() ([]byte, error) {
	if m.Type != TypeCommand3 && m.Type != TypeData3 {
		return m.Payload, nil
	}
	if len(m.Payload) == 0 || m.Payload[0] != 0 {
		return nil, errors.New("no format selector 0")
	}
	return m.Payload[1:], nil
}

// Command decodes a command message.
func (m *Message) Command() (*Command, error) {
	b, err := m.body()
	if err != nil {
		return nil, err
	}
	v, err := DecodeAll(b)
	c := &Command{}
	if len(v) > 0 {
		c.Name, _ = v[0].(string)
	}
	if err != nil {
		return c, err
	}
	if len(v) < 2 || c.Name == "" {
		return c, errors.New("no name and transaction ID")
	}
	n, ok := Number(v[1])
	if !ok {
		return c, errors.New("the transaction ID is no number")
	}
	c.Transaction, c.Args = n, v[2:]
	if len(v) > 2 {
		c.Object, c.Args = v[2], v[3:]
	}
	return c, nil
}

// Data decodes a data message into its name and values.
func (m *Message) Data() (*Command, error) {
	b, err := m.body()
	if err != nil {
		return nil, err
	}
	v, err := DecodeAll(b)
	c := &Command{}
	if len(v) > 0 {
		c.Name, _ = v[0].(string)
		c.Args = v[1:]
	}
	return c, err
}

// CommandMessage builds a command of type 20, or 17 with amf3. Streams' commands go on chunk stream 8, as FFmpeg's do.
func CommandMessage(amf3 bool, streamID uint32, c *Command) *Message {
	m := &Message{Type: TypeCommand0, CSID: 3, StreamID: streamID}
	if streamID != 0 {
		m.CSID = 8
	}
	if amf3 {
		m.Type, m.Payload = TypeCommand3, []byte{0}
	}
	m.Payload = Append0(m.Payload, c.Name, c.Transaction, c.Object)
	m.Payload = Append0(m.Payload, c.Args...)
	return m
}

// DataMessage builds a data message of type 18.
func DataMessage(streamID, timestamp uint32, values ...any) *Message {
	return &Message{Type: TypeData0, CSID: 4, StreamID: streamID, Timestamp: timestamp, Payload: Append0(nil, values...)}
}
