package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"penstock/internal/bench/histogram"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
)

// Count is what became of the frames of one kind.
type Count struct {
	Received   uint64 `json:"received"`
	Lost       uint64 `json:"lost"`
	Duplicated uint64 `json:"duplicated"`
	Reordered  uint64 `json:"reordered"`
}

func (c *Count) add(o *Count) {
	c.Received += o.Received
	c.Lost += o.Lost
	c.Duplicated += o.Duplicated
	c.Reordered += o.Reordered
}

// Bad tells whether anything but receiving happened.
func (c *Count) Bad() bool { return c.Lost+c.Duplicated+c.Reordered > 0 }

// Stats is what players counted.
type Stats struct {
	Bytes        uint64
	Video, Audio Count
	BrokenGOPs   uint64 // times that video went on after a gap with a frame that is no key frame
	Ended        uint64 // players whose connection ended before they were closed
	EndedWhy     error  // why the first of them did
	Busy         time.Duration

	VideoLatency, AudioLatency histogram.Histogram // from the publisher's write to the end of the frame; cached frames excepted
	FirstPicture               histogram.Histogram // from the beginning of the TCP connection to the end of the first key frame
}

// Add adds o.
func (s *Stats) Add(o *Stats) {
	s.Bytes += o.Bytes
	s.Video.add(&o.Video)
	s.Audio.add(&o.Audio)
	s.BrokenGOPs += o.BrokenGOPs
	s.Ended += o.Ended
	s.Busy += o.Busy
	if s.EndedWhy == nil {
		s.EndedWhy = o.EndedWhy
	}
	s.VideoLatency.Add(&o.VideoLatency)
	s.AudioLatency.Add(&o.AudioLatency)
	s.FirstPicture.Add(&o.FirstPicture)
}

// sequence follows the numbers of one kind of frame.
type sequence struct {
	begun bool
	last  uint64 // the highest
	seen  uint64 // bit i: last-i came
}

// next takes a number; gap tells that some are missing before it.
func (q *sequence) next(n uint64, c *Count) (gap bool) {
	c.Received++
	switch {
	case !q.begun:
		q.begun, q.last, q.seen = true, n, 1
	case n > q.last:
		d := n - q.last
		c.Lost += d - 1
		q.last, gap = n, d > 1
		q.seen = q.seen<<d | 1 // 0 | 1 when d > 63
	case q.last-n < 64 && q.seen&(1<<(q.last-n)) == 0:
		q.seen |= 1 << (q.last - n)
		c.Reordered++
		if c.Lost > 0 {
			c.Lost-- // it was taken for lost
		}
	default:
		c.Duplicated++
	}
	return gap
}

// Pace is how a player reads.
type Pace int

// The paces.
const (
	Fast    Pace = iota // everything at once
	Slow                // at half of the stream's bit rate
	Stalled             // not at all
)

// Player is one player.
type Player struct {
	e            *end
	r            *reader
	codec        Codec
	clock        Clock
	pace         Pace
	dialed       time.Duration
	playing      time.Duration // 0 until play was asked for
	pictured     bool
	video, audio sequence
	expect       uint32 // publisher whose frames these must be
	closed       bool
	fd           int32
}

// Players read from one server. With few goroutines, where the system lets them wait for many connections at once.
type Players struct {
	server  *Server
	shape   *Shape
	clock   Clock
	readers []*reader
}

// reader is one goroutine's players and what they counted, or as many goroutines as players that share the counting.
type reader struct {
	mu    sync.Mutex
	stats Stats
	wg    sync.WaitGroup
	poll  poller
}

// NewPlayers returns players without any. Close must be called.
func NewPlayers(s *Server, shape *Shape, clock Clock, readers int) (*Players, error) {
	p := &Players{server: s, shape: shape, clock: clock}
	for range max(readers, 1) {
		r := &reader{}
		if err := r.start(); err != nil {
			p.Close()
			return nil, err
		}
		p.readers = append(p.readers, r)
	}
	return p, nil
}

// Join connects a player and asks it to play. It returns when the server has said that it plays.
func (p *Players) Join(ctx context.Context, i, publisher int, name string, pace Pace) (*Player, error) {
	one := &Player{r: p.readers[i%len(p.readers)], codec: p.shape.Codec, clock: p.clock, pace: pace, dialed: p.clock.Now(), expect: uint32(publisher), fd: -1}
	e, id, err := p.server.open(ctx, pace != Fast)
	if err != nil {
		return nil, fmt.Errorf("player %d: %w", i, err)
	}
	one.e = e
	play := &rtmp.Command{Name: "play", StreamID: id, Transaction: e.next(), Args: []any{name, -2.0}}
	one.playing = p.clock.Now()
	var wrong error
	_, err = e.ask(play, "NetStream.Play.Start", func(m *message) {
		if err := one.locked(m); err != nil {
			wrong = err
		}
	})
	if err == nil {
		err = wrong
	}
	if err != nil {
		_ = e.nc.Close()
		return nil, fmt.Errorf("player %d: %w", i, err)
	}
	e.in, e.out = nil, nil
	_ = e.nc.SetDeadline(time.Time{})
	switch pace {
	case Fast:
		err = one.r.add(one)
	case Slow:
		bytes := (p.shape.VideoBits + p.shape.AudioBits) / 8 / 2 / 10
		one.r.wg.Go(func() { one.readSlowly(max(bytes, 256)) })
	case Stalled:
	}
	if err != nil {
		_ = e.nc.Close()
		return nil, err
	}
	return one, nil
}

func (one *Player) locked(m *message) error {
	one.r.mu.Lock()
	defer one.r.mu.Unlock()
	return one.count(m)
}

// count looks at one message; the reader's lock must be held.
func (one *Player) count(m *message) error {
	if m.typ != chunk.TypeVideo && m.typ != chunk.TypeAudio {
		return nil
	}
	f, ok := readStamp(m, one.codec)
	if !ok {
		return nil
	}
	if f.publisher != one.expect {
		return fmt.Errorf("a frame of publisher %d came to a player of %d", f.publisher, one.expect)
	}
	st := &one.r.stats
	now := one.clock.Now()
	live := f.sent > one.playing
	if m.typ == chunk.TypeAudio {
		one.audio.next(f.seq, &st.Audio)
		if live {
			st.AudioLatency.Record(now - f.sent)
		}
		return nil
	}
	if gap := one.video.next(f.seq, &st.Video); gap && !f.key {
		st.BrokenGOPs++
	}
	if f.key && !one.pictured {
		one.pictured = true
		st.FirstPicture.Record(now - one.dialed)
	}
	if live {
		st.VideoLatency.Record(now - f.sent)
	}
	return nil
}

// feed takes what was read; the reader's lock must be held.
func (one *Player) feed(b []byte) error {
	one.r.stats.Bytes += uint64(len(b))
	return one.e.p.feed(b, func(m *message) error {
		if reply := one.e.plumb(m); reply != nil {
			one.reply(chunk.Append(nil, reply, one.e.chunk))
		}
		return one.count(m)
	})
}

// lost notes a player whose connection ended; the reader's lock must be held.
func (one *Player) lost(err error) {
	if !one.closed {
		one.r.stats.Ended++
		if one.r.stats.EndedWhy == nil {
			one.r.stats.EndedWhy = err
		}
	}
}

// readAlone is for a connection that has a goroutine of its own.
func (one *Player) readAlone(nc net.Conn) {
	buf := make([]byte, 16<<10)
	for one.readOnce(nc, buf) {
	}
}

func (one *Player) readOnce(nc net.Conn, buf []byte) bool {
	n, err := nc.Read(buf)
	one.r.mu.Lock()
	defer one.r.mu.Unlock()
	if n > 0 {
		if e := one.feed(buf[:n]); e != nil {
			err = e
		}
	}
	if err != nil {
		one.lost(err)
		return false
	}
	return true
}

// readSlowly reads that many bytes ten times a second.
func (one *Player) readSlowly(bytes int) {
	buf := make([]byte, bytes)
	for one.readOnce(one.e.nc, buf) {
		time.Sleep(100 * time.Millisecond)
	}
}

// Take moves what was counted since the last call into s.
func (p *Players) Take(s *Stats) {
	for _, r := range p.readers {
		r.mu.Lock()
		s.Add(&r.stats)
		r.stats = Stats{}
		r.mu.Unlock()
	}
}

// Close ends the readers; the players must have been closed.
func (p *Players) Close() {
	for _, r := range p.readers {
		r.finish()
		r.wg.Wait()
	}
}
