package quota

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"penstock/app"
	"penstock/status"
)

var joe, ann, tim = Who{"192.0.2.1", "user:joe"}, Who{"192.0.2.2", "user:ann"}, Who{"192.0.2.1", "user:tim"}

// wantOver checks that err is the refusal by a limit, with its words.
func wantOver(t *testing.T, err error, option string, words string) {
	t.Helper()
	var r *app.Refusal
	if !errors.As(err, &r) || r.Status == nil {
		t.Errorf("%v is no refusal by %s", err, option)
		return
	}
	text := r.Status.Description
	if len(text) > 255 {
		t.Errorf("%d bytes, of which FFmpeg and rtmpdump show 255: %s", len(text), text)
	}
	if r.Cause != app.CauseLimit || r.Rule != "apps.live.limits."+option || !strings.HasPrefix(text, "[ Resource.Limit.Exceeded ] : live takes ") ||
		!strings.Contains(text, words) || !strings.HasSuffix(text, " or ask the operator to raise "+option+".") {
		t.Errorf("%v: want %s … %q", r, option, words)
	}
}

// enter is what a test does to use a limit up.
type enter func(q *Quota, who Who) (release func(), err error)

func connect(q *Quota, who Who) (func(), error) { return q.Connect(who) }
func play(q *Quota, who Who) (func(), error)    { return q.Play(who, false) }
func publish(q *Quota, who Who) (func(), error) {
	s, err := q.Publish(who)
	if err != nil {
		return nil, err
	}
	return s.End, nil
}

func TestCounts(t *testing.T) {
	two := Bound{Total: 2}
	for _, tc := range []struct {
		name   string
		limits Limits
		enter  enter
		option string
		words  string
		code   status.Code
		first  []Who // all let in
		over   Who   // not
		other  Who   // let in all the same; the zero value is not counted per scope
	}{
		{"connections", Limits{Connections: two}, connect, "connections", "2 connections at once, and has them: try again later", status.ConnectRejected, []Who{joe, ann}, tim, Who{}},
		{"connections per address", Limits{Connections: Bound{PerIP: 1}}, connect, "connections_per_ip", "1 connection at once from one address, and has it: stop that first", status.ConnectRejected, []Who{joe}, tim, ann},
		{"connections per user", Limits{Connections: Bound{PerUser: 1}}, connect, "connections_per_user", "at once of one user", status.ConnectRejected, []Who{joe}, Who{ann.IP, joe.User}, tim},
		{"publishers", Limits{Publishers: two}, publish, "publishers", "2 published streams at once", status.PublishDenied, []Who{joe, ann}, tim, Who{}},
		{"publishers per address", Limits{Publishers: Bound{PerIP: 2}}, publish, "publishers_per_ip", "from one address", status.PublishDenied, []Who{joe, tim}, joe, ann},
		{"publishers per user", Limits{Publishers: Bound{PerUser: 2}}, publish, "publishers_per_user", "of one user", status.PublishDenied, []Who{joe, joe}, joe, tim},
		{"players", Limits{Players: two}, play, "players", "2 players at once", status.PlayFailed, []Who{joe, ann}, tim, Who{}},
		{"players per address", Limits{Players: Bound{PerIP: 1}}, play, "players_per_ip", "from one address", status.PlayFailed, []Who{joe}, tim, ann},
		{"players per user", Limits{Players: Bound{PerUser: 1}}, play, "players_per_user", "of one user", status.PlayFailed, []Who{joe}, joe, tim},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := New("live", "apps.live.limits", tc.limits)
			var release func()
			for _, who := range tc.first {
				var err error
				if release, err = tc.enter(q, who); err != nil {
					t.Fatal(err)
				}
			}
			_, err := tc.enter(q, tc.over)
			wantOver(t, err, tc.option, tc.words)
			if st, _ := status.Of(err); st == nil || st.Code != tc.code {
				t.Errorf("code %v, want %s", st, tc.code)
			}
			if tc.other != (Who{}) {
				if _, err := tc.enter(q, tc.other); err != nil {
					t.Errorf("%v: %v", tc.other, err)
				}
			}
			release()
			if _, err := tc.enter(q, tc.over); err != nil {
				t.Errorf("after another has left: %v", err)
			}
		})
	}
}

// Who plays one stream after another is one player.
func TestReplaces(t *testing.T) {
	q := New("live", "apps.live.limits", Limits{Players: Bound{PerUser: 1}})
	first, err := q.Play(joe, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Play(joe, true); err != nil {
		t.Error(err)
	}
	first()
	_, err = q.Play(joe, false)
	wantOver(t, err, "players_per_user", "1 player at once of one user")
}

// Who is exempt, or nobody, is counted in total only.
func TestNotCounted(t *testing.T) {
	q := New("live", "apps.live.limits", Limits{Connections: Bound{Total: 3, PerIP: 1, PerUser: 1}})
	for range 3 {
		if _, err := q.Connect(Who{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := q.Connect(Who{})
	wantOver(t, err, "connections", "3 connections")
}

func TestConnectRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New("live", "apps.live.limits", Limits{ConnectRate: Bound{Total: 10, PerIP: 2, PerUser: 0.5}})
		try := func(who Who) error {
			release, err := q.Connect(who)
			if err == nil {
				release()
			}
			return err
		}
		for i := range 4 { // twice as many at once
			if err := try(Who{IP: joe.IP}); err != nil {
				t.Fatal(i, err)
			}
		}
		wantOver(t, try(Who{IP: joe.IP}), "connect_rate_per_ip", "2 connections a second from one address: wait a moment")
		time.Sleep(500 * time.Millisecond)
		if err := try(Who{IP: joe.IP}); err != nil {
			t.Error(err)
		}
		if err := try(Who{User: joe.User}); err != nil {
			t.Error(err)
		}
		wantOver(t, try(Who{User: joe.User}), "connect_rate_per_user", "0.5 connections a second of one user")
		time.Sleep(2 * time.Second)
		if err := try(Who{User: joe.User}); err != nil {
			t.Error(err)
		}
		for range 19 {
			if err := try(Who{}); err != nil {
				t.Fatal(err)
			}
		}
		wantOver(t, try(Who{}), "connect_rate", "10 connections a second: wait")
	})
}

// send lets streams send at bits a second until one is over its limit, for a minute at the most.
func send(t *testing.T, rates map[*Stream]float64) (over *Stream, after time.Duration, err error) {
	t.Helper()
	sent := make(map[*Stream]float64)
	for i := range 60 {
		time.Sleep(time.Second)
		for s, rate := range rates {
			sent[s] += rate / 8
			if err := s.Check(time.Now(), uint64(sent[s])); err != nil {
				return s, time.Duration(i+1) * time.Second, err
			}
		}
	}
	return nil, 0, nil
}

func TestBitrateOfOneStream(t *testing.T) {
	for _, tc := range []struct {
		rate         float64
		after, until time.Duration
	}{{0.9e6, 0, 0}, {1e6, 0, 0}, {1.3e6, 4 * time.Second, 6 * time.Second}, {50e6, time.Second, time.Second}} {
		t.Run(fmt.Sprint(tc.rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := New("live", "apps.live.limits", Limits{StreamBitrate: 1e6})
				s, err := q.Publish(joe)
				if err != nil {
					t.Fatal(err)
				}
				_, after, err := send(t, map[*Stream]float64{s: tc.rate})
				if tc.after == 0 {
					if err != nil {
						t.Error(err, after)
					}
					return
				}
				wantOver(t, err, "bitrate", "streams of 1M bit/s, and this one has ")
				if after < tc.after || after > tc.until {
					t.Errorf("after %v", after)
				}
			})
		})
	}
}

// Of several, the newest is ended, and no more than are needed; a new one is let in only where there is room.
func TestBitrateTogether(t *testing.T) {
	for level, tc := range []struct {
		bound  Bound
		option string
		a, b   Who
	}{{Bound{Total: 2e6}, "bitrate_total", joe, ann}, {Bound{PerIP: 2e6}, "bitrate_per_ip", joe, tim},
		{Bound{PerUser: 2e6}, "bitrate_per_user", joe, Who{ann.IP, joe.User}}} {
		t.Run(fmt.Sprint(level), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := New("live", "apps.live.limits", Limits{Bitrate: tc.bound})
				old, err1 := q.Publish(tc.a)
				young, err2 := q.Publish(tc.b)
				apart, err3 := q.Publish(Who{})
				if err := errors.Join(err1, err2, err3); err != nil {
					t.Fatal(err)
				}
				rates := map[*Stream]float64{old: 1.5e6, young: 1.5e6, apart: 0}
				if level == 0 {
					apart.End()
					delete(rates, apart)
				} else {
					rates[apart] = 9e6
				}
				s, _, err := send(t, rates)
				wantOver(t, err, tc.option, "together, and they have ")
				if s != young {
					t.Error("not the newest is ended")
				}
				_, err = q.Publish(tc.a)
				wantOver(t, err, tc.option, "2M bit/s in all streams")
				young.End()
				young.End()
				delete(rates, young)
				if _, _, err := send(t, rates); err != nil {
					t.Errorf("one is enough: %v", err)
				}
				if err := young.Check(time.Now(), 1e9); err != nil {
					t.Errorf("it has ended: %v", err)
				}
				if _, err := q.Publish(tc.b); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Counters of those who have left are forgotten, and there is a most.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New("live", "apps.live.limits", Limits{ConnectRate: Bound{PerIP: 1}, Publishers: Bound{PerUser: 2}})
		const most = 100
		q.by[0].most, q.by[1].most = most, most
		for i := range most + 10 {
			release, err := q.Connect(Who{IP: fmt.Sprint("address ", i)})
			if err == nil {
				release()
			}
			s, err := q.Publish(Who{User: fmt.Sprint("user ", i)})
			if err != nil {
				t.Fatal(err)
			}
			s.End()
		}
		if a, u := len(q.by[0].scopes), len(q.by[1].scopes); a != most || u != 0 {
			t.Errorf("%d addresses, %d users", a, u)
		}
		_, err := q.Connect(Who{IP: "one too many"}) // counted with the others, who have used the rate up
		wantOver(t, err, "connect_rate_per_ip", "")
		time.Sleep(2 * sweepEvery)
		if _, err := q.Connect(Who{IP: "later"}); err != nil {
			t.Error(err)
		}
		if n := len(q.by[0].scopes); n != 1 {
			t.Errorf("%d addresses are left", n)
		}
	})
}

// Many at once never are more than the limit, and every one who leaves makes room.
func TestConcurrent(t *testing.T) {
	q := New("live", "apps.live.limits", Limits{Connections: Bound{Total: 5, PerIP: 3}, Publishers: Bound{PerIP: 2}, Bitrate: Bound{Total: 1e12}})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			who := Who{IP: fmt.Sprint(i % 2)}
			for range 500 {
				if release, err := q.Connect(who); err == nil {
					release()
				}
				if s, err := q.Publish(who); err == nil {
					_ = s.Check(time.Now(), 1000)
					s.End()
				}
			}
		})
	}
	wg.Wait()
	if !q.total.idle() || q.total.bits != 0 || q.total.streams.Len() != 0 || len(q.by[0].scopes) != 0 {
		t.Errorf("left: %+v, %d addresses", q.total, len(q.by[0].scopes))
	}
}

func TestNumber(t *testing.T) {
	for f, want := range map[float64]string{0.5: "0.5", 3: "3", 800e3: "800k", 6e6: "6M", 6.24e6: "6.2M", 1.5e9: "1.5G", 999: "999"} {
		if got := number(f); got != want {
			t.Errorf("%v: %s", f, got)
		}
	}
}
