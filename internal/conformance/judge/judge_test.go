package judge

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/internal/conformance"
	"penstock/internal/conformance/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseURL(t *testing.T) {
	for raw, want := range map[string][3]string{
		"rtmp://example.com/live":               {"example.com:1935", "live", "rtmp://example.com:1935/live"},
		"rtmp://example.com:1936/live/room?k=s": {"example.com:1936", "live/room", "rtmp://example.com:1936/live/room"},
		"rtmps://[::1]/live/":                   {"[::1]:443", "live", "rtmps://[::1]:443/live"},
	} {
		target, err := ParseURL(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]string{target.Address, target.App, target.URL()}; got != want {
			t.Errorf("%s is %v", raw, got)
		}
	}
	for _, raw := range []string{"", "http://a/b", "rtmp://a", "rtmp:///live", "a/b"} {
		if _, err := ParseURL(raw); err == nil {
			t.Errorf("%q is taken", raw)
		}
	}
	for address, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "192.0.2.1:1": false, "example.com:1": false} {
		if got := (&Target{Address: address}).Loopback(); got != want {
			t.Errorf("%s is loopback: %v", address, got)
		}
	}
}

// answering is a listener that takes connections and can be ended and started again.
type answering struct {
	t    *testing.T
	addr string
	mu   sync.Mutex
	l    net.Listener
	wg   sync.WaitGroup
}

func listen(t *testing.T) *answering {
	a := &answering{t: t, addr: "127.0.0.1:0"}
	if err := a.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.end(); a.wg.Wait() })
	return a
}

func (a *answering) start(context.Context) error {
	var l net.Listener
	var err error
	for range 100 {
		if l, err = net.Listen("tcp", a.addr); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.l, a.addr = l, l.Addr().String()
	a.mu.Unlock()
	a.wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			_ = nc.Close()
		}
	})
	return nil
}

func (a *answering) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = a.l.Close()
}

func simple(id string, run func(*Trial) error) Case {
	return Case{Case: conformance.Case{ID: id, Severity: conformance.Required}, Run: run}
}

func verdicts(r *conformance.Report) string {
	var list []string
	for _, res := range r.Results {
		list = append(list, res.ID+" "+string(res.Verdict))
	}
	return strings.Join(list, ", ")
}

// What a case returns is its verdict; alone and last come in their order, and each case once for a version of AMF.
func TestRun(t *testing.T) {
	a := listen(t)
	var mu sync.Mutex
	var order []string
	note := func(name string, err error) func(*Trial) error {
		return func(trial *Trial) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
			if trial.Stream("") == "" || !strings.Contains(trial.Stream("x"), "p-") {
				return errors.New("no stream name")
			}
			return err
		}
	}
	cases := []Case{
		simple("a/last", note("last", nil)), simple("a/alone", note("alone", Differs("x", "y"))), simple("b/works", note("works", nil)),
		simple("b/fails", note("fails", Fails("x", "nothing"))), simple("b/needs", note("needs", Needs("a tool"))),
		simple("b/panics", func(*Trial) error { panic("oops") }), simple("c/once", note("once", nil)), simple("c/attack", note("attack", nil)),
	}
	cases[0].Last, cases[0].Once, cases[1].Alone, cases[1].Once, cases[6].Once, cases[7].Hostile = true, true, true, true, true, true
	done := 0
	r, err := Run(t.Context(), &Target{Address: a.addr, App: "live", Prefix: "p-"}, cases,
		Options{AMF: []int{0, 3}, Parallel: 3, Done: func(*conformance.Result) { done++ }})
	if err != nil {
		t.Fatal(err)
	}
	want := "a/last works, a/alone differs, b/works works, b/works works, b/fails fails, b/fails fails, b/needs not-reproduced, b/needs not-reproduced, " +
		"b/panics not-reproduced, b/panics not-reproduced, c/once works"
	if got := verdicts(r); got != want || done != len(r.Results) {
		t.Errorf("%s; told of %d", got, done)
	}
	if n := len(order); n < 2 || order[n-1] != "last" || order[n-2] != "alone" {
		t.Errorf("in the order %v", order)
	}
	for _, only := range []string{"nothing", "c/attack"} {
		if _, err := Run(t.Context(), &Target{Address: a.addr}, cases, Options{Only: []string{only}}); err == nil {
			t.Errorf("--only %s is no error", only)
		}
	}
	for only, n := range map[string]int{"b": 4, "b/w*": 1, "c/once": 1} {
		if got, err := Count(&Target{}, cases, Options{Only: []string{only}}); err != nil || got != n {
			t.Errorf("--only %s is %d cases, %v", only, got, err)
		}
	}
	if _, err := Run(t.Context(), &Target{Address: "127.0.0.1:1"}, cases, Options{}); err == nil {
		t.Error("no server is no error")
	}
}

// A server that ends is started again, and the case under which it ends is blamed, with those beside it cleared.
func TestBlame(t *testing.T) {
	a := listen(t)
	dials := func(trial *Trial) error { _, err := trial.Dial(""); return err }
	var deaths atomic.Int32
	cases := []Case{
		simple("a", dials), simple("b", func(trial *Trial) error {
			deaths.Add(1)
			a.end()
			return dials(trial)
		}), simple("c", dials), simple("d", dials),
	}
	target := &Target{Address: a.addr, Control: Control{Start: a.start}}
	r, err := Run(t.Context(), target, cases, Options{Parallel: 4, Step: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if got := verdicts(r); got != "a works, b fails, c works, d works" || deaths.Load() < 2 {
		t.Errorf("%s, after %d deaths", got, deaths.Load())
	}
	if got := r.Results[1].Got; !strings.Contains(got, "the server itself ended") {
		t.Errorf("got %q", got)
	}
	// Without a way to start it nobody is blamed for what is not known.
	target.Control.Start = nil
	r, err = Run(t.Context(), target, cases, Options{Parallel: 1, Step: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if got := verdicts(r); got != "a works, b not-reproduced, c not-reproduced, d not-reproduced" {
		t.Errorf("%s", got)
	}
}

// Credentials of the URL are used, and shown nowhere.
func TestSecrets(t *testing.T) {
	target, err := ParseURL("rtmp://127.0.0.1/live?key=s3cret")
	if err != nil {
		t.Fatal(err)
	}
	trial := newTrial(t.Context(), target, "x", false, time.Second)
	o := trial.ConnectObject("live")
	if o.Text("app") != "live?key=s3cret" || !strings.HasSuffix(o.Text("tcUrl"), "/live?key=s3cret") {
		t.Errorf("%s", wire.Format(o))
	}
	if other := trial.ConnectObject("closed"); strings.Contains(wire.Format(other), "s3cret") {
		t.Error("the key of one application is told to another")
	}
	trial.Note("app %s", o.Text("app"))
	text, _ := json.Marshal(trial.script.Events())
	if strings.Contains(string(text), "s3cret") || strings.Contains(target.URL(), "s3cret") {
		t.Errorf("%s, %s", text, target.URL())
	}
}

func TestAPI(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.EscapedPath()+" "+r.Header.Get("Authorization"))
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = w.Write([]byte(`{"sessions": [{"id": "other", "peer": "127.0.0.1:9"}, {"id": "mine", "peer": "127.0.0.1:7"}]}`))
	}))
	defer srv.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	control, err := API(srv.URL, "tok")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(control.Close(t.Context(), Victim{Peer: "127.0.0.1:7"}), control.Unload(t.Context(), "a b"), control.Load(t.Context(), "a b")); err != nil {
		t.Fatal(err)
	}
	want := "GET /api/v1/sessions Bearer tok; POST /api/v1/sessions/mine/kick Bearer tok; POST /api/v1/apps/a%20b/unload Bearer tok; POST /api/v1/apps/a%20b/load Bearer tok"
	if got := strings.Join(asked, "; "); got != want {
		t.Errorf("asked %s", got)
	}
	if err := control.Close(t.Context(), Victim{Peer: "127.0.0.1:8"}); err == nil {
		t.Error("a session that is not there was kicked")
	}
	if _, err := API("localhost", ""); err == nil {
		t.Error("an address without scheme is taken")
	}
}
