package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/app"
	"penstock/rtmp"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a server with what it refuses.
type world struct {
	*app.Server
	addr     string
	refusals chan *app.Refusal
}

func serve(t testing.TB, h app.Handler, set func(*app.Server)) *world {
	t.Helper()
	mux := app.NewMux()
	mux.Handle("rpc", h)
	w := &world{Server: &app.Server{Handler: mux, Log: slog.New(slog.DiscardHandler)}, refusals: make(chan *app.Refusal, 100)}
	w.OnRefusal = func(r *app.Refusal) { w.refusals <- r }
	if set != nil {
		set(w.Server)
	}
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

func (w *world) dial(t testing.TB, cfg rtmp.ClientConfig) *rtmp.Client {
	t.Helper()
	cfg.Timeout = 20 * time.Second
	c, err := rtmp.Dial(t.Context(), "rtmp://"+w.addr+"/rpc", &cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

type point struct {
	X, Y uint8
	Name string `amf:"name,omitempty"`
}

type shape struct {
	Points []point   `amf:"points"`
	Made   time.Time `amf:"made"`
}

type colour string

// samples are methods of every kind of argument.
func samples() *Methods {
	m := New()
	m.Register("sum", func(_ context.Context, c *app.Client, a, b float64) (float64, error) {
		if c.App != "rpc" {
			return 0, errors.New("whose call is this?")
		}
		return a + b, nil
	})
	m.Register("nothing", func() {})
	m.Register("byte", func(n int8, u uint16) int { return int(n) + int(u) })
	m.Register("whole", func(n int, u uint) int64 { return int64(n) - int64(u) })
	m.Register("not", func(b bool) bool { return !b })
	m.Register("paint", func(c colour) colour { return c + "ish" })
	m.Register("later", func(at time.Time, ms float64) time.Time { return at.Add(time.Duration(ms) * time.Millisecond) })
	m.Register("total", func(list []float64) (sum float64) {
		for _, n := range list {
			sum += n
		}
		return sum
	})
	m.Register("all", func(word string, rest ...int) string { return fmt.Sprint(word, rest) })
	m.Register("any", func(v any, more ...any) any { return amf.NewArray(append([]any{v}, more...)...) })
	m.Register("keys", func(o map[string]int) []string {
		var keys []string
		for k := range o {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		return keys
	})
	m.Register("corners", func(s shape) (int, error) { return len(s.Points), nil })
	m.Register("move", func(p *point, by *uint8) *point {
		if p == nil {
			return nil
		}
		if by != nil {
			p.X += *by
		}
		return p
	})
	m.Register("object", func(o *amf.Object) string { return o.Class })
	m.Register("bytes", func(b []byte) []byte { slices.Reverse(b); return b })
	m.Register("fail", func() error { return errors.New("secret") })
	m.Register("words", func() (int, error) { return 1, status.New("Shop.Closed", "Not on Sundays.").With("day", 7.0) })
	m.Register("huge", func() uint64 { return 1 << 63 })
	m.Register("panic", func() { panic("secret") })
	m.Register("admin", func() string { return "welcome" }, Only(func(c *app.Client) error { return app.Origins(c, "example.com")() }))
	return m
}

func object(props ...amf.Prop) *amf.Object { return amf.NewObject(props...) }

func prop(key string, v amf.Value) amf.Prop { return amf.Prop{Key: key, Value: v} }

// Every call over AMF0 and AMF3, and what it is answered.
func TestCalls(t *testing.T) {
	noon := amf.Date{Millis: 1.7e12}
	tests := []struct {
		name string
		args []amf.Value
		want amf.Value // of a result
		told string    // of an error
	}{
		{"sum", []amf.Value{1.0, 2.5}, 3.5, ""},
		{"sum", []amf.Value{int32(1), 2.5}, 3.5, ""},
		{"sum", []amf.Value{1.0}, nil, "argument 2 is missing: it has to be a number"},
		{"sum", nil, nil, "argument 1 is missing: it has to be a number"},
		{"sum", []amf.Value{1.0, 2.0, "x"}, nil, "argument 3, a string, is one too many"},
		{"sum", []amf.Value{1.0, "2"}, nil, "argument 2 has to be a number, not a string"},
		{"sum", []amf.Value{nil, 1.0}, nil, "argument 1 has to be a number, not null"},
		{"sum", []amf.Value{amf.Undefined, 1.0}, nil, "argument 1 has to be a number, not undefined"},
		{"nothing", nil, nil, ""},
		{"byte", []amf.Value{-128.0, 65535.0}, int32(65407), ""},
		{"byte", []amf.Value{128.0, 0.0}, nil, "argument 1 has to be a whole number from -128 to 127, not the number 128"},
		{"byte", []amf.Value{0.0, -1.0}, nil, "argument 2 has to be a whole number from 0 to 65535, not the number -1"},
		{"whole", []amf.Value{1.5, 0.0}, nil, "argument 1 has to be a whole number, not the number 1.5"},
		{"whole", []amf.Value{1.0, -3.0}, nil, "argument 2 has to be a whole number of 0 or more, not the number -3"},
		{"whole", []amf.Value{1e300, 0.0}, nil, "argument 1 has to be a whole number, not the number 1e+300"},
		{"whole", []amf.Value{5.0, 7.0}, int32(-2), ""},
		{"not", []amf.Value{true}, false, ""},
		{"not", []amf.Value{"yes"}, nil, "argument 1 has to be a boolean, not a string"},
		{"paint", []amf.Value{"green"}, "greenish", ""},
		{"paint", []amf.Value{7.0}, nil, "argument 1 has to be a string, not the number 7"},
		{"later", []amf.Value{noon, 1000.0}, amf.Date{Millis: noon.Millis + 1000}, ""},
		{"later", []amf.Value{"noon", 1.0}, nil, "argument 1 has to be a date, not a string"},
		{"total", []amf.Value{amf.NewArray(1.0, 2.0, 3.0)}, 6.0, ""},
		{"total", []amf.Value{nil}, 0.0, ""},
		{"total", []amf.Value{amf.NewArray(1.0, true)}, nil, "argument 1[1] has to be a number, not a boolean"},
		{"total", []amf.Value{true}, nil, "argument 1 has to be an array, not a boolean"},
		{"all", []amf.Value{"x"}, "x[]", ""},
		{"all", []amf.Value{"x", 1.0, 2.0}, "x[1 2]", ""},
		{"all", []amf.Value{"x", 1.0, "y"}, nil, "argument 3 has to be a whole number, not a string"},
		{"any", []amf.Value{nil}, amf.NewArray(nil), ""},
		{"any", []amf.Value{amf.Undefined, "b"}, amf.NewArray(amf.Undefined, "b"), ""},
		{"any", nil, nil, "argument 1 is missing: it has to be any value"},
		{"keys", []amf.Value{object(prop("b", 1.0), prop("a", 2.0))}, amf.NewArray("a", "b"), ""},
		{"keys", []amf.Value{object(prop("b", "x"))}, nil, "argument 1.b has to be a whole number, not a string"},
		{"keys", []amf.Value{2.0}, nil, "argument 1 has to be an object, not the number 2"},
		{"corners", []amf.Value{object(prop("points", amf.NewArray(object(), object(prop("X", 1.0)))), prop("made", noon))}, int32(2), ""},
		{"corners", []amf.Value{object(prop("points", amf.NewArray(object(prop("X", 300.0)))))}, nil,
			"argument 1.points[0].X has to be a whole number from 0 to 255, not the number 300"},
		{"corners", []amf.Value{object(prop("made", "noon"))}, nil, "argument 1.made has to be a date, not a string"},
		{"corners", []amf.Value{object(prop("points", object()))}, nil, "argument 1.points has to be an array, not an object"},
		{"corners", []amf.Value{nil}, nil, "argument 1 has to be an object, not null"},
		{"move", nil, nil, ""},
		{"move", []amf.Value{nil}, nil, ""},
		{"move", []amf.Value{object(prop("X", 1.0))}, object(prop("X", int32(1)), prop("Y", int32(0))), ""},
		{"move", []amf.Value{object(prop("name", "p")), 2.0}, object(prop("X", int32(2)), prop("Y", int32(0)), prop("name", "p")), ""},
		{"move", []amf.Value{"x"}, nil, "argument 1 has to be an object or null, not a string"},
		{"move", []amf.Value{object(), -1.0}, nil, "argument 2 has to be a whole number from 0 to 255 or null, not the number -1"},
		{"object", []amf.Value{&amf.Object{Class: "Point"}}, "Point", ""},
		{"object", []amf.Value{"x"}, nil, "argument 1 has to be an object, not a string"},
		{"bytes", []amf.Value{&amf.ByteArray{Data: []byte("abc")}}, &amf.ByteArray{Data: []byte("cba")}, ""},
		{"bytes", []amf.Value{"abc"}, nil, "argument 1 has to be a byte array, not a string"},
		{"panic", nil, nil, "!"},
		{"fail", nil, nil, "!"},
		{"huge", nil, nil, "!"},
	}
	w := serve(t, samples(), nil)
	for _, encoding := range []int{0, 3} {
		c := w.dial(t, rtmp.ClientConfig{ObjectEncoding: encoding})
		for _, tt := range tests {
			t.Run(fmt.Sprintf("AMF%d/%s%s", encoding, tt.name, amf.Format(amf.NewArray(tt.args...))), func(t *testing.T) {
				v, err := c.Call(t.Context(), tt.name, tt.args...)
				if tt.told == "" {
					if err != nil || amf.Format(v) != amf.Format(tt.want) {
						t.Errorf("got %s, %v; want %s", amf.Format(v), err, amf.Format(tt.want))
					}
					return
				}
				cause, told := app.CauseMalformed, fmt.Sprintf("Failed to execute method (%s): %s.", tt.name, tt.told)
				if tt.told == "!" {
					cause, told = app.CauseFailed, fmt.Sprintf("Failed to execute method (%s).", tt.name)
				}
				if st, ok := status.Of(err); !ok || st.Code != status.CallFailed || st.Description != told {
					t.Errorf("told %v\nwant %q", err, told)
				}
				if r := <-w.refusals; r.Cause != cause || r.Stage != app.StageCall || r.Rule != tt.name {
					t.Errorf("recorded %+v", r)
				}
			})
		}
	}
}

// A status goes out as it is, a policy prohibits, names that are not there are said to be so.
func TestOtherErrors(t *testing.T) {
	w := serve(t, samples(), nil)
	c := w.dial(t, rtmp.ClientConfig{PageURL: "https://elsewhere.test/"})
	_, err := c.Call(t.Context(), "words")
	if st, _ := status.Of(err); st == nil || st.Code != "Shop.Closed" || st.Description != "Not on Sundays." || len(st.Extra) != 1 {
		t.Errorf("words: %v", err)
	}
	for name, want := range map[string]status.Status{
		"admin": {Code: status.CallProhibited, Description: "This method may not be called from here."},
		"Sum":   {Code: status.CallFailed, Description: "Method not found (Sum)."},
	} {
		_, err := c.Call(t.Context(), name)
		if st, _ := status.Of(err); st == nil || st.Code != want.Code || st.Description != want.Description {
			t.Errorf("%s: %v", name, err)
		}
	}
	if v, err := w.dial(t, rtmp.ClientConfig{PageURL: "https://example.com/"}).Call(t.Context(), "admin"); v != "welcome" {
		t.Errorf("admin from an allowed page: %v %v", v, err)
	}
}

// What no client can cause is said to the programmer at once.
func TestRegisterPanics(t *testing.T) {
	type loop struct{ Next *loop }
	tests := []struct {
		name string
		f    any
		want string
	}{
		{"", func() {}, "rpc: a method needs a name"},
		{"x", 7, "rpc: method x: int is not a function"},
		{"x", (func())(nil), "rpc: method x: the function is nil"},
		{"x", nil, "rpc: method x: <nil> is not a function"},
		{"play", func() {}, "rpc: play cannot be registered: it is a command of the protocol, which never reaches an application"},
		{"sum", func() {}, "rpc: sum is registered already"},
		{"x", func(chan int) {}, "rpc: method x: argument 1 is chan int: AMF has nothing like chan int"},
		{"x", func(context.Context, string, []func()) {}, "rpc: method x: argument 2 is []func(): AMF has nothing like func()"},
		{"x", func(struct{ F []complex128 }) {}, "rpc: method x: argument 1 is struct { F []complex128 }: its field F: AMF has nothing like complex128"},
		{"x", func(map[int]string) {}, "rpc: method x: argument 1 is map[int]string: the keys of an AMF object are strings"},
		{"x", func(error) {}, "rpc: method x: argument 1 is error: AMF knows no implementations of error; any takes everything"},
		{"x", func(string, *app.Client) {},
			"rpc: method x: argument 2 is *app.Client, which no caller can send: at the beginning there may be context.Context, then *app.Client"},
		{"x", func(*rtmp.Client) {},
			"rpc: method x: argument 1 is *rtmp.Client, which no caller can send: at the beginning there may be context.Context, then *app.Client"},
		{"x", func(*app.Client, context.Context) {},
			"rpc: method x: argument 1 is context.Context, which no caller can send: at the beginning there may be context.Context, then *app.Client"},
		{"x", func() (int, string) { return 0, "" }, "rpc: method x: it returns 2 results: a call has one, beside an error that comes last"},
		{"x", func() (error, error) { return nil, nil }, "rpc: method x: it returns two errors"},
		{"x", func() chan int { return nil }, "rpc: method x: the result is chan int: AMF has nothing like chan int"},
		{"fine", func(loop, *loop, any, amf.Date, *amf.Array, ...[]byte) (*loop, error) { return nil, nil }, ""},
	}
	m := samples()
	for _, tt := range tests {
		func() {
			defer func() {
				got := ""
				if p := recover(); p != nil {
					got = fmt.Sprint(p)
				}
				if got != tt.want {
					t.Errorf("%s: got  %q\nwant %q", tt.name, got, tt.want)
				}
			}()
			m.Register(tt.name, tt.f)
		}()
	}
	if names := m.Names(); !slices.Contains(names, "fine") || slices.Contains(names, "x") || !slices.IsSorted(names) {
		t.Errorf("registered: %v", names)
	}
}

// The client may send anything: whatever a registered function takes, no value makes the server panic.
func TestNoValuePanics(t *testing.T) {
	m := samples()
	deep := amf.Value(1.0)
	for range 200 {
		deep = amf.NewArray(deep)
	}
	values := []amf.Value{nil, amf.Undefined, amf.Unsupported, true, 1.0, int32(-1), "x", amf.Date{}, amf.XML("x"), object(), amf.NewArray(1.0),
		amf.NewECMA(prop("a", 1.0)), &amf.ByteArray{}, &amf.VectorInt{Data: []int32{1}}, &amf.VectorObject{}, &amf.Dictionary{}, &amf.Externalizable{Class: "X"},
		(*amf.Object)(nil), (*amf.Array)(nil), deep}
	for _, name := range m.Names() {
		if name == "panic" || name == "object" {
			continue
		}
		f := m.named[name]
		for _, a := range values {
			for _, b := range values {
				in, bad := f.arguments(nil, []amf.Value{a, b})
				if bad != nil {
					if text := bad.Error(); !strings.HasPrefix(text, "argument ") || !strings.Contains(text, " of "+name) {
						t.Errorf("%s(%T, %T): %s", name, a, b, text)
					}
					continue
				}
				want := f.fn.Type().NumIn()
				if f.context || f.client || f.rest != nil {
					continue
				}
				if len(in) != want {
					t.Errorf("%s gets %d arguments, wants %d", name, len(in), want)
				}
				for i, v := range in {
					if v.Type() != f.fn.Type().In(i) {
						t.Errorf("%s: argument %d is %v, not %v", name, i, v.Type(), reflect.TypeFor[int]())
					}
				}
			}
		}
	}
}

func TestFallback(t *testing.T) {
	m := New()
	m.Register("own", func() string { return "own" })
	m.SetFallback(func(_ context.Context, c *app.Client, name string, args []amf.Value) (amf.Value, error) {
		if name == "unknown" {
			return nil, app.ErrNoMethod
		}
		return map[string]any{"name": name, "args": len(args), "app": c.App}, nil
	})
	w := serve(t, app.Live(app.LiveOptions{Methods: m}), nil)
	c := w.dial(t, rtmp.ClientConfig{})
	if v, err := c.Call(t.Context(), "own"); v != "own" {
		t.Errorf("own: %v %v", v, err)
	}
	if v, err := c.Call(t.Context(), "other", 1.0, 2.0); amf.Format(v) != `{app:"rpc" args:2 name:"other"}` {
		t.Errorf("other: %s %v", amf.Format(v), err)
	}
	_, err := c.Call(t.Context(), "unknown")
	if st, _ := status.Of(err); st == nil || st.Description != "Method not found (unknown)." {
		t.Errorf("unknown: %v", err)
	}
}

// Functions that want their client are not called without one.
func TestCallOutsideOfAServer(t *testing.T) {
	m := samples()
	if v, err := m.Call(t.Context(), "not", []amf.Value{true}); v != false || err != nil {
		t.Errorf("not: %v %v", v, err)
	}
	if _, err := m.Call(t.Context(), "sum", []amf.Value{1.0, 2.0}); err == nil || !strings.Contains(err.Error(), "without a client") {
		t.Errorf("sum: %v", err)
	}
	if _, err := m.Call(t.Context(), "none", nil); !errors.Is(err, app.ErrNoMethod) {
		t.Errorf("none: %v", err)
	}
}

// No reserved name reaches a session, and the names in use that are not reserved do.
func TestReserved(t *testing.T) {
	m := New()
	var mu sync.Mutex
	var reached []string
	m.SetFallback(func(_ context.Context, _ *app.Client, name string, _ []amf.Value) (amf.Value, error) {
		mu.Lock()
		defer mu.Unlock()
		reached = append(reached, name)
		return nil, nil
	})
	w := serve(t, m, nil)
	names := []string{"connect", "_result", "_error", "onStatus", "createStream", "deleteStream", "releaseStream", "FCPublish", "FCUnpublish",
		"FCSubscribe", "FCUnsubscribe", "getStreamLength", "checkBandwidth", "_checkbw", "publish", "play", "play2", "closeStream", "pause",
		"pauseRaw", "seek", "receiveAudio", "receiveVideo", "getStats", "sum", "Play", "close"}
	c := w.dial(t, rtmp.ClientConfig{})
	for _, name := range names[:len(names)-1] {
		_ = c.Notify(name)
	}
	if _, err := c.Call(t.Context(), "last"); err != nil {
		t.Fatal(err)
	}
	_ = c.Notify("close")
	<-c.Done()
	mu.Lock()
	defer mu.Unlock()
	for _, name := range names {
		if app.Reserved(name) == slices.Contains(reached, name) {
			t.Errorf("%s: reserved %v, reached the application %v", name, app.Reserved(name), slices.Contains(reached, name))
		}
	}
}

func TestScan(t *testing.T) {
	scanned := make(chan string, 1)
	h := app.HandlerFunc(func(_ context.Context, _ *app.Client, args []amf.Value) (app.Session, error) {
		var name string
		var seat *uint8
		if err := Scan(args, &name, &seat); err != nil {
			return nil, err
		}
		if seat != nil {
			name += fmt.Sprint(*seat)
		}
		scanned <- name
		return nil, nil
	})
	w := serve(t, h, nil)
	for _, tt := range []struct {
		args []amf.Value
		want string
	}{
		{[]amf.Value{"Ada"}, "Ada"},
		{[]amf.Value{"Ada", 7.0}, "Ada7"},
		{[]amf.Value{"Ada", nil}, "Ada"},
		{nil, "Connection failed: argument 1 of connect is missing: it has to be a string."},
		{[]amf.Value{7.0}, "Connection failed: argument 1 of connect has to be a string, not the number 7."},
		{[]amf.Value{"Ada", 700.0}, "Connection failed: argument 2 of connect has to be a whole number from 0 to 255 or null, not the number 700."},
		{[]amf.Value{"Ada", 7.0, true}, "Connection failed: argument 3 of connect, a boolean, is one too many."},
	} {
		got := ""
		c, err := rtmp.Dial(t.Context(), "rtmp://"+w.addr+"/rpc", &rtmp.ClientConfig{Args: tt.args})
		if err == nil {
			got = <-scanned
			_ = c.Close()
		} else if st, _ := status.Of(err); st != nil && st.Code == status.ConnectRejected {
			got = st.Description
			if r := <-w.refusals; r.Cause != app.CauseMalformed || r.Stage != app.StageConnect {
				t.Errorf("recorded %+v", r)
			}
		}
		if got != tt.want {
			t.Errorf("%v: got %q (%v), want %q", tt.args, got, err, tt.want)
		}
	}
}
