package scripted

import (
	"fmt"
	"sync"
	"time"

	"penstock/internal/conformance"
	"penstock/rtmp"
)

// Bounds of one conversation written down.
const (
	maxEvents = 160 // lines
	maxMedia  = 5   // audio, video and data messages in a row and direction that get a line; those that follow are counted
)

// transcript is one conversation. Notes may come from any goroutine.
type transcript struct {
	mu     sync.Mutex
	start  time.Time
	events []conformance.Event
	left   int            // lines beyond maxEvents
	row    map[string]int // such messages in a row by direction
}

func newTranscript(start time.Time) *transcript {
	return &transcript{start: start, row: make(map[string]int)}
}

func (t *transcript) add(e conformance.Event) {
	e.At = time.Since(t.start)
	if len(t.events) < maxEvents {
		t.events = append(t.events, e)
		return
	}
	t.left++
}

func (t *transcript) note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(conformance.Event{From: "note", Offset: -1, Text: text})
}

func (t *transcript) message(from string, offset int64, m *rtmp.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch m.Type {
	case rtmp.TypeAudio, rtmp.TypeVideo, rtmp.TypeAggregate, rtmp.TypeDataAMF0, rtmp.TypeDataAMF3:
		t.row[from]++
		if t.row[from] > maxMedia {
			return
		}
	default:
		t.flush(from)
	}
	t.add(conformance.Event{From: from, Offset: offset, Text: Describe(m), Bytes: shortHex(m.Payload), Length: len(m.Payload)})
}

// flush says how many media messages were left out.
func (t *transcript) flush(from string) {
	if n := t.row[from] - maxMedia; n > 0 {
		t.add(conformance.Event{From: "note", Offset: -1, Text: fmt.Sprintf("%d more audio, video and data messages from the %s", n, from)})
	}
	t.row[from] = 0
}

func (t *transcript) bytes(from string, offset int64, b []byte, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(conformance.Event{From: from, Offset: offset, Text: text, Bytes: shortHex(b), Length: len(b)})
}

// all is the conversation so far.
func (t *transcript) all() []conformance.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush("tester")
	t.flush("peer")
	out := append([]conformance.Event(nil), t.events...)
	if t.left > 0 {
		out = append(out, conformance.Event{At: time.Since(t.start), From: "note", Offset: -1, Text: fmt.Sprintf("%d more lines were left out", t.left)})
	}
	return out
}
