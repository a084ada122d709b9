package playout

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"penstock/amf"
	"penstock/media"
	"penstock/status"
)

// Item is one entry of a playlist.
type Item struct {
	Source string // key of a live stream
	// Length is how long it is played from its first frame on, and also how long it is waited for when nobody publishes it. 0: until
	// its publisher leaves and another item waits.
	Length time.Duration
	// NoWait passes the item over when nobody publishes it at its turn.
	NoWait bool
}

// Event is what became of a playlist:
//
//	NetStream.Play.Reset            Play has replaced it
//	NetStream.Play.Start            Source is on air
//	NetStream.Play.Switch           before Start: there was another item before
//	NetStream.Play.Stop             Source is no longer on air
//	NetStream.Play.UnpublishNotify  the publisher of Source, which is on air, has left
//	NetStream.Play.PublishNotify    and another one has come
//	NetStream.Play.StreamNotFound   Source was passed over, for nobody published it in time
//	NetStream.Play.Failed           Source had more than could be handed on; it is played from its next key frame on. Err says what
type Event struct {
	Code   status.Code
	Source string
	Err    error
}

// Channel is a stream that this process publishes. It is safe for concurrent use.
type Channel struct {
	set    *Channels
	key    string
	pub    *media.Publication
	notify func(Event)
	wake   chan struct{} // capacity 1: there are frames or orders
	newest atomic.Int64  // stream time of the newest audio or video; written by the pump

	mu       sync.Mutex // guards what follows
	items    []Item     // that wait
	cut      bool       // the pump shall leave what it plays
	onAir    string     // what it plays, "" nothing
	waitsFor string     // what has its turn and has not begun, "" nothing
}

// Key is the channel's name in the registry.
func (c *Channel) Key() string { return c.key }

// Err is nil while the channel is open, and then why it is not.
func (c *Channel) Err() error {
	if c.pub.Err() != nil {
		return ErrClosed
	}
	return nil
}

// ErrCircle is the error for a playlist in which a channel would play itself, be it through others.
var ErrCircle = errors.New("playout: a channel cannot play itself")

// Play cuts to the first item at its next key frame and lets the others follow. What is on air goes on until then, but not for longer than
// Options.Handover. The error is ErrCircle, ErrClosed, a *media.LimitError for the option items, or says what is wrong with an item;
// then nothing is changed.
func (c *Channel) Play(items ...Item) error { return c.set.order(c, items, true) }

// Append adds items to the playlist. They are played when the time of what comes before them is over or its publisher has left. The errors
// are those of Play.
func (c *Channel) Append(items ...Item) error { return c.set.order(c, items, false) }

// Stop ends what is on air and empties the playlist. The channel stays published, with nothing in it.
func (c *Channel) Stop() error { return c.set.order(c, nil, true) }

func (cs *Channels) order(c *Channel, items []Item, reset bool) error {
	for _, i := range items {
		switch {
		case i.Source == "" || len(i.Source) > MaxKey:
			return fmt.Errorf("playout: a source's key has %d bytes, 1 to %d are allowed", len(i.Source), MaxKey)
		case i.Length < 0:
			return fmt.Errorf("playout: %v is no length of an item", i.Length)
		}
	}
	cs.routing.Lock()
	defer cs.routing.Unlock()
	for _, i := range items {
		if cs.Circle(i.Source, c.key) {
			return ErrCircle
		}
	}
	if err := c.queue(items, reset); err != nil {
		return err
	}
	c.awake()
	return nil
}

func (c *Channel) queue(items []Item, reset bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.Err(); err != nil {
		return err
	}
	waiting := len(items)
	if !reset {
		waiting += len(c.items)
	}
	if most := c.set.o.Items; waiting > most {
		return &media.LimitError{Option: "items", Limit: most, Got: waiting}
	}
	if reset {
		c.items, c.cut = nil, true
	}
	c.items = append(c.items, items...)
	return nil
}

func (c *Channel) awake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// OnAir is the key of the source that is being played, "" when there is none.
func (c *Channel) OnAir() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.onAir
}

// Waiting are the items that come after it.
func (c *Channel) Waiting() []Item {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.items)
}

// sources are the keys of all that the channel plays or will play.
func (c *Channel) sources() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := []string{c.onAir, c.waitsFor}
	for _, i := range c.items {
		keys = append(keys, i.Source)
	}
	return keys
}

// Send sends a data message to everybody who plays the channel: handler is the name of the method of the player's client object. The error
// is ErrClosed, or that of a value which cannot be encoded.
func (c *Channel) Send(handler string, args ...amf.Value) error {
	payload, err := amf.Append0(nil, append([]amf.Value{handler}, args...)...)
	if err != nil {
		return fmt.Errorf("playout: %w", err)
	}
	if err := c.pub.Data(uint32(c.newest.Load()), handler, payload); errors.Is(err, media.ErrRevoked) {
		return ErrClosed
	} else if err != nil {
		return fmt.Errorf("playout: %w", err)
	}
	return nil
}

// Close ends the stream; players are told NetStream.Play.UnpublishNotify. The name is free when it returns. Events that are on their
// way may still be told.
func (c *Channel) Close() {
	c.pub.Close()
	c.set.forget(c)
}
