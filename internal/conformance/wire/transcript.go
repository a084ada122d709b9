package wire

import (
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"penstock/internal/conformance"
)

// Who said something.
const (
	Tester = "tester"
	Peer   = "peer"
	Aside  = "note"
)

// Bounds of a transcript.
const (
	maxEvents = 80 // of a conversation that is longer the middle is left out
	maxHex    = 32 // bytes shown of a message
)

// Transcript records what was said on the connections of one case. It is safe for concurrent use.
type Transcript struct {
	mu      sync.Mutex
	began   time.Time
	max     int
	left    int                 // events between first and last
	events  []conformance.Event // the first, up to max - max/3
	last    []conformance.Event // the last, up to max/3
	secrets []string
}

// NewTranscript begins one, of at most max lines (0: a default). Texts that hold one of the secrets have it blotted out, and are
// shown without their bytes.
func NewTranscript(max int, secrets ...string) *Transcript {
	if max <= 0 {
		max = maxEvents
	}
	return &Transcript{began: time.Now(), max: max, secrets: secrets}
}

// Note records a remark.
func (t *Transcript) Note(label, text string) {
	t.add(conformance.Event{From: Aside, Offset: -1, Text: prefix(label) + text})
}

// Message records a message at an offset of its direction.
func (t *Transcript) Message(label, from string, offset int64, m *Message) {
	t.add(conformance.Event{
		From: from, Offset: offset, Text: prefix(label) + Describe(m), Bytes: shortHex(m.Payload), Length: len(m.Payload),
	})
}

// Bytes records what is no message.
func (t *Transcript) Bytes(label, from string, offset int64, b []byte, text string) {
	t.add(conformance.Event{From: from, Offset: offset, Text: prefix(label) + text, Bytes: shortHex(b), Length: len(b)})
}

func prefix(label string) string {
	if label == "" {
		return ""
	}
	return label + ": "
}

func shortHex(b []byte) string { return hex.EncodeToString(b[:min(len(b), maxHex)]) }

func (t *Transcript) add(e conformance.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.At = time.Since(t.began).Round(time.Microsecond)
	for _, s := range t.secrets {
		if strings.Contains(e.Text, s) {
			e.Text, e.Bytes = strings.ReplaceAll(e.Text, s, "…"), ""
		}
	}
	if len(t.events) < t.max-t.max/3 {
		t.events = append(t.events, e)
		return
	}
	if t.last = append(t.last, e); len(t.last) > t.max/3 {
		t.last = t.last[1:]
		t.left++
	}
}

// Events is a copy of what was recorded.
func (t *Transcript) Events() []conformance.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := append([]conformance.Event(nil), t.events...)
	if t.left > 0 {
		list = append(list, conformance.Event{At: t.last[0].At, From: Aside, Offset: -1, Text: fmt.Sprintf("%d messages are not shown", t.left)})
	}
	return append(list, t.last...)
}
