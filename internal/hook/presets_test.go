package hook

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"penstock/app"
)

// The form of every event, in the order of nginx-rtmp-module, with the client's own query after it.
func TestNginxForm(t *testing.T) {
	b := newBackend(t, func(w http.ResponseWriter, _ *request) {})
	h := hooks(t, b.URL, func(o *Options) { o.Format, o.URLs[Done] = "nginx-rtmp", b.URL })
	c := client()
	c.PageURL, c.SWFURL = "http://example.com/p?a=b", "s"
	s := h.Session(c)
	query := url.Values{"key": {"a b&c"}, "addr": {"10.0.0.1"}, "Call": {"x"}, "name": {"y"}}
	d := Details{Stream: "cam one", Type: "live", Query: query}
	play := Details{Stream: "cam one", Query: query, Start: -2, Length: -1, Reset: true}
	for e, d := range map[Event]Details{Connect: {Query: query}} {
		if _, err := s.Ask(t.Context(), e, d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Ask(t.Context(), Publish, d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ask(t.Context(), Play, play); err != nil {
		t.Fatal(err)
	}
	s.Tell(Unpublish, d)
	s.Tell(Stop, play)
	s.Tell(Disconnect, Details{})
	common := "app=live&flashver=FMLE%2F3.0&swfurl=s&tcurl=rtmp%3A%2F%2Fmedia.example%2Flive&pageurl=http%3A%2F%2Fexample.com%2Fp%3Fa%3Db&addr=192.0.2.1&clientid=AbCd1234&call="
	name := "&name=cam+one"
	b.want(t, func(r *request) string { return strings.TrimPrefix(r.body, common) },
		"connect&key=a+b%26c&name=y", "publish"+name+"&type=live&key=a+b%26c", "play"+name+"&start=4294967294&duration=4294967295&reset=1&key=a+b%26c",
		"publish_done"+name+"&key=a+b%26c", "done"+name+"&key=a+b%26c", "play_done"+name+"&key=a+b%26c", "done"+name+"&key=a+b%26c", "disconnect")
	for _, r := range b.got {
		if r.header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.method != "POST" {
			t.Errorf("%s %v", r.method, r.header)
		}
	}
}

func TestNginxAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		event    Event
		code     int
		location string
		body     string // text/plain
		as       string
		cause    app.Cause
		want     string
	}{
		"200":                            {Publish, 200, "", "", "", "", ""},
		"204":                            {Publish, 204, "", "", "", "", ""},
		"rename":                         {Publish, 302, "public", "", "public", "", ""},
		"rename, with arguments":         {Play, 301, "/public?a=b", "", "public", "", ""},
		"no Location":                    {Publish, 302, "", "", "", "", ""},
		"403":                            {Publish, 403, "", "", "", app.CauseHook, "NetStream.Publish.Denied: Publishing to live is not allowed here"},
		"404":                            {Play, 404, "", "", "", app.CauseHook, "NetStream.Play.Failed: Playing from live is not allowed here"},
		"403 in words":                   {Publish, 403, "", "Pay first.\n", "", app.CauseHook, "NetStream.Publish.Denied: Pay first."},
		"500":                            {Publish, 500, "", "", "", app.CauseHookDown, "NetStream.Publish.Denied: Publishing to live could not be checked"},
		"connect elsewhere":              {Connect, 302, "rtmp://b.example/live", "", "", app.CauseRedirect, "NetConnection.Connect.Rejected: Connection failed"},
		"connect to another application": {Connect, 302, "other", "", "", app.CauseRedirect, "NetConnection.Connect.Rejected: Connection failed"},
		"publish elsewhere":              {Publish, 302, "rtmp://b.example/live/cam", "", "", app.CauseRedirect, "NetStream.Publish.Denied: This stream is at rtmp://b.example/live/cam"},
		"Location of the web":            {Publish, 302, "http://b.example/cam", "", "", app.CauseHook, "NetStream.Publish.Denied: Publishing to live is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, func(w http.ResponseWriter, _ *request) {
				w.Header().Set("Content-Type", "text/plain; charset=utf-8")
				if tc.location != "" {
					w.Header().Set("Location", tc.location)
				}
				w.WriteHeader(tc.code)
				_, _ = io.WriteString(w, tc.body)
			})
			h := hooks(t, b.URL, func(o *Options) { o.Format = "nginx-rtmp" })
			as, err := h.Session(client()).Ask(t.Context(), tc.event, Details{Stream: "cam"})
			if tc.cause == "" {
				if err != nil || as != tc.as {
					t.Errorf("%q %v", as, err)
				}
				return
			}
			r := wantRefusal(t, err, tc.cause, tc.want)
			if r != nil && tc.location == "other" {
				if ex, _ := json.Marshal(r.Status.Extra); !strings.Contains(string(ex), "rtmp://media.example/other") {
					t.Errorf("%s", ex)
				}
			}
		})
	}
}

// The JSON of every event, as SRS sends it.
func TestSRSMessages(t *testing.T) {
	b := newBackend(t, func(w http.ResponseWriter, _ *request) { _, _ = io.WriteString(w, "0") })
	h := hooks(t, b.URL, func(o *Options) { o.Format = "srs" })
	c := client()
	c.PageURL = "http://example.com/"
	s := h.Session(c)
	d := Details{Stream: "cam", Type: "live", Query: url.Values{"token": {"x"}, "a": {"b c"}}}
	for _, e := range []Event{Connect, Publish, Play} {
		if _, err := s.Ask(t.Context(), e, d); err != nil {
			t.Fatal(err)
		}
	}
	s.Tell(Unpublish, d)
	s.Tell(Stop, Details{Stream: "cam"})
	s.Tell(Disconnect, Details{BytesIn: 10, BytesOut: 20})
	random := regexp.MustCompile(`"server_id":"vid-[0-9a-f]{7}","service_id":"[0-9a-f]{8}",|"stream_id":"vid-[0-9a-f]{7}"`)
	common := `"client_id":"AbCd1234","ip":"192.0.2.1","vhost":"__defaultVhost__","app":"live","tcUrl":"rtmp://media.example/live"`
	stream := `,"stream":"cam","param":"?a=b+c\u0026token=x","stream_url":"/live/cam",*`
	b.want(t, func(r *request) string { return random.ReplaceAllString(r.body, "*") },
		`{*"action":"on_connect",`+common+`,"pageUrl":"http://example.com/"}`,
		`{*"action":"on_publish",`+common+stream+`}`,
		`{*"action":"on_play",`+common+stream+`,"pageUrl":"http://example.com/"}`,
		`{*"action":"on_unpublish",`+common+stream+`}`,
		`{*"action":"on_stop",`+common+`,"stream":"cam","param":"","stream_url":"/live/cam",*}`,
		`{*"action":"on_close",`+common+`,"send_bytes":20,"recv_bytes":10}`)
}

func TestSRSAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		code  int
		body  string
		cause app.Cause
		want  string
	}{
		"0":              {200, "0", "", ""},
		"0 and a line":   {200, " 0\n", "", ""},
		"code 0":         {200, `{"code":0,"data":null}`, "", ""},
		"1":              {200, "1", app.CauseHook, "NetStream.Publish.Denied: Publishing to live is not allowed here"},
		"code 1":         {200, `{"code":1}`, app.CauseHook, "NetStream.Publish.Denied: Publishing to live is not allowed here"},
		"code and words": {200, `{"code":-1,"msg":"Pay first."}`, app.CauseHook, "NetStream.Publish.Denied: Pay first."},
		"403":            {403, "0", app.CauseHook, "NetStream.Publish.Denied"},
		"201":            {201, "0", app.CauseHook, "NetStream.Publish.Denied"},
		"302":            {302, "0", app.CauseHook, "NetStream.Publish.Denied"},
		"nothing":        {200, "", app.CauseHookDown, "NetStream.Publish.Denied"},
		"text":           {200, "ok", app.CauseHookDown, "NetStream.Publish.Denied"},
		"quoted":         {200, `"0"`, app.CauseHookDown, "NetStream.Publish.Denied"},
		"no code":        {200, `{}`, app.CauseHookDown, "NetStream.Publish.Denied"},
		"502":            {502, "0", app.CauseHookDown, "NetStream.Publish.Denied"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, func(w http.ResponseWriter, _ *request) {
				w.WriteHeader(tc.code)
				_, _ = io.WriteString(w, tc.body)
			})
			h := hooks(t, b.URL, func(o *Options) { o.Format = "srs" })
			_, err := h.Session(client()).Ask(t.Context(), Publish, Details{Stream: "cam"})
			if tc.cause == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefusal(t, err, tc.cause, tc.want)
		})
	}
}
