package script

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/dop251/goja"

	"penstock/amf"
	"penstock/app"
	"penstock/playout"
	"penstock/status"
)

// instance is one engine with the goroutine that owns it. What is marked (loop) belongs to that goroutine.
type instance struct {
	app      *Application
	name     string
	log      *slog.Logger
	started  chan struct{} // closed when the script has run, or could not
	startErr error         // readable when started is closed
	events   chan func()
	done     chan struct{} // closed when the loop ends; nothing is executed afterwards
	ending   chan string   // capacity 1: why the instance shall end, from outside

	vm          *goja.Runtime // (loop)
	side        *goja.Symbol  // (loop) under which objects of the script have their Go side
	global      *goja.Object  // (loop) application
	proto       *goja.Object  // (loop) Client.prototype
	native      *goja.Object  // (loop) what Client.prototype inherits, which clients cannot call
	method      goja.Callable // (loop) finds the method that a client may call
	xml         *goja.Object  // (loop) XML
	xmlNode     *goja.Object  // (loop) XMLNode.prototype
	clients     map[*app.Client]*client
	byThis      map[*goja.Object]*client
	objects     map[*goja.Object]*object
	timers      map[int64]*timer
	timerID     int64
	classes     map[string]*goja.Object // (loop) constructors that the script has registered
	proxies     map[string]proxy        // (loop) by method
	after       []func()                // (loop) what follows the event that is being executed
	fatal       error                   // (loop) the script was stopped
	low         bool                    // (loop) it was said that memory runs short
	held        measure                 // (loop)
	over        string                  // (loop) why the instance ends when the event that is being executed is through
	telling     bool                    // (loop) application.onStatus is being told of an error
	born        time.Time
	streams     map[string]*stream   // (loop)
	channels    *playout.Channels    // what they publish; nil: nothing can be
	connections int                  // (loop) to other servers
	idle        *time.Timer          // (loop) ends an instance without clients
	files       map[string]time.Time // (loop) that were read, and when each was changed last

	context context.Context // ends with the loop: helpers stop at it
	cancel  context.CancelFunc
	helpers sync.WaitGroup // goroutines that fetch for the script; Application.Close waits for them

	tally tally

	inside  int        // (loop) how many enters have not come back
	gate    sync.Mutex // guards entries
	entries uint64     // counts entering and leaving the engine
}

func newInstance(a *Application, name string) *instance {
	ctx, cancel := context.WithCancel(context.Background())
	return &instance{
		context: ctx, cancel: cancel,
		app: a, name: name, log: a.o.Log.With("app", a.name, "instance", name), started: make(chan struct{}),
		events: make(chan func(), a.o.Queue), done: make(chan struct{}), ending: make(chan string, 1), born: time.Now(),
		clients: make(map[*app.Client]*client), byThis: make(map[*goja.Object]*client),
		objects: make(map[*goja.Object]*object), timers: make(map[int64]*timer),
		files: make(map[string]time.Time), classes: make(map[string]*goja.Object), proxies: make(map[string]proxy), tally: tally{members: make(map[*app.Client]struct{}), idle: time.Now()},
	}
}

// end asks the instance to end; the first reason counts. Within the loop, set over.
func (in *instance) end(why string) {
	select {
	case in.ending <- why:
	default:
	}
}

// run is the instance's goroutine.
func (in *instance) run() {
	defer in.helpers.Wait()
	defer in.closeStreams()
	defer close(in.done)
	defer in.cancel()
	defer in.app.forget(in)
	if in.startErr = in.start(); in.startErr != nil {
		in.app.forget(in) // who comes from now on tries anew
	}
	close(in.started)
	why := endShutdown
	if in.startErr == nil {
		why = in.loop()
	}
	in.stop(why)
	in.letGo()
}

func (in *instance) loop() (why string) {
	for in.fatal == nil {
		if in.over != "" && in.mayEnd() {
			return in.over
		}
		select {
		case f := <-in.events:
			f()
			for len(in.after) > 0 {
				next := in.after[0]
				in.after = in.after[1:]
				next()
			}
		case in.over = <-in.ending:
		}
	}
	return "Application.Script.Error"
}

// mayEnd calls onAppStop, whose false keeps an instance that would end because nobody uses it. (loop)
func (in *instance) mayEnd() bool {
	info := in.vm.NewObject()
	_ = info.Set("code", in.over)
	_ = info.Set("level", "status")
	v, err := in.callGlobal("onAppStop", info)
	if err == nil && in.over == endUnused && isFalse(v) {
		in.over = ""
		in.waitIdle()
		return false
	}
	return true
}

// Why an instance ends, as onAppStop is told.
const (
	endShutdown = "Application.Shutdown"
	endUnused   = "Application.GC"
	endReload   = "Application.Reload" // ours: the script was changed
)

// isFalse tells false from undefined and the like.
func isFalse(v goja.Value) bool {
	if v == nil || v.ExportType() != reflect.TypeFor[bool]() {
		return false
	}
	return !v.ToBoolean()
}

// waitIdle ends the instance when it stays without clients. (loop)
func (in *instance) waitIdle() {
	if in.idle != nil || len(in.clients) > 0 {
		return
	}
	in.idle = time.AfterFunc(in.app.o.Idle, func() {
		in.deliver(func() {
			if in.idle = nil; len(in.clients) == 0 && in.over == "" {
				in.over = endUnused
			}
		})
	})
}

// start makes the engine and runs the main script and onAppStart.
func (in *instance) start() error {
	main, err := mainOf(in.app.dir)
	var program *goja.Program
	if err == nil {
		program, err = in.read(main)
	}
	if err != nil {
		in.log.Error("the script cannot be compiled", "error", err)
		return status.New(status.ConnectFailed, "The application failed.")
	}
	in.vm, in.side = goja.New(), goja.NewSymbol("side")
	in.vm.SetMaxCallStackSize(in.app.o.Depth)
	in.vm.SetFieldNameMapper(goja.UncapFieldNameMapper())
	if err := in.enter("setting up", in.setUp); err != nil {
		return status.New(status.ConnectFailed, "The application failed.")
	}
	err = in.enter("main script", func() error {
		_, err := in.vm.RunProgram(program)
		return err
	})
	if err == nil {
		_, err = in.callGlobal("onAppStart")
	}
	if err != nil {
		return status.New(status.ConnectFailed, "The application failed.")
	}
	in.log.Info("application started")
	return nil
}

// read compiles a file of the application's. (loop)
func (in *instance) read(name string) (*goja.Program, error) {
	program, changed, err := in.app.compile(name)
	in.files[name] = changed
	return program, err
}

// renew ends an instance whose script has been changed, when it has no clients: the next one has the new script.
func (in *instance) renew(ctx context.Context) {
	ended := false
	_ = in.do(ctx, func() {
		if len(in.clients) > 0 {
			return
		}
		for name, was := range in.files {
			if in.app.changed(name, was) {
				in.over, ended = endReload, true
				return
			}
		}
	})
	if ended {
		<-in.done
	}
}

// Why a script is stopped.
var (
	errStopped = errors.New("the script was stopped: it did not come back in time")
	errMemory  = errors.New("the script was stopped: it takes too much memory")
)

// enter is the only way into the engine. Whatever goes wrong is logged with the script's file and line; a script that does not come back,
// or eats, ends its instance. (loop)
func (in *instance) enter(what string, f func() error) (err error) {
	if in.fatal != nil {
		return in.fatal
	}
	in.inside++
	stop := in.guard()
	defer func() {
		if p := recover(); p != nil {
			var stopped *goja.InterruptedError
			var deep *goja.StackOverflowError
			if e, ok := p.(error); ok && (errors.As(e, &stopped) || errors.As(e, &deep)) {
				err = e
			} else {
				err = fmt.Errorf("the engine failed: %v", p)
				in.fatal = err
			}
		}
		stop()
		if err != nil {
			in.failed(what, err)
		}
		if in.inside--; in.inside == 0 && in.fatal == nil {
			in.check()
		}
	}()
	// What a script throws in a getter or a toString that is called from here is a panic otherwise.
	if thrown := in.vm.Try(func() { err = f() }); thrown != nil {
		return thrown
	}
	return err
}

// failed logs an error of the script's and decides whether the instance can go on.
func (in *instance) failed(what string, err error) {
	var stopped *goja.InterruptedError
	var deep *goja.StackOverflowError
	var thrown *goja.Exception
	switch {
	case errors.As(err, &stopped) && errors.Is(err, errMemory):
		in.fatal = errMemory
		in.log.Error("the script was stopped, its clients are told AppShutdown", "in", what, "limit", "script_memory", "max", in.app.o.MemoryBytes, "at", stopped.String())
	case errors.As(err, &stopped):
		in.fatal = errStopped
		in.log.Error("the script was stopped, its clients are told AppShutdown", "in", what, "limit", "script_time", "max", in.app.o.EntryTime, "at", stopped.String())
	case errors.As(err, &deep):
		in.log.Error("the script calls itself too deep", "in", what, "limit", "script_depth", "max", in.app.o.Depth)
		in.tellStatus(scriptError, what, "The script calls itself too deep.")
	case errors.As(err, &thrown):
		in.log.Error("the script failed", "in", what, "error", thrown.String())
		in.tellStatus(scriptError, what, thrown.String())
	default:
		in.log.Error("the script failed", "in", what, "error", err)
		in.tellStatus(scriptError, what, err.Error())
	}
}

const scriptError = "Application.Script.Error"

// tellStatus calls application.onStatus; an error in there is only logged. (loop)
func (in *instance) tellStatus(code, what, text string) {
	if in.telling || in.fatal != nil || in.global == nil {
		return
	}
	in.telling = true
	defer func() { in.telling = false }()
	info := in.vm.NewObject()
	level := "error"
	if code != scriptError {
		level = "warning"
	}
	for k, v := range map[string]string{"code": code, "level": level, "description": text, "details": what} {
		_ = info.Set(k, v)
	}
	_, _ = in.callGlobal("onStatus", info)
}

// callGlobal calls a method of application, when there is one of that name. (loop)
func (in *instance) callGlobal(name string, args ...goja.Value) (v goja.Value, err error) {
	v = goja.Undefined()
	err = in.enter("application."+name, func() error {
		f, ok := goja.AssertFunction(in.global.Get(name))
		if !ok {
			return nil
		}
		var err error
		v, err = f(in.global, args...)
		return err
	})
	return v, err
}

// stop lets go of everything: clients are told, and onDisconnect is called for each. (loop)
func (in *instance) stop(why string) {
	if in.idle != nil {
		in.idle.Stop()
	}
	for _, t := range in.timers {
		t.Stop()
	}
	began, words := time.Now(), in.words()
	for _, c := range in.clients {
		c.resolve(words) // when it waits
		if !c.accepted {
			continue
		}
		c.queue(func() { c.app.Disconnect(words) }) // after what the script had to say
		if in.fatal == nil && time.Since(began) < 2*in.app.o.EntryTime {
			_, _ = in.callGlobal("onDisconnect", c.this)
		}
	}
	for _, o := range in.objects {
		o.close()
	}
	for _, st := range in.streams {
		st.close()
	}
	in.log.Info("application stopped", "why", why)
}

// deliver hands an event to the loop, and waits while too many wait already. It reports false when the instance has ended. The loop
// itself must not call it.
func (in *instance) deliver(f func()) bool {
	select {
	case <-in.done:
		return false
	default:
	}
	select {
	case in.events <- f:
		return true
	case <-in.done:
		return false
	}
}

// do runs f in the loop and waits for it. The error is errGone when the instance has ended, or ctx's.
func (in *instance) do(ctx context.Context, f func()) error {
	finished := make(chan struct{})
	select {
	case in.events <- func() { defer close(finished); f() }:
	case <-in.done:
		return errGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-finished:
		return nil
	case <-in.done:
		return errGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// timer is a setInterval or setTimeout.
type timer struct{ *time.Timer }

// every arms a timer. What it does is executed by the loop, and not again before that.
func (in *instance) every(d time.Duration, repeat bool, f func()) int64 {
	in.timerID++
	id := in.timerID
	t := &timer{}
	in.timers[id] = t
	t.Timer = time.AfterFunc(d, func() {
		in.deliver(func() {
			if in.timers[id] != t {
				return // cleared meanwhile
			}
			if !repeat {
				delete(in.timers, id)
			}
			f()
			if in.timers[id] == t {
				t.Reset(d)
			}
		})
	})
	return id
}

func (in *instance) clear(id int64) {
	if t := in.timers[id]; t != nil {
		t.Stop()
		delete(in.timers, id)
	}
}

// values turns what a client sent into values of the engine.
func (in *instance) values(args []amf.Value) []goja.Value {
	list := make([]goja.Value, len(args))
	for i, a := range args {
		list[i] = in.toScript(a)
	}
	return list
}
