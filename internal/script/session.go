package script

import (
	"context"
	"errors"

	"github.com/dop251/goja"

	"penstock/amf"
	"penstock/app"
	"penstock/sharedobject"
	"penstock/status"
)

// Session is an accepted client. Its methods are those of package app's abilities.
type Session struct{ c *client }

// Close tells the script that the client has left.
func (s *Session) Close(error) {
	s.c.streams.Wait() // onUnpublish comes first
	s.c.in.deliver(func() { s.c.in.left(s.c) })
}

// Call calls the method of that name of the client's object or of Client.prototype, or __resolve's.
func (s *Session) Call(ctx context.Context, name string, args []amf.Value) (result amf.Value, err error) {
	in := s.c.in
	var elsewhere func(context.Context) (amf.Value, error)
	gone := in.do(ctx, func() {
		if elsewhere = in.proxied(name, args); elsewhere == nil {
			result, err = in.callMethod(s.c, name, args)
		}
	})
	if gone != nil {
		return nil, gone
	}
	if elsewhere != nil {
		result, err = elsewhere(ctx)
	}
	s.c.flush() // what the method said to its caller comes before its answer
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
	ended, name := r.Ended, r.Name
	s.c.streams.Add(1)
	r.Ended = func(e app.StreamEnd) {
		if ended != nil {
			ended(e)
		}
		go func() { // it must not wait here
			defer s.c.streams.Done()
			in.deliver(func() { in.askStream(s.c, "onUnpublish", name) })
		}()
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
	return !isFalse(v)
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
	allowed := false
	err := c.in.enter(property, func() error {
		if v := c.this.Get(property); v != nil && !goja.IsUndefined(v) && !goja.IsNull(v) {
			allowed = sharedobject.ParsePaths(v.String()).Allow(name)
		}
		return nil
	})
	return allowed && err == nil
}

// proxy is who answers a method in the script's place: a Client, or a NetConnection.
type proxy struct {
	to     *goja.Object
	method string
}

// registerProxy is application.registerProxy(method, proxyConnection, proxyMethod); null takes it back.
func (in *instance) registerProxy(f goja.FunctionCall) goja.Value {
	name, method := f.Argument(0).String(), f.Argument(0).String()
	to, ok := f.Argument(1).(*goja.Object)
	if !ok {
		delete(in.proxies, name)
		return goja.Undefined()
	}
	if m := f.Argument(2); !goja.IsUndefined(m) && !goja.IsNull(m) {
		method = m.String()
	}
	if _, is := in.attached(to).(*connection); !is && in.find(to) == nil || len(in.proxies) >= maxClasses {
		panic(in.vm.NewTypeError("a proxy is a client that is there or a NetConnection"))
	}
	in.proxies[name] = proxy{to, method}
	return goja.Undefined()
}

// proxied makes the call of a method that has a proxy. What it returns waits for the answer, outside of the loop; nil when there is none.
// (loop)
func (in *instance) proxied(name string, args []amf.Value) func(context.Context) (amf.Value, error) {
	p, ok := in.proxies[name]
	if !ok {
		return nil
	}
	failed := func(context.Context) (amf.Value, error) {
		return nil, status.Newf(status.CallFailed, "Failed to execute method (%s).", name)
	}
	if c := in.find(p.to); c != nil {
		return func(ctx context.Context) (amf.Value, error) { return c.app.Call(ctx, p.method, args...) }
	}
	c, _ := in.attached(p.to).(*connection)
	if c == nil || c.client == nil {
		return failed
	}
	wait, err := c.client.Start(p.method, args...)
	if err != nil {
		return failed
	}
	return wait
}
