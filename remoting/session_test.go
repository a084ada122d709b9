package remoting

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/status"
)

// desk is an application that speaks to its caller, and counts the calls of a connection.
func desk(_ context.Context, c *app.Client, _ []amf.Value) (app.Session, error) {
	if c.Query.Has("user") && c.Query.Get("pass") != "right" {
		return nil, app.Reject("Wrong password.", nil)
	}
	count := 0.0
	var token amf.Value
	return app.Methods{
		"count": func(context.Context, []amf.Value) (amf.Value, error) { count++; return count, nil },
		"who":   func(context.Context, []amf.Value) (amf.Value, error) { return c.Query.Get("user"), nil },
		"keep":  func(context.Context, []amf.Value) (amf.Value, error) { count++; return count, KeepSession(c) },
		"say": func(_ context.Context, args []amf.Value) (amf.Value, error) {
			return nil, c.Notify(args[0].(string), args[1:]...)
		},
		"persist": func(context.Context, []amf.Value) (amf.Value, error) {
			return nil, PersistHeader(c, Header{Name: "token", MustUnderstand: true, Value: 7.0})
		},
		"twice": func(context.Context, []amf.Value) (amf.Value, error) {
			return nil, errors.Join(AppendToURL(c, ";a=1"), AppendToURL(c, ";a=2"), ReplaceURL(c, "http://one/"), ReplaceURL(c, "http://two/"))
		},
		"both": func(context.Context, []amf.Value) (amf.Value, error) {
			return nil, errors.Join(KeepSession(c), AppendToURL(c, ";a=1"))
		},
		"flood": func(context.Context, []amf.Value) (amf.Value, error) {
			for range 100 {
				if err := c.Notify("line", "x"); err != nil {
					return nil, err
				}
			}
			return nil, nil
		},
		"token": func(_ context.Context, args []amf.Value) (amf.Value, error) { token = args[0]; return nil, nil },
		"strict": func(context.Context, []amf.Value) (amf.Value, error) {
			return nil, status.New("Desk.Strict", "Not this one.")
		},
		"loud": func(context.Context, []amf.Value) (amf.Value, error) {
			return nil, c.Notify("news", strings.Repeat("x", 3500))
		},
		"tokened":         func(context.Context, []amf.Value) (amf.Value, error) { return token, nil },
		"leave":           func(context.Context, []amf.Value) (amf.Value, error) { c.Disconnect(nil); return nil, nil },
		"DescribeService": Described(Service{Version: "1", Address: "desk", Functions: []Function{{Name: "count", Returns: "Number"}}}),
	}, nil
}

// headersIn are the headers of an answer, in words.
func headersIn(p *Packet) string {
	var all []string
	for _, h := range p.Headers {
		all = append(all, h.Name+" "+amf.Format(h.Value))
	}
	return strings.Join(all, ", ")
}

func packet(target string, args ...amf.Value) *Packet {
	return &Packet{Bodies: []Body{{Target: target, Response: "/1", Value: amf.NewArray(args...)}}}
}

// What an application says while a call is at work is in the answer's headers, each time, before the answer is.
func TestHeaders(t *testing.T) {
	var log bytes.Buffer
	url := gateway(t, Options{Limits: Limits{Bytes: 3500}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for _, tt := range []struct {
		name string
		p    *Packet
		want string
	}{
		{"nothing", packet("desk.count"), ""},
		{"one value", packet("desk.say", "news", "hello"), `news "hello"`},
		{"several", packet("desk.say", "news", "a", 1.0), `news ["a" 1]`},
		{"none", packet("desk.say", "news"), `news null`},
		{"append", packet("desk.say", "AppendToGatewayUrl", ";a=1"), `AppendToGatewayUrl ";a=1"`},
		{"the last of each", packet("desk.twice"), `AppendToGatewayUrl ";a=2", ReplaceGatewayUrl "http://two/"`},
		{"a persistent header", packet("desk.persist"), `RequestPersistentHeader {name:"token" mustUnderstand:true data:7}`},
		{"a persistent header, as a script says it", packet("desk.say", "RequestPersistentHeader", "token", false, 7.0),
			`RequestPersistentHeader {name:"token" mustUnderstand:false data:7}`},
		{"a long name", packet("desk.say", strings.Repeat("n", 300)), ""},
		{"more bytes than an answer holds", packet("desk.loud"), ""},
		{"words of RTMP", packet("desk.say", "onBWDone"), ""},
		{"more than an answer holds", packet("desk.flood"), strings.TrimSuffix(strings.Repeat(`line "x", `, 16), ", ")},
	} {
		for range 20 {
			if got := headersIn(ask(t, url, tt.p)); got != tt.want {
				t.Fatalf("%s: %s, want %s", tt.name, got, tt.want)
			}
		}
	}
	if text := log.String(); !strings.Contains(text, "remoting_headers") || !strings.Contains(text, "lost=84") {
		t.Errorf("the log does not say what was lost: %s", text)
	}
}

// What a request's headers say is given to the application before its calls are made.
func TestHeadersOfRequest(t *testing.T) {
	url := gateway(t, Options{})
	for _, tt := range []struct {
		header string
		must   bool
		want   string
	}{
		{"token", false, "7"},
		{"token", true, "7"},
		{"unknown", false, "null"},
		{"unknown", true, `{level:"error" code:"NetConnection.Call.Failed" description:"The header \"unknown\" is not understood, and must be."`},
		{"strict", false, "null"},
		{"strict", true, `{level:"error" code:"Desk.Strict" description:"Not this one."`},
		{"amf_server_debug", true, "null"},
	} {
		p := packet("desk.tokened")
		p.Headers = []Header{{Name: tt.header, MustUnderstand: tt.must, Value: 7.0}}
		p.Bodies = append(p.Bodies, Body{Target: "desk.tokened", Response: "/2", Value: amf.NewArray()})
		for _, b := range ask(t, url, p).Bodies {
			if got := amf.Format(b.Value); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s, %v: %s, want %s", tt.header, tt.must, got, tt.want)
			}
		}
	}
}

// sessionOf is what an answer appends to the gateway's URL.
func sessionOf(t *testing.T, p *Packet) string {
	t.Helper()
	for _, h := range p.Headers {
		if text, ok := h.Value.(string); ok && h.Name == headerAppend && inURL.MatchString(text) {
			return text
		}
	}
	t.Fatalf("no session in %s", headersIn(p))
	return ""
}

// A session finds its connection again, by path or query, also behind an older one; others do not.
func TestSession(t *testing.T) {
	url := gateway(t, Options{})
	first := ask(t, url, packet("desk.keep"))
	suffix := sessionOf(t, first)
	count := func(url string, want float64) *Packet {
		t.Helper()
		p := ask(t, url, packet("desk.count"))
		if got := p.Bodies[0].Value; got != want {
			t.Errorf("%s: %v, want %v", strings.ReplaceAll(url, suffix, "SESSION"), got, want)
		}
		return p
	}
	if p := count(url+suffix, 2); len(p.Headers) > 0 {
		t.Errorf("the session is told again: %s", headersIn(p))
	}
	count(url+";session=AAAAAAAAAAAAAAAAAAAAAA"+suffix, 3)
	count(url+"?"+suffix, 4)
	count(url+"?x=1"+sessionOf(t, ask(t, url+"?x=1", packet("desk.keep"))), 2)
	count(url, 1)
	count(url+";session=AAAAAAAAAAAAAAAAAAAAAA", 1)
	inPath := ask(t, url+"/desk"+suffix, packet("count"))
	if inPath.Bodies[0].Value != 5.0 {
		t.Errorf("with the application in the path: %v", inPath.Bodies[0].Value)
	}
	// What it appends itself does not lose the session.
	own := ask(t, url+suffix, packet("desk.say", headerAppend, ";mine=1"))
	if got := headersIn(own); got != `AppendToGatewayUrl ";mine=1`+suffix+`"` {
		t.Errorf("appended: %s", got)
	}
	if both := ask(t, url, packet("desk.both")); !strings.HasPrefix(sessionOf(t, both), ";a=1;session=") {
		t.Errorf("both: %s", headersIn(both))
	}
	// Other credentials are another connection.
	p := packet("desk.who")
	p.Headers = []Header{{Name: "Credentials", Value: amf.NewObject(amf.Prop{Key: "userid", Value: "ann"}, amf.Prop{Key: "password", Value: "right"})}}
	if got := ask(t, url+suffix, p).Bodies[0].Value; got != "ann" {
		t.Errorf("who: %v", got)
	}
	count(url+suffix, 1) // the connection that was kept has ended, and nobody asked to keep this one
}

// A connection that the application ends is not found again.
func TestSessionEnded(t *testing.T) {
	url := gateway(t, Options{})
	suffix := sessionOf(t, ask(t, url, packet("desk.keep")))
	ask(t, url+suffix, packet("desk.leave"))
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // it ends soon, not at once
		got := ask(t, url+suffix, packet("desk.count")).Bodies[0].Value
		if got == 1.0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("count: %s", amf.Format(got))
		}
	}
}

// Where no place is left nothing is kept, the caller is answered all the same, and the log says why.
func TestSessionLimit(t *testing.T) {
	var log bytes.Buffer
	url := gateway(t, Options{Limits: Limits{Sessions: 1}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	suffix := sessionOf(t, ask(t, url, packet("desk.keep")))
	if p := ask(t, url, packet("desk.keep")); p.Bodies[0].Value != 1.0 || len(p.Headers) > 0 {
		t.Errorf("beyond the limit: %v %s", p.Bodies[0].Value, headersIn(p))
	}
	if text := log.String(); !strings.Contains(text, "limit=remoting_sessions max=1") {
		t.Errorf("log: %s", text)
	}
	ask(t, url+suffix, packet("desk.leave")) // which makes room, as soon as somebody comes for it
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		ask(t, url+suffix, packet("desk.count"))
		if p := ask(t, url, packet("desk.keep")); len(p.Headers) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("an ended connection keeps its place")
		}
	}
}

// Requests of one session come one after the other.
func TestSessionAtOnce(t *testing.T) {
	url := gateway(t, Options{})
	suffix := sessionOf(t, ask(t, url, packet("desk.keep")))
	seen := make(chan amf.Value, 20)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { seen <- ask(t, url+suffix, packet("desk.count")).Bodies[0].Value })
	}
	wg.Wait()
	close(seen)
	all := make(map[amf.Value]bool)
	for v := range seen {
		all[v] = true
	}
	if len(all) != 20 || !all[21.0] {
		t.Errorf("counted: %v", all)
	}
}

// A session ends when nobody comes for a while, and is of the host that it was made for.
func TestSessionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := app.NewMux()
		mux.HandleFunc("desk", desk)
		srv := &app.Server{Handler: mux}
		h := New(Options{Serve: srv.ServeConn, Limits: Limits{SessionIdle: time.Minute}})
		from := func(host, path, method string) *Packet {
			body, err := packet(method).Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
			r.Header.Set("Content-Type", ContentType)
			r.RemoteAddr = host + ":4711"
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			answer, _ := io.ReadAll(w.Body)
			p, err := Decode(answer, Limits{})
			if err != nil {
				t.Fatalf("%d %s: %v", w.Code, answer, err)
			}
			return p
		}
		path := "/gateway/desk" + sessionOf(t, from("192.0.2.1", "/gateway/desk", "keep"))
		for _, tt := range []struct {
			after time.Duration
			host  string
			want  float64
		}{
			{59 * time.Second, "192.0.2.1", 2},
			{59 * time.Second, "192.0.2.1", 3},
			{time.Second, "192.0.2.2", 1},
			{57 * time.Second, "192.0.2.1", 4},
			{61 * time.Second, "192.0.2.1", 1},
		} {
			time.Sleep(tt.after)
			if got := from(tt.host, path, "count").Bodies[0].Value; got != tt.want {
				t.Errorf("%s after %v: %v, want %v", tt.host, tt.after, got, tt.want)
			}
		}
		if h.sessions.kept != 0 || len(h.sessions.byID) != 0 {
			t.Errorf("kept: %d connections of %d sessions", h.sessions.kept, len(h.sessions.byID))
		}
		sessionOf(t, from("192.0.2.1", "/gateway/desk", "keep"))
		h.Close()
		if p := from("192.0.2.1", "/gateway/desk", "keep"); len(p.Headers) > 0 {
			t.Errorf("after the end: %s", headersIn(p))
		}
		_ = srv.Close()
		synctest.Wait()
	})
}

// An application's methods are described where the gateway's operator allows it, and the application does it.
func TestDescribeService(t *testing.T) {
	describe := func(o Options, target string) Body {
		p := packet(target)
		p.Headers = []Header{{Name: "DescribeService"}}
		return ask(t, gateway(t, o), p).Bodies[0]
	}
	if b := describe(Options{}, "desk"); !strings.Contains(amf.Format(b.Value), "NetConnection.Call.Prohibited") {
		t.Errorf("without leave: %s", amf.Format(b.Value))
	}
	for _, target := range []string{"desk", "desk.count"} {
		if b := describe(Options{Describe: true}, target); b.Target != "/1/onResult" || !strings.HasPrefix(amf.Format(b.Value),
			`{version:"1" address:"desk" functions:[{name:"count" description:"" version:"" returns:"Number" arguments:`) {
			t.Errorf("%s: %s %s", target, b.Target, amf.Format(b.Value))
		}
	}
	if b := describe(Options{Describe: true}, "chat"); !strings.Contains(amf.Format(b.Value), "Method not found (DescribeService).") {
		t.Errorf("an application that does not: %s", amf.Format(b.Value))
	}
}
