// Package e2e asks clients that nobody here wrote (FFmpeg 5 and 8, rtmpdump, GStreamer, an independent JavaScript client,
// Chromium) whether Penstock serves them. The server is the real binary in a process of its own.
//
// The tests need many programs (scripts/setup installs them), so they are skipped unless PENSTOCK_E2E is set: `make e2e`.
// Then a missing program is a failure, not a skip.
//
//	PENSTOCK_E2E=1      run them
//	PENSTOCK_BIN=FILE   test this binary; otherwise ./cmd/penstock is built
//	PENSTOCK_E2E_RACE=1 build it with the race detector
//
// Screenshots and recordings of a failed test are kept with `go test -artifacts`.
package e2e
