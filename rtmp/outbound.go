package rtmp

import (
	"context"
	"slices"
	"sync"
	"time"

	"penstock/rtmp/chunk"
)

// Source supplies media that is already cut into chunks. A connection's writer pulls from it
// after Wake, control messages first.
type Source interface {
	// Pull appends complete chunked messages to bufs, about max bytes at the most, and returns
	// the extended slice; nothing appended means nothing is waiting. It is never called twice at
	// once and must not block. The bytes must never change afterwards.
	Pull(bufs [][]byte, max int) [][]byte
}

// writeBatch is the most media taken for one write, in bytes.
const writeBatch = 256 << 10

// outbound is the write side's state. mu is held for an append or a swap, never during I/O.
type outbound struct {
	mu        sync.Mutex
	queue     []byte // chunks of control and command messages in order
	messages  int    // how many are in queue
	chunkSize int    // what the next message is cut to
	sources   []Source
	finish    bool          // FIN once queue is empty
	room      chan struct{} // closed when queue was taken; nil when nobody waits

	// The write side of a connection without writer goroutine belongs to whoever set writing: a drain
	// goroutine, which is there only while something waits, or a Flush.
	writing bool
	again   bool // something came for the owner meanwhile
	closed  bool // by Close
	ended   bool // nobody will write any more; Conn.written is closed

	rest [][]byte // owner of the write side: what is left of a Flush, to be written first

	maxBytes, maxMessages int
	wake                  chan struct{} // capacity 1; nil without a writer goroutine
}

func (o *outbound) init(l *Limits) {
	o.chunkSize = chunk.DefaultChunkSize
	o.maxBytes, o.maxMessages = l.ControlQueueBytes, l.ControlQueueMessages
}

// take empties the queue for who writes it; mu must be held.
func (o *outbound) take() []byte {
	queue := o.queue
	o.queue, o.messages = nil, 0
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
	return queue
}

// append queues a message. mu must be held.
func (o *outbound) append(m *Message) {
	o.queue = chunk.Append(slices.Grow(o.queue, chunk.Size(m, o.chunkSize)), m, o.chunkSize)
	o.messages++
	if m.Type == TypeSetChunkSize && len(m.Payload) == 4 {
		if n, err := uint32Body("", m.Payload); err == nil && n > 0 {
			o.chunkSize = int(min(n, 0xFFFFFF))
		}
	}
}

// Wake makes the writer look at its queue and sources. It never blocks.
func (c *Conn) Wake() {
	o := &c.out
	if o.wake != nil {
		select {
		case o.wake <- struct{}{}:
		default:
		}
		return
	}
	o.mu.Lock()
	start := !o.writing && !o.ended
	if start {
		o.writing = true
	} else {
		o.again = true
	}
	o.mu.Unlock()
	if start {
		go c.drain()
	}
}

// Flush is Wake for when s, which has been attached, has a little: where the connection allows
// it, it is written before Flush returns, without a goroutine that has to be woken for it. What
// the peer does not take at once, and everything while control messages wait, is left to the
// writer. It never blocks. bufs is scratch memory, which is returned for the next call.
func (c *Conn) Flush(s Source, bufs [][]byte) [][]byte {
	o := &c.out
	if c.out.wake != nil {
		c.Wake()
		return bufs
	}
	o.mu.Lock()
	switch {
	case o.ended:
		o.mu.Unlock()
		return bufs
	case o.writing:
		o.again = true
		o.mu.Unlock()
		return bufs
	}
	o.writing = true
	wait := len(o.queue) > 0 || o.finish
	o.mu.Unlock()
	if wait {
		go c.drain()
		return bufs
	}
	bufs = s.Pull(bufs[:0], writeBatch)
	for i, p := range bufs {
		n, whole := c.tryWrite(p)
		if whole {
			continue
		}
		// An error will be met again by who can deal with it.
		o.rest = slices.Clone(bufs[i:])
		o.rest[0] = p[n:]
		go c.drain()
		clear(bufs)
		return bufs
	}
	clear(bufs)
	if !c.release() {
		go c.drain()
	}
	return bufs
}

// tryWrite writes what the peer takes of p at once. It is whole when nothing is left to be written, neither of p nor of what TLS has
// made of it.
func (c *Conn) tryWrite(p []byte) (n int, whole bool) {
	var err error
	switch {
	case c.direct != nil:
		n, err = c.direct.TryWrite(p)
		whole = n == len(p)
	case !c.deferred.Backlog():
		n, err = c.nc.Write(p)
		whole = n == len(p) && !c.deferred.Backlog()
	}
	c.bytesOut.Add(uint64(n))
	return n, whole && err == nil
}

// release gives up the write side; false: something came meanwhile and it is kept.
func (c *Conn) release() bool {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	over := o.closed && !c.finishing.Load()
	if o.again && !over {
		o.again = false
		return false
	}
	o.writing = false
	if len(o.queue) == 0 {
		o.queue = nil // most connections never have anything to say again
	}
	if over {
		c.endWriting()
	}
	return true
}

// endWriting notes that nobody will write any more; o.mu must be held.
func (c *Conn) endWriting() {
	if !c.out.ended {
		c.out.ended = true
		c.out.rest = nil
		if c.written != nil {
			close(c.written)
		}
	}
}

// Send queues messages for the writer, in order and without another sender's in between. It
// never blocks: a peer that does not read while the queue is over its limit loses the
// connection with the next Send, and the error is a *LimitError: one large message always has room. A message that RTMP cannot frame is an error that
// wraps chunk.ErrUnframable, and nothing is sent. After Close or Finish the error is their cause.
func (c *Conn) Send(msgs ...*Message) error {
	err := c.Queue(msgs...)
	if err == nil {
		c.Wake()
	}
	return err
}

// Queue is Send without the sending: a Push, or whatever is sent next, takes the messages along.
func (c *Conn) Queue(msgs ...*Message) error {
	if err := context.Cause(c.ctx); err != nil {
		return err
	}
	for _, m := range msgs {
		if err := m.Validate(); err != nil {
			return err
		}
	}
	if c.trace != nil {
		for _, m := range msgs {
			c.trace(Out, m)
		}
	}
	o := &c.out
	o.mu.Lock()
	if o.finish {
		o.mu.Unlock()
		return ErrFinished
	}
	bytes, count, size := len(o.queue), o.messages, 0
	for _, m := range msgs {
		size += chunk.Size(m, o.chunkSize)
	}
	o.queue = slices.Grow(o.queue, size)
	for _, m := range msgs {
		o.append(m)
	}
	o.mu.Unlock()
	switch {
	case bytes > o.maxBytes:
		return c.overflow(&LimitError{Option: "control_queue_bytes", Value: bytes, Max: o.maxBytes})
	case count > o.maxMessages:
		return c.overflow(&LimitError{Option: "control_queue_messages", Value: count, Max: o.maxMessages})
	}
	return nil
}

// Push sends what was queued, as Wake does; but what the peer takes at once is written before it returns, where the connection
// allows that, so that no goroutine is needed. It never blocks, and is not to be called while a mutex is held.
func (c *Conn) Push() {
	if c.out.wake != nil {
		c.Wake()
		return
	}
	o := &c.out
	o.mu.Lock()
	if o.writing || o.ended {
		o.again = true
		o.mu.Unlock()
		return
	}
	o.writing = true
	control := o.take()
	o.mu.Unlock()
	if len(control) > 0 {
		if n, whole := c.tryWrite(control); !whole {
			o.rest = [][]byte{control[n:]} // an error will be met again by who can deal with it
			go c.drain()
			return
		}
	}
	if !c.release() {
		go c.drain()
	}
}

func (c *Conn) overflow(err error) error {
	c.Close(err)
	return err
}

// SendWait queues one message when there is room, waiting for it until ctx ends: for a client
// that publishes.
func (c *Conn) SendWait(ctx context.Context, m *Message) error {
	if err := m.Validate(); err != nil {
		return err
	}
	o := &c.out
	for {
		if err := context.Cause(c.ctx); err != nil {
			return err
		}
		o.mu.Lock()
		if o.finish {
			o.mu.Unlock()
			return ErrFinished
		}
		if o.messages == 0 || (len(o.queue) < o.maxBytes/2 && o.messages < o.maxMessages/2) {
			if c.trace != nil {
				c.trace(Out, m)
			}
			o.append(m)
			o.mu.Unlock()
			c.Wake()
			return nil
		}
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.ctx.Done():
		}
	}
}

// SendCommand encodes and queues commands in order.
func (c *Conn) SendCommand(cmds ...*Command) error {
	msgs := make([]*Message, len(cmds))
	for i, cmd := range cmds {
		m, err := cmd.Message()
		if err != nil {
			return err
		}
		msgs[i] = m
	}
	return c.Send(msgs...)
}

// Attach adds a source of media. Wake the connection when the source has something.
func (c *Conn) Attach(s Source) {
	c.out.mu.Lock()
	c.out.sources = append(slices.Clip(c.out.sources), s)
	c.out.mu.Unlock()
	c.Wake()
}

// Detach removes a source. A Pull already under way may still deliver.
func (c *Conn) Detach(s Source) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	kept := make([]Source, 0, len(c.out.sources))
	for _, x := range c.out.sources {
		if x != s {
			kept = append(kept, x)
		}
	}
	c.out.sources = kept
}

// Finish ends the connection in order: messages are queued behind what waits, everything is
// flushed, media is no longer pulled, and FIN is sent. What the peer still sends is read and
// thrown away until it ends too or CloseLinger has passed, so that no RST overtakes the last
// words. A peer that takes them byte by byte has WriteTimeout and CloseLinger together. The connection's context ends at once with cause. Finish does not block; only the
// first call counts.
func (c *Conn) Finish(cause error, msgs ...*Message) {
	o := &c.out
	o.mu.Lock()
	if o.finish || c.ctx.Err() != nil {
		o.mu.Unlock()
		return
	}
	for _, m := range msgs {
		if c.trace != nil {
			c.trace(Out, m)
		}
		o.append(m)
	}
	o.finish = true
	o.sources = nil
	o.mu.Unlock()
	if cause == nil {
		cause = ErrFinished
	}
	c.finishBy.Store(time.Now().Add(c.limits.WriteTimeout + c.limits.CloseLinger).UnixNano())
	c.finishing.Store(true)
	c.end(cause)
	c.Wake()
}

// CloseFlushed is Close for a peer that has ended in order while nothing waits to be sent to it; false: it is not so, and nothing
// was done.
func (c *Conn) CloseFlushed(err error) bool {
	o := &c.out
	o.mu.Lock()
	flushed := o.wake == nil && c.PeerEnd() == PeerLeft && !o.writing && !o.finish && len(o.queue) == 0 && len(o.sources) == 0
	if flushed {
		o.finish = true // whoever sends now is late
	}
	o.mu.Unlock()
	if flushed {
		c.Close(err)
	}
	return flushed
}
