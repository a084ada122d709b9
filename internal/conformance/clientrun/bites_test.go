package clientrun

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/amf"
	"penstock/internal/conformance"
	"penstock/internal/conformance/clientcases"
	"penstock/internal/conformance/scripted"
	"penstock/rtmp"
)

// choke is a good client but for one message, at which it ends as if the connection were lost.
func choke(at func(out bool, m *rtmp.Message) bool) func(rtmp.Direction, *rtmp.Message) {
	return func(d rtmp.Direction, m *rtmp.Message) {
		if at(d == rtmp.Out, m) {
			fmt.Println("choked on", scripted.Describe(m))
			os.Exit(1)
		}
	}
}

// comes chokes on a message from the server.
func comes(is func(m *rtmp.Message) bool) func(rtmp.Direction, *rtmp.Message) {
	return choke(func(out bool, m *rtmp.Message) bool { return !out && is(m) })
}

func ofType(types ...uint8) func(rtmp.Direction, *rtmp.Message) {
	return comes(func(m *rtmp.Message) bool { return strings.ContainsRune(string(types), rune(m.Type)) })
}

func text(parts ...string) func(rtmp.Direction, *rtmp.Message) {
	return comes(func(m *rtmp.Message) bool {
		for _, p := range parts {
			if strings.Contains(string(m.Payload), p) {
				return true
			}
		}
		return false
	})
}

func size(n uint32) func(rtmp.Direction, *rtmp.Message) {
	return comes(func(m *rtmp.Message) bool {
		return m.Type == rtmp.TypeSetChunkSize && binary.BigEndian.Uint32(m.Payload) == n
	})
}

func limit(is func(body []byte) bool) func(rtmp.Direction, *rtmp.Message) {
	return comes(func(m *rtmp.Message) bool { return m.Type == rtmp.TypeSetPeerBandwidth && is(m.Payload) })
}

func unanswered() func(rtmp.Direction, *rtmp.Message) {
	answered := false
	return choke(func(out bool, m *rtmp.Message) bool {
		c, err := rtmp.ParseCommand(m, amf.DefaultLimits())
		if err != nil {
			return false
		}
		answered = answered || !out && c.Name == "_result" && c.Transaction == 3 // to FCPublish
		return out && c.Name == "publish" && !answered
	})
}

func unannounced() func(rtmp.Direction, *rtmp.Message) {
	announced := false
	return choke(func(out bool, m *rtmp.Message) bool {
		announced = announced || !out && m.Type == rtmp.TypeWindowAckSize
		return !out && m.Type == rtmp.TypeCommandAMF0 && !announced
	})
}

func csid(from uint32) func(rtmp.Direction, *rtmp.Message) {
	return comes(func(m *rtmp.Message) bool { return m.CSID >= from })
}

// faults are, for each case, what a client must not have for the case to work. Those below the messages are not here: they need a
// reader of chunks with the fault, and real clients have them (FFmpeg and GStreamer: chunks/abort, media/extended-missing).
var faults = map[string]func(rtmp.Direction, *rtmp.Message){
	"session/ordinary":              text("Publish.Start", "Play.Start"),
	"answers/long":                  comes(func(m *rtmp.Message) bool { return m.Type == rtmp.TypeCommandAMF0 && len(m.Payload) > 500 }),
	"answers/refused-extras":        text("_error"),
	"answers/nothing-extra":         unanswered(),
	"answers/unknown-commands":      text("onNobodyKnows"),
	"answers/bandwidth-check":       text("onBWDone"),
	"answers/no-window":             unannounced(),
	"answers/extra-properties":      text("x-more"),
	"answers/stream-7":              comes(func(m *rtmp.Message) bool { return m.StreamID == 7 }),
	"answers/warning":               text("warning"),
	"control/unknown-events":        comes(func(m *rtmp.Message) bool { return m.Type == rtmp.TypeUserControl && m.Payload[1] > 4 }),
	"control/unknown-messages":      ofType(7, 10, 14, 21, 23, 200),
	"control/on-other-chunk-stream": comes(func(m *rtmp.Message) bool { return m.Type < 8 && m.CSID != 2 }),
	"control/bandwidth-hard":        limit(func(b []byte) bool { return len(b) == 5 && b[4] == 0 }),
	"control/bandwidth-soft":        limit(func(b []byte) bool { return len(b) == 5 && b[4] == 1 }),
	"control/bandwidth-dynamic":     limit(func(b []byte) bool { return binary.BigEndian.Uint32(b) == 5_000_000 }),
	"control/bandwidth-unknown":     limit(func(b []byte) bool { return len(b) == 5 && b[4] == 9 }),
	"control/bandwidth-short":       limit(func(b []byte) bool { return len(b) == 4 }),
	"chunks/size-1":                 size(1),
	"chunks/size-128":               size(128),
	"chunks/size-4096":              size(4096),
	"chunks/size-65536":             size(65536),
	"chunks/size-16777215":          size(0xFFFFFF),
	"chunks/size-2147483647":        size(0x7FFFFFFF),
	"chunks/size-changes":           size(33),
	"chunks/csid-64":                csid(64),
	"chunks/csid-319":               csid(319),
	"chunks/csid-320":               csid(320),
	"chunks/csid-65599":             csid(65599),
	"chunks/control-within":         text("onNobodyKnows"),
	"chunks/abort":                  ofType(rtmp.TypeAbort),
	"media/extended":                comes(func(m *rtmp.Message) bool { return m.Timestamp >= 0xFFFFFF }),
	"media/extended-compact":        comes(func(m *rtmp.Message) bool { return m.Timestamp >= 0xFFFFFF }),
	"media/wrap":                    comes(func(m *rtmp.Message) bool { return m.Timestamp >= 0xFFFFFF00 }),
	"media/aggregate":               ofType(rtmp.TypeAggregate),
	"media/empty":                   comes(func(m *rtmp.Message) bool { return len(m.Payload) == 0 }),
	"media/data":                    text("onCuePoint"),
	"media/same-chunk-stream":       comes(func(m *rtmp.Message) bool { return m.Type == rtmp.TypeVideo && m.CSID == 4 }),
	"media/publish-extended":        choke(func(out bool, m *rtmp.Message) bool { return out && m.Timestamp >= 0xFFFFFF }),
	"ended/reconnectrequest":        text("ReconnectRequest"),
}

// fault is what is wrong with the client that this process is.
func fault() rtmp.TraceFunc {
	if f := faults[os.Getenv("PENSTOCK_FAULT")]; f != nil {
		return f
	}
	return nil
}

// Every case that can be told by messages finds the client that it is about.
func TestCasesBite(t *testing.T) {
	t.Parallel()
	turn := make(chan struct{}, 20)
	var wg sync.WaitGroup
	killed, left := 0, []string(nil)
	for _, c := range clientcases.All() {
		task, file, cfg := "publish", Input, Config{Only: []string{c.ID}, Patience: 15 * time.Second, Startup: 30 * time.Second}
		if c.Role == scripted.Player {
			task, file = "play", Output
		}
		switch section, _, _ := strings.Cut(c.ID, "/"); {
		case faults[c.ID] != nil:
			task += "@" + c.ID
		case section == "refused" || section == "ended" && c.Role != scripted.Player || section == "silence":
			task = "cheerful " + task
		default:
			left = append(left, c.ID)
			continue
		}
		killed++
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			r := judge(t, task, file, cfg)
			for i := range r.Results {
				if res := &r.Results[i]; res.ID == c.ID && res.Verdict == conformance.Works {
					t.Error("not found:", show(res))
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d faults, each found; no fault at hand for %v", killed, left)
}
