package script

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/dop251/goja"

	"penstock/amf"
	"penstock/app"
	"penstock/status"
)

//go:embed prelude.js
var prelude string

//go:embed guard.js
var guards string

//go:embed xml.js
var xmlClass string

// BoundRegexps bounds the time of one match of every regular expression in the process: the engine cannot be interrupted within one.
// Call it once, before any script runs.
func BoundRegexps(d time.Duration) { regexp2.DefaultMatchTimeout = d }

// minInterval is the shortest time of a timer.
const minInterval = 10 * time.Millisecond

// maxTimers is how many timers an instance may have.
const maxTimers = 10_000

// setUp gives the script what it expects to find. (loop)
func (in *instance) setUp() error {
	vm := in.vm
	if err := in.setClient(); err != nil {
		return err
	}
	if err := in.runPrelude(); err != nil {
		return err
	}
	in.global = vm.NewObject()
	host, _ := os.Hostname()
	sets := map[string]any{
		"name": in.app.name + "/" + in.name, "hostname": host, "server": "Penstock",
		"acceptConnection":   in.acceptConnection,
		"rejectConnection":   in.rejectConnection,
		"redirectConnection": in.redirectConnection,
		"disconnect":         in.disconnect,
		"broadcastMsg":       in.broadcastMsg,
		"shutdown":           func(goja.FunctionCall) goja.Value { in.over = endShutdown; return vm.ToValue(true) },
		"gc":                 func(goja.FunctionCall) goja.Value { return goja.Undefined() },
		"getStats":           in.getStats,
		"clearSharedObjects": in.clearSharedObjects,
		"clearStreams":       func(goja.FunctionCall) goja.Value { return vm.ToValue(false) }, // nothing is recorded
		"registerClass":      in.registerClass, "registerProxy": in.registerProxy,
		"config": in.config(), "allowDebug": false,
	}
	for name, v := range sets {
		if err := in.global.Set(name, v); err != nil {
			return err
		}
	}
	get := vm.ToValue(func(goja.FunctionCall) goja.Value { return in.clientList() })
	if err := in.global.DefineAccessorProperty("clients", get, nil, goja.FLAG_FALSE, goja.FLAG_TRUE); err != nil {
		return err
	}
	for name, v := range map[string]any{
		"application": in.global, "trace": in.trace, "load": in.load,
		"setInterval": in.setTimer(true), "setTimeout": in.setTimer(false), "clearInterval": in.clearTimer, "clearTimeout": in.clearTimer,
	} {
		if err := vm.Set(name, v); err != nil {
			return err
		}
	}
	for _, set := range []func() error{in.setSharedObject, in.setFile, in.setNetConnection, in.setStream} {
		if err := set(); err != nil {
			return err
		}
	}
	return nil
}

// runPrelude runs what of the script's world is written in JavaScript. (loop)
func (in *instance) runPrelude() error {
	native := in.vm.NewObject()
	for name, v := range map[string]any{"base": in.native, "parseXML": in.parseXML, "nestsTooDeep": in.nestsTooDeep, "counted": in.counted} {
		if err := native.Set(name, v); err != nil {
			return err
		}
	}
	if err := in.setRequests(native); err != nil {
		return err
	}
	for _, text := range []struct{ name, text string }{{"prelude", prelude}, {"xml", xmlClass}, {"guard", guards}} {
		v, err := in.vm.RunScript(text.name, text.text)
		if err != nil {
			return err
		}
		f, ok := goja.AssertFunction(v)
		if !ok {
			return errors.New("the prelude is no function")
		}
		if _, err = f(goja.Undefined(), native); err != nil {
			return err
		}
	}
	in.method, _ = goja.AssertFunction(native.Get("method"))
	in.xml, in.xmlNode = native.Get("xml").ToObject(in.vm), native.Get("xmlNode").ToObject(in.vm)
	return nil
}

// attach gives an object of the script's its Go side, which lives as long as it. (loop)
func (in *instance) attach(o *goja.Object, side any) {
	if err := o.DefineDataPropertySymbol(in.side, in.vm.ToValue(side), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE); err != nil {
		panic(in.thrown(err))
	}
}

// attached is what attach gave; nil when it is something else. (loop)
func (in *instance) attached(v goja.Value) any {
	o, ok := v.(*goja.Object)
	if !ok {
		return nil
	}
	side := o.GetSymbol(in.side)
	if side == nil {
		return nil
	}
	return side.Export()
}

func (in *instance) clientList() goja.Value {
	list := make([]any, 0, len(in.clients))
	for _, c := range in.clients {
		if c.accepted {
			list = append(list, c.this)
		}
	}
	return in.vm.ToValue(in.vm.NewArray(list...))
}

func (in *instance) acceptConnection(f goja.FunctionCall) goja.Value {
	c := in.find(f.Argument(0))
	if c == nil || c.answered {
		return in.vm.ToValue(false) // it has left, or was answered before
	}
	c.decide(nil)
	return in.vm.ToValue(true)
}

// rejectConnection is rejectConnection(client, errorObject): the object is what the client finds as application.
func (in *instance) rejectConnection(f goja.FunctionCall) goja.Value {
	c := in.find(f.Argument(0))
	if c == nil {
		return in.vm.ToValue(false)
	}
	var v amf.Value
	if len(f.Arguments) > 1 {
		var err error
		if v, err = in.fromScript(f.Argument(1)); err != nil {
			panic(in.vm.NewTypeError(err.Error()))
		}
	}
	description := ""
	if o, ok := v.(*amf.Object); ok {
		description = o.String("message")
	}
	c.decide(app.Reject(description, v))
	return goja.Undefined()
}

// redirectConnection is redirectConnection(client, url, description, errorObject).
func (in *instance) redirectConnection(f goja.FunctionCall) goja.Value {
	c := in.find(f.Argument(0))
	if c == nil {
		return in.vm.ToValue(false)
	}
	s := app.Redirect(f.Argument(1).String())
	if d := f.Argument(2); !goja.IsUndefined(d) && !goja.IsNull(d) {
		s.Description = d.String()
	}
	if len(f.Arguments) > 3 {
		v, err := in.fromScript(f.Argument(3))
		if err != nil {
			panic(in.vm.NewTypeError(err.Error()))
		}
		s = s.With("application", v)
	}
	c.decide(s)
	return goja.Undefined()
}

func (in *instance) disconnect(f goja.FunctionCall) goja.Value {
	c := in.find(f.Argument(0))
	if c == nil {
		return in.vm.ToValue(false)
	}
	c.resolve(app.Reject("", nil)) // when it is not in yet
	c.queue(func() { c.app.Disconnect(nil) })
	return in.vm.ToValue(true)
}

// broadcastMsg calls a method of every client.
func (in *instance) broadcastMsg(f goja.FunctionCall) goja.Value {
	name := f.Argument(0).String()
	var rest []goja.Value
	if len(f.Arguments) > 1 {
		rest = f.Arguments[1:]
	}
	args, err := in.fromAll(rest)
	if err != nil {
		panic(in.vm.NewTypeError(err.Error()))
	}
	for _, c := range in.clients {
		if c.accepted {
			c.queue(func() { _ = c.app.Notify(name, args...) })
		}
	}
	return goja.Undefined()
}

func (in *instance) getStats(goja.FunctionCall) goja.Value {
	var read, written uint64
	connected := 0
	for _, c := range in.clients {
		if c.accepted {
			connected++
		}
		read += c.app.BytesRead()
		written += c.app.BytesWritten()
	}
	return in.vm.ToValue(map[string]any{
		"launchTime": in.born.UnixMilli(), "up_time": int64(time.Since(in.born).Seconds()), "connected": connected,
		"bytes_in": read, "bytes_out": written,
	})
}

// trace writes to the log, as the live log of Flash Media Server did.
func (in *instance) trace(f goja.FunctionCall) goja.Value {
	words := make([]string, len(f.Arguments))
	for i, a := range f.Arguments {
		words[i] = a.String()
	}
	text := strings.Join(words, " ")
	const most = 4096
	if len(text) > most {
		text = text[:most] + "…"
	}
	in.log.Info("trace", "says", text)
	return goja.Undefined()
}

// load runs another file of the application's folder.
func (in *instance) load(f goja.FunctionCall) goja.Value {
	name := f.Argument(0).String()
	program, err := in.read(name)
	if err != nil {
		panic(in.vm.NewGoError(fmt.Errorf("load(%q): %w", name, err)))
	}
	if _, err := in.vm.RunProgram(program); err != nil {
		panic(err)
	}
	return in.vm.ToValue(true)
}

// setTimer is setInterval and setTimeout: (function, ms, …) or (object, "method", ms, …).
func (in *instance) setTimer(repeat bool) func(goja.FunctionCall) goja.Value {
	return func(f goja.FunctionCall) goja.Value {
		this, args := goja.Value(goja.Undefined()), f.Arguments
		callee, ok := goja.AssertFunction(f.Argument(0))
		if !ok {
			o, isObject := f.Argument(0).(*goja.Object)
			if !isObject {
				panic(in.vm.NewTypeError("the first argument is neither a function nor an object"))
			}
			if callee, ok = goja.AssertFunction(o.Get(f.Argument(1).String())); !ok {
				panic(in.vm.NewTypeError("the object has no such method"))
			}
			this, args = o, args[1:]
		}
		if len(in.timers) >= maxTimers {
			panic(in.vm.NewTypeError("too many timers"))
		}
		d := minInterval
		if len(args) > 1 {
			d = max(d, time.Duration(args[1].ToInteger())*time.Millisecond)
		}
		var rest []goja.Value
		if len(args) > 2 {
			rest = args[2:]
		}
		return in.vm.ToValue(in.every(d, repeat, func() {
			_ = in.enter("timer", func() error {
				_, err := callee(this, rest...)
				return err
			})
		}))
	}
}

func (in *instance) clearTimer(f goja.FunctionCall) goja.Value {
	in.clear(f.Argument(0).ToInteger())
	return goja.Undefined()
}

// thrown makes a Go error a script's exception, in words.
func (in *instance) thrown(err error) goja.Value {
	if s, ok := status.Of(err); ok {
		return in.vm.NewTypeError(s.Error())
	}
	return in.vm.NewTypeError(err.Error())
}
