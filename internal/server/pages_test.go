package server

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penstock/internal/config"
)

// Pages of the operator's are served; folders, hidden files and what is outside are not.
func TestPages(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"secret.txt": "secret", "pages/index.html": "<p>home", "pages/game/index.html": "<p>game", "pages/game/.env": "secret",
		"pages/.git/config": "secret", "pages/files/a.txt": "a",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret.txt", filepath.Join(dir, "pages", "link.txt")); err != nil {
		t.Fatal(err)
	}
	r := start(t, false, func(c *config.Config) { c.HTTP.Pages = filepath.Join(dir, "pages") })
	for _, tt := range []struct {
		path, want string
		code       int
	}{
		{"/pages/", "<p>home", 200},
		{"/pages/game/", "<p>game", 200},
		{"/pages/files/a.txt", "a", 200},
		{"/pages/files/", "", 404},
		{"/pages/game/.env", "", 404},
		{"/pages/.git/config", "", 404},
		{"/pages/link.txt", "", 0},
		{"/pages/%2e%2e/secret.txt", "", 404},
		{"/penstock.js", "NetConnection", 200},
	} {
		res, err := http.Get("http://" + r.http + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if tt.code != 0 && res.StatusCode != tt.code || !strings.Contains(string(b), tt.want) || strings.Contains(string(b), "secret") {
			t.Errorf("%s: %s %s, want %d", tt.path, res.Status, b, tt.code)
		}
	}
	if _, err := newPages(filepath.Join(dir, "nowhere")); err == nil || !strings.Contains(err.Error(), "http.pages") {
		t.Errorf("a folder that is not there: %v", err)
	}
}
