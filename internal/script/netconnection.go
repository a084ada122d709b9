package script

import (
	"context"
	"errors"
	"sync"

	"github.com/dop251/goja"

	"penstock/amf"
	"penstock/rtmp"
	"penstock/status"
)

// maxConnections is how many connections to other servers an instance may have.
const maxConnections = 64

// connection is a script's NetConnection to another server, or to this one.
type connection struct {
	in     *instance
	this   *goja.Object
	client *rtmp.Client       // (loop) nil until the server has let us in, and after the end
	cancel context.CancelFunc // (loop) ends it; nil when there is none
}

// setNetConnection makes NetConnection. (loop)
func (in *instance) setNetConnection() error {
	vm := in.vm
	constructor := vm.ToValue(func(f goja.ConstructorCall) *goja.Object {
		_ = f.This.Set("isConnected", false)
		in.attach(f.This, &connection{in: in, this: f.This})
		return nil
	}).ToObject(vm)
	proto := constructor.Get("prototype").ToObject(vm)
	for name, m := range map[string]func(*connection, goja.FunctionCall) bool{
		"connect": (*connection).connect,
		"call":    (*connection).call,
		"close":   func(c *connection, _ goja.FunctionCall) bool { c.close(); return true },
	} {
		if err := proto.Set(name, func(call goja.FunctionCall) goja.Value {
			c, ok := in.attached(call.This).(*connection)
			if !ok {
				panic(vm.NewTypeError("that is no NetConnection"))
			}
			return vm.ToValue(m(c, call))
		}); err != nil {
			return err
		}
	}
	return vm.Set("NetConnection", constructor)
}

// connect is connect(url, …): what becomes of it is told to onStatus.
func (c *connection) connect(f goja.FunctionCall) bool {
	in := c.in
	if in.connections >= maxConnections {
		panic(in.vm.NewTypeError("too many connections to other servers"))
	}
	c.close()
	var rest []goja.Value
	if len(f.Arguments) > 1 {
		rest = f.Arguments[1:]
	}
	args, err := in.fromAll(rest)
	if err != nil {
		panic(in.vm.NewTypeError(err.Error()))
	}
	url := f.Argument(0).String()
	_ = c.this.Set("uri", url)
	ctx, cancel := context.WithCancel(in.context)
	c.cancel = cancel
	in.connections++
	in.helpers.Go(func() {
		defer in.deliver(func() { in.connections-- })
		c.serve(ctx, url, args)
	})
	return true
}

// serve is the life of a connection. It ends with ctx or the connection.
func (c *connection) serve(ctx context.Context, url string, args []amf.Value) {
	var mu sync.Mutex // guards the rest, and keeps the order of what is told
	dialling := true
	var early []*status.Status
	client, err := rtmp.Dial(ctx, url, &rtmp.ClientConfig{
		FlashVer: "FlashCom/3.0.0 Penstock", Args: args, Handler: c.called(ctx),
		OnStatus: func(s *status.Status) {
			mu.Lock()
			defer mu.Unlock()
			if dialling {
				early = append(early, s)
				return
			}
			c.in.deliver(func() { c.tell(ctx, s) })
		},
	})
	mu.Lock()
	dialling = false
	c.in.deliver(func() {
		if err == nil && ctx.Err() == nil {
			c.client = client
			_ = c.this.Set("isConnected", true)
		}
		for _, s := range early {
			c.tell(ctx, s)
		}
	})
	mu.Unlock()
	if err != nil {
		return
	}
	select {
	case <-ctx.Done():
	case <-client.Done():
	}
	_ = client.Close()
}

// tell calls onStatus, not any more when the script has closed the connection or made another. (loop)
func (c *connection) tell(ctx context.Context, s *status.Status) {
	if ctx.Err() != nil {
		return
	}
	if s.Code == status.ConnectClosed {
		c.client = nil
		_ = c.this.Set("isConnected", false)
	}
	_ = c.in.enter("NetConnection.onStatus", func() error {
		if f, ok := goja.AssertFunction(c.this.Get("onStatus")); ok {
			_, err := f(c.this, c.in.toScript(s.Object()))
			return err
		}
		return nil
	})
}

// called lets the server call the methods that the script has set on the object, and no others.
func (c *connection) called(connection context.Context) func(context.Context, *rtmp.Command) (amf.Value, error) {
	return func(ctx context.Context, cmd *rtmp.Command) (result amf.Value, err error) {
		in := c.in
		gone := in.do(ctx, func() {
			if connection.Err() != nil {
				err = errGone
				return
			}
			failed := in.enter("NetConnection."+cmd.Name, func() error {
				f, ok := goja.AssertFunction(in.own(c.this, cmd.Name))
				if !ok {
					err = status.Newf(status.CallFailed, "Method not found (%s).", cmd.Name)
					return nil
				}
				v, thrown := f(c.this, in.values(cmd.Args)...)
				if thrown != nil {
					return thrown
				}
				result, thrown = in.fromScript(v)
				return thrown
			})
			err = errors.Join(err, failed)
		})
		return result, errors.Join(err, gone)
	}
}

// own is a property that the object has by itself. (loop)
func (in *instance) own(o *goja.Object, name string) goja.Value {
	for _, n := range o.GetOwnPropertyNames() {
		if n == name && name != "onStatus" {
			return o.Get(name)
		}
	}
	return goja.Undefined()
}

// call is call(method, responder, …).
func (c *connection) call(f goja.FunctionCall) bool {
	in, client := c.in, c.client
	if client == nil {
		return false
	}
	var rest []goja.Value
	if len(f.Arguments) > 2 {
		rest = f.Arguments[2:]
	}
	list, err := in.fromAll(rest)
	if err != nil {
		panic(in.vm.NewTypeError(err.Error()))
	}
	name := f.Argument(0).String()
	responder, _ := f.Argument(1).(*goja.Object)
	if responder == nil {
		return client.Notify(name, list...) == nil
	}
	wait, err := client.Start(name, list...)
	if err != nil {
		return false
	}
	in.helpers.Go(func() { // ends with the answer, the connection or the instance
		v, err := wait(in.context)
		in.deliver(func() { in.respond(responder, v, err) })
	})
	return true
}

// close ends the connection; the script hears no more of it. (loop)
func (c *connection) close() {
	if c.cancel == nil {
		return
	}
	c.cancel()
	c.cancel, c.client = nil, nil
	_ = c.this.Set("isConnected", false)
}
