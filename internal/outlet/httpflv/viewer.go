package httpflv

import (
	"context"
	"errors"
	"time"

	"penstock/flv"
	"penstock/media"
)

// How a viewer ends.
var (
	errEnded  = errors.New("the stream has ended")
	errSlow   = errors.New("the viewer is too slow")
	errClosed = errors.New("the connection is gone")
)

const (
	batchBytes = 64 << 10 // payload taken from the queue at once, and the most in one write
	keptBuffer = 1 << 20  // a larger buffer is given back after use
)

// viewer turns one subscription into FLV bytes. It belongs to one goroutine.
type viewer struct {
	h     *Handler
	queue *media.Queue
	sub   *media.Subscription
	wake  chan struct{} // holds one: the queue is not empty, or ended
	write func([]byte) error

	frames []*media.Frame
	buf    []byte
	base   int64 // stream time of the viewer's 0
	based  bool
	linger *time.Timer // runs while there is no publisher
}

// run writes the stream until it, the viewer or ctx ends, and returns why: one of the
// errors above, write's, or errStopping or a *barred as the cause of ctx's end.
func (h *Handler) run(ctx context.Context, key string, write func([]byte) error) error {
	err := h.view(ctx, key, write)
	if cause := context.Cause(ctx); errors.Is(err, errClosed) && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func (h *Handler) view(ctx context.Context, key string, write func([]byte) error) error {
	v := &viewer{h: h, wake: make(chan struct{}, 1), write: write}
	v.queue = media.NewQueue(h.o.Queue, func() {
		select {
		case v.wake <- struct{}{}:
		default:
		}
	})
	defer v.queue.Close()
	v.linger = time.NewTimer(max(0, h.o.Linger))
	defer v.linger.Stop()
	v.sub = h.r.Subscribe(key, v.queue)
	defer v.sub.Close()
	if err := v.header(ctx); err != nil {
		return err
	}
	for {
		if err := v.batch(ctx); err != nil {
			return err
		}
	}
}

// header writes the FLV header when it is known which tracks there are. Browser
// players wait for every track that it names.
func (v *viewer) header(ctx context.Context) error {
	gone := time.Now() // when a publisher was last there
	for {
		info := v.sub.Stream().Info()
		audio, video := info.AudioTracks > 0, info.VideoTracks > 0
		age := time.Since(info.Since)
		if audio && video || (audio || video) && age >= v.h.o.Probe {
			return v.write(flv.AppendHeader(nil, audio, video))
		}
		if info.Live {
			gone = time.Now()
		} else if time.Since(gone) >= v.h.o.Linger {
			return errEnded
		}
		if v.queue.Err() != nil {
			return errSlow
		}
		// Nothing is taken yet, so wake-ups tell little: look again soon.
		pause := time.NewTimer(20 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return errClosed
		}
	}
}

// batch waits for frames and writes them.
func (v *viewer) batch(ctx context.Context) error {
	v.frames = v.queue.Take(v.frames[:0], batchBytes)
	if len(v.frames) == 0 {
		if v.queue.Err() != nil {
			return errSlow
		}
		select {
		case <-v.wake:
			return nil
		case <-v.linger.C:
			return errEnded
		case <-ctx.Done():
			return errClosed
		}
	}
	v.buf = v.buf[:0]
	for _, f := range v.frames {
		v.append(f)
	}
	clear(v.frames)
	for b := v.buf; len(b) > 0; {
		n := min(len(b), batchBytes+batchBytes/8)
		if err := v.write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
		if ctx.Err() != nil {
			return errClosed
		}
	}
	if cap(v.buf) > keptBuffer {
		v.buf = nil
	}
	return nil
}

// append adds f as a tag to the batch.
func (v *viewer) append(f *media.Frame) {
	switch f.Kind {
	case media.Published:
		v.linger.Stop()
		return
	case media.Unpublished:
		v.linger.Reset(max(0, v.h.o.Linger))
		return
	}
	v.buf = flv.AppendTagHead(v.buf, flv.TagType(f.Type()), v.time(f), len(f.Payload))
	v.buf = append(v.buf, f.Payload...)
	v.buf = flv.AppendTagTail(v.buf, len(f.Payload))
}

// time returns the viewer's time of a frame: 0 for the first one with content and
// the headers before it.
func (v *viewer) time(f *media.Frame) uint32 {
	if !v.based && f.Kind != media.Data && !f.Header() {
		v.base, v.based = f.Time, true
	}
	if !v.based {
		return 0
	}
	return uint32(max(0, f.Time-v.base))
}
