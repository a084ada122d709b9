//go:build !race

package hostile

// These multiply what is expected of time and of memory.
const (
	slack    = 1
	memSlack = 1
)
