package operator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds on sessions. Beyond them, the oldest ends.
const (
	maxSessions        = 1000
	maxSessionsPerUser = 20
)

const cookieName = "penstock_session"

// sessions are the log-ins of browsers. They do not outlive the process.
type sessions struct {
	ctx context.Context // ends all of them
	ttl time.Duration

	mu   sync.Mutex
	byID map[sessionID]*session
	list []*session // oldest first
}

// sessionID is the hash of what the cookie has: what is in memory opens nothing.
type sessionID [sha256.Size]byte

type session struct {
	id  sessionID
	who Identity
	ctx context.Context // ends at expiry, at log-out, and with the Authority
	end context.CancelFunc
}

func newSessions(ctx context.Context, ttl time.Duration) *sessions {
	return &sessions{ctx: ctx, ttl: ttl, byID: make(map[sessionID]*session)}
}

// start makes a session and returns what its cookie has.
func (s *sessions) start(who Identity) (secret string) {
	secret = rand.Text()
	v := &session{id: sha256.Sum256([]byte(secret)), who: who}
	v.ctx, v.end = context.WithTimeout(s.ctx, s.ttl)
	v.who.By, v.who.session = BySession, v.ctx
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prune(who.Name)
	s.byID[v.id] = v
	s.list = append(s.list, v)
	return secret
}

// prune forgets sessions that have ended, and makes room for one more of the user. s.mu must be held.
func (s *sessions) prune(name string) {
	own := 0
	for _, v := range s.list {
		if v.ctx.Err() == nil && v.who.Name == name {
			own++
		}
	}
	s.list = slices.DeleteFunc(s.list, func(v *session) bool {
		if v.ctx.Err() == nil && v.who.Name == name && own >= maxSessionsPerUser {
			own--
			v.end()
		}
		if v.ctx.Err() != nil {
			delete(s.byID, v.id)
			return true
		}
		return false
	})
	if len(s.list) >= maxSessions {
		oldest := s.list[0]
		oldest.end()
		delete(s.byID, oldest.id)
		s.list = slices.Delete(s.list, 0, 1)
	}
}

// of finds the session of a request's cookie.
func (s *sessions) of(r *http.Request) (Identity, bool) {
	if v := s.find(r); v != nil {
		return v.who, true
	}
	return Identity{}, false
}

func (s *sessions) find(r *http.Request) *session {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return nil
	}
	id := sessionID(sha256.Sum256([]byte(c.Value)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.byID[id]; v != nil && v.ctx.Err() == nil {
		return v
	}
	return nil
}

// finish ends the session of a request's cookie.
func (s *sessions) finish(r *http.Request) {
	v := s.find(r)
	if v == nil {
		return
	}
	v.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, v.id)
	s.list = slices.DeleteFunc(s.list, func(o *session) bool { return o == v })
}

// cookie is how the browser keeps a session. The browser sends it to this server only, over TLS only when it came so, never for
// another site's page, and shows it to no script.
func cookie(r *http.Request, value string, ttl time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: cookieName, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https"),
	}
	if c.MaxAge = int(ttl.Seconds()); value == "" {
		c.MaxAge = -1
	}
	return c
}
