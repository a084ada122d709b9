package auth

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/app"
	"penstock/internal/password"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func authority(t *testing.T) *Authority {
	a := New(slog.New(slog.DiscardHandler))
	t.Cleanup(a.Close)
	return a
}

func addr(s string) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(s), 1000))
}

// request is one for app live.
func request(stream, query string) *Request {
	q := &Request{App: "live", Instance: app.DefaultInstance, Stream: stream, Addr: addr("192.0.2.1"), Query: url.Values{}}
	for pair := range strings.SplitSeq(query, "&") {
		if k, v, ok := strings.Cut(pair, "="); ok {
			q.Query.Set(k, v)
		}
	}
	return q
}

func refusal(t *testing.T, err error) *app.Refusal {
	t.Helper()
	var r *app.Refusal
	if !errors.As(err, &r) || r.Status == nil {
		t.Fatalf("%v is no refusal", err)
	}
	return r
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"cam", "cam", true}, {"cam", "cam1", false}, {"", "", true}, {"", "x", false}, {"*", "", true}, {"*", "a/b", true},
		{"cam*", "cam", true}, {"cam*", "cam1", true}, {"cam*", "xcam", false}, {"*cam", "a/cam", true}, {"*cam", "cams", false},
		{"a*b", "ab", true}, {"a*b", "a", false}, {"a*a", "a", false}, {"a*b*c", "a1b2c", true}, {"a*b*c", "acb", false}, {"**", "x", true},
		{"a*bc*c", "abc", false},
	} {
		if got := match(tc.pattern, tc.name); got != tc.want {
			t.Errorf("%q %q: %v", tc.pattern, tc.name, got)
		}
	}
}

func TestUserInfo(t *testing.T) {
	for in, want := range map[string]string{
		"rtmp://joe:pw@h/live": "joe pw", "rtmp://joe:p%40w@h:1935/live": "joe p@w", "rtmp://joe:p@w@h/live": "joe p@w", "rtmp://joe:@h": "joe ",
		"rtmp://h/live": "none", "rtmp://joe@h/live": "none", "rtmp://h/a:b@c": "none", "": "none", "rtmp://joe:a:b@h": "joe a:b",
	} {
		got := "none"
		if u, p, ok := userInfo(in); ok {
			got = u + " " + p
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNonces()
		a, b := n.issue("joe"), n.issue("joe")
		if a == b || len(a) != 32 {
			t.Fatalf("%q %q", a, b)
		}
		if n.take(a, "ann") != "" {
			t.Error("another's is good")
		}
		if n.take(a, "joe") != a || n.take(a, "joe") != "" {
			t.Error("is not good once")
		}
		if n.take("", "joe") != b || n.take("", "joe") != "" || n.take("", "ann") != "" || n.take("x", "joe") != "" {
			t.Error("the last one")
		}
		old := n.issue("joe")
		time.Sleep(nonceTTL)
		if n.take(old, "joe") != "" {
			t.Error("is good for ever")
		}
		first := n.issue("first")
		for range maxNonces {
			n.issue("joe")
		}
		if n.take(first, "first") != "" || len(n.byID) != maxNonces || n.order.Len() != maxNonces || len(n.last) != 1 {
			t.Errorf("%d nonces of %d", len(n.byID), len(n.last))
		}
		time.Sleep(nonceTTL)
		n.issue("ann")
		if len(n.byID) != 1 || n.order.Len() != 1 || len(n.last) != 1 {
			t.Errorf("%d nonces, all but one expired", len(n.byID))
		}
	})
}

// An unknown user costs what a known one does, and is told the same.
func TestUnknownUser(t *testing.T) {
	a := authority(t)
	r, err := a.Rules(Options{Path: "p", Action: Publish, Users: map[string]string{"joe": password.New("pw")}})
	if err != nil {
		t.Fatal(err)
	}
	var words [2]string
	for i, user := range []string{"joe", "ann"} {
		words[i] = refusal(t, r.Check(t.Context(), request("cam", "user="+user+"&pass=x"))).Status.Description
	}
	if words[0] != words[1] {
		t.Errorf("%q", words)
	}
	// Users are not many places to guess from: the sixth attempt is not looked at.
	for range 4 {
		_ = r.Check(t.Context(), request("cam", "user=joe&pass=x"))
	}
	got := refusal(t, r.Check(t.Context(), request("cam", "user=joe&pass=pw")))
	if got.Rule != "p.users" || !strings.HasPrefix(got.Status.Description, "Too many wrong attempts") {
		t.Errorf("%v", got)
	}
	if err := r.Check(t.Context(), &Request{App: "live", Addr: addr("192.0.2.2"), Args: []amf.Value{"joe", "pw"}}); err != nil {
		t.Errorf("from another address: %v", err)
	}
}

// Words and rules never have what was secret.
func TestNoSecretsInRefusals(t *testing.T) {
	a := authority(t)
	r, err := a.Rules(Options{Path: "p", Action: Play, Keys: map[string]Key{"k": {Key: "SECRET-KEY"}}, Users: map[string]string{"joe": password.New("SECRET")},
		Secret: "SECRET-SECRET-SECRET", JWT: &JWT{Secret: strings.Repeat("SECRET", 8)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"", "key=SECRETx", "user=joe&pass=SECRETx", "expires=1&sig=SECRET", "token=SECRET", "token=SECRET.SECRET.SECRET"} {
		got := refusal(t, r.Check(t.Context(), request("cam", query)))
		if got.Status.Code != status.PlayFailed || !strings.HasPrefix(got.Rule, "p") || strings.Contains(got.Error(), "SECRET") {
			t.Errorf("%q: %v", query, got)
		}
	}
}

// Rules say who a client has proved to be; a credential that names nobody leaves who it was.
func TestWhoItIs(t *testing.T) {
	a := authority(t)
	rules, err := a.Rules(Options{
		Path: "apps.live.publish", Action: Publish, Secret: "a secret of the operator", Users: map[string]string{"joe": password.New("pw")},
		Keys: map[string]Key{"camera one": {Key: "k1"}, "stage": {Key: "k2", PublishAs: "public"}},
		JWT:  &JWT{Secret: "0123456789abcdef0123456789abcdef"},
	})
	if err != nil {
		t.Fatal(err)
	}
	token := func(subject string) string {
		c := jwt.MapClaims{"app": "live", "stream": "*", "actions": "publish", "exp": time.Now().Add(time.Hour).Unix()}
		if subject != "" {
			c["sub"] = subject
		}
		s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte("0123456789abcdef0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, tc := range []struct{ stream, query, user, published string }{
		{"cam", "key=k1", "key:camera one", "cam"},
		{"public", "key=k2", "key:stage", "public"},
		{"k2", "", "key:stage", "public"},
		{"cam", "user=joe&pass=pw", "user:joe", "cam"},
		{"cam", "token=" + token("ann"), "token:ann", "cam"},
		{"cam", "token=" + token(""), "user:before", "cam"},
		{"cam", Sign("a secret of the operator", Publish, "live/cam", time.Now().Add(time.Hour)), "user:before", "cam"},
	} {
		q := request(tc.stream, tc.query)
		q.User = "user:before"
		if err := rules.Check(t.Context(), q); err != nil || q.User != tc.user || q.Stream != tc.published {
			t.Errorf("%s?%s: %q publishes %q, %v; want %q %q", tc.stream, tc.query, q.User, q.Stream, err, tc.user, tc.published)
		}
	}
}

// Calling is an action of its own: what opens others does not open it, and who is refused is told the code of calls.
func TestCall(t *testing.T) {
	a := authority(t)
	rules, err := a.Rules(Options{Path: "apps.live.call", Action: Call, Secret: "a secret of the operator", Keys: map[string]Key{"one": {Key: "k1", Stream: "cam"}}})
	if err != nil {
		t.Fatal(err)
	}
	for query, ok := range map[string]bool{
		"": false, "key=k1": true, "key=k2": false,
		Sign("a secret of the operator", Call, "live", time.Now().Add(time.Hour)):    true,
		Sign("a secret of the operator", Connect, "live", time.Now().Add(time.Hour)): false,
	} {
		err := rules.Check(t.Context(), request("", query))
		if (err == nil) != ok {
			t.Errorf("%q: %v", query, err)
		}
		if r := (*app.Refusal)(nil); errors.As(err, &r) && r.Status.Code != status.CallProhibited {
			t.Errorf("%q: %v", query, r.Status)
		}
	}
}
