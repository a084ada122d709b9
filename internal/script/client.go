package script

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/dop251/goja"

	"penstock/amf"
	"penstock/app"
	"penstock/sharedobject"
	"penstock/status"
)

// client is a client as a script knows it.
type client struct {
	in   *instance
	app  *app.Client
	this *goja.Object // (loop)

	once    sync.Once
	verdict chan error // capacity 1: what connect is answered

	// What the script sent before the answer to connect, and what it sends after, in order. The goroutine that sends ends with the
	// connection.
	out chan func()
}

// resolve answers connect; the first answer counts.
func (c *client) resolve(err error) { c.once.Do(func() { c.verdict <- err }) }

// connect makes the client known to the script, and waits for what it says about it.
func (in *instance) connect(ctx context.Context, ac *app.Client, args []amf.Value) (*Session, error) {
	c := &client{in: in, app: ac, verdict: make(chan error, 1), out: make(chan func(), 256)}
	if err := in.do(ctx, func() { in.introduce(c, args) }); err != nil {
		return nil, err
	}
	select {
	case err := <-c.verdict:
		if err != nil {
			in.post(func() { in.drop(c) })
			return nil, err
		}
		go c.send()
		return &Session{c}, nil
	case <-in.done:
		return nil, errGone
	case <-ctx.Done():
		in.post(func() { in.drop(c) })
		return nil, context.Cause(ctx)
	}
}

// send sends what the script wants sent, once connect has been answered.
func (c *client) send() {
	gone := c.app.Context().Done()
	select {
	case <-c.app.Answered():
	case <-gone:
		return
	}
	for {
		select {
		case f := <-c.out:
			f()
		case <-gone:
			return
		}
	}
}

// introduce makes the client's object and asks onConnect. (loop)
func (in *instance) introduce(c *client, args []amf.Value) {
	err := in.enter("a new client", func() error {
		c.this = in.vm.CreateObject(in.proto)
		ip, _, _ := net.SplitHostPort(c.app.Addr.String())
		protocol := "rtmp"
		if c.app.Secure {
			protocol = "rtmps"
		}
		for name, v := range map[string]any{
			"id": c.app.ID, "ip": ip, "agent": c.app.FlashVer, "referrer": c.app.SWFURL, "pageUrl": c.app.PageURL, "uri": c.app.TCURL,
			"protocol": protocol, "secure": c.app.Secure, "readAccess": "/", "writeAccess": "/",
		} {
			if err := c.this.Set(name, v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		c.resolve(status.New(status.ConnectFailed, "The application failed."))
		return
	}
	in.clients[c.app], in.byThis[c.this] = c, c
	if _, ok := goja.AssertFunction(in.global.Get("onConnect")); !ok {
		c.resolve(nil)
		return
	}
	v, err := in.callGlobal("onConnect", append([]goja.Value{c.this}, in.values(args)...)...)
	switch {
	case err != nil:
		c.resolve(status.New(status.ConnectFailed, "The application failed."))
	case goja.IsUndefined(v), goja.IsNull(v): // it says so later, by acceptConnection or rejectConnection, or has done so
	case v.ToBoolean():
		c.resolve(nil)
	default:
		c.resolve(app.Reject("", nil))
	}
}

// drop forgets a client. (loop)
func (in *instance) drop(c *client) {
	delete(in.clients, c.app)
	delete(in.byThis, c.this)
	if len(in.clients) == 0 && in.idle == nil {
		in.idle = time.AfterFunc(in.app.o.Idle, func() {
			in.post(func() {
				if in.idle = nil; len(in.clients) == 0 {
					in.end("Application.GC")
				}
			})
		})
	}
}

// of is the client that a script's object stands for; a TypeError when it is none. (loop)
func (in *instance) of(v goja.Value) *client {
	if o, ok := v.(*goja.Object); ok {
		if c := in.byThis[o]; c != nil {
			return c
		}
	}
	panic(in.vm.NewTypeError("that is no client, or one that has left"))
}

// setClient gives clients the methods of server-side ActionScript. (loop)
func (in *instance) setClient() error {
	vm := in.vm
	constructor := vm.ToValue(func(goja.ConstructorCall) *goja.Object { return nil }).ToObject(vm)
	in.proto = constructor.Get("prototype").ToObject(vm)
	in.native = vm.NewObject()
	if err := in.proto.SetPrototype(in.native); err != nil {
		return err
	}
	methods := map[string]func(*client, goja.FunctionCall) goja.Value{
		"call": func(c *client, f goja.FunctionCall) goja.Value { return vm.ToValue(in.callClient(c, f)) },
		"getStats": func(c *client, _ goja.FunctionCall) goja.Value {
			return vm.ToValue(map[string]any{"bytes_in": c.app.BytesRead(), "bytes_out": c.app.BytesWritten(), "msg_dropped": c.app.QueueDrops()})
		},
		"getBandwidthLimit": func(*client, goja.FunctionCall) goja.Value { return vm.ToValue(0) },
	}
	for name, f := range methods {
		if err := in.native.Set(name, func(call goja.FunctionCall) goja.Value { return f(in.of(call.This), call) }); err != nil {
			return err
		}
	}
	return vm.Set("Client", constructor)
}

// queue sends something in order, after connect has been answered.
func (c *client) queue(f func()) {
	select {
	case c.out <- f:
	default:
		c.in.log.Warn("a message to a client is lost, it does not keep up", "session", c.app.ID)
	}
}

// callClient is client.call(method, responder, …): false when the client is gone. (loop)
func (in *instance) callClient(c *client, f goja.FunctionCall) bool {
	name := f.Argument(0).String()
	var rest []goja.Value
	if len(f.Arguments) > 2 {
		rest = f.Arguments[2:]
	}
	args, err := in.fromAll(rest)
	if err != nil {
		panic(in.vm.NewTypeError(err.Error()))
	}
	if c.app.Context().Err() != nil {
		return false
	}
	responder, _ := f.Argument(1).(*goja.Object)
	if responder == nil {
		c.queue(func() { _ = c.app.Notify(name, args...) })
		return true
	}
	c.queue(func() {
		wait, err := c.app.Start(name, args...)
		if err != nil {
			in.post(func() { in.respond(responder, nil, err) })
			return
		}
		go func() { // ends with the answer, its time-out or the connection
			v, err := wait(c.app.Context())
			in.post(func() { in.respond(responder, v, err) })
		}()
	})
	return true
}

// respond gives an answer to a responder: onResult(value) or onStatus(information object). (loop)
func (in *instance) respond(responder *goja.Object, v amf.Value, failed error) {
	method := "onResult"
	if failed != nil {
		method = "onStatus"
		s, ok := status.Of(failed)
		if !ok {
			s = status.New(status.CallFailed, "The call failed.")
		}
		v = s.Object()
	}
	f, ok := goja.AssertFunction(responder.Get(method))
	if !ok {
		return
	}
	_ = in.enter("responder."+method, func() error {
		_, err := f(responder, in.toScript(v))
		return err
	})
}

// Session is an accepted client. Its methods are those of package app's abilities.
type Session struct{ c *client }

// Close tells the script that the client has left.
func (s *Session) Close(error) {
	s.c.in.post(func() {
		_, _ = s.c.in.callGlobal("onDisconnect", s.c.this)
		s.c.in.drop(s.c)
	})
}

// Call calls the method of that name of the client's object or of Client.prototype, or __resolve's.
func (s *Session) Call(ctx context.Context, name string, args []amf.Value) (result amf.Value, err error) {
	in := s.c.in
	gone := in.do(ctx, func() { result, err = in.callMethod(s.c, name, args) })
	if gone != nil {
		return nil, gone
	}
	return result, err
}

var errScript = errors.New("the script failed, see the log")

func (in *instance) callMethod(c *client, name string, args []amf.Value) (result amf.Value, err error) {
	missing := false
	failed := in.enter("method "+name, func() error {
		v, err := in.method(goja.Undefined(), c.this, in.vm.ToValue(name))
		if err != nil {
			return err
		}
		f, ok := goja.AssertFunction(v)
		if !ok {
			resolve, has := goja.AssertFunction(c.this.Get("__resolve"))
			if !has {
				missing = true
				return nil
			}
			if v, err = resolve(c.this, in.vm.ToValue(name)); err != nil {
				return err
			}
			if f, ok = goja.AssertFunction(v); !ok {
				missing = true
				return nil
			}
		}
		if v, err = f(c.this, in.values(args)...); err != nil {
			return err
		}
		result, err = in.fromScript(v)
		return err
	})
	switch {
	case failed != nil:
		return nil, errScript
	case missing:
		return nil, app.ErrNoMethod
	}
	return result, nil
}

// Publish asks the client's writeAccess and application.onPublish, which may return false.
func (s *Session) Publish(ctx context.Context, r *app.PublishRequest) error {
	in, allowed := s.c.in, false
	err := in.do(ctx, func() {
		if allowed = s.c.access("writeAccess", r.Name); allowed {
			allowed = in.askStream(s.c, "onPublish", r.Name)
		}
	})
	if err != nil {
		return err
	}
	if !allowed {
		return &app.Refusal{Cause: app.CauseHandler, Rule: "script", Status: status.Newf(status.PublishDenied, "The application does not let you publish %s.", r.Name)}
	}
	ended := r.Ended
	r.Ended = func(e app.StreamEnd) {
		if ended != nil {
			ended(e)
		}
		in.post(func() { in.askStream(s.c, "onUnpublish", r.Name) })
	}
	return nil
}

// askStream calls onPublish or onUnpublish with the client and the stream; only false is no. (loop)
func (in *instance) askStream(c *client, handler, name string) bool {
	stream := in.vm.NewObject()
	_ = stream.Set("name", name)
	_ = stream.Set("type", "flv")
	v, err := in.callGlobal(handler, c.this, stream)
	if err != nil {
		return false
	}
	no, isBool := v.Export().(bool)
	return !isBool || no
}

// Play asks the client's readAccess.
func (s *Session) Play(ctx context.Context, r *app.PlayRequest) error {
	allowed := false
	if err := s.c.in.do(ctx, func() { allowed = s.c.access("readAccess", r.Name) }); err != nil {
		return err
	}
	if !allowed {
		return &app.Refusal{Cause: app.CauseHandler, Rule: "script", Status: status.Newf(status.PlayFailed, "The application does not let you play %s.", r.Name)}
	}
	return nil
}

// Share asks the client's readAccess and writeAccess.
func (s *Session) Share(ctx context.Context, r *app.ShareRequest) (*sharedobject.Hub, error) {
	read := false
	if err := s.c.in.do(ctx, func() {
		read = s.c.access("readAccess", r.Name)
		r.Write = s.c.access("writeAccess", r.Name)
		r.Create = r.Write
	}); err != nil {
		return nil, err
	}
	hub := s.c.in.app.o.Hub
	if !read || hub == nil {
		return nil, &app.Refusal{Cause: app.CauseHandler, Rule: "script"}
	}
	return hub, nil
}

// access tells whether one of the client's properties readAccess and writeAccess, beginnings of names separated by semicolons, has the
// name in it. (loop)
func (c *client) access(property, name string) bool {
	v := c.this.Get(property)
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return false
	}
	return sharedobject.ParsePaths(v.String()).Allow(name)
}
