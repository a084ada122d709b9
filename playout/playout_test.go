package playout

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"penstock/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// studio is a registry with channels, a channel "out" and who watches it.
type studio struct {
	t        *testing.T
	reg      *media.Registry
	channels *Channels
	out      *Channel
	queue    *media.Queue
	last     map[media.Kind]int64
	mu       sync.Mutex // guards told
	told     []string
}

// play runs f in a bubble of its own time.
func play(t *testing.T, o Options, f func(s *studio)) {
	synctest.Test(t, func(t *testing.T) {
		s := &studio{t: t, reg: media.NewRegistry(media.Options{}), last: make(map[media.Kind]int64)}
		s.channels = NewChannels(s.reg, o)
		s.queue = media.NewQueue(media.QueueLimits{SoftBytes: -1, SoftDelay: -1, HardBytes: -1, HardDelay: -1}, nil)
		sub := s.reg.Subscribe("out", s.queue)
		out, err := s.channels.Open("out", s.note)
		if err != nil {
			t.Fatal(err)
		}
		s.out = out
		f(s)
		s.channels.Close()
		sub.Close()
	})
}

func (s *studio) note(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, strings.TrimPrefix(string(e.Code), "NetStream.Play.")+"("+e.Source+")")
}

// events are those since the last call.
func (s *studio) events() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	text := strings.Join(s.told, " ")
	s.told = nil
	return text
}

func (s *studio) wantEvents(want string) {
	s.t.Helper()
	if got := s.events(); got != want {
		s.t.Errorf("events %s\nwant   %s", got, want)
	}
}

// want compares what came out: the source's letter and number of each frame, with capitals for headers and key frames.
func (s *studio) want(want string) {
	s.t.Helper()
	synctest.Wait()
	var all []string
	for _, f := range s.queue.Take(nil, 0) {
		switch {
		case f.Marker():
			all = append(all, f.Kind.String())
			continue
		case f.Kind == media.Data && f.Name != media.MetadataName:
			all = append(all, f.Name)
			continue
		case f.Time < s.last[f.Kind]:
			s.t.Errorf("%v at %d after %d", f.Kind, f.Time, s.last[f.Kind])
		}
		s.last[f.Kind] = f.Time
		all = append(all, fmt.Sprintf("%s@%d", f.Payload[len(f.Payload)-2:], f.Time))
	}
	if got := strings.Join(all, " "); got != want {
		s.t.Errorf("got  %s\nwant %s", got, want)
	}
}

// camera publishes a source: a key frame every five frames, 40 ms apart, with audio before the key frames.
type camera struct {
	s     *studio
	pub   *media.Publication
	name  byte
	ts    uint32
	n     int
	quiet bool // has no audio
	lags  bool // has audio with each picture, sent later
}

func (s *studio) camera(name byte, ts uint32) *camera {
	s.t.Helper()
	pub, err := s.reg.Publish("cam "+string(name), s)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &camera{s: s, pub: pub, name: name, ts: ts}
	must(s.t, pub.SetMetadata(append([]byte("\x02\x00\x0aonMetaData"), name, 'M')), pub.Video(ts, []byte{0x17, 0, 0, 0, 0, name, 'V'}))
	return c
}

// roll sends frames, one each 40 ms.
func roll(n int, cameras ...*camera) {
	for range n {
		for _, c := range cameras {
			head, number := byte(0x27), byte('0'+c.n%5)
			if c.n%5 == 0 {
				head, number = 0x17, 'K'
				if !c.quiet {
					must(c.s.t, c.pub.Audio(c.ts-10, []byte{0xAF, 1, c.name, 'a'}))
				}
			}
			must(c.s.t, c.pub.Video(c.ts, []byte{head, 1, 0, 0, 0, c.name, number}))
			c.ts += 40
			c.n++
		}
		synctest.Wait()
		time.Sleep(20 * time.Millisecond)
		for _, c := range cameras {
			if c.lags {
				must(c.s.t, c.pub.Audio(c.ts-80, []byte{0xAF, 1, c.name, 's'}))
			}
		}
		synctest.Wait()
		time.Sleep(20 * time.Millisecond)
	}
}

// A cut from one to the other, whose times are anything: at the key frame, with headers, without a jump.
func TestCut(t *testing.T) {
	play(t, Options{}, func(s *studio) {
		a, b := s.camera('a', 5000), s.camera('b', 4_000_000_000)
		roll(2, a, b)
		s.want("published")
		must(t, s.out.Play(Item{Source: "cam a"}))
		s.want("aM@0 aV@0 aK@0 a1@40") // what is cached is there at once
		roll(2, a, b)
		s.want("a2@80 a3@120")
		s.wantEvents("Start(cam a)")
		must(t, s.out.Play(Item{Source: "cam b"}))
		roll(1, a, b)
		s.want("a4@160")
		if air := s.out.OnAir(); air != "cam a" {
			t.Errorf("on air: %s", air)
		}
		roll(2, a, b) // b's audio before its key frame is not of it
		s.want("aa@190 aK@200 onPlayStatus bM@200 bV@201 bK@201 b1@241")
		s.wantEvents("Reset() Stop(cam a) Switch(cam b) Start(cam b)")
		if air := s.out.OnAir(); air != "cam b" {
			t.Errorf("on air: %s", air)
		}
		must(t, b.pub.Audio(b.ts-100, []byte{0xAF, 1, 'b', '-'}), b.pub.Audio(b.ts-40, []byte{0xAF, 1, 'b', '+'}))
		s.want("b+@241") // of before the cut, and of after it
		late := media.NewQueue(media.QueueLimits{}, nil)
		defer s.reg.Subscribe("out", late).Close()
		s.queue, s.last = late, make(map[media.Kind]int64)
		s.want("published bM@201 bV@201 bK@201 b1@241 b+@241") // a newcomer gets nothing of a
		if i, _ := s.reg.Stream("out"); i.Width != 0 || i.Owner != s.out {
			t.Errorf("%+v", i)
		}
	})
}

// Whatever is cut, and how often, the stream's time goes on with the clock.
func TestManyCuts(t *testing.T) {
	play(t, Options{}, func(s *studio) {
		cameras := []*camera{s.camera('a', 0), s.camera('b', 1<<32-10_000)}
		for _, c := range cameras {
			c.lags, c.quiet = true, true
		}
		began := time.Now()
		for i := range 200 {
			must(t, s.out.Play(Item{Source: "cam " + string(cameras[i%2].name)}))
			roll(5+i%7, cameras...)
			if i%50 == 0 {
				time.Sleep(time.Duration(i) * time.Millisecond / 10) // as encoders are, a little off
			}
		}
		last := int64(-1)
		for _, f := range s.queue.Take(nil, 0) {
			if f.Kind == media.Video && !f.Header() {
				if f.Time <= last {
					t.Fatalf("a picture at %d after one at %d", f.Time, last)
				}
				last = f.Time
			}
		}
		passed, newest := time.Since(began).Milliseconds(), s.out.newest.Load()
		if d := passed - newest; d < -500 || d > 500 {
			t.Errorf("%d ms passed, the stream's time is %d", passed, newest)
		}
	})
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
