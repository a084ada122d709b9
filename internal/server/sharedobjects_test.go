package server

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"penstock/app"
	"penstock/internal/config"
	"penstock/rtmp"
	"penstock/sharedobject"
	"penstock/status"
)

// sharing is an application of which the configuration says what may be shared.
func sharing(data string) func(c *config.Config) {
	return func(c *config.Config) {
		so := config.DefaultApp()
		so.SharedObjects = config.SharedObjects{
			Read: []string{"room", "look", "kept"}, Write: []string{"room", "kept"}, Create: []string{"room", "kept"}, Persistent: []string{"kept"},
		}
		c.Apps = map[string]config.App{"so": so, "live": config.DefaultApp()}
		c.Data = data
	}
}

func useObject(t *testing.T, r running, app, name string, persistent bool) (*rtmp.SharedObject, error) {
	t.Helper()
	c, err := rtmp.Dial(t.Context(), "rtmp://"+r.rtmp+"/"+app, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.SharedObject(t.Context(), name, rtmp.SharedObjectOptions{Persistent: persistent})
}

// What an application shares is what its configuration says; one that says nothing shares nothing.
func TestSharedObjects(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	r := start(t, false, sharing(data))
	for _, tt := range []struct {
		app, name  string
		persistent bool
		code       status.Code
		rule       string
	}{
		{"so", "room/a", false, "", ""},
		{"so", "kept", true, "", ""},
		{"so", "kept/x", false, "", ""},
		{"so", "roomy", false, status.SharedObjectNoReadAccess, "apps.so.shared_objects.read"},
		{"so", "look", false, status.SharedObjectObjectCreationFailed, ""},
		{"so", "room/b", true, status.SharedObjectObjectCreationFailed, ""},
		{"live", "room/a", false, status.SharedObjectNoReadAccess, ""},
	} {
		so, err := useObject(t, r, tt.app, tt.name, tt.persistent)
		if tt.code == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			if err := errors.Join(so.Set("k", tt.name), so.Close()); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if s, ok := status.Of(err); !ok || s.Code != tt.code {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.code)
		}
		if got := r.refusal(t); got.Stage != app.StageShare || got.Rule != tt.rule {
			t.Errorf("%s is recorded as %v", tt.name, got)
		}
	}
	// The instances of an application have objects of their own.
	other, err := useObject(t, r, "so/other/", "kept", true)
	if err != nil {
		t.Fatal(err)
	}
	if slots, _ := other.Slots(); len(slots) != 0 {
		t.Errorf("another instance has %v", slots)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	// What is persistent outlives the server.
	r = start(t, false, sharing(data))
	kept, err := useObject(t, r, "so", "kept", true)
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := kept.Get("k"); v != "kept" {
		t.Errorf("k is %v", v)
	}
	if _, err = useObject(t, r, "so", "kept", false); !errors.Is(err, &status.Status{Code: status.SharedObjectBadPersistence}) {
		t.Errorf("as a temporary object: %v", err)
	}
}

// No file is made when nothing is persistent, and one that cannot be used is an error at the start.
func TestSharedObjectFile(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	start(t, false, func(c *config.Config) {
		sharing(data)(c)
		so := c.Apps["so"]
		so.SharedObjects.Persistent = nil
		c.Apps["so"] = so
	})
	file := filepath.Join(data, "sharedobjects.db")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("%s: %v", file, err)
	}
	if err := os.MkdirAll(file, 0o700); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.RTMP.Listen, c.HTTP.Listen = "127.0.0.1:0", "off"
	sharing(data)(c)
	if s, err := New(c, Options{}); err == nil {
		s.Close()
		t.Error("a folder was taken for the file")
	}
}

// The configuration's paths are those of package sharedobject.
func TestSharedObjectPaths(t *testing.T) {
	o := &objects{hubs: map[string]*sharedobject.Hub{"so": sharedobject.NewHub(sharedobject.Options{})}}
	if o.share("other", config.SharedObjects{Read: []string{"/"}}) != nil {
		t.Error("an application without objects has a rule")
	}
	share := o.share("so", config.SharedObjects{Read: []string{"a", "b"}, Write: []string{"a"}, Create: []string{"/"}, Persistent: []string{"b"}})
	for name, want := range map[string][3]bool{"a/x": {true, true, false}, "b/x": {false, true, true}} {
		for _, persistent := range []bool{false, true} {
			r := &app.ShareRequest{Name: name, Persistent: persistent}
			if _, err := share(t.Context(), r); err != nil || r.Write != want[0] || r.Create != (want[1] && (!persistent || want[2])) {
				t.Errorf("%s, persistent %t: %+v, %v", name, persistent, r, err)
			}
		}
	}
}
