package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"penstock/amf"
	"penstock/flv"
	"penstock/media"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/status"
)

// publishTypes are the types that publish knows; Wirecast sends them in capitals, some cameras
// send the application's name or nothing.
var publishTypes = map[string]string{"live": "live", "record": "record", "append": "append", "appendwithgap": "appendWithGap"}

func (ns *netStream) publish(cmd *rtmp.Command) {
	c := ns.client
	if stop, ok := cmd.Arg(0).(bool); ok && !stop { // NetStream.publish(false) ends publishing
		ns.closeStream()
		return
	}
	asked := cmd.StringArg(0)
	name, query, err := parseStream(asked)
	if err != nil {
		ns.refuse(&Refusal{Stage: StagePublish, Cause: CauseBadName, Err: err,
			Status: status.New(status.PublishBadName, badStreamName(err))}, asked)
		return
	}
	ns.stop()
	typ, ok := publishTypes[strings.ToLower(cmd.StringArg(1))]
	if !ok {
		typ = "live"
	}
	r := &PublishRequest{Client: c, Name: name, Query: merge(merge(nil, c.Query), query), Type: typ}
	if !ns.mayPublish(r) {
		return
	}
	pub, err := ns.acquire(StreamKey(c.App, c.Instance, r.Name))
	if err != nil {
		c.server.streamEnded(r.Ended, StreamEnd{})
		ns.refuse(busyRefusal(err, name), name)
		return
	}
	pub.SetMergeWindow(r.MergeWindow)
	ns.started(&publication{Publication: pub, name: name, began: time.Now(), ended: r.Ended, watch: r.Watch})
	if typ != "live" {
		ns.tell(status.New(status.RecordNoAccess, "Recording is not available."))
	}
}

// mayPublish asks the session.
func (ns *netStream) mayPublish(r *PublishRequest) bool {
	name, denied := r.Name, status.For(status.PublishDenied, r.Name)
	p, ok := ns.client.session.(Publisher)
	if !ok {
		ns.refuse(&Refusal{Stage: StagePublish, Cause: CauseNoAbility, Status: denied}, name)
		return false
	}
	allowed := false
	granted := ns.decide(StagePublish, denied, name, func(ctx context.Context) error {
		if err := p.Publish(ctx, r); err != nil {
			return err
		}
		allowed = true
		return checkName("stream", r.Name, MaxStreamName) // it may have been changed
	})
	if allowed && !granted {
		ns.client.server.streamEnded(r.Ended, StreamEnd{})
	}
	return granted
}

func busyRefusal(err error, name string) *Refusal {
	var busy *media.BusyError
	if errors.As(err, &busy) {
		return &Refusal{Stage: StagePublish, Cause: CauseBusyName, Status: status.For(status.PublishBadName, name)}
	}
	return refusalOf(StagePublish, err, status.For(status.PublishDenied, name))
}

func badStreamName(err error) string {
	var n *NameError
	if errors.As(err, &n) {
		return "The stream name " + n.Reason + "."
	}
	return "The stream name cannot be used."
}

// errTakenOver ends a publication whose publisher gave no sign of life while another asked for
// its name.
var errTakenOver = errors.New("app: the name was taken over by another publisher")

// acquire takes the name. While another publisher has it, that one gets Limits.PublishTimeout
// to show a sign of life: any byte counts, because OBS never answers a ping. A publisher that
// stays silent loses the name.
func (ns *netStream) acquire(key string) (*media.Publication, error) {
	for {
		pub, err := ns.client.server.Registry.Publish(key, ns)
		var busy *media.BusyError
		if err == nil || !errors.As(err, &busy) {
			return pub, err
		}
		if ns.client.alive(busy.Current) {
			return nil, err
		}
		busy.Current.Revoke(errTakenOver)
	}
}

// alive watches the publisher of a publication for a byte.
func (c *Client) alive(pub *media.Publication) bool {
	other, ok := pub.Owner().(*netStream)
	if !ok {
		return true // a source inside this process
	}
	before := other.client.conn.BytesRead()
	// Not at once: a publisher that sends but does not read would drown in the pings of others
	// who want its name.
	ping := time.AfterFunc(c.server.limits.PublishTimeout/4, func() {
		if other.client.conn.BytesRead() == before {
			_ = other.client.conn.Ping()
		}
	})
	defer ping.Stop()
	deadline := time.NewTimer(c.server.limits.PublishTimeout)
	defer deadline.Stop()
	tick := time.NewTicker(c.server.limits.PublishTimeout / 50)
	defer tick.Stop()
	for {
		select {
		case <-pub.Done():
			return false
		case <-deadline.C:
			return other.client.conn.BytesRead() != before
		case <-tick.C:
			if other.client.conn.BytesRead() == before {
				continue
			}
			// What was read may be the rest of what a publisher sent that is gone: its end follows.
			select {
			case <-pub.Done():
				return false
			case <-time.After(c.server.limits.PublishTimeout / 10):
				return true
			}
		case <-c.Context().Done():
			return true
		}
	}
}

// started answers an accepted publish.
func (ns *netStream) started(pub *publication) {
	c, name := ns.client, pub.name
	ns.mu.Lock()
	ns.name, ns.key = name, pub.Key()
	ns.mu.Unlock()
	ns.gotMedia.Store(false)
	ns.lastMedia.Store(time.Now().UnixNano())
	ns.pub.Store(pub)
	c.watch.active()
	_ = c.conn.Send(rtmp.NewUserControl(rtmp.EventStreamBegin, ns.id))
	ns.tell(status.For(status.PublishStart, name))
	c.server.tellStream(c, StreamEvent{Kind: StreamPublish, Name: name, Key: pub.Key()})
	if c.streams.isClosed() { // the connection ended meanwhile
		ns.stop()
	}
	c.server.Log.Info("publishing", "session", c.ID, "app", c.App, "stream", redact(name))
}

// published judges what the stream said to one message: a bad message is dropped and counted,
// a lost name ends this publication and tells the publisher.
func (ns *netStream) published(pub *publication, err error) error {
	var limit *media.LimitError
	var bad *flv.ParseError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, media.ErrRevoked):
		ns.revoke(pub, &Refusal{Stage: StagePublish, Cause: CauseBusyName, Err: err,
			Status: status.New(status.PublishBadName, fmt.Sprintf("%s was taken over by another publisher.", pub.name))})
		return nil
	case errors.As(err, &limit):
		if ns.client.server.counts.leftOut(limit.Option)%100 == 1 { // a flood must not fill the log
			ns.client.server.Log.Warn("message left out", "session", ns.client.ID, "limit", limit.Option, "seen", limit.Got, "allowed", limit.Limit)
		}
		return ns.client.conn.CountUnknown()
	case errors.As(err, &bad):
		ns.client.server.Log.Debug("message left out", "session", ns.client.ID, "error", err)
		return ns.client.conn.CountUnknown()
	}
	return err
}

// revoke ends a publication for a reason that the publisher is told. It does nothing when it has ended already.
func (ns *netStream) revoke(pub *publication, r *Refusal) {
	if ns.pub.CompareAndSwap(pub, nil) {
		pub.over(ns.client)
		ns.refuse(r, pub.name)
	}
}

// publication is what a message stream publishes.
type publication struct {
	*media.Publication
	name  string // as the client knows it
	began time.Time
	bytes atomic.Uint64
	ended func(StreamEnd)               // may be nil
	watch func(time.Time, uint64) error // may be nil
}

// over ends it and tells the handler. Whoever took it out of netStream.pub calls it.
func (p *publication) over(c *Client) {
	p.Close()
	c.server.streamEnded(p.ended, StreamEnd{Began: p.began, Bytes: p.bytes.Load()})
	c.server.tellStream(c, StreamEvent{Kind: StreamUnpublish, Name: p.name, Key: p.Key(), Took: time.Since(p.began), Bytes: p.bytes.Load()})
}

// encoderCommand answers what encoders of the FMLE family send around publish and play. Some
// wait for the answer, some for the on… command after it.
func (c *Client) encoderCommand(cmd *rtmp.Command) {
	c.result(cmd, amf.Undefined)
	name := cmd.StringArg(0)
	announce := func(event string, code status.Code) {
		c.send(&rtmp.Command{Name: event, AMF3: c.amf3.Load(), Args: []amf.Value{amf.NewObject(
			amf.Prop{Key: "level", Value: "status"}, amf.Prop{Key: "code", Value: string(code)},
			amf.Prop{Key: "description", Value: name})}})
	}
	switch cmd.Name {
	case "FCPublish":
		announce("onFCPublish", status.PublishStart)
	case "FCSubscribe":
		announce("onFCSubscribe", status.PlayStart)
	case "FCUnpublish":
		if ns := c.publishing(name); ns != nil {
			announce("onFCUnpublish", status.UnpublishSuccess)
			ns.closeStream()
		}
	}
}

// StreamEventKind is what a client did with a stream.
type StreamEventKind string

// Kinds of stream events.
const (
	StreamPublish   StreamEventKind = "publish"
	StreamUnpublish StreamEventKind = "unpublish"
	StreamPlay      StreamEventKind = "play"
	StreamFirst     StreamEventKind = "first-frame" // the first media was handed to the player's connection
	StreamStop      StreamEventKind = "stop"        // of playing
)

// StreamEvent is something that a client did with a stream.
type StreamEvent struct {
	Kind StreamEventKind
	Name string // as the client knows it; not redacted, see Redact
	Key  string // in the registry
	// Took is, at the end, how long the stream was published or played; at the first frame, how long that took from play,
	// or from the publisher's coming when the player waited for one.
	Took time.Duration
	// Bytes of payload that were published or played, at the end.
	Bytes uint64
}

// Why Release did nothing.
var (
	ErrNotPublished = errors.New("app: nobody publishes that stream")
	ErrOwnSource    = errors.New("app: the stream is published by this process itself")
)

// errReleased ends a publication whose name the operator took back.
var errReleased = errors.New("app: the operator released the name")

// Release takes a stream's name (StreamKey) from its publisher. When it returns nil the name is free; the publisher is told
// st, by default NetStream.Publish.Denied, and its connection ends. The error is ErrNotPublished or ErrOwnSource.
func (s *Server) Release(key string, st *status.Status) error {
	s.init()
	info, ok := s.Registry.Stream(key)
	if !ok || !info.Live {
		return ErrNotPublished
	}
	ns, ok := info.Owner.(*netStream)
	if !ok {
		return ErrOwnSource
	}
	pub := ns.pub.Load()
	if pub == nil || pub.Key() != key || !ns.pub.CompareAndSwap(pub, nil) {
		return ErrNotPublished // it has just ended
	}
	pub.over(ns.client)
	name := pub.name
	if st == nil {
		st = status.Newf(status.PublishDenied, "The operator of this server has ended the publishing of %s.", name)
	}
	c := ns.client
	r := c.complete(&Refusal{Stage: StagePublish, Cause: CauseOperator, Rule: RuleRelease, Status: st, Err: errReleased,
		Stream: redact(name), stream: name})
	c.finishWith(r, c.onStatus(ns.id, st.With("clientid", c.ID)), rtmp.CloseCommand())
	s.refuse(r)
	return nil
}

// data publishes a data message. Metadata is kept for players that come later.
func (c *Client) data(pub *media.Publication, m *rtmp.Message) error {
	name, args, body, err := rtmp.ParseData(m, c.server.limits.RTMP.AMF)
	if err != nil {
		return nil // cameras send timecode that is no AMF with every picture: dropped, as every server does
	}
	switch name {
	case "@setDataFrame":
		if len(args) == 0 {
			return nil
		}
		if n, _ := args[0].(string); n != media.MetadataName {
			return c.keep(pub, m.Timestamp, n, args)
		}
		return c.setMetadata(pub, args[1:])
	case "@clearDataFrame":
		return pub.ClearMetadata()
	case media.MetadataName:
		return c.setMetadata(pub, args)
	}
	if m.Type == rtmp.TypeDataAMF3 { // players are sent AMF0
		if body, err = c.reencode(append([]amf.Value{name}, args...)...); err != nil {
			return c.conn.CountUnknown()
		}
	}
	return pub.Data(m.Timestamp, name, body)
}

// keep relays what @setDataFrame names other than onMetaData, without the prefix.
func (c *Client) keep(pub *media.Publication, ts uint32, name string, args []amf.Value) error {
	body, err := c.reencode(args...)
	if err != nil || name == "" {
		return c.conn.CountUnknown()
	}
	return pub.Data(ts, name, body)
}

// setMetadata stores onMetaData as an ECMA array: FFmpeg as a player reads no other form.
func (c *Client) setMetadata(pub *media.Publication, args []amf.Value) error {
	for i, a := range args {
		if props, ok := amf.PropsOf(a); ok {
			args[i] = amf.NewECMA(props...)
		}
	}
	body, err := c.reencode(append([]amf.Value{media.MetadataName}, args...)...)
	if err != nil {
		return c.conn.CountUnknown()
	}
	if len(args) > 0 {
		describe(pub, args[0])
	}
	return pub.SetMetadata(body)
}

// reencode writes the values of a data message for players, within what such a message may hold:
// three hundred bytes of references to one another can stand for millions of values.
func (c *Client) reencode(args ...amf.Value) ([]byte, error) {
	e := amf.Encoder{Limits: amf.Limits{Nodes: c.server.limits.RTMP.AMF.Nodes, Bytes: c.server.limits.RTMP.Chunk.Command}}
	if e.Limits.Nodes <= 0 {
		e.Limits.Nodes = amf.DefaultLimits().Nodes
	}
	if e.Limits.Bytes <= 0 {
		e.Limits.Bytes = chunk.DefaultLimits().Command
	}
	return e.Append(nil, args...)
}

// describe passes picture size and rate on to pages.
func describe(pub *media.Publication, v amf.Value) {
	props, _ := amf.PropsOf(v)
	o := &amf.Object{Props: props}
	rate, _ := o.Number("framerate")
	pub.SetInfo(integer(o, "width", 0), integer(o, "height", 0), rate)
}
