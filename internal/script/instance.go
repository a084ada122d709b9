package script

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/dop251/goja"

	"penstock/amf"
	"penstock/app"
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
	endOnce  sync.Once
	ending   chan string // why the instance shall end

	vm      *goja.Runtime // (loop)
	global  *goja.Object  // (loop) application
	proto   *goja.Object  // (loop) Client.prototype
	native  *goja.Object  // (loop) what Client.prototype inherits, which clients cannot call
	method  goja.Callable // (loop) finds the method that a client may call
	clients map[*app.Client]*client
	byThis  map[*goja.Object]*client
	objects map[*goja.Object]*object
	timers  map[int64]*timer
	timerID int64
	fatal   error // (loop) the script was stopped
	born    time.Time
	idle    *time.Timer          // (loop) ends an instance without clients
	files   map[string]time.Time // (loop) that were read, and when each was changed last

	gate    sync.Mutex // guards entries
	entries uint64     // counts entering and leaving the engine
}

func newInstance(a *Application, name string) *instance {
	return &instance{
		app: a, name: name, log: a.o.Log.With("app", a.name, "instance", name), started: make(chan struct{}),
		events: make(chan func(), a.o.Queue), done: make(chan struct{}), ending: make(chan string, 1), born: time.Now(),
		clients: make(map[*app.Client]*client), byThis: make(map[*goja.Object]*client),
		objects: make(map[*goja.Object]*object), timers: make(map[int64]*timer),
		files: make(map[string]time.Time),
	}
}

// end asks the instance to end; the first reason counts.
func (in *instance) end(why string) {
	in.endOnce.Do(func() { in.ending <- why })
}

// run is the instance's goroutine.
func (in *instance) run() {
	defer close(in.done)
	defer in.app.forget(in)
	in.startErr = in.start()
	close(in.started)
	why := "Application.Shutdown"
	if in.startErr == nil {
		why = in.loop()
	}
	in.stop(why)
}

func (in *instance) loop() (why string) {
	for in.fatal == nil {
		select {
		case f := <-in.events:
			f()
		case why := <-in.ending:
			return why
		}
	}
	return "Application.Script.Error"
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
	in.vm = goja.New()
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
				in.end("Application.Reload")
				ended = true
				return
			}
		}
	})
	if ended {
		<-in.done
	}
}

// errStopped is a script that ran for too long.
var errStopped = errors.New("the script was stopped: it did not come back in time")

// enter is the only way into the engine. Whatever goes wrong is logged with the script's file and line; a script that does not come back
// ends its instance. (loop)
func (in *instance) enter(what string, f func() error) (err error) {
	if in.fatal != nil {
		return in.fatal
	}
	in.gate.Lock()
	in.entries++
	entry := in.entries
	in.gate.Unlock()
	t := time.AfterFunc(in.app.o.EntryTime, func() {
		in.gate.Lock()
		defer in.gate.Unlock()
		if in.entries == entry {
			in.vm.Interrupt(errStopped)
		}
	})
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the engine failed: %v", p)
			in.fatal = err
		}
		t.Stop()
		in.gate.Lock()
		in.entries++ // an interrupt that comes now is of the past
		in.vm.ClearInterrupt()
		in.gate.Unlock()
		if err != nil {
			in.failed(what, err)
		}
	}()
	return f()
}

// failed logs an error of the script's and decides whether the instance can go on.
func (in *instance) failed(what string, err error) {
	var stopped *goja.InterruptedError
	var deep *goja.StackOverflowError
	var thrown *goja.Exception
	switch {
	case errors.As(err, &stopped):
		in.fatal = errStopped
		in.log.Error("the script was stopped, its clients are told AppShutdown", "in", what, "limit", "script_time", "max", in.app.o.EntryTime, "at", stopped.String())
	case errors.As(err, &deep):
		in.log.Error("the script calls itself too deep", "in", what, "limit", "script_depth", "max", in.app.o.Depth)
	case errors.As(err, &thrown):
		in.log.Error("the script failed", "in", what, "error", thrown.String())
	default:
		in.log.Error("the script failed", "in", what, "error", err)
	}
}

// callGlobal calls a method of application, when there is one of that name. (loop)
func (in *instance) callGlobal(name string, args ...goja.Value) (v goja.Value, err error) {
	v = goja.Undefined()
	f, ok := goja.AssertFunction(in.global.Get(name))
	if !ok {
		return v, nil
	}
	err = in.enter("application."+name, func() error {
		var err error
		v, err = f(in.global, args...)
		return err
	})
	return v, err
}

// stop tells the script and its clients that it is over. (loop)
func (in *instance) stop(why string) {
	if in.startErr == nil && in.fatal == nil {
		info := in.vm.NewObject()
		_ = info.Set("code", why)
		_ = info.Set("level", "status")
		_, _ = in.callGlobal("onAppStop", info)
	}
	if in.idle != nil {
		in.idle.Stop()
	}
	for _, t := range in.timers {
		t.Stop()
	}
	for _, o := range in.objects {
		o.close()
	}
	for _, c := range in.clients {
		c.resolve(shutdownStatus(in.app.name))
		c.app.Disconnect(shutdownStatus(in.app.name))
	}
	in.log.Info("application stopped", "why", why)
}

// post hands an event to the loop. It reports false when the instance has ended, or so much waits that the script cannot keep up.
func (in *instance) post(f func()) bool {
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
	default:
		in.log.Warn("an event is lost, the script cannot keep up", "limit", "script_queue", "max", in.app.o.Queue)
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
		posted := in.post(func() {
			if in.timers[id] != t {
				return // cleared meanwhile
			}
			if repeat {
				defer t.Reset(d)
			} else {
				delete(in.timers, id)
			}
			f()
		})
		if !posted && repeat {
			select {
			case <-in.done:
			default:
				t.Reset(d)
			}
		}
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
