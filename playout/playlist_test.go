package playout

import (
	"testing"
	"testing/synctest"
	"time"
)

// A playlist goes on when the time of an item is over or its publisher leaves, and waits for one that is not there.
func TestPlaylist(t *testing.T) {
	play(t, Options{}, func(s *studio) {
		a, b := s.camera('a', 0), s.camera('b', 0)
		a.quiet, b.quiet = true, true
		must(t, s.out.Play(Item{Source: "cam a", Length: 200 * time.Millisecond}, Item{Source: "cam z", NoWait: true}, Item{Source: "cam b"}))
		must(t, s.out.Append(Item{Source: "cam c"}))
		roll(12, a, b)
		s.want("published aM@0 aV@0 aK@0 a1@40 a2@80 a3@120 a4@160 aK@200 a1@240 a2@280 a3@320 a4@360 aK@400 onPlayStatus bM@400 bV@401 bK@401 b1@441")
		s.wantEvents("Start(cam a) StreamNotFound(cam z) Stop(cam a) Switch(cam b) Start(cam b)")
		if w := s.out.Waiting(); len(w) != 1 || w[0].Source != "cam c" {
			t.Errorf("waiting %v", w)
		}
		b.pub.Close()
		s.wantEvents("UnpublishNotify(cam b) Stop(cam b)")
		time.Sleep(2 * time.Hour)
		c := s.camera('c', 77)
		roll(1, c)
		s.want("onPlayStatus cM@441 cV@1441 cK@1441") // players that stood still need not wait for two hours
		s.wantEvents("Switch(cam c) Start(cam c)")
		c.pub.Close() // the last one: it may come back
		s.wantEvents("UnpublishNotify(cam c)")
		time.Sleep(time.Minute)
		c = s.camera('c', 500)
		roll(1, c)
		s.want("cM@1441 cV@1481 ca@1481 cK@1481")
		s.wantEvents("PublishNotify(cam c)")
		c.pub.Close()
		must(t, s.out.Append(Item{Source: "cam a"})) // has left already
		roll(5, a)
		s.want("onPlayStatus aM@1481 aV@1641 aK@1641 a1@1681")
		s.wantEvents("UnpublishNotify(cam c) Stop(cam c) Switch(cam a) Start(cam a)")
	})
}

// An item with a length is waited for as long, and then passed over.
func TestWaitIsOver(t *testing.T) {
	play(t, Options{}, func(s *studio) {
		must(t, s.out.Play(Item{Source: "cam z", Length: 3 * time.Second}, Item{Source: "cam y", Length: 3 * time.Second}))
		time.Sleep(3*time.Second - 1)
		s.wantEvents("")
		time.Sleep(time.Nanosecond)
		s.wantEvents("StreamNotFound(cam z)")
		y := s.camera('y', 0)
		synctest.Wait()
		time.Sleep(4 * time.Second) // it is there and has not begun: that is given more time
		s.wantEvents("")
		roll(1, y)
		s.wantEvents("Start(cam y)")
		time.Sleep(4*time.Second - 40*time.Millisecond - 1) // it stands still
		s.wantEvents("")
		time.Sleep(time.Nanosecond)
		s.wantEvents("Stop(cam y)")
		if s.out.OnAir() != "" || s.out.Err() != nil {
			t.Errorf("on air %q, error %v", s.out.OnAir(), s.out.Err())
		}
	})
	play(t, Options{}, func(s *studio) { // who must be there may not leave before it has begun either
		z := s.camera('z', 0)
		must(t, s.out.Play(Item{Source: "cam z", NoWait: true}))
		s.wantEvents("")
		z.pub.Close()
		s.wantEvents("StreamNotFound(cam z)")
	})
}

// What is on air goes on while the next one has not begun, for a time.
func TestHandover(t *testing.T) {
	play(t, Options{Handover: 2 * time.Second}, func(s *studio) {
		a := s.camera('a', 0)
		must(t, s.out.Play(Item{Source: "cam a"}))
		roll(5, a)
		must(t, s.out.Play(Item{Source: "cam z"}))
		s.wantEvents("Start(cam a) Reset()")
		roll(49, a)
		s.wantEvents("")
		roll(2, a)
		s.wantEvents("Stop(cam a)")
		s.queue.Take(nil, 0)
		roll(20, a)
		s.want("")
		must(t, s.out.Play(Item{Source: "cam a"})) // in place of z
		roll(5, a)
		s.wantEvents("Reset() Switch(cam a) Start(cam a)")
		s.queue.Take(nil, 0)
		must(t, s.out.Play(Item{Source: "cam z"}), s.out.Play(Item{Source: "cam y"}))
		must(t, s.out.Stop())
		s.wantEvents("Reset() Stop(cam a)")
		roll(5, a)
		s.want("")
	})
}

// A source without video begins with any frame; one with video does not, unless none comes.
func TestAudio(t *testing.T) {
	play(t, Options{}, func(s *studio) {
		a := s.camera('a', 0)
		must(t, s.out.Play(Item{Source: "cam a"}))
		roll(1, a)
		radio, err := s.reg.Publish("radio", s)
		must(t, err, radio.Audio(9000, []byte{0x2F, 'r', '0'}))
		must(t, s.out.Play(Item{Source: "radio"}))
		synctest.Wait()
		must(t, radio.Audio(9026, []byte{0x2F, 'r', '1'}))
		s.want("published aM@0 aV@0 aK@0 onPlayStatus r1@40") // no metadata
		roll(2, a)

		must(t, s.out.Play(Item{Source: "cam a"}))
		for range 6 { // the picture stands still, the sound goes on
			time.Sleep(1800 * time.Millisecond)
			a.ts += 1800
			must(t, radio.Audio(9026, []byte{0x2F, 'r', '2'}), a.pub.Audio(a.ts, []byte{0xAF, 1, 'a', 's'}))
			synctest.Wait()
		}
		s.want("r2@40 r2@40 r2@40 r2@40 r2@40 onPlayStatus aM@40 aV@1040 as@1040")
		if i, _ := s.reg.Stream("out"); i.VideoCodec != "H.264" || i.AudioCodec != "AAC" {
			t.Errorf("%+v", i)
		}

		// Without a sequence header only the registry knows that there is video.
		old, err := s.reg.Publish("old", s)
		must(t, err, old.Video(0, []byte{0x12, 'o', 'K'}), old.Video(40, []byte{0x22, 'o', '1'}))
		must(t, s.out.Play(Item{Source: "old"}))
		synctest.Wait()
		must(t, old.Video(80, []byte{0x22, 'o', '2'}), old.Audio(2200, []byte{0x2F, 'o', 'a'}))
		s.want("")
		must(t, old.Video(2240, []byte{0x12, 'o', 'K'}))
		s.want("onPlayStatus oK@1041")
	})
}
