package config

import "time"

// Refusals is how long it is kept whom the server did not let in. They are in the file journal.db in the folder of data, and
// are found over HTTP under /api/v1/refusals.
type Refusals struct {
	MaxRows int      `yaml:"max_rows"` // refusals in the file, the oldest make room; 0 makes no file and keeps the newest 1000 in memory
	MaxAge  Duration `yaml:"max_age"`  // older ones are deleted; 0 keeps them
	// Repeats is how many refusals of one kind in a minute, from one IPv4 address or IPv6 /64, are kept one by one; all
	// further ones share an entry that counts them, so that a storm does not fill the disk.
	Repeats int `yaml:"repeats"`
	// StreamNames keeps the whole names of refused streams. Without it they are shortened, because a name is a key for many.
	StreamNames bool `yaml:"stream_names"`
}

func defaultRefusals() Refusals {
	return Refusals{MaxRows: 100_000, MaxAge: Duration(30 * 24 * time.Hour), Repeats: 10}
}

// Validate checks the section.
func (r *Refusals) Validate() error {
	switch {
	case r.MaxRows < 0 || r.MaxRows > 10_000_000:
		return fieldErrorf("refusals.max_rows", "must be from 0 to 10000000")
	case r.MaxAge < 0:
		return fieldErrorf("refusals.max_age", "must not be below 0")
	case r.Repeats < 1 || r.Repeats > 1000:
		return fieldErrorf("refusals.repeats", "must be from 1 to 1000")
	}
	return nil
}

// AccessLog is a file with a line for each connect, disconnect, publish, unpublish, play and stop, in the W3C extended format
// and with the fields of Flash Media Server, x-status among them.
type AccessLog struct {
	File     string `yaml:"file"`      // its name; "" writes none
	MaxBytes Size   `yaml:"max_bytes"` // length at which it is renamed to NAME.1, and a new one is begun
	Keep     int    `yaml:"keep"`      // how many renamed files are kept
}

// Validate checks the section.
func (a *AccessLog) Validate() error {
	switch {
	case a.MaxBytes < 64<<10:
		return fieldErrorf("log.access.max_bytes", "must not be below 64KiB")
	case a.Keep < 0 || a.Keep > 1000:
		return fieldErrorf("log.access.keep", "must be from 0 to 1000")
	}
	return nil
}
