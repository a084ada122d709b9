package media

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// scene makes frames by short name; times are given in each.
func vid(t testing.TB, time int64, sync bool, size int) *Frame {
	t.Helper()
	head := interFrame(uint32(time))
	if sync {
		head = keyFrame(uint32(time))
	}
	return mustFrame(t, Video, time, append(make([]byte, 0, size), append(head[:5], append(make([]byte, max(0, size-9)), head[5:]...)...)...))
}

func aud(t testing.TB, time int64, size int) *Frame {
	t.Helper()
	head := audioFrame(uint32(time))
	return mustFrame(t, Audio, time, append(head[:2:2], append(make([]byte, max(0, size-6)), head[2:]...)...))
}

// frames are those of A/V at 25 pictures/s with a key frame every gop ms.
func frames(t testing.TB, from, to, gop int64, size int) []*Frame {
	var fs []*Frame
	for now := from; now < to; now += 40 {
		fs = append(fs, vid(t, now, now%gop == 0, size), aud(t, now+20, 50))
	}
	return fs
}

func deliverAll(q *Queue, fs []*Frame) {
	for _, f := range fs {
		q.Deliver(f)
	}
}

// decodable fails unless video starts with a key frame and has no hole after it.
func decodable(t *testing.T, fs []*Frame) (first *Frame, videos int) {
	t.Helper()
	last := map[Kind]int64{}
	lost := true
	for _, f := range fs {
		if f.Header() || f.Marker() {
			continue
		}
		if prev, ok := last[f.Kind]; ok && f.Time < prev {
			t.Errorf("%s after %d", name(f), prev)
		} else if f.Kind == Video && ok && f.Time != prev+40 {
			lost = true
		}
		last[f.Kind] = f.Time
		if f.Kind != Video {
			continue
		}
		if f.Sync {
			lost = false
		}
		if lost {
			t.Errorf("%s cannot be decoded", name(f))
		}
		if videos++; first == nil {
			first = f
		}
	}
	return first, videos
}

func TestQueueOrder(t *testing.T) {
	wakes := 0
	q := NewQueue(QueueLimits{}, func() { wakes++ })
	for round := range int64(3) {
		base := round * 1000
		deliverAll(q, frames(t, base, base+200, 1000, 100))
		if wakes != int(round)+1 {
			t.Errorf("round %d: %d wakes", round, wakes)
		}
		got := q.Take(nil, 0)
		if len(got) != 10 {
			t.Fatalf("got %s", names(got))
		}
		decodable(t, got[:])
	}
	if got := q.Take(nil, 0); got != nil {
		t.Errorf("an empty queue gave %s", names(got))
	}
	if st := q.Stats(); st.TakenFrames != 30 || st.TakenBytes != 15*100+15*50 || st.Frames != 0 || st.Bytes != 0 || st.Drops != 0 || st.Delay != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestQueueTake(t *testing.T) {
	q := NewQueue(QueueLimits{}, nil)
	for i := range int64(4) {
		q.Deliver(vid(t, i*40, i == 0, 100))
	}
	for i, tt := range []struct{ max, want int }{{1, 1}, {100, 1}, {250, 2}, {250, 0}} {
		if got := q.Take(nil, tt.max); len(got) != tt.want {
			t.Errorf("take %d with %d bytes: %d frames, want %d", i, tt.max, len(got), tt.want)
		}
	}
	buf := make([]*Frame, 0, 4)
	q.Deliver(vid(t, 200, true, 10))
	if got := q.Take(buf, 0); len(got) != 1 || &got[:cap(got)][0] != &buf[:1][0] {
		t.Error("dst is not used")
	}
}

func TestQueueSoft(t *testing.T) {
	header := mustFrame(t, Video, 0, videoConfig(1))
	meta := NewData(0, MetadataName, metadata(1))
	cue := NewData(0, "onCue", nil)
	tests := []struct {
		name       string
		limits     QueueLimits
		in         []*Frame
		first      int64 // time of the first video frame taken
		videos     int
		audioSince int64 // time of the first audio frame taken
		waiting    bool
	}{
		{"within bounds", QueueLimits{}, frames(t, 0, 3000, 1000, 100), 0, 75, 20, false},
		{"delay: back to the newest key frame", QueueLimits{SoftDelay: 2 * time.Second}, frames(t, 0, 2040, 1000, 100), 2000, 1, 20, false},
		{"delay: old audio goes too", QueueLimits{SoftDelay: 2 * time.Second}, frames(t, 0, 2080, 1000, 100), 2000, 2, 540, false},
		{"bytes: back to the newest key frame", QueueLimits{SoftBytes: 30 * (1256 + 306)}, frames(t, 0, 31*40, 1000, 1256-256), 1000, 6, 20, false},
		{"delay: the key frame is too old", QueueLimits{SoftDelay: 2 * time.Second}, frames(t, 0, 2040, 10_000, 100), -1, 0, 20, true},
		{"bytes: the key frame is too old", QueueLimits{SoftBytes: 30 * (1256 + 306)}, frames(t, 0, 40*40, 10_000, 1256-256), -1, 0, 20, true},
		{"starts again at a key frame", QueueLimits{SoftDelay: 2 * time.Second}, frames(t, 0, 5080, 5000, 100), 5000, 2, -1, false},
		{"one huge key frame stays", QueueLimits{SoftBytes: 1000}, []*Frame{vid(t, 0, true, 100), vid(t, 40, false, 100), vid(t, 80, true, 5000)}, 80, 1, -1, false},
		{"no bound", QueueLimits{SoftBytes: -1, SoftDelay: -1}, frames(t, 0, 9000, 100_000, 100), 0, 225, 20, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := NewQueue(tt.limits, nil)
			deliverAll(q, []*Frame{header, meta, cue})
			deliverAll(q, tt.in)
			st := q.Stats()
			got := q.Take(nil, 0)
			if len(got) < 3 || got[0] != header || got[1] != meta || got[2] != cue {
				t.Fatalf("headers or data are gone: %s", names(got))
			}
			first, videos := decodable(t, got)
			at := int64(-1)
			if first != nil {
				at = first.Time
			}
			audio := int64(-1)
			for _, f := range got {
				if f.Kind == Audio && audio < 0 {
					audio = f.Time
				}
			}
			if at != tt.first || videos != tt.videos || tt.audioSince >= 0 && audio != tt.audioSince {
				t.Errorf("first video %d (%d), audio %d; want %d (%d), %d", at, videos, audio, tt.first, tt.videos, tt.audioSince)
			}
			if st.Waiting != tt.waiting || st.Frames != len(got) || q.Err() != nil {
				t.Errorf("stats %+v, err %v", st, q.Err())
			}
			if total := uint64(len(got)) - 3 + st.DroppedAudio + st.DroppedVideo; total != uint64(len(tt.in)) {
				t.Errorf("%d of %d frames are accounted for", total, len(tt.in))
			}
			if (st.Drops > 0) != (st.DroppedAudio+st.DroppedVideo > 0) {
				t.Errorf("stats %+v", st)
			}
			if st := q.Stats(); st.Bytes != 0 {
				t.Errorf("%d bytes in an empty queue", st.Bytes)
			}
		})
	}
}

func TestQueueAudioOnly(t *testing.T) {
	q := NewQueue(QueueLimits{SoftDelay: time.Second}, nil)
	for now := int64(0); now < 5000; now += 20 {
		q.Deliver(aud(t, now, 50))
		if st := q.Stats(); st.Delay > time.Second {
			t.Fatalf("delay %v", st.Delay)
		}
	}
	got := q.Take(nil, 0)
	if last := got[len(got)-1]; last.Time != 4980 || last.Time-got[0].Time < 700 {
		t.Errorf("from %d to %d", got[0].Time, last.Time)
	}
	q = NewQueue(QueueLimits{SoftBytes: 306 * 100}, nil)
	for now := int64(0); now < 3000; now += 20 {
		q.Deliver(aud(t, now, 50))
	}
	if st := q.Stats(); st.Bytes > 306*100 || st.Frames < 70 || st.DroppedAudio == 0 || st.DroppedVideo != 0 || st.DroppedBytes != st.DroppedAudio*50 {
		t.Errorf("stats %+v", st)
	}
}

// TestQueueReplay: what a newcomer gets at once may be far over the soft bounds.
func TestQueueReplay(t *testing.T) {
	wakes := 0
	q := NewQueue(QueueLimits{SoftBytes: 5000, SoftDelay: time.Second}, func() { wakes++ })
	q.Replay([]*Frame{{Kind: Published}, mustFrame(t, Video, 0, videoConfig(1))})
	q.Replay(frames(t, 0, 8000, 10_000, 1000))
	deliverAll(q, frames(t, 8000, 8080, 10_000, 1000))
	if st := q.Stats(); st.Frames != 2+404 || st.Drops != 0 || wakes != 1 {
		t.Fatalf("stats %+v, %d wakes", st, wakes)
	}
	got := q.Take(nil, 100_000)
	deliverAll(q, frames(t, 8080, 8120, 10_000, 1000))
	got = q.Take(got, 0)
	if _, videos := decodable(t, got); videos != 203 {
		t.Errorf("%d pictures", videos)
	}
	if st := q.Stats(); st.Bytes != 0 || q.replay != 0 || q.replayB != 0 {
		t.Errorf("stats %+v, replay %d frames %d bytes", st, q.replay, q.replayB)
	}

	// Taken nothing while the live part passes the bound: the replay is dropped too.
	q.Replay(frames(t, 0, 1000, 10_000, 1000))
	deliverAll(q, frames(t, 1000, 2000, 10_000, 1000))
	if st := q.Stats(); st.DroppedVideo == 0 || !st.Waiting || st.Delay > time.Second {
		t.Errorf("stats %+v", st)
	}
}

func TestQueueHard(t *testing.T) {
	t.Run("bytes", func(t *testing.T) {
		wakes := 0
		q := NewQueue(QueueLimits{SoftBytes: -1, SoftDelay: -1, HardBytes: 10 * 356}, func() { wakes++ })
		for i := range int64(11) {
			if q.Err() != nil {
				t.Fatalf("ended at frame %d", i)
			}
			q.Deliver(vid(t, i*40, i == 0, 100))
		}
		st := q.Stats()
		if q.Err() != ErrSlow || st.Frames != 0 || st.Bytes != 0 || st.DroppedVideo != 11 || wakes != 2 {
			t.Errorf("err %v, %+v, %d wakes", q.Err(), st, wakes)
		}
		q.Deliver(vid(t, 900, true, 100))
		q.Replay([]*Frame{vid(t, 900, true, 100)})
		if got := q.Take(nil, 0); got != nil || wakes != 2 {
			t.Errorf("got %s, %d wakes", names(got), wakes)
		}
		if q.Close(); q.Err() != ErrSlow {
			t.Errorf("after Close: %v", q.Err())
		}
	})
	t.Run("delay", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := NewQueue(QueueLimits{}, nil)
			for _, f := range frames(t, 0, 20_000, 1000, 100) {
				q.Deliver(f)
				if q.Err() != nil {
					if f.Time < 10_000 || f.Time > 10_100 {
						t.Errorf("ended at %d", f.Time)
					}
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Error("a stuck consumer was not ended")
		})
	})
	t.Run("a slow consumer that takes is not ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := NewQueue(QueueLimits{}, nil)
			var got []*Frame
			for i, f := range frames(t, 0, 60_000, 2000, 1000) {
				q.Deliver(f)
				time.Sleep(20 * time.Millisecond)
				if i%4 == 0 { // about half of what comes
					got = q.Take(got, 1100)
				}
			}
			if _, videos := decodable(t, got); q.Err() != nil || videos < 200 {
				t.Errorf("err %v, %d pictures", q.Err(), videos)
			}
		})
	})
	t.Run("a publisher that catches up does not end its players", func(t *testing.T) {
		q := NewQueue(QueueLimits{}, nil)
		deliverAll(q, frames(t, 0, 60_000, 2000, 100))
		if q.Err() != nil {
			t.Error(q.Err())
		}
	})
}

// TestQueueTrigger: frames that may not be dropped must not make every later one slow.
func TestQueueTrigger(t *testing.T) {
	q := NewQueue(QueueLimits{SoftBytes: 1000, HardBytes: -1}, nil)
	for range 100 {
		q.Deliver(NewData(0, "onCue", make([]byte, 100)))
	}
	if q.Err() != nil || q.Stats().Frames != 100 || q.trigger <= q.bytes {
		t.Errorf("err %v, %+v, trigger %d", q.Err(), q.Stats(), q.trigger)
	}
	q.Take(nil, 0)
	if q.trigger != 1000 {
		t.Errorf("trigger %d after everything was taken", q.trigger)
	}
}

func TestQueuePauseMute(t *testing.T) {
	vc := func(n uint32) *Frame { return mustFrame(t, Video, 0, videoConfig(n)) }
	ac := func(n uint32) *Frame { return mustFrame(t, Audio, 0, audioConfig(n)) }
	meta := func(n uint32) *Frame { return NewData(0, MetadataName, metadata(n)) }
	cue := NewData(0, "onCue", body(nil, 1))
	tests := []struct {
		name string
		off  func(*Queue, bool)
		want string // what is there while off, and after
	}{
		{"pause", (*Queue).Pause, "published@0 | VC3@0 AC2@0 M2@0 A900@900 K1000@1000 A1020@1020 D1@0"},
		{"mute video", func(q *Queue, on bool) { q.Mute(Video, on) },
			"published@0 A20@20 AC2@0 A60@60 M2@0 D1@0 | VC3@0 A900@900 K1000@1000 A1020@1020 D1@0"},
		{"mute audio", func(q *Queue, on bool) { q.Mute(Audio, on) },
			"published@0 K0@0 VC2@0 VC3@0 v40@40 M2@0 D1@0 | AC2@0 v880@880 A900@900 K1000@1000 A1020@1020 D1@0"},
		{"mute data", func(q *Queue, on bool) { q.Mute(Data, on) },
			"published@0 K0@0 A20@20 VC2@0 VC3@0 AC2@0 v40@40 A60@60 | M2@0 v880@880 A900@900 K1000@1000 A1020@1020 D1@0"},
		{"mute nothing known", func(q *Queue, on bool) { q.Mute(Published, on) },
			"published@0 K0@0 A20@20 VC2@0 VC3@0 AC2@0 v40@40 A60@60 M2@0 D1@0 | v880@880 A900@900 K1000@1000 A1020@1020 D1@0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wakes := 0
			q := NewQueue(QueueLimits{}, func() { wakes++ })
			deliverAll(q, []*Frame{{Kind: Published}, vid(t, 0, true, 9), aud(t, 20, 6)})
			tt.off(q, true)
			deliverAll(q, []*Frame{vc(2), vc(3), ac(2), vid(t, 40, false, 9), aud(t, 60, 6), meta(2), cue})
			got := names(q.Take(nil, 0)) + " | "
			n := wakes
			tt.off(q, false)
			if len(q.Take(nil, -1)) == 0 != (wakes == n) {
				t.Errorf("%d wakes, then %d", n, wakes)
			}
			// Once more, now with what follows.
			q = NewQueue(QueueLimits{}, nil)
			deliverAll(q, []*Frame{{Kind: Published}, vid(t, 0, true, 9), aud(t, 20, 6)})
			tt.off(q, true)
			deliverAll(q, []*Frame{vc(2), vc(3), ac(2), vid(t, 40, false, 9), aud(t, 60, 6), meta(2), cue})
			q.Take(nil, 0)
			tt.off(q, false)
			deliverAll(q, []*Frame{vid(t, 880, false, 9), aud(t, 900, 6), vid(t, 1000, true, 9), aud(t, 1020, 6), cue})
			got += names(q.Take(nil, 0))
			if got != tt.want {
				t.Errorf("\n got  %s\n want %s", got, tt.want)
			}
			if st := q.Stats(); st.DroppedAudio != 0 || st.Bytes != 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
	t.Run("held headers end with the publication", func(t *testing.T) {
		q := NewQueue(QueueLimits{}, nil)
		q.Pause(true)
		deliverAll(q, []*Frame{vc(1), meta(1), {Kind: Unpublished}, {Kind: Published}, vc(2)})
		q.Mute(Audio, true) // another change does not let them through
		if got := names(q.Take(nil, 0)); got != "unpublished@0 published@0" {
			t.Errorf("got %s", got)
		}
		q.Pause(false)
		if got := names(q.Take(nil, 0)); got != "VC2@0" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("held headers are bounded", func(t *testing.T) {
		q := NewQueue(QueueLimits{}, nil)
		q.Pause(true)
		for i := range 300 {
			q.Deliver(mustFrame(t, Video, 0, trackConfig(uint8(i), 1)))
		}
		q.Pause(false)
		if n := len(q.Take(nil, 0)); n != maxHeld {
			t.Errorf("%d headers", n)
		}
	})
}

func TestQueueClose(t *testing.T) {
	var wakes atomic.Int32
	q := NewQueue(QueueLimits{}, func() { wakes.Add(1) })
	q.Deliver(vid(t, 0, true, 100))
	q.Close()
	q.Deliver(vid(t, 40, false, 100))
	if q.Err() != ErrQueueClosed || q.Take(nil, 0) != nil || wakes.Load() != 1 {
		t.Errorf("err %v, %d wakes", q.Err(), wakes.Load())
	}
}

func TestQueueNoAllocations(t *testing.T) {
	q := NewQueue(QueueLimits{}, func() {})
	fs := frames(t, 0, 1000, 1000, 100)
	buf := q.Take(make([]*Frame, 0, 64), 0)
	if n := testing.AllocsPerRun(100, func() {
		deliverAll(q, fs)
		buf = q.Take(buf[:0], 0)
	}); n > 0 {
		t.Errorf("%v allocations for %d frames", n, len(fs))
	}
}
