package admission

import (
	"context"
	"errors"
	"sync"
	"time"

	"penstock/app"
)

// Whoever is refused by a hook too often within guessWindow waits before it is asked again: a program that checks keys
// shall not be tried as fast as it can answer. Its words still reach the client.
const (
	freeGuesses = 20
	guessWindow = time.Minute
	guessPause  = time.Second
	maxGuessers = 8192 // addresses that are remembered
)

// guesses count what hooks refused, by address.
type guesses struct {
	mu     sync.Mutex
	byAddr map[string]*guesser
}

type guesser struct {
	n     int
	since time.Time
}

// pause waits when an address has been refused too often; "" never has.
func (g *guesses) pause(ctx context.Context, addr string) error {
	g.mu.Lock()
	was := g.byAddr[addr]
	often := was != nil && was.n >= freeGuesses && time.Since(was.since) < guessWindow
	g.mu.Unlock()
	if !often {
		return nil
	}
	t := time.NewTimer(guessPause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// note counts what a hook answered.
func (g *guesses) note(addr string, err error) {
	var r *app.Refusal
	if addr == "" || !errors.As(err, &r) || r.Cause != app.CauseHook {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.byAddr == nil {
		g.byAddr = make(map[string]*guesser)
	}
	was := g.byAddr[addr]
	if was == nil || now.Sub(was.since) >= guessWindow {
		if was == nil && len(g.byAddr) >= maxGuessers {
			g.forget(now)
		}
		was = &guesser{since: now}
		g.byAddr[addr] = was
	}
	was.n++
}

// forget makes room: for those whose time is over, or for all when there are none. g.mu must be held.
func (g *guesses) forget(now time.Time) {
	for addr, was := range g.byAddr {
		if now.Sub(was.since) >= guessWindow {
			delete(g.byAddr, addr)
		}
	}
	if len(g.byAddr) >= maxGuessers {
		clear(g.byAddr)
	}
}
