// Package sqlitestore keeps persistent shared objects in one SQLite file. What was saved outlives the process and, as far as the
// disk tells the truth, the machine: the journal is written ahead and synchronised with every commit.
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"penstock/sharedobject"
)

// schemaVersion is PRAGMA user_version of the file.
const schemaVersion = 1

// Names and keys are bytes: what a client calls a slot is not always text.
const schema = `
CREATE TABLE objects (
	id INTEGER PRIMARY KEY, hub BLOB NOT NULL, instance BLOB NOT NULL, name BLOB NOT NULL, version INTEGER NOT NULL,
	UNIQUE (hub, instance, name)
) STRICT;
CREATE TABLE slots (
	object INTEGER NOT NULL REFERENCES objects (id) ON DELETE CASCADE, key BLOB NOT NULL, value BLOB NOT NULL, version INTEGER NOT NULL,
	UNIQUE (object, key)
) STRICT;
PRAGMA user_version = 1;
`

// Store is a sharedobject.Store in a SQLite file.
type Store struct {
	db   *sql.DB
	path string
}

// Open opens or makes the file, and the folder it is in. Both are for this user alone.
func Open(path string) (*Store, error) {
	s := &Store{path: path}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("shared objects in %s: %w", path, err)
	}
	return s, nil
}

func (s *Store) open() error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600) // SQLite gives the files beside it the same rights
	if err != nil {
		return err
	}
	_ = f.Close()
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: s.path}).EscapedPath(), RawQuery: url.Values{"_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "journal_size_limit(8388608)",
		"cache_size(-4096)", "trusted_schema(0)",
	}, "_txlock": {"immediate"}}.Encode()}).String()
	if s.db, err = sql.Open("sqlite", dsn); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(4) // the writer and some readers
	if err := s.prepare(); err != nil {
		_ = s.db.Close()
		return err
	}
	return nil
}

// prepare makes the tables of a new file.
func (s *Store) prepare() error {
	var version int
	if err := s.db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch version {
	case 0:
		return s.transact(context.Background(), func(tx *sql.Tx) error {
			_, err := tx.Exec(schema)
			return err
		})
	case schemaVersion:
		return nil
	}
	return fmt.Errorf("the file has the format %d of another version of this program, this one knows %d", version, schemaVersion)
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

func (s *Store) transact(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// failed says which file an error is about.
func (s *Store) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("shared objects in %s: %w", s.path, err)
}

// Load implements sharedobject.Store. Version and slots are of one moment.
func (s *Store) Load(ctx context.Context, key sharedobject.Key) (*sharedobject.Record, error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT o.version, s.key, s.value, s.version FROM objects o LEFT JOIN slots s ON s.object = o.id
		WHERE o.hub = ? AND o.instance = ? AND o.name = ?`, []byte(key.Hub), []byte(key.Instance), []byte(key.Name))
	if err != nil {
		return nil, s.failed(err)
	}
	defer func() { _ = rows.Close() }()
	var r *sharedobject.Record
	for rows.Next() {
		if r == nil {
			r = new(sharedobject.Record)
		}
		var name, value []byte
		var version sql.NullInt64
		if err := rows.Scan(&r.Version, &name, &value, &version); err != nil {
			return nil, s.failed(err)
		}
		if version.Valid {
			r.Slots = append(r.Slots, sharedobject.Slot{Key: string(name), Value: value, Version: uint32(version.Int64)})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, s.failed(err)
	}
	if r == nil {
		return nil, sharedobject.ErrNotStored
	}
	return r, nil
}

// Save implements sharedobject.Store.
func (s *Store) Save(ctx context.Context, changes []*sharedobject.Changes) error {
	return s.failed(s.transact(ctx, func(tx *sql.Tx) error {
		for _, c := range changes {
			if err := save(ctx, tx, c); err != nil {
				return err
			}
		}
		return nil
	}))
}

func save(ctx context.Context, tx *sql.Tx, c *sharedobject.Changes) error {
	var id int64
	err := tx.QueryRowContext(ctx, `
		INSERT INTO objects (hub, instance, name, version) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET version = excluded.version RETURNING id`,
		[]byte(c.Key.Hub), []byte(c.Key.Instance), []byte(c.Key.Name), c.Version).Scan(&id)
	if err != nil {
		return err
	}
	if c.Cleared {
		if _, err := tx.ExecContext(ctx, "DELETE FROM slots WHERE object = ?", id); err != nil {
			return err
		}
	}
	for _, key := range c.Removed {
		if _, err := tx.ExecContext(ctx, "DELETE FROM slots WHERE object = ? AND key = ?", id, []byte(key)); err != nil {
			return err
		}
	}
	for _, slot := range c.Set {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO slots (object, key, value, version) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET value = excluded.value, version = excluded.version`,
			id, []byte(slot.Key), slot.Value, slot.Version)
		if err != nil {
			return err
		}
	}
	return nil
}

// Delete implements sharedobject.Store.
func (s *Store) Delete(ctx context.Context, key sharedobject.Key) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM objects WHERE hub = ? AND instance = ? AND name = ?",
		[]byte(key.Hub), []byte(key.Instance), []byte(key.Name))
	return s.failed(err)
}

// List implements sharedobject.Store.
func (s *Store) List(ctx context.Context, hub, instance string) ([]sharedobject.Key, error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT instance, name FROM objects WHERE hub = ? AND (? OR instance = ?) ORDER BY instance, name`,
		[]byte(hub), instance == "", []byte(instance))
	if err != nil {
		return nil, s.failed(err)
	}
	defer func() { _ = rows.Close() }()
	var keys []sharedobject.Key
	for rows.Next() {
		var in, name []byte
		if err := rows.Scan(&in, &name); err != nil {
			return nil, s.failed(err)
		}
		keys = append(keys, sharedobject.Key{Hub: hub, Instance: string(in), Name: string(name)})
	}
	return keys, s.failed(rows.Err())
}

// Usage implements sharedobject.Store.
func (s *Store) Usage(ctx context.Context, hub string) (objects int, bytes int64, err error) {
	var n sql.NullInt64
	err = s.db.QueryRowContext(ctx, `
		SELECT (SELECT count(*) FROM objects WHERE hub = ?),
			(SELECT sum(length(s.key) + length(s.value)) FROM slots s JOIN objects o ON s.object = o.id WHERE o.hub = ?)`,
		[]byte(hub), []byte(hub)).Scan(&objects, &n)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return objects, n.Int64, s.failed(err)
}
