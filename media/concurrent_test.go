package media

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// checker verifies what one subscriber of serial frames gets: a marker, headers, a
// key frame, then every frame without a gap or duplicate until Unpublished.
type checker struct {
	live    bool
	config  bool
	started bool
	next    uint32
	times   map[Kind]int64
	frames  int
	errs    []string
}

func (c *checker) Deliver(f *Frame) {
	bad := func(why string) { c.errs = append(c.errs, fmt.Sprintf("%s: %s", name(f), why)) }
	if !f.Marker() {
		if !c.live {
			bad("without a publisher")
		}
		if f.Time < c.times[f.Kind] {
			bad(fmt.Sprintf("time falls from %d", c.times[f.Kind]))
		}
		c.times[f.Kind] = f.Time
	}
	switch {
	case f.Kind == Published:
		if c.live {
			bad("published twice")
		}
		c.live, c.config, c.started = true, false, false
	case f.Kind == Unpublished:
		if !c.live {
			bad("unpublished twice")
		}
		c.live = false
	case f.Info.Config:
		c.config = true
	case !c.started:
		if !f.Sync || !c.config {
			bad("first, but no key frame after a sequence header")
		}
		c.started, c.next = true, number(f)+1
		c.frames++
	default:
		if n := number(f); n != c.next {
			bad(fmt.Sprintf("want %d", c.next))
		}
		c.next = number(f) + 1
		c.frames++
	}
}

// serial publishes one GOP after another, all frames numbered in one row.
func serial(t *testing.T, p *Publication, total int) {
	n, ts := uint32(0), uint32(0)
	for i := range total {
		var err error
		switch {
		case i%100 == 0:
			if err = p.Video(ts, videoConfig(uint32(i))); err == nil {
				n++
				err = p.Video(ts, keyFrame(n))
			}
		case i%3 == 1:
			n++
			err = p.Audio(ts, audioFrame(n))
		case i%50 == 2:
			n++
			err = p.Data(ts, "onCue", binary.BigEndian.AppendUint32(nil, n))
		default:
			n++
			err = p.Video(ts, interFrame(n))
		}
		if err != nil {
			t.Error(err)
			return
		}
		ts += 20
		if i%20 == 19 {
			time.Sleep(50 * time.Microsecond) // let newcomers in
		}
	}
}

// TestJoinAtRandom has subscribers come and go on several streams while publishers
// send and replace each other.
func TestJoinAtRandom(t *testing.T) {
	const keys, joiners = 3, 8
	var seen atomic.Int64
	r := NewRegistry(Options{})
	var publishers, subscribers sync.WaitGroup
	stop := make(chan struct{})
	for k := range keys {
		key := fmt.Sprintf("live/%d", k)
		publishers.Go(func() {
			for range 4 {
				p, err := r.Publish(key, nil)
				if err != nil {
					t.Error(err)
					return
				}
				serial(t, p, 1500)
				p.Close()
			}
		})
		for j := range joiners {
			subscribers.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(k), uint64(j)))
				for running := true; running; {
					c := &checker{times: map[Kind]int64{}}
					var sub *Subscription
					if j%4 == 3 {
						sub = r.SubscribeLive(key, c)
					} else {
						sub = r.Subscribe(key, c)
					}
					select {
					case <-time.After(time.Duration(rng.IntN(3000)) * time.Microsecond):
					case <-stop:
						running = false
					}
					sub.Close()
					for _, e := range c.errs {
						t.Errorf("%s joiner %d: %s", key, j, e)
					}
					seen.Add(int64(c.frames))
				}
			})
		}
	}
	publishers.Wait()
	close(stop)
	subscribers.Wait()
	if n := seen.Load(); n < 5000 {
		t.Errorf("only %d frames were seen", n)
	}
	if n := len(r.Streams()); n != 0 || r.GOPBytes() != 0 {
		t.Errorf("%d streams, %d bytes are left", n, r.GOPBytes())
	}
}

// TestPublishersCompete: of many that want a name one has it at a time, and taking
// it over always works in the end.
func TestPublishersCompete(t *testing.T) {
	r := NewRegistry(Options{})
	c := &checker{times: map[Kind]int64{}}
	sub := r.Subscribe("a", c)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				p, err := r.Publish("a", nil)
				if busy, ok := err.(*BusyError); ok {
					busy.Current.Revoke(fmt.Errorf("taken over"))
					continue
				}
				_ = p.Video(0, videoConfig(1))
				_ = p.Video(0, keyFrame(1))
				_ = p.Audio(10, audioFrame(2))
				_ = p.Err()
				_ = r.Live("a")
				p.Close()
			}
		})
	}
	wg.Wait()
	sub.Close()
	for _, e := range c.errs {
		t.Error(e)
	}
	if c.live || r.Live("a") || len(r.Streams()) != 0 {
		t.Error("the name is still in use")
	}
}

// TestQueueConcurrent feeds a queue from a stream while its consumer takes, mutes
// and looks at it.
func TestQueueConcurrent(t *testing.T) {
	r := NewRegistry(Options{})
	wake := make(chan struct{}, 1)
	q := NewQueue(QueueLimits{SoftDelay: 500 * time.Millisecond}, func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	sub := r.Subscribe("a", q)
	p := mustPublish(t, r, "a")
	var wg sync.WaitGroup
	wg.Go(func() {
		serial(t, p, 20_000)
		p.Close()
	})
	var buf []*Frame
	for n, ended := 0, false; !ended; n++ {
		<-wake
		buf = q.Take(buf[:0], 4096)
		for more := true; more; {
			for _, f := range buf {
				ended = ended || f.Kind == Unpublished
				f.Chunks(1)
			}
			before := len(buf)
			buf = q.Take(buf[:0], 4096)
			more = len(buf) > 0 && before > 0
		}
		switch n % 16 {
		case 3:
			q.Mute(Video, true)
		case 5:
			q.Mute(Video, false)
		case 9:
			q.Pause(true)
		case 11:
			q.Pause(false)
		}
		_ = q.Stats()
	}
	wg.Wait()
	sub.Close()
	if q.Err() != nil {
		t.Error(q.Err())
	}
}
