package media

import (
	"fmt"
	"testing"
	"time"
)

func benchmarkPublish(b *testing.B, players int) {
	r := NewRegistry(Options{})
	p := mustPublish(b, r, "live/a")
	defer p.Close()
	must(b, p.Video(0, videoConfig(1)))
	queues := make([]*Queue, players)
	for i := range queues {
		queues[i] = NewQueue(QueueLimits{}, func() {})
		defer r.Subscribe("live/a", queues[i]).Close()
	}
	key := append(keyFrame(1), make([]byte, 10_000)...)
	inter := append(interFrame(1), make([]byte, 8000)...)
	buf := make([]*Frame, 0, 16)
	b.SetBytes(8009)
	b.ReportAllocs()
	n := uint32(0)
	for b.Loop() {
		payload := inter
		if n%50 == 0 {
			payload = key
		}
		must(b, p.Video(n*40, payload))
		n++
		for _, q := range queues {
			buf = q.Take(buf[:0], 0)
		}
	}
}

func BenchmarkPublish1(b *testing.B)    { benchmarkPublish(b, 1) }
func BenchmarkPublish100(b *testing.B)  { benchmarkPublish(b, 100) }
func BenchmarkPublish1000(b *testing.B) { benchmarkPublish(b, 1000) }

// BenchmarkStuck is the cost of players that take nothing.
func BenchmarkStuck(b *testing.B) {
	q := NewQueue(QueueLimits{HardDelay: -1}, nil)
	fs := frames(b, 0, 60_000, 2000, 8000)
	b.ReportAllocs()
	i, round := 0, int64(0)
	for b.Loop() {
		f := fs[i]
		if round > 0 {
			f = &Frame{Kind: f.Kind, Time: f.Time + round*60_000, Payload: f.Payload, Info: f.Info, Sync: f.Sync}
		}
		q.Deliver(f)
		if i++; i == len(fs) {
			i, round = 0, round+1
		}
	}
}

func BenchmarkFrameChunks(b *testing.B) {
	for _, size := range []int{200, 10_000, 200_000} {
		payload := append(keyFrame(1), make([]byte, size)...)
		b.Run(fmt.Sprintf("first/%d", size), func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				f := Frame{Kind: Video, Payload: payload}
				f.Chunks(1)
			}
		})
	}
	f := mustFrame(b, Video, 0, append(keyFrame(1), make([]byte, 10_000)...))
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.Chunks(1)
		}
	})
	b.Run("again/parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				f.Chunks(1)
			}
		})
	})
}

func BenchmarkJoin(b *testing.B) {
	r := NewRegistry(Options{})
	p := mustPublish(b, r, "live/a")
	defer p.Close()
	must(b, p.Video(0, videoConfig(1)), p.Video(0, keyFrame(1)))
	for i := range uint32(100) {
		must(b, p.Video(i*40, interFrame(i)), p.Audio(i*40+20, audioFrame(i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Subscribe("live/a", NewQueue(QueueLimits{}, nil)).Close()
	}
}

func BenchmarkClock(b *testing.B) {
	var c Clock
	ts := uint32(time.Hour.Milliseconds())
	for b.Loop() {
		c.Map(Video, ts)
		c.Map(Audio, ts+3)
		ts += 23
	}
}
