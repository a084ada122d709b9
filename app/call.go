package app

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/sharedobject"
	"penstock/status"
)

// execute runs one command in the commands goroutine.
func (c *Client) execute(cmd *rtmp.Command) {
	defer c.crashed()
	if cmd.Name == "connect" {
		c.connect(cmd)
		return
	}
	if !c.connected {
		c.answerCallFailed(cmd, "connect must come first.", CauseMalformed, nil)
		return
	}
	if c.streamCommand(cmd) {
		return
	}
	c.call(cmd)
}

// call lets the session answer a remote procedure call.
func (c *Client) call(cmd *rtmp.Command) {
	caller, ok := c.session.(Caller)
	if !ok {
		c.answerCallFailed(cmd, methodNotFound(cmd.Name), CauseNotFound, nil)
		return
	}
	var once sync.Once
	late := func() {
		once.Do(func() { c.answerCallFailed(cmd, methodFailed(cmd.Name), CauseTimeout, context.DeadlineExceeded) })
	}
	own := &calling{client: c}
	v, err := guard(c, late, func(ctx context.Context) (amf.Value, error) {
		return caller.Call(context.WithValue(ctx, callingKey{}, own), cmd.Name, cmd.Args)
	})
	if !errors.Is(err, ErrNoMethod) { // a call of nothing is no activity
		c.watch.called()
	}
	answered := false
	once.Do(func() {
		switch {
		case errors.Is(err, ErrNoMethod):
			c.answerCallFailed(cmd, methodNotFound(cmd.Name), CauseNotFound, nil)
		case c.gone(err):
		case err != nil:
			c.refuseCall(cmd, refusalOf(StageCall, err, status.New(status.CallFailed, methodFailed(cmd.Name))))
		default:
			answered = c.answer(cmd, v)
		}
	})
	if !answered {
		c.refusedCalls.Add(1)
		return
	}
	c.answeredCalls.Add(1)
	for _, f := range own.after {
		late := func() {
			c.server.Log.Warn("what follows a call takes too long", "session", c.ID, "method", shorten(cmd.Name, 64))
		}
		_, _ = guard(c, late, func(ctx context.Context) (struct{}, error) { f(ctx); return struct{}{}, nil })
	}
}

// Reserved tells whether a command is the protocol's, so that no Caller is ever asked for it.
func Reserved(name string) bool {
	switch name {
	case "connect", "close", "_result", "_error", "onStatus",
		"createStream", "deleteStream", "releaseStream", "FCPublish", "FCUnpublish", "FCSubscribe", "FCUnsubscribe",
		"getStreamLength", "checkBandwidth", "_checkbw",
		"publish", "play", "play2", "closeStream", "pause", "pauseRaw", "seek", "receiveAudio", "receiveVideo":
		return true
	}
	return false
}

// calling is a call that is being executed.
type calling struct {
	client *Client
	after  []func(ctx context.Context)
}

type callingKey struct{}

// ClientOf is the client whose call a Caller was given ctx for; nil when ctx is of nothing like that.
func ClientOf(ctx context.Context) *Client {
	if own, ok := ctx.Value(callingKey{}).(*calling); ok {
		return own.client
	}
	return nil
}

// After has f called when the call that ctx belongs to was answered: what f sends the client comes after the answer, and what the
// client asks next waits until f has returned. f gets a context of its own, as a method does. It is not called when the method returns an
// error or is late. After must be called by the method before that returns; it reports false, and f is not called, when ctx is not a call's.
func After(ctx context.Context, f func(ctx context.Context)) bool {
	own, ok := ctx.Value(callingKey{}).(*calling)
	if ok {
		own.after = append(own.after, f)
	}
	return ok
}

// answer reports false when the client had to be told that the method failed: AMF cannot carry v.
func (c *Client) answer(cmd *rtmp.Command, v amf.Value) bool {
	if cmd.Transaction == 0 {
		return true
	}
	err := c.conn.SendCommand(cmd.Result(nil, v))
	if err != nil && c.Context().Err() == nil {
		c.answerCallFailed(cmd, methodFailed(cmd.Name), CauseFailed, err)
		return false
	}
	return true
}

// The words of Flash Media Server's own log.
func methodNotFound(name string) string {
	return fmt.Sprintf("Method not found (%s).", shorten(name, 256))
}
func methodFailed(name string) string {
	return fmt.Sprintf("Failed to execute method (%s).", shorten(name, 256))
}

func (c *Client) answerCallFailed(cmd *rtmp.Command, description string, cause Cause, inner error) {
	c.refuseCall(cmd, &Refusal{Stage: StageCall, Cause: cause, Err: inner, Status: status.New(status.CallFailed, description)})
}

// refuseCall answers `_error`; a call with transaction ID 0 wants no answer.
func (c *Client) refuseCall(cmd *rtmp.Command, r *Refusal) {
	r = c.reworded(r)
	if cmd.Transaction != 0 {
		c.send(cmd.Error(r.Status))
	}
	if r.Rule == "" && !r.countsRule() {
		r.Rule = shorten(cmd.Name, 64)
	}
	c.refused(r)
}

// Call calls a method of the client and waits for the answer: at most Limits.CallTimeout, or
// until ctx or the connection ends. An `_error` of the client comes back as a *status.Status,
// and so do a time-out and a lost connection (NetConnection.Call.Failed) and an answer that
// cannot be decoded (NetConnection.Call.BadVersion). More than Limits.PendingCalls at once are a *rtmp.LimitError.
func (c *Client) Call(ctx context.Context, name string, args ...amf.Value) (amf.Value, error) {
	wait, err := c.Start(name, args...)
	if err != nil {
		return nil, err
	}
	return wait(ctx)
}

type callAnswer struct {
	value amf.Value
	err   error
}

// Start sends a call to the client, so that calls started one after the other leave in this
// order, and returns what waits for the answer as Call does. wait must be called, once; it may
// be by another goroutine.
func (c *Client) Start(name string, args ...amf.Value) (wait func(ctx context.Context) (amf.Value, error), err error) {
	ch := make(chan callAnswer, 1)
	txn, err := c.calls.Add(func(v amf.Value, err error) { ch <- callAnswer{v, err} })
	if err != nil {
		return nil, err
	}
	if err := c.sendCall(txn, name, args); err != nil {
		c.calls.Remove(txn)
		return nil, err
	}
	return func(ctx context.Context) (amf.Value, error) {
		defer c.calls.Remove(txn)
		ctx, cancel := context.WithTimeout(ctx, c.server.limits.CallTimeout)
		defer cancel()
		select {
		case a := <-ch:
			return a.value, a.err
		case <-ctx.Done():
		case <-c.Context().Done():
		}
		return nil, c.noAnswer(ctx, name)
	}, nil
}

// CallFunc sends a call to the client and does not wait: done is called once, with what Call would return, by another goroutine, which
// it must not keep. When CallFunc returns an error, done is not called.
func (c *Client) CallFunc(ctx context.Context, done func(amf.Value, error), name string, args ...amf.Value) error {
	ctx, cancel := context.WithTimeout(ctx, c.server.limits.CallTimeout)
	txn, err := c.calls.Add(func(v amf.Value, err error) { cancel(); done(v, err) })
	if err != nil {
		cancel()
		return err
	}
	unlink := context.AfterFunc(c.Context(), cancel)
	context.AfterFunc(ctx, func() {
		unlink()
		if c.calls.Remove(txn) {
			done(nil, c.noAnswer(ctx, name))
		}
	})
	if err := c.sendCall(txn, name, args); err != nil && c.calls.Remove(txn) {
		cancel()
		return err
	}
	return nil
}

func (c *Client) sendCall(txn float64, name string, args []amf.Value) error {
	return c.conn.SendCommand(&rtmp.Command{Name: name, Transaction: txn, Args: args, AMF3: c.amf3.Load()})
}

func (c *Client) noAnswer(ctx context.Context, name string) error {
	if c.Context().Err() != nil {
		return status.Newf(status.CallFailed, "No answer to %s: the connection ended.", name)
	}
	return status.Newf(status.CallFailed, "No answer to %s: %v.", name, context.Cause(ctx))
}

// Notify calls a method of the client and wants no answer.
func (c *Client) Notify(name string, args ...amf.Value) error { return c.sendCall(0, name, args) }

// NotifyAll calls a method of many clients and wants no answer. It waits for nobody: each client has a queue of its own, and one
// that does not read loses its connection in the end (control_queue_bytes). It is encoded once. sent is how many clients
// it is on its way to, the others' connections have ended; the error says that AMF cannot carry an argument.
func NotifyAll(clients []*Client, name string, args ...amf.Value) (sent int, err error) {
	var encoded [2]*rtmp.Message
	for _, c := range clients {
		version := 0
		if c.amf3.Load() {
			version = 1
		}
		if encoded[version] == nil {
			if encoded[version], err = (&rtmp.Command{Name: name, Args: args, AMF3: version == 1}).Message(); err != nil {
				return sent, err
			}
		}
		if c.conn.Send(encoded[version]) == nil {
			sent++
		}
	}
	return sent, nil
}

// Sharer is a session that lets its client use shared objects. Share decides about each use of one and says which hub it is in;
// there it belongs to the client's instance. The error is the reply: a *status.Status goes out with its code and level, for
// the event has no room for a description; any other error becomes SharedObject.NoReadAccess.
type Sharer interface {
	Share(ctx context.Context, r *ShareRequest) (*sharedobject.Hub, error)
}

// ShareRequest asks to use a shared object. The handler may take away Write and Create.
type ShareRequest struct {
	Client     *Client
	Name       string
	Persistent bool
	Write      bool // the client may change the object; true
	Create     bool // the object may be made when it is not there; true
}

// ShareAll lets everyone use all objects of a hub, for LiveOptions.Share.
func ShareAll(h *sharedobject.Hub) func(context.Context, *ShareRequest) (*sharedobject.Hub, error) {
	return func(context.Context, *ShareRequest) (*sharedobject.Hub, error) { return h, nil }
}

// errNoSharing is why a client of an application without shared objects is refused.
var errNoSharing = errors.New("the application has no shared objects")

// Sharing lists the shared objects that the client uses.
func (c *Client) Sharing() []string { return c.shares.Uses() }

func (c *Client) newShares() *sharedobject.Client {
	return sharedobject.NewClient(sharedobject.ClientOptions{
		Send: c.sendShared, Admit: c.admitToObject, Refused: c.refusedObject, Limits: c.server.limits.SharedObject,
	})
}

// sendShared queues a shared object message. Flash Player has no wish as to its chunk stream; rtmp-client reads them on the
// one of commands only.
func (c *Client) sendShared(payload []byte, amf3 bool) {
	m := &rtmp.Message{Type: rtmp.TypeSharedObjectAMF0, CSID: rtmp.CSIDCommand, Payload: payload}
	if amf3 {
		m.Type = rtmp.TypeSharedObjectAMF3
	}
	_ = c.conn.Send(m) // a lost connection ends elsewhere
}

// sharedObject reads a message and queues it among the commands: what a client did before holds for what it does next.
func (c *Client) sharedObject(m *rtmp.Message) error {
	l := sharedobject.ParseLimits{Events: c.server.limits.SharedObject.EventCount, AMF: c.amfLimits()}
	parsed, err := sharedobject.Parse(m.Payload, m.Type == rtmp.TypeSharedObjectAMF3, l)
	if err != nil {
		rule := amfOption(err)
		if errors.Is(err, sharedobject.ErrEvents) {
			rule = "shared_object_events"
		}
		c.refused(&Refusal{Stage: StageShare, Cause: CauseEncoding, Rule: rule, Err: err})
		return c.conn.CountUnknown()
	}
	in := &sharedobject.Incoming{Message: parsed, AMF3: m.Type == rtmp.TypeSharedObjectAMF3, Size: len(m.Payload)}
	return c.cmds.push(c, queuedCommand{shared: in, bytes: len(m.Payload)})
}

// share runs one message in the commands goroutine.
func (c *Client) share(m *sharedobject.Incoming) {
	defer c.crashed()
	if !c.connected {
		c.refused(&Refusal{Stage: StageShare, Cause: CauseMalformed, Rule: "connect must come first"})
		return
	}
	_ = c.shares.Receive(c.Context(), *m) // its error is the end of the connection
}

// shareRefusal is a refusal on its way through package sharedobject.
type shareRefusal struct{ *Refusal }

// StatusEvent implements sharedobject.CodedError.
func (r shareRefusal) StatusEvent() (code, level string) {
	return string(r.Status.Code), string(r.Status.Object().String("level"))
}

func (c *Client) admitToObject(_ context.Context, r sharedobject.Request) (sharedobject.Grant, error) {
	fallback := status.For(status.SharedObjectNoReadAccess, r.Name)
	sharer, ok := c.session.(Sharer)
	if !ok {
		return sharedobject.Grant{}, shareRefusal{&Refusal{Stage: StageShare, Cause: CauseNoAbility, Status: fallback, Err: errNoSharing}}
	}
	req := &ShareRequest{Client: c, Name: r.Name, Persistent: r.Persistent, Write: true, Create: true}
	late := func() { c.server.Log.Warn("Share takes too long", "session", c.ID, "object", shorten(r.Name, 64)) }
	hub, err := guard(c, late, func(ctx context.Context) (*sharedobject.Hub, error) { return sharer.Share(ctx, req) })
	if err == nil && hub == nil {
		err = errNoSharing
	}
	if err != nil {
		refusal := refusalOf(StageShare, err, fallback)
		if errors.Is(err, errNoSharing) {
			refusal.Cause = CauseNoAbility
		}
		return sharedobject.Grant{}, shareRefusal{refusal}
	}
	c.watch.active()
	return sharedobject.Grant{Hub: hub, Instance: c.Instance, Write: req.Write, Create: req.Create}, nil
}

// refusedObject records what package sharedobject refused and the client was told.
func (c *Client) refusedObject(r *sharedobject.Refusal) {
	var own shareRefusal
	if errors.As(r.Err, &own) {
		own.Stream = redact(r.Name)
		own.stream = r.Name
		c.refused(own.Refusal)
		return
	}
	code := status.SharedObjectObjectCreationFailed
	switch r.Code {
	case sharedobject.NoWriteAccess:
		code = status.SharedObjectNoWriteAccess
	case sharedobject.BadPersistence:
		code = status.SharedObjectBadPersistence
	}
	refusal := &Refusal{
		Stage: StageShare, Cause: CauseFailed, Status: status.For(code, r.Name), Stream: redact(r.Name), stream: r.Name, Err: r.Err,
	}
	var limit *sharedobject.LimitError
	var name *sharedobject.NameError
	switch {
	case errors.As(r.Err, &limit):
		refusal.Cause, refusal.Rule = CauseLimit, limit.Option
	case errors.As(r.Err, &name):
		refusal.Cause = CauseBadName
	case errors.Is(r.Err, sharedobject.ErrPersistence), errors.Is(r.Err, sharedobject.ErrNotUsed):
		refusal.Cause = CauseMalformed
	case errors.Is(r.Err, sharedobject.ErrNoObject), errors.Is(r.Err, sharedobject.ErrNoWriteAccess):
		refusal.Cause = CausePolicy
	case errors.Is(r.Err, sharedobject.ErrNoStore):
		refusal.Cause = CauseNoAbility
	case errors.Is(r.Err, sharedobject.ErrHubClosed):
		refusal.Cause = CauseShutdown
	}
	c.refused(refusal)
}
