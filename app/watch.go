package app

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"penstock/rtmp"
	"penstock/status"
)

// watchdog looks after one connection's deadlines with a single timer: connect, activity,
// media, silence, slow players. It holds no goroutine between two looks.
type watchdog struct {
	client *Client
	began  time.Time
	every  time.Duration

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
	pinged  time.Time // last ping of the present silence

	isAccepted atomic.Bool
	mediaApp   atomic.Bool  // publishes or plays and takes no calls: must do so soon
	lastActive atomic.Int64 // unix ns of the last publish, play or call
	refusedAt  atomic.Int64 // unix ns of the last refused publish or play, 0 after a success
}

func (w *watchdog) start(c *Client) {
	w.client, w.began = c, time.Now()
	l := c.server.limits
	w.every = max(10*time.Millisecond, min(time.Second, l.RTMP.ConnectTimeout/4, l.ActivityTimeout/4, l.RefusedTimeout/4,
		l.FirstMedia/4, l.PublisherIdle/4, l.PingInterval/4, l.PingTimeout/4))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(w.pause(time.Now()), w.look)
}

// looks is how often in the time between two looks at one connection the server is woken to look at any: a thousand connections
// that are looked at on their own are a thousand times per second.
const looks = 16

// pause is the time until the next look, which is at a time at which others look too.
func (w *watchdog) pause(now time.Time) time.Duration {
	return now.Add(w.every).Truncate(w.every / looks).Sub(now)
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
}

func (w *watchdog) accepted(s Session) {
	_, pub := s.(Publisher)
	_, play := s.(Player)
	_, call := s.(Caller)
	if _, ok := s.(*liveSession); ok {
		call = false // what it may answer besides is not what clients stay for
	}
	w.mediaApp.Store((pub || play) && !call)
	w.lastActive.Store(time.Now().UnixNano())
	w.isAccepted.Store(true)
}

// active notes a publish or play.
func (w *watchdog) active() {
	w.lastActive.Store(time.Now().UnixNano())
	w.refusedAt.Store(0)
}

// called notes a call.
func (w *watchdog) called() { w.lastActive.Store(time.Now().UnixNano()) }

func (w *watchdog) refused() { w.refusedAt.Store(time.Now().UnixNano()) }

func since(now time.Time, unixNano int64) time.Duration { return now.Sub(time.Unix(0, unixNano)) }

func (w *watchdog) look() {
	w.mu.Lock()
	stopped := w.stopped
	w.mu.Unlock()
	if stopped || w.client.Context().Err() != nil {
		return
	}
	w.judge(time.Now())
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.timer.Reset(w.pause(time.Now()))
	}
}

// judge ends the connection when a deadline has passed.
func (w *watchdog) judge(now time.Time) {
	c, l := w.client, w.client.server.limits
	if !w.isAccepted.Load() {
		if now.Sub(w.began) > l.RTMP.ConnectTimeout && c.cmds.busy() == nil {
			w.noConnect()
		}
		return
	}
	if c.checkStreams(now) {
		return
	}
	active, deciding := c.streams.active(), c.cmds.busy() != nil
	if at := w.refusedAt.Load(); at != 0 && !active && !deciding && since(now, at) > l.RefusedTimeout {
		c.server.counts.leftOut("refused_timeout")
		c.finish(errRefusedIdle, nil)
		return
	}
	if w.mediaApp.Load() && !active && !deciding && !c.shares.InUse() && since(now, w.lastActive.Load()) > l.ActivityTimeout {
		c.idle("activity_timeout", fmt.Sprintf("Nothing was published or played for %v.", l.ActivityTimeout))
		return
	}
	if active || deciding { // the application's time is not the client's
		w.lastActive.Store(now.UnixNano())
	}
	w.silence(now, active)
}

// errRefusedIdle ends a connection that did nothing more after a refusal it was told of.
var errRefusedIdle = errors.New("app: did nothing for refused_timeout after a refusal")

// noConnect ends a connection that completed the handshake and asked for nothing.
func (w *watchdog) noConnect() {
	c := w.client
	st := status.New(status.ConnectFailed, "No connect command came in time.")
	c.finishWith(st, (&rtmp.Command{Transaction: 1}).Error(st), rtmp.CloseCommand())
	c.refused(&Refusal{Stage: StageConnect, Cause: CauseIdle, Rule: "connect_timeout", Status: st})
}

// silence pings a peer that sends nothing, and gives up one that stays silent, unless it is
// playing or publishing: a player that reads shows life in our writes, and OBS answers no ping.
func (w *watchdog) silence(now time.Time, active bool) {
	c, l := w.client, w.client.server.limits
	quiet := now.Sub(c.LastRead())
	if quiet < l.PingInterval {
		return
	}
	if c.LastRead().After(w.pinged) {
		w.pinged = now
		_ = c.conn.Ping()
		return
	}
	if !active && now.Sub(w.pinged) > l.PingTimeout {
		c.idle("ping_timeout", fmt.Sprintf("No byte came for %v.", quiet.Round(time.Second)))
	}
}

// idle ends a connection with NetConnection.Connect.IdleTimeOut.
func (c *Client) idle(rule, description string) {
	st := status.New(status.ConnectIdleTimeOut, description)
	r := c.complete(&Refusal{Stage: StageConnection, Cause: CauseIdle, Rule: rule, Status: st})
	c.part(r, st)
	c.server.refuse(r)
}

// checkStreams looks at publishers without media and at players that cannot keep up; true when
// it ended the connection.
func (c *Client) checkStreams(now time.Time) bool {
	l := c.server.limits
	for _, ns := range c.streams.all() {
		if pub := ns.pub.Load(); pub != nil {
			ns.watched(pub, now)
			quiet := min(since(now, ns.lastMedia.Load()), now.Sub(c.LastRead()))
			switch {
			case !ns.gotMedia.Load() && since(now, ns.lastMedia.Load()) > l.FirstMedia:
				c.idle("first_media_timeout", fmt.Sprintf("No audio or video came within %v of publish.", l.FirstMedia))
				return true
			case ns.gotMedia.Load() && quiet > l.PublisherIdle:
				c.idle("publisher_idle_timeout", fmt.Sprintf("The publisher sent nothing for %v.", l.PublisherIdle))
				return true
			}
		}
		p := ns.current()
		if p == nil {
			continue
		}
		if err := p.check(now); err != nil {
			st := status.New(status.PlayInsufficientBW, "The player is too slow for the stream.").With("details", p.name)
			failed := status.New(status.PlayFailed, st.Description).With("details", p.name) // what makes players stop and say why
			r := c.complete(&Refusal{Stage: StageConnection, Cause: CauseSlow, Rule: "player_queue", Status: st, Stream: redact(p.name),
				stream: p.name, Err: err})
			c.finishWith(r, c.onStatus(ns.id, st), c.onStatus(ns.id, failed), rtmp.CloseCommand())
			c.server.refuse(r)
			return true
		}
	}
	return false
}

// watched lets the handler look at a publication that it allowed.
func (ns *netStream) watched(pub *publication, now time.Time) {
	if pub.watch == nil {
		return
	}
	defer ns.client.server.observed()
	if err := pub.watch(now, pub.bytes.Load()); err != nil {
		ns.revoke(pub, refusalOf(StagePublish, err, status.For(status.PublishDenied, pub.name)))
	}
}

// observed survives an observer that panics; it is to be deferred.
func (s *Server) observed() {
	if p := recover(); p != nil {
		s.Log.Error("observer panicked", "panic", p, "stack", stack())
	}
}

// tellSession tells OnSession that a session began or ended.
func (s *Server) tellSession(c *Client, ended bool, reason error) {
	if s.OnSession != nil {
		defer s.observed()
		s.OnSession(c, ended, reason)
	}
}

// tellStream tells OnStream of e.
func (s *Server) tellStream(c *Client, e StreamEvent) {
	if s.OnStream != nil {
		defer s.observed()
		s.OnStream(c, e)
	}
}

// tellGone tells OnGone that a connection is done with.
func (s *Server) tellGone(c *Client) {
	if s.OnGone != nil {
		defer s.observed()
		s.OnGone(c)
	}
}
