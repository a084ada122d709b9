package playout

import (
	"time"

	"penstock/amf"
	"penstock/media"
	"penstock/status"
)

// pump is what belongs to the goroutine of a channel.
type pump struct {
	*Channel
	air    *feed     // what goes out; nil: nothing
	next   *feed     // what is waited for, to take its place
	over   time.Time // since when the time of air is over; zero: it is not
	sent   time.Time // when the newest audio or video went out; zero: none has
	frames []*media.Frame
}

// run is the channel's goroutine; it ends with the publication.
func (c *Channel) run() {
	p := &pump{Channel: c}
	defer func() {
		c.set.forget(c)
		p.air.close()
		p.next.close()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-c.pub.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
		for p.round(time.Now()) {
		}
		if due := p.due(); due.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(due))
		}
	}
}

// round does what there is to do. It reports whether something was begun or ended, after which there may be more; each time an item is
// used up.
func (p *pump) round(now time.Time) (changed bool) {
	p.obey(now)
	p.drain(p.air, now)
	p.judge(now)
	changed = p.advance(now)
	if next := p.next; next != nil {
		p.drain(next, now)
		changed = changed || p.next != next
	}
	return p.retire(now) || changed
}

// obey leaves what is played when Play or Stop was called.
func (p *pump) obey(now time.Time) {
	p.mu.Lock()
	cut := p.cut
	p.cut = false
	if cut {
		p.waitsFor = ""
	}
	p.mu.Unlock()
	if !cut {
		return
	}
	if p.air != nil || p.next != nil {
		p.tell(Event{Code: status.PlayReset})
	}
	p.next.close()
	p.next = nil
	if p.air != nil && p.over.IsZero() {
		p.over = now
	}
}

// slack is how much later an item is ended by the clock than by the time of its frames, which come in bursts.
const slack = time.Second

// judge notes whether the time of what is on air is over.
func (p *pump) judge(now time.Time) {
	switch a := p.air; {
	case a == nil || !p.over.IsZero():
	case !a.live && p.waits(), a.item.Length > 0 && now.Sub(a.began) >= a.item.Length+slack:
		p.over = now
	}
}

func (p *pump) waits() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.items) > 0
}

// advance turns to the next item when what is on air is over, and passes over an item that was waited for long enough.
func (p *pump) advance(now time.Time) (changed bool) {
	if n := p.next; n != nil && n.hopeless(now) {
		p.passOver()
		changed = true
	}
	if p.next != nil || p.air != nil && p.over.IsZero() {
		return changed
	}
	p.mu.Lock()
	if len(p.items) == 0 {
		p.mu.Unlock()
		return changed
	}
	item := p.items[0]
	p.items = p.items[1:]
	p.waitsFor = item.Source
	p.mu.Unlock()
	p.next = open(p.set, item, p.awake, p.sent.IsZero())
	return true
}

func (p *pump) passOver() {
	source := p.next.item.Source
	p.next.close()
	p.next = nil
	p.mu.Lock()
	p.waitsFor = ""
	p.mu.Unlock()
	p.tell(Event{Code: status.PlayStreamNotFound, Source: source})
}

// retire ends what is on air when its time is over and nothing can come of it any more, or for too long nothing has taken its place.
func (p *pump) retire(now time.Time) bool {
	a := p.air
	if a == nil || p.over.IsZero() || a.live && p.next != nil && now.Sub(p.over) < p.set.o.Handover {
		return false
	}
	p.leave()
	return true
}

// leave takes what is on air from it.
func (p *pump) leave() {
	source := p.air.item.Source
	p.air.close()
	p.air, p.over = nil, time.Time{}
	p.mu.Lock()
	p.onAir = ""
	p.mu.Unlock()
	p.tell(Event{Code: status.PlayStop, Source: source})
}

// due is when something has to be done although no frame comes; zero: never.
func (p *pump) due() (t time.Time) {
	sooner := func(u time.Time) {
		if t.IsZero() || u.Before(t) {
			t = u
		}
	}
	if p.air != nil && !p.over.IsZero() {
		sooner(p.over.Add(p.set.o.Handover))
	} else if p.air != nil && p.air.item.Length > 0 {
		sooner(p.air.began.Add(p.air.item.Length + slack))
	}
	if p.next != nil && p.next.item.Length > 0 {
		sooner(p.next.patience())
	}
	return t
}

// drain takes what a feed has.
func (p *pump) drain(f *feed, now time.Time) {
	for f != nil {
		if p.frames = f.queue.Take(p.frames[:0], 1<<20); len(p.frames) == 0 {
			break
		}
		for _, m := range p.frames {
			if f == p.air {
				p.pass(m, now)
			} else if f.ready(m, now) {
				p.take(m, now)
			}
		}
		clear(p.frames)
	}
	if f == nil || f.queue.Err() == nil {
		return
	}
	p.tell(Event{Code: status.PlayFailed, Source: f.item.Source, Err: f.queue.Err()})
	f.reopen()
}

// longestGap is how much of the time in which nothing went out the stream's time has, too.
const longestGap = 1000

// take puts next on air with the frame that can begin it.
func (p *pump) take(m *media.Frame, now time.Time) {
	f := p.next
	var at int64
	first := p.sent.IsZero()
	if !first {
		at = p.newest.Load() + min(max(1, now.Sub(p.sent).Milliseconds()), longestGap)
	}
	f.began, f.first, f.offset = now, m.Time, at-m.Time
	if p.air != nil {
		p.leave()
	}
	p.mu.Lock()
	p.onAir, p.waitsFor = f.item.Source, ""
	p.mu.Unlock()
	p.air, p.next = f, nil
	if !first {
		_ = p.pub.Reset()
		p.tell(Event{Code: status.PlaySwitch, Source: f.item.Source})
		_ = p.Send("onPlayStatus", amf.Value(status.New(status.PlaySwitch, "").Object()))
	}
	p.tell(Event{Code: status.PlayStart, Source: f.item.Source})
	for _, h := range f.headers {
		p.publish(h, at)
	}
	f.headers = nil
	p.pass(m, now)
}

// pass hands on a frame of what is on air.
func (p *pump) pass(m *media.Frame, now time.Time) {
	a := p.air
	switch {
	case m.Kind == media.Unpublished:
		a.live = false
		p.tell(Event{Code: status.PlayUnpublishNotify, Source: a.item.Source})
		return
	case m.Kind == media.Published:
		if !a.live {
			a.live = true
			_ = p.pub.Reset()
			p.tell(Event{Code: status.PlayPublishNotify, Source: a.item.Source})
		}
		return
	case m.Kind != media.Data && m.Time < a.first && !m.Header():
		return // of before the cut
	}
	at := max(m.Time, a.first) + a.offset
	p.publish(m, at)
	if m.Kind != media.Audio && m.Kind != media.Video {
		return
	}
	if p.sent.IsZero() || at > p.newest.Load() {
		p.newest.Store(at)
		p.sent = now
	}
	if a.item.Length > 0 && p.over.IsZero() && m.Time-a.first >= a.item.Length.Milliseconds() {
		p.over = now
	}
}

// publish sends a frame at a time of the channel's. What the registry's limits refuse they have refused the source, so that the only
// error is the end of the publication.
func (p *pump) publish(m *media.Frame, at int64) {
	switch {
	case m.Kind == media.Audio:
		_ = p.pub.Audio(uint32(at), m.Payload)
	case m.Kind == media.Video:
		_ = p.pub.Video(uint32(at), m.Payload)
	case m.Name == media.MetadataName:
		_ = p.pub.SetMetadata(m.Payload)
		info, _ := p.set.registry.Stream(p.air.item.Source)
		p.pub.SetInfo(info.Width, info.Height, info.FrameRate)
	default:
		_ = p.pub.Data(uint32(at), m.Name, m.Payload)
	}
}

func (p *pump) tell(e Event) {
	if p.notify != nil && p.pub.Err() == nil {
		p.notify(e)
	}
}
