package demo

import (
	"context"
	"time"
)

// A clock holds tags back until they are due. The zero value starts with the first tag.
type clock struct {
	off   bool
	start time.Time // when time 0 was, or would have been
	timer *time.Timer
}

// wait returns when a tag with the given time (ms) is due, or with the cause of ctx when that ends first.
func (c *clock) wait(ctx context.Context, at int64) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if c.off {
		return nil
	}
	now := time.Now()
	offset := time.Duration(at) * time.Millisecond
	if c.start.IsZero() {
		c.start = now.Add(-offset)
	}
	early := c.start.Add(offset).Sub(now)
	if early < -maxLag {
		c.start = c.start.Add(-early)
	}
	if early <= 0 {
		return nil
	}
	if c.timer == nil {
		c.timer = time.NewTimer(early)
	} else {
		c.timer.Reset(early)
	}
	select {
	case <-c.timer.C:
		return nil
	case <-ctx.Done():
		c.timer.Stop()
		return context.Cause(ctx)
	}
}
