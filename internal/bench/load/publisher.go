package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"penstock/internal/bench/histogram"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
)

// Clock is the time that frames carry: since the beginning of the measurement, on the monotonic clock.
type Clock time.Time

// NewClock begins to count.
func NewClock() Clock { return Clock(time.Now()) }

// Now is the time since then.
func (c Clock) Now() time.Duration { return time.Since(time.Time(c)) }

// Publishers are publishers that send on a common schedule, evenly spread over a frame's time.
type Publishers struct {
	shape *Shape
	clock Clock
	list  []*publisher
	wg    sync.WaitGroup
	stop  chan struct{}

	mu   sync.Mutex
	lag  histogram.Histogram // how late frames left
	sent uint64              // bytes
	err  error               // the first that ended a publisher
}

type publisher struct {
	e      *end
	id     uint32
	frames *frames
	base   time.Duration // when the first frame is due
	video  int           // frames sent
	audio  int
	failed bool // owned by the sending goroutine, like all but e
	out    []byte
	mu     sync.Mutex // guards the socket's write side: the reader answers pings
}

// Publish connects a publisher for each name, and starts to send. The publishers go on until Close.
func Publish(ctx context.Context, s *Server, shape *Shape, clock Clock, names []string) (*Publishers, error) {
	p := &Publishers{shape: shape, clock: clock, stop: make(chan struct{})}
	for i, name := range names {
		one, err := s.publisher(ctx, shape, i, name)
		if err != nil {
			p.hangUp()
			return nil, fmt.Errorf("publisher %d: %w", i, err)
		}
		p.list = append(p.list, one)
	}
	interval := time.Second / time.Duration(max(shape.FPS, 1))
	start := clock.Now() + 10*time.Millisecond
	for i, one := range p.list {
		one.base = start + interval*time.Duration(i)/time.Duration(len(names))
		p.wg.Go(func() { p.read(one) })
	}
	p.wg.Go(p.send)
	return p, nil
}

// publisher opens one, and sends what goes before the frames.
func (s *Server) publisher(ctx context.Context, shape *Shape, i int, name string) (*publisher, error) {
	e, id, err := s.open(ctx, false)
	if err != nil {
		return nil, err
	}
	one := &publisher{e: e, id: id, frames: newFrames(shape, i)}
	if err = e.send(rtmp.SetChunkSize(uint32(shape.ChunkSize))); err == nil {
		_, err = e.ask(&rtmp.Command{Name: "publish", Transaction: e.next(), StreamID: id, Args: []any{name, "live"}}, "NetStream.Publish.Start", nil)
	}
	if err == nil {
		head := []*rtmp.Message{{Type: chunk.TypeData, CSID: chunk.CSIDData, StreamID: id, Payload: shape.metadata()}}
		if shape.VideoBits > 0 {
			head = append(head, &rtmp.Message{Type: chunk.TypeVideo, CSID: chunk.CSIDVideo, StreamID: id, Payload: shape.Codec.config()})
		}
		if shape.AudioBits > 0 {
			head = append(head, &rtmp.Message{Type: chunk.TypeAudio, CSID: chunk.CSIDAudio, StreamID: id, Payload: aacConfig})
		}
		err = e.send(head...)
	}
	if err != nil {
		_ = e.nc.Close()
		return nil, err
	}
	_ = e.nc.SetDeadline(time.Time{})
	return one, nil
}

// due is when the publisher's next frame is, and whether it is video.
func (p *Publishers) due(one *publisher) (at time.Duration, video bool) {
	v, a := time.Duration(1<<62), time.Duration(1<<62)
	if p.shape.VideoBits > 0 {
		v = time.Duration(one.video) * time.Second / time.Duration(p.shape.FPS)
	}
	if p.shape.AudioBits > 0 {
		a = time.Duration(float64(one.audio) / aacRate * float64(time.Second))
	}
	if v <= a {
		return v, true
	}
	return a, false
}

// send is the schedule of all publishers.
func (p *Publishers) send() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		first, at := -1, time.Duration(1<<62)
		for i, one := range p.list {
			if t, _ := p.due(one); !one.failed && one.base+t < at {
				first, at = i, one.base+t
			}
		}
		if first < 0 {
			return // all have failed
		}
		if wait := at - p.clock.Now(); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-p.stop:
				return
			}
		} else {
			select {
			case <-p.stop:
				return
			default:
			}
		}
		p.sendOne(p.list[first], at)
	}
}

// sendOne sends the frame that is due. A publisher whose server takes nothing for its timeout is given up.
func (p *Publishers) sendOne(one *publisher, due time.Duration) {
	at, video := p.due(one)
	m := chunk.Message{StreamID: one.id, Timestamp: uint32(at.Milliseconds())}
	now := p.clock.Now()
	if video {
		m.Type, m.CSID, m.Payload = chunk.TypeVideo, chunk.CSIDVideo, one.frames.video(now)
		one.video++
	} else {
		m.Type, m.CSID, m.Payload = chunk.TypeAudio, chunk.CSIDAudio, one.frames.nextAudio(now)
		one.audio++
	}
	one.out = chunk.Append(one.out[:0], &m, p.shape.ChunkSize)
	err := one.write(one.out)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lag.Record(now - due)
	p.sent += uint64(len(one.out))
	if err != nil {
		one.failed = true
		_ = one.e.nc.Close()
		p.fail(err)
	}
}

func (one *publisher) write(b []byte) error {
	one.mu.Lock()
	defer one.mu.Unlock()
	_ = one.e.nc.SetWriteDeadline(time.Now().Add(one.e.timeout))
	_, err := one.e.nc.Write(b)
	return err
}

// fail notes why a publisher ended; mu must be held.
func (p *Publishers) fail(err error) {
	select {
	case <-p.stop:
	default:
		if p.err == nil {
			p.err = fmt.Errorf("a publisher's connection ended: %w", err)
		}
	}
}

// read answers what the server sends to a publisher.
func (p *Publishers) read(one *publisher) {
	buf := make([]byte, 1024)
	for {
		n, err := one.e.nc.Read(buf)
		if err == nil {
			err = one.e.p.feed(buf[:n], func(m *message) error {
				if reply := one.e.plumb(m); reply != nil {
					return one.write(chunk.Append(nil, reply, one.e.chunk))
				}
				return nil
			})
		}
		if err != nil {
			p.mu.Lock()
			p.fail(err)
			p.mu.Unlock()
			return
		}
	}
}

// Take moves what was counted since the last call: how late frames left, and the bytes. The error is why the first publisher
// ended that did.
func (p *Publishers) Take(lag *histogram.Histogram) (bytes uint64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lag.Add(&p.lag)
	p.lag.Reset()
	bytes, p.sent = p.sent, 0
	return bytes, p.err
}

// Close ends the publishers and waits until they have.
func (p *Publishers) Close() {
	close(p.stop)
	p.hangUp()
	p.wg.Wait()
}

func (p *Publishers) hangUp() {
	for _, one := range p.list {
		_ = one.e.nc.Close()
	}
}
