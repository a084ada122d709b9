package sharedobject

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// Client is one client's end: the objects it uses, in whatever hubs. Receive is for one goroutine at a time; the other
// methods are safe for concurrent use.
type Client struct {
	o ClientOptions

	// Receive only: what the client may still send without waiting.
	tokens float64
	spent  time.Time

	mu     sync.Mutex
	uses   map[string]*attachment
	closed bool
}

// ClientOptions are what a Client needs of the connection it belongs to.
type ClientOptions struct {
	// Send queues the payload of a message of type 19, or 16 when amf3 is set. It must not block, nor use the hub or the Client;
	// it must not change the payload, which others are sent too.
	Send func(payload []byte, amf3 bool)
	// Admit is asked for each use of an object. An error refuses it, with the code NoReadAccess unless it is a CodedError.
	Admit func(ctx context.Context, r Request) (Grant, error)
	// Refused hears what was refused after the client was told. May be nil.
	Refused func(*Refusal)
	// Limits are those for one client.
	Limits Limits
}

// NewClient returns the end of a client.
func NewClient(o ClientOptions) *Client {
	o.Limits = o.Limits.WithDefaults()
	return &Client{o: o, tokens: 2 * o.Limits.UpdateRate}
}

// Request is a client's wish to use an object.
type Request struct {
	Name       string
	Persistent bool
}

// Grant is what a client is allowed: to use an object of this hub and instance, to change it, to make it when it is not
// there.
type Grant struct {
	Hub      *Hub
	Instance string
	Write    bool
	Create   bool
}

// Refusal is why a client was refused something of a shared object. Code is what it was told.
type Refusal struct {
	Name string // of the object
	Code string
	Err  error
}

func (r *Refusal) Error() string {
	return "sharedobject: " + r.Code + " for " + r.Name + ": " + r.Err.Error()
}

// Unwrap returns the reason.
func (r *Refusal) Unwrap() error { return r.Err }

// CodedError is an error that says which code and level the client is to be told.
type CodedError interface {
	error
	StatusEvent() (code, level string)
}

// Incoming is a message as it came.
type Incoming struct {
	*Message
	AMF3 bool // type 16
	Size int  // of the payload
}

// Receive takes a message. A client that sends more than it may is made to wait, as long as ctx lives; the only error is then ctx's.
// What is refused goes to the client, and to Refused.
func (c *Client) Receive(ctx context.Context, m Incoming) error {
	if err := c.pace(ctx); err != nil {
		return err
	}
	r := receiver{c: c, m: m}
	for rest := m.Events; len(rest) > 0; {
		switch rest[0].Type {
		case Use:
			r.use(ctx)
			rest = rest[1:]
		case Release:
			c.release(m.Name)
			rest = rest[1:]
		default:
			n := 1
			for n < len(rest) && rest[n].Type != Use && rest[n].Type != Release {
				n++
			}
			r.change(rest[:n])
			rest = rest[n:]
		}
	}
	return nil
}

// pace waits until the client may send.
func (c *Client) pace(ctx context.Context) error {
	now := time.Now()
	if !c.spent.IsZero() {
		c.tokens = min(2*c.o.Limits.UpdateRate, c.tokens+now.Sub(c.spent).Seconds()*c.o.Limits.UpdateRate)
	}
	c.spent = now
	c.tokens--
	if c.tokens >= 0 {
		return nil
	}
	t := time.NewTimer(time.Duration(-c.tokens / c.o.Limits.UpdateRate * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// receiver is one message being received.
type receiver struct {
	c *Client
	m Incoming
}

// refuse tells the client a code.
func (r *receiver) refuse(code string, err error) { r.tell(StatusEvent(code), err) }

func (r *receiver) tell(e Event, why error) {
	answer := Message{Name: r.m.Name, Flags: r.m.Flags & (FlagPersistent | FlagProxied), Events: []Event{e}}
	if b, err := answer.Append(nil, r.m.AMF3); err == nil {
		r.c.deliver(b, r.m.AMF3)
	}
	r.note(e.Code, why)
}

func (r *receiver) note(code string, err error) {
	if r.c.o.Refused != nil {
		r.c.o.Refused(&Refusal{Name: r.m.Name, Code: code, Err: err})
	}
}

func (r *receiver) use(ctx context.Context) {
	c, name := r.c, r.m.Name
	if a := c.using(name); a != nil {
		if a.live.obj.Persistent() != r.m.Persistent() {
			r.refuse(BadPersistence, ErrPersistence)
			return
		}
		c.release(name) // it asks anew: everything again
	}
	if err := over("shared_objects_per_client", c.count()+1, c.o.Limits.PerMember); err != nil {
		r.refuse(ObjectCreationFailed, err)
		return
	}
	g, err := c.o.Admit(ctx, Request{Name: name, Persistent: r.m.Persistent()})
	if err != nil {
		e := StatusEvent(NoReadAccess)
		var coded CodedError
		if errors.As(err, &coded) {
			e.Code, e.Level = coded.StatusEvent()
		}
		r.tell(e, err)
		return
	}
	l, err := g.Hub.open(ctx, place{g.Instance, name}, r.m.Persistent(), g.Create)
	if err != nil {
		r.refuse(codeOf(err), err)
		return
	}
	a := &attachment{
		id: g.Hub.nextID(), live: l, client: c, amf3: r.m.AMF3, proxied: r.m.Flags&FlagProxied != 0, write: g.Write,
	}
	if !c.keep(name, a) {
		l.detach(a)
		return
	}
	if err := l.receive(deferred{from: a, use: true, version: r.m.Version, size: r.m.Size}); err != nil {
		c.release(name)
		r.refuse(ObjectCreationFailed, err)
	}
}

// codeOf is the code for an object that cannot be used.
func codeOf(err error) string {
	if errors.Is(err, ErrPersistence) {
		return BadPersistence
	}
	return ObjectCreationFailed
}

func (r *receiver) change(events []Event) {
	a := r.c.using(r.m.Name)
	if a == nil {
		r.refuse(NoWriteAccess, ErrNotUsed)
		return
	}
	if err := a.live.receive(deferred{from: a, version: r.m.Version, events: events, size: r.m.Size}); err != nil {
		r.note(NoWriteAccess, err) // told in its place among the object's events
	}
}

func (c *Client) deliver(payload []byte, amf3 bool) { c.o.Send(payload, amf3) }

func (c *Client) using(name string) *attachment {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.uses[name]
}

func (c *Client) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.uses)
}

func (c *Client) keep(name string, a *attachment) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	if c.uses == nil {
		c.uses = make(map[string]*attachment)
	}
	c.uses[name] = a
	return true
}

func (c *Client) release(name string) {
	c.mu.Lock()
	a := c.uses[name]
	delete(c.uses, name)
	c.mu.Unlock()
	if a != nil {
		a.live.detach(a)
	}
}

// InUse reports whether the client uses any object.
func (c *Client) InUse() bool { return c.count() > 0 }

// Uses lists the names of the objects that the client uses.
func (c *Client) Uses() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.uses))
	for name := range c.uses {
		names = append(names, name)
	}
	return names
}

// Close ends every use. Nothing is sent after it has returned.
func (c *Client) Close() {
	c.mu.Lock()
	uses := c.uses
	c.uses, c.closed = nil, true
	c.mu.Unlock()
	for _, a := range uses {
		a.live.detach(a)
	}
}

// Paths are beginnings of objects' names, segment by segment: "room" is room and room/x, not roomy. "/" is all names.
type Paths []string

// ParsePaths reads paths divided by semicolons, as in a Flash Media Server client's readAccess and writeAccess.
func ParsePaths(s string) Paths {
	var p Paths
	for path := range strings.SplitSeq(s, ";") {
		if path = strings.TrimSpace(path); path != "" {
			p = append(p, path)
		}
	}
	return p
}

// Allow reports whether name is within one of the paths.
func (p Paths) Allow(name string) bool {
	for _, path := range p {
		path = strings.Trim(path, "/")
		rest, ok := strings.CutPrefix(name, path)
		if path == "" || ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}
