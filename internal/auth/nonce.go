package auth

import (
	"container/list"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"
)

// Bounds of challenges that wait for their answer.
const (
	maxNonces = 4096
	nonceTTL  = time.Minute
)

// nonces are challenges that were sent: each is good once, for one address and user, for nonceTTL. Beyond maxNonces the
// oldest is forgotten.
type nonces struct {
	mu    sync.Mutex
	byID  map[string]*list.Element
	last  map[string]*list.Element // by who: clients that send no opaque do not say which
	order *list.List               // of *nonce, the newest first
}

type nonce struct {
	id, who string
	expires time.Time
}

func newNonces() *nonces {
	return &nonces{byID: make(map[string]*list.Element), last: make(map[string]*list.Element), order: list.New()}
}

// issue makes a nonce for who: 128 random bits in hexadecimal.
func (n *nonces) issue(who string) string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	id := hex.EncodeToString(b)
	n.mu.Lock()
	defer n.mu.Unlock()
	for e := n.order.Back(); e != nil; e = n.order.Back() {
		if len(n.byID) < maxNonces && e.Value.(*nonce).expires.After(time.Now()) {
			break
		}
		n.drop(e)
	}
	e := n.order.PushFront(&nonce{id: id, who: who, expires: time.Now().Add(nonceTTL)})
	n.byID[id], n.last[who] = e, e
	return id
}

// take uses up the nonce id of who, or the last one of who when id is "". It returns "" when there is none that is good.
// Nobody can use up another one's.
func (n *nonces) take(id, who string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.byID[id]
	if id == "" {
		e = n.last[who]
	}
	if e == nil {
		return ""
	}
	c := e.Value.(*nonce)
	if c.who != who {
		return ""
	}
	n.drop(e)
	if !c.expires.After(time.Now()) {
		return ""
	}
	return c.id
}

// drop forgets a nonce. n.mu must be held.
func (n *nonces) drop(e *list.Element) {
	c := e.Value.(*nonce)
	n.order.Remove(e)
	delete(n.byID, c.id)
	if n.last[c.who] == e {
		delete(n.last, c.who)
	}
}
