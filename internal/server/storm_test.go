package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"penstock/internal/config"
	"penstock/rtmp"
)

// stormVar makes the storm last a minute or what it says, with the rate of 10,000 refusals a minute: PENSTOCK_STORM=1m go test
// -run TestConnectStorm -v ./internal/server
const stormVar = "PENSTOCK_STORM"

const (
	stormRate    = 10_000.0 / 60 // refused connects a second
	stormPlayers = 10
)

const stormMetric = `penstock_refusals_total{app="other",cause="unknown-application",code="NetConnection.Connect.Rejected"} `

type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// refusals counts the lines about single refusals, and those that the others tell of.
func (l *lockedLog) refusals(t *testing.T) (lines, told int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for text := range strings.Lines(l.b.String()) {
		var line struct {
			Msg   string
			Count int
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		switch {
		case line.Msg == refusalMessage:
			lines++
		case strings.HasPrefix(line.Msg, "more refusals"):
			told += line.Count
		}
	}
	return lines, told
}

// While one address is refused ten thousand connects a minute, a publisher and its ten players lose no frame; memory and files
// stay in bounds; the log is limited and says so; nothing is miscounted.
func TestConnectStorm(t *testing.T) {
	duration, err := time.ParseDuration(os.Getenv(stormVar))
	if err != nil {
		duration = 3 * time.Second
	}
	log, data := &lockedLog{}, t.TempDir()
	c := config.Default()
	c.RTMP.Listen, c.HTTP.Listen, c.Data = "127.0.0.1:0", "127.0.0.1:0", data
	c.Log.Format, c.Log.Access.File = "json", filepath.Join(data, "access.log")
	s, err := New(c, Options{Log: NewLog(log, c.Log), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	url := "rtmp://" + s.rtmpListener.Addr().String()
	show := startShow(t, url+"/live")

	before, peak := resident(), atomic.Uint64{}
	refused := storm(t, url+"/nosuch", duration, &peak)
	frames := show.end(t)

	// A client is told first, then that is recorded.
	wanted := fmt.Sprintf("%s%d\n", stormMetric, refused)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, text := call(t, "GET", "http://"+s.httpListener.Addr().String()+"/metrics", "", ""); strings.Contains(text, wanted) {
			break
		}
	}
	page := stormPage(t, "http://"+s.httpListener.Addr().String(), refused)
	minutes := int(duration/time.Minute) + 2
	if most := minutes * (c.Refusals.Repeats + 1); page.rows > most {
		t.Errorf("%d rows, want %d at the most", page.rows, most)
	}
	journalBytes := sizes(t, data, "journal.db*")
	if journalBytes > 2<<20 {
		t.Errorf("the journal has %d bytes", journalBytes)
	}
	if grown := int64(peak.Load()) - int64(before); grown > 64<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	lines, told := 0, 0
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if lines, told = log.refusals(t); lines+told == refused {
			break
		}
	}
	if lines+told != refused || told == 0 {
		t.Errorf("the log has %d lines and tells of %d more, %d were refused", lines, told, refused)
	}
	t.Logf("%v: %d refused, %d frames to each of %d players; memory %d to %d MiB at most; journal %d rows, %d KiB; log %d lines for single refusals, "+
		"%d told of together; access log %d KiB", duration, refused, frames, stormPlayers, before>>20, peak.Load()>>20, page.rows, journalBytes>>10,
		lines, told, sizes(t, data, "access.log*")>>10)
}

// storm has refused connects made, and returns how many there were.
func storm(t *testing.T, url string, duration time.Duration, peak *atomic.Uint64) int {
	const clients = 8
	var refused atomic.Int64
	var wg sync.WaitGroup
	begin := time.Now()
	total := int64(duration.Seconds() * stormRate)
	var next atomic.Int64
	for range clients {
		wg.Go(func() {
			for n := next.Add(1); n <= total; n = next.Add(1) {
				due := begin.Add(time.Duration(float64(n) / stormRate * float64(time.Second)))
				time.Sleep(time.Until(due))
				conn, err := rtmp.Dial(context.Background(), url, nil)
				if err == nil {
					_ = conn.Close()
					t.Error("let in")
					return
				}
				if strings.Contains(err.Error(), "is not defined") {
					refused.Add(1)
				} else {
					t.Errorf("refused in other words: %v", err)
				}
				peak.Store(max(peak.Load(), resident()))
			}
		})
	}
	wg.Wait()
	if got := refused.Load(); got != total {
		t.Errorf("%d of %d were refused", got, total)
	}
	t.Logf("%.0f refusals a minute", float64(refused.Load())/time.Since(begin).Minutes())
	return int(refused.Load())
}

// resident is the memory that the process has from the system, in bytes.
func resident() uint64 {
	var m runtime.MemStats
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		var pages, set uint64
		if _, err := fmt.Sscan(string(b), &pages, &set); err == nil {
			return set * uint64(os.Getpagesize())
		}
	}
	runtime.ReadMemStats(&m)
	return m.Sys
}

func sizes(t *testing.T, dir, pattern string) (sum int64) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, pattern))
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

type stormed struct{ rows int }

// stormPage asks the API and the metrics, which must know of every refusal.
func stormPage(t *testing.T, url string, refused int) stormed {
	t.Helper()
	resp, err := http.Get(url + "/api/v1/refusals?app=nosuch&ip=127.0.0.1&limit=500")
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Refusals []struct{ Count int }
		Storage  string
		Dropped  int
	}
	err = json.NewDecoder(resp.Body).Decode(&body)
	resp.Body.Close()
	counted := 0
	for _, r := range body.Refusals {
		counted += r.Count
	}
	if err != nil || body.Storage != "database" || body.Dropped != 0 || counted != refused {
		t.Errorf("%v, storage %q, dropped %d, counted %d of %d", err, body.Storage, body.Dropped, counted, refused)
	}
	want := fmt.Sprintf("%s%d\n", stormMetric, refused)
	if _, text := call(t, "GET", url+"/metrics", "", ""); !strings.Contains(text, want) {
		t.Errorf("the metrics do not have %s", want)
	}
	return stormed{len(body.Refusals)}
}

// show is a publisher and its players.
type show struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	sent   atomic.Int64
	got    [stormPlayers]atomic.Int64
}

// startShow publishes numbered frames, 25 a second, to players that look at each.
func startShow(t *testing.T, url string) *show {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	s := &show{cancel: cancel}
	pub, err := dial(t, url, nil).Publish(ctx, "show")
	if err != nil {
		t.Fatal(err)
	}
	for i := range stormPlayers {
		ns, err := dial(t, url, nil).Play(ctx, "show", rtmp.PlayOptions{Backpressure: true})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				ev, err := ns.Read(context.Background())
				if err != nil {
					return // the test has ended
				}
				if ev.Type != rtmp.TypeVideo {
					continue
				}
				n := s.got[i].Load()
				if text := fmt.Sprintf("frame %d", n); string(ev.Payload[5:5+len(text)]) != text || ev.Payload[5+len(text)] != 0 {
					t.Errorf("player %d: got %.20q, want %s", i, ev.Payload[5:], text)
					return
				}
				s.got[i].Add(1)
			}
		}()
	}
	s.wg.Go(func() {
		tick := time.NewTicker(40 * time.Millisecond)
		defer tick.Stop()
		for n := int64(0); ; n++ {
			head := byte(0x27)
			if n%50 == 0 {
				head = 0x17
			}
			body := append([]byte{head, 1, 0, 0, 0}, append(fmt.Appendf(nil, "frame %d", n), make([]byte, 4000)...)...)
			if err := pub.WriteVideo(context.Background(), uint32(40*n), body); err != nil {
				t.Errorf("publishing: %v", err)
				return
			}
			s.sent.Store(n + 1)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return s
}

// end stops publishing and returns how many frames every player had, which is all.
func (s *show) end(t *testing.T) int64 {
	t.Helper()
	s.cancel()
	s.wg.Wait()
	want := s.sent.Load()
	for i := range s.got {
		for deadline := time.Now().Add(20 * time.Second); s.got[i].Load() < want && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		if got := s.got[i].Load(); got != want {
			t.Errorf("player %d had %d of %d frames", i, got, want)
		}
	}
	return want
}
