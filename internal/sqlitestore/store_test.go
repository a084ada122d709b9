package sqlitestore

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"penstock/sharedobject"
	"penstock/sharedobject/storetest"
)

func verify(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) sharedobject.Store {
		return open(t, filepath.Join(t.TempDir(), "new folder", "objects.db"))
	},
		func(t *testing.T, s sharedobject.Store) sharedobject.Store {
			if err := s.(*Store).Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, s.(*Store).path)
		})
}

// What is in the file is for this user alone, and every commit is on the disk before it is confirmed.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a?b%20c#d.db")
	s := open(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1"} {
		var got string
		if err := s.db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v", pragma, got, err)
		}
	}
}

func TestUnusableFile(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "newer.db")
	s := open(t, newer)
	if _, err := s.db.ExecContext(context.Background(), "PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	for path, want := range map[string]string{text: "not a database", newer: "another version", filepath.Join(text, "x.db"): "text.db"} {
		s, err := Open(path)
		if err == nil {
			_ = s.Close()
			t.Errorf("%s was opened", path)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %q does not tell of %q and %q", err, want, path)
		}
	}
}

// A value that was damaged in the file is an error when the object is used, not half an object.
func TestDamagedValue(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "objects.db"))
	hub := sharedobject.NewHub(sharedobject.Options{Name: "app", Store: s})
	defer hub.Close(context.Background())
	o, err := hub.Get(t.Context(), "", "x", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Set("k", "value"); err != nil {
		t.Fatal(err)
	}
	if err := o.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.Close()
	var res sql.Result
	if res, err = s.db.Exec("UPDATE slots SET value = substr(value, 1, 4)"); err != nil {
		t.Fatal(err)
	}
	if n, _ := res.RowsAffected(); n != 1 {
		t.Fatalf("%d slots", n)
	}
	if _, err = hub.Get(t.Context(), "", "x", true); err == nil || !strings.Contains(err.Error(), `"k"`) {
		t.Errorf("loaded with %v", err)
	}
}
