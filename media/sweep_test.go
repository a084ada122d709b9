package media

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// flushed is a Flusher that notes when it was told to flush, and what it had then.
type flushed struct {
	mu    sync.Mutex
	begin time.Time
	queue *Queue
	taken []*Frame
	log   string
}

func newFlushed() *flushed { return &flushed{begin: time.Now(), queue: NewQueue(QueueLimits{}, nil)} }

func (l *flushed) Deliver(f *Frame) { l.queue.Put(f) }

func (l *flushed) Flush(w *Sweep) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range w.Frames() {
		l.queue.Put(f)
	}
	l.taken = l.queue.Take(l.taken[:0], 0)
	if len(l.taken) > 0 {
		l.log += fmt.Sprintf("%d:%d ", time.Since(l.begin).Milliseconds(), len(l.taken))
	}
}

func (l *flushed) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.log
	l.log = ""
	return s
}

// TestSweepTimes: when subscribers are flushed, as milliseconds:frames, for frames that come at
// certain milliseconds: v is a video frame, a an audio frame, d a data frame.
func TestSweepTimes(t *testing.T) {
	for name, tt := range map[string]struct {
		merge time.Duration
		input []string // time and kind
		want  string
	}{
		"audio rides with video":       {0, []string{"0v", "33v", "40a", "60a", "66v", "70a", "100v"}, "0:1 33:1 66:3 100:2 "},
		"not for longer than 40 ms":    {0, []string{"0v", "33v", "40a", "200a"}, "0:1 33:1 80:1 200:1 "},
		"alone it does not wait":       {0, []string{"0a", "21a", "42a"}, "0:1 21:1 42:1 "},
		"nor with few pictures":        {0, []string{"0v", "100v", "110a", "200v", "210a"}, "0:1 100:1 110:1 200:1 210:1 "},
		"data waits for nothing":       {0, []string{"0v", "33v", "40a", "41d"}, "0:1 33:1 41:2 "},
		"a window holds everything":    {100 * time.Millisecond, []string{"0v", "33v", "40a", "120v", "150a", "400d"}, "100:3 220:2 500:1 "},
		"and is never longer than max": {time.Hour, []string{"0v", "33v", "400v"}, "350:2 750:1 "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := mustPublish(t, NewRegistry(Options{GOPBytes: -1}), "live/a")
				p.SetMergeWindow(tt.merge)
				var all []*flushed
				for range 2 * sweepInline { // by the publisher's goroutine, then by another
					l := newFlushed()
					all = append(all, l)
					defer p.stream.reg.Subscribe("live/a", l).Close()
					l.queue.Take(nil, 0) // the marker
					p.stream.mu.Lock()
					p.stream.flushed[len(all)-1].waitKey = false
					p.stream.mu.Unlock()
					if len(all) == 1 || len(all) == 2*sweepInline {
						feed(t, p, tt.input, all, tt.want)
					}
				}
				p.Close()
			})
		})
	}
}

func feed(t *testing.T, p *Publication, input []string, all []*flushed, want string) {
	t.Helper()
	time.Sleep(time.Second) // what was before is long ago
	begin := time.Now()
	for _, l := range all {
		l.begin = begin
	}
	for _, step := range input {
		var at int
		var kind byte
		if _, err := fmt.Sscanf(step, "%d%c", &at, &kind); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(begin.Add(time.Duration(at) * time.Millisecond)))
		switch kind {
		case 'v':
			must(t, p.Video(uint32(at), keyFrame(1)))
		case 'a':
			must(t, p.Audio(uint32(at), audioFrame(1)))
		case 'd':
			must(t, p.Data(uint32(at), "onCue", []byte("\x02\x00\x05onCue")))
		}
		synctest.Wait()
	}
	time.Sleep(time.Second)
	synctest.Wait()
	for i, l := range all {
		if got := l.said(); got != want {
			t.Errorf("subscriber %d of %d: %q, want %q", i+1, len(all), got, want)
		}
	}
}

// TestSweepEnds: markers and headers that are sent again are flushed without a frame after them.
func TestSweepEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		l := newFlushed()
		sub := r.Subscribe("live/a", l)
		defer sub.Close()
		p := mustPublish(t, r, "live/a")
		must(t, p.Video(0, videoConfig(1)), p.Video(0, keyFrame(1)))
		synctest.Wait()
		if got := l.said(); got != "0:1 0:1 0:1 " {
			t.Errorf("published: %q", got)
		}
		sub.Resync()
		if got := l.said(); got != "0:1 " {
			t.Errorf("resynchronised: %q", got)
		}
		p.Close()
		if got := l.said(); got != "0:1 " {
			t.Errorf("unpublished: %q", got)
		}
	})
}

func TestJoinFrames(t *testing.T) {
	var fs []*Frame
	var want []byte
	for i := range 3 {
		f := mustFrame(t, Video, int64(i), append(interFrame(uint32(i)), make([]byte, i*40000)...))
		fs = append(fs, f)
		want = append(want, f.Chunks(1)...)
	}
	var w Sweep
	one := w.Join(fs[:1], 1)
	if &one[0] != &fs[0].Chunks(1)[0] {
		t.Error("a single frame was copied")
	}
	a, b := w.Join(fs, 1), w.Join(fs, 1)
	if !bytes.Equal(a, want) || &a[0] != &b[0] {
		t.Error("not joined, or joined twice")
	}
	if c := w.Join(fs, 2); bytes.Equal(c, want) {
		t.Error("the stream ID is another")
	}
	if c := w.Join(fs[1:], 2); !bytes.Equal(c, append(append([]byte(nil), fs[1].Chunks(2)...), fs[2].Chunks(2)...)) {
		t.Error("other frames")
	}
}
