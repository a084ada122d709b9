package rtmp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// batch is the state of who writes, reused from write to write.
type batch struct {
	bufs     [][]byte
	spare    []byte
	flat     []byte      // one buffer for connections that have no writev
	vec      net.Buffers // must live outside the stack: WriteTo takes its address
	deadline time.Time
	begun    bool // a Flush has written the beginning of bufs: the peer has just taken something
}

// writeLoop is the writer of a connection that is neither TCP nor TLS over it: a goroutine that waits for
// something to write.
func (c *Conn) writeLoop() {
	defer func() {
		c.out.mu.Lock()
		defer c.out.mu.Unlock()
		c.endWriting()
	}()
	var b batch
	for c.writeAll(&b) {
		done := c.ctx.Done()
		if c.finishing.Load() {
			done = nil // the context of a finishing connection has ended already
		}
		select {
		case <-c.out.wake:
		case <-done:
			if !c.finishing.Load() {
				return
			}
		}
	}
}

// drain writes, waiting for the peer, until nothing waits any more. The caller has got the write
// side for it.
func (c *Conn) drain() {
	b := batches.Get().(*batch)
	defer func() {
		b.deadline = time.Time{}
		batches.Put(b)
	}()
	for {
		if !c.writeAll(b) {
			c.out.mu.Lock()
			c.out.writing = false
			c.endWriting()
			c.out.mu.Unlock()
			return
		}
		if !b.deadline.IsZero() {
			b.deadline = time.Time{}
			_ = c.nc.SetWriteDeadline(time.Time{}) // it would fail a Flush once it has passed
		}
		if c.release() {
			return
		}
	}
}

// batches holds what drain goroutines reuse.
var batches = sync.Pool{New: func() any { return new(batch) }}

// writeAll writes what waits. false: nothing more can or shall be written.
func (c *Conn) writeAll(b *batch) bool {
	finished, err := c.writePending(b)
	switch {
	case err != nil:
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("%w (%w)", &LimitError{Option: OptionWriteTimeout, Value: "longer", Max: c.limits.WriteTimeout}, err)
		}
		c.Close(fmt.Errorf("rtmp: write: %w", err))
		return false
	case finished:
		c.closeWrite()
		return false
	}
	return true
}

// writePending writes until nothing waits; finished tells that FIN is due.
func (c *Conn) writePending(b *batch) (finished bool, err error) {
	o := &c.out
	for {
		if err := c.writeBacklog(b); err != nil {
			return false, err
		}
		o.mu.Lock()
		control := o.take()
		o.queue = b.spare[:0]
		sources, finish := o.sources, o.finish
		o.mu.Unlock()

		b.bufs, b.begun = append(b.bufs[:0], o.rest...), o.rest != nil
		o.rest = nil
		if len(control) > 0 {
			b.bufs = append(b.bufs, control)
		}
		for _, s := range sources {
			b.bufs = s.Pull(b.bufs, writeBatch)
		}
		if len(b.bufs) == 0 {
			b.spare = control
			return finish, nil
		}
		err := c.write(b)
		clear(b.bufs)
		b.spare = nil
		if cap(control) <= writeBatch {
			b.spare = control
		}
		if err != nil {
			return false, err
		}
	}
}

// writePiece is the most that goes to a connection without writev in one write, in bytes: what
// the peer must take within WriteTimeout, for TLS cannot go on after a write that timed out.
const writePiece = 64 << 10

// write sends b.bufs whole. The write deadline is moved on as long as the peer takes bytes.
func (c *Conn) write(b *batch) error {
	tcp, vectored := c.nc.(*net.TCPConn)
	if vectored {
		b.vec = b.bufs
	} else {
		b.flat = b.flat[:0]
		for _, p := range b.bufs {
			b.flat = append(b.flat, p...)
		}
		if cap(b.flat) > writePiece { // the burst at a player's beginning
			defer func() { b.flat = nil }()
		}
	}
	rest := b.flat
	progress := time.Now()
	for now := progress; ; now = time.Now() {
		if by := c.finishBy.Load(); by != 0 && now.UnixNano() > by {
			return fmt.Errorf("the last words were not taken in time: %w", os.ErrDeadlineExceeded)
		}
		if !vectored || b.deadline.Sub(now) < c.limits.WriteTimeout*2/3 {
			b.deadline = now.Add(c.limits.WriteTimeout)
			if err := c.nc.SetWriteDeadline(b.deadline); err != nil {
				return err
			}
		}
		var n int64
		var err error
		if vectored {
			n, err = b.vec.WriteTo(tcp)
		} else {
			var k int
			k, err = c.nc.Write(rest[:min(len(rest), writePiece)])
			n, rest = int64(k), rest[k:]
			if err == nil {
				err = c.writeBacklog(b)
			}
		}
		c.bytesOut.Add(uint64(n))
		switch {
		case err == nil && (vectored || len(rest) == 0):
			return nil
		case err == nil:
			continue
		case !vectored || !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n > 0 || b.begun:
			progress, b.begun = time.Now(), false
		case time.Since(progress) >= c.limits.WriteTimeout:
			return err
		}
		b.deadline = time.Time{}
	}
}

// writeBacklog waits until the peer has taken what TLS made of earlier writes.
func (c *Conn) writeBacklog(b *batch) error {
	if c.deferred == nil {
		return nil
	}
	for progress := time.Now(); c.deferred.Backlog(); {
		now := time.Now()
		if by := c.finishBy.Load(); by != 0 && now.UnixNano() > by {
			return fmt.Errorf("the last words were not taken in time: %w", os.ErrDeadlineExceeded)
		}
		b.deadline = now.Add(c.limits.WriteTimeout)
		if err := c.nc.SetWriteDeadline(b.deadline); err != nil {
			return err
		}
		n, err := c.deferred.Drain()
		switch {
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n > 0:
			progress = time.Now()
		case err != nil && time.Since(progress) >= c.limits.WriteTimeout:
			return err
		}
	}
	return nil
}

// closeWrite sends FIN and gives the peer CloseLinger to end as well.
func (c *Conn) closeWrite() {
	if w, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = c.nc.SetReadDeadline(time.Now().Add(c.limits.CloseLinger))
		c.finSent.Store(true)
		if w.CloseWrite() == nil {
			return
		}
	}
	_ = c.nc.Close()
}
