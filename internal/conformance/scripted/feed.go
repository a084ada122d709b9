package scripted

import (
	"time"

	"penstock/flv"
	"penstock/rtmp"
	"penstock/rtmp/chunk"
	"penstock/status"
)

// feeder plays the clip to a player, in real time.
type feeder struct {
	feed   *Feed
	stream uint32
	tags   []flv.Tag
	next   int
	frames int
	start  time.Time
	ended  int // steps of the end that were taken
	timer  *time.Timer
}

func newFeeder(f *Feed, stream uint32) *feeder {
	length := f.Length
	if length == 0 {
		length = 2560
	}
	return &feeder{feed: f, stream: stream, tags: Clip(length, f.Base), start: time.Now(), timer: time.NewTimer(0)}
}

// tick fires when something is due; a nil feeder has nothing to do.
func (f *feeder) tick(quiet bool) <-chan time.Time {
	if f == nil || quiet {
		return nil
	}
	return f.timer.C
}

// send sends what is due.
func (f *feeder) send(p *Peer) error {
	if f.next >= len(f.tags) {
		return f.end(p)
	}
	elapsed := uint32(time.Since(f.start).Milliseconds())
	for f.next < len(f.tags) && f.tags[f.next].Time-f.feed.Base <= elapsed && !p.quiet {
		n := 1
		var err error
		switch {
		case f.feed.Group > 1:
			n = min(f.feed.Group, len(f.tags)-f.next)
			err = f.aggregate(p, f.tags[f.next:f.next+n])
		case f.feed.Mix && f.next+1 < len(f.tags) && f.tags[f.next].Type != f.tags[f.next+1].Type:
			n = 2
			err = f.mixed(p, f.message(f.next), f.message(f.next+1))
		default:
			err = f.one(p)
		}
		if err != nil {
			return err
		}
		if err := f.sent(p, f.tags[f.next:f.next+n]); err != nil {
			return err
		}
		f.next += n
	}
	wait := 5 * time.Millisecond
	if f.next < len(f.tags) {
		wait = max(wait, time.Duration(f.tags[f.next].Time-f.feed.Base-elapsed)*time.Millisecond)
	}
	f.timer.Reset(min(wait, time.Second))
	return nil
}

// sent counts frames.
func (f *feeder) sent(p *Peer, tags []flv.Tag) error {
	frames := FramesOf(tags)
	f.frames += len(frames)
	p.know(func(facts *Facts) {
		if facts.Stage != StageEnd {
			facts.Stage = StageMedia
		}
		facts.Frames = append(facts.Frames, frames...)
		if !facts.Acted.IsZero() {
			facts.After += len(frames)
		}
	})
	return p.passed(f.frames)
}

func (f *feeder) message(i int) *rtmp.Message {
	t := &f.tags[i]
	m := &rtmp.Message{Type: uint8(t.Type), CSID: rtmp.CSIDVideo, StreamID: f.stream, Timestamp: t.Time, Payload: t.Body}
	if t.Type == flv.TagAudio {
		m.CSID = rtmp.CSIDAudio
	}
	if id := f.feed.CSID[t.Type]; id != 0 {
		m.CSID = id
	}
	return m
}

// one sends one message, and what the feed puts before it.
func (f *feeder) one(p *Peer) error {
	m := f.message(f.next)
	if f.feed.Foreign != nil {
		if err := p.Message(f.feed.Foreign(f.next)...); err != nil {
			return err
		}
	}
	if f.feed.Empty && f.next%10 == 9 {
		empty := *m
		empty.Payload = nil
		if err := p.Message(&empty); err != nil {
			return err
		}
	}
	if f.feed.Abort && f.next%10 == 9 && len(m.Payload) > p.cut.Size {
		if err := p.Chunks("the first chunk of a message", p.cut.Chunks(m)[0]); err != nil {
			return err
		}
		if err := p.Message(control(rtmp.TypeAbort, m.CSID)); err != nil {
			return err
		}
	}
	return p.Message(m)
}

// mixed sends two messages whose chunks alternate.
func (f *feeder) mixed(p *Peer, a, b *rtmp.Message) error {
	p.log.message("tester", p.sent, a)
	p.log.message("tester", p.sent, b)
	var out [][]byte
	for x, y := p.cut.Chunks(a), p.cut.Chunks(b); len(x) > 0 || len(y) > 0; {
		if len(x) > 0 {
			out, x = append(out, x[0]), x[1:]
		}
		if len(y) > 0 {
			out, y = append(out, y[0]), y[1:]
		}
	}
	return p.write(out...)
}

// aggregate sends several messages as one (RTMP 1.0 §7.1.6).
func (f *feeder) aggregate(p *Peer, tags []flv.Tag) error {
	m := &rtmp.Message{Type: rtmp.TypeAggregate, CSID: rtmp.CSIDVideo, StreamID: f.stream, Timestamp: tags[0].Time}
	for i := range tags {
		m.Payload = chunk.AppendAggregate(m.Payload, &rtmp.Message{Type: uint8(tags[i].Type), StreamID: f.stream, Timestamp: tags[i].Time, Payload: tags[i].Body})
	}
	return p.Message(m)
}

// end ends the stream in steps, so that players notice that know only one of them: the publisher left, the stream stopped, the
// connection ends.
func (f *feeder) end(p *Peer) error {
	f.ended++
	name := p.Facts().Stream
	switch f.ended {
	case 1:
		p.know(func(f *Facts) { f.FedAll = true })
		p.log.note("the stream ends")
		f.timer.Reset(1500 * time.Millisecond)
		if err := p.Status(f.stream, status.For(status.PlayUnpublishNotify, name)); err != nil {
			return err
		}
		return p.Message(rtmp.NewUserControl(rtmp.EventStreamEOF, f.stream))
	case 2:
		f.timer.Reset(1500 * time.Millisecond)
		return p.Status(f.stream, status.For(status.PlayStop, name).With("details", name))
	}
	if err := p.Send(rtmp.CloseCommand()); err != nil {
		return err
	}
	return p.Finish()
}
