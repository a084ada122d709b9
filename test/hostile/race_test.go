//go:build race

package hostile

// The race detector keeps a shadow of every byte and slows everything down: these multiply what
// is expected of time and of memory.
const (
	slack    = 4
	memSlack = 16
)
