package script

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

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

// Bounds of what a script asks of other servers.
const (
	maxRequests    = 32 // of one instance at a time
	maxAnswerBytes = 1 << 20
	maxHeaders     = 64 // of one request
	requestTime    = 10 * time.Second
)

// setRequests makes request(method, url, body, [type, header, value, …], done) for the prelude: it calls done(text, status, bytes), text
// and bytes undefined when there is none. (loop)
func (in *instance) setRequests(native *goja.Object) error {
	running := 0 // (loop)
	return native.Set("request", func(f goja.FunctionCall) goja.Value {
		done, ok := goja.AssertFunction(f.Argument(4))
		if !ok {
			panic(in.vm.NewTypeError("there is nobody to tell the answer"))
		}
		ctx, cancel := context.WithTimeout(in.context, requestTime)
		r, err := in.request(ctx, f)
		if err == nil && running >= maxRequests {
			err = fmt.Errorf("%d requests are under way, which is the most", running)
		}
		url := f.Argument(1).String()
		if err != nil {
			cancel()
			in.log.Warn("a script's request", "url", url, "error", err)
			return in.vm.ToValue(false)
		}
		running++
		in.helpers.Go(func() {
			defer cancel()
			text, code, err := fetch(r)
			in.deliver(func() {
				running--
				if err != nil {
					in.log.Warn("a script's request", "url", url, "error", err)
				}
				_ = in.enter("onLoad", func() error {
					answer, bytes := goja.Undefined(), goja.Undefined()
					if err == nil {
						answer, bytes = in.vm.ToValue(text), in.vm.ToValue(len(text))
					}
					_, err := done(goja.Undefined(), answer, in.vm.ToValue(code), bytes)
					return err
				})
			})
		})
		return in.vm.ToValue(true)
	})
}

// request makes a request of what the prelude gives. (loop)
func (in *instance) request(ctx context.Context, f goja.FunctionCall) (*http.Request, error) {
	var body io.Reader
	if b := f.Argument(2); !goja.IsUndefined(b) {
		body = strings.NewReader(b.String())
	}
	r, err := http.NewRequestWithContext(ctx, f.Argument(0).String(), f.Argument(1).String(), body)
	if err != nil {
		return nil, err
	}
	var words []string
	if err := in.vm.ExportTo(f.Argument(3), &words); err != nil || len(words) == 0 {
		return nil, errors.New("the request has no type")
	}
	if body != nil {
		r.Header.Set("Content-Type", words[0])
	}
	if len(words)/2 > maxHeaders {
		return nil, fmt.Errorf("the request has more than %d headers", maxHeaders)
	}
	for i := 1; i+1 < len(words); i += 2 {
		r.Header.Set(words[i], words[i+1]) // the client itself refuses what is no header
	}
	return r, nil
}

// fetch returns the text of an answer that is a success.
func fetch(r *http.Request) (text string, code int, err error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
	case len(b) > maxAnswerBytes:
		err = fmt.Errorf("the answer has more than %d bytes", maxAnswerBytes)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		err = errors.New(resp.Status)
	}
	return string(b), resp.StatusCode, err
}
