package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/status"
)

func stack() string { return string(debug.Stack()) }

// errPanic is the inner reason of a handler that panicked; the stack is logged beside it.
type errPanic struct{ value any }

func (e *errPanic) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// guard runs a handler's method with a deadline and without its panics. late is called once,
// from another goroutine, when the method has not returned by then; what it returns afterwards
// is for the caller to drop.
func guard[T any](c *Client, late func(), f func(ctx context.Context) (T, error)) (v T, err error) {
	base, end := context.WithCancelCause(context.Background())
	defer c.running.begin(c, &end)()
	ctx, cancel := context.WithTimeout(base, c.server.limits.HandlerTimeout)
	defer cancel()
	t := time.AfterFunc(c.server.limits.HandlerTimeout, late)
	defer t.Stop()
	defer func() {
		if p := recover(); p != nil {
			c.server.Log.Error("handler panicked", "session", c.ID, "panic", p, "stack", stack())
			err = &errPanic{p}
		}
	}()
	return f(ctx)
}

// running has what ends the contexts of a client's handlers when its connection ends. They are no children of the connection's
// context: that would keep memory for them as long as the connection lives.
type running struct {
	mu    sync.Mutex
	ended error // why the connection has
	now   []*context.CancelCauseFunc
}

// begin notes a handler's; done forgets it.
func (r *running) begin(c *Client, cancel *context.CancelCauseFunc) (done func()) {
	r.mu.Lock()
	r.now = append(r.now, cancel)
	ended := r.ended
	r.mu.Unlock()
	if ended == nil {
		ended = context.Cause(c.Context())
	}
	if ended != nil {
		(*cancel)(ended)
	}
	return func() {
		(*cancel)(nil)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.now = slices.DeleteFunc(r.now, func(f *context.CancelCauseFunc) bool { return f == cancel }); len(r.now) == 0 {
			r.now = nil
		}
	}
}

func (r *running) end(why error) {
	r.mu.Lock()
	now := r.now
	r.ended, r.now = why, nil
	r.mu.Unlock()
	for _, cancel := range now {
		(*cancel)(why)
	}
}

// connect runs the connect command: `_result`, or `_error`, close and FIN.
func (c *Client) connect(cmd *rtmp.Command) {
	if c.session != nil || c.connected {
		c.answerCallFailed(cmd, "Already connected.", CauseMalformed, nil)
		return
	}
	if err := c.readProperties(cmd); err != nil {
		c.refuseConnect(cmd, err)
		return
	}
	if c.ObjectEncoding != 0 && c.ObjectEncoding != 3 {
		st := status.Newf(status.CallBadVersion, "objectEncoding %d is neither 0 nor 3.", c.ObjectEncoding)
		c.send(cmd.Error(st))
		c.refused(&Refusal{Stage: StageConnect, Cause: CauseEncoding, Status: st})
		return
	}
	if c.over != nil {
		c.refuseConnect(cmd, &Refusal{Cause: CauseLimit, Rule: c.over.Option, Err: c.over,
			Status: status.New(status.ConnectRejected, overLimit(c.over))})
		return
	}
	if r := c.server.ShutOut(c.Addr, c.App); r != nil {
		c.refuseConnect(cmd, r)
		return
	}
	// Whoever comes first answers: the handler's result, or its deadline.
	var once sync.Once
	late := func() {
		once.Do(func() {
			c.refuseConnect(cmd, &Refusal{Cause: CauseTimeout,
				Status: status.New(status.ConnectFailed, "The application did not answer in time.")})
		})
	}
	session, err := guard(c, late, func(ctx context.Context) (Session, error) {
		return c.server.Handler.Connect(ctx, c, cmd.Args)
	})
	once.Do(func() {
		switch {
		case err == nil:
			c.accept(cmd, session)
		case !c.gone(err):
			c.refuseConnect(cmd, err)
		}
	})
	if err == nil && session != nil && c.session == nil {
		c.closeSession(session, context.DeadlineExceeded)
	}
}

// gone tells whether a handler gave up because the client has left meanwhile: then nobody is refused.
func (c *Client) gone(err error) bool {
	return errors.Is(err, context.Canceled) && c.Context().Err() != nil
}

type nothing struct{}

// Close implements Session.
func (nothing) Close(error) {}

func (c *Client) accept(cmd *rtmp.Command, session Session) {
	if session == nil {
		session = nothing{}
	}
	c.session, c.connected = session, true
	c.amf3.Store(c.ObjectEncoding == 3)
	c.greet(cmd)
	if c.server.stopping(c.App) { // Shutdown may have missed us
		defer c.shutdown()
	}
	c.server.Log.Info("connected", "session", c.ID, "peer", c.Addr, "app", c.App, "instance", c.Instance, "flashver", c.FlashVer)
	c.server.tellSession(c, false, nil)
}

// greet makes the client known and answers it. Shutdown finds it from here on, and must find it
// answered.
func (c *Client) greet(cmd *rtmp.Command) {
	defer c.conn.Push()
	c.welcome.Lock()
	defer c.welcome.Unlock()
	c.server.remember(c)
	c.watch.accepted(c.session)
	c.allowSizes(false, true)
	c.connectResult(cmd, append(greeting(), rtmp.NewUserControl(rtmp.EventStreamBegin, 0), rtmp.SetChunkSize(PublisherChunkSize)))
	close(c.answered)
}

// Answered is closed when connect has been accepted and its answer is on its way: what is sent from
// then on comes after it. It stays open for a client that was refused.
func (c *Client) Answered() <-chan struct{} { return c.answered }

// PublisherChunkSize is the chunk size that follows connect, in bytes; players are told
// media.OutChunkSize when they play.
const PublisherChunkSize = 4096

// greeting precedes every answer to connect, also a refusal (seen in captures of AMS 5).
func greeting() []*rtmp.Message {
	return []*rtmp.Message{
		rtmp.WindowAckSize(rtmp.DefaultWindow),
		rtmp.SetPeerBandwidth(rtmp.DefaultWindow, rtmp.LimitDynamic),
	}
}

// connectResult queues the answer.
func (c *Client) connectResult(cmd *rtmp.Command, msgs []*rtmp.Message) {
	id := c.server.Identity
	properties := amf.NewObject(
		amf.Prop{Key: "fmsVer", Value: id.FMSVer},
		amf.Prop{Key: "capabilities", Value: id.Capabilities},
		amf.Prop{Key: "mode", Value: 1.0},
	)
	st := status.For(status.ConnectSuccess).
		With("objectEncoding", float64(c.ObjectEncoding)).
		With("data", amf.NewECMA(amf.Prop{Key: "version", Value: id.Version}))
	for _, p := range c.enhanced() {
		st = st.With(p.Key, p.Value)
	}
	cmds := []*rtmp.Command{cmd.Result(properties, st.Object())}
	cmds[0].AMF3 = false // the answer to connect is AMF0 even on an AMF3 connection
	if !c.server.NoBWDone {
		cmds = append(cmds, &rtmp.Command{Name: "onBWDone", AMF3: c.ObjectEncoding == 3})
	}
	for _, cmd := range cmds {
		m, err := cmd.Message()
		if err != nil {
			c.server.Log.Error("cannot encode the answer to connect", "session", c.ID, "error", err)
			return
		}
		msgs = append(msgs, m)
	}
	_ = c.conn.Queue(msgs...)
}

// enhanced answers the Enhanced RTMP v2 properties that the client offered, and only those: an
// array that was not asked for makes Amcrest cameras hang up. "*": 4 says that any codec is
// forwarded; capsEx 15 is reconnect, multitrack, ModEx and its nanosecond offset.
func (c *Client) enhanced() []amf.Prop {
	var props []amf.Prop
	forward := func() amf.Value { return amf.NewObject(amf.Prop{Key: "*", Value: 4.0}) }
	for _, p := range c.Properties {
		switch p.Key {
		case "capsEx":
			props = append(props, amf.Prop{Key: p.Key, Value: 15.0})
		case "fourCcList":
			props = append(props, amf.Prop{Key: p.Key, Value: amf.NewArray("*")})
		case "videoFourCcInfoMap", "audioFourCcInfoMap":
			props = append(props, amf.Prop{Key: p.Key, Value: forward()})
		}
	}
	return props
}

// readProperties fills the Client from the connect command's object.
func (c *Client) readProperties(cmd *rtmp.Command) error {
	props, ok := amf.PropsOf(cmd.Object)
	if !ok {
		return &Refusal{Cause: CauseMalformed, Status: status.New(status.ConnectFailed, "connect without an object."),
			Err: fmt.Errorf("command object is %T", cmd.Object)}
	}
	c.ident.Lock()
	defer c.ident.Unlock()
	o := &amf.Object{Props: props}
	limit := c.server.limits.PropertyBytes
	texts := []struct {
		key string
		dst *string
	}{{"tcUrl", &c.TCURL}, {"swfUrl", &c.SWFURL}, {"pageUrl", &c.PageURL}, {"flashVer", &c.FlashVer}}
	for _, t := range texts {
		*t.dst = o.String(t.key)
		if len(*t.dst) > limit {
			*t.dst = ""
			return &Refusal{Cause: CauseLimit, Rule: "property_bytes",
				Status: status.New(status.ConnectRejected, overLimit(&rtmp.LimitError{Option: "property_bytes", Max: limit})),
				Err:    fmt.Errorf("%s of %d bytes", t.key, len(o.String(t.key)))}
		}
	}
	c.TCURL = canonicalTCURL(c.TCURL, o)
	c.ObjectEncoding = integer(o, "objectEncoding", 0)
	c.capsEx = uint32(max(0, integer(o, "capsEx", 0)))
	c.Properties = props
	_, tcQuery, err := splitQuery(c.TCURL)
	if err == nil {
		c.App, c.Instance, c.Query, err = parseApp(o.String("app"))
	}
	if err != nil {
		return &Refusal{Cause: CauseBadName, Err: err, Status: status.New(status.ConnectInvalidApp, invalidApp(err))}
	}
	c.Query = merge(tcQuery, c.Query)
	return nil
}

func invalidApp(err error) string {
	var n *NameError
	if errors.As(err, &n) {
		return fmt.Sprintf("[ Server.Reject ] : Invalid application name: the %s name %s.", n.What, n.Reason)
	}
	return "[ Server.Reject ] : Invalid application name."
}

// canonicalTCURL repairs two spellings seen from real clients: the key "tcurl", and a leading
// apostrophe (Neko).
func canonicalTCURL(s string, o *amf.Object) string {
	if s == "" {
		s = shorten(o.String("tcurl"), 2048)
	}
	return strings.TrimPrefix(s, "'")
}

// integer reads a number that must fit an int32, def when it does not or is absent.
func integer(o *amf.Object, key string, def int) int {
	f, ok := o.Number(key)
	if !ok || !(f >= -1<<31 && f <= 1<<31-1) { // also false for NaN
		return def
	}
	return int(f)
}

// refuseConnect answers `_error` and `close`, flushes and sends FIN.
func (c *Client) refuseConnect(cmd *rtmp.Command, err error) {
	r := c.reworded(refusalOf(StageConnect, err, status.New(status.ConnectFailed, "The application failed.")))
	answer := cmd.Error(r.Status)
	answer.AMF3 = false
	m, encErr := answer.Message()
	if encErr != nil {
		c.server.Log.Error("cannot encode a refusal", "session", c.ID, "error", encErr)
		m, _ = cmd.Error(status.New(r.Status.Code, r.Status.Description)).Message()
	}
	bye, _ := rtmp.CloseCommand().Message()
	msgs := append(greeting(), m)
	if m := c.encoderWords(r); m != nil {
		msgs = append(msgs, m)
	}
	c.conn.Finish(c.complete(r), append(msgs, bye)...)
	c.server.refuse(r)
}

// encoderWords repeats to a live encoder why its connect is refused, as a refused publish: OBS (29 to 32) shows and logs no
// word of a refused connect, but does of that. Others have left when it comes. nil: not for this client or this refusal.
func (c *Client) encoderWords(r *Refusal) *rtmp.Message {
	if !strings.HasPrefix(c.FlashVer, "FMLE/") || r.Cause == CauseChallenge || r.Cause == CauseRedirect {
		return nil
	}
	text := r.Status.Description
	if strings.Contains(text, "?reason=authfailed") { // for programs
		text = "The user name or the password is wrong."
	}
	m, _ := rtmp.OnStatus(0, status.New(status.PublishDenied, text)).Message()
	return m
}

// Block shuts a network out.
type Block struct {
	Network netip.Prefix // of IPv4 or IPv6; IPv4-mapped ones are taken as IPv4
	Since   time.Time
	Until   time.Time // zero: until Unblock
	Text    string    // what its clients are told; "" is a sentence of our own
	By      string    // who blocked it, for pages
}

// MaxBlocks is how many networks can be blocked at once.
const MaxBlocks = 10000

// ErrTooManyBlocks is the error of Block beyond MaxBlocks.
var ErrTooManyBlocks = fmt.Errorf("app: %d networks are blocked, which is the most", MaxBlocks)

// Block refuses every client of a network with NetConnection.Connect.Rejected, and ends those that are connected. It
// replaces an earlier block of the same network. Loopback is a network like others.
func (s *Server) Block(b Block) error {
	s.init()
	b.Network = canonicalNetwork(b.Network)
	if !b.Network.IsValid() {
		return errors.New("app: a block needs a network")
	}
	if b.Since.IsZero() {
		b.Since = time.Now()
	}
	s.mu.Lock()
	s.dropExpired(time.Now())
	_, known := s.blocks[b.Network]
	full := !known && len(s.blocks) >= MaxBlocks
	if !full {
		s.blocks[b.Network] = b
	}
	s.mu.Unlock()
	if full {
		return ErrTooManyBlocks
	}
	for _, c := range s.Clients() {
		if ip, ok := addrOf(c.Addr); ok && b.Network.Contains(ip) {
			c.expel(RuleBlock, status.New(status.ConnectRejected, b.text()))
		}
	}
	if s.OnBlock != nil {
		s.OnBlock(b)
	}
	return nil
}

// Unblock lets a network in again. false: it was not blocked.
func (s *Server) Unblock(network netip.Prefix) bool {
	s.init()
	network = canonicalNetwork(network)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropExpired(time.Now())
	_, ok := s.blocks[network]
	delete(s.blocks, network)
	return ok
}

// Blocks lists what is blocked now, the latest first.
func (s *Server) Blocks() []Block {
	s.init()
	s.mu.Lock()
	s.dropExpired(time.Now())
	list := slices.Collect(maps.Values(s.blocks))
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b Block) int { return b.Since.Compare(a.Since) })
	return list
}

// BlockOf finds the block that an address, of a connection or "host:port", is under.
func (s *Server) BlockOf(a net.Addr) (Block, bool) {
	s.init()
	ip, ok := addrOf(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || len(s.blocks) == 0 {
		return Block{}, false
	}
	now := time.Now()
	for bits := ip.BitLen(); bits >= 0; bits-- { // one look for each length, however many are blocked
		p, _ := ip.Prefix(bits)
		if b, ok := s.blocks[p]; ok && !b.expired(now) {
			return b, true
		}
	}
	return Block{}, false
}

func (b *Block) expired(now time.Time) bool { return !b.Until.IsZero() && !now.Before(b.Until) }

// dropExpired forgets blocks that are over. mu must be held.
func (s *Server) dropExpired(now time.Time) {
	maps.DeleteFunc(s.blocks, func(_ netip.Prefix, b Block) bool { return b.expired(now) })
}

func (b *Block) text() string {
	if b.Text != "" {
		return b.Text
	}
	return "The operator of this server has blocked your address. Ask the operator if you think that is a mistake."
}

// ShutOut refuses, before any rule of an application, who comes from a blocked network or wants an application that is being
// stopped. nil: it does not. Outlets ask it too; the status is that of a connect, and the stage is left to them.
func (s *Server) ShutOut(a net.Addr, app string) *Refusal {
	if b, ok := s.BlockOf(a); ok {
		return &Refusal{Cause: CauseOperator, Rule: RuleBlock, Status: status.New(status.ConnectRejected, b.text())}
	}
	if s.stopping(app) {
		return &Refusal{Cause: CauseShutdown, Status: statusShutdown(app)}
	}
	return nil
}

// canonicalNetwork is the one spelling of a network that blocks are kept under.
func canonicalNetwork(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

func addrOf(a net.Addr) (netip.Addr, bool) {
	if a == nil {
		return netip.Addr{}, false
	}
	ap, err := netip.ParseAddrPort(a.String())
	return ap.Addr().Unmap().WithZone(""), err == nil
}
