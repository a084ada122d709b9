package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/app"
	"penstock/app/instance"
	"penstock/internal/instancelog"
	"penstock/internal/journal"
	"penstock/internal/operator"
	"penstock/internal/script"
	"penstock/rtmp"
	"penstock/sharedobject"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a server with its journal and the interface before it, all over real sockets.
type world struct {
	t       *testing.T
	server  *app.Server
	journal *journal.Journal
	rtmp    string
	http    string
	client  *http.Client
	role    operator.Role // of who asks
	hubs    map[string]*sharedobject.Hub
	store   *sharedobject.MemoryStore
	talk    *script.Application
	game    *instance.Handler
	lines   *instancelog.Log
}

// talkScript is the application talk.
const talkScript = `
	application.onAppStart = function () { this.so = SharedObject.get("users", false); trace("started " + this.name); };
	application.onAppStop = function (info) { return application.stay !== true; };
	Client.prototype.write = function (key, value) { application.so.setProperty(key, value); return true; };
	Client.prototype.stay = function () { application.stay = true; };
`

// game is an application in Go.
type game struct{}

// Connect implements instance.Application.
func (game) Connect(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
	return app.Live(app.LiveOptions{}).Connect(ctx, c, args)
}

// Stop implements instance.Application.
func (game) Stop(error) {}

// share adds the application share, whose shared objects all may use, the scripted application talk, and game, which is one in Go.
func (w *world) share(mux *app.Mux) {
	w.store, w.lines = new(sharedobject.MemoryStore), instancelog.New()
	w.hubs = make(map[string]*sharedobject.Hub)
	for _, name := range []string{"share", "talk"} {
		hub := sharedobject.NewHub(sharedobject.Options{Name: name, Store: w.store, SaveInterval: time.Millisecond,
			Limits: sharedobject.Limits{UpdateRate: 1e6, ValueBytes: 1 << 20, ObjectBytes: 4 << 20}})
		w.t.Cleanup(func() { _ = hub.Close(context.Background()) })
		w.hubs[name] = hub
	}
	mux.Handle("share", app.Live(app.LiveOptions{Share: app.ShareAll(w.hubs["share"])}))
	w.game = instance.New(func(context.Context, *instance.Instance) (instance.Application, error) { return game{}, nil },
		instance.Options{Log: slog.New(slog.DiscardHandler)})
	mux.Handle("game", w.game)
	dir := w.t.TempDir()
	err := os.WriteFile(filepath.Join(dir, "main.asc"), []byte(talkScript), 0o600)
	if err == nil {
		log := slog.New(w.lines.Handler(slog.NewTextHandler(io.Discard, nil)))
		w.talk, err = script.Load("talk", dir, script.Options{Hub: w.hubs["talk"], Log: log})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.talk.Close)
	mux.HandleFunc("talk", func(ctx context.Context, c *app.Client, args []amf.Value) (app.Session, error) {
		s, err := w.talk.Connect(ctx, c, args)
		if err != nil {
			return nil, err
		}
		return s, nil
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	w := &world{t: t, role: operator.Admin, client: &http.Client{Transport: &http.Transport{}}}
	w.journal = journal.Open(journal.Options{Path: filepath.Join(t.TempDir(), "journal.db"), MaxRows: 1000, Repeats: 10, Log: log})
	mux := app.NewMux()
	mux.Handle("live", app.Live(app.LiveOptions{}))
	mux.Handle("old", app.HandlerFunc(nil))
	w.share(mux)
	w.server = &app.Server{Handler: mux, Log: log, OnRefusal: w.journal.Refusal, OnGone: w.journal.Gone}
	w.server.Limits.RefusedTimeout = time.Minute
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.rtmp = "rtmp://" + l.Addr().String()
	served := make(chan struct{})
	go func() { defer close(served); _ = w.server.Serve(l) }()
	h, err := New(Options{Server: w.server, Journal: w.journal, Apps: map[string]string{"live": "", "old": "rtmp://elsewhere/x", "share": "", "talk": "", "game": ""},
		Instances: &instance.Directory{Server: w.server, Sources: []instance.Source{w.talk, w.game}}, Hubs: w.hubs, InstanceLog: w.lines, Guard: w.guard, Version: "test", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(h)
	w.http = web.URL
	t.Cleanup(func() {
		_ = w.server.Close()
		<-served
		w.journal.Close()
		web.Close()
		w.client.CloseIdleConnections()
	})
	return w
}

// guard is operator.Authority.Require for the role of the world.
func (w *world) guard(least operator.Role, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.role < least {
			(&operator.Denied{Status: http.StatusForbidden, Detail: "not for you"}).Write(rw)
			return
		}
		ctx, cancel := operator.With(r.Context(), operator.Identity{Name: "ann", Role: w.role})
		defer cancel()
		next.ServeHTTP(rw, r.WithContext(ctx))
	})
}

// do makes a request and decodes the answer into out, when that is not nil.
func (w *world) do(method, path string, body any, out any) int {
	w.t.Helper()
	var in io.Reader
	if body != nil {
		b, _ := json.Marshal(body)
		in = bytes.NewReader(b)
	}
	req, _ := http.NewRequestWithContext(w.t.Context(), method, w.http+Prefix+path, in)
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
		w.t.Errorf("%s %s: an error as %s: %s", method, path, resp.Header.Get("Content-Type"), answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			w.t.Fatalf("%s %s: %d %s: %v", method, path, resp.StatusCode, answer, err)
		}
	}
	return resp.StatusCode
}

func (w *world) want(code int, method, path string, body any, out any) {
	w.t.Helper()
	if got := w.do(method, path, body, out); got != code {
		w.t.Errorf("%s %s: %d, want %d", method, path, got, code)
	}
}

type problem struct {
	Title, Detail string
	Status        int
	Errors        []struct{ Message, Location string }
}

func (w *world) dial(name string, said chan<- *status.Status) *rtmp.Client {
	w.t.Helper()
	cfg := &rtmp.ClientConfig{}
	if said != nil {
		cfg.OnStatus = func(s *status.Status) { said <- s }
	}
	c, err := rtmp.Dial(context.Background(), w.rtmp+"/"+name, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// told waits for a status of this code.
func told(t *testing.T, said <-chan *status.Status, code status.Code) *status.Status {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case s := <-said:
			if s.Code == code {
				return s
			}
		case <-late:
			t.Fatalf("the client is not told %s", code)
		}
	}
}

type refusalsBody struct {
	Refusals []Refusal
	Next     string
	Storage  string
	Dropped  int
}

// A refusal that a client really got is found, with all that is known of it.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"nosuch", "nosuch", "other"} {
		if _, err := rtmp.Dial(t.Context(), w.rtmp+"/"+name, &rtmp.ClientConfig{FlashVer: "FMLE/3.0 (compatible; Lavf59)"}); err == nil {
			t.Fatal("let in")
		}
	}
	var all refusalsBody
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		w.want(200, "GET", "/refusals", nil, &all)
		ended := 0
		for _, r := range all.Refusals {
			if r.Acknowledged != nil {
				ended++
			}
		}
		if ended == 3 || time.Now().After(deadline) {
			break
		}
	}
	if len(all.Refusals) != 3 || all.Next != "" || all.Storage != "database" {
		t.Fatalf("%+v", all)
	}
	r := all.Refusals[0]
	if r.App != "other" || r.Stage != "connect" || r.Cause != "unknown-application" || r.Code != "NetConnection.Connect.Rejected" ||
		r.XStatus != 404 || r.Level != "error" || r.IP != "127.0.0.1" || !strings.HasPrefix(r.Peer, "127.0.0.1:") || len(r.Session) != 8 ||
		r.Software != "FFmpeg" || r.BytesIn == 0 || r.Why == "" || r.Advice == "" || r.Wanted != "to connect to the application other" ||
		r.Acknowledged == nil || !strings.Contains(r.Description, "Application (other) is not defined.") || r.Count != 1 || r.Ending == "" {
		b, _ := json.MarshalIndent(r, "", " ")
		t.Errorf("%s", b)
	}
	for query, want := range map[string]int{
		"?app=nosuch": 2, "?ip=127.0.0.1": 3, "?ip=127.0.0.0/8": 3, "?ip=10.0.0.0/8": 0, "?ip=::ffff:127.0.0.1": 3, "?stage=publish": 0,
		"?cause=unknown-application": 3, "?code=NetConnection.Connect.Rejected": 3, "?q=OTHER": 1, "?q=%25": 0, "?session=" + r.Session: 1,
		"?from=2020-01-01T00:00:00Z": 3, "?to=2020-01-01T00:00:00Z": 0, "?limit=2": 2,
	} {
		var some refusalsBody
		w.want(200, "GET", "/refusals"+query, nil, &some)
		if len(some.Refusals) != want {
			t.Errorf("%s finds %d, want %d", query, len(some.Refusals), want)
		}
	}
	var first, second refusalsBody
	w.want(200, "GET", "/refusals?limit=2", nil, &first)
	w.want(200, "GET", "/refusals?limit=2&cursor="+first.Next, nil, &second)
	if len(second.Refusals) != 1 || second.Next != "" || second.Refusals[0].ID >= first.Refusals[1].ID {
		t.Errorf("the second page: %+v", second)
	}
	for query, where := range map[string]string{
		"?ip=nowhere": "query.ip", "?limit=501": "query.limit", "?limit=0": "query.limit", "?cursor=x": "query.cursor", "?stage=lunch": "query.stage",
		"?from=yesterday": "query.from", "?apps=x": "query.apps",
	} {
		var p problem
		w.want(422, "GET", "/refusals"+query, nil, &p)
		if p.Status != 422 || len(p.Errors) == 0 || p.Errors[0].Location != where {
			t.Errorf("%s: %+v", query, p)
		}
	}
}

// Whoever listens sees a refusal at once, and again when its connection has ended; who comes later may ask for what was missed.
func TestLiveRefusals(t *testing.T) {
	w := newWorld(t)
	events := w.listen("?app=nosuch", "")
	for _, name := range []string{"unheard", "nosuch"} {
		_, _ = rtmp.Dial(t.Context(), w.rtmp+"/"+name, nil)
	}
	first := <-events
	if first.App != "nosuch" || first.Cause != "unknown-application" || first.ID == 0 {
		t.Errorf("%+v", first)
	}
	for r := range events {
		if r.ID == first.ID && r.Acknowledged != nil {
			break
		}
	}
	seen := make(map[string]bool)
	for r := range w.listen("", "1") {
		if seen[r.App] = true; seen["unheard"] && seen["nosuch"] {
			return
		}
	}
	t.Errorf("of what was missed came only %v", seen)
}

// listen subscribes, and returns when the answer has begun.
func (w *world) listen(query, after string) <-chan Refusal {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	req, _ := http.NewRequestWithContext(ctx, "GET", w.http+Prefix+"/refusals/stream"+query, nil)
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" || resp.StatusCode != 200 {
		w.t.Fatalf("%s as %s", resp.Status, got)
	}
	out, done := make(chan Refusal, 100), make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		event := ""
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case key == "event":
				event = value
			case key == "data" && event == "refusal":
				var r Refusal
				if err := json.Unmarshal([]byte(value), &r); err != nil {
					w.t.Errorf("%q: %v", value, err)
				}
				out <- r
			}
		}
	}()
	w.t.Cleanup(func() { cancel(); resp.Body.Close(); <-done })
	return out
}
