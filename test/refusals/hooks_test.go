package refusals

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"syscall"
	"testing"
	"time"

	"penstock/app"
	"penstock/status"
	"penstock/test/process"
)

// backends are programs of an operator that are asked about clients.
type backends struct {
	ours, nginx, srs, late, broken *httptest.Server

	mu   sync.Mutex
	last map[string]string // what the presets' programs were posted last, by format
}

// startBackends starts them all.
func startBackends(t *testing.T) *backends {
	t.Helper()
	b := &backends{last: make(map[string]string)}
	serve := func(f http.HandlerFunc) *httptest.Server {
		s := httptest.NewServer(f)
		t.Cleanup(s.Close)
		return s
	}
	b.ours = serve(func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Stream string }
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprint(w, ourAnswer(event.Stream))
	})
	b.nginx, b.srs = serve(b.nginxStyle), serve(b.srsStyle)
	ended := make(chan struct{})
	b.late = serve(func(_ http.ResponseWriter, r *http.Request) {
		select { // an answer that takes too long
		case <-r.Context().Done():
		case <-ended:
		}
	})
	t.Cleanup(func() { close(ended) }) // before late closes, which waits for it
	b.broken = serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	return b
}

// ourAnswer is what an operator's program may say, in our own format.
func ourAnswer(stream string) string {
	switch stream {
	case "elsewhere":
		return `{"allow": false, "redirect": "rtmp://b.example.com/live/cam"}`
	case "code":
		return `{"allow": false, "code": "NetStream.Publish.BadName", "description": "Camera 3 has this name until noon."}`
	}
	return `{"allow": false, "description": "Your subscription ended yesterday: renew it at example.com/renew."}`
}

// nginxStyle is how programs for nginx-rtmp-module answer on_publish and on_play: they read a form, and their status decides.
func (b *backends) nginxStyle(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	b.note("nginx-rtmp", r.PostForm.Encode())
	switch {
	case r.PostForm.Get("call") == "publish" && r.PostForm.Get("key") == "secret":
		w.Header().Set("Location", "public") // the name without the key
		w.WriteHeader(http.StatusFound)
	case r.PostForm.Get("call") == "publish" || r.PostForm.Get("call") == "play":
		w.WriteHeader(http.StatusNotFound)
	}
}

// srsStyle is how programs for SRS answer its callbacks: they read JSON, and answer 0 or another number.
func (b *backends) srsStyle(w http.ResponseWriter, r *http.Request) {
	var m struct{ Action, App, Stream, Param string }
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &m)
	b.note("srs", string(body))
	query, _ := url.ParseQuery(m.Param[min(1, len(m.Param)):])
	if (m.Action == "on_publish" || m.Action == "on_play") && query.Get("key") != "secret" {
		_, _ = io.WriteString(w, `{"code": 1, "msg": "wrong key"}`)
		return
	}
	_, _ = io.WriteString(w, `{"code": 0}`)
}

func (b *backends) note(format, body string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last[format] = body
}

// nobody is an address where nobody listens, and nobody will: the port is taken, but not listened on.
func nobody(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}

// hooks are the scenarios of an operator's own program. b is nil where they are only listed.
func hooks(t *testing.T, b *backends) []*scenario {
	to := func(url func() string, more string) string {
		address := ""
		if b != nil {
			address = url()
		}
		return "hooks: {url: \"" + address + "\", on: [publish, play]" + more + "}"
	}
	const patient = ", timeout: 20s" // a busy machine must not make it late
	ours := to(func() string { return b.ours.URL }, patient)
	name := func(stream string) func(g *target) { return func(g *target) { g.stream = stream } }
	return []*scenario{
		{title: "By the operator's own program", what: "The program at `hooks.url` answers `{\"allow\": false, \"description\": \"Your subscription …\"}`. Its words reach the client.",
			cause: app.CauseHook, xStatus: 401, rule: "apps.live.hooks", application: ours, stages: onBoth, obs: true},
		{title: "By the operator's own program, when the client connects", what: "The same about `connect`.",
			cause: app.CauseHook, xStatus: 401, rule: "apps.live.hooks", stages: onConnect, obs: true,
			application: "hooks: {urls: {connect: \"" + addressOf(b, func() string { return b.ours.URL }) + "\"}" + patient + "}"},
		{title: "By the operator's own program, with a code of its own", what: "The program answers with `\"code\": \"NetStream.Publish.BadName\"` too.",
			cause: app.CauseHook, xStatus: 401, rule: "apps.live.hooks", application: ours, stages: onPublish, ask: name("code"),
			code: map[app.Stage]status.Code{app.StagePublish: status.PublishBadName}},
		{title: "By the operator's own program, to another server", what: "The program answers with `\"redirect\": \"rtmp://…\"`, which these clients do not follow.",
			cause: app.CauseRedirect, xStatus: 302, rule: "apps.live.hooks", application: ours, stages: onBoth, ask: name("elsewhere")},
		{title: "By a program made for nginx-rtmp", what: "The program reads the form of `on_publish` and `on_play`, and answers 404. Who brings the key it lets in, under another name.",
			cause: app.CauseHook, xStatus: 401, rule: "apps.live.hooks", stages: onBoth,
			application: to(func() string { return b.nginx.URL }, ", format: nginx-rtmp"+patient)},
		{title: "By a program made for SRS", what: "The program reads the JSON of `on_publish` and `on_play`, and answers `{\"code\": 1, \"msg\": \"wrong key\"}`. Who brings the key is let in.",
			cause: app.CauseHook, xStatus: 401, rule: "apps.live.hooks", stages: onBoth,
			application: to(func() string { return b.srs.URL }, ", format: srs"+patient)},
		{title: "When the operator's program does not answer in time", what: "No answer came within `hooks.timeout`.",
			cause: app.CauseHookLate, xStatus: 408, rule: "apps.live.hooks", stages: onBoth,
			application: to(func() string { return b.late.URL }, ", timeout: 300ms")},
		{title: "When the operator's program is down", what: "Nobody listens at `hooks.url`, and `when_down` is `refuse`.",
			cause: app.CauseHookDown, xStatus: 503, rule: "apps.live.hooks", stages: onBoth,
			application: to(func() string { return nobody(t) }, "")},
		{title: "When the operator's program fails", what: "It answers with HTTP status 500.",
			cause: app.CauseHookDown, xStatus: 503, rule: "apps.live.hooks", stages: onPublish,
			application: to(func() string { return b.broken.URL }, patient)},
		{title: "In the operator's own words", what: "`refusals` has other words for the rule, and another code.",
			cause: app.CauseHandler, xStatus: 401, rule: "apps.live.publish.keys", stages: onPublish, obs: true,
			application: "publish: {keys: {camera: {key: 3f1c0a5be2d94c7786a1f0e4b9d25c68}}}\n" +
				"refusals: {publish.keys: {code: NetStream.Publish.Rejected, text: \"Ask Ada, room 7, for your key.\"}}",
			code: map[app.Stage]status.Code{app.StagePublish: "NetStream.Publish.Rejected"}},
	}
}

func addressOf(b *backends, url func() string) string {
	if b == nil {
		return ""
	}
	return url()
}

// Programs made for nginx-rtmp and for SRS let FFmpeg in who brings the key, and the former's new name is the stream's.
func TestProgramsOfOtherServers(t *testing.T) {
	process.Needs(t, "ffmpeg")
	b := startBackends(t)
	s := serve(t, fmt.Sprintf(`
apps:
  nginx: {hooks: {url: %q, format: nginx-rtmp, timeout: 20s}}
  srs: {hooks: {url: %q, format: srs, timeout: 20s}}
`, b.nginx.URL, b.srs.URL))
	for _, tt := range []struct{ app, format, live string }{{"nginx", "nginx-rtmp", "nginx/public"}, {"srs", "srs", "srs/cam"}} {
		t.Run(tt.format, func(t *testing.T) {
			r := relayTo(t, s.rtmp)
			p := start(t, nil, nil, "ffmpeg", ffmpeg.can[publishing](&target{addr: r.Addr, app: tt.app, stream: "cam?key=secret", length: "60"})...)
			until(t, 20*time.Second, tt.live+" is live", func() bool { return s.live(t, tt.live) })
			if !p.Running() || len(s.log.of(r.ip)) > 0 {
				t.Errorf("%v\n%s", s.log.of(r.ip), p.Stdout.String())
			}
		})
	}
}

// live reports whether the API has a stream that is published.
func (s *server) live(t *testing.T, key string) bool {
	t.Helper()
	resp, err := http.Get(s.http + "/api/v1/streams")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Streams []struct {
			Key  string
			Live bool
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	for _, st := range answer.Streams {
		if st.Key == key && st.Live {
			return true
		}
	}
	return false
}
