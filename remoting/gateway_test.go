package remoting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/app"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gateway is a Handler in front of an application server, which has chat: open to everybody but Mallory, with some methods.
func gateway(t *testing.T, o Options) (url string) {
	t.Helper()
	mux := app.NewMux()
	mux.HandleFunc("chat", func(_ context.Context, c *app.Client, _ []amf.Value) (app.Session, error) {
		if c.Query.Get("user") == "mallory" {
			return nil, status.New(status.ConnectRejected, "Mallory is not welcome.")
		}
		count := 0.0
		return app.Methods{
			"echo": func(_ context.Context, args []amf.Value) (amf.Value, error) { return amf.NewArray(args...), nil },
			"who": func(context.Context, []amf.Value) (amf.Value, error) {
				return c.Query.Get("user") + "@" + c.Instance, nil
			},
			"pass":  func(context.Context, []amf.Value) (amf.Value, error) { return c.Query.Get("pass"), nil },
			"count": func(context.Context, []amf.Value) (amf.Value, error) { count++; return count, nil },
			"fail":  func(context.Context, []amf.Value) (amf.Value, error) { return nil, errors.New("secret detail") },
			"words": func(context.Context, []amf.Value) (amf.Value, error) {
				return nil, status.New("Chat.Full", "Come back later.")
			},
			"sleep": func(ctx context.Context, _ []amf.Value) (amf.Value, error) { <-ctx.Done(); return nil, ctx.Err() },
			"admin": app.Only(func() error { return errors.New("not you") }, nil),
		}, nil
	})
	mux.HandleFunc("desk", desk)
	echo := func(_ context.Context, args []amf.Value) (amf.Value, error) { return amf.NewArray(args...), nil }
	mux.HandleFunc("test", func(context.Context, *app.Client, []amf.Value) (app.Session, error) {
		return app.Methods{"method": echo, "arrays": echo}, nil
	})
	srv := &app.Server{Handler: mux}
	o.Serve = srv.ServeConn
	h := New(o)
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.Close()
		h.Close()
		_ = srv.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s.URL + "/gateway"
}

func post(t *testing.T, url string, body []byte) (int, []byte) {
	t.Helper()
	res, err := http.Post(url, ContentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b
}

// ask sends calls in one request and returns the answers.
func ask(t *testing.T, url string, p *Packet) *Packet {
	t.Helper()
	body, err := p.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	code, answer := post(t, url, body)
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, answer)
	}
	got, err := Decode(answer, Limits{})
	if err != nil {
		t.Fatalf("%x: %v", answer, err)
	}
	if got.Version != p.Version || len(got.Bodies) != len(p.Bodies) {
		t.Fatalf("%d answers of version %d to %d calls of version %d", len(got.Bodies), got.Version, len(p.Bodies), p.Version)
	}
	return got
}

func credentials(user string) []Header {
	return []Header{{Name: "credentials", MustUnderstand: true, Value: amf.NewObject(
		amf.Prop{Key: "userid", Value: user}, amf.Prop{Key: "password", Value: "p&s +%s/="})}}
}

// Each call and its answer, in both versions: a value, or "CODE: description".
func TestCalls(t *testing.T) {
	url := gateway(t, Options{})
	for _, tt := range []struct {
		name, path string
		headers    []Header
		target     string
		args       []amf.Value
		want       string
	}{
		{"echo", "", nil, "chat.echo", []amf.Value{"a", 1.5, nil, true}, `["a" 1.5 null true]`},
		{"no arguments", "", nil, "chat.echo", nil, `[]`},
		{"an object", "", nil, "chat.echo", []amf.Value{amf.NewObject(amf.Prop{Key: "b", Value: 1.0}, amf.Prop{Key: "a", Value: "x"})}, `[{b:1 a:"x"}]`},
		{"application in the path", "/chat", nil, "echo", []amf.Value{"a"}, `["a"]`},
		{"an instance", "/chat/room", nil, "who", nil, `"@room"`},
		{"an instance in the target", "", nil, "chat/room.who", nil, `"@room"`},
		{"credentials", "", credentials("ann"), "chat.who", nil, `"ann@_definst_"`},
		{"password", "?pass=mine", credentials("ann"), "chat.pass", nil, `"p&s +%s/="`},
		{"password in the query", "?pass=a%26b%20c+d", nil, "chat.pass", nil, `"a&b c+d"`},
		{"user in the query", "?user=bob", nil, "chat.who", nil, `"bob@_definst_"`},

		{"no such method", "", nil, "chat.nothing", nil, "NetConnection.Call.Failed: Method not found (nothing)."},
		{"it fails", "", nil, "chat.fail", nil, "NetConnection.Call.Failed: Failed to execute method (fail)."},
		{"the application's own words", "", nil, "chat.words", nil, "Chat.Full: Come back later."},
		{"prohibited", "", nil, "chat.admin", nil, "NetConnection.Call.Prohibited: This method may not be called from here."},
		{"rejected", "", credentials("mallory"), "chat.who", nil, "NetConnection.Call.Prohibited: Mallory is not welcome."},
		{"no such application", "", nil, "nowhere.who", nil,
			"NetConnection.Call.Failed: [ Server.Reject ] : (_defaultRoot_, _defaultVHost_) : Application (nowhere) is not defined."},
		{"not a name", "/a..b", nil, "who", nil, "NetConnection.Call.Failed: [ Server.Reject ]"},
		{"no application", "", nil, "who", nil, "NetConnection.Call.Failed: Method not found (who)."},
		{"a header that must be understood", "", []Header{{Name: "x", MustUnderstand: true}}, "chat.who", nil,
			"NetConnection.Call.Failed: The header \"x\" is not understood, and must be."},
		{"a header that need not be", "", []Header{{Name: "amf_server_debug"}}, "chat.who", nil, `"@_definst_"`},
		{"a description", "", []Header{{Name: "DescribeService"}}, "chat", nil, "NetConnection.Call.Prohibited: Methods are not described here."},
	} {
		for _, version := range []uint16{0, 3} {
			t.Run(tt.name, func(t *testing.T) {
				p := &Packet{Version: version, Headers: tt.headers, Bodies: []Body{{Target: tt.target, Response: "/7", Value: amf.NewArray(tt.args...)}}}
				got := ask(t, url+tt.path, p).Bodies[0]
				text, target := amf.Format(got.Value), "/7/onResult"
				if code, _, ok := strings.Cut(tt.want, ": "); ok && strings.Contains(code, ".") {
					o, _ := got.Value.(*amf.Object)
					if o == nil || o.String("level") != "error" || o.String("type") != code {
						t.Fatalf("fault %s", text)
					}
					text, target = o.String("code")+": "+o.String("description"), "/7/onStatus"
				}
				if !strings.HasPrefix(text, tt.want) || got.Target != target || got.Response != "null" {
					t.Errorf("got %s %s %s, want %s %s", got.Target, got.Response, text, target, tt.want)
				}
			})
		}
	}
}

// The calls of one request come in order and share a connection; a bad one takes nothing from the others.
func TestBatch(t *testing.T) {
	url := gateway(t, Options{})
	body := unhex(t, "0000 0000 0003"+
		"000a 636861742e636f756e74 0002 2f31 00000005 0a00000000"+
		"000a 636861742e636f756e74 0002 2f32 00000002 1200"+
		"000a 636861742e636f756e74 0002 2f33 00000005 0a00000000")
	code, answer := post(t, url, body)
	got, err := Decode(answer, Limits{})
	if code != http.StatusOK || err != nil || len(got.Bodies) != 3 {
		t.Fatalf("%d %x %v", code, answer, err)
	}
	for i, want := range []string{"/1/onResult 1", "/2/onStatus", "/3/onResult 2"} {
		if b := got.Bodies[i]; !strings.HasPrefix(b.Target+" "+amf.Format(b.Value), want) {
			t.Errorf("answer %d: %s %s, want %s", i, b.Target, amf.Format(b.Value), want)
		}
	}
	if o := got.Bodies[1].Value.(*amf.Object); o.String("code") != string(status.CallBadVersion) {
		t.Errorf("the undecodable call: %s", amf.Format(o))
	}
	again := ask(t, url, &Packet{Bodies: []Body{{Target: "chat.count", Response: "/1"}}})
	if again.Bodies[0].Value != 1.0 {
		t.Errorf("the next request found the connection of the one before: %v", again.Bodies[0].Value)
	}
}

func TestRequestsThatAreNone(t *testing.T) {
	url := gateway(t, Options{Limits: Limits{Bytes: 100}})
	for _, tt := range []struct {
		name, method, contentType string
		body                      string
		code                      int
		text                      string
	}{
		{"GET", http.MethodGet, ContentType, "", http.StatusMethodNotAllowed, "POST"},
		{"a form", http.MethodPost, "text/plain", "000000000000", http.StatusUnsupportedMediaType, ContentType},
		{"nothing", http.MethodPost, ContentType, "", http.StatusBadRequest, "NetConnection.Call.BadVersion"},
		{"another version", http.MethodPost, ContentType, "006400000000", http.StatusBadRequest, "version 100"},
		{"too many calls", http.MethodPost, ContentType, "00000000ffff", http.StatusBadRequest, "remoting_calls"},
		{"too long", http.MethodPost, ContentType, strings.Repeat("00", 101), http.StatusRequestEntityTooLarge, "remoting_bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest(tt.method, url, bytes.NewReader(unhex(t, tt.body)))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", tt.contentType)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if b, _ := io.ReadAll(res.Body); res.StatusCode != tt.code || !strings.Contains(string(b), tt.text) {
				t.Errorf("%s %s, want %d and %q", res.Status, b, tt.code, tt.text)
			}
		})
	}
}

func TestWhoMayCall(t *testing.T) {
	url := gateway(t, Options{Allow: func(*http.Request) error { return errors.New("not from here") }})
	if code, b := post(t, url, unhex(t, "000000000000")); code != http.StatusForbidden || !strings.Contains(string(b), "not from here") {
		t.Errorf("%d %s", code, b)
	}
}

// More requests than there are places are told so; the others are served.
func TestRequestsAtOnce(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	o := Options{Limits: Limits{Requests: 1, Timeout: 20 * time.Second}}
	o.Serve = func(nc net.Conn) {
		close(entered)
		<-leave
		_ = nc.Close()
	}
	s := httptest.NewServer(New(o))
	defer func() {
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	}()
	first := make(chan *Packet)
	go func() { first <- ask(t, s.URL+"/gateway", &Packet{Bodies: []Body{{Target: "a.b", Response: "/1"}}}) }()
	<-entered
	if code, b := post(t, s.URL+"/gateway", unhex(t, "000000000000")); code != http.StatusServiceUnavailable || !strings.Contains(string(b), "remoting_requests") {
		t.Errorf("%d %s", code, b)
	}
	close(leave)
	p := <-first
	if o, _ := p.Bodies[0].Value.(*amf.Object); o == nil || o.String("code") != string(status.CallFailed) {
		t.Errorf("without a server: %s", amf.Format(p.Bodies[0].Value))
	}
}

// A method that does not come back costs its caller the time of a request, and no more.
func TestTimeout(t *testing.T) {
	url := gateway(t, Options{Limits: Limits{Timeout: 300 * time.Millisecond}})
	p := &Packet{Bodies: []Body{{Target: "chat.sleep", Response: "/1"}, {Target: "chat.count", Response: "/2"}}}
	for _, b := range ask(t, url, p).Bodies {
		o, _ := b.Value.(*amf.Object)
		if o == nil || o.String("code") != string(status.CallFailed) || !strings.HasSuffix(b.Target, "/onStatus") {
			t.Errorf("%s %s", b.Target, amf.Format(b.Value))
		}
	}
}

// Pages of other hosts may call where Origin says so: browsers ask first, and read the answer only then.
func TestCrossOrigin(t *testing.T) {
	url := gateway(t, Options{Origin: func(host string) bool { return host == "games.example.com" }})
	for _, tt := range []struct{ method, origin, want string }{
		{http.MethodOptions, "https://games.example.com", "https://games.example.com"},
		{http.MethodPost, "http://games.example.com:8080", "http://games.example.com:8080"},
		{http.MethodOptions, "https://example.com", ""},
		{http.MethodOptions, "null", ""},
		{http.MethodPost, "", ""},
	} {
		r, err := http.NewRequest(tt.method, url, bytes.NewReader(unhex(t, "000000000000")))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", ContentType)
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != tt.want || res.StatusCode > 299 || res.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s from %q: %s, %q", tt.method, tt.origin, res.Status, got)
		}
	}
}

// What the gateway refuses without asking an application is told to who counts refusals.
func TestRefused(t *testing.T) {
	var mu sync.Mutex
	var got []string
	url := gateway(t, Options{Limits: Limits{Bytes: 200}, Refused: func(_ *http.Request, application, target string, s *status.Status) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, fmt.Sprintf("%s/%s %s %s", application, target, s.Code, s.Description))
	}})
	post(t, url, nil)
	post(t, url, make([]byte, 300))
	post(t, url+"/chat", unhex(t, "0000 0000 0001 0005 636f756e74 0002 2f31 00000002 1200"))
	ask(t, url, packet("who"))
	p := packet("chat.who")
	p.Headers = []Header{{Name: "DescribeService"}}
	ask(t, url, p)
	ask(t, url, packet("chat.nothing")) // which the application refuses
	mu.Lock()
	defer mu.Unlock()
	want := []string{
		"/ NetConnection.Call.BadVersion remoting: the packet ends within the version at byte 0",
		"/ NetConnection.Call.Failed the limit remoting_bytes (200) is reached",
		"chat/count NetConnection.Call.BadVersion amf: ",
		"/who NetConnection.Call.Failed Method not found (who).",
		"/chat.who NetConnection.Call.Prohibited Methods are not described here.",
	}
	for i, w := range want {
		if len(got) != len(want) || !strings.HasPrefix(got[i], w) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// Each request that was recorded of Flash Player is answered, call by call.
func TestRecordedRequests(t *testing.T) {
	dir := os.Getenv("PENSTOCK_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "vectors")
	}
	b, err := os.ReadFile(filepath.Join(dir, "ruffle-netconnection.json"))
	if err != nil {
		t.Skip("no vectors: ", err)
	}
	var all struct {
		Tests []struct {
			Requests []string `json:"requests_hex"`
		}
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	url := gateway(t, Options{})
	answers := make(map[string]int)
	for _, tt := range all.Tests {
		for _, text := range tt.Requests {
			request, err := Decode(unhex(t, text), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			code, body := post(t, url, unhex(t, text))
			answer, err := Decode(body, Limits{})
			if code != http.StatusOK || err != nil || len(answer.Bodies) != len(request.Bodies) {
				t.Fatalf("%s: %d %s %v", text, code, body, err)
			}
			for i, b := range answer.Bodies {
				word := strings.TrimPrefix(b.Target, request.Bodies[i].Response+"/")
				if o, ok := b.Value.(*amf.Object); ok && word == "onStatus" {
					word += " " + o.String("description")
				}
				answers[request.Bodies[i].Target+" "+word]++
				if strings.HasSuffix(word, "onResult") && !amf.Equal(b.Value, amf.NewArray(arguments(request.Bodies[i].Value)...)) {
					t.Errorf("%s: sent %s, came back as %s", text, amf.Format(request.Bodies[i].Value), amf.Format(b.Value))
				}
			}
		}
	}
	want := map[string]int{
		"test.method onResult": 4, "test.arrays onResult": 2, "failure onStatus Method not found (failure).": 2,
		`test.method onStatus The header "Required" is not understood, and must be.`: 4,
	}
	if !maps.Equal(answers, want) {
		t.Errorf("answers %v, want %v", answers, want)
	}
}
