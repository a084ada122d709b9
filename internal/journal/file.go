package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// schemaVersion is PRAGMA user_version of the file.
const schemaVersion = 1

const schema = `
CREATE TABLE refusals (
	id INTEGER PRIMARY KEY, time INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL,
	session TEXT NOT NULL, ip BLOB, peer TEXT NOT NULL, app TEXT NOT NULL, stream TEXT NOT NULL, flashver TEXT NOT NULL,
	stage TEXT NOT NULL, rule TEXT NOT NULL, cause TEXT NOT NULL, code TEXT NOT NULL, level TEXT NOT NULL,
	description TEXT NOT NULL, x_status INTEGER NOT NULL, bytes_in INTEGER NOT NULL, ending TEXT NOT NULL
) STRICT;
CREATE INDEX refusals_by_ip ON refusals (ip, id);
CREATE INDEX refusals_by_last ON refusals (last);
CREATE INDEX refusals_by_session ON refusals (session) WHERE session <> '';
CREATE TABLE blocks (
	network TEXT PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL, text TEXT NOT NULL, by TEXT NOT NULL
) STRICT;
PRAGMA user_version = 1;
`

// retry is how long a file that failed is left alone.
const retry = 10 * time.Second

// file is the SQLite file. It is written by one goroutine at a time and read by any.
type file struct {
	o Options

	mu      sync.Mutex // not held while the database works
	db      *sql.DB    // nil while it cannot be opened
	rows    int        // of refusals
	failing bool
	failed  time.Time // when it last did
	aged    time.Time // when rows were last deleted for their age
}

func newFile(o Options) *file {
	f := &file{o: o}
	f.outcome(f.connect())
	return f
}

// connect opens the database when it is not open.
func (f *file) connect() error {
	if f.handle() != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.o.Path), 0o700); err != nil {
		return err
	}
	// Who may read the file learns who was here; SQLite gives the files beside it the same rights.
	created, err := os.OpenFile(f.o.Path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	_ = created.Close()
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: f.o.Path}).EscapedPath(), RawQuery: url.Values{"_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "journal_size_limit(1048576)", "wal_autocheckpoint(256)", "cache_size(-4096)",
		"trusted_schema(0)",
	}, "_txlock": {"immediate"}}.Encode()}).String()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(4) // the writer and some readers
	rows, err := prepare(db)
	if err != nil {
		_ = db.Close()
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.db, f.rows = db, rows
	return nil
}

// prepare makes the tables of a new file and counts the refusals of an old one.
func prepare(db *sql.DB) (rows int, err error) {
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return 0, err
	}
	switch version {
	case 0:
		tx, err := db.Begin()
		if err != nil {
			return 0, err
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.Exec(schema); err != nil {
			return 0, err
		}
		return 0, tx.Commit()
	case schemaVersion:
		return rows, db.QueryRow("SELECT count(*) FROM refusals").Scan(&rows)
	}
	return 0, fmt.Errorf("the file has the format %d of another version of this program, this one knows %d", version, schemaVersion)
}

func (f *file) handle() *sql.DB {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.db
}

// outcome notes whether the file works, and says so in the log when that has changed.
func (f *file) outcome(err error) bool {
	f.mu.Lock()
	was := f.failing
	f.failing = err != nil
	if err != nil {
		f.failed = time.Now()
	}
	f.mu.Unlock()
	switch {
	case err != nil && !was:
		f.o.Log.Error("the journal cannot be written: refusals are kept in memory until it can", "file", f.o.Path, "error", err, "retry", retry)
	case err == nil && was:
		f.o.Log.Info("the journal can be written again", "file", f.o.Path)
	}
	return err == nil
}

// pause is how long the file is to be left alone.
func (f *file) pause(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.failing {
		return 0
	}
	return max(0, retry-now.Sub(f.failed))
}

func (f *file) state() (rows int, failing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rows, f.failing
}

func (f *file) lastID() (id int64) {
	if db := f.handle(); db != nil {
		_ = db.QueryRow("SELECT coalesce(max(id), 0) FROM refusals").Scan(&id)
	}
	return id
}

// Rows are updated or, when there is none to update, inserted; so their number is known without counting.
const (
	update = `UPDATE refusals SET time = ?2, last = ?3, count = ?4, session = ?5, ip = ?6, peer = ?7, app = ?8, stream = ?9, flashver = ?10,
	stage = ?11, rule = ?12, cause = ?13, code = ?14, level = ?15, description = ?16, x_status = ?17, bytes_in = ?18, ending = ?19 WHERE id = ?1`
	insert = `INSERT INTO refusals (id, time, last, count, session, ip, peer, app, stream, flashver, stage, rule, cause, code, level,
	description, x_status, bytes_in, ending) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)`
)

// write writes a batch and deletes what is too old or too much. It reports whether that worked.
func (f *file) write(batch map[int64]Refusal) bool {
	err := f.connect()
	if err == nil {
		err = f.transact(batch)
	}
	return f.outcome(err)
}

func (f *file) transact(batch map[int64]Refusal) error {
	tx, err := f.handle().Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	rows, _ := f.state()
	added, err := put(tx, batch)
	if err != nil {
		return err
	}
	if rows, err = f.retain(tx, rows+added); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	f.mu.Lock()
	f.rows = rows
	f.mu.Unlock()
	return nil
}

// put writes rows and returns how many of them are new.
func put(tx *sql.Tx, batch map[int64]Refusal) (added int, err error) {
	updates, err := tx.Prepare(update)
	if err != nil {
		return 0, err
	}
	defer updates.Close()
	inserts, err := tx.Prepare(insert)
	if err != nil {
		return 0, err
	}
	defer inserts.Close()
	for _, r := range batch {
		values := []any{r.ID, r.Time.UnixMicro(), r.Last.UnixMicro(), r.Count, r.Session, blob(r.IP), r.Peer, r.App, r.Stream, r.FlashVer,
			string(r.Stage), r.Rule, string(r.Cause), r.Code, r.Level, r.Description, r.XStatus, int64(r.BytesIn), string(r.Ending)}
		done, err := updates.Exec(values...)
		if err != nil {
			return 0, err
		}
		if n, err := done.RowsAffected(); err != nil || n > 0 {
			continue
		}
		if _, err := inserts.Exec(values...); err != nil {
			return 0, err
		}
		added++
	}
	return added, nil
}

// retain deletes what is beyond MaxRows and MaxAge, and returns how many are left of rows.
func (f *file) retain(tx *sql.Tx, rows int) (int, error) {
	now := time.Now()
	if f.o.MaxAge > 0 && now.Sub(f.aged) >= time.Minute {
		f.aged = now
		done, err := tx.Exec("DELETE FROM refusals WHERE last < ?", now.Add(-f.o.MaxAge).UnixMicro())
		if err != nil {
			return 0, err
		}
		n, _ := done.RowsAffected()
		rows -= int(n)
	}
	if rows <= f.o.MaxRows {
		return rows, nil
	}
	done, err := tx.Exec("DELETE FROM refusals WHERE id IN (SELECT id FROM refusals ORDER BY id LIMIT ?)", rows-f.o.MaxRows)
	if err != nil {
		return 0, err
	}
	n, _ := done.RowsAffected()
	return rows - int(n), nil
}

var errNotOpen = errors.New("journal: the file is not open")

// find returns what the file has.
func (f *file) find(ctx context.Context, filter Filter) ([]Refusal, error) {
	db := f.handle()
	if db == nil {
		return nil, errNotOpen
	}
	where, args := filter.where()
	rows, err := db.QueryContext(ctx, `SELECT id, time, last, count, session, ip, peer, app, stream, flashver, stage, rule, cause, code,
		level, description, x_status, bytes_in, ending FROM refusals WHERE `+where+` ORDER BY id DESC LIMIT ?`, append(args, filter.Limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Refusal
	for rows.Next() {
		var r Refusal
		var first, last, in int64
		var ip []byte
		if err := rows.Scan(&r.ID, &first, &last, &r.Count, &r.Session, &ip, &r.Peer, &r.App, &r.Stream, &r.FlashVer, &r.Stage, &r.Rule,
			&r.Cause, &r.Code, &r.Level, &r.Description, &r.XStatus, &in, &r.Ending); err != nil {
			return nil, err
		}
		r.Time, r.Last, r.BytesIn = time.UnixMicro(first), time.UnixMicro(last), uint64(in)
		r.IP = address(ip)
		list = append(list, r)
	}
	return list, rows.Err()
}

func (f *file) close() {
	if db := f.handle(); db != nil {
		_ = db.Close() // the last connection moves what is in the WAL to the file
	}
}
