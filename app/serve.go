package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/sharedobject"
	"penstock/status"
)

// serve runs one connection: it reads here, in the connection's own goroutine. Media goes from
// here to the stream; commands go to a goroutine that runs them in order.
func (s *Server) serve(conn *rtmp.Conn, over *rtmp.LimitError) {
	c := newClient(s, conn, over)
	left := make(chan struct{})
	leave := func() {
		defer close(left)
		c.leave()
	}
	stop := conn.AfterEnd(leave)
	c.watch.start(c)
	err := c.read()
	c.watch.stop()
	switch {
	case conn.Context().Err() != nil:
	case errors.Is(err, io.EOF) && stop():
		if conn.CloseFlushed(ErrClosedByPeer) {
			leave() // most go like this, and no goroutine has to be started for it
			break
		}
		conn.AfterEnd(leave)
		c.lost(err)
	default:
		c.lost(err)
	}
	<-left
	s.tellGone(c)
}

func (c *Client) read() error {
	var m rtmp.Message
	for {
		if err := c.readOne(&m); err != nil {
			return err
		}
	}
}

func (c *Client) readOne(m *rtmp.Message) error {
	defer c.crashed() // the next read then returns why the connection ended
	if err := c.conn.ReadMessage(m); err != nil {
		return err
	}
	err := c.dispatch(m)
	m.Payload = nil // a client that says no more keeps no memory for what it said
	return err
}

// lost ends a connection whose reading side failed. One that broke a rule is told so; one that
// ended in order still gets what waits for it.
func (c *Client) lost(err error) {
	switch {
	case c.offend(err):
	case errors.Is(err, io.EOF), errors.Is(err, errCloseCommand):
		c.conn.Finish(ErrClosedByPeer)
	default:
		c.conn.Close(fmt.Errorf("%w: %w", ErrClosedByPeer, err))
		return
	}
	var m rtmp.Message
	_ = c.conn.ReadMessage(&m) // reads away what still comes until the peer has ended too
}

// leave takes the session apart as soon as the connection's context has ended: the streams
// first, so that no name stays busy, then running commands, the session last.
func (c *Client) leave() {
	reason := context.Cause(c.Context())
	c.running.end(reason)
	c.streams.closeAll()
	c.shares.Close()
	c.cmds.wait()
	c.streams.closeAll() // what a handler that was still running opened
	c.server.forget(c)
	reason = c.ended(reason)
	defer c.departed(reason)
	if c.session == nil {
		return
	}
	c.closeSession(c.session, reason)
	c.server.Log.Info("disconnected", "session", c.ID, "app", c.App, "reason", reason, "in", c.BytesRead(), "out", c.BytesWritten())
	c.server.tellSession(c, true, reason)
}

// ended records a connection that the transport gave up because of a limit: nobody could be
// told any more. It returns the reason, which then is the refusal.
func (c *Client) ended(reason error) error {
	var recorded *Refusal
	cause, rule, ok := causeOf(reason)
	if !ok || errors.As(reason, &recorded) {
		return reason
	}
	r := &Refusal{Stage: StageConnection, Cause: cause, Rule: rule, Err: reason}
	if c.session == nil {
		r.Stage = StageConnect
	}
	c.refused(r)
	return r
}

// crashed ends a connection for which the server itself failed; it is to be deferred. Neither
// the process nor another client has to suffer for that.
func (c *Client) crashed() {
	p := recover()
	if p == nil {
		return
	}
	c.server.Log.Error("connection failed", "session", c.ID, "panic", p, "stack", stack())
	r := &Refusal{Stage: StageConnection, Cause: CauseFailed, Err: &errPanic{p}, Status: status.New(status.ConnectFailed, "The server failed.")}
	c.finish(c.complete(r), r.Status)
	c.server.refuse(r)
}

// ErrClosedByPeer is the reason of connections that the client ended.
var ErrClosedByPeer = errors.New("app: closed by the client")

// offend ends, with a word, a connection that broke a rule. false: it just went away.
func (c *Client) offend(err error) bool {
	cause, rule, ok := causeOf(err)
	if !ok {
		return false
	}
	r := &Refusal{Stage: StageConnection, Cause: cause, Rule: rule, Err: err}
	text := "The connection broke the protocol."
	if cause == CauseLimit {
		text = sentTooMuch(rule)
	}
	if c.accepted() {
		r.Status = status.New(status.ConnectClosed, text)
		c.part(c.complete(r), r.Status)
	} else {
		r.Stage = StageConnect
		r.Status = status.New(status.ConnectFailed, text)
		c.finishWith(c.complete(r), (&rtmp.Command{Transaction: 1}).Error(r.Status), rtmp.CloseCommand())
	}
	c.server.refuse(r)
	return true
}

func (c *Client) closeSession(session Session, reason error) {
	defer func() {
		if p := recover(); p != nil {
			c.server.Log.Error("session panicked in Close", "session", c.ID, "panic", p, "stack", stack())
		}
	}()
	session.Close(reason)
}

// errCloseCommand reports a client that said close.
var errCloseCommand = errors.New("app: close command")

func (c *Client) dispatch(m *rtmp.Message) error {
	switch m.Type {
	case rtmp.TypeCommandAMF0, rtmp.TypeCommandAMF3:
		return c.command(m)
	case rtmp.TypeAudio, rtmp.TypeVideo, rtmp.TypeDataAMF0, rtmp.TypeDataAMF3:
		return c.media(m)
	case rtmp.TypeAggregate:
		return chunk.SplitAggregate(m, c.server.limits.RTMP.Chunk, func(sub *rtmp.Message) error {
			if err := c.conn.CountMedia(); err != nil {
				return err
			}
			return c.media(sub)
		})
	case rtmp.TypeSharedObjectAMF0, rtmp.TypeSharedObjectAMF3:
		return c.sharedObject(m)
	case rtmp.TypeUserControl:
		return nil // SetBufferLength and friends: nothing here depends on them
	}
	return c.conn.CountUnknown()
}

// command answers what needs no order and queues the rest.
func (c *Client) command(m *rtmp.Message) error {
	if len(m.Payload) == 0 {
		return c.conn.CountUnknown()
	}
	cmd, err := rtmp.ParseCommand(m, c.amfLimits())
	if err != nil {
		var bad *rtmp.CommandError
		if !errors.As(err, &bad) {
			return err
		}
		if bad.Known && (bad.Name == "_result" || bad.Name == "_error") {
			c.calls.Answer(bad.Transaction, nil, status.For(status.CallBadVersion))
			return c.conn.CountUnknown()
		}
		c.badVersion(m, bad)
		return c.conn.CountUnknown()
	}
	switch cmd.Name {
	case "_result":
		c.calls.Answer(cmd.Transaction, cmd.Arg(0), nil)
		return nil
	case "_error":
		c.calls.Fail(cmd.Transaction, cmd.Arg(0))
		return nil
	case "onStatus":
		return nil
	case "close":
		return errCloseCommand
	case "publish", "play":
		// Media of full size may follow at once, also of a client that waits for no answer: what
		// it sends is read when its connect has been decided.
		c.allowSizes(true, false)
		if !c.watch.isAccepted.Load() {
			c.settle(c.calls.Waits())
		}
	}
	return c.cmds.push(c, queuedCommand{Command: cmd, bytes: len(m.Payload)})
}

// allowSizes changes what the client may send: after connect was accepted commands of full
// size, and once it has asked to publish or play media of full size too.
func (c *Client) allowSizes(asked, accepted bool) {
	c.ident.Lock()
	defer c.ident.Unlock()
	c.sizesAsked, c.sizesAccepted = c.sizesAsked || asked, c.sizesAccepted || accepted
	full := &c.server.limits.RTMP.Chunk
	switch {
	case !c.sizesAccepted:
	case c.sizesAsked:
		c.conn.SetChunkLimits(full)
	default:
		c.conn.SetChunkLimits(&c.server.acceptedChunks)
	}
}

// badVersion answers a command whose AMF cannot be decoded; the connection lives on.
func (c *Client) badVersion(m *rtmp.Message, bad *rtmp.CommandError) {
	st := status.New(status.CallBadVersion, "The command could not be decoded.")
	if bad.Known && bad.Transaction != 0 {
		c.send((&rtmp.Command{Transaction: bad.Transaction, StreamID: m.StreamID, AMF3: m.Type == rtmp.TypeCommandAMF3}).Error(st))
	} else if !bad.Known {
		c.send(c.onStatus(0, st))
	}
	c.refused(&Refusal{Stage: StageCall, Cause: CauseEncoding, Rule: amfOption(bad), Status: st, Err: bad})
}

// strangerNodes is how many AMF values a message may have before connect is accepted: tiny ones
// take twenty times their size, and the connect object is kept as long as the connection.
const strangerNodes = 1000

func (c *Client) amfLimits() amf.Limits {
	l := c.server.limits.RTMP.AMF
	if !c.watch.isAccepted.Load() && (l.Nodes <= 0 || l.Nodes > strangerNodes) {
		l.Nodes = strangerNodes
	}
	return l
}

// amfOption names the limit that an AMF error is about, "" when it is about none.
func amfOption(err error) string {
	for _, o := range []struct {
		err  error
		name string
	}{
		{amf.ErrDepth, "amf_depth"}, {amf.ErrNodes, "amf_nodes"}, {amf.ErrBytes, "amf_bytes"},
		{amf.ErrString, "amf_string_bytes"}, {amf.ErrKeys, "amf_keys"},
	} {
		if errors.Is(err, o.err) {
			return o.name
		}
	}
	return ""
}

// commandQueue runs a connection's commands one at a time, in a goroutine that exists only
// while there are any. Because that is not the reader, a handler may call the client and wait.
type commandQueue struct {
	mu      sync.Mutex
	waiting []queuedCommand
	bytes   int
	idle    chan struct{} // closed when the goroutine has ended; nil while there is none
}

// queuedCommand is a command, or a shared object message that keeps its place among them.
type queuedCommand struct {
	*rtmp.Command
	shared *sharedobject.Incoming
	bytes  int // of its message
}

// push queues a command; the error is a *rtmp.LimitError when too much waits already.
func (q *commandQueue) push(c *Client, cmd queuedCommand) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := &c.server.limits
	if n := len(q.waiting) + 1; n > l.QueuedCommands {
		return &rtmp.LimitError{Option: "queued_commands", Value: n, Max: l.QueuedCommands}
	}
	if n := q.bytes + cmd.bytes; n > l.QueuedCommandBytes {
		return &rtmp.LimitError{Option: "queued_command_bytes", Value: n, Max: l.QueuedCommandBytes}
	}
	q.waiting, q.bytes = append(q.waiting, cmd), q.bytes+cmd.bytes
	if q.idle == nil {
		q.idle = make(chan struct{})
		go q.run(c, q.idle)
	}
	return nil
}

func (q *commandQueue) run(c *Client, idle chan struct{}) {
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 || c.Context().Err() != nil {
			q.waiting, q.bytes, q.idle = nil, 0, nil
			close(idle)
			q.mu.Unlock()
			return
		}
		cmd := q.waiting[0]
		q.waiting[0] = queuedCommand{}
		q.waiting, q.bytes = q.waiting[1:], q.bytes-cmd.bytes
		q.mu.Unlock()
		if cmd.shared != nil {
			c.share(cmd.shared)
			continue
		}
		c.execute(cmd.Command)
	}
}

// busy returns a channel that closes when every command queued so far has run, nil when none is.
func (q *commandQueue) busy() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.idle
}

func (q *commandQueue) wait() {
	if idle := q.busy(); idle != nil {
		<-idle
	}
}

// settle lets queued commands run before media is judged: a publisher that does not wait for
// the answer to its publish loses nothing. asked, when not nil, ends the wait: a command waits
// for an answer that only the reader can bring. false: m is to be judged later.
func (c *Client) settle(asked <-chan struct{}) bool {
	idle := c.cmds.busy()
	if idle == nil {
		return true
	}
	t := time.NewTimer(c.server.limits.HandlerTimeout)
	defer t.Stop()
	select {
	case <-idle:
	case <-asked:
		return false
	case <-t.C:
	case <-c.Context().Done():
	}
	return true
}

func (s *Server) remember(c *Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c] = struct{}{}
}

func (s *Server) forget(c *Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
}

// accepted tells whether the server counts the client as connected.
func (c *Client) accepted() bool {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	_, ok := c.server.clients[c]
	return ok
}
