package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/rtmp"
	"penstock/sharedobject"
	"penstock/status"
	"penstock/test/process"
)

const sharingConfig = `apps:
  so:
    shared_objects:
      read: [open, fixed, look, kept]
      write: [open, fixed, kept]
      create: [open, look, kept]
      persistent: [kept]
`

func serveObjects(t *testing.T, data string) *server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "penstock.yml")
	if err := os.WriteFile(path, []byte(sharingConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{Process: start(t, binary(t), "serve", "--rtmp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--config", path, "--data", data)}
	until(t, 10*time.Second, "the server prints its address", func() bool {
		s.rtmp = rtmpLine.FindString(s.Stdout.String())
		return s.rtmp != ""
	}, s.Process)
	return s
}

// wantEnd asks the server to stop.
func (s *server) wantEnd(t *testing.T) {
	t.Helper()
	if !s.Stop(syscall.SIGTERM, 12*time.Second) || s.Err() != nil {
		t.Errorf("the server ended with %v", s.Err())
	}
}

// sharer is a Node.js process that uses shared objects by npm's rtmp-client.
type sharer struct {
	*process.Process
	t     *testing.T
	stdin io.Writer
	read  int // events that were looked at
}

func share(t *testing.T, s *server, names ...string) *sharer {
	t.Helper()
	p := process.New("node", append([]string{"--no-warnings", filepath.Join("test", "node", "sharedobject.cjs"), s.rtmp + "/so"}, names...)...)
	p.Cmd.Dir = process.Root()
	stdin, err := p.Cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	return &sharer{Process: p.Start(t), t: t, stdin: stdin}
}

func (c *sharer) do(what, name string, more ...any) {
	c.t.Helper()
	order := map[string]any{"do": what, "name": name}
	if len(more) == 2 {
		order["key"], order["value"] = more[0], more[1]
	}
	b, err := json.Marshal(order)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c.stdin, "%s\n", b); err != nil {
		c.t.Fatal(err)
	}
}

// next waits for the next event of a kind about an object.
func (c *sharer) next(kind, name string) map[string]any {
	c.t.Helper()
	var found map[string]any
	until(c.t, 15*time.Second, fmt.Sprintf("a %s of %s", kind, name), func() bool {
		out := c.Stdout.String()
		out = out[:strings.LastIndexByte(out, '\n')+1]
		events := jsonLines(c.t, out)
		for c.read < len(events) {
			e := events[c.read]
			c.read++
			if e["event"] == kind && (name == "" || e["name"] == name) {
				found = e
				return true
			}
		}
		return false
	}, c.Process)
	return found
}

// wantSync waits for the next list of changes and compares it: "change a", "delete b".
func (c *sharer) wantSync(name string, want ...string) {
	c.t.Helper()
	var got []string
	for len(got) < len(want) {
		for _, x := range c.next("sync", name)["list"].([]any) {
			m := x.(map[string]any)
			s := m["code"].(string)
			if m["name"] != nil {
				s += " " + m["name"].(string)
			}
			got = append(got, s)
		}
	}
	if !reflect.DeepEqual(got, want) {
		c.t.Errorf("heard %q, want %q", got, want)
	}
}

func (c *sharer) wantSlots(name string, want map[string]any) {
	c.t.Helper()
	c.do("show", name)
	if got := c.next("slots", name)["slots"]; !reflect.DeepEqual(got, want) {
		c.t.Errorf("%s holds %v, want %v", name, got, want)
	}
}

func (c *sharer) wantCode(name, code string) {
	c.t.Helper()
	info := c.next("so", name)["info"].(map[string]any)
	if info["code"] != code || info["level"] != "error" {
		c.t.Errorf("%s is told %v, want %s", name, info, code)
	}
}

// Three clients that we did not write share an object: what one does, all see.
func TestSharedObjectOfRTMPClient(t *testing.T) {
	needs(t, "node")
	s := serveObjects(t, t.TempDir())
	var c [3]*sharer
	for i := range c {
		c[i] = share(t, s, "open/board")
		if info := c[i].next("so", "open/board")["info"].(map[string]any); info["code"] != "NetConnection.Connect.Success" && info["level"] == "error" {
			t.Fatalf("use: %v", info)
		}
		c[i].wantSync("open/board", "clear")
	}
	c[0].do("set", "open/board", "colour", "red")
	c[0].wantSync("open/board", "success colour")
	c[1].wantSync("open/board", "change colour")
	c[2].wantSync("open/board", "change colour")
	value := map[string]any{"x": 1.5, "list": []any{1.0, "two", true}}
	c[1].do("set", "open/board", "point", value)
	c[1].wantSync("open/board", "success point")
	for i := range c {
		if i != 1 {
			c[i].wantSync("open/board", "change point")
		}
		c[i].wantSlots("open/board", map[string]any{"colour": "red", "point": value})
	}
	late := share(t, s, "open/board")
	late.wantSync("open/board", "clear", "change colour", "change point")
	late.wantSlots("open/board", map[string]any{"colour": "red", "point": value})
	c[2].do("set", "open/board", "colour", nil)
	for i := range c {
		c[i].wantSync("open/board", "delete colour")
		c[i].wantSlots("open/board", map[string]any{"point": value})
	}
	c[0].do("clear", "open/board")
	for i := range c {
		c[i].wantSync("open/board", "clear")
		c[i].wantSlots("open/board", map[string]any{})
	}
	s.wantEnd(t)
}

// Every refusal reaches the client's onStatus.
func TestSharedObjectRefusalsOfRTMPClient(t *testing.T) {
	needs(t, "node")
	data := t.TempDir()
	s := serveObjects(t, data)
	ours, err := rtmp.Dial(t.Context(), s.rtmp+"/so", nil)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := ours.SharedObject(t.Context(), "kept/x", rtmp.SharedObjectOptions{Persistent: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Set("k", "still here"); err != nil {
		t.Fatal(err)
	}
	c := share(t, s, "secret", "fixed", "kept/x", "look")
	c.wantCode("secret", "SharedObject.NoReadAccess")
	c.wantCode("fixed", "SharedObject.ObjectCreationFailed")
	c.wantCode("kept/x", "SharedObject.BadPersistence") // rtmp-client asks for temporary objects only
	c.wantSync("look", "clear")
	c.do("set", "look", "k", 1)
	c.wantCode("look", "SharedObject.NoWriteAccess")
	c.wantSync("look", "delete k") // the present value: none
	if _, err = ours.SharedObject(t.Context(), "open/x", rtmp.SharedObjectOptions{Persistent: true}); err == nil {
		t.Error("a persistent object was made where none may be")
	} else if st, ok := status.Of(err); !ok || st.Code != status.SharedObjectObjectCreationFailed {
		t.Errorf("refused with %v", err)
	}
	_ = ours.Close()
	// The process ends, another one begins: what is persistent is back.
	s.wantEnd(t)
	again := serveObjects(t, data)
	ours, err = rtmp.Dial(t.Context(), again.rtmp+"/so", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	synced := make(chan []sharedobject.Notice, 1)
	kept, err = ours.SharedObject(t.Context(), "kept/x", rtmp.SharedObjectOptions{Persistent: true, OnSync: func(n []sharedobject.Notice) { synced <- n }})
	if err != nil {
		t.Fatal(err)
	}
	<-synced
	if v, _ := kept.Get("k"); v != "still here" {
		t.Errorf("after the restart k is %v", v)
	}
}
