package sharedobject

import (
	"context"
	"sync"
	"time"
)

// saver stores what changed in a hub's persistent objects, together and one save at a time.
type saver struct {
	h *Hub

	mu     sync.Mutex
	dirty  map[*live]struct{}
	timer  *time.Timer
	closed bool

	saving sync.Mutex // held while the store works; lock order saving → Hub.mu → live.mu → mu
}

// saveRetry is the pause after a save that failed.
const saveRetry = time.Second

// add lets an object be stored within the interval. It may be called with the object's or the hub's lock held.
func (s *saver) add(l *live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dirty == nil {
		s.dirty = make(map[*live]struct{})
	}
	s.dirty[l] = struct{}{}
	s.schedule(s.h.o.SaveInterval)
}

// schedule needs mu.
func (s *saver) schedule(after time.Duration) {
	if s.timer == nil && !s.closed && len(s.dirty) > 0 {
		s.timer = time.AfterFunc(after, s.tick)
	}
}

func (s *saver) tick() {
	s.mu.Lock()
	s.timer = nil
	s.mu.Unlock()
	if err := s.save(context.Background()); err != nil {
		s.h.o.Log.Error("cannot store shared objects, will try again", "hub", s.h.o.Name, "error", err)
	}
}

// save stores everything that has changed until now. When it returns nil, that is durable.
func (s *saver) save(ctx context.Context) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = nil
	s.mu.Unlock()
	var changes []*Changes
	var of []*live
	for l := range dirty {
		l.mu.Lock()
		c := l.obj.Unsaved()
		l.mu.Unlock()
		if c != nil {
			c.Key = s.h.key(l.at)
			changes, of = append(changes, c), append(of, l)
		}
	}
	var err error
	if len(changes) > 0 {
		err = s.h.o.Store.Save(ctx, changes)
	}
	if err != nil {
		s.again(of)
		return err
	}
	for _, l := range of {
		l.mu.Lock()
		l.isStored = true
		l.mu.Unlock()
	}
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	for l := range dirty {
		s.h.drop(l)
	}
	return nil
}

// again makes unsaved what could not be stored.
func (s *saver) again(of []*live) {
	for _, l := range of {
		l.mu.Lock()
		l.obj.Unsave()
		l.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dirty == nil {
		s.dirty = make(map[*live]struct{})
	}
	for _, l := range of {
		s.dirty[l] = struct{}{}
	}
	s.schedule(saveRetry)
}

// close saves for the last time.
func (s *saver) close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.mu.Unlock()
	return s.save(ctx)
}
