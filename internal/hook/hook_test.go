package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/app"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend is a program that hooks ask. Its answers are those of reply.
type backend struct {
	*httptest.Server

	mu    sync.Mutex
	got   []*request
	reply func(w http.ResponseWriter, r *request)
}

type request struct {
	header http.Header
	method string
	path   string
	body   string
	m      Message // of the format json
}

func (r *request) String() string {
	return fmt.Sprintf("%s %s %s %s", r.m.Event, r.m.Stream, r.m.ID, r.m.Decided)
}

func newBackend(t *testing.T, reply func(w http.ResponseWriter, r *request)) *backend {
	b := &backend{reply: reply}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		req := &request{header: r.Header, method: r.Method, path: r.URL.Path, body: string(body)}
		_ = json.Unmarshal(body, &req.m)
		b.mu.Lock()
		b.got = append(b.got, req)
		b.mu.Unlock()
		b.reply(w, req)
	}))
	t.Cleanup(b.Close)
	return b
}

// allow lets everybody pass.
func allow(w http.ResponseWriter, _ *request) { _, _ = io.WriteString(w, `{"allow":true}`) }

// want waits for requests that look like that.
func (b *backend) want(t *testing.T, show func(*request) string, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		got = nil
		b.mu.Lock()
		for _, r := range b.got {
			got = append(got, show(r))
		}
		b.mu.Unlock()
		if len(got) >= len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func event(r *request) string { return string(r.m.Event) + " " + r.m.Stream }

var allEvents = []Event{Connect, Publish, Play, Call, Unpublish, Stop, Disconnect}

// hooks are those of application live, closed when the test ends.
func hooks(t *testing.T, url string, change func(o *Options)) *Hooks {
	t.Helper()
	o := Options{App: "live", Path: "apps.live.hooks", URLs: map[Event]string{}, Format: "json", Timeout: 10 * time.Second, Log: slog.New(slog.DiscardHandler)}
	for _, e := range allEvents {
		o.URLs[e] = url
	}
	if change != nil {
		change(&o)
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		h.Close(ctx)
	})
	return h
}

func addr(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func client() Client {
	return Client{ID: "AbCd1234", Addr: addr("192.0.2.1:5000"), Over: "rtmp", App: "live", TCURL: "rtmp://media.example/live", FlashVer: "FMLE/3.0"}
}

// wantRefusal checks the refusal that an error is.
func wantRefusal(t *testing.T, err error, cause app.Cause, want string) *app.Refusal {
	t.Helper()
	var r *app.Refusal
	if !errors.As(err, &r) || r.Status == nil || r.Cause != cause || r.Rule != "apps.live.hooks" || !strings.HasPrefix(r.Status.Error(), want) || r.Status.Level != status.LevelError {
		t.Errorf("got %v, want %s: %s", err, cause, want)
	}
	return r
}

func TestMessages(t *testing.T) {
	b := newBackend(t, allow)
	h := hooks(t, b.URL, func(o *Options) { o.Secret = "a secret of 16 b" })
	c := client()
	c.Instance, c.PageURL, c.SWFURL = "room", "http://example.com/", "http://example.com/a.swf"
	s := h.Session(c)
	d := Details{User: "user:joe", Stream: "cam", Type: "live", Query: url.Values{"token": {"a", "b"}}}
	if _, err := s.Ask(t.Context(), Connect, Details{Query: url.Values{"a": {"b"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ask(t.Context(), Publish, d); err != nil {
		t.Fatal(err)
	}
	d.Began, d.Seconds, d.Bytes = true, 1.5, 1000
	s.Tell(Unpublish, d)
	s.Tell(Disconnect, Details{BytesIn: 10, BytesOut: 20, Reason: "closed"})
	common := `"app":"live","instance":"room","ip":"192.0.2.1","port":5000,"over":"rtmp","tcurl":"rtmp://media.example/live",` +
		`"pageurl":"http://example.com/","swfurl":"http://example.com/a.swf","flashver":"FMLE/3.0"`
	b.want(t, func(r *request) string {
		head, tail, _ := strings.Cut(r.body, `"time":"`)
		stamp, tail, _ := strings.Cut(tail, `",`)
		if at, err := time.Parse(time.RFC3339Nano, stamp); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("time %s", stamp)
		}
		return head + tail
	},
		`{"event":"connect","id":"AbCd1234-1","session":"AbCd1234","sequence":1,`+common+`,"query":{"a":["b"]}}`,
		`{"event":"publish","id":"AbCd1234-2","session":"AbCd1234","sequence":2,`+common+`,"user":"user:joe","stream":"cam","type":"live","query":{"token":["a","b"]}}`,
		`{"event":"unpublish","id":"AbCd1234-3","session":"AbCd1234","sequence":3,`+common+`,"user":"user:joe","stream":"cam","type":"live","query":{"token":["a","b"]},"began":true,"seconds":1.5,"bytes":1000}`,
		`{"event":"disconnect","id":"AbCd1234-4","session":"AbCd1234","sequence":4,`+common+`,"bytes_in":10,"bytes_out":20,"reason":"closed"}`)
	for i, r := range b.got {
		for name, want := range map[string]string{"Content-Type": "application/json", "Penstock-Event": string(r.m.Event), "Penstock-Session": "AbCd1234",
			"Idempotency-Key": fmt.Sprint("AbCd1234-", i+1), "Penstock-Attempt": "1"} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %s", name, got)
			}
		}
		seconds, _, _ := strings.Cut(strings.TrimPrefix(r.header.Get(SignatureHeader), "t="), ",")
		var at int64
		_, _ = fmt.Sscan(seconds, &at)
		if want := Sign("a secret of 16 b", time.Unix(at, 0), []byte(r.body)); r.method != "POST" || r.header.Get(SignatureHeader) != want || time.Since(time.Unix(at, 0)).Abs() > time.Minute {
			t.Errorf("signature %s of %s", r.header.Get(SignatureHeader), r.body)
		}
	}
}

// The signature as anybody can compute it: printf %s '1767225600.{}' | openssl dgst -sha256 -hmac 'a secret of 16 b'.
func TestSign(t *testing.T) {
	want := "t=1767225600,v1=66f75f9dfb6a036b965925c037d7e4c6fb663c00b45a20af81095858a785ea94"
	if got := Sign("a secret of 16 b", time.Unix(1767225600, 0), []byte("{}")); got != want {
		t.Errorf("got %s", got)
	}
}

// What a program answers in JSON, and what the client is told.
func TestJSONAnswers(t *testing.T) {
	long := strings.Repeat("ä", 400)
	for name, tc := range map[string]struct {
		event Event
		code  int
		body  string
		as    string // the stream's new name
		cause app.Cause
		want  string
	}{
		"allow":                  {Publish, 200, `{"allow":true}`, "", "", ""},
		"allow, words of no use": {Publish, 200, `{"allow":true,"code":"NetStream.Publish.Denied","description":"x"}`, "", "", ""},
		"rename":                 {Publish, 201, `{"allow":true,"stream":"public"}`, "public", "", ""},
		"refuse":                 {Publish, 200, `{"allow":false}`, "", app.CauseHook, "NetStream.Publish.Denied: Publishing to live is not allowed here: check"},
		"refuse play":            {Play, 200, `{"allow":false}`, "", app.CauseHook, "NetStream.Play.Failed: Playing from live"},
		"refuse connect":         {Connect, 200, `{"allow":false}`, "", app.CauseHook, "NetConnection.Connect.Rejected: Connecting to live"},
		"refuse call":            {Call, 200, `{"allow":false}`, "", app.CauseHook, "NetConnection.Call.Prohibited: Calling methods of live"},
		"own words":              {Publish, 200, `{"allow":false,"code":"NetStream.Publish.BadName","description":"Pay first: https://pay.example/"}`, "", app.CauseHook, "NetStream.Publish.BadName: Pay first: https://pay.example/"},
		"own words, 403":         {Publish, 403, `{"description":"Not today."}`, "", app.CauseHook, "NetStream.Publish.Denied: Not today."},
		"401 without words":      {Publish, 401, `<html>`, "", app.CauseHook, "NetStream.Publish.Denied: Publishing to live"},
		"403 that says allow":    {Publish, 403, `{"allow":true}`, "", app.CauseHook, "NetStream.Publish.Denied"},
		"made-up code":           {Publish, 200, `{"allow":false,"code":"Acme.Quota.Used","description":"x"}`, "", app.CauseHook, "Acme.Quota.Used: x"},
		"code of a success":      {Publish, 200, `{"allow":false,"code":"NetStream.Publish.Start","description":"x"}`, "", app.CauseHook, "NetStream.Publish.Denied: x"},
		"no code":                {Publish, 200, `{"allow":false,"code":"no code","description":"x"}`, "", app.CauseHook, "NetStream.Publish.Denied: x"},
		"control characters":     {Publish, 200, `{"allow":false,"description":" a\u0000b\nc\u001b[31m\u202ed "}`, "", app.CauseHook, "NetStream.Publish.Denied: ab c[31md"},
		"long words":             {Publish, 200, `{"allow":false,"description":"` + long + `"}`, "", app.CauseHook, "NetStream.Publish.Denied: " + long[:512]},
		"redirect":               {Connect, 200, `{"allow":false,"redirect":"rtmp://b.example/live"}`, "", app.CauseRedirect, "NetConnection.Connect.Rejected: Connection failed"},
		"redirect with words":    {Connect, 200, `{"allow":false,"redirect":"rtmps://b.example/live","description":"Moved."}`, "", app.CauseRedirect, "NetConnection.Connect.Rejected: Moved."},
		"redirect to the web":    {Connect, 200, `{"allow":false,"redirect":"http://b.example/"}`, "", app.CauseHook, "NetConnection.Connect.Rejected: Connecting to live"},
		"redirect of a stream":   {Publish, 200, `{"allow":false,"redirect":"rtmp://b.example/live/cam"}`, "", app.CauseRedirect, "NetStream.Publish.Denied: This stream is at rtmp://b.example/live/cam"},
		"misspelt":               {Publish, 200, `{"alow":false}`, "", app.CauseHookDown, "NetStream.Publish.Denied: Publishing to live could not be checked"},
		"nothing":                {Publish, 204, ``, "", app.CauseHookDown, "NetStream.Publish.Denied: Publishing to live could not be checked"},
		"not JSON":               {Play, 200, `ok`, "", app.CauseHookDown, "NetStream.Play.Failed: Playing from live could not be checked, because the program that decides cannot be asked: try again"},
		"not found":              {Publish, 404, `{"allow":true}`, "", app.CauseHookDown, "NetStream.Publish.Denied"},
		"fails":                  {Publish, 500, `{"allow":true}`, "", app.CauseHookDown, "NetStream.Publish.Denied"},
		"too long":               {Publish, 200, `{"allow":true}` + strings.Repeat(" ", maxAnswer), "", app.CauseHookDown, "NetStream.Publish.Denied"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, func(w http.ResponseWriter, _ *request) {
				w.WriteHeader(tc.code)
				_, _ = io.WriteString(w, tc.body)
			})
			as, err := hooks(t, b.URL, nil).Session(client()).Ask(t.Context(), tc.event, Details{Stream: "cam", Method: "m"})
			if tc.cause == "" {
				if err != nil || as != tc.as {
					t.Errorf("%q %v", as, err)
				}
				return
			}
			r := wantRefusal(t, err, tc.cause, tc.want)
			if r != nil && tc.cause == app.CauseRedirect {
				if o := fmt.Sprint(r.Status.Extra); !strings.Contains(o, "ex") {
					t.Errorf("no ex in %s", o)
				}
			}
			if r != nil && tc.cause == app.CauseHookDown && (r.Err == nil || strings.Contains(r.Err.Error(), b.URL)) {
				t.Errorf("inner error %v", r.Err)
			}
		})
	}
}

// Nobody is sent elsewhere by an answer: not the client of a redirect, nor the request itself.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newBackend(t, allow)
	b := newBackend(t, func(w http.ResponseWriter, _ *request) {
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	_, err := hooks(t, b.URL, nil).Session(client()).Ask(t.Context(), Publish, Details{Stream: "cam"})
	wantRefusal(t, err, app.CauseHookDown, "NetStream.Publish.Denied")
	elsewhere.want(t, event)
}

// No part of a client's words is part of the address.
func TestAddressIsTheOperators(t *testing.T) {
	b := newBackend(t, allow)
	h := hooks(t, "", func(o *Options) {
		o.URLs = map[Event]string{Publish: b.URL + "/on/publish", Play: b.URL + "/on/play"}
	})
	c := client()
	c.App, c.TCURL = "../x?y", "http://evil.example/"
	s := h.Session(c)
	for _, e := range []Event{Connect, Publish, Play} { // Connect has no address
		if _, err := s.Ask(t.Context(), e, Details{Stream: "../../admin?x=y#z", Query: url.Values{"url": {"http://evil.example"}}}); err != nil {
			t.Fatal(err)
		}
	}
	s.Tell(Unpublish, Details{})
	b.want(t, func(r *request) string { return r.path }, "/on/publish", "/on/play")
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Options{Path: "apps.live.hooks", Format: "xml"}); err == nil || !strings.Contains(err.Error(), "apps.live.hooks.format") {
		t.Error(err)
	}
}

func TestEventsHaveStages(t *testing.T) {
	ends, asks := map[Event]Event{}, 0
	for _, e := range append(slices.Clone(allEvents), Done) {
		if e.ends() != nil {
			ends[e] = e.ends()[0]
		}
		if e.asks() {
			asks++
		}
	}
	if want := map[Event]Event{Connect: Disconnect, Publish: Unpublish, Play: Stop}; !maps.Equal(ends, want) || asks != 4 {
		t.Errorf("%v, %d ask", ends, asks)
	}
}

// A program is asked over HTTPS when its certificate is good, and is not otherwise.
func TestHTTPS(t *testing.T) {
	b := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"allow":true}`) }))
	b.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer b.Close()
	_, err := hooks(t, b.URL, nil).Session(client()).Ask(t.Context(), Publish, Details{})
	if r := wantRefusal(t, err, app.CauseHookDown, "NetStream.Publish.Denied"); r != nil && !strings.Contains(r.Err.Error(), "certificate") {
		t.Error(r.Err)
	}
	trusted := b.Client().Transport
	defer b.Client().CloseIdleConnections()
	if _, err := hooks(t, b.URL, func(o *Options) { o.Transport = trusted }).Session(client()).Ask(t.Context(), Publish, Details{}); err != nil {
		t.Error(err)
	}
}

// A user and a password in the address are those of the request, and in no error.
func TestAddressWithPassword(t *testing.T) {
	b := newBackend(t, func(w http.ResponseWriter, r *request) {
		if r.header.Get("Authorization") != "Basic am9lOnNlY3JldA==" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		allow(w, r)
	})
	at := strings.Replace(b.URL, "http://", "http://joe:secret@", 1)
	if _, err := hooks(t, at, nil).Session(client()).Ask(t.Context(), Publish, Details{}); err != nil {
		t.Error(err)
	}
	b.CloseClientConnections()
	b.Listener.Close()
	_, err := hooks(t, at, nil).Session(client()).Ask(t.Context(), Publish, Details{})
	if r := wantRefusal(t, err, app.CauseHookDown, "NetStream.Publish.Denied"); r != nil && strings.Contains(r.Error(), "secret") {
		t.Error(r)
	}
}

// docs/hooks.md has every field of an event, and verifies signatures as they are made.
func TestDocument(t *testing.T) {
	b, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	for _, typ := range []reflect.Type{reflect.TypeFor[Message](), reflect.TypeFor[Details](), reflect.TypeFor[jsonAnswer]()} {
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name != "" && !strings.Contains(doc, "`"+name+"`") && !strings.Contains(doc, `"`+name+`":`) {
				t.Errorf("does not have the field %s", name)
			}
		}
	}
	for _, e := range append(slices.Clone(allEvents), Done) {
		if !strings.Contains(doc, "`"+string(e)+"`") && !strings.Contains(doc, "on_"+string(e)) {
			t.Errorf("does not have the event %s", e)
		}
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no Python to try the example with")
	}
	_, code, _ := strings.Cut(doc, "```python\n")
	code, _, _ = strings.Cut(code, "```")
	body := []byte(`{"event":"publish"}`)
	code += fmt.Sprintf("\nimport sys\nprint(verify('a secret of 16 b', %q, sys.stdin.buffer.read()), verify('another secret', %[1]q, b''))\n", Sign("a secret of 16 b", time.Now(), body))
	cmd := exec.CommandContext(t.Context(), python, "-c", code)
	cmd.Stdin = bytes.NewReader(body)
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "True False\n" {
		t.Errorf("%v: %s", err, out)
	}
}
