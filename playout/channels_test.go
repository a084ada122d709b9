package playout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"penstock/media"
	"penstock/status"
)

// A channel can be the source of another.
func TestChain(t *testing.T) {
	play(t, Options{}, func(s *studio) {
		second, err := s.channels.Open("second", nil)
		must(t, err, second.Play(Item{Source: "out"}))
		third, err := s.channels.Open("third", nil)
		must(t, err, third.Play(Item{Source: "second"}))
		for _, c := range []struct {
			c     *Channel
			items []Item
		}{{third, []Item{{Source: "third"}}}, {s.out, []Item{{Source: "cam a"}, {Source: "third"}}}, {second, []Item{{Source: "third"}}}} {
			if err := c.c.Append(c.items...); !errors.Is(err, ErrCircle) {
				t.Errorf("%s may play %v: %v", c.c.Key(), c.items, err)
			}
		}
		a := s.camera('a', 0)
		must(t, s.out.Play(Item{Source: "cam a"}))
		s.queue = media.NewQueue(media.QueueLimits{}, nil)
		defer s.reg.Subscribe("third", s.queue).Close()
		roll(3, a)
		s.want("published aM@0 aV@0 aK@0 a1@40 a2@80")
		must(t, second.Stop(), second.Play(Item{Source: "cam b"}), third.Stop())
		synctest.Wait()
		must(t, s.out.Play(Item{Source: "third"})) // no circle any more
	})
}

// Metadata tells pages the size of the picture.
func TestInfo(t *testing.T) {
	play(t, Options{}, func(s *studio) {
		a := s.camera('a', 0)
		a.pub.SetInfo(640, 360, 25)
		must(t, s.out.Play(Item{Source: "cam a"}))
		roll(1, a)
		if i, _ := s.reg.Stream("out"); i.Width != 640 || i.Height != 360 || i.FrameRate != 25 {
			t.Errorf("%+v", i)
		}
	})
}

// Data messages of the source and of the program.
func TestSend(t *testing.T) {
	play(t, Options{}, func(s *studio) {
		a := s.camera('a', 0)
		must(t, s.out.Send("early"))
		must(t, a.pub.Data(0, "before", nil))
		must(t, s.out.Play(Item{Source: "cam a"}))
		roll(1, a)
		must(t, a.pub.Data(40, "cue", []byte("\x02\x00\x03cue")), s.out.Send("note", "x", 1.0))
		s.want("published early aM@0 aV@0 aK@0 note cue")
		if err := s.out.Send("note", make(chan int)); err == nil {
			t.Error("a value that cannot be encoded was sent")
		}
		s.out.Close()
		if err := s.out.Send("note"); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		s.want("unpublished")
	})
}

// Names belong to who has them; what is opened and waits is bounded.
func TestBounds(t *testing.T) {
	play(t, Options{Channels: 2, Items: 3}, func(s *studio) {
		s.camera('a', 0)
		bad := &status.Status{Code: status.PublishBadName}
		for _, key := range []string{"out", "cam a", "", strings.Repeat("x", MaxKey+1)} {
			if _, err := s.channels.Open(key, nil); !errors.Is(err, bad) {
				t.Errorf("%.20q: %v", key, err)
			}
		}
		second, err := s.channels.Open("second", nil)
		must(t, err)
		var limit *media.LimitError
		if _, err := s.channels.Open("third", nil); !errors.As(err, &limit) || limit.Option != "channels" || limit.Limit != 2 || limit.Got != 3 {
			t.Errorf("a third channel: %v", err)
		}
		var busy *media.BusyError
		if _, err := s.reg.Publish("second", s); !errors.As(err, &busy) {
			t.Errorf("a publisher in a channel's place: %v", err)
		}
		x := Item{Source: "x"}
		must(t, second.Append(x, x))
		synctest.Wait() // the first is waited for
		must(t, second.Append(x, x))
		limit = nil
		if err := second.Append(x); !errors.As(err, &limit) || limit.Option != "items" || limit.Limit != 3 || limit.Got != 4 {
			t.Errorf("a fifth item: %v", err)
		}
		if err := second.Play(x, x, x, x); !errors.As(err, &limit) || len(second.Waiting()) != 3 {
			t.Errorf("four items: %v, waiting %v", err, second.Waiting())
		}
		must(t, second.Play(x, x, x))
		for _, i := range []Item{{}, {Source: strings.Repeat("x", MaxKey+1)}, {Source: "x", Length: -1}} {
			if err := second.Play(i); err == nil {
				t.Errorf("%.20v is an item", i)
			}
		}
		second.Close()
		second.Close()
		if err := second.Play(x); !errors.Is(err, ErrClosed) || s.reg.Live("second") {
			t.Errorf("after Close: %v", err)
		}
		third, err := s.channels.Open("second", nil)
		must(t, err)
		second.Close() // the old one cannot end the new one
		must(t, third.Err())
		s.channels.Close()
		if _, err := s.channels.Open("x", nil); !errors.Is(err, ErrClosed) || !errors.Is(third.Err(), ErrClosed) {
			t.Errorf("after Close: %v, %v", err, third.Err())
		}
	})
}

// A channel that cannot hand on what comes loses that, and goes on.
func TestSlow(t *testing.T) {
	reg := media.NewRegistry(media.Options{})
	channels := NewChannels(reg, Options{Queue: media.QueueLimits{SoftBytes: 2000, HardBytes: 4000}})
	defer channels.Close()
	hold, events := make(chan struct{}), make(chan Event, 10)
	out, err := channels.Open("out", func(e Event) { events <- e; <-hold })
	must(t, err)
	pub, err := reg.Publish("a", t)
	must(t, err, out.Play(Item{Source: "a"}))
	for len(events) == 0 {
		must(t, pub.Audio(0, []byte{0x2F, 'a', '0'}))
		time.Sleep(time.Millisecond)
	}
	if e := <-events; e.Code != status.PlayStart {
		t.Fatalf("%+v", e)
	}
	for i := range 100 {
		must(t, pub.Data(uint32(i), "x", make([]byte, 100)))
	}
	close(hold)
	if e := <-events; e.Code != status.PlayFailed || e.Source != "a" || !errors.Is(e.Err, media.ErrSlow) {
		t.Fatalf("%+v", e)
	}
	queue := media.NewQueue(media.QueueLimits{}, nil)
	defer reg.Subscribe("out", queue).Close()
	for i := uint32(0); ; i++ {
		must(t, pub.Audio(200+i, []byte{0x2F, 'a', '1'}))
		if slices.ContainsFunc(queue.Take(nil, 0), func(f *media.Frame) bool { return f.Kind == media.Audio }) {
			break
		}
		time.Sleep(time.Millisecond)
	}
}

// Everything at once, for the race detector.
func TestConcurrent(t *testing.T) {
	reg := media.NewRegistry(media.Options{})
	channels := NewChannels(reg, Options{Channels: 4})
	var sources, users sync.WaitGroup
	stop := make(chan struct{})
	for i := range 2 {
		sources.Go(func() {
			for n := uint32(0); ; n++ {
				pub, err := reg.Publish(fmt.Sprint("s", i), t)
				must(t, err)
				for k := range uint32(50) {
					must(t, pub.Video((n*50+k)*40, []byte{0x17, 1, 0, 0, 0, 1}))
				}
				pub.Close()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 4 {
		users.Go(func() {
			for n := range 40 {
				out, err := channels.Open(fmt.Sprint("out", i%3), func(Event) {})
				if err != nil {
					continue
				}
				for k := range 5 {
					_ = out.Play(Item{Source: fmt.Sprint("s", k%2)}, Item{Source: fmt.Sprint("out", n%3)})
					_ = out.Append(Item{Source: "s1", Length: time.Millisecond})
					_ = out.Send("x", float64(k))
					out.OnAir()
					time.Sleep(100 * time.Microsecond)
				}
				out.Close()
			}
		})
	}
	users.Wait()
	close(stop)
	sources.Wait()
	channels.Close()
	if left := reg.Streams(); len(left) != 0 {
		t.Errorf("%d streams are left", len(left))
	}
}
