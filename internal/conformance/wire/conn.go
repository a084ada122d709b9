package wire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Options bounds a Conn.
type Options struct {
	Life       time.Duration // after which every read and write fails; 30 s when 0
	Step       time.Duration // for one part of a handshake, and for one write; 10 s when 0
	MaxBytes   int64         // that are read; 64 MiB when 0
	Transcript *Transcript   // where the conversation is recorded; nil: a new one
	Label      string        // before every line, when a conversation has several connections
}

// Conn is one connection, of either role. One goroutine uses it.
type Conn struct {
	nc     net.Conn
	reader *Reader // nil until the first message
	in     int64   // bytes read before reader was made
	out    int64   // bytes written
	size   int     // chunk size of what is sent
	left   int64
	end    time.Time
	step   time.Duration

	label  string
	script *Transcript
	ended  string
}

// NewConn makes a Conn of an open connection, before its handshake.
func NewConn(nc net.Conn, o Options) *Conn {
	if o.Life <= 0 {
		o.Life = 30 * time.Second
	}
	if o.Step <= 0 {
		o.Step = 10 * time.Second
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	if o.Transcript == nil {
		o.Transcript = NewTranscript(0)
	}
	return &Conn{nc: nc, size: 128, left: o.MaxBytes, end: time.Now().Add(o.Life), step: o.Step, label: o.Label, script: o.Transcript}
}

// ErrFlood reports a peer that sent more than Options.MaxBytes.
var ErrFlood = errors.New("the peer sends without end")

// Transcript is the recorded conversation.
func (c *Conn) Transcript() *Transcript { return c.script }

// LocalAddr is this side's address.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// Close ends the connection.
func (c *Conn) Close() { _ = c.nc.Close() }

// Note records something that is no message.
func (c *Conn) Note(format string, args ...any) { c.script.Note(c.label, fmt.Sprintf(format, args...)) }

// deadline is d from now, and never after the end of the connection's life.
func (c *Conn) deadline(d time.Duration) time.Time {
	if t := time.Now().Add(d); t.Before(c.end) {
		return t
	}
	return c.end
}

// Read implements io.Reader for the chunk reader: it counts.
func (c *Conn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, ErrFlood
	}
	if int64(len(b)) > c.left {
		b = b[:c.left]
	}
	n, err := c.nc.Read(b)
	c.left -= int64(n)
	return n, err
}

// ReadRaw reads n bytes before the first message; what says what they are.
func (c *Conn) ReadRaw(n int, what string) ([]byte, error) {
	_ = c.nc.SetReadDeadline(c.deadline(c.step))
	b := make([]byte, n)
	k, err := io.ReadFull(c, b)
	if k > 0 {
		text := what
		if k < n {
			text = fmt.Sprintf("%s, %d of %d bytes", what, k, n)
		}
		c.script.Bytes(c.label, Peer, c.in, b[:k], text)
	}
	c.in += int64(k)
	return b[:k], c.ending(err)
}

// ReadMessage reads the next message, within d. A time-out is an error for which errors.Is os.ErrDeadlineExceeded holds, and the
// connection can be used on only when no message was under way.
func (c *Conn) ReadMessage(d time.Duration) (*Message, error) {
	if c.reader == nil {
		c.reader = NewReader(c, c.in)
	}
	_ = c.nc.SetReadDeadline(c.deadline(d))
	m, err := c.reader.Next()
	if m != nil {
		c.script.Message(c.label, Peer, m.Offset, m)
	}
	if err != nil && m == nil {
		return nil, c.ending(err)
	}
	return m, err
}

// Reader is the chunk reader, nil before the first message.
func (c *Conn) Reader() *Reader { return c.reader }

// ending notes, once, how the peer ended.
func (c *Conn) ending(err error) error {
	how := Ending(err)
	if how != "" && c.ended == "" {
		c.ended = how
		c.Note("the peer's side ended: %s", how)
	}
	return err
}

// Ending names how a connection ended: "FIN", "FIN within a message", "RST", or the error's text; "" for a time-out and nil.
func Ending(err error) string {
	var record tls.RecordHeaderError
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		return ""
	case errors.Is(err, io.EOF):
		return "FIN"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "FIN within a message"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "RST"
	case errors.As(err, &record):
		return "no TLS"
	}
	return err.Error()
}

// SetChunkSize is the size in which what follows is cut; it sends nothing.
func (c *Conn) SetChunkSize(n int) { c.size = n }

// Send sends messages, cut at the size set, beginning with a type 0 chunk each. A Set Chunk Size message takes effect by itself.
func (c *Conn) Send(msgs ...*Message) error {
	for _, m := range msgs {
		if err := c.SendCut(m, Cutting{Size: c.size}); err != nil {
			return err
		}
		if m.Type == TypeSetChunkSize {
			if v, ok := m.Value(); ok && v > 0 {
				c.size = int(min(v, 1<<24-1))
			}
		}
	}
	return nil
}

// SendCut sends one message, cut as told.
func (c *Conn) SendCut(m *Message, cut Cutting) error {
	c.script.Message(c.label, Tester, c.out, m)
	return c.write(AppendMessage(nil, m, cut))
}

// SendRaw sends bytes; text says what they are.
func (c *Conn) SendRaw(b []byte, text string) error {
	c.script.Bytes(c.label, Tester, c.out, b, text)
	return c.write(b)
}

func (c *Conn) write(b []byte) error {
	_ = c.nc.SetWriteDeadline(c.deadline(c.step))
	n, err := c.nc.Write(b)
	c.out += int64(n)
	return err
}

// Sent is how many bytes were written, the handshake among them.
func (c *Conn) Sent() int64 { return c.out }
