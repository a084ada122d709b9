package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"penstock/app"
	"penstock/internal/journal"
	"penstock/internal/operator"
	"penstock/rtmp"
	"penstock/status"
)

// refusedAs waits for a refusal with a rule of the operator.
func (w *world) refusedAs(rule string) Refusal {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var all refusalsBody
		w.want(200, "GET", "/refusals?cause=operator&rule="+rule, nil, &all)
		if len(all.Refusals) > 0 {
			return all.Refusals[0]
		}
	}
	w.t.Fatalf("no refusal by the rule %s", rule)
	return Refusal{}
}

func TestKick(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		body any
		code status.Code
		text string
	}{
		{nil, status.ConnectClosed, "Connection closed."},
		{map[string]string{}, status.ConnectClosed, "Connection closed."},
		{map[string]string{"text": "Come back at noon."}, status.ConnectClosed, "Come back at noon."},
		{map[string]string{"code": "NetConnection.Connect.Rejected", "text": "Go."}, status.ConnectRejected, "Go."},
	} {
		said := make(chan *status.Status, 10)
		c := w.dial("live", said)
		var list struct{ Sessions []Session }
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if w.want(200, "GET", "/sessions", nil, &list); len(list.Sessions) == 1 { // those that were kicked have left
				break
			}
		}
		if len(list.Sessions) != 1 || list.Sessions[0].App != "live" || list.Sessions[0].BytesIn == 0 || list.Sessions[0].Publishing == nil {
			t.Fatalf("%+v", list)
		}
		id := list.Sessions[0].ID
		w.want(204, "POST", "/sessions/"+id+"/kick", tc.body, nil)
		if s := told(t, said, tc.code); s.Description != tc.text {
			t.Errorf("told %q, want %q", s.Description, tc.text)
		}
		<-c.Done()
		w.want(404, "POST", "/sessions/"+id+"/kick", nil, nil)
		if r := w.refusedAs("kick"); r.Session != id || r.Code != string(tc.code) || r.Stage != "connection" || r.XStatus != 403 {
			t.Errorf("%+v", r)
		}
	}
	w.want(422, "POST", "/sessions/x/kick", map[string]string{"code": "not a code"}, nil)
}

func TestRelease(t *testing.T) {
	w := newWorld(t)
	said := make(chan *status.Status, 10)
	c := w.dial("live", said)
	if _, err := c.Publish(t.Context(), "camera"); err != nil {
		t.Fatal(err)
	}
	var list struct{ Streams []Stream }
	w.want(200, "GET", "/streams?live=true&app=live", nil, &list)
	if len(list.Streams) != 1 || list.Streams[0].Key != "live/camera" || list.Streams[0].Publisher == "" || list.Streams[0].Since == nil {
		t.Fatalf("%+v", list)
	}
	w.want(204, "POST", "/streams/release", map[string]string{"stream": "live/camera", "text": "The stage is needed."}, nil)
	// The name is free before the publisher has gone.
	pub, err := w.server.Streams().Publish("live/camera", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	<-c.Done()
	if r := w.refusedAs("release"); r.Code != "NetStream.Publish.Denied" || r.Description != "The stage is needed." || r.Stream != "ca…" {
		t.Errorf("%+v", r)
	}
	w.want(409, "POST", "/streams/release", map[string]string{"stream": "live/camera"}, nil)
	w.want(404, "POST", "/streams/release", map[string]string{"stream": "live/nobody"}, nil)
	w.want(422, "POST", "/streams/release", map[string]string{}, nil)
}

func TestUnloadAndLoad(t *testing.T) {
	w := newWorld(t)
	said := make(chan *status.Status, 10)
	c := w.dial("live", said)
	w.want(204, "POST", "/apps/live/unload", nil, nil)
	told(t, said, status.ConnectAppShutdown)
	<-c.Done()
	if _, err := rtmp.Dial(t.Context(), w.rtmp+"/live", nil); err == nil || !strings.Contains(err.Error(), "AppShutdown") {
		t.Errorf("connected to an application that is unloaded: %v", err)
	}
	var list struct{ Apps []App }
	w.want(200, "GET", "/apps", nil, &list)
	if len(list.Apps) != 5 || list.Apps[1].Name != "live" || list.Apps[1].Loaded || !list.Apps[2].Loaded || list.Apps[2].Redirect == "" {
		t.Errorf("%+v", list)
	}
	w.want(204, "POST", "/apps/live/load", nil, nil)
	w.dial("live", nil)
	w.want(404, "POST", "/apps/nosuch/unload", nil, nil)
}

func TestBlocks(t *testing.T) {
	w := newWorld(t)
	said := make(chan *status.Status, 10)
	c := w.dial("live", said)
	var block struct {
		Block
		Persistent bool
	}
	w.want(201, "POST", "/blocks", map[string]any{"network": "::ffff:127.0.0.1", "text": "You know why.", "seconds": 3600}, &block)
	if block.Network != "127.0.0.1/32" || !block.Persistent || block.By != "ann" || block.Until == nil || block.Until.Sub(block.Since) != time.Hour {
		t.Errorf("%+v", block)
	}
	if s := told(t, said, status.ConnectRejected); s.Description != "You know why." {
		t.Errorf("who was connected is told %q", s.Description)
	}
	<-c.Done()
	if _, err := rtmp.Dial(t.Context(), w.rtmp+"/live", nil); err == nil || !strings.Contains(err.Error(), "You know why.") {
		t.Errorf("a blocked client is told %v", err)
	}
	if r := w.refusedAs("block"); r.Code != "NetConnection.Connect.Rejected" || r.XStatus != 403 {
		t.Errorf("%+v", r)
	}
	var list struct{ Blocks []Block }
	w.want(200, "GET", "/blocks", nil, &list)
	if len(list.Blocks) != 1 || list.Blocks[0].Network != block.Network || list.Blocks[0].Text != "You know why." {
		t.Errorf("%+v", list)
	}
	if kept, err := w.journal.Blocks(); err != nil || len(kept) != 1 || !kept[0].Until.Equal(*block.Until) {
		t.Errorf("kept are %+v, %v", kept, err)
	}
	w.want(204, "DELETE", "/blocks?network=127.0.0.1", nil, nil)
	w.dial("live", nil)
	if kept, err := w.journal.Blocks(); err != nil || len(kept) != 0 {
		t.Errorf("kept are %+v, %v", kept, err)
	}
	w.want(404, "DELETE", "/blocks?network=127.0.0.1", nil, nil)
	for _, network := range []string{"0.0.0.0/0", "::/0", "localhost", "", "10.0.0.0/7"} {
		var p problem
		w.want(422, "POST", "/blocks", map[string]any{"network": network}, &p)
		if len(p.Errors) == 0 || p.Errors[0].Location != "body.network" {
			t.Errorf("%s: %+v", network, p)
		}
	}
	if blocked := w.server.Blocks(); len(blocked) != 0 {
		t.Errorf("blocked all the same: %+v", blocked)
	}
}

// Every operation needs the role that its description says, and none can be reached without one.
func TestRoles(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		method, path string
		least        operator.Role
	}{
		{"GET", "/refusals", operator.Viewer}, {"GET", "/refusals/stream", operator.Viewer}, {"GET", "/sessions", operator.Viewer},
		{"GET", "/streams", operator.Viewer}, {"GET", "/apps", operator.Viewer}, {"GET", "/blocks", operator.Viewer},
		{"GET", "/openapi.json", operator.Viewer}, {"GET", "/nothing", operator.Viewer},
		{"POST", "/sessions/x/kick", operator.Operator}, {"POST", "/streams/release", operator.Operator},
		{"POST", "/blocks", operator.Operator}, {"DELETE", "/blocks?network=10.0.0.1", operator.Operator},
		{"GET", "/instances", operator.Viewer}, {"GET", "/instances/log?app=talk", operator.Viewer},
		{"GET", "/objects?app=share", operator.Viewer}, {"GET", "/objects/slots?app=share&name=x", operator.Viewer},
		{"POST", "/instances/unload", operator.Operator}, {"POST", "/instances/collect", operator.Operator},
		{"POST", "/objects/clear", operator.Operator}, {"DELETE", "/objects?app=share&name=x", operator.Operator},
		{"POST", "/apps/live/unload", operator.Admin}, {"POST", "/apps/live/load", operator.Admin},
	} {
		w.role = tc.least - 1
		w.want(http.StatusForbidden, tc.method, tc.path, nil, nil)
		if w.role = tc.least; !strings.HasSuffix(tc.path, "/stream") {
			if got := w.do(tc.method, tc.path, nil, nil); got == http.StatusForbidden {
				t.Errorf("%s %s is forbidden to the role %s", tc.method, tc.path, tc.least)
			}
		}
	}
	w.role = operator.Viewer
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ Description string }
	}
	w.want(200, "GET", "/openapi.json", nil, &doc)
	if doc.OpenAPI != "3.1.0" || len(doc.Paths) != 17 {
		t.Errorf("OpenAPI %s with %d paths", doc.OpenAPI, len(doc.Paths))
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if !strings.Contains(op.Description, "Needs the role ") {
				t.Errorf("%s %s says no role", method, path)
			}
		}
	}
}

// A body is bounded, and what a client calls itself cannot disturb who reads the answer.
func TestHostileText(t *testing.T) {
	w := newWorld(t)
	huge := map[string]string{"text": strings.Repeat("x", maxBody)}
	w.want(http.StatusRequestEntityTooLarge, "POST", "/sessions/x/kick", huge, nil)
	w.journal.Refusal(&app.Refusal{Time: time.Now(), Stage: app.StageConnect, Cause: app.CauseLimit, App: "a\x1b[2J", FlashVer: "\u202eevil\n"})
	var all refusalsBody
	w.want(200, "GET", "/refusals", nil, &all)
	b, _ := json.Marshal(all)
	if bytes.Contains(b, []byte(`\u001b`)) || bytes.Contains(b, []byte("\u202e")) {
		t.Errorf("%s", b)
	}
}

// No more can listen than are allowed, and one who asks in vain reads that instead of an endless answer.
func TestTooManyListen(t *testing.T) {
	w := newWorld(t)
	for range journal.MaxSubscribers {
		if _, err := w.journal.Subscribe(journal.Filter{}, 0); err != nil {
			t.Fatal(err)
		}
	}
	var p problem
	w.want(http.StatusServiceUnavailable, "GET", "/refusals/stream", nil, &p)
	if !strings.Contains(p.Detail, "32 others") {
		t.Errorf("%+v", p)
	}
	w.want(http.StatusUnprocessableEntity, "GET", "/refusals/stream?ip=x", nil, &p)
	w.journal.EndSubscriptions()
	w.want(http.StatusServiceUnavailable, "GET", "/refusals/stream", nil, &p)
}
