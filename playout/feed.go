package playout

import (
	"time"

	"penstock/media"
)

// feed is an item whose source is subscribed to. It belongs to the channel's pump.
type feed struct {
	set    *Channels
	item   Item
	wake   func()
	queue  *media.Queue
	sub    *media.Subscription
	opened time.Time
	live   bool      // its source has a publisher, as far as its frames have been read
	since  time.Time // when that came, or the item's turn
	video  bool      // and there is video in it

	headers []*media.Frame // before it is on air: what a player needs first

	// On air:
	began  time.Time // of the clock
	first  int64     // source's time of the first frame
	offset int64     // from source's time to the channel's
}

// maxHeaders bounds the headers of a source that is waited for.
const maxHeaders = 64

// open subscribes to an item's source. cached is for the channel's first: frames since the last key frame come at once, so that there
// is a picture. Later on they would make the stream's time run ahead.
func open(set *Channels, item Item, wake func(), cached bool) *feed {
	f := &feed{set: set, item: item, wake: wake, opened: time.Now()}
	f.subscribe(cached)
	return f
}

func (f *feed) subscribe(cached bool) {
	f.queue = media.NewQueue(f.set.o.Queue, f.wake)
	if cached {
		f.sub = f.set.registry.Subscribe(f.item.Source, f.queue)
	} else {
		f.sub = f.set.registry.SubscribeLive(f.item.Source, f.queue)
	}
}

// reopen begins anew after the queue has ended.
func (f *feed) reopen() {
	f.close()
	f.subscribe(false)
}

// close may be called for nil.
func (f *feed) close() {
	if f != nil {
		f.sub.Close()
		f.queue.Close()
	}
}

// patience is when an item with a length has been waited for long enough. A source that is there gets the time of a handover for its key
// frame.
func (f *feed) patience() time.Time {
	end := f.opened.Add(f.item.Length)
	if late := f.late(); f.live && late.After(end) {
		return late
	}
	return end
}

// late is from when on a source without a picture is taken for what it is.
func (f *feed) late() time.Time { return f.since.Add(f.set.o.Handover) }

// hopeless reports whether an item is to be passed over.
func (f *feed) hopeless(now time.Time) bool {
	return f.item.Length > 0 && !now.Before(f.patience()) || f.item.NoWait && !f.set.registry.Live(f.item.Source)
}

// ready looks at a frame of a feed that is not on air yet, and reports whether that can begin with it: a key frame, or audio when there
// is no video, or none comes.
func (f *feed) ready(m *media.Frame, now time.Time) bool {
	switch {
	case m.Marker():
		f.live, f.since, f.video, f.headers = m.Kind == media.Published, now, false, nil
		return false
	case m.Header():
		f.keep(m)
		f.video = f.video || m.Kind == media.Video
		return false
	case m.Kind == media.Video:
		f.video = true
		return m.Sync
	case m.Kind == media.Data:
		return false
	}
	if !f.video { // codecs without sequence headers
		info, _ := f.set.registry.Stream(f.item.Source)
		f.video = info.VideoCodec != ""
	}
	return !f.video || !now.Before(f.late())
}

// keep notes a header in the place of one that it repeats or renews.
func (f *feed) keep(m *media.Frame) {
	for i, h := range f.headers {
		if h.Kind == m.Kind && h.Info.Config == m.Info.Config && h.Info.Metadata == m.Info.Metadata && h.Info.Tracks == m.Info.Tracks {
			f.headers[i] = m
			return
		}
	}
	if f.headers = append(f.headers, m); len(f.headers) > maxHeaders {
		f.headers = f.headers[1:]
	}
}
