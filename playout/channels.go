// Package playout publishes streams that the server makes itself out of what others publish: a live stream under another name, cuts
// from one to the next, playlists. It is the Stream class of Flash Media Server's scripts for programs in Go.
//
//	channels := playout.NewChannels(server.Streams(), playout.Options{})
//	defer channels.Close()
//	program, err := channels.Open(app.StreamKey("live", "", "program"), nil)
//	err = program.Play(playout.Item{Source: app.StreamKey("live", "", "camera1")})
//
// What goes out begins at a key frame after each cut, with the metadata and the sequence headers of its source, and its timestamps
// go on as if it were one stream. Sources and channels are named by their keys in a media.Registry. Nothing is decoded: who plays a
// channel needs to know the codecs of all its sources.
package playout

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"penstock/media"
	"penstock/status"
)

// Options bounds Channels. A zero field means its default.
type Options struct {
	Channels int // [channels] that are open at a time, 64
	Items    int // [items] that wait in the playlist of one channel, 256
	// Handover [handover] is how long an item goes on after its time while the next one has not begun, for want of a key frame
	// or of a publisher; 10 s.
	Handover time.Duration
	Queue    media.QueueLimits // of one source
}

func (o Options) withDefaults() Options {
	if o.Channels <= 0 {
		o.Channels = 64
	}
	if o.Items <= 0 {
		o.Items = 256
	}
	if o.Handover <= 0 {
		o.Handover = 10 * time.Second
	}
	return o
}

// MaxKey is the longest key of a source or channel, in bytes.
const MaxKey = 1024

// Channels are the channels of one registry that are opened, bounded and closed together: those of a server or of an instance of an
// application. It is safe for concurrent use.
type Channels struct {
	registry *media.Registry
	o        Options

	routing sync.Mutex // held while a playlist is checked for circles and set; before Channel.mu
	mu      sync.Mutex // guards what follows
	open    map[string]*Channel
	closed  bool
	running sync.WaitGroup
}

// NewChannels returns an empty set. The caller must Close it.
func NewChannels(r *media.Registry, o Options) *Channels {
	return &Channels{registry: r, o: o.withDefaults(), open: make(map[string]*Channel)}
}

// ErrClosed is what a closed Channel or Channels answers.
var ErrClosed = errors.New("playout: closed")

// Open publishes a stream that has nothing in it yet: the channel's players are told NetStream.Play.PublishNotify. The error is a
// *status.Status with NetStream.Publish.BadName when the name has a publisher, a *media.LimitError for the option channels, or
// ErrClosed. notify, which may be nil, is told what becomes of the playlist, in order and by one goroutine. It must not block: the
// stream stands still meanwhile.
func (cs *Channels) Open(key string, notify func(Event)) (*Channel, error) {
	if key == "" || len(key) > MaxKey {
		return nil, status.Newf(status.PublishBadName, "A name of %d bytes cannot be published.", len(key))
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		return nil, ErrClosed
	}
	if old := cs.open[key]; old != nil && old.Err() == nil {
		return nil, status.For(status.PublishBadName, key)
	}
	if len(cs.open) >= cs.o.Channels {
		return nil, &media.LimitError{Option: "channels", Limit: cs.o.Channels, Got: len(cs.open) + 1}
	}
	c := &Channel{set: cs, key: key, notify: notify, wake: make(chan struct{}, 1)}
	pub, err := cs.registry.Publish(key, c)
	var busy *media.BusyError
	if errors.As(err, &busy) {
		return nil, status.For(status.PublishBadName, key)
	}
	if err != nil {
		return nil, fmt.Errorf("playout: %w", err)
	}
	c.pub = pub
	cs.open[key] = c
	cs.running.Go(c.run)
	return c, nil
}

// Close ends all channels and waits until nothing of them runs any more, notify included, from which it must not be called. Nothing can be
// opened afterwards.
func (cs *Channels) Close() {
	cs.mu.Lock()
	cs.closed = true
	for _, c := range cs.open {
		c.pub.Close()
	}
	cs.mu.Unlock()
	cs.running.Wait()
}

func (cs *Channels) forget(c *Channel) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.open[c.key] == c {
		delete(cs.open, c.key)
	}
}

// Circle reports whether a source is the stream target, or made of it by channels of this process: target cannot play it.
func (cs *Channels) Circle(source, target string) bool {
	seen := map[string]bool{source: true}
	for at := []string{source}; len(at) > 0; at = at[1:] {
		if at[0] == target {
			return true
		}
		info, _ := cs.registry.Stream(at[0])
		if c, ok := info.Owner.(*Channel); ok {
			for _, s := range c.sources() {
				if !seen[s] {
					seen[s] = true
					at = append(at, s)
				}
			}
		}
	}
	return false
}
