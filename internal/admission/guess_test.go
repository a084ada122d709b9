package admission

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"penstock/app"
)

// Guessing at a program that hooks ask is slowed for the address that guesses, and for nobody else.
func TestGuessesAreSlowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g guesses
		pause := func(addr string) time.Duration {
			begin := time.Now()
			if err := g.pause(context.Background(), addr); err != nil {
				t.Error(err)
			}
			return time.Since(begin)
		}
		no := fmt.Errorf("wrapped: %w", &app.Refusal{Cause: app.CauseHook})
		for i := range freeGuesses {
			if took := pause("a"); took != 0 {
				t.Fatalf("waits %v after %d", took, i)
			}
			g.note("a", no)
			g.note("a", nil)
			g.note("b", &app.Refusal{Cause: app.CauseHookDown}) // is nobody's guess
			g.note("", no)                                      // an exempt address
		}
		if a, b, none := pause("a"), pause("b"), pause(""); a != guessPause || b != 0 || none != 0 {
			t.Errorf("waits %v, %v and %v", a, b, none)
		}
		ctx, cancel := context.WithTimeout(context.Background(), guessPause/2)
		defer cancel()
		if err := g.pause(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(guessWindow)
		if took := pause("a"); took != 0 {
			t.Errorf("still waits %v", took)
		}
		for i := range 2 * maxGuessers {
			g.note(fmt.Sprint(i), no)
		}
		if n := len(g.byAddr); n > maxGuessers {
			t.Errorf("%d addresses are remembered", n)
		}
	})
}
