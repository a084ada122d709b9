package auth

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"penstock/app"
	"penstock/internal/lockout"
	"penstock/status"
)

// Vectors computed apart from this code, with Python's hashlib.
func TestEncoderVectors(t *testing.T) {
	if got := md5Base64("alice" + "c2FsdHNhbHQ=" + "secret"); got != "WoLi+lgZpcratFtUp6fSWQ==" {
		t.Errorf("H1 %s", got)
	}
	for seed, want := range map[string]string{"b3BhcXVlMTI=": "yCvzd/OZiFFkcAEsXxNG1Q==", "Y2hhbGxlbmdl": "rxSpcYb7AM923a7D2I+x/Q=="} {
		if got := adobeResponse("alice", "c2FsdHNhbHQ=", "secret", seed, "0123abcd"); got != want {
			t.Errorf("adobe %s: %s, want %s", seed, got, want)
		}
	}
	if got := md5Hex("alice:live:secret"); got != "f7b8075832e11e7e68e019541c4b8fc3" {
		t.Errorf("HA1 %s", got)
	}
	proof := llnwProof{nonce: "bm9uY2U=", nc: "00000001", cnonce: "89abcdef"}
	for rawApp, want := range map[string]string{
		"app": "52751f1d676435b2604862d34a514e87", "app?authmod=llnw&user=a/b": "52751f1d676435b2604862d34a514e87",
		"app/inst": "9e11466cf350051c9152b3676301b1b5",
	} {
		if got := llnwResponse("alice", "secret", rawApp, proof); got != want {
			t.Errorf("llnw %s: %s, want %s", rawApp, got, want)
		}
	}
}

// asked takes a needauth description apart, as encoders do.
func asked(t *testing.T, err error) map[string]string {
	t.Helper()
	_, text, ok := strings.Cut(refusal(t, err).Status.Description, " : ?")
	if !ok {
		t.Fatalf("no parameters in %v", err)
	}
	m := make(map[string]string)
	for pair := range strings.SplitSeq(text, "&") {
		k, v, _ := strings.Cut(pair, "=")
		m[k] = v
	}
	return m
}

func newEncoder(t *testing.T, mode Mode, agents ...string) *Encoder {
	e, err := authority(t).NewEncoder("apps.live.encoder_auth", mode, map[string]string{"alice": "secret"}, agents)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// answer is the third step of an encoder for what the second brought.
func answer(mode Mode, user, password string, m map[string]string, opaque bool) *Request {
	q := request("", "authmod="+string(mode)+"&user="+user)
	if mode == LLNW {
		q.Query.Set("nonce", m["nonce"])
		q.Query.Set("cnonce", "89abcdef")
		q.Query.Set("nc", "00000001")
		q.Query.Set("response", llnwResponse(user, password, "live", llnwProof{m["nonce"], "00000001", "89abcdef"}))
		return q
	}
	if opaque {
		q.Query.Set("opaque", m["opaque"])
	}
	q.Query.Set("challenge", "0123abcd")
	q.Query.Set("response", adobeResponse(user, m["salt"], password, m["challenge"], "0123abcd"))
	return q
}

func TestEncoderSteps(t *testing.T) {
	for _, mode := range []Mode{Adobe, LLNW} {
		t.Run(string(mode), func(t *testing.T) {
			e, name := newEncoder(t, mode), string(mode)
			step := func(q *Request) (string, error) { return e.Check(t.Context(), q, "live?authmod="+name) }
			needAuth := "[ AccessManager.Reject ] : [ code=403 need auth; authmod=" + name + " ] : "
			for query, cause := range map[string]app.Cause{
				"": app.CauseChallenge, "user=alice": app.CauseChallenge, "authmod=" + name: app.CauseHandler,
				"authmod=other&user=alice": app.CauseHandler, "authmod=" + name + "&user=" + strings.Repeat("x", 200): app.CauseHandler,
			} {
				_, err := step(request("", query))
				r := refusal(t, err)
				if r.Status.Description != needAuth || r.Status.Code != status.ConnectRejected || r.Cause != cause || r.Rule != e.path {
					t.Errorf("%q: %v", query, r)
				}
			}
			challenge := func(user string) map[string]string {
				_, err := step(request("", "authmod="+name+"&user="+user))
				r := refusal(t, err)
				text := r.Status.Description
				if r.Cause != app.CauseChallenge || !strings.HasPrefix(text, "[ AccessManager.Reject ] : [ authmod="+name+" ] : ?reason=needauth&user="+user+"&") || len(text) > 299 {
					t.Errorf("%q", text)
				}
				return asked(t, err)
			}
			failed := func(what string, q *Request) {
				_, err := step(q)
				want := "[ AccessManager.Reject ] : [ authmod=" + name + " ] : ?reason=authfailed"
				if mode == Adobe {
					want += "&opaque=" + q.Query.Get("opaque")
				}
				if got := refusal(t, err).Status.Description; got != want {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
			m := challenge("alice")
			q := answer(mode, "alice", "secret", m, true)
			if user, err := step(q); user != "alice" || err != nil {
				t.Fatalf("right: %q %v", user, err)
			}
			failed("the same again", q)
			failed("wrong password", answer(mode, "alice", "wrong", challenge("alice"), true))
			unknown := challenge("mallory")
			if again := challenge("mallory"); again["salt"] != unknown["salt"] || mode == Adobe && again["salt"] == challenge("alice")["salt"] {
				t.Error("salts tell who exists")
			}
			failed("unknown user", answer(mode, "mallory", "secret", unknown, true))
			failed("another's challenge", answer(mode, "alice", "secret", unknown, true))
			other := answer(mode, "alice", "secret", challenge("alice"), true)
			other.Addr = addr("192.0.2.99")
			failed("from another address", other)
			_, err := step(answer(mode, "alice", "secret", challenge("alice"), false))
			if err != nil {
				t.Errorf("without opaque: %v", err)
			}
		})
	}
}

func TestEncoderTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEncoder(t, Adobe)
		ask := func() map[string]string {
			_, err := e.Check(t.Context(), request("", "authmod=adobe&user=alice"), "live")
			return asked(t, err)
		}
		late := answer(Adobe, "alice", "secret", ask(), true)
		time.Sleep(nonceTTL)
		if _, err := e.Check(t.Context(), late, "live"); err == nil {
			t.Error("a late answer is good")
		}
		for range lockout.MaxFailures - 1 {
			_, _ = e.Check(t.Context(), answer(Adobe, "alice", "wrong", ask(), true), "live")
		}
		_, err := e.Check(t.Context(), answer(Adobe, "alice", "secret", ask(), true), "live")
		if r := refusal(t, err); r.Err == nil || !strings.Contains(r.Err.Error(), "5 failures within 1m0s") {
			t.Errorf("%v", r)
		}
		time.Sleep(lockout.Penalty)
		if _, err := e.Check(t.Context(), answer(Adobe, "alice", "secret", ask(), true), "live"); err != nil {
			t.Error(err)
		}
	})
}

func TestEncoderAgents(t *testing.T) {
	e := newEncoder(t, Adobe, "FMLE/", "Wirecast/")
	for flashVer, asks := range map[string]bool{"FMLE/3.0 (compatible; FMSc/1.0)": true, "LNX 9,0,124,2": false, "": false} {
		q := request("", "")
		q.FlashVer = flashVer
		if user, err := e.Check(t.Context(), q, "live"); (err != nil) != asks || user != "" {
			t.Errorf("%q: %q %v", flashVer, user, err)
		}
	}
	q := request("", "authmod=adobe&user=alice&response=x") // whoever tries to log in must succeed
	if _, err := e.Check(t.Context(), q, "live"); err == nil {
		t.Error("a wrong answer is good from an agent that is not asked")
	}
}

func TestNewEncoderRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		mode  Mode
		users map[string]string
	}{"mode": {"basic", nil}, "no password": {Adobe, map[string]string{"a": ""}}, "name": {Adobe, map[string]string{"a&b": "x"}}} {
		if _, err := authority(t).NewEncoder("p", tc.mode, tc.users, nil); err == nil || !strings.HasPrefix(err.Error(), "p.") {
			t.Errorf("%s: %v", name, errors.Unwrap(err))
		}
	}
}
