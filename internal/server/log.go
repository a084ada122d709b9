package server

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"

	"penstock/internal/config"
)

// NewLog makes the log that a configuration asks for: coloured text on a terminal, plain text elsewhere, or JSON. Refusals
// beyond 10 a second of one address are counted instead of written.
func NewLog(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // config validated it
	var h slog.Handler
	switch {
	case c.Format == "json":
		h = slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	case isTerminal(w):
		h = tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly})
	default:
		h = slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})
	}
	return slog.New(newRefusalFilter(h))
}

// isTerminal reports whether w is a character device that shows colours.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
