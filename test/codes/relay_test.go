// Package codes shows the nine NetConnection information objects to clients that we did not
// write: rtmpdump, GStreamer, FFmpeg and the npm package rtmp-client. A relay between keeps the
// bytes, so that what they saw is compared with what Flash Media Server sent.
package codes

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// body is the first message of the server's whose payload holds all of these strings.
func (w *world) body(t *testing.T, has ...string) []byte {
	t.Helper()
	for i := range w.relay.Connections() {
	next:
		for _, m := range w.relay.Messages(i) {
			for _, s := range has {
				if !strings.Contains(string(m.Payload), s) {
					continue next
				}
			}
			return m.Payload
		}
	}
	t.Errorf("no message with %q on the wire", has)
	return nil
}

// endedWithFIN checks how the server's side of every connection ended.
func (w *world) endedWithFIN(t *testing.T) {
	t.Helper()
	for i := range w.relay.Connections() {
		if err := w.relay.End(i); err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("connection %d ended with %v, not FIN", i, err)
		}
	}
}
