package remoting

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"regexp"
	"sync"
	"time"
)

// inURL is what the gateway appends to its URL: behind the path, or behind the query when there is one. A caller that appends instead
// of replacing has several, the last of which counts.
var inURL = regexp.MustCompile(`;session=([A-Za-z0-9_-]{22})`)

// cutSession removes the session from a path and a query.
func cutSession(path, query string) (id, cleanPath, cleanQuery string) {
	for _, text := range []string{path, query} {
		if all := inURL.FindAllStringSubmatch(text, -1); len(all) > 0 {
			id = all[len(all)-1][1]
		}
	}
	return id, inURL.ReplaceAllString(path, ""), inURL.ReplaceAllString(query, "")
}

// sessions keeps connections from one request of a caller to the next. It is safe for concurrent use.
type sessions struct {
	max  int // connections of all sessions
	idle time.Duration

	mu     sync.Mutex // guards what follows
	byID   map[string]*session
	kept   int
	closed bool
}

// session is the connections of one caller.
type session struct {
	id, owner string // owner: the host that it was made for
	expiry    *time.Timer
	busy      chan struct{}          // capacity 1: filled while a request uses the session
	conns     map[string]*connection // by application; of whoever fills busy
}

// use finds a session and waits until no other request uses it. nil: there is none, or it belongs to another host. The error is ctx's.
func (s *sessions) use(ctx context.Context, id, owner string) (*session, error) {
	s.mu.Lock()
	found := s.byID[id]
	s.mu.Unlock()
	if found == nil || found.owner != owner {
		return nil, nil
	}
	select {
	case found.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[id] != found {
		<-found.busy
		return nil, nil // it ended meanwhile
	}
	found.expiry.Stop()
	return found, nil
}

// keep adds connections to a session, or to a new one for nil, and returns it with those that found no place.
func (s *sessions) keep(into *session, owner string, conns map[string]*connection) (kept *session, rest map[string]*connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest = make(map[string]*connection)
	for name, c := range conns {
		if s.closed || s.kept >= s.max {
			rest[name] = c
			continue
		}
		if into == nil {
			into = &session{id: newSessionID(), owner: owner, busy: make(chan struct{}, 1), conns: make(map[string]*connection)}
			into.busy <- struct{}{}
			into.expiry = time.AfterFunc(s.idle, func() { s.expire(into) })
			into.expiry.Stop()
			s.byID[into.id] = into
		}
		into.conns[name] = c
		s.kept++
	}
	return into, rest
}

// release ends a request's use of a session. Connections that have ended are forgotten, and a session without any too.
func (s *sessions) release(u *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, c := range u.conns {
		if c.ended() {
			s.drop(u, name)
		}
	}
	switch {
	case s.byID[u.id] != u: // Close was here
	case len(u.conns) == 0:
		delete(s.byID, u.id)
	default:
		u.expiry.Reset(s.idle)
	}
	<-u.busy
}

// remove takes a connection out of a session that is being used.
func (s *sessions) remove(u *session, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(u, name)
}

// drop is remove with s.mu held.
func (s *sessions) drop(u *session, name string) {
	if _, ok := u.conns[name]; ok && s.byID[u.id] == u { // else close has counted it
		delete(u.conns, name)
		s.kept--
	}
}

// expire ends a session that nobody has used for a while.
func (s *sessions) expire(u *session) {
	select {
	case u.busy <- struct{}{}:
	default:
		return // somebody came just in time; release starts the timer again
	}
	s.mu.Lock()
	conns := s.forget(u)
	s.mu.Unlock()
	<-u.busy // who waited finds it gone
	for _, c := range conns {
		c.close()
	}
}

// forget takes a session off the list and returns its connections. s.mu is held.
func (s *sessions) forget(u *session) []*connection {
	if s.byID[u.id] != u {
		return nil
	}
	delete(s.byID, u.id)
	var conns []*connection
	for _, c := range u.conns {
		conns = append(conns, c)
	}
	s.kept -= len(conns)
	return conns
}

// close ends all sessions; requests at work find their connections ended.
func (s *sessions) close() {
	s.mu.Lock()
	s.closed = true
	var conns []*connection
	for _, u := range s.byID {
		u.expiry.Stop()
		conns = append(conns, s.forget(u)...)
	}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(c.close)
	}
	wg.Wait()
}

// newSessionID is 128 random bits: who knows it is its caller.
func newSessionID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
