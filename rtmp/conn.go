package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"penstock/rtmp/chunk"
	"penstock/rtmp/handshake"
	"penstock/rtmp/internal/pace"
	"penstock/rtmp/internal/ping"
	"penstock/rtmp/internal/socket"
)

// DefaultWindow is the acknowledgement window and peer bandwidth we announce, in bytes.
const DefaultWindow = 2_500_000

// minWindow is the smallest window we honour: a peer that asks for an acknowledgement of every
// byte would make us send more than it does.
const minWindow = 64 << 10

// ErrFinished is the cause of a connection that this side ended in order (see Conn.Finish).
var ErrFinished = errors.New("rtmp: connection finished")

// Direction of a traced message.
type Direction bool

// Directions.
const (
	In  Direction = false
	Out Direction = true
)

// TraceFunc sees every message before it is acted on (In) or sent (Out). It must not keep or
// change the message; In is called by the reading goroutine, Out by whoever sends.
type TraceFunc func(d Direction, m *Message)

// ConnOptions configures NewConn.
type ConnOptions struct {
	Limits    Limits
	Trace     TraceFunc
	Handshake handshake.Result
	// HandshakeTime is what Conn.HandshakeTime returns.
	HandshakeTime time.Duration
	// Strict makes ReadMessage enforce the message rates: for servers.
	Strict bool
	// Before connect is accepted a stranger gets these, when any is set.
	ChunkLimits *chunk.Limits

	limits *Limits // in place of Limits, with every default filled in: one for all connections of a server
}

// Conn is one RTMP connection after its handshake. One goroutine reads (ReadMessage); any may
// send. One goroutine at a time uses the socket's write side: see outbound. None does after the
// connection was closed or finished.
type Conn struct {
	nc       net.Conn
	direct   *socket.Socket   // nil: not plain TCP
	deferred *socket.Deferred // beneath TLS; both nil: a writer goroutine writes, not whoever has something
	limits   *Limits          // shared, never changed
	trace    TraceFunc
	hs       handshake.Result
	hsTime   time.Duration
	strict   bool
	ctx      context.Context
	cancel   context.CancelCauseFunc

	// Owned by the reading goroutine.
	r          *chunk.Reader
	window     uint32 // the peer expects an acknowledgement per this many bytes
	peerWindow uint32 // last window we announced at the peer's request
	acked      uint64
	rates      rates
	pace       pace.Pace

	lastRead  atomic.Int64 // unix ns of the last byte received
	bytesIn   atomic.Uint64
	bytesOut  atomic.Uint64
	peerAcked atomic.Uint32 // last Acknowledgement of the peer
	finishing atomic.Bool   // what arrives is discarded
	finSent   atomic.Bool   // set just before FIN is sent
	peerEnd   atomic.Int32  // a PeerEnd
	pings     ping.Table
	finishBy  atomic.Int64                 // unix ns by which the last words must be written, 0 while not finishing
	newLimits atomic.Pointer[chunk.Limits] // for the reader to take over at its next read

	out      outbound
	written  chan struct{} // closed when nobody will write any more; nil while nobody waits for that; out.mu guards it
	afterEnd atomic.Pointer[func()]
}

type rates struct{ media, command, ping, control, unknown rate }

// NewConn wraps nc, whose RTMP handshake is done. The Conn owns nc: Close it when done.
func NewConn(nc net.Conn, o ConnOptions) *Conn {
	l := o.limits
	if l == nil {
		own := o.Limits.WithDefaults()
		l = &own
	}
	c := &Conn{nc: nc, limits: l, trace: o.Trace, hs: o.Handshake, hsTime: o.HandshakeTime, strict: o.Strict, window: DefaultWindow}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.lastRead.Store(time.Now().UnixNano())
	cl := l.Chunk
	if o.ChunkLimits != nil {
		cl = *o.ChunkLimits
	}
	c.r = chunk.NewReader((*connReader)(c), cl)
	c.rates = rates{
		media: newRate(l.MediaRate, 2*l.MediaRate), command: newRate(l.CommandRate, 2*l.CommandRate),
		ping: newRate(l.PingRate, 2*l.PingRate), control: newRate(l.ControlRate, 2*l.ControlRate),
		unknown: newRate(float64(l.UnknownMessages)/60, float64(l.UnknownMessages)),
	}
	c.out.init(l)
	if t, ok := nc.(*tls.Conn); ok {
		if c.deferred, ok = t.NetConn().(*socket.Deferred); ok {
			c.deferred.Defer()
		}
	}
	if c.direct = socket.New(nc); c.direct == nil && c.deferred == nil {
		c.out.wake = make(chan struct{}, 1)
		go c.writeLoop()
	}
	return c
}

// Context ends with the connection; its cause (context.Cause) says why.
func (c *Conn) Context() context.Context { return c.ctx }

// Handshake is the result of the handshake that preceded the connection.
func (c *Conn) Handshake() handshake.Result { return c.hs }

// HandshakeTime is how long the handshake took, with TLS when that was used, from the acceptance of the
// connection; 0 when nobody measured it.
func (c *Conn) HandshakeTime() time.Duration { return c.hsTime }

// Secure tells whether the connection came through TLS.
func (c *Conn) Secure() bool {
	_, ok := c.nc.(*tls.Conn)
	return ok
}

// Limits are the connection's limits with every default filled in.
func (c *Conn) Limits() Limits { return *c.limits }

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// LocalAddr is our address.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// LastRead is when the last byte came from the peer.
func (c *Conn) LastRead() time.Time { return time.Unix(0, c.lastRead.Load()) }

// BytesRead counts what came from the peer since the handshake.
func (c *Conn) BytesRead() uint64 { return c.bytesIn.Load() }

// BytesWritten counts what the socket has taken since the handshake.
func (c *Conn) BytesWritten() uint64 { return c.bytesOut.Load() }

// PeerAcknowledged is the sequence number of the peer's last Acknowledgement, 0 if it sent none.
func (c *Conn) PeerAcknowledged() uint32 { return c.peerAcked.Load() }

// PeerEnd is how the peer's side of a connection ended.
type PeerEnd int32

// Ends of the peer's side.
const (
	PeerOpen     PeerEnd = iota // it has not ended, or broke off: reset, timed out
	PeerLeft                    // the peer ended in order, before this side had
	PeerFollowed                // the peer ended in order after this side's FIN
)

// PeerEnd tells how the peer's side ended. It is final once ReadMessage has returned an error
// and no goroutine is in it any more.
func (c *Conn) PeerEnd() PeerEnd { return PeerEnd(c.peerEnd.Load()) }

// noteEnd keeps how the peer's side ended, when err says so.
func (c *Conn) noteEnd(err error) {
	if !errors.Is(err, io.EOF) {
		return
	}
	end := PeerLeft
	if c.finSent.Load() {
		end = PeerFollowed
	}
	c.peerEnd.CompareAndSwap(int32(PeerOpen), int32(end))
}

// Close ends the connection at once: queued messages are lost. Err is the cause others see.
func (c *Conn) Close(err error) {
	c.end(err)
	_ = c.nc.Close()
	if c.out.wake != nil {
		return
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.closed = true
	if !c.out.writing { // else the owner of the write side notices
		c.endWriting()
	}
}

// Wait blocks until nothing is being written any more. Call it after Close or Finish.
func (c *Conn) Wait() {
	o := &c.out
	o.mu.Lock()
	if o.ended {
		o.mu.Unlock()
		return
	}
	if c.written == nil {
		c.written = make(chan struct{})
	}
	written := c.written
	o.mu.Unlock()
	<-written
}

// AfterEnd sets what runs, in a goroutine of its own, as soon as the connection's context has ended. It is context.AfterFunc for
// one function per connection, at a fifth of the memory. stop tells whether f will not be run because of it.
func (c *Conn) AfterEnd(f func()) (stop func() bool) {
	c.afterEnd.Store(&f)
	if c.ctx.Err() != nil {
		c.runAfterEnd()
	}
	return c.dropAfterEnd
}

func (c *Conn) dropAfterEnd() bool { return c.afterEnd.Swap(nil) != nil }

func (c *Conn) runAfterEnd() {
	if f := c.afterEnd.Swap(nil); f != nil {
		go (*f)()
	}
}

// end ends the connection's context.
func (c *Conn) end(cause error) {
	c.cancel(cause)
	c.runAfterEnd()
}

// SetChunkLimits changes the limits of message reassembly for everything that arrives after the
// call. Any goroutine may call it, also while another is in ReadMessage. l must not be changed afterwards.
func (c *Conn) SetChunkLimits(l *chunk.Limits) { c.newLimits.Store(l) }

// ReadMessage reads the next message that is not plumbing: it applies chunk sizes and aborts,
// acknowledges, answers pings and window changes itself. User control events other than pings,
// and messages of unknown type, are returned. The payload belongs to the caller.
//
// Errors: io.EOF when the peer ended the connection between messages, *chunk.ProtocolError,
// *LimitError, the cause given to Close or Finish, or the socket's error.
func (c *Conn) ReadMessage(m *Message) error {
	for {
		if c.finishing.Load() {
			return c.discard()
		}
		if l := c.newLimits.Swap(nil); l != nil {
			c.r.SetLimits(*l)
		}
		if err := c.r.ReadMessage(m); err != nil {
			return c.readError(err)
		}
		c.acknowledge()
		if m.Type == TypeVideo {
			c.pace.Video(len(m.Payload), c.lastRead.Load())
		}
		if c.trace != nil {
			c.trace(In, m)
		}
		if c.strict {
			if err := c.checkRate(m); err != nil {
				return err
			}
		}
		plumbing, err := c.plumb(m)
		if err != nil {
			return err
		}
		if !plumbing {
			return nil
		}
	}
}

// readError prefers the reason this side had for ending over what the socket said because of it.
func (c *Conn) readError(err error) error {
	if cause := context.Cause(c.ctx); cause != nil {
		return cause
	}
	return err
}

func (c *Conn) acknowledge() {
	n := c.r.Bytes()
	if sequence, due := acknowledgement(n, c.acked, c.window); due {
		c.acked = n
		_ = c.reply(Acknowledgement(sequence))
	}
}

// acknowledgement says whether one is due when the last was sent at byte acked and the peer's
// window is that large, and its sequence number: the bytes received modulo 2^32 (errata to RTMP
// 1.0, "Acknowledgement"). It is sent twice per window; a window of 0 wants none.
func acknowledgement(received, acked uint64, window uint32) (sequence uint32, due bool) {
	return uint32(received), window != 0 && received-acked >= uint64(max(window, minWindow))/2
}

// plumb acts on control messages and reports whether m needs no other attention.
func (c *Conn) plumb(m *Message) (bool, error) {
	switch m.Type {
	case TypeSetChunkSize, TypeAbort:
		return true, nil // applied by the chunk reader
	case TypeAcknowledgement:
		if n, err := uint32Body("Acknowledgement", m.Payload); err == nil {
			c.peerAcked.Store(n)
		}
		return true, nil
	case TypeWindowAckSize:
		if n, err := uint32Body("WindowAckSize", m.Payload); err == nil {
			c.window = n
		}
		return true, nil
	case TypeSetPeerBandwidth:
		n, err := uint32Body("SetPeerBandwidth", m.Payload)
		if err == nil && n != c.peerWindow {
			c.peerWindow = n
			return true, c.reply(WindowAckSize(n))
		}
		return true, nil
	case TypeUserControl:
		u, err := ParseUserControl(m.Payload)
		if err != nil {
			return true, nil // too short for its event: ignored, as the errata advise
		}
		switch u.Event {
		case EventPingRequest:
			return true, c.reply(NewUserControl(EventPingResponse, u.Value))
		case EventPingResponse:
			c.pings.Response(u.Value, time.Now())
			return true, nil // any byte counts as life; LastRead has noted it
		}
	}
	return false, nil
}

// reply sends what the protocol wants answered.
func (c *Conn) reply(m *Message) error {
	err := c.Queue(m)
	if err == nil {
		c.Push()
	}
	return err
}

// Ping sends a ping request with our clock in ms. The answer shows in LastRead and RTT.
func (c *Conn) Ping() error {
	return c.Send(NewUserControl(EventPingRequest, c.pings.Request(time.Now(), nil)))
}

// RTT is the round trip of the last ping request that was answered, by Ping or RoundTrip; 0 before the first.
func (c *Conn) RTT() time.Duration { return c.pings.RTT() }

// RoundTrip sends a ping request and waits for the response, which needs a goroutine in ReadMessage. Not every peer answers pings
// (OBS Studio does not): the error is then the cause of ctx's end.
func (c *Conn) RoundTrip(ctx context.Context) (time.Duration, error) {
	done := make(chan time.Duration, 1)
	if err := c.Send(NewUserControl(EventPingRequest, c.pings.Request(time.Now(), done))); err != nil {
		return 0, err
	}
	select {
	case d := <-done:
		return d, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-c.ctx.Done():
		return 0, context.Cause(c.ctx)
	}
}

// CountUnknown spends one of the messages a peer may send that nothing can be done with; the
// error is a *LimitError. Reading goroutine only.
func (c *Conn) CountUnknown() error {
	if !c.rates.unknown.allow(time.Now()) {
		return &LimitError{Option: "unknown_messages", Value: "more", Max: c.limits.UnknownMessages}
	}
	return nil
}

// CountMedia spends one message of the media rate: for those that came within an aggregate, which
// itself has counted as one. The error is a *LimitError. Reading goroutine only.
func (c *Conn) CountMedia() error {
	if !c.rates.media.allow(time.Unix(0, c.lastRead.Load())) {
		return &LimitError{Option: "media_rate", Value: "more", Max: c.limits.MediaRate}
	}
	return nil
}

func (c *Conn) checkRate(m *Message) error {
	now := time.Unix(0, c.lastRead.Load())
	var r *rate
	option := ""
	switch m.Type {
	case TypeAudio, TypeVideo, TypeDataAMF0, TypeDataAMF3, TypeAggregate, TypeAcknowledgement:
		// Acknowledgements keep pace with the media that a fast player takes.
		r, option = &c.rates.media, "media_rate"
	case TypeCommandAMF0, TypeCommandAMF3, TypeSharedObjectAMF0, TypeSharedObjectAMF3:
		r, option = &c.rates.command, "command_rate"
	case TypeUserControl:
		r, option = &c.rates.control, "control_rate"
		if len(m.Payload) >= 2 && m.Payload[1] == byte(EventPingRequest) {
			r, option = &c.rates.ping, "ping_rate"
		}
	default:
		r, option = &c.rates.control, "control_rate"
	}
	if !r.allow(now) {
		return &LimitError{Option: option, Value: "more", Max: r.perSecond}
	}
	return nil
}

// connReader is the socket as the chunk reader sees it: it notes life and counts.
type connReader Conn

// Wait implements chunk.Waiter: a connection that sends nothing needs no buffer.
func (r *connReader) Wait() error {
	if r.direct == nil {
		return nil
	}
	r.gather()
	return r.direct.WaitReadable()
}

// gather lets the kernel collect a publisher's audio until video comes, and the pieces of a picture, before it wakes the reader.
func (r *connReader) gather() {
	if r.strict && r.direct != nil {
		r.direct.LowWater(r.pace.Mark(r.r.Missing(), r.lastRead.Load()), pace.Patience)
	}
}

func (c *Conn) readSocket(p []byte) (int, error) {
	if c.direct == nil {
		return c.nc.Read(p)
	}
	return c.direct.Read(p)
}

func (r *connReader) Read(p []byte) (int, error) {
	r.gather()
	n, err := (*Conn)(r).readSocket(p)
	if l := r.newLimits.Swap(nil); l != nil {
		r.r.SetLimits(*l)
	}
	if n > 0 {
		r.lastRead.Store(time.Now().UnixNano())
		r.bytesIn.Add(uint64(n))
	}
	(*Conn)(r).noteEnd(err)
	if r.finishing.Load() {
		return 0, (*Conn)(r).discard()
	}
	return n, err
}

// discard reads until the peer ends, so that the kernel has no unread byte to answer with RST
// before the peer has read our last words. The writer sets the deadline when it has sent FIN.
func (c *Conn) discard() error {
	if c.direct != nil {
		c.direct.LowWater(0, 0)
	}
	var scratch [4096]byte
	for {
		n, err := c.readSocket(scratch[:])
		c.bytesIn.Add(uint64(n))
		if err != nil {
			c.noteEnd(err)
			if cause := context.Cause(c.ctx); cause != nil {
				return cause
			}
			return io.EOF
		}
	}
}
