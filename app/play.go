package app

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"penstock/amf"
	"penstock/media"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/status"
)

// play runs the play command: name, start, length, reset. Nobody publishing is no error for a
// live stream: the player waits, as on Flash Media Server. A recorded one (start ≥ 0) must be
// there; since nothing is recorded yet, that is when a publisher is.
func (ns *netStream) play(cmd *rtmp.Command) {
	c := ns.client
	if stop, ok := cmd.Arg(0).(bool); ok && !stop { // NetStream.play(false) stops
		name := ns.title()
		if _, played := ns.stop(); played {
			st := status.For(status.PlayStop, name).With("details", name).With("clientid", c.ID).With("reason", "")
			c.send(c.onStatus(ns.id, st)) // with an empty reason, as captured
		}
		return
	}
	asked := cmd.StringArg(0)
	name, query, err := parseStream(asked)
	if err != nil {
		ns.refuse(&Refusal{Stage: StagePlay, Cause: CauseBadName, Err: err,
			Status: status.New(status.PlayFailed, badStreamName(err))}, asked)
		return
	}
	r := &PlayRequest{Client: c, Name: name, Query: merge(merge(nil, c.Query), query),
		Start: seconds(cmd, 1, -2), Length: seconds(cmd, 2, -1), Reset: resetArg(cmd), Replaces: ns.current() != nil}
	ns.start(r)
}

// start asks the session and begins to play.
func (ns *netStream) start(r *PlayRequest) {
	c, name := ns.client, r.Name
	if !ns.mayPlay(r) {
		return
	}
	began := false
	defer func() {
		if !began {
			c.server.streamEnded(r.Ended, StreamEnd{})
		}
	}()
	key := StreamKey(c.App, c.Instance, r.Name)
	if r.Start >= 0 && !c.server.Registry.Live(key) {
		ns.refuse(&Refusal{Stage: StagePlay, Cause: CauseNotFound,
			Status: status.For(status.PlayStreamNotFound, name)}, name)
		return
	}
	if err := c.server.roomFor(key); err != nil {
		ns.refuse(refusalOf(StagePlay, err, status.For(status.PlayFailed, name)), name)
		return
	}
	ns.stop()
	began = true
	p := &player{ns: ns, name: name, key: key, rate: c.server.limits.ResyncInterval, began: time.Now(), ended: r.Ended}
	p.asked = p.began
	p.queue = media.NewQueue(c.server.limits.PlayerQueue, c.conn.Wake)
	// Before Play.Start says so; what comes waits in the queue until the source is attached.
	if c.mayReplay(time.Now()) {
		p.sub = c.server.Registry.Subscribe(key, p)
	} else {
		p.sub = c.server.Registry.SubscribeLive(key, p) // from the next key frame on
	}
	// Before Play.Start too: whoever is ended from then on is told on this stream.
	ns.mu.Lock()
	ns.name, ns.key, ns.player = name, key, p
	ns.mu.Unlock()
	ns.announce(name, r.Reset)
	c.server.tellStream(c, StreamEvent{Kind: StreamPlay, Name: name, Key: key})
	p.attached.Store(true)
	c.conn.Attach(p)
	c.watch.active()
	if c.streams.isClosed() { // the connection ended meanwhile
		ns.stop()
	}
	c.server.Log.Info("playing", "session", c.ID, "app", c.App, "stream", redact(name))
}

// roomFor checks Limits.PlayersPerStream.
func (s *Server) roomFor(key string) error {
	max := s.limits.PlayersPerStream
	if max <= 0 {
		return nil
	}
	if st, ok := s.Registry.Stream(key); ok && st.Players >= max {
		return &rtmp.LimitError{Option: "players_per_stream", Value: max + 1, Max: max}
	}
	return nil
}

// replayBurst is how many plays of one connection may begin with cached frames at once; one more
// may for each ResyncInterval. The command costs a client fifty bytes and the server a whole GOP.
const replayBurst = 4

func (c *Client) mayReplay(now time.Time) bool {
	if !c.replayed.IsZero() {
		earned := float64(now.Sub(c.replayed)) / float64(c.server.limits.ResyncInterval)
		c.replays = max(0, c.replays-earned)
	}
	c.replayed = now
	if c.replays > replayBurst-1 {
		return false
	}
	c.replays++
	return true
}

// announce sends what precedes the stream, in the order of a capture of FMS 4.5.
func (ns *netStream) announce(name string, reset bool) {
	c := ns.client
	_ = c.conn.Send(rtmp.SetChunkSize(media.OutChunkSize), rtmp.NewUserControl(rtmp.EventStreamBegin, ns.id))
	if reset {
		ns.tell(status.For(status.PlayReset, name).With("details", name))
	}
	ns.tell(status.For(status.PlayStart, name).With("details", name))
	ns.preamble()
}

// preamble is the two data messages before media: what the client may sample, and Data.Start.
func (ns *netStream) preamble() {
	access, err1 := rtmp.NewData(ns.id, 0, "|RtmpSampleAccess", false, false)
	start, err2 := rtmp.NewData(ns.id, 0, "onStatus", status.For(status.DataStart).Object())
	if err1 == nil && err2 == nil {
		_ = ns.client.conn.Send(access, start)
	}
}

// mayPlay asks the session.
func (ns *netStream) mayPlay(r *PlayRequest) bool {
	name, failed := r.Name, status.For(status.PlayFailed, r.Name)
	p, ok := ns.client.session.(Player)
	if !ok {
		ns.refuse(&Refusal{Stage: StagePlay, Cause: CauseNoAbility, Status: failed}, name)
		return false
	}
	allowed := false
	granted := ns.decide(StagePlay, failed, name, func(ctx context.Context) error {
		if err := p.Play(ctx, r); err != nil {
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

// seconds reads a time argument. FFmpeg and rtmpdump send milliseconds; no stream is played
// from −1000 s, and the boundary for positive times is a guess.
func seconds(cmd *rtmp.Command, i int, def float64) float64 {
	f, ok := cmd.NumberArg(i)
	switch {
	case !ok || math.IsNaN(f) || math.IsInf(f, 0):
		return def
	case f <= -1000 || f >= 1000:
		return f / 1000
	}
	return f
}

// resetArg reads play's reset: a boolean or a number, true when absent.
func resetArg(cmd *rtmp.Command) bool {
	if b, ok := cmd.Arg(3).(bool); ok {
		return b
	}
	if f, ok := cmd.NumberArg(3); ok {
		return f == 1 || f == 3
	}
	return true
}

// play2 switches to another stream: its argument is a NetStreamPlayOptions object.
func (ns *netStream) play2(cmd *rtmp.Command) {
	props, _ := amf.PropsOf(cmd.Arg(0))
	o := &amf.Object{Props: props}
	args := []amf.Value{o.String("streamName"), -2.0, -1.0, true}
	if f, ok := o.Number("start"); ok {
		args[1] = f
	}
	ns.play(&rtmp.Command{Name: "play", StreamID: cmd.StreamID, Args: args})
}

func (ns *netStream) current() *player {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.player
}

// pause stops and resumes a live stream; it resumes at the next key frame.
func (ns *netStream) pause(cmd *rtmp.Command) {
	p := ns.current()
	if p == nil {
		return
	}
	on, _ := cmd.Arg(0).(bool)
	if on {
		p.queue.Pause(true)
		_ = ns.client.conn.Send(rtmp.NewUserControl(rtmp.EventStreamEOF, ns.id))
		ns.tell(status.For(status.PauseNotify, p.name).With("details", p.name))
		return
	}
	_ = ns.client.conn.Send(rtmp.NewUserControl(rtmp.EventStreamBegin, ns.id))
	ns.tell(status.For(status.UnpauseNotify, p.name).With("details", p.name))
	ns.tell(status.For(status.PlayStart, p.name).With("details", p.name))
	ns.preamble()
	p.queue.Pause(false)
	p.resync()
}

// seek answers that a live stream has no other place to go to.
func (ns *netStream) seek(cmd *rtmp.Command) {
	p := ns.current()
	name := ns.title()
	if f, ok := cmd.NumberArg(0); !ok || math.IsNaN(f) {
		ns.tell(status.New(status.InvalidArg, "seek wants a time in milliseconds.").With("details", name))
		return
	}
	if p != nil {
		ns.tell(status.New(status.SeekFailed, "A live stream cannot be sought.").With("details", name))
	}
}

// receive turns audio or video off and on. Video resumes at the next key frame, with its
// headers sent again.
func (ns *netStream) receive(k media.Kind, cmd *rtmp.Command) {
	p := ns.current()
	on, ok := cmd.Arg(0).(bool)
	if p == nil || !ok {
		return
	}
	p.queue.Mute(k, !on)
	if on {
		p.resync()
	}
}

// player is one NetStream that plays: a subscriber of the stream on one side, a source of the
// connection's writer on the other.
type player struct {
	ns    *netStream
	name  string
	key   string
	queue *media.Queue
	sub   *media.Subscription
	rate  time.Duration
	began time.Time
	ended func(StreamEnd) // may be nil
	bytes atomic.Uint64   // of chunks, as they were taken for the connection
	// What precedes the stream has been queued for the connection: frames may be.
	attached atomic.Bool

	// Owner of the connection's write side only.
	asked time.Time // from when the first frame is waited for; zero when it has come

	// Commands goroutine only.
	resynced time.Time

	// Watchdog only.
	drops      uint64
	lastNotice time.Time
}

// Deliver implements media.Subscriber.
func (p *player) Deliver(f *media.Frame) { p.queue.Put(f) }

// Flush implements media.Flusher: the frames are written without the connection's writer, as far
// as the client takes them at once and nothing waits before them.
func (p *player) Flush(w *media.Sweep) {
	f, ok := w.Scratch.(*flush)
	if !ok {
		f = new(flush)
		w.Scratch = f
	}
	f.player, f.sweep, f.pulled = p, w, false
	if p.attached.Load() {
		f.bufs = p.ns.client.conn.Flush(f, f.bufs)
	}
	f.player, f.sweep = nil, nil
	if f.pulled {
		return
	}
	for _, frame := range w.Frames() {
		p.queue.Put(frame)
	}
	if p.attached.Load() { // else Attach wakes the writer
		p.ns.client.conn.Wake()
	}
}

// flush is a player as the source of one Flush.
type flush struct {
	player *player
	sweep  *media.Sweep
	pulled bool // the sweep's frames are on their way
	frames []*media.Frame
	bufs   [][]byte
}

// Pull implements rtmp.Source.
func (f *flush) Pull(bufs [][]byte, max int) [][]byte {
	p, frames := f.player, f.sweep.Frames()
	f.pulled = true
	if !p.queue.Pass(frames) {
		f.frames = p.queue.Take(f.frames[:0], max)
		defer clear(f.frames)
		frames = f.frames
	}
	if len(frames) == 0 {
		return bufs
	}
	if !p.asked.IsZero() || slices.ContainsFunc(frames, (*media.Frame).Marker) {
		return p.cut(bufs, frames)
	}
	b := f.sweep.Join(frames, p.ns.id)
	p.bytes.Add(uint64(len(b)))
	return append(bufs, b)
}

// Replay implements media.Replayer. A publisher that was there before the player is nothing to
// notify of.
func (p *player) Replay(fs []*media.Frame) {
	if len(fs) > 0 && fs[0].Kind == media.Published {
		fs = fs[1:]
	}
	p.queue.Replay(fs)
}

// Pull implements rtmp.Source. Frames are already cut; only markers become messages here.
func (p *player) Pull(bufs [][]byte, max int) [][]byte {
	frames := taken.Get().(*[]*media.Frame)
	defer taken.Put(frames)
	*frames = p.queue.Take((*frames)[:0], max)
	defer clear(*frames)
	return p.cut(bufs, *frames)
}

// taken holds the slices that Pull needs for a moment.
var taken = sync.Pool{New: func() any { return new([]*media.Frame) }}

// cut appends the chunks of frames, and the messages that the markers among them stand for.
func (p *player) cut(bufs [][]byte, frames []*media.Frame) [][]byte {
	if !p.asked.IsZero() {
		p.first(frames)
	}
	sent := 0
	for _, f := range frames {
		switch f.Kind {
		case media.Published:
			bufs = append(bufs, p.notice(status.For(status.PlayPublishNotify, p.name)))
		case media.Unpublished:
			bufs = append(bufs, p.notice(status.For(status.PlayUnpublishNotify, p.name)),
				chunk.Append(nil, rtmp.NewUserControl(rtmp.EventStreamEOF, p.ns.id), media.OutChunkSize))
		default:
			if b := f.Chunks(p.ns.id); b != nil {
				bufs = append(bufs, b)
				sent += len(b)
			}
		}
	}
	p.bytes.Add(uint64(sent))
	return bufs
}

// first reports the first audio or video of a play.
func (p *player) first(frames []*media.Frame) {
	for _, f := range frames {
		switch {
		case f.Kind == media.Published:
			p.asked = time.Now()
		case (f.Kind == media.Audio || f.Kind == media.Video) && !f.Header():
			took := time.Since(p.asked)
			p.asked = time.Time{}
			p.ns.client.server.tellStream(p.ns.client, StreamEvent{Kind: StreamFirst, Name: p.name, Key: p.key, Took: took})
			return
		}
	}
}

// notice is an onStatus that keeps its place among the frames.
func (p *player) notice(s *status.Status) []byte {
	m, err := p.ns.client.onStatus(p.ns.id, s.With("clientid", p.ns.client.ID)).Message()
	if err != nil {
		p.ns.client.server.Log.Error("cannot encode a notice", "session", p.ns.client.ID, "error", err)
		return nil
	}
	return chunk.Append(nil, m, media.OutChunkSize)
}

// resync replays metadata and sequence headers, no more often than ResyncInterval: each costs
// far more than the command that asks for it.
func (p *player) resync() {
	if now := time.Now(); now.Sub(p.resynced) >= p.rate {
		p.resynced = now
		p.sub.Resync()
	}
}

// check is called by the watchdog: it tells a player that it lost frames, and reports the
// error of one that must be let go.
func (p *player) check(now time.Time) error {
	if err := p.queue.Err(); err != nil {
		return err
	}
	st := p.queue.Stats()
	if st.Drops > p.drops && now.Sub(p.lastNotice) >= insufficientBWInterval {
		p.drops, p.lastNotice = st.Drops, now
		p.ns.tell(status.For(status.PlayInsufficientBW, p.name).With("details", p.name))
	}
	return nil
}

// insufficientBWInterval is how often a slow player is told so (Flash Media Server's sampling).
const insufficientBWInterval = 5 * time.Second

func (p *player) close() {
	c := p.ns.client
	c.conn.Detach(p)
	if p.sub != nil {
		p.sub.Close()
	}
	st := p.queue.Stats()
	p.queue.Close()
	c.dropped.Add(st.DroppedAudio + st.DroppedVideo)
	c.server.streamEnded(p.ended, StreamEnd{Began: p.began, Bytes: p.bytes.Load()})
	c.server.tellStream(c, StreamEvent{Kind: StreamStop, Name: p.name, Key: p.key, Took: time.Since(p.began), Bytes: p.bytes.Load()})
}

func (p *player) dropped() uint64 {
	st := p.queue.Stats()
	return st.DroppedAudio + st.DroppedVideo
}
