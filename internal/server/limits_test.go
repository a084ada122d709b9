package server

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"penstock/app"
	"penstock/internal/config"
	"penstock/rtmp"
	"penstock/status"
)

// limited is a server whose application live has limits, which count loopback too.
func limited(t *testing.T, change func(*config.App)) running {
	return start(t, false, func(c *config.Config) {
		c.Limits.RefusedTimeout = config.Duration(time.Minute) // a busy machine is no idle client
		a := config.DefaultApp()
		change(&a)
		c.Apps, c.ExemptNetworks = map[string]config.App{"live": a}, config.MustNetworks("192.0.2.0/24")
	})
}

// wantLimit checks what the client was told, and what was recorded.
func (r running) wantLimit(t *testing.T, err error, code status.Code, option string) {
	t.Helper()
	wantCode(t, err, code, "or ask the operator to raise "+option+".")
	if st, _ := status.Of(err); st == nil || !strings.HasPrefix(st.Description, "[ Resource.Limit.Exceeded ] : live takes ") {
		t.Errorf("told %v", err)
	}
	if got := r.refusal(t); got.Cause != app.CauseLimit || got.Rule != "apps.live.limits."+option || got.XStatus != 409 {
		t.Errorf("recorded %v, want %s", got, option)
	}
}

func TestLimitsOfAnApplication(t *testing.T) {
	keys := map[string]config.StreamKey{"one": {Key: streamKey}, "two": {Key: "another key of an operator"}}
	t.Run("connections", func(t *testing.T) {
		r := limited(t, func(a *config.App) { a.Limits.ConnectionsPerIP = 1 })
		c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
		_, err := rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/live", nil)
		r.wantLimit(t, err, status.ConnectRejected, "connections_per_ip")
		_ = c.Close()
		eventually(t, func() bool {
			c, err := rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/live", nil)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
	})
	t.Run("connect rate", func(t *testing.T) {
		r := limited(t, func(a *config.App) { a.Limits.ConnectRate = 0.001 })
		dial(t, "rtmp://"+r.rtmp+"/live", nil)
		_, err := rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/live", nil)
		r.wantLimit(t, err, status.ConnectRejected, "connect_rate")
	})
	t.Run("publishers", func(t *testing.T) {
		r := limited(t, func(a *config.App) { a.Publish.Keys, a.Limits.PublishersPerUser = keys, 1 })
		c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
		first, err := c.Publish(t.Context(), "a?key="+streamKey)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Publish(t.Context(), "b?key="+streamKey)
		r.wantLimit(t, err, status.PublishDenied, "publishers_per_user")
		if _, err := c.Publish(t.Context(), "c?key="+keys["two"].Key); err != nil {
			t.Errorf("another user: %v", err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Publish(t.Context(), "d?key="+streamKey); err != nil {
			t.Errorf("after the first has ended: %v", err)
		}
	})
	t.Run("players", func(t *testing.T) {
		r := limited(t, func(a *config.App) { a.Limits.PlayersPerIP = 1 })
		ctx, request := t.Context(), "http://"+r.http+"/live/a.flv"
		c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
		ns, err := c.Play(ctx, "a", rtmp.PlayOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Play(ctx, "b", rtmp.PlayOptions{})
		r.wantLimit(t, err, status.PlayFailed, "players_per_ip")
		resp, err := http.Get(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "raise players_per_ip.") {
			t.Errorf("%s %s", resp.Status, body)
		}
		if err := ns.Close(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool {
			ns, err := c.Play(ctx, "b", rtmp.PlayOptions{})
			return err == nil && ns.Close() == nil
		})
	})
	t.Run("bit rate", func(t *testing.T) {
		r := limited(t, func(a *config.App) { a.Limits.Bitrate = 1e6 })
		c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
		pub, err := c.Publish(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		frame := append([]byte{0x17, 1, 0, 0, 0}, make([]byte, 100<<10)...)
		for n := range uint32(60) { // 6 MB, where five seconds have 0.6
			if err = pub.WriteVideo(t.Context(), 40*n, frame); err != nil {
				break
			}
		}
		var told *rtmp.StreamEvent
		for deadline := time.Now().Add(10 * time.Second); told == nil && time.Now().Before(deadline); {
			ev, err := pub.Read(t.Context())
			if err != nil {
				break
			}
			if ev.Status != nil && ev.Status.Level == status.LevelError {
				told = &ev
			}
		}
		if told == nil {
			t.Fatal("the publisher was told nothing")
		}
		r.wantLimit(t, told.Status, status.PublishDenied, "bitrate")
	})
}

// eventually waits for something that is to be true soon.
func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("does not become true")
		}
	}
}

// Who may call is a rule like the others, and stands before the names of methods.
func TestCallRules(t *testing.T) {
	r := limited(t, func(a *config.App) {
		a.Call.Keys = map[string]config.StreamKey{"one": {Key: streamKey}}
	})
	c := dial(t, "rtmp://"+r.rtmp+"/live?key="+streamKey, nil)
	if v, err := c.Call(t.Context(), "ping"); v != "pong" || err != nil {
		t.Error(v, err)
	}
	for _, url := range []string{"/live", "/live?key=wrong"} {
		c := dial(t, "rtmp://"+r.rtmp+url, nil)
		for _, method := range []string{"ping", "ping", "nothing"} {
			_, err := c.Call(t.Context(), method)
			wantCode(t, err, status.CallProhibited, "")
			if got := r.refusal(t); got.Rule != "apps.live.call.keys" || got.Stage != app.StageCall {
				t.Errorf("%v", got)
			}
		}
	}
}

// The operator's words take the place of the usual ones, by rule, by what a rule is part of, and by cause.
func TestOwnWords(t *testing.T) {
	r := limited(t, func(a *config.App) {
		a.Publish.Keys = map[string]config.StreamKey{"one": {Key: streamKey}}
		a.Limits.PlayersPerIP = 1
		a.Refusals = map[string]config.Words{
			"publish.keys": {Code: "NetStream.Publish.BadName", Text: "Fetch a key from Joe."}, "publish": {Text: "not this"},
			"limits": {Text: "Full."}, "limit": {Text: "not this"}, "bad-name": {Text: "Letters only."},
		}
	})
	c := dial(t, "rtmp://"+r.rtmp+"/live", nil)
	_, err1 := c.Publish(t.Context(), "a?key=wrong")
	_, err2 := c.Play(t.Context(), "a", rtmp.PlayOptions{})
	_, err3 := c.Play(t.Context(), "b", rtmp.PlayOptions{})
	_, err4 := c.Play(t.Context(), "a//b", rtmp.PlayOptions{})
	if err2 != nil {
		t.Error(err2)
	}
	for i, tc := range []struct {
		err  error
		want string
	}{{err1, "NetStream.Publish.BadName: Fetch a key from Joe."}, {err3, "NetStream.Play.Failed: Full."}, {err4, "NetStream.Play.Failed: Letters only."}} {
		if st, _ := status.Of(tc.err); st == nil || st.Error() != tc.want {
			t.Errorf("%d: %v, want %s", i, tc.err, tc.want)
		}
		if got := r.refusal(t); got.Status.Error() != tc.want {
			t.Errorf("recorded %v, want %s", got.Status, tc.want)
		}
	}
	resp, err := http.Get("http://" + r.http + "/live/b.flv")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || string(body) != "Full.\n" {
		t.Errorf("over HTTP %q %v", body, err)
	}
}
