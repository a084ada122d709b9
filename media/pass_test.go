package media

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// told is a Flusher that notes every frame in the order in which it came, however it came.
type told struct{ log []string }

func (l *told) Deliver(f *Frame)   { l.note("", f) }
func (l *told) Replay(fs []*Frame) { l.note("replayed ", fs...) }
func (l *told) Flush(w *Sweep)     { l.note("", w.Frames()...) }
func (l *told) note(how string, fs ...*Frame) {
	for _, f := range fs {
		kind := f.Kind.String()
		if f.Header() {
			kind += " header"
		}
		l.log = append(l.log, fmt.Sprintf("%s%s %d", how, kind, f.Time))
	}
}

func (l *told) want(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(l.log, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	l.log = nil
}

// TestGathered: what waits for the next round belongs to those who were there when it came, and keeps its place.
func TestGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Options{})
		p := mustPublish(t, r, "live/a")
		early, late := new(told), new(told)
		defer r.Subscribe("live/a", early).Close()
		frame := func(k Kind, ms int64, payload []byte) {
			t.Helper()
			if k == Video {
				must(t, p.Video(uint32(ms), payload))
			} else {
				must(t, p.Audio(uint32(ms), payload))
			}
		}
		frame(Video, 0, videoConfig(1))
		frame(Video, 0, keyFrame(1))
		time.Sleep(33 * time.Millisecond)
		frame(Video, 33, interFrame(1))
		synctest.Wait()
		early.want(t, "replayed published 0, video header 0, video 0, video 33")

		frame(Audio, 40, audioFrame(1)) // rides
		early.want(t, "")
		sub := r.Subscribe("live/a", late)
		defer sub.Close()
		late.want(t, "replayed published 0, replayed video header 0, replayed video 0, replayed video 33, replayed audio 40")
		sub.Resync()
		synctest.Wait()
		early.want(t, "audio 40")
		late.want(t, "video header 33")

		frame(Audio, 61, audioFrame(1))
		must(t, p.Reset())
		frame(Video, 66, interFrame(2)) // of the new source: no use without a key frame
		frame(Video, 99, keyFrame(2))
		synctest.Wait()
		early.want(t, "audio 61, video 99")
		late.want(t, "audio 61, video 99")

		p.Close()
		synctest.Wait()
		early.want(t, "unpublished 99")
		late.want(t, "unpublished 99")
	})
}

func TestQueuePass(t *testing.T) {
	fs := []*Frame{mustFrame(t, Audio, 10, audioFrame(1)), mustFrame(t, Video, 12, keyFrame(1))}
	inter := []*Frame{mustFrame(t, Video, 14, interFrame(1))}
	for name, tt := range map[string]struct {
		before func(q *Queue)
		fs     []*Frame
		pass   bool
		queued int
	}{
		"nothing queued":      {func(*Queue) {}, fs, true, 0},
		"something queued":    {func(q *Queue) { q.Put(fs[0]) }, fs, false, 3},
		"taken again":         {func(q *Queue) { q.Put(fs[0]); q.Take(nil, 0) }, fs, true, 0},
		"paused":              {func(q *Queue) { q.Pause(true) }, fs, false, 0},
		"paused and not":      {func(q *Queue) { q.Pause(true); q.Pause(false) }, fs, false, 2}, // it waits for the key frame
		"without audio":       {func(q *Queue) { q.Mute(Audio, true) }, fs, false, 1},
		"waits for key frame": {func(q *Queue) { q.Mute(Video, true); q.Mute(Video, false) }, inter, false, 0},
		"after the key frame": {func(q *Queue) { q.Mute(Video, true); q.Mute(Video, false); q.Pass(fs); q.Take(nil, 0) }, inter, true, 0},
		"closed":              {func(q *Queue) { q.Close() }, fs, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			q := NewQueue(QueueLimits{}, nil)
			tt.before(q)
			taken := q.Stats().TakenFrames
			if got := q.Pass(tt.fs); got != tt.pass {
				t.Errorf("passed: %v", got)
			}
			st := q.Stats()
			if st.Frames != tt.queued {
				t.Errorf("%d frames queued, want %d", st.Frames, tt.queued)
			}
			if want := uint64(len(tt.fs)); tt.pass && st.TakenFrames-taken != want {
				t.Errorf("%d frames counted as taken, want %d", st.TakenFrames-taken, want)
			}
		})
	}
}

// A player that keeps up is never late, though nothing is ever taken from its queue.
func TestPassIsTaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(QueueLimits{HardDelay: time.Second}, nil)
		for ms := int64(0); ms < 10_000; ms += 100 {
			q.Pass([]*Frame{mustFrame(t, Video, ms, keyFrame(1))})
			time.Sleep(100 * time.Millisecond)
		}
		for ms := int64(10_000); ms < 11_000; ms += 600 { // it has just begun not to take
			q.Put(mustFrame(t, Video, ms, keyFrame(1)))
			time.Sleep(600 * time.Millisecond)
		}
		if err := q.Err(); err != nil {
			t.Error(err)
		}
	})
}
