package server

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"penstock/amf"
	"penstock/app"
	"penstock/internal/config"
	"penstock/remoting"
	"penstock/status"
)

// The gateway of a running server calls the methods of its applications, under their rules; what it refuses is recorded.
func TestGateway(t *testing.T) {
	r := start(t, false, func(c *config.Config) {
		a := config.DefaultApp()
		a.Connect.Keys = map[string]config.StreamKey{"page": {Key: streamKey}}
		c.Apps = map[string]config.App{"live": config.DefaultApp(), "closed": a}
		c.HTTP.PolicyDomains = []string{"*.example.com"}
	})
	ask := func(path, target string) string {
		body, err := (&remoting.Packet{Bodies: []remoting.Body{{Target: target, Response: "/1", Value: amf.NewArray("x")}}}).Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.Post("http://"+r.http+path, remoting.ContentType, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, _ := io.ReadAll(res.Body)
		p, err := remoting.Decode(answer, remoting.Limits{})
		if err != nil {
			t.Fatalf("%s %s: %v", res.Status, answer, err)
		}
		return p.Bodies[0].Target + " " + amf.Format(p.Bodies[0].Value)
	}
	for _, tt := range []struct{ path, target, want string }{
		{"/gateway", "live.echo", `/1/onResult "x"`},
		{"/gateway/live/room", "ping", `/1/onResult "pong"`},
		{"/gateway/closed?key=" + streamKey, "ping", `/1/onResult "pong"`},
		{"/gateway/closed", "ping", `/1/onStatus {level:"error" code:"NetConnection.Call.Prohibited"`},
		{"/gateway", "live.nothing", `/1/onStatus {level:"error" code:"NetConnection.Call.Failed" description:"Method not found (nothing)."`},
		{"/gateway", "live.streams", `/1/onStatus {level:"error" code:"NetConnection.Call.Failed" description:"Failed to execute method (streams): argument 1, a string, is one too many."`},
	} {
		if got := ask(tt.path, tt.target); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s %s: %s, want %s", tt.path, tt.target, got, tt.want)
		}
	}
	// What the gateway itself refuses is recorded too.
	post := func(body string) {
		res, err := http.Post("http://"+r.http+"/gateway", remoting.ContentType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	// A refusal is recorded when it has been sent: those of several connections in any order.
	recorded := make(map[string]string)
	for range 3 {
		got := r.refusal(t)
		recorded[got.Rule] = got.App
	}
	if recorded["apps.closed.connect.keys"] != "closed" || recorded["nothing"] != "live" || recorded["streams"] != "live" {
		t.Errorf("recorded: %v", recorded)
	}
	post("no packet")
	if got := r.refusal(t); got.Rule != "gateway" || got.Cause != app.CauseEncoding || got.Status.Code != status.CallBadVersion || got.Peer == nil {
		t.Errorf("recorded: %+v", got)
	}
	if got := ask("/gateway", "x"); !strings.HasPrefix(got, "/1/onStatus") {
		t.Errorf("a target without an application: %s", got)
	}
	if got := r.refusal(t); got.Rule != "gateway x" || got.Cause != app.CauseMalformed {
		t.Errorf("recorded: %+v", got)
	}
	res, err := http.Get("http://" + r.http + "/crossdomain.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); !strings.Contains(string(b), `<allow-access-from domain="*.example.com"/>`) {
		t.Errorf("crossdomain.xml: %s", b)
	}
	nc, err := net.Dial("tcp", r.rtmp)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = nc.Write([]byte("<policy-file-request/>\x00"))
	if b, err := io.ReadAll(nc); err != nil || !strings.Contains(string(b), `domain="*.example.com" to-ports=`) || b[len(b)-1] != 0 {
		t.Errorf("policy file: %q, %v", b, err)
	}
}

// Without any domain the policy allows nothing.
func TestNoPolicy(t *testing.T) {
	if p := crossDomain(nil, ""); strings.Contains(p, "allow-access-from") || !strings.Contains(p, `policies="none"`) {
		t.Error(p)
	}
}

// Hosts as a policy file has them.
func TestInDomains(t *testing.T) {
	for _, tt := range []struct {
		domain, host string
		want         bool
	}{
		{"example.com", "example.com", true},
		{"example.com", "Example.COM", true},
		{"example.com", "www.example.com", false},
		{"*.example.com", "www.example.com", true},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", "example.com", true},
		{"*.example.com", "notexample.com", false},
		{"*.example.com", "example.com.evil.org", false},
		{"*", "anything", true},
	} {
		if got := inDomains([]string{"other.org", tt.domain}, tt.host); got != tt.want {
			t.Errorf("%s in %s: %v", tt.host, tt.domain, got)
		}
	}
	if inDomains(nil, "example.com") {
		t.Error("nobody is in no domains")
	}
}

// The methods of a live application are described where the operator says so.
func TestGatewayDescribes(t *testing.T) {
	for _, tt := range []struct {
		allowed bool
		want    string
	}{{false, "NetConnection.Call.Prohibited"}, {true, `address:"live" functions:[{name:"ping"`}} {
		r := start(t, false, func(c *config.Config) { c.HTTP.GatewayDescribe = tt.allowed })
		body, err := (&remoting.Packet{Headers: []remoting.Header{{Name: "DescribeService"}}, Bodies: []remoting.Body{{Target: "live", Response: "/1"}}}).Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.Post("http://"+r.http+remoting.Path, remoting.ContentType, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		p, err := remoting.Decode(answer, remoting.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := amf.Format(p.Bodies[0].Value); !strings.Contains(got, tt.want) {
			t.Errorf("allowed %v: %s", tt.allowed, got)
		}
	}
}
