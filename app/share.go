package app

import (
	"context"
	"errors"

	"penstock/rtmp"
	"penstock/sharedobject"
	"penstock/status"
)

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
		c.refused(&Refusal{Stage: StageShare, Cause: CauseEncoding, Rule: amfOption(err), Err: err})
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
