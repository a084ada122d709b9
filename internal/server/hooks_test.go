package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/internal/config"
	"penstock/rtmp"
	"penstock/status"
)

// program is a program that hooks ask, and what it was asked.
type program struct {
	*httptest.Server
	mu  sync.Mutex
	got []string
}

// note remembers one line.
func (p *program) note(format string, a ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, fmt.Sprintf(format, a...))
}

// want waits for lines that begin so.
func (p *program) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		got = slices.Clone(p.got)
		p.mu.Unlock()
		if len(got) >= len(want) {
			break
		}
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// hooked is a server whose application live asks a program.
func hooked(t *testing.T, h http.Handler, change func(*config.Config, *config.App)) running {
	b := httptest.NewServer(h)
	t.Cleanup(b.Close)
	return start(t, false, func(c *config.Config) {
		c.Limits.RefusedTimeout = config.Duration(time.Minute) // a busy machine is no idle client
		a := config.DefaultApp()
		a.Hooks.URL = b.URL
		a.Hooks.Timeout = config.Duration(10 * time.Second)
		if change != nil {
			change(c, &a)
		}
		c.Apps = map[string]config.App{"live": a}
	})
}

// nginxProgram is what people run beside nginx-rtmp: it knows keys, and publishes a stream under its user's name.
func nginxProgram(p *program) http.HandlerFunc {
	users := map[string]string{"k-123": "ann"}
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" || r.ParseForm() != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p.note("%s %s %s", r.FormValue("call"), r.FormValue("app"), r.FormValue("name"))
		user, known := users[r.FormValue("name")]
		switch {
		case r.FormValue("call") == "publish" && known:
			http.Redirect(w, r, user, http.StatusFound)
		case r.FormValue("call") == "publish", r.FormValue("call") == "play" && r.FormValue("ticket") == "":
			w.WriteHeader(http.StatusForbidden)
		}
	}
}

func TestNginxProgram(t *testing.T) {
	p := &program{}
	r := hooked(t, nginxProgram(p), func(_ *config.Config, a *config.App) { a.Hooks.Format = "nginx-rtmp" })
	c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
	_, err := c.Publish(t.Context(), "guessed")
	wantCode(t, err, status.PublishDenied, "Publishing to live is not allowed here: check")
	if got := r.refusal(t); got.Cause != app.CauseHook || got.Rule != "apps.live.hooks" || got.XStatus != 401 {
		t.Errorf("%+v", got)
	}
	if _, err := c.Publish(t.Context(), "k-123"); err != nil {
		t.Fatal(err)
	}
	player := dial(t, "rtmp://"+r.rtmp+"/live", nil)
	_, err = player.Play(t.Context(), "ann", rtmp.PlayOptions{})
	wantCode(t, err, status.PlayFailed, "Playing from live is not allowed here")
	// A recorded stream must be there: the name that Location gave is the stream's.
	if _, err := player.Play(t.Context(), "ann?ticket=1", rtmp.PlayOptions{Recorded: true}); err != nil {
		t.Errorf("not published under the new name: %v", err)
	}
	_ = player.Close()
	p.want(t, "connect live ", "publish live guessed", "publish live k-123", "connect live ", "play live ann", "play live ann", "play_done live ann", "disconnect live ")
	_ = c.Close()
	p.want(t, "connect live ", "publish live guessed", "publish live k-123", "connect live ", "play live ann", "play live ann", "play_done live ann", "disconnect live ",
		"publish_done live k-123", "disconnect live ")
}

// srsProgram is what people run beside SRS: a token opens publishing, and one address may not play.
func srsProgram(p *program) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var e struct{ Action, App, Stream, Param, IP string }
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			http.Error(w, "no JSON", http.StatusBadRequest)
			return
		}
		p.note("%s %s %s", e.Action, e.App, e.Stream)
		code := 0
		switch e.Action {
		case "on_publish":
			if !strings.Contains(e.Param, "token=right") {
				code = 1
			}
		case "on_play":
			if e.Stream == "private" && e.IP == "127.0.0.1" {
				code = 2
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]int{"code": code})
	}
}

func TestSRSProgram(t *testing.T) {
	p := &program{}
	r := hooked(t, srsProgram(p), func(_ *config.Config, a *config.App) { a.Hooks.Format = "srs" })
	c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
	_, err := c.Publish(t.Context(), "cam?token=wrong")
	wantCode(t, err, status.PublishDenied, "Publishing to live is not allowed here")
	if _, err := c.Publish(t.Context(), "cam?token=right"); err != nil {
		t.Fatal(err)
	}
	_, err = c.Play(t.Context(), "private", rtmp.PlayOptions{})
	wantCode(t, err, status.PlayFailed, "Playing from live is not allowed here")
	_ = c.Close()
	p.want(t, "on_connect live ", "on_publish live cam", "on_publish live cam", "on_play live private", "on_unpublish live cam", "on_close live ")
}

// The words of a program reach the client as they are, at every stage and over HTTP too; and the log-in to come is one session.
func TestHookWords(t *testing.T) {
	p, sessions := &program{}, map[string]bool{}
	r := hooked(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e struct {
			Event, Session, Stream, Over, User string
			Query                              map[string][]string
			Began                              bool
			Bytes, BytesIn                     uint64 `json:",omitempty"`
		}
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &e)
		p.note("%s %s %s %s %v %v", e.Event, e.Over, e.Stream, e.User, e.Began, e.Bytes > 0)
		p.mu.Lock()
		sessions[e.Session] = true
		p.mu.Unlock()
		switch {
		case e.Query["where"] != nil:
			_, _ = io.WriteString(w, `{"allow":false,"redirect":"rtmp://b.example/live","description":"Use our other server."}`)
		case e.Event == "connect" && e.Query["who"] != nil:
			_, _ = io.WriteString(w, `{"allow":false,"code":"NetConnection.Connect.Rejected","description":"Your subscription ended on 1 May."}`)
		case e.Stream == "full" || e.Stream == "pay":
			_, _ = io.WriteString(w, `{"allow":false,"description":"Pay first: https://pay.example/?u=1"}`)
		case e.Stream == "other":
			_, _ = io.WriteString(w, `{"allow":true,"stream":"public"}`)
		case e.Stream == "bad":
			_, _ = io.WriteString(w, `{"allow":true,"stream":"a//b"}`)
		default:
			_, _ = io.WriteString(w, `{"allow":true}`)
		}
	}), func(_ *config.Config, a *config.App) {
		a.Publish.Keys = map[string]config.StreamKey{"stage": {Key: streamKey}}
		a.Hooks.On = []string{"connect", "publish", "play", "call", "unpublish", "stop", "disconnect"}
	})
	_, err := rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/live?who=ann", nil)
	wantCode(t, err, status.ConnectRejected, "Your subscription ended on 1 May.")
	_, err = rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/live?where=1", nil)
	wantCode(t, err, status.ConnectRejected, "Use our other server.")
	if st, _ := status.Of(err); st == nil || !strings.Contains(amf.Format(st.Object()), "rtmp://b.example/live") {
		t.Errorf("no redirect in %v", st)
	}
	c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
	_, err = c.Publish(t.Context(), "pay?key="+streamKey)
	wantCode(t, err, status.PublishDenied, "Pay first: https://pay.example/?u=1")
	_, err = c.Publish(t.Context(), "bad?key="+streamKey)
	wantCode(t, err, status.PublishDenied, "")
	_, err = c.Play(t.Context(), "full", rtmp.PlayOptions{})
	wantCode(t, err, status.PlayFailed, "Pay first: https://pay.example/?u=1")
	if _, err = c.Call(t.Context(), "ping"); err != nil {
		t.Error(err)
	}
	pub, err := c.Publish(t.Context(), "other?key="+streamKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.WriteVideo(t.Context(), 0, []byte{0x17, 0, 0, 0, 0, 1, 0x42, 0xC0, 0x1E, 1}); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + r.http + "/live/full.flv")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || string(body) != "Pay first: https://pay.example/?u=1\n" {
		t.Errorf("%s %s", resp.Status, body)
	}
	key := "key:stage"
	first := []string{"connect rtmp   false", "connect rtmp   false",
		"connect rtmp   false", "publish rtmp pay " + key, "publish rtmp bad " + key, "unpublish rtmp bad " + key + " false false", "play rtmp full", "call rtmp", "publish rtmp other " + key,
		"connect http ", "play http full", "disconnect http"}
	p.want(t, first...) // only what is of one session has an order
	if _, err := dial(t, "rtmp://"+r.rtmp+"/live", nil).Play(t.Context(), "public", rtmp.PlayOptions{Recorded: true}); err != nil {
		t.Errorf("not there under the name that the program gave: %v", err)
	}
	_ = c.Close()
	p.want(t, append(first, "connect rtmp ", "play rtmp public", "unpublish rtmp other "+key+" true true", "disconnect rtmp")...)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(sessions) != 5 {
		t.Errorf("%d sessions: %v", len(sessions), sessions)
	}
}

// Nobody answers: the client is told so, or let pass, and a stop of the server does not wait for ever.
func TestHookDown(t *testing.T) {
	for _, tc := range []struct {
		when  string
		h     http.HandlerFunc
		cause app.Cause
		text  string
	}{
		{"refuse", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, app.CauseHookDown, "the program that decides cannot be asked: try again"},
		{"refuse", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body); <-r.Context().Done() }, app.CauseHookLate, "the program that decides did not answer in time: try again"},
		{"allow", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "", ""},
	} {
		t.Run(tc.when+" "+string(tc.cause), func(t *testing.T) {
			r := hooked(t, tc.h, func(c *config.Config, a *config.App) {
				a.Hooks.WhenDown = tc.when
				if tc.cause == app.CauseHookLate {
					a.Hooks.Timeout = config.Duration(200 * time.Millisecond)
				}
				a.Hooks.On = []string{"publish", "unpublish"}
				c.Shutdown.Grace = config.Duration(2 * time.Second)
			})
			c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
			_, err := c.Publish(t.Context(), "cam")
			if tc.cause == "" {
				if err != nil {
					t.Error(err)
				}
			} else {
				wantCode(t, err, status.PublishDenied, tc.text)
				if got := r.refusal(t); got.Cause != tc.cause || got.Rule != "apps.live.hooks" || got.Err == nil {
					t.Errorf("%+v", got)
				}
			}
			if err := r.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The metrics have how long a program took, by event and outcome.
func TestHookMetrics(t *testing.T) {
	s := hooked(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `{"allow":%t}`, r.Header.Get("Penstock-Event") != "publish")
	}), nil)
	c := dial(t, "rtmp://"+s.rtmp+"/live", nil)
	if _, err := c.Publish(t.Context(), "cam"); err == nil {
		t.Fatal("published")
	}
	_ = c.Close()
	want := []string{`{event="connect",outcome="allowed"} 1`, `{event="publish",outcome="refused"} 1`, `{event="disconnect",outcome="taken"} 1`}
	text := ""
	missing := func() bool {
		_, text = call(t, "GET", "http://"+s.http+"/metrics", "", "")
		return slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(text, "penstock_hook_seconds_count"+w) })
	}
	for deadline := time.Now().Add(20 * time.Second); missing(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("want %q in\n%s", want, text)
		}
	}
}
