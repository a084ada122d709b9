package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penstock/internal/config"
	"penstock/rtmp"
	"penstock/status"
)

// scripted is a server with one script, the application room.
func scripted(t *testing.T, text string, change func(c *config.Config)) running {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "room"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "room", "main.asc"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, false, func(c *config.Config) {
		c.Scripts = dir
		if change != nil {
			change(c)
		}
	})
}

func join(t *testing.T, r running, app string) *rtmp.Client {
	t.Helper()
	c, err := rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/"+app, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// A folder with a script is an application; unloaded and loaded again, it starts anew.
func TestScriptedApplication(t *testing.T) {
	r := scripted(t, `
		var n = 0;
		Client.prototype.count = function () { return application.name + " " + ++n; };
		Client.prototype.copy = function () { return Stream.get("copy").play("cam"); };
	`, nil)
	c := join(t, r, "room/a/stream")
	for _, want := range []string{"room/a 1", "room/a 2"} {
		if v, err := c.Call(t.Context(), "count"); err != nil || v != want {
			t.Errorf("%v %v, want %s", v, err, want)
		}
	}
	if v, err := c.Call(t.Context(), "copy"); err != nil || v != true {
		t.Errorf("copy: %v %v", v, err)
	}
	if !r.server.Streams().Live("room/a/copy") {
		t.Error("the script's stream is not among the server's")
	}
	r.server.Unload("room")
	<-c.Done()
	r.server.Load("room")
	if v, err := join(t, r, "room/a/stream").Call(t.Context(), "count"); err != nil || v != "room/a 1" {
		t.Errorf("after load: %v %v", v, err)
	}
	_, err := rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/nothing", nil)
	if s, ok := status.Of(err); !ok || s.Code != status.ConnectRejected {
		t.Errorf("an application that is not there: %v", err)
	}
}

// Both the configuration and the script have to allow what a client shares.
func TestScriptedSharedObjects(t *testing.T) {
	r := scripted(t, `application.onConnect = function (client) { client.readAccess = "both;script"; client.writeAccess = "both"; return true; };`,
		func(c *config.Config) {
			a := config.DefaultApp()
			a.SharedObjects = config.SharedObjects{Read: []string{"both", "config"}, Write: []string{"both"}, Create: []string{"both"}}
			c.Apps = map[string]config.App{"room": a}
		})
	for name, code := range map[string]status.Code{"both": "", "script": status.SharedObjectNoReadAccess, "config": status.SharedObjectNoReadAccess} {
		_, err := useObject(t, r, "room", name, false)
		s, _ := status.Of(err)
		if code == "" && err != nil || code != "" && (s == nil || s.Code != code) {
			t.Errorf("%s: %v, want %q", name, err, code)
		}
	}
}

// A script beside a configuration that contradicts it, and one that cannot be compiled, are errors in words.
func TestScriptsThatCannotBeServed(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "room"), 0o750); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "room", "main.asc"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := config.Default()
	c.RTMP.Listen, c.HTTP.Listen, c.Scripts = "127.0.0.1:0", "off", dir
	for text, want := range map[string]string{"var a = ;": "room/main.asc: Line 1"} {
		write(text)
		s, err := New(c, Options{})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	write("")
	a := config.DefaultApp()
	a.Redirect = "rtmp://127.0.0.1/x"
	c.Apps = map[string]config.App{"room": a}
	if _, err := New(c, Options{}); err == nil || !strings.Contains(err.Error(), "apps.room.redirect") {
		t.Errorf("a redirect beside a script: %v", err)
	}
}

// Whoever the script refuses, after the rules have let him in, keeps no place that the rules count.
func TestScriptRefusesAfterTheRules(t *testing.T) {
	r := scripted(t, `application.onConnect = function (client, word) { return word == "please"; };`, func(c *config.Config) {
		a := config.DefaultApp()
		a.Limits.Connections = 1
		c.Apps = map[string]config.App{"room": a}
	})
	url := "rtmp://" + r.rtmp + "/room"
	for range 3 {
		_, err := rtmp.Dial(t.Context(), url, nil)
		wantCode(t, err, status.ConnectRejected, "Connection failed.")
	}
	c, err := rtmp.Dial(t.Context(), url, &rtmp.ClientConfig{Args: []any{"please"}})
	if err != nil {
		t.Fatalf("the refused are counted still: %v", err)
	}
	defer c.Close()
	if _, err := rtmp.Dial(t.Context(), url, &rtmp.ClientConfig{Args: []any{"please"}}); err == nil {
		t.Error("two are in where one may be")
	}
}
