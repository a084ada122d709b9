package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/status"
)

type instancesBody struct {
	Instances []Instance
	Next      string
}

func (w *world) instances(query string) map[string]Instance {
	w.t.Helper()
	var list instancesBody
	w.want(200, "GET", "/instances"+query, nil, &list)
	by := make(map[string]Instance)
	for _, i := range list.Instances {
		by[i.App+"/"+i.Instance] = i
	}
	return by
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// Instances of all kinds are listed, with what goes on in them.
func TestInstances(t *testing.T) {
	w := newWorld(t)
	talker := w.dial("talk/lobby/", nil)
	for range 3 {
		if _, err := talker.Call(t.Context(), "write", "k", "v"); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = talker.Call(t.Context(), "nothing")
	w.dial("talk", nil)
	w.dial("live/room/", nil)
	w.dial("live/room/", nil)
	kept, err := w.dial("share", nil).SharedObject(t.Context(), "kept", rtmp.SharedObjectOptions{Persistent: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Set("k", 1.0); err != nil {
		t.Fatal(err)
	}
	all := w.instances("")
	if len(all) != 4 {
		t.Errorf("%+v", all)
	}
	lobby := all["talk/lobby"]
	if lobby.Kind != "script" || !lobby.Running || lobby.Stopping || lobby.Since == nil || lobby.IdleSince != nil || lobby.Sessions != 1 || lobby.Peak != 1 ||
		lobby.Accepted != 1 || lobby.Calls != 3 || lobby.CallsBad != 1 || lobby.BytesIn == 0 || lobby.BytesOut == 0 || lobby.Objects != 1 {
		t.Errorf("%+v", lobby)
	}
	if room := all["live/room"]; room.Kind != "plain" || room.Sessions != 2 || !room.Running || room.Since == nil || room.Objects != 0 {
		t.Errorf("%+v", room)
	}
	if share := all["share/_definst_"]; share.Objects != 1 || share.Sessions != 1 {
		t.Errorf("%+v", share)
	}
	if some := w.instances("?app=talk"); len(some) != 2 {
		t.Errorf("of one application: %+v", some)
	}
	if some := w.instances("?instance=lobby"); len(some) != 1 || some["talk/lobby"].Sessions != 1 {
		t.Errorf("of one name: %+v", some)
	}
	var first, second instancesBody
	w.want(200, "GET", "/instances?limit=3", nil, &first)
	w.want(200, "GET", "/instances?limit=3&after="+first.Next, nil, &second)
	if len(first.Instances) != 3 || len(second.Instances) != 1 || second.Next != "" || second.Instances[0].Instance != "lobby" {
		t.Errorf("pages: %+v, %+v", first, second)
	}
	var sessions struct{ Sessions []Session }
	w.want(200, "GET", "/sessions?app=live&instance=room", nil, &sessions)
	if len(sessions.Sessions) != 2 {
		t.Errorf("%+v", sessions)
	}
	// An instance that nobody is in is there as long as it runs, or has left objects.
	_ = talker.Close()
	eventually(t, "the script knows that its client has left", func() bool { i := w.instances("?app=talk")["talk/lobby"]; return i.IdleSince != nil && i.Sessions == 0 })
	if i := w.instances("")["talk/lobby"]; i.Calls != 3 || i.Peak != 1 || i.BytesIn == 0 {
		t.Errorf("who has left is forgotten: %+v", i)
	}
	w.server.Unload("share")
	eventually(t, "what is stored is listed", func() bool { i := w.instances("?app=share")["share/_definst_"]; return !i.Running && i.Objects == 1 })
}

// An instance that an operator unloads: its clients are told, in the operator's words, the others notice nothing, and who comes next
// meets a new one.
func TestUnloadInstance(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct{ app, text string }{{"talk", ""}, {"talk", "The lobby is being painted."}, {"live", "The lobby is being painted."},
		{"game", "The lobby is being painted."}} {
		t.Run(tc.app, func(t *testing.T) {
			said, bystander := make(chan *status.Status, 10), w.dial(tc.app+"/other/", nil)
			c := w.dial(tc.app+"/lobby/", said)
			before := w.instances("?app=" + tc.app)[tc.app+"/lobby"]
			var out struct{ Sessions int }
			w.want(200, "POST", "/instances/unload", map[string]string{"app": tc.app, "instance": "lobby", "text": tc.text}, &out)
			if out.Sessions != 1 {
				t.Errorf("%d sessions", out.Sessions)
			}
			if s := told(t, said, status.ConnectAppShutdown); tc.text != "" && s.Description != tc.text || s.Description == "" {
				t.Errorf("told %q", s.Description)
			}
			<-c.Done()
			r := w.refusedAs("unload")
			if r.App != tc.app || r.Code != "NetConnection.Connect.AppShutdown" || r.Stage != "connection" || !strings.Contains(r.Why, "ended the instance") {
				t.Errorf("%+v", r)
			}
			w.dial(tc.app+"/lobby/", nil)
			after := w.instances("?app=" + tc.app)[tc.app+"/lobby"]
			if after.Sessions != 1 || after.Accepted != 1 || !after.Since.After(*before.Since) {
				t.Errorf("before %+v, after %+v", before, after)
			}
			select {
			case <-bystander.Done():
				t.Error("another instance's client was ended")
			default:
			}
			w.want(200, "POST", "/instances/unload", map[string]string{"app": tc.app, "instance": "lobby"}, nil)
			eventually(t, "all have left", func() bool { return !w.instances("?app=" + tc.app)[tc.app+"/lobby"].Running })
			w.want(404, "POST", "/instances/unload", map[string]string{"app": tc.app, "instance": "lobby"}, nil)
		})
	}
	w.want(422, "POST", "/instances/unload", map[string]string{}, nil)
}

// The default instance may be left out.
func TestUnloadDefaultInstance(t *testing.T) {
	w := newWorld(t)
	said := make(chan *status.Status, 10)
	w.dial("live", said)
	w.want(200, "POST", "/instances/unload", map[string]string{"app": "live"}, nil)
	told(t, said, status.ConnectAppShutdown)
}

// What nobody uses is stopped at once, unless its script says no.
func TestCollect(t *testing.T) {
	w := newWorld(t)
	stays := w.dial("talk/stays/", nil)
	if _, err := stays.Call(t.Context(), "stay"); err != nil {
		t.Fatal(err)
	}
	goes := w.dial("talk/goes/", nil)
	w.dial("talk/used/", nil)
	player := w.dial("game/one/", nil)
	if i := w.instances("?app=game")["game/one"]; i.Kind != "program" || i.Sessions != 1 || i.Since == nil {
		t.Errorf("%+v", i)
	}
	_, _, _ = stays.Close(), goes.Close(), player.Close()
	eventually(t, "the three are without clients", func() bool {
		all := w.instances("")
		return all["game/one"].IdleSince != nil && all["talk/stays"].IdleSince != nil && all["talk/goes"].IdleSince != nil
	})
	var out struct{ Instances int }
	w.want(200, "POST", "/instances/collect", nil, &out)
	if out.Instances != 3 {
		t.Errorf("%d were asked", out.Instances)
	}
	eventually(t, "two end", func() bool { return len(w.instances("")) == 2 })
	if all := w.instances("?app=talk"); !all["talk/stays"].Running || !all["talk/used"].Running {
		t.Errorf("%+v", all)
	}
}

// What a script traces can be read by instance.
func TestInstanceLog(t *testing.T) {
	w := newWorld(t)
	w.dial("talk/lobby/", nil)
	var body struct{ Lines []LogLine }
	w.want(200, "GET", "/instances/log?app=talk&instance=lobby", nil, &body)
	text := fmt.Sprint(body.Lines)
	if !strings.Contains(text, "INFO trace says=started talk/lobby") || !strings.Contains(text, "application started") || body.Lines[0].Time.IsZero() {
		t.Errorf("%s", text)
	}
	w.want(200, "GET", "/instances/log?app=talk&instance=other", nil, &body)
	if len(body.Lines) != 0 {
		t.Errorf("of an instance that there is not: %+v", body)
	}
	w.want(422, "GET", "/instances/log", nil, nil)
}
