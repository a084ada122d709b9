// Package script runs applications written in JavaScript as Flash Media Server ran them: a folder with main.asc or main.js is an
// application, with application, Client, SharedObject and the rest of server-side ActionScript as far as docs/scripting.md says.
//
// Each instance of an application has an engine of its own and one goroutine that is in it. Scripts are the operator's code and are
// trusted: what bounds them keeps one that has gone wrong from taking the server with it, and is no sandbox.
package script

//go:generate go test . -run ^TestDocument$ -update

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/dop251/goja"

	"penstock/amf"
	"penstock/app"
	running "penstock/app/instance"
	"penstock/media"
	"penstock/sharedobject"
	"penstock/status"
)

// Options configures Load. Zero values take what stands behind them.
type Options struct {
	Hub       *sharedobject.Hub // of the application's shared objects; nil: it has none
	Registry  *media.Registry   // where its streams are published; nil: it has none of its own
	Log       *slog.Logger      // nil: slog.Default
	EntryTime time.Duration     // [script_time] that a script may run without coming back, 2 s
	Queue     int               // [script_queue] events that wait for one instance, 1024
	Depth     int               // [script_depth] calls within calls, 1000
	Idle      time.Duration     // [script_idle] that an instance without clients is kept, 20 min

	MemoryBytes int64   // [script_memory] that an instance may hold, and by which the heap may grow while it runs, 256 MiB
	Memory      *Memory // shared by the applications of a process; nil: the application has its own
}

// Application is a scripted application. It is safe for concurrent use.
type Application struct {
	name, dir string
	o         Options

	mu        sync.Mutex
	instances map[string]*instance
	closed    bool
	wg        sync.WaitGroup
}

// mains are the names that an application's script may have, in the order in which they are looked for.
var mains = []string{"main.asc", "main.js"}

// Find returns the names of the applications in a folder: its folders with a main script.
func Find(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if _, err := mainOf(filepath.Join(dir, e.Name())); err == nil {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func mainOf(dir string) (string, error) {
	for _, m := range mains {
		if info, err := os.Stat(filepath.Join(dir, m)); err == nil && info.Mode().IsRegular() {
			return m, nil
		}
	}
	return "", fmt.Errorf("%s has no main.asc or main.js", dir)
}

// Load reads the application in a folder. A script that cannot be compiled is an error that names the line; it runs when the first
// client of an instance comes.
func Load(name, dir string, o Options) (*Application, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.EntryTime <= 0 {
		o.EntryTime = 2 * time.Second
	}
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	if o.Depth <= 0 {
		o.Depth = 1000
	}
	if o.Idle <= 0 {
		o.Idle = 20 * time.Minute
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 256 << 20
	}
	if o.Memory == nil {
		o.Memory = NewMemory()
	}
	a := &Application{name: name, dir: dir, o: o, instances: make(map[string]*instance)}
	m, err := mainOf(dir)
	if err != nil {
		return nil, err
	}
	if _, _, err := a.compile(m); err != nil {
		return nil, err
	}
	return a, nil
}

// compile reads a file of the application's folder anew, so that an instance that starts has what is there now. Nothing outside the
// folder can be read, also where links lead out.
func (a *Application) compile(name string) (*goja.Program, time.Time, error) {
	text, changed, err := a.readFile(name)
	if err != nil {
		return nil, changed, err
	}
	program, err := goja.Compile(a.name+"/"+name, string(text), false)
	return program, changed, err
}

func (a *Application) readFile(name string) ([]byte, time.Time, error) {
	var none time.Time
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return nil, none, err
	}
	defer root.Close()
	name = filepath.FromSlash(name)
	info, err := root.Stat(name)
	if err != nil {
		return nil, none, err
	}
	text, err := root.ReadFile(name)
	return text, info.ModTime(), err
}

// changed reports whether a file is not what it was.
func (a *Application) changed(name string, was time.Time) bool {
	info, err := os.Stat(filepath.Join(a.dir, filepath.FromSlash(name)))
	return err != nil || !info.ModTime().Equal(was)
}

// errGone is what an instance that has ended answers.
var errGone = errors.New("script: the instance has ended")

// Connect asks the script about a client: application.onConnect, or its acceptConnection and its like later on. The session is what
// the script lets the client do.
func (a *Application) Connect(ctx context.Context, c *app.Client, args []amf.Value) (*Session, error) {
	for range 3 { // an instance may end just when it is asked
		in, err := a.instance(c.Instance)
		if err != nil {
			return nil, err
		}
		if in.tally.isUnloaded() { // the name is free when it has ended
			select {
			case <-in.done:
				continue
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		in.renew(ctx)
		s, err := in.connect(ctx, c, args)
		if !errors.Is(err, errGone) {
			return s, err
		}
	}
	return nil, shutdownStatus(a.name)
}

func shutdownStatus(name string) *status.Status {
	return status.Newf(status.ConnectAppShutdown, "Application %s is shutting down.", name)
}

// instance returns an instance that runs, having started it when there was none.
func (a *Application) instance(name string) (*instance, error) {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil, shutdownStatus(a.name)
	}
	in := a.instances[name]
	if in == nil {
		in = newInstance(a, name)
		a.instances[name] = in
		a.wg.Go(in.run)
	}
	a.mu.Unlock()
	<-in.started
	if in.startErr != nil {
		return nil, in.startErr
	}
	return in, nil
}

func (a *Application) forget(in *instance) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.instances[in.name] == in {
		delete(a.instances, in.name)
	}
}

// Instances implements instance.Source: those that run.
func (a *Application) Instances() []running.Stats {
	a.mu.Lock()
	all := slices.Collect(maps.Values(a.instances))
	a.mu.Unlock()
	list := make([]running.Stats, len(all))
	for i, in := range all {
		list[i] = in.stats()
	}
	return list
}

// UnloadInstance implements instance.Source: the script's onAppStop is called.
func (a *Application) UnloadInstance(app, name, reason string) bool {
	a.mu.Lock()
	in := a.instances[name]
	a.mu.Unlock()
	if in == nil || app != a.name {
		return false
	}
	in.tally.unload(reason)
	in.end(endShutdown)
	return true
}

// Collect asks the instances without clients to end now, and returns how many it asked: a script may say no, in onAppStop.
func (a *Application) Collect() (asked int) {
	a.mu.Lock()
	all := slices.Collect(maps.Values(a.instances))
	a.mu.Unlock()
	for _, in := range all {
		if s := in.stats(); s.Clients > 0 || s.Stopping {
			continue
		}
		select {
		case in.events <- func() {
			if len(in.clients) == 0 && in.over == "" {
				in.over = endUnused
			}
		}:
			asked++
		default: // too much waits for it already: somebody uses it
		}
	}
	return asked
}

// Unload ends every instance, and does not wait for that. Who connects afterwards meets a new one.
func (a *Application) Unload() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, in := range a.instances {
		in.tally.unload("")
		in.end(endShutdown)
	}
}

// Close ends every instance, calling its onAppStop, and waits for them.
func (a *Application) Close() {
	a.mu.Lock()
	a.closed = true
	for _, in := range a.instances {
		in.end(endShutdown)
	}
	a.mu.Unlock()
	a.wg.Wait()
}
