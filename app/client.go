package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"penstock/amf"
	"penstock/app/internal/pending"
	"penstock/rtmp"
	"penstock/sharedobject"
	"penstock/status"
)

// Client is one connected client, as the application sees it. The exported fields are set when
// Handler.Connect is called and do not change. Its methods are safe for concurrent use.
type Client struct {
	ID       string // 8 characters, in every log line and as `clientid` in statuses
	Since    time.Time
	Addr     net.Addr
	Secure   bool // came through TLS
	App      string
	Instance string     // DefaultInstance when the client named none
	Query    url.Values // of the app property and of tcUrl
	TCURL    string
	PageURL  string // as the client says: not to be trusted
	SWFURL   string
	FlashVer string
	// ObjectEncoding is 0 for AMF0, 3 for AMF3.
	ObjectEncoding int
	// Properties is the connect command's object, as sent.
	Properties []amf.Prop

	server *Server
	conn   *rtmp.Conn
	over   *rtmp.LimitError // the connection is over a limit and must be refused

	// ident guards the exported fields against refusals that are recorded by other goroutines
	// while connect is still being read.
	ident sync.Mutex
	// Likewise: what the client may send, see allowSizes.
	sizesAsked, sizesAccepted bool

	welcome   sync.Mutex // held while connect is answered
	connected bool       // commands goroutine only: connect was accepted
	answered  chan struct{}
	session   Session     // likewise; leave reads it after that goroutine has ended
	replays   float64     // likewise: plays that began with cached frames, less what time forgave
	replayed  time.Time   // likewise: when that was counted last
	capsEx    uint32      // set before the server remembers the client
	amf3      atomic.Bool // what we send after connect is of type 17

	cmds    commandQueue
	running running
	calls   pending.Table // ours that wait for the client's answer
	streams streamTable
	shares  *sharedobject.Client
	watch   watchdog
	dropped atomic.Uint64 // by the queues of plays that have ended

	answeredCalls, refusedCalls atomic.Uint64 // of the client's

	parting  sync.Mutex // guards what follows
	onClose  []func(reason error)
	parted   bool
	partedBy error

	// Reader only: media that came before it could be judged.
	parked      []rtmp.Message
	parkedBytes int
}

func newClient(s *Server, conn *rtmp.Conn, over *rtmp.LimitError) *Client {
	c := &Client{server: s, conn: conn, over: over, Addr: conn.RemoteAddr(), Since: time.Now(), ID: newID(), Secure: conn.Secure(),
		answered: make(chan struct{})}
	c.calls.Init(s.limits.PendingCalls)
	c.shares = c.newShares()
	return c
}

// newID is 48 random bits in 8 characters, the form of Flash Media Server's client IDs.
func newID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Context ends when the connection does; context.Cause says why.
func (c *Client) Context() context.Context { return c.conn.Context() }

// HandshakeTime is how long TLS and the RTMP handshake took, from the acceptance of the connection.
func (c *Client) HandshakeTime() time.Duration { return c.conn.HandshakeTime() }

// LocalAddr is our end of the connection.
func (c *Client) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// LastRead is when the last byte came from the client.
func (c *Client) LastRead() time.Time { return c.conn.LastRead() }

// BytesRead counts the bytes that came from the client.
func (c *Client) BytesRead() uint64 { return c.conn.BytesRead() }

// BytesWritten counts the bytes the client's socket took.
func (c *Client) BytesWritten() uint64 { return c.conn.BytesWritten() }

// Publishing lists the stream keys this client is publishing now, or was when it left.
func (c *Client) Publishing() []string { return c.streams.keys(true) }

// Playing lists the stream keys this client is playing now, or was when it left.
func (c *Client) Playing() []string { return c.streams.keys(false) }

// QueueDrops counts the messages that were dropped because this client, as a player, was slow.
func (c *Client) QueueDrops() uint64 {
	n := c.dropped.Load()
	for _, ns := range c.streams.all() {
		if p := ns.current(); p != nil {
			n += p.dropped()
		}
	}
	return n
}

// RTT is the round trip of the last ping that the client answered; 0 before the first. The server pings clients that are silent.
func (c *Client) RTT() time.Duration { return c.conn.RTT() }

// Ping measures the time that a message takes to the client and back, behind what waits to be sent to it. The error is the cause of ctx's end
// or the connection's; some clients (OBS Studio) answer no pings, and the wait ends after Limits.CallTimeout at the latest.
func (c *Client) Ping(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, c.server.limits.CallTimeout)
	defer cancel()
	return c.conn.RoundTrip(ctx)
}

// Calls counts the client's calls of the session's methods: those that were answered, and those that were refused because there is no
// such method, it failed or was late.
func (c *Client) Calls() (answered, refused uint64) {
	return c.answeredCalls.Load(), c.refusedCalls.Load()
}

// PendingCalls is how many calls wait for this client's answer.
func (c *Client) PendingCalls() int { return c.calls.Len() }

// OnClose has f called once, with the reason, when the connection has ended and Session.Close has returned, also of a client that was
// never accepted; at once when that is past. f must not block.
func (c *Client) OnClose(f func(reason error)) {
	c.parting.Lock()
	if !c.parted {
		c.onClose = append(c.onClose, f)
		c.parting.Unlock()
		return
	}
	c.parting.Unlock()
	f(c.partedBy)
}

// departed calls what OnClose was given.
func (c *Client) departed(reason error) {
	c.parting.Lock()
	c.parted, c.partedBy = true, reason
	list := c.onClose
	c.onClose = nil
	c.parting.Unlock()
	for _, f := range list {
		func() {
			defer c.server.observed()
			f(reason)
		}()
	}
}

// Ending is how a client took the end of its connection.
type Ending string

// Endings. The zero value is for a connection that has not ended.
const (
	EndingAcknowledged Ending = "acknowledged" // it ended its side after ours: it has read all that it was told
	EndingLeft         Ending = "left"         // it ended its side first
	EndingLost         Ending = "lost"         // broken off, or the client did not end its side within CloseLinger
)

// Ending tells how the connection ended. It is final when Server.OnGone is called.
func (c *Client) Ending() Ending {
	switch c.conn.PeerEnd() {
	case rtmp.PeerFollowed:
		return EndingAcknowledged
	case rtmp.PeerLeft:
		return EndingLeft
	}
	if c.Context().Err() == nil {
		return ""
	}
	return EndingLost
}

// flashPlayer matches what Flash Player and AIR call themselves: platform and version.
var flashPlayer = regexp.MustCompile(`^[A-Z]{2,5} \d{1,3},\d{1,3},\d{1,5},\d{1,5}$`)

// IsFlashPlayer tells from flashVer whether the client claims to be a Flash Player, which
// raises NetConnection.Connect.Closed by itself. Some players that are not imitate one.
func (c *Client) IsFlashPlayer() bool { return flashPlayer.MatchString(c.FlashVer) }

// ErrDisconnected is the reason of a connection that Disconnect ended without a status.
var ErrDisconnected = errors.New("app: disconnected by the application")

// Disconnect ends a healthy connection: with a status, that is sent first; without, a client
// that is no Flash Player is sent NetConnection.Connect.Closed, because nothing in it would
// raise it. Then `close`, everything flushed, and FIN. It does not wait.
func (c *Client) Disconnect(s *status.Status) {
	reason := error(ErrDisconnected)
	if s == nil && !c.IsFlashPlayer() {
		s = status.For(status.ConnectClosed)
	} else if s != nil {
		reason = s
	}
	c.finish(reason, s)
}

// expel ends a connection for the operator. A nil status is the one of Disconnect. false: it has ended already.
func (c *Client) expel(rule string, s *status.Status) bool {
	if c.Context().Err() != nil {
		return false
	}
	told := s
	if s == nil {
		s = status.For(status.ConnectClosed)
		if !c.IsFlashPlayer() {
			told = s
		}
	}
	r := c.complete(&Refusal{Stage: StageConnection, Cause: CauseOperator, Rule: rule, Status: s})
	c.part(r, told)
	c.server.refuse(r)
	return true
}

// Kick ends a session for the operator: its client is told s, or NetConnection.Connect.Closed when s is nil, and the
// refusal is recorded. false: there is no session of that ID (Client.ID).
func (s *Server) Kick(id string, st *status.Status) bool {
	for _, c := range s.Clients() {
		if c.ID == id {
			return c.expel(RuleKick, st)
		}
	}
	return false
}

// EndInstance ends every session of an instance for the operator: each client is told s, or NetConnection.Connect.AppShutdown when s
// is nil, and the refusals are recorded. It returns how many there were. What runs of the instance beside its sessions, and who
// connects meanwhile, is not its business.
func (s *Server) EndInstance(app, instance string, st *status.Status) int {
	if st == nil {
		st = statusShutdown(app)
	}
	n := 0
	for _, c := range s.Clients() {
		if c.App == app && c.Instance == instance && c.unloaded(st) {
			n++
		}
	}
	return n
}

// unloaded is expel, after the answer to connect.
func (c *Client) unloaded(s *status.Status) bool {
	c.welcome.Lock()
	defer c.welcome.Unlock()
	return c.expel(RuleUnload, s)
}

// Rules of refusals whose cause is the operator.
const (
	RuleKick    = "kick"
	RuleRelease = "release"
	RuleBlock   = "block"
	RuleUnload  = "unload" // of one instance
)

// finish sends a status (nil: none) and close, flushes and sends FIN.
func (c *Client) finish(reason error, s *status.Status) {
	var cmds []*rtmp.Command
	if s != nil {
		cmds = append(cmds, c.onStatus(0, s))
	}
	c.finishWith(reason, append(cmds, rtmp.CloseCommand())...)
}

// part is finish for a client that may be publishing or playing: it is told on its streams too, as an error, because FFmpeg and
// others print those alone, and what ends a connection in order is none. A nil status is told to nobody.
func (c *Client) part(reason error, s *status.Status) {
	if s == nil {
		c.finish(reason, nil)
		return
	}
	var cmds []*rtmp.Command
	for _, ns := range c.streams.all() {
		code := status.PublishDenied
		if ns.pub.Load() == nil {
			if code = status.PlayFailed; ns.current() == nil {
				continue
			}
		}
		cmds = append(cmds, c.onStatus(ns.id, status.New(code, s.Description).With("clientid", c.ID)))
	}
	c.finishWith(reason, append(cmds, c.onStatus(0, s), rtmp.CloseCommand())...)
}

func (c *Client) finishWith(reason error, cmds ...*rtmp.Command) {
	var msgs []*rtmp.Message
	for _, cmd := range cmds {
		m, err := cmd.Message()
		if err != nil {
			c.server.Log.Error("cannot encode a last message", "session", c.ID, "command", cmd.Name, "error", err)
			continue
		}
		msgs = append(msgs, m)
	}
	c.conn.Finish(reason, msgs...)
}

// shutdown tells the client that its application is being stopped.
func (c *Client) shutdown() {
	c.welcome.Lock()
	defer c.welcome.Unlock()
	s := statusShutdown(c.App)
	c.finish(s, s)
}

// capsReconnect is the capsEx bit of clients that understand a reconnect request (E-RTMP v2).
const capsReconnect = 1

func (c *Client) canReconnect() bool { return c.capsEx&capsReconnect != 0 }

// requestReconnect asks the client to move to another URL ("" the same); it keeps streaming
// until it has. false: the client did not offer to understand that.
func (c *Client) requestReconnect(tcURL string) bool {
	if !c.canReconnect() {
		return false
	}
	s := status.New(status.ConnectReconnectRequest, "The server is going away.")
	if tcURL != "" {
		s = s.With("tcUrl", tcURL)
	}
	return c.conn.SendCommand(c.onStatus(0, s)) == nil
}

// RequestReconnect sends an Enhanced RTMP v2 reconnect request; an error says that the client
// never offered to understand one, or that the connection has ended.
func (c *Client) RequestReconnect(tcURL string) error {
	if c.requestReconnect(tcURL) {
		return nil
	}
	return fmt.Errorf("app: client %s cannot be asked to reconnect", c.ID)
}

// onStatus builds an onStatus command in the connection's AMF version.
func (c *Client) onStatus(streamID uint32, s *status.Status) *rtmp.Command {
	cmd := rtmp.OnStatus(streamID, s)
	cmd.AMF3 = c.amf3.Load()
	return cmd
}

// send queues commands and logs what could not be encoded; a lost connection ends elsewhere.
func (c *Client) send(cmds ...*rtmp.Command) {
	if err := c.conn.SendCommand(cmds...); err != nil && c.Context().Err() == nil {
		c.server.Log.Error("cannot send", "session", c.ID, "error", err)
	}
}

// complete fills in what the server knows of a refusal. It must come before the refusal is used
// as the reason of a connection's end, which other goroutines read.
func (c *Client) complete(r *Refusal) *Refusal {
	c.ident.Lock()
	defer c.ident.Unlock()
	r.Time, r.Session, r.Peer, r.Local, r.App, r.Instance = time.Now(), c.ID, c.Addr, c.LocalAddr(), c.App, c.Instance
	r.FlashVer, r.BytesIn = c.FlashVer, c.BytesRead()
	if r.XStatus == 0 {
		r.XStatus = xStatus(r.Stage, r.Cause)
	}
	return r
}

// reworded lets Server.Words choose what the client is told.
func (c *Client) reworded(r *Refusal) *Refusal {
	words := c.server.Words
	if words == nil || r.Status == nil || r.Cause == CauseChallenge {
		return r
	}
	defer c.server.observed()
	c.ident.Lock()
	r.App = c.App
	c.ident.Unlock()
	if st := words(r); st != nil {
		r.Status = st
	}
	return r
}

// refused completes and records a refusal of this client.
func (c *Client) refused(r *Refusal) { c.server.refuse(c.complete(r)) }
