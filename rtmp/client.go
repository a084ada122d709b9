package rtmp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"penstock/amf"
	"penstock/rtmp/chunk"
	"penstock/status"
)

// Reasons a client's connection ended, as the cause of an ended Conn's context.
var (
	ErrClientClosed = errors.New("closed by this side")
	ErrServerClose  = errors.New("the server sent close")
)

// Client is a NetConnection: it calls, publishes, plays and shares objects, on any RTMP server. It is safe for
// concurrent use.
type Client struct {
	conn       *Conn
	cfg        ClientConfig
	url        URL
	amf3       bool
	properties amf.Value
	info       *status.Status
	callbacks  callbacks
	readDone   chan struct{}
	done       chan struct{}

	mu      sync.Mutex
	txn     float64
	calls   map[float64]chan reply // nil after the end
	streams map[uint32]*NetStream
	objects map[string]*SharedObject
	opening *NetStream     // waits for the answer to publish or play
	last    *status.Status // what the server said about the connection's end
	err     error
}

// causedError is a status made here and what it comes from.
type causedError struct {
	*status.Status
	cause error
}

func (e *causedError) Unwrap() []error { return []error{e.Status, e.cause} }

func because(c status.Code, cause error, format string, a ...any) error {
	text := fmt.Sprintf(format, a...)
	if cause != nil {
		text += ": " + cause.Error()
	}
	return &causedError{status.New(c, text), cause}
}

// opened does what Flash Player does after a success.
func (c *Client) opened() {
	if c.cfg.ObjectEncoding == 3 {
		for _, p := range c.info.Extra {
			if n, _ := p.Value.(float64); p.Key == "objectEncoding" && n == 3 {
				c.amf3 = true
			}
		}
	}
	_ = c.conn.Send(WindowAckSize(DefaultWindow), SetChunkSize(c.cfg.ChunkSize))
	_ = c.emit(c.info)
}

// URL is where the client is connected to.
func (c *Client) URL() URL { return c.url }

// Info is the information object of the server's answer to connect.
func (c *Client) Info() *status.Status { return c.info }

// Properties is the first object of the server's answer to connect: fmsVer and capabilities,
// usually. It may be nil or amf.Undefined.
func (c *Client) Properties() amf.Value { return c.properties }

// Conn is the connection below, for statistics and for messages of one's own. Only the client
// reads from it.
func (c *Client) Conn() *Conn { return c.conn }

// Done is closed when the connection has ended and every callback has returned.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is why the connection ended, nil while it lives. It holds a *status.Status (errors.As):
// the server's word about the end, such as NetConnection.Connect.AppShutdown, when it had one,
// else NetConnection.Connect.Closed with a description made here.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close sends what is queued, ends the connection and waits for the server to end as well, for
// CloseLinger at the most. It returns when the client's goroutines have ended; only a callback
// that is running is not waited for, since it may be the caller.
func (c *Client) Close() error {
	c.conn.Finish(ErrClientClosed)
	hard := time.AfterFunc(c.conn.limits.CloseLinger, func() { c.conn.Close(ErrClientClosed) })
	defer hard.Stop()
	<-c.readDone
	c.conn.Wait()
	c.callbacks.wait()
	return nil
}

func (c *Client) run(pending []*Message) {
	defer close(c.readDone)
	c.end(c.read(pending))
}

func (c *Client) read(pending []*Message) error {
	for _, m := range pending {
		if err := c.handle(m); err != nil {
			return err
		}
	}
	var m Message
	for {
		if err := c.conn.ReadMessage(&m); err != nil {
			return err
		}
		if err := c.handle(&m); err != nil {
			return err
		}
	}
}

// end tells everyone who waits why nothing more will come.
func (c *Client) end(cause error) {
	closed := status.New(status.ConnectClosed, describeEnd(cause))
	var err error = &causedError{closed, cause}
	c.mu.Lock()
	if c.last != nil {
		err = c.last
		if c.last.Code == status.ConnectClosed {
			closed = c.last
		}
	}
	c.err = err
	calls, streams, objects := c.calls, c.streams, c.objects
	c.calls, c.streams, c.objects, c.opening = nil, nil, nil, nil
	c.mu.Unlock()
	told := errors.Is(cause, ErrServerClose)
	if told {
		c.conn.Finish(err)
	} else {
		c.conn.Close(err)
	}
	for _, ch := range calls {
		ch <- reply{err: err}
	}
	for _, ns := range streams {
		ns.fail(err)
	}
	for _, so := range objects {
		so.end(err)
	}
	if told {
		// A server that says close may say more after it: unread, that would turn our FIN into RST. It is read away until
		// the server ends too, for CloseLinger at the most.
		_ = c.conn.ReadMessage(new(Message))
		c.conn.Close(err)
	}
	c.callbacks.last(func() {
		if c.cfg.OnStatus != nil {
			c.cfg.OnStatus(closed)
		}
		close(c.done)
	})
}

func describeEnd(err error) string {
	switch {
	case errors.Is(err, io.EOF):
		return "the server ended the connection"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the server did not end the connection"
	}
	return err.Error()
}

// handle acts on one message that is not plumbing. An error ends the connection.
func (c *Client) handle(m *Message) error {
	switch m.Type {
	case TypeCommandAMF0, TypeCommandAMF3:
		return c.command(m)
	case TypeAudio, TypeVideo, TypeDataAMF0, TypeDataAMF3:
		if ns := c.stream(m.StreamID); ns != nil {
			ns.media(m)
		}
		return nil
	case TypeAggregate:
		return chunk.SplitAggregate(m, c.conn.limits.Chunk, c.handle)
	case TypeSharedObjectAMF0, TypeSharedObjectAMF3:
		if known, err := c.sharedObject(m); known || err != nil {
			return err
		}
	case TypeUserControl:
		u, err := ParseUserControl(m.Payload)
		if err != nil {
			return nil
		}
		if ns := c.stream(u.Value); ns != nil && u.Value != 0 {
			ns.control(u)
		}
		return nil
	}
	if c.cfg.OnMessage != nil {
		kept := *m
		return c.callback(func() { c.cfg.OnMessage(&kept) })
	}
	return nil
}

// stream finds the stream a message belongs to. Some servers send everything on stream 0.
func (c *Client) stream(id uint32) *NetStream {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ns := c.streams[id]; ns != nil {
		return ns
	}
	if id != 0 {
		return nil
	}
	if c.opening != nil {
		return c.opening
	}
	if len(c.streams) == 1 {
		for _, ns := range c.streams {
			return ns
		}
	}
	return nil
}

func (c *Client) command(m *Message) error {
	cmd, err := ParseCommand(m, c.conn.limits.AMF)
	if err != nil {
		return c.undecodable(m, err)
	}
	switch cmd.Name {
	case "_result", "_error":
		c.settle(cmd.Transaction, reply{cmd: cmd})
		return nil
	case "onStatus":
		return c.onStatus(cmd)
	case "close":
		return ErrServerClose
	}
	return c.serve(cmd)
}

// undecodable turns a message that AMF cannot make sense of into NetConnection.Call.BadVersion:
// for the call it answers, when that can be read, else for the connection.
func (c *Client) undecodable(m *Message, err error) error {
	var ce *CommandError
	if !errors.As(err, &ce) || !ce.Known || ce.Name != "_result" && ce.Name != "_error" {
		return c.emit(status.New(status.CallBadVersion, err.Error()))
	}
	c.settle(ce.Transaction, reply{err: because(status.CallBadVersion, err, "the answer cannot be decoded")})
	return nil
}

// isError reports whether s is a refusal; not every server sends a level.
func isError(s *status.Status) bool {
	if s.Level == "" {
		e, known := status.Lookup(s.Code)
		return known && e.Level == status.LevelError
	}
	return s.Level == status.LevelError
}

func aboutConnection(s *status.Status) bool {
	const prefix = "NetConnection."
	return len(s.Code) > len(prefix) && s.Code[:len(prefix)] == prefix
}

func (c *Client) onStatus(cmd *Command) error {
	s, ok := status.FromObject(cmd.Arg(0))
	if !ok {
		return nil
	}
	if cmd.StreamID != 0 || !aboutConnection(s) {
		if ns := c.stream(cmd.StreamID); ns != nil && !aboutConnection(s) {
			ns.status(s, cmd.Timestamp)
			return nil
		}
	}
	switch s.Code {
	case status.ConnectClosed:
		c.setLast(s)
		return ErrServerClose // told once, when the connection ends
	case status.ConnectRejected, status.ConnectInvalidApp, status.ConnectFailed, status.ConnectAppShutdown,
		status.ConnectIdleTimeOut, status.ConnectIdleTimeoutAlias, status.ConnectIdle:
		c.setLast(s)
	}
	return c.emit(s)
}

func (c *Client) setLast(s *status.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || s.Code != status.ConnectClosed {
		c.last = s
	}
}

func (c *Client) emit(s *status.Status) error {
	if c.cfg.OnStatus == nil {
		return nil
	}
	return c.callback(func() { c.cfg.OnStatus(s) })
}

func (c *Client) callback(fn func()) error {
	if !c.callbacks.add(fn, c.cfg.Queue) {
		return &LimitError{Option: "client_queue", Value: c.cfg.Queue + 1, Max: c.cfg.Queue}
	}
	return nil
}

// callbacks runs functions in order in a goroutine that exists while there are any.
type callbacks struct {
	mu      sync.Mutex
	queue   []func()
	running bool
	busy    bool          // inside a function
	idle    chan struct{} // closed when the goroutine ends
}

// add reports false when max functions are waiting.
func (q *callbacks) add(fn func(), max int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) >= max {
		return false
	}
	q.queue = append(q.queue, fn)
	if !q.running {
		q.running, q.idle = true, make(chan struct{})
		go q.run(q.idle)
	}
	return true
}

// last adds a function whatever the queue's length.
func (q *callbacks) last(fn func()) { q.add(fn, int(^uint(0)>>1)) }

func (q *callbacks) run(idle chan struct{}) {
	defer close(idle)
	for {
		q.mu.Lock()
		if len(q.queue) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		fn := q.queue[0]
		q.queue[0] = nil
		q.queue = q.queue[1:]
		q.busy = true
		q.mu.Unlock()
		fn()
		q.mu.Lock()
		q.busy = false
		q.mu.Unlock()
	}
}

// wait returns when nothing is left to run, or at once while a function runs.
func (q *callbacks) wait() {
	q.mu.Lock()
	idle, wait := q.idle, q.running && !q.busy
	q.mu.Unlock()
	if wait {
		<-idle
	}
}
