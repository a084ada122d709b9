package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/app"
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

func TestAddrKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := addrKey(addr(in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if addrKey(nil) != "" || addrKey(&net.UnixAddr{Name: "x"}) != "x" {
		t.Error("addresses that are not IP")
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

func TestHash(t *testing.T) {
	h, err := parseHash(HashPassword("pw"))
	if err != nil || string(h.derive("pw")) != string(h.sum) || string(h.derive("px")) == string(h.sum) {
		t.Errorf("%+v, %v", h, err)
	}
	if one, two := HashPassword("pw"), HashPassword("pw"); one == two {
		t.Error("salts are not fresh")
	}
	good := "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ"
	if _, err := parseHash(good); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]string{
		"empty": "", "other": strings.Replace(good, "argon2id", "argon2i", 1), "version": strings.Replace(good, "v=19", "v=16", 1),
		"memory": strings.Replace(good, "m=64", "m=4000000", 1), "time": strings.Replace(good, "t=1", "t=99", 1), "no time": strings.Replace(good, "t=1", "t=0", 1),
		"threads": strings.Replace(good, "p=1", "p=200", 1), "overflow": strings.Replace(good, "p=1", "p=300", 1), "rest": strings.Replace(good, "p=1", "p=1,x=2", 1),
		"salt": strings.Replace(good, "c2FsdHNhbHQ", "!", 1), "short salt": strings.Replace(good, "c2FsdHNhbHQ", "YQ", 1), "short": good[:60], "plain": "hunter2",
	} {
		if _, err := parseHash(bad); err == nil {
			t.Errorf("%s: %s is taken", name, bad)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(HashPassword("x"))
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ")
	f.Fuzz(func(t *testing.T, s string) {
		if h, err := parseHash(s); err == nil && (h.memory > maxMemory || h.time > maxTime || h.threads > maxThreads || h.threads == 0 || h.time == 0) {
			t.Errorf("%q costs %+v", s, h)
		}
	})
}

// Five failures within a minute cost a minute, for this address and user only.
func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, ctx := newAttempts(), t.Context()
		try := func(who string, good bool) (time.Duration, bool) {
			wait, ok, err := at.try(ctx, who, func() (bool, error) { return good, nil })
			if err != nil {
				t.Error(err)
			}
			return wait, ok
		}
		for range 4 {
			try("a", false)
		}
		if wait, ok := try("a", true); wait != 0 || !ok {
			t.Fatalf("the fifth, right: %v %v", wait, ok)
		}
		for i := range 5 { // a success wiped the failures
			if wait, ok := try("a", false); wait != 0 || ok {
				t.Fatalf("%d: %v %v", i, wait, ok)
			}
		}
		if wait, ok := try("a", true); wait != penalty || ok {
			t.Errorf("right, within the penalty: %v %v", wait, ok)
		}
		if wait, ok := try("b", true); wait != 0 || !ok {
			t.Errorf("another: %v %v", wait, ok)
		}
		time.Sleep(penalty)
		if wait, ok := try("a", true); wait != 0 || !ok {
			t.Errorf("after the penalty: %v %v", wait, ok)
		}
		for range 12 { // slow guessing is no crime
			try("c", false)
			time.Sleep(15 * time.Second)
		}
		if wait, _ := try("c", false); wait != 0 {
			t.Errorf("slow: %v", wait)
		}
	})
}

// Many attempts at the same moment get no more than five tries.
func TestAttemptsAtOnce(t *testing.T) {
	at := newAttempts()
	var tried atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, _, _ = at.try(t.Context(), "a", func() (bool, error) { tried.Add(1); return false, nil })
		})
	}
	wg.Wait()
	if tried.Load() != maxFailures {
		t.Errorf("%d tries", tried.Load())
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	at := newAttempts()
	for i := range maxAttempts + 100 {
		_, _, _ = at.try(t.Context(), fmt.Sprint(i), func() (bool, error) { return false, nil })
	}
	if len(at.byWho) != maxAttempts || at.recent.Len() != maxAttempts {
		t.Errorf("%d and %d entries", len(at.byWho), at.recent.Len())
	}
	ok := newAttempts()
	_, _, _ = ok.try(t.Context(), "a", func() (bool, error) { return true, nil })
	if len(ok.byWho) != 0 {
		t.Error("a success is remembered")
	}
	held := newAttempts()
	started, end := make(chan struct{}), make(chan struct{})
	go held.try(t.Context(), "a", func() (bool, error) { close(started); <-end; return true, nil })
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := held.try(ctx, "a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("whose client has left: %v", err)
	}
	close(end)
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
	r, err := a.Rules(Options{Path: "p", Action: Publish, Users: map[string]string{"joe": HashPassword("pw")}})
	if err != nil {
		t.Fatal(err)
	}
	var words [2]string
	for i, user := range []string{"joe", "ann"} {
		words[i] = refusal(t, r.Check(t.Context(), request("cam", "user="+user+"&pass=x"))).Status.Description
	}
	p := r.proofs[0].(*userProof)
	if words[0] != words[1] || p.decoy.memory != hashMemory || p.decoy.time != hashTime {
		t.Errorf("%q, %+v", words, p.decoy)
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
	r, err := a.Rules(Options{Path: "p", Action: Play, Keys: map[string]Key{"k": {Key: "SECRET-KEY"}}, Users: map[string]string{"joe": HashPassword("SECRET")},
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
