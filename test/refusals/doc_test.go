// Package refusals refuses clients that nobody here wrote (FFmpeg, GStreamer, rtmpdump, OBS Studio) for every reason there is,
// and compares what the client was told with what the operator finds: the log, the API, the metrics and the access log must
// all tell the same story. What each client printed becomes docs/refusals.md.
//
// The tests need many programs (scripts/setup installs them), so they are skipped unless PENSTOCK_E2E is set: `make e2e`.
// Then a missing program is a failure, not a skip.
//
//	PENSTOCK_E2E=1      run them
//	PENSTOCK_BIN=FILE   test this binary; otherwise ./cmd/penstock is built
//	PENSTOCK_E2E_RACE=1 build it with the race detector
//	PENSTOCK_UPDATE=1   write docs/refusals.md instead of comparing with it
package refusals
