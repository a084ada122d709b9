package app

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"penstock/amf"
	"penstock/media"
	"penstock/rtmp"
	"penstock/status"
)

// netStream is one message stream of a connection: what createStream made. Its commands run in
// the commands goroutine; the reader takes the publication from it.
type netStream struct {
	id     uint32
	client *Client

	mu     sync.Mutex
	name   string // as the client knows it
	key    string // in the registry
	player *player

	pub       atomic.Pointer[publication]
	lastMedia atomic.Int64 // unix ns of the last message published, or of publish itself
	gotMedia  atomic.Bool
}

// streamEnded calls a handler's Ended, which may be nil.
func (s *Server) streamEnded(tell func(StreamEnd), e StreamEnd) {
	if tell != nil {
		defer s.observed()
		tell(e)
	}
}

// streamTable maps message stream IDs to a connection's streams.
type streamTable struct {
	mu     sync.Mutex
	byID   map[uint32]*netStream
	last   uint32
	closed bool
	final  map[bool][]string // what was published (true) and played when the connection ended
}

func (t *streamTable) create(c *Client, max int) (*netStream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byID) >= max {
		return nil, &rtmp.LimitError{Option: "message_streams", Value: len(t.byID) + 1, Max: max}
	}
	if t.byID == nil {
		t.byID = make(map[uint32]*netStream)
	}
	t.last++
	for t.byID[t.last] != nil || t.last == 0 {
		t.last++
	}
	ns := &netStream{id: t.last, client: c}
	t.byID[t.last] = ns
	return ns, nil
}

// get finds a stream. ID 0 means the only one there is: old cameras publish on the
// NetConnection's ID.
func (t *streamTable) get(id uint32) *netStream {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ns := t.byID[id]; ns != nil || id != 0 || len(t.byID) != 1 {
		return ns
	}
	for _, ns := range t.byID {
		return ns
	}
	return nil
}

func (t *streamTable) remove(id uint32) *netStream {
	t.mu.Lock()
	defer t.mu.Unlock()
	ns := t.byID[id]
	delete(t.byID, id)
	return ns
}

func (t *streamTable) all() []*netStream {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byID) == 0 {
		return nil
	}
	list := make([]*netStream, 0, len(t.byID))
	for _, ns := range t.byID {
		list = append(list, ns)
	}
	return list
}

// closeAll ends every stream, and every one that is started later.
func (t *streamTable) closeAll() {
	var final map[bool][]string
	if published, played := t.current(true), t.current(false); len(published)+len(played) > 0 {
		final = map[bool][]string{true: published, false: played}
	}
	t.mu.Lock()
	if !t.closed {
		t.closed, t.final = true, final
	}
	t.mu.Unlock()
	for _, ns := range t.all() {
		ns.stop()
	}
}

func (t *streamTable) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// keys lists what is published or played, or was when the connection ended.
func (t *streamTable) keys(publishing bool) []string {
	t.mu.Lock()
	closed, final := t.closed, t.final[publishing]
	t.mu.Unlock()
	if closed {
		return final
	}
	return t.current(publishing)
}

func (t *streamTable) current(publishing bool) []string {
	var keys []string
	for _, ns := range t.all() {
		ns.mu.Lock()
		if publishing && ns.pub.Load() != nil || !publishing && ns.player != nil {
			keys = append(keys, ns.key)
		}
		ns.mu.Unlock()
	}
	return keys
}

// active tells whether any stream is publishing or playing.
func (t *streamTable) active() bool {
	for _, ns := range t.all() {
		ns.mu.Lock()
		active := ns.pub.Load() != nil || ns.player != nil
		ns.mu.Unlock()
		if active {
			return true
		}
	}
	return false
}

// stop ends whatever the stream does; it tells the client nothing.
func (ns *netStream) stop() (published, played bool) {
	if pub := ns.pub.Swap(nil); pub != nil {
		pub.over(ns.client)
		published = true
	}
	ns.mu.Lock()
	p := ns.player
	ns.player = nil
	ns.mu.Unlock()
	if p != nil {
		p.close()
		played = true
	}
	return published, played
}

// streamCommand runs the commands of NetConnection and NetStream that the server knows itself.
// false: it is a call for the application.
func (c *Client) streamCommand(cmd *rtmp.Command) bool {
	switch cmd.Name {
	case "createStream":
		c.createStream(cmd)
	case "deleteStream":
		c.deleteStream(cmd)
	case "releaseStream", "FCPublish", "FCUnpublish", "FCSubscribe", "FCUnsubscribe":
		c.encoderCommand(cmd)
	case "getStreamLength":
		c.result(cmd, 0.0) // nothing is recorded
	case "checkBandwidth", "_checkbw":
		c.result(cmd, nil)
		if cmd.Name == "checkBandwidth" {
			c.send(&rtmp.Command{Name: "onBWDone", AMF3: c.amf3.Load(), Args: []amf.Value{0.0, 0.0, 0.0, 0.0}})
		}
	case "publish", "play", "play2", "closeStream", "pause", "pauseRaw", "seek", "receiveAudio", "receiveVideo":
		c.netStreamCommand(cmd)
	default:
		return false
	}
	return true
}

func (c *Client) netStreamCommand(cmd *rtmp.Command) {
	ns := c.streams.get(cmd.StreamID)
	if ns == nil {
		c.answerCallFailed(cmd, fmt.Sprintf("%s on a stream that does not exist (%d).", cmd.Name, cmd.StreamID), CauseMalformed, nil)
		return
	}
	switch cmd.Name {
	case "publish":
		ns.publish(cmd)
	case "play":
		ns.play(cmd)
	case "play2":
		ns.play2(cmd)
	case "closeStream":
		ns.closeStream()
	case "pause", "pauseRaw":
		ns.pause(cmd)
	case "seek":
		ns.seek(cmd)
	case "receiveAudio":
		ns.receive(media.Audio, cmd)
	case "receiveVideo":
		ns.receive(media.Video, cmd)
	}
}

func (c *Client) result(cmd *rtmp.Command, args ...amf.Value) {
	if cmd.Transaction != 0 {
		c.send(cmd.Result(nil, args...))
	}
}

func (c *Client) createStream(cmd *rtmp.Command) {
	ns, err := c.streams.create(c, c.server.limits.MessageStreams)
	if err != nil {
		c.refuseCall(cmd, refusalOf(StageCall, err, status.New(status.CallFailed, "")))
		return
	}
	// Some clients send transaction ID 0 and wait for the answer all the same.
	c.send(cmd.Result(nil, float64(ns.id)))
}

// deleteStream takes a stream ID; GStreamer sends the stream's name instead.
func (c *Client) deleteStream(cmd *rtmp.Command) {
	if name, ok := cmd.Arg(0).(string); ok {
		if ns := c.publishing(name); ns != nil {
			c.streams.remove(ns.id)
			ns.stop()
		}
		return
	}
	f, ok := cmd.NumberArg(0)
	if !ok || math.IsNaN(f) || f < 1 || f > math.MaxUint32 {
		return
	}
	if ns := c.streams.remove(uint32(f)); ns != nil {
		ns.stop()
	}
}

// publishing finds this client's publication of a name.
func (c *Client) publishing(name string) *netStream {
	name, _, err := parseStream(name)
	if err != nil {
		return nil
	}
	for _, ns := range c.streams.all() {
		ns.mu.Lock()
		same := ns.pub.Load() != nil && ns.name == name
		ns.mu.Unlock()
		if same {
			return ns
		}
	}
	return nil
}

// closeStream ends publishing or playing; the stream may be used again.
func (ns *netStream) closeStream() {
	name := ns.title()
	if published, _ := ns.stop(); published {
		ns.tell(status.For(status.UnpublishSuccess, name))
	}
}

func (ns *netStream) title() string {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.name
}

// tell sends an onStatus on the stream, with the client's ID as clientid, as FMS does.
func (ns *netStream) tell(s *status.Status) {
	ns.client.send(ns.client.onStatus(ns.id, s.With("clientid", ns.client.ID)))
}

// refuse tells and records why publish or play is refused. A connection that then does
// nothing is ended after Limits.RefusedTimeout.
func (ns *netStream) refuse(r *Refusal, name string) {
	r = ns.client.reworded(r)
	if r.Stage == StagePlay {
		r.Status = r.Status.With("details", shorten(name, 64))
	}
	ns.tell(r.Status)
	r.stream, r.Stream = name, redact(name)
	ns.client.refused(r)
	ns.client.watch.refused()
}

// decide asks the session about publishing or playing. false: the client has been refused, by
// the session or because that did not answer in time; what it says later is dropped.
func (ns *netStream) decide(stage Stage, denied *status.Status, name string, ask func(ctx context.Context) error) bool {
	var once sync.Once
	refuse := func(r *Refusal) { once.Do(func() { ns.refuse(r, name) }) }
	late := func() {
		refuse(&Refusal{Stage: stage, Cause: CauseTimeout, Rule: "handler_timeout",
			Status: status.New(Code(stage, CauseTimeout), "The application did not answer in time: try again.")})
	}
	_, err := guard(ns.client, late, func(ctx context.Context) (struct{}, error) { return struct{}{}, ask(ctx) })
	if err != nil && !ns.client.gone(err) {
		r := refusalOf(stage, err, denied)
		if r.Cause == CauseFailed && r.Status == denied { // not the client's doing
			r.Status = status.New(Code(stage, CauseFailed), "The application failed: try again, and tell the operator if it stays so.")
		}
		refuse(r)
	}
	granted := false
	once.Do(func() { granted = err == nil })
	return granted
}

// maxParked is how much media, in bytes, waits for the decision about it while the decision
// waits for the client. More is not read, so that the client's answer may come too late.
const maxParked = 4 << 20

// media takes one audio, video or data message in its turn.
func (c *Client) media(m *rtmp.Message) error {
	if _, pub := c.publication(m.StreamID); pub != nil && len(c.parked) == 0 {
		return c.relay(m)
	}
	asked := c.calls.Waits()
	if c.parkedBytes > maxParked {
		asked = nil
	}
	if !c.settle(asked) {
		c.parked, c.parkedBytes = append(c.parked, *m), c.parkedBytes+len(m.Payload)+128
		return nil
	}
	parked := c.parked
	c.parked, c.parkedBytes = nil, 0
	for i := range parked {
		if err := c.relay(&parked[i]); err != nil {
			return err
		}
	}
	return c.relay(m)
}

// relay hands a message to the stream it belongs to.
func (c *Client) relay(m *rtmp.Message) error {
	ns, pub := c.publication(m.StreamID)
	if pub == nil {
		if c.watch.refusedAt.Load() != 0 {
			return nil // a refused publisher that has not noticed yet; RefusedTimeout ends it
		}
		return c.conn.CountUnknown()
	}
	ns.lastMedia.Store(time.Now().UnixNano())
	ns.gotMedia.Store(true)
	pub.bytes.Add(uint64(len(m.Payload)))
	var err error
	switch m.Type {
	case rtmp.TypeAudio:
		err = pub.Audio(m.Timestamp, m.Payload)
	case rtmp.TypeVideo:
		err = pub.Video(m.Timestamp, m.Payload)
	default:
		err = c.data(pub.Publication, m)
	}
	return ns.published(pub, err)
}

func (c *Client) publication(streamID uint32) (*netStream, *publication) {
	ns := c.streams.get(streamID)
	if ns == nil {
		return nil, nil
	}
	return ns, ns.pub.Load()
}
