package admission

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"penstock/amf"
	"penstock/app"
	"penstock/internal/auth"
	"penstock/internal/config"
	"penstock/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func admit(t *testing.T, change func(*config.App)) *Admission {
	t.Helper()
	a := config.DefaultApp()
	if change != nil {
		change(&a)
	}
	ad, err := New(map[string]config.App{"live": a}, Options{Exempt: config.MustNetworks("loopback"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return ad
}

func addr(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func TestPublishersAreLocalByDefault(t *testing.T) {
	if got := whom(config.DefaultApp().Publish.AllowNetworks); got != "local networks" {
		t.Errorf("by default open to %s", got)
	}
}

// What makes no sense is an error that names the key, and leaves nothing behind.
func TestNewRefuses(t *testing.T) {
	for _, change := range []func(*config.App){
		func(a *config.App) { a.Call.Users = map[string]string{"joe": "no hash"} },
		func(a *config.App) { a.Hooks.URL, a.Hooks.Format = "http://127.0.0.1/", "xml" },
	} {
		a := config.DefaultApp()
		change(&a)
		if _, err := New(map[string]config.App{"live": a, "other": config.DefaultApp()}, Options{Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Error("is taken")
		}
	}
}

// asked is the refusal that asks a client to log in, and answered the one that follows when it does.
func asked(ip, application string) *app.Refusal {
	return &app.Refusal{Stage: app.StageConnect, Cause: app.CauseChallenge, Rule: "apps.live.encoder_auth", XStatus: 100, Peer: addr(ip + ":5000"), App: application,
		Status: status.New(status.ConnectRejected, "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ")}
}

func answered(ip, application string) *app.Refusal {
	r := asked(ip, application)
	r.Status = status.New(status.ConnectRejected, "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=x")
	return r
}

// A client that is asked to log in and does not was refused; one that goes on was not.
func TestUnansweredChallenge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ad := admit(t, nil)
		var mu sync.Mutex
		var recorded []*app.Refusal
		saw := ad.Challenge(func(r *app.Refusal) {
			mu.Lock()
			defer mu.Unlock()
			recorded = append(recorded, r)
		})
		saw(asked("192.0.2.1", "live"))
		saw(asked("192.0.2.1", "live")) // the same client, at once again
		saw(asked("192.0.2.2", "live"))
		saw(asked("192.0.2.1", "other"))
		time.Sleep(answerTime - time.Second)
		saw(answered("192.0.2.2", "live"))
		saw(answered("192.0.2.3", "live")) // nobody asked
		count := func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(recorded)
		}
		if count() != 0 {
			t.Error("recorded too soon")
		}
		time.Sleep(2 * time.Second)
		mu.Lock()
		if len(recorded) != 2 {
			t.Fatalf("recorded %v", recorded)
		}
		for _, r := range recorded {
			if r.Cause != app.CauseHandler || r.XStatus != 0 || !errors.Is(r.Err, errNoLogin) || r.Peer.String() != "192.0.2.1:5000" {
				t.Errorf("%+v", r)
			}
		}
		mu.Unlock()
		saw(asked("192.0.2.1", "live"))
		ad.Close(context.Background())
		time.Sleep(2 * answerTime)
		if saw(asked("192.0.2.1", "live")); count() != 2 {
			t.Error("recorded after the end")
		}
	})
}

// There is a most that is waited for; those beyond are recorded at once.
func TestUnansweredChallengesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ad := admit(t, nil)
		defer ad.Close(context.Background())
		n := 0
		saw := ad.Challenge(func(*app.Refusal) { n++ })
		for i := range maxUnanswered + 5 {
			saw(asked(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), "live"))
		}
		if n != 5 || len(ad.unanswered.asked) != maxUnanswered {
			t.Errorf("%d recorded, %d waited for", n, len(ad.unanswered.asked))
		}
	})
}

// A player over HTTP counts until its request is over.
func TestViewersAreCounted(t *testing.T) {
	ad := admit(t, func(a *config.App) { a.Limits.PlayersPerIP, a.Limits.Connections = 1, 2 })
	defer ad.Close(context.Background())
	view := func(ip string) (context.CancelFunc, error) {
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		req := httptest.NewRequestWithContext(ctx, "GET", "/live/cam.flv", nil)
		return cancel, ad.App("live").View(req, &auth.Request{App: "live", Stream: "cam", Addr: addr(ip + ":1")})
	}
	end, err := view("192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	wantRule := func(err error, rule string) {
		t.Helper()
		var r *app.Refusal
		if !errors.As(err, &r) || r.Rule != "apps.live.limits."+rule || r.Cause != app.CauseLimit {
			t.Errorf("%v, want %s", err, rule)
		}
	}
	_, err = view("192.0.2.1")
	wantRule(err, "players_per_ip")
	if _, err := view("192.0.2.2"); err != nil {
		t.Error(err)
	}
	_, err = view("192.0.2.3")
	wantRule(err, "connections")
	end()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err = view("192.0.2.1"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still counted: %v", err)
		}
	}
}

// Addresses that are exempt are counted with all, and not by themselves.
func TestExemptAddresses(t *testing.T) {
	ad := admit(t, func(a *config.App) { a.Limits.ConnectionsPerIP = 1 })
	defer ad.Close(context.Background())
	connect := func(ip string) error {
		_, err := ad.App("live").Connect(t.Context(), &app.Client{App: "live", Instance: app.DefaultInstance, Addr: addr(ip + ":1")}, nil)
		return err
	}
	for range 3 {
		if err := connect("127.0.0.1"); err != nil {
			t.Error(err)
		}
	}
	if err := connect("192.0.2.1"); err != nil {
		t.Error(err)
	}
	if err := connect("192.0.2.1"); err == nil {
		t.Error("the second is let in")
	}
}

// Calls are judged once a minute: the rules are asked again when their verdict is old.
func TestCallVerdictAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expires := time.Now().Add(90 * time.Second)
		secret := "a secret of the operator"
		ad := admit(t, func(a *config.App) { a.Call.SignedURLs.Secret = secret })
		defer ad.Close(context.Background())
		c := &app.Client{App: "live", Instance: app.DefaultInstance, Addr: addr("192.0.2.1:1")}
		query := auth.Sign(secret, auth.Call, "live", expires)
		req := httptest.NewRequest("GET", "/?"+query, nil)
		c.Query = req.URL.Query()
		cl, err := ad.App("live").Connect(context.Background(), c, []amf.Value{})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{true, true, true, true, false} {
			if err := cl.Call(context.Background(), "ping"); (err == nil) != want {
				t.Errorf("after %v: %v", time.Until(expires), err)
			}
			time.Sleep(40 * time.Second)
		}
	})
}

// Log-ins of encoders are never reworded: encoders read them.
func TestWordsLeaveLogInsAlone(t *testing.T) {
	ad := admit(t, func(a *config.App) {
		a.Refusals = map[string]config.Words{"policy": {Text: "x"}, "limit": {Code: "Acme.Full"}}
	})
	defer ad.Close(context.Background())
	r := asked("192.0.2.1", "live")
	r.Cause = app.CausePolicy
	if st := ad.Words(r); st != nil {
		t.Error(st)
	}
	r.Status = status.New(status.ConnectRejected, "no").With("application", "kept")
	if st := ad.Words(r); st == nil || st.Description != "x" || st.Code != status.ConnectRejected || len(st.Extra) != 1 {
		t.Error(st)
	}
	r.Cause = app.CauseLimit
	if st := ad.Words(r); st == nil || st.Description != "no" || st.Code != "Acme.Full" || st.Level != status.LevelError {
		t.Error(st)
	}
	if r.App = "other"; ad.Words(r) != nil {
		t.Error("words of another application")
	}
}
