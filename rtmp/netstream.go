package rtmp

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"penstock/amf"
	"penstock/status"
)

// ErrStreamClosed is what a NetStream returns after Close.
var ErrStreamClosed = errors.New("rtmp: stream closed")

// PlayOptions configures Client.Play.
type PlayOptions struct {
	// Start is where to begin, in seconds. 0 means -2: live, or the recording when nobody
	// publishes, or wait. -1 is live only. To begin a recording at 0, set Recorded.
	Start    float64
	Recorded bool
	Duration float64       // seconds; 0 is to the end
	NoReset  bool          // append to the server's playlist instead of replacing it
	Buffer   time.Duration // announced with SetBufferLength; 3 s
	// FCSubscribe is sent before play, as the Akamai network wants it.
	FCSubscribe bool
	// UntilEnd makes Read return io.EOF after the first of Play.UnpublishNotify, Play.Stop,
	// Play.Complete and StreamEOF. Without it the stream waits for the next publisher.
	UntilEnd bool

	QueueBytes  int // [stream_queue_bytes] events waiting for Read; 16 MiB
	QueueEvents int // [stream_queue_events] 8192
	// Backpressure stops reading from the connection while the queue is full, so that the
	// server meets a slow player. It stops the connection's other streams and calls as well.
	// Without it a full queue ends the stream with a *LimitError.
	Backpressure bool
}

// StreamEvent is something that came on a NetStream. Type says what:
//
//	TypeAudio, TypeVideo  a frame in Payload
//	TypeDataAMF0          Name and Args; Payload is the same undecoded; Status when the last
//	                      argument is an information object (onPlayStatus, onStatus)
//	TypeCommandAMF0       Status
//	TypeUserControl       Control
type StreamEvent struct {
	Type      uint8
	Timestamp uint32 // ms, as received
	Payload   []byte
	Name      string
	Args      []amf.Value
	Status    *status.Status
	Control   UserControl
}

// NetStream is a stream that is published or played over a Client. Its methods may be used
// from several goroutines; Read is meant for one.
type NetStream struct {
	c          *Client
	id         uint32
	name       string
	publishing bool
	options    PlayOptions
	answer     chan *status.Status // first decisive status; nil is media
	closed     chan struct{}

	mu    sync.Mutex
	queue []StreamEvent
	head  int
	bytes int
	end   error // after what is queued
	fault error // a publisher's, for its writes
	ready chan struct{}
	room  chan struct{}
}

// ID is the message stream ID the server assigned.
func (ns *NetStream) ID() uint32 { return ns.id }

// Name is the stream name as published or played.
func (ns *NetStream) Name() string { return ns.name }

// Publish publishes a live stream: releaseStream, FCPublish, createStream, publish. It returns
// when the server has answered; the error is the server's status, such as
// NetStream.Publish.BadName, or else as Call has it. name is sent as it is.
func (c *Client) Publish(ctx context.Context, name string) (*NetStream, error) {
	return c.PublishAs(ctx, name, "live")
}

// PublishAs is Publish with another type than "live": "record", "append".
func (c *Client) PublishAs(ctx context.Context, name, kind string) (*NetStream, error) {
	if err := c.cfg.allowed(c.url, "publish"); err != nil {
		return nil, err
	}
	// Nobody waits for the answers to these two: many servers refuse them, and some never answer.
	for _, method := range []string{"releaseStream", "FCPublish"} {
		if err := c.send(&Command{Name: method, Transaction: c.nextTxn(), AMF3: c.amf3}, []amf.Value{name}); err != nil {
			return nil, err
		}
	}
	ns := &NetStream{name: name, publishing: true}
	if err := c.open(ctx, ns, "publish", name, kind); err != nil {
		return nil, err
	}
	return ns, nil
}

// Play plays a stream: createStream, SetBufferLength, play. It returns when the server has
// started it; the error is the server's status, such as NetStream.Play.StreamNotFound, or else
// as Call has it. The events until then can be read from the stream too.
func (c *Client) Play(ctx context.Context, name string, o PlayOptions) (*NetStream, error) {
	if err := c.cfg.allowed(c.url, "play"); err != nil {
		return nil, err
	}
	if o.Buffer == 0 {
		o.Buffer = 3 * time.Second
	}
	orDefault(&o.QueueBytes, 16<<20)
	orDefault(&o.QueueEvents, 8192)
	if o.FCSubscribe {
		if err := c.send(&Command{Name: "FCSubscribe", Transaction: c.nextTxn(), AMF3: c.amf3}, []amf.Value{name}); err != nil {
			return nil, err
		}
	}
	start := o.Start
	if start == 0 && !o.Recorded {
		start = -2
	}
	args := []amf.Value{name, start * 1000}
	if o.Duration != 0 || o.NoReset {
		duration := -1.0
		if o.Duration != 0 {
			duration = o.Duration
		}
		args = append(args, duration*1000)
	}
	if o.NoReset {
		args = append(args, false)
	}
	ns := &NetStream{name: name, options: o}
	if err := c.open(ctx, ns, "play", args...); err != nil {
		return nil, err
	}
	return ns, nil
}

// open creates a stream on the server and sends publish or play on it.
func (c *Client) open(ctx context.Context, ns *NetStream, method string, args ...amf.Value) error {
	if err := c.create(ctx, ns); err != nil {
		return err
	}
	if !ns.publishing {
		ms := uint32(ns.options.Buffer / time.Millisecond)
		if err := c.conn.Send(NewUserControl(EventSetBufferLength, ns.id, ms)); err != nil {
			return c.ended(err)
		}
	}
	txn, ch, err := c.begin(ns.id, method, args)
	if err == nil {
		err = ns.await(ctx, method, ch)
		c.forget(txn)
	}
	c.mu.Lock()
	if c.opening == ns {
		c.opening = nil
	}
	c.mu.Unlock()
	if err != nil {
		_ = ns.Close()
	}
	return err
}

// create asks the server for a message stream ID.
func (c *Client) create(ctx context.Context, ns *NetStream) error {
	v, err := c.call(ctx, "createStream")
	if err != nil {
		return err
	}
	var id float64
	switch n := v.(type) {
	case float64:
		id = n
	case int32:
		id = float64(n)
	default:
		return status.Newf(status.CallFailed, "createStream returned %s, not a stream ID", amf.Format(v))
	}
	if !(id >= 0 && id <= 0xFFFFFFFF) {
		return status.Newf(status.CallFailed, "createStream returned %v, not a stream ID", id)
	}
	ns.c, ns.id = c, uint32(id)
	ns.answer = make(chan *status.Status, 1)
	ns.closed = make(chan struct{})
	ns.ready, ns.room = make(chan struct{}, 1), make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.streams == nil {
		return c.err
	}
	c.streams[ns.id] = ns
	c.opening = ns
	return nil
}

// ended prefers why the connection ended over what a send said because of it.
func (c *Client) ended(err error) error {
	if why := c.Err(); why != nil {
		return why
	}
	return err
}

// await waits for the answer to publish or play: a status on the stream, media, or the
// `_result` or `_error` that some servers send instead.
func (ns *NetStream) await(ctx context.Context, method string, ch chan reply) error {
	decide := func(s *status.Status) error {
		if s != nil && isError(s) {
			return s
		}
		return nil
	}
	select {
	case s := <-ns.answer:
		return decide(s)
	case r := <-ch:
		select {
		case s := <-ns.answer: // it came before the connection ended
			return decide(s)
		default:
		}
		switch {
		case r.err != nil:
			return r.err
		case r.cmd.Name == "_error":
			return r.refusal()
		}
		return nil
	case <-ctx.Done():
		return because(status.CallFailed, context.Cause(ctx), "no answer to %s", method)
	}
}

func (ns *NetStream) answered(s *status.Status) {
	select {
	case ns.answer <- s:
	default:
	}
}

// status takes an information object from the server. Reading goroutine only, as all below up
// to push.
func (ns *NetStream) status(s *status.Status, timestamp uint32) {
	ends := false
	switch s.Code {
	case status.PublishStart, status.PlayStart, status.PlayPublishNotify:
		ns.answered(s)
	case status.PlayUnpublishNotify, status.PlayStop, status.PlayComplete:
		ends = true
	case status.PublishBadName, status.PublishDenied, status.PublishRejected, status.StreamFailed:
		ns.mu.Lock()
		ns.fault = s
		ns.mu.Unlock()
	}
	if isError(s) {
		ns.answered(s)
	}
	ns.push(StreamEvent{Type: TypeCommandAMF0, Name: "onStatus", Timestamp: timestamp, Status: s})
	if ends {
		ns.reachedEnd()
	}
}

func (ns *NetStream) control(u UserControl) {
	ns.push(StreamEvent{Type: TypeUserControl, Control: u})
	if u.Event == EventStreamEOF {
		ns.reachedEnd()
	}
}

func (ns *NetStream) reachedEnd() {
	if ns.options.UntilEnd {
		ns.fail(io.EOF)
	}
}

func (ns *NetStream) media(m *Message) {
	ev := StreamEvent{Type: m.Type, Timestamp: m.Timestamp, Payload: m.Payload}
	if m.Type == TypeAudio || m.Type == TypeVideo {
		if !ns.publishing {
			ns.answered(nil)
			ns.push(ev)
		}
		return
	}
	var err error
	ev.Type = TypeDataAMF0
	ev.Name, ev.Args, ev.Payload, err = ParseData(m, ns.c.conn.limits.AMF)
	if err != nil {
		return // nobody closes for a data message that cannot be decoded
	}
	if len(ev.Args) > 0 {
		ev.Status, _ = status.FromObject(ev.Args[len(ev.Args)-1])
	}
	ns.push(ev)
	if ev.Name == "onPlayStatus" && ev.Status != nil && ev.Status.Code == status.PlayComplete {
		ns.reachedEnd()
	}
}

// maxUnread is how many events a publisher that does not read is kept; the newest stay.
const maxUnread = 64

// eventOverhead is what an event costs beside its payload, in bytes, roughly.
const eventOverhead = 128

func (ns *NetStream) push(ev StreamEvent) {
	cost := len(ev.Payload) + eventOverhead
	ns.mu.Lock()
	for ns.options.Backpressure && ev.Status == nil && ns.end == nil && ns.full(cost) {
		ns.mu.Unlock()
		select {
		case <-ns.room:
		case <-ns.closed:
			return
		case <-ns.c.conn.ctx.Done():
			return
		}
		ns.mu.Lock()
	}
	if ns.end != nil {
		ns.mu.Unlock()
		return
	}
	if ns.publishing && len(ns.queue)-ns.head >= maxUnread {
		ns.pop()
	}
	if !ns.publishing && ns.full(cost) {
		o := &ns.options
		err := &LimitError{Option: "stream_queue_bytes", Value: ns.bytes + cost, Max: o.QueueBytes}
		if n := len(ns.queue) - ns.head; n >= o.QueueEvents {
			err = &LimitError{Option: "stream_queue_events", Value: n + 1, Max: o.QueueEvents}
		}
		ns.mu.Unlock()
		ns.fail(err)
		return
	}
	if ns.head > 0 && len(ns.queue) == cap(ns.queue) {
		n := copy(ns.queue, ns.queue[ns.head:])
		clear(ns.queue[n:])
		ns.queue, ns.head = ns.queue[:n], 0
	}
	ns.queue = append(ns.queue, ev)
	ns.bytes += cost
	ns.mu.Unlock()
	signal(ns.ready)
}

// full reports whether an event of this cost must wait. An empty queue takes any.
func (ns *NetStream) full(cost int) bool {
	n := len(ns.queue) - ns.head
	return n > 0 && (n >= ns.options.QueueEvents || ns.bytes+cost > ns.options.QueueBytes)
}

func (ns *NetStream) pop() StreamEvent {
	ev := ns.queue[ns.head]
	ns.queue[ns.head] = StreamEvent{}
	ns.head++
	ns.bytes -= len(ev.Payload) + eventOverhead
	if ns.head == len(ns.queue) {
		ns.queue, ns.head = ns.queue[:0], 0
	}
	return ev
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// fail ends the stream with err once the queue is read. The first call counts.
func (ns *NetStream) fail(err error) {
	ns.mu.Lock()
	if ns.end == nil {
		ns.end = err
	}
	ns.mu.Unlock()
	signal(ns.ready)
}

// Read returns the next event, waiting for it until ctx ends. After the last one the error
// says why there are no more: io.EOF (see PlayOptions.UntilEnd), ErrStreamClosed, a
// *LimitError, or Client.Err.
func (ns *NetStream) Read(ctx context.Context) (StreamEvent, error) {
	for {
		ns.mu.Lock()
		if len(ns.queue) > ns.head {
			ev := ns.pop()
			ns.mu.Unlock()
			signal(ns.room)
			return ev, nil
		}
		end := ns.end
		ns.mu.Unlock()
		if end != nil {
			signal(ns.ready) // for another reader
			return StreamEvent{}, end
		}
		select {
		case <-ns.ready:
		case <-ctx.Done():
			return StreamEvent{}, context.Cause(ctx)
		}
	}
}

// WriteAudio sends an audio message: timestamp in ms, body as in an FLV tag. Like all writes it
// waits while much is queued already, until ctx ends, and fails with the server's status once
// the server has ended the stream. body may be reused afterwards.
func (ns *NetStream) WriteAudio(ctx context.Context, timestamp uint32, body []byte) error {
	return ns.WriteMessage(ctx, &Message{Type: TypeAudio, CSID: CSIDAudio, Timestamp: timestamp, Payload: body})
}

// WriteVideo is WriteAudio for video.
func (ns *NetStream) WriteVideo(ctx context.Context, timestamp uint32, body []byte) error {
	return ns.WriteMessage(ctx, &Message{Type: TypeVideo, CSID: CSIDVideo, Timestamp: timestamp, Payload: body})
}

// WriteData sends a data message: WriteData(ctx, 0, "@setDataFrame", "onMetaData", metadata).
func (ns *NetStream) WriteData(ctx context.Context, timestamp uint32, name string, args ...amf.Value) error {
	values := make([]amf.Value, len(args))
	for i, a := range args {
		v, err := amf.ToValue(a)
		if err != nil {
			return err
		}
		values[i] = v
	}
	m, err := NewData(ns.id, timestamp, name, values...)
	if err != nil {
		return err
	}
	return ns.WriteMessage(ctx, m)
}

// WriteMessage sends m on this stream, whatever stream ID it has; a zero CSID becomes that of
// commands on streams.
func (ns *NetStream) WriteMessage(ctx context.Context, m *Message) error {
	ns.mu.Lock()
	fault := ns.fault
	if ns.end != nil && ns.end != io.EOF {
		fault = ns.end
	}
	ns.mu.Unlock()
	if fault != nil {
		return fault
	}
	own := *m
	own.StreamID = ns.id
	if own.CSID == 0 {
		own.CSID = CSIDData
	}
	if err := ns.c.conn.SendWait(ctx, &own); err != nil {
		return ns.c.ended(err)
	}
	return nil
}

// Command sends a command on the stream, without wanting an answer: "pause", "seek",
// "receiveVideo". What the server says to it comes as a status event.
func (ns *NetStream) Command(name string, args ...amf.Value) error {
	return ns.c.send(&Command{Name: name, StreamID: ns.id, AMF3: ns.c.amf3}, args)
}

// Close ends the stream: FCUnpublish when it was published, and deleteStream. The connection
// stays open. Client.Close sees to it that all of this is sent.
func (ns *NetStream) Close() error {
	c := ns.c
	c.mu.Lock()
	mine := c.streams != nil && c.streams[ns.id] == ns
	if mine {
		delete(c.streams, ns.id)
		close(ns.closed)
	}
	c.mu.Unlock()
	ns.fail(ErrStreamClosed)
	if !mine {
		return nil
	}
	if ns.publishing {
		unpublish := &Command{Name: "FCUnpublish", Transaction: c.nextTxn(), AMF3: c.amf3}
		if err := c.send(unpublish, []amf.Value{ns.name}); err != nil {
			return err
		}
	}
	remove := &Command{Name: "deleteStream", Transaction: c.nextTxn(), AMF3: c.amf3}
	return c.send(remove, []amf.Value{float64(ns.id)})
}
