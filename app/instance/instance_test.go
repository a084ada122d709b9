package instance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary is what happened in the order in which it did.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(format string, a ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, a...))
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// room is an application that writes a diary and refuses who says so.
type room struct {
	in *Instance
	d  *diary
}

func (r *room) Connect(_ context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
	if len(args) > 0 {
		switch args[0] {
		case "no":
			return nil, app.Reject("Not you.", nil)
		case "panic":
			panic("asked to")
		case "wait":
			<-r.in.Context().Done()
		}
	}
	return seat{r, c}, nil
}

func (r *room) Leave(*app.Client, error) { r.d.add("leave %s", r.in.Name) }

func (r *room) Stop(reason error) { r.d.add("stop %s: %v", r.in.Name, reason) }

type seat struct {
	r *room
	c *app.Client
}

func (s seat) Close(error) { s.r.d.add("close %s", s.r.in.Name) }

func (s seat) Call(_ context.Context, name string, args []amf.Value) (amf.Value, error) {
	switch name {
	case "who":
		return float64(len(s.r.in.Clients())), nil
	case "go":
		s.r.in.Go(func(ctx context.Context) {
			if len(args) > 0 {
				panic("asked to")
			}
			<-ctx.Done()
			time.Sleep(20 * time.Millisecond) // Stop waits
			s.r.d.add("goroutine of %s ends: %v", s.r.in.Name, context.Cause(ctx))
		})
		return nil, nil
	}
	return nil, app.ErrNoMethod
}

type world struct {
	*app.Server
	h    *Handler
	d    *diary
	addr string
}

// serve runs a Handler of rooms as the application "room". start, when not nil, may refuse to start one.
func serve(t *testing.T, o Options, start func(ctx context.Context, in *Instance) error) *world {
	t.Helper()
	d := new(diary)
	o.Log = slog.New(slog.DiscardHandler)
	h := New(func(ctx context.Context, in *Instance) (Application, error) {
		d.add("start %s", in.Name)
		if start != nil {
			if err := start(ctx, in); err != nil {
				return nil, err
			}
		}
		return &room{in, d}, nil
	}, o)
	mux := app.NewMux()
	mux.Handle("room", h)
	mux.Handle("live", app.Live(app.LiveOptions{}))
	w := &world{Server: &app.Server{Handler: mux, Log: slog.New(slog.DiscardHandler)}, h: h, d: d}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	served := make(chan struct{})
	go func() { defer close(served); _ = w.Serve(l) }()
	t.Cleanup(func() { _ = w.Close(); <-served })
	return w
}

func (w *world) dial(t *testing.T, path string, args ...amf.Value) (*rtmp.Client, error) {
	t.Helper()
	c, err := rtmp.Dial(t.Context(), "rtmp://"+w.addr+"/"+path+"/_", &rtmp.ClientConfig{Args: args, Timeout: 20 * time.Second})
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func (w *world) join(t *testing.T, path string) *rtmp.Client {
	t.Helper()
	c, err := w.dial(t, path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// until waits for a condition.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func (w *world) wantDiary(t *testing.T, want ...string) {
	t.Helper()
	until(t, fmt.Sprintf("the diary has %d lines", len(want)), func() bool { return len(w.d.all()) >= len(want) })
	if got := w.d.all(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func wantCode(t *testing.T, err error, code status.Code, description string) {
	t.Helper()
	st, ok := status.Of(err)
	if !ok || st.Code != code || st.Description != description {
		t.Errorf("got %v, want %s %q", err, code, description)
	}
}

func TestOneInstanceForAllOfAName(t *testing.T) {
	release := make(chan struct{})
	w := serve(t, Options{}, func(context.Context, *Instance) error { <-release; return nil })
	var clients sync.WaitGroup
	for range 5 {
		clients.Go(func() {
			if c, err := w.dial(t, "room/a"); err != nil {
				t.Error(err)
			} else if _, err := c.Call(t.Context(), "who"); err != nil {
				t.Error(err)
			}
		})
	}
	until(t, "one has come", func() bool { return w.h.Instance("room", "a") != nil })
	close(release)
	clients.Wait()
	w.join(t, "room/b")
	if c := w.join(t, "room/a"); c != nil {
		if v, err := c.Call(t.Context(), "who"); err != nil || v != 6.0 {
			t.Errorf("clients of a: %v %v, want 6", v, err)
		}
	}
	w.wantDiary(t, "start a", "start b")
}

func TestStatistics(t *testing.T) {
	w := serve(t, Options{}, nil)
	first, second := w.join(t, "room/a"), w.join(t, "room/a")
	if _, err := second.Call(t.Context(), "who"); err != nil {
		t.Error(err)
	}
	_, err := second.Call(t.Context(), "nothing")
	wantCode(t, err, status.CallFailed, "Method not found (nothing).")
	_, err = w.dial(t, "room/a", "no")
	wantCode(t, err, status.ConnectRejected, "Not you.")
	_, err = w.dial(t, "room/a", "panic")
	wantCode(t, err, status.ConnectFailed, "The application failed.")
	_ = second.Close()
	in := w.h.Instance("room", "a")
	until(t, "the second has left", func() bool { return in.Stats().Clients == 1 })
	st := in.Stats()
	if st.App != "room" || st.Name != "a" || st.Kind != KindGo || st.Peak != 2 || st.Total != 2 || st.Refused != 2 || st.Calls != 1 ||
		st.CallsRefused != 1 || !st.IdleSince.IsZero() || st.Stopping || time.Since(st.Started) > time.Hour {
		t.Errorf("%+v", st)
	}
	if in, out := first.Conn().BytesWritten()+second.Conn().BytesWritten(), first.Conn().BytesRead()+second.Conn().BytesRead(); st.BytesIn == 0 ||
		st.BytesOut == 0 || st.BytesIn > in || st.BytesOut > out {
		t.Errorf("bytes %d in, %d out; the clients know of %d and %d", st.BytesIn, st.BytesOut, in, out)
	}
	_ = first.Close()
	until(t, "nobody is there", func() bool { return !in.Stats().IdleSince.IsZero() })
}

// What a life ends with comes in order: clients are told, sessions closed, goroutines joined, Stop once, last.
func TestUnload(t *testing.T) {
	w := serve(t, Options{}, nil)
	c := w.join(t, "room/a")
	other := w.join(t, "room/b")
	if _, err := c.Call(t.Context(), "go"); err != nil {
		t.Fatal(err)
	}
	in := w.h.Instance("room", "a")
	if !w.h.UnloadInstance("room", "a", "Back at noon.") {
		t.Error("there is no instance")
	}
	in.Unload("Back at one.") // the first reason counts
	<-c.Done()
	wantCode(t, c.Err(), status.ConnectAppShutdown, "Back at noon.")
	<-in.Done()
	lines := w.d.all()
	if i := slices.Index(lines, "goroutine of a ends: NetConnection.Connect.AppShutdown: Back at noon."); i < 0 || i == len(lines)-1 {
		t.Errorf("the goroutine was told nothing, or not waited for: %q", lines)
	} else {
		lines = slices.Delete(lines, i, i+1) // beside the closing, before Stop
	}
	if want := []string{"start a", "start b", "close a", "leave a", "stop a: NetConnection.Connect.AppShutdown: Back at noon."}; !slices.Equal(lines, want) {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
	if v, err := other.Call(t.Context(), "who"); err != nil || v != 1.0 {
		t.Errorf("the other instance: %v %v", v, err)
	}
	if v, err := w.join(t, "room/a").Call(t.Context(), "who"); err != nil || v != 1.0 {
		t.Errorf("a new instance: %v %v", v, err)
	}
	if w.h.UnloadInstance("room", "nothing", "") {
		t.Error("what is not there was unloaded")
	}
}

func TestIdle(t *testing.T) {
	w := serve(t, Options{Idle: 20 * time.Millisecond}, nil)
	c := w.join(t, "room/a")
	in := w.h.Instance("room", "a")
	time.Sleep(60 * time.Millisecond) // used, it stays for longer than that
	_ = c.Close()
	<-in.Done()
	w.wantDiary(t, "start a", "close a", "leave a", "stop a: instance: nobody uses it")
	if w.h.Instance("room", "a") != nil {
		t.Error("it is there still")
	}
}

// Who is being decided about when its instance is unloaded hears of both, in this order.
func TestUnloadWhileConnecting(t *testing.T) {
	w := serve(t, Options{}, nil)
	done := make(chan *rtmp.Client, 1)
	go func() {
		c, err := w.dial(t, "room/a", "wait")
		if err != nil {
			t.Error(err)
		}
		done <- c
	}()
	until(t, "it has come", func() bool { return w.h.Instance("room", "a") != nil })
	in := w.h.Instance("room", "a")
	until(t, "it is asked for", func() bool {
		select {
		case <-in.ready:
			return true
		default:
			return false
		}
	})
	in.Unload("Too late.")
	c := <-done
	<-c.Done()
	wantCode(t, c.Err(), status.ConnectAppShutdown, "Too late.")
	<-in.Done()
}

// So does who waits for an instance that is unloaded before it has started.
func TestUnloadWhileStarting(t *testing.T) {
	w := serve(t, Options{}, func(ctx context.Context, _ *Instance) error { <-ctx.Done(); return ctx.Err() })
	failed := make(chan error, 1)
	go func() {
		_, err := w.dial(t, "room/a")
		failed <- err
	}()
	until(t, "it starts", func() bool { return w.h.UnloadInstance("room", "a", "Not today.") })
	wantCode(t, <-failed, status.ConnectAppShutdown, "Not today.")
	until(t, "it has ended", func() bool { return w.h.Instance("room", "a") == nil })
	w.wantDiary(t, "start a") // no Stop of what has not started
}

// Who comes before the time is over keeps the instance, and one that has accepted nobody is not kept for long.
func TestIdleTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(nil, Options{Idle: time.Minute, Log: slog.New(slog.DiscardHandler)})
		in := newInstance(h, key{"room", "a"})
		close(in.ready)
		a, b := new(app.Client), new(app.Client)
		in.past.Total = 1 // that has been accepted
		in.enter(a)
		in.exit(a)
		time.Sleep(50 * time.Second)
		in.enter(b)
		time.Sleep(time.Hour)
		synctest.Wait()
		if st := in.Stats(); st.Stopping || !st.IdleSince.IsZero() {
			t.Errorf("used, and yet %+v", st)
		}
		in.exit(b)
		time.Sleep(59 * time.Second)
		if st := in.Stats(); st.Stopping || st.IdleSince.IsZero() {
			t.Errorf("too early: %+v", st)
		}
		time.Sleep(2 * time.Second)
		<-in.Done()

		in = newInstance(h, key{"room", "b"})
		close(in.ready)
		in.enter(a)
		in.exit(a)
		began := time.Now()
		<-in.Done()
		if d := time.Since(began); d != neverUsed {
			t.Errorf("one that accepted nobody was kept for %v", d)
		}
	})
}

// What nobody uses ends before its time when somebody wants that; what is used stays.
func TestCollect(t *testing.T) {
	w := serve(t, Options{Idle: time.Hour}, nil)
	d := &Directory{Server: w.Server, Sources: []Source{w.h}}
	c := w.join(t, "room/a")
	w.join(t, "room/b")
	in := w.h.Instance("room", "a")
	if n := d.Collect(); n != 0 {
		t.Errorf("%d of two that are used", n)
	}
	_ = c.Close()
	until(t, "a is idle", func() bool { return !in.idleSince().IsZero() })
	if n := d.Collect(); n != 1 {
		t.Errorf("%d are collected", n)
	}
	<-in.Done()
	w.wantDiary(t, "start a", "start b", "close a", "leave a", "stop a: instance: nobody uses it")
	if n := d.Collect(); n != 0 {
		t.Errorf("%d are collected again", n)
	}
}

// A server that ends stops what is idle, too, and takes nobody any more.
func TestServerShutdown(t *testing.T) {
	w := serve(t, Options{}, nil)
	c := w.join(t, "room/a")
	gone := w.join(t, "room/b")
	_ = gone.Close()
	until(t, "b is idle", func() bool { return !w.h.Instance("room", "b").Stats().IdleSince.IsZero() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := w.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	wantCode(t, c.Err(), status.ConnectAppShutdown, status.For(status.ConnectAppShutdown, "room").Description)
	got := w.d.all()
	slices.Sort(got)
	want := []string{"close a", "close b", "leave a", "leave b", "start a", "start b", "stop a: instance: the server ends", "stop b: instance: the server ends"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if _, err := w.h.Connect(ctx, &app.Client{App: "room", Instance: "c"}, nil); err == nil {
		t.Error("an instance starts after the end")
	}
}

func TestUnloadedApplication(t *testing.T) {
	w := serve(t, Options{}, nil)
	c := w.join(t, "room/a")
	in := w.h.Instance("room", "a")
	w.Server.Unload("room")
	<-c.Done()
	<-in.Done()
	w.Server.Load("room")
	w.join(t, "room/a")
	w.wantDiary(t, "start a", "close a", "leave a", "stop a: "+status.For(status.ConnectAppShutdown, "room").Error(), "start a")
}

// An instance that cannot start refuses who waits for it, and the next client tries again.
func TestFactoryFails(t *testing.T) {
	var tries int
	w := serve(t, Options{}, func(context.Context, *Instance) error {
		switch tries++; tries {
		case 1:
			return app.Reject("Not yet.", nil)
		case 2:
			panic("asked to")
		case 3:
			return errors.New("secret")
		}
		return nil
	})
	_, err := w.dial(t, "room/a")
	wantCode(t, err, status.ConnectRejected, "Not yet.")
	for range 2 {
		_, err = w.dial(t, "room/a")
		wantCode(t, err, status.ConnectFailed, "The application failed.")
	}
	w.join(t, "room/a")
	w.wantDiary(t, "start a", "start a", "start a", "start a")
}

// Clients choose names: more than Max are refused, but what nobody uses makes room.
func TestMax(t *testing.T) {
	w := serve(t, Options{Max: 2}, nil)
	a := w.join(t, "room/a")
	w.join(t, "room/b")
	_, err := w.dial(t, "room/c")
	wantCode(t, err, status.ConnectRejected, "[ Resource.Limit.Exceeded ] : The limit instances (2) is reached: try again later, or ask the operator to raise it.")
	_ = a.Close()
	until(t, "a is idle", func() bool { return !w.h.Instance("room", "a").idleSince().IsZero() })
	w.join(t, "room/c")
	w.wantDiary(t, "start a", "start b", "close a", "leave a", "stop a: instance: nobody uses it", "start c")
}

func TestGoroutineThatPanicsEndsTheInstance(t *testing.T) {
	w := serve(t, Options{}, nil)
	c := w.join(t, "room/a")
	_ = c.Notify("go", "panic")
	<-c.Done()
	wantCode(t, c.Err(), status.ConnectAppShutdown, "The application failed.")
	w.join(t, "room/a")
}

func TestDirectory(t *testing.T) {
	w := serve(t, Options{}, nil)
	w.join(t, "room/a")
	plain := w.join(t, "live/x")
	w.join(t, "live/x")
	d := &Directory{Server: w.Server, Sources: []Source{w.h}}
	var got []string
	for _, st := range d.Instances() {
		got = append(got, fmt.Sprintf("%s/%s %q %d", st.App, st.Name, st.Kind, st.Clients))
	}
	if want := []string{`live/x "" 2`, `room/a "go" 1`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := len(d.Clients("live", "x")); n != 2 {
		t.Errorf("%d clients of live/x", n)
	}
	room := w.h.Instance("room", "a")
	if !d.UnloadInstance("live", "x", "Closed.") || d.UnloadInstance("live", "y", "") || !d.UnloadInstance("room", "a", "") {
		t.Error("live/x and room/a are there, live/y is not")
	}
	<-plain.Done()
	wantCode(t, plain.Err(), status.ConnectAppShutdown, "Closed.")
	<-room.Done()
	if n := w.Refusals().ByCause[app.CauseOperator]; n != 3 {
		t.Errorf("%d refusals are counted, want one for each client", n)
	}
}

// Clients come and go while instances stop: nobody is lost between an old instance and a new one, and each stops once.
func TestChurn(t *testing.T) {
	w := serve(t, Options{Idle: time.Millisecond}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for ctx.Err() == nil {
				c, err := rtmp.Dial(t.Context(), fmt.Sprintf("rtmp://%s/room/%d/_", w.addr, i%2), &rtmp.ClientConfig{Timeout: 30 * time.Second})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := c.Call(t.Context(), "who"); err != nil {
					if st, _ := status.Of(c.Err()); st == nil || st.Code != status.ConnectAppShutdown {
						t.Error(err)
					}
				}
				if i == 7 {
					w.h.UnloadInstance("room", "1", "")
				}
				_ = c.Close()
			}
		})
	}
	clients.Wait()
	if err := w.Server.Close(); err != nil {
		t.Error(err)
	}
	running := make(map[string]int)
	sessions := make(map[string]int)
	for _, line := range w.d.all() {
		var verb, name string
		_, _ = fmt.Sscanf(line, "%s %s", &verb, &name)
		name = name[:1]
		switch verb {
		case "start":
			if running[name]++; running[name] != 1 {
				t.Fatalf("two instances of %s at once", name)
			}
		case "stop":
			if running[name]--; running[name] != 0 {
				t.Fatalf("%s stops twice", name)
			}
		case "close":
			sessions[name]++
			if running[name] != 1 {
				t.Fatalf("a session of %s closes after its stop", name)
			}
		}
	}
	if running["0"]+running["1"] != 0 || sessions["0"] == 0 || sessions["1"] == 0 {
		t.Errorf("at the end %v run, %v sessions were", running, sessions)
	}
}
