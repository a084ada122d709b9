package script

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/dop251/goja"

	"penstock/amf"
	"penstock/app"
	"penstock/bandwidth"
	"penstock/status"
)

// client is a client as a script knows it.
type client struct {
	in   *instance
	app  *app.Client
	this *goja.Object // (loop)

	args     []goja.Value // (loop) of connect, until it is answered
	answered bool         // (loop) connect is answered
	accepted bool         // (loop) with yes: the script will hear of the end
	verdict  chan error   // capacity 1: what connect is answered

	measuring atomic.Bool // checkBandwidth is at work

	// What the script sent before the answer to connect, and what it sends after, in order.
	sending sync.Mutex // held while it is sent, so that it stays in order
	mu      sync.Mutex // guards out
	out     []func()
	ready   chan struct{} // capacity 1: out has something

	streams sync.WaitGroup // onUnpublish that have not been called
}

// resolve answers connect; the first answer counts. (loop)
func (c *client) resolve(err error) {
	if !c.answered {
		if c.answered, c.accepted = true, err == nil; c.accepted {
			c.in.tally.accepted(c.app)
		}
		c.verdict <- err
	}
}

// decide answers connect with what the script says, which then hears of it when what it is doing is through: onConnectAccept(client, …) or
// onConnectReject(client, …), unless the scripts of the components framework are there, which call these themselves. (loop)
func (c *client) decide(err error) {
	if c.answered {
		return
	}
	c.resolve(err)
	name := "onConnectAccept"
	if err != nil {
		name = "onConnectReject"
	}
	args := append([]goja.Value{c.this}, c.args...)
	c.args = nil
	c.in.after = append(c.in.after, func() {
		if framework := c.in.vm.Get("gFrameworkFC"); framework == nil || goja.IsUndefined(framework) {
			_, _ = c.in.callGlobal(name, args...)
		}
	})
}

// connect makes the client known to the script, and waits for what it says about it.
func (in *instance) connect(ctx context.Context, ac *app.Client, args []amf.Value) (*Session, error) {
	c := &client{in: in, app: ac, verdict: make(chan error, 1), ready: make(chan struct{}, 1)}
	err := in.do(ctx, func() { in.introduce(c, args) })
	if errors.Is(err, errGone) {
		return c.final()
	}
	if err != nil {
		go in.deliver(func() { in.left(c) }) // after introduce, which may have been in the queue
		return nil, err
	}
	select {
	case err := <-c.verdict:
		return c.judged(err)
	case <-in.done:
		return c.final()
	case <-ctx.Done():
		go in.deliver(func() { in.left(c) })
		return nil, context.Cause(ctx)
	}
}

// final is what the script said before its instance ended.
func (c *client) final() (*Session, error) {
	select {
	case err := <-c.verdict:
		return c.judged(err)
	default:
		return nil, errGone
	}
}

func (c *client) judged(err error) (*Session, error) {
	if err != nil {
		c.in.tally.refused()
		go c.in.deliver(func() { c.in.left(c) })
		return nil, err
	}
	go c.send()
	return &Session{c}, nil
}

// send sends what the script wants sent, once connect has been answered. It ends with the connection.
func (c *client) send() {
	gone := c.app.Context().Done()
	select {
	case <-c.app.Answered():
	case <-gone:
		return
	}
	for {
		select {
		case <-c.ready:
		case <-gone:
			return
		}
		c.flush()
	}
}

// flush sends what the script has said so far. Nothing in it waits for the client.
func (c *client) flush() {
	c.sending.Lock()
	defer c.sending.Unlock()
	c.mu.Lock()
	out := c.out
	c.out = nil
	c.mu.Unlock()
	for _, f := range out {
		f()
	}
}

// introduce makes the client's object and asks onConnect. (loop)
func (in *instance) introduce(c *client, args []amf.Value) {
	if c.app.Context().Err() != nil {
		c.resolve(context.Cause(c.app.Context()))
		return
	}
	var list []goja.Value
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
		c.args = in.values(args)
		list = append([]goja.Value{c.this}, c.args...)
		if f, ok := goja.AssertFunction(in.global.Get("onConnect")); !ok || f == nil {
			c.decide(nil)
		}
		return nil
	})
	if err != nil {
		c.resolve(status.New(status.ConnectFailed, "The application failed."))
		return
	}
	in.clients[c.app], in.byThis[c.this] = c, c
	if c.answered { // there is no onConnect
		return
	}
	v, err := in.callGlobal("onConnect", list...)
	switch {
	case err != nil:
		c.resolve(status.New(status.ConnectFailed, "The application failed."))
	case goja.IsUndefined(v), goja.IsNull(v): // it says so later, by acceptConnection or rejectConnection, or has done so
	case v.ToBoolean():
		c.decide(nil)
	default:
		c.decide(app.Reject("", nil))
	}
}

// left tells the script that a client it accepted has left, and forgets it. (loop)
func (in *instance) left(c *client) {
	if c.accepted && in.clients[c.app] == c {
		_, _ = in.callGlobal("onDisconnect", c.this)
		in.tally.left(c.app)
	}
	c.resolve(errGone) // nobody asks any more
	delete(in.clients, c.app)
	delete(in.byThis, c.this)
	in.waitIdle()
}

// find is the client that a script's object stands for; nil when it is none, or has left. (loop)
func (in *instance) find(v goja.Value) *client {
	o, _ := v.(*goja.Object)
	return in.byThis[o]
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
	// Scripts keep clients in lists and meet those that have left there: that is no error, and answered with what is given first.
	for name, m := range map[string]struct {
		gone any
		f    func(*client, goja.FunctionCall) any
	}{
		"call": {false, func(c *client, f goja.FunctionCall) any { return in.callClient(c, f) }},
		"getStats": {goja.Undefined(), func(c *client, _ goja.FunctionCall) any {
			return map[string]any{"bytes_in": c.app.BytesRead(), "bytes_out": c.app.BytesWritten(), "msg_dropped": c.app.QueueDrops()}
		}},
		"ping":              {false, func(c *client, _ goja.FunctionCall) any { return c.app.Context().Err() == nil }},
		"getBandwidthLimit": {0, func(*client, goja.FunctionCall) any { return 0 }},
		"setBandwidthLimit": {false, func(*client, goja.FunctionCall) any { return false }},
		"checkBandwidth": {goja.Undefined(), func(c *client, _ goja.FunctionCall) any {
			c.queue(func() { in.measure(c) })
			return goja.Undefined()
		}},
	} {
		if err := in.native.Set(name, func(call goja.FunctionCall) goja.Value {
			if c := in.find(call.This); c != nil {
				return vm.ToValue(m.f(c, call))
			}
			return vm.ToValue(m.gone)
		}); err != nil {
			return err
		}
	}
	return vm.Set("Client", constructor)
}

// maxOut is how many messages may wait for one client before it has to take them.
const maxOut = 8192

// queue sends something in order, after connect has been answered. A client that does not keep up is ended rather than lied to.
func (c *client) queue(f func()) {
	c.mu.Lock()
	full := len(c.out) >= maxOut
	if !full {
		c.out = append(c.out, f)
	}
	c.mu.Unlock()
	if full {
		c.in.log.Warn("a client is ended, it does not keep up with what the script sends", "session", c.app.ID, "max", maxOut)
		c.app.Disconnect(status.New(status.ConnectClosed, "You do not keep up with what the application sends."))
		return
	}
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// measure is checkBandwidth: onBWCheck with known amounts, and then onBWDone. One at a time, since two would measure each other.
func (in *instance) measure(c *client) {
	if !c.measuring.CompareAndSwap(false, true) {
		return
	}
	go func() { // ends with the answers, their time-out or the connection
		defer c.measuring.Store(false)
		if r, err := bandwidth.Check(c.app.Context(), c.app, bandwidth.Options{}); err == nil {
			_ = c.app.Notify("onBWDone", r.Args()...)
		}
	}()
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
			in.deliver(func() { in.respond(responder, nil, err) })
			return
		}
		go func() { // ends with the answer, its time-out or the connection
			v, err := wait(c.app.Context())
			in.deliver(func() { in.respond(responder, v, err) })
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
	_ = in.enter("responder."+method, func() error {
		f, ok := goja.AssertFunction(responder.Get(method))
		if !ok {
			return nil
		}
		_, err := f(responder, in.toScript(v))
		return err
	})
}
