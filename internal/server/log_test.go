package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"penstock/internal/config"
)

func TestLogFormats(t *testing.T) {
	var b bytes.Buffer
	NewLog(&b, config.Log{Level: "warn", Format: "json"}).Warn("hello", "n", 1)
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line["msg"] != "hello" || line["n"] != 1.0 {
		t.Errorf("%s: %v", b.String(), err)
	}
	b.Reset()
	log := NewLog(&b, config.Log{Level: "warn", Format: "text"})
	log.Info("left out")
	log.Error("hello")
	if got := b.String(); !strings.Contains(got, "level=ERROR msg=hello") || strings.Contains(got, "left out") || strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
}

// lines are the messages that a filter lets through, with the peer and count that they name.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) logger() *slog.Logger {
	h := slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return slog.New(newRefusalFilter(h))
}

func (l *lines) count(part string) int { return strings.Count(l.String(), part) }

func TestRefusalsAreCountedNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		log := out.logger()
		for i := range 25 {
			log.Warn("refused", "session", "s", "peer", fmt.Sprintf("192.0.2.1:%d", 1000+i))
			log.With("x", 1).WithGroup("g").Info("connected", "peer", "192.0.2.1:1")
		}
		log.Warn("refused", "peer", "[2001:db8::1]:7")
		if got := out.count("192.0.2.1:10"); got != refusalLines {
			t.Errorf("%d lines about one address, want %d", got, refusalLines)
		}
		if out.count("2001:db8::1") != 1 {
			t.Error("another address has lost its line")
		}
		if got := out.count("msg=connected"); got != 25 {
			t.Errorf("%d of 25 other lines", got)
		}
		time.Sleep(refusalWindow + time.Millisecond)
		synctest.Wait()
		const summary = `level=WARN msg="more refusals, not written one by one" peer=192.0.2.1 count=15 within=1s`
		if out.count(summary) != 1 || out.count("more refusals") != 1 {
			t.Errorf("no summary in\n%s", out.String())
		}
		log.Warn("refused", "peer", "192.0.2.1:9999")
		if out.count("192.0.2.1:9999") != 1 {
			t.Error("the next window is not open")
		}
		time.Sleep(2 * refusalWindow)
	})
}

// A crowd of addresses does not fill the memory: those beyond the bound share one count.
func TestRefusalAddressesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		h := newRefusalFilter(out.logger().Handler()).(*refusalFilter)
		log := slog.New(h)
		for i := range refusalAddresses + 500 {
			log.Warn("refused", "peer", fmt.Sprintf("10.1.%d.%d:5", i>>8, i&255))
		}
		h.shared.mu.Lock()
		n := len(h.shared.counts)
		h.shared.mu.Unlock()
		if n != refusalAddresses+1 {
			t.Errorf("%d addresses are counted, want %d", n, refusalAddresses+1)
		}
		time.Sleep(2 * refusalWindow)
		synctest.Wait()
		h.shared.mu.Lock()
		defer h.shared.mu.Unlock()
		if len(h.shared.counts) != 0 {
			t.Errorf("%d addresses are still counted", len(h.shared.counts))
		}
		if out.count("peer=others") == 0 {
			t.Error("nothing says how many there were of the others")
		}
	})
}

func TestFilterKeepsAttributes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		log := out.logger().With("node", "a")
		for range 12 {
			log.Warn("refused", "peer", "192.0.2.1:1")
		}
		time.Sleep(2 * refusalWindow)
		synctest.Wait()
		if out.count("node=a") != refusalLines+1 {
			t.Errorf("%s", out.String())
		}
		if !log.Handler().Enabled(context.Background(), slog.LevelInfo) {
			t.Error("the level of the handler below is lost")
		}
	})
}
