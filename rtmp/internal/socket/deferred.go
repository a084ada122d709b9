package socket

import (
	"errors"
	"net"
	"os"
	"slices"
	"sync"
)

// Deferred is a TCP connection for TLS to be put on, whose Write does not wait once Defer was called: what the socket does not
// take at once is kept, and Drain writes it. So whoever has something for a TLS connection can encrypt and write it without a
// goroutine that waits, and an interrupted write does not spoil the connection, as it would above. How much is kept is for the
// writer to bound: it is not to write while there is a Backlog. Writes are safe for concurrent use, Drain is for one goroutine.
type Deferred struct {
	*net.TCPConn
	first  []byte // read already; reading goroutine only
	socket *Socket

	mu       sync.Mutex // held while the socket is tried, which does not wait
	defers   bool
	draining bool // Drain is waiting for the socket: trying it would wait as well
	backlog  []byte
}

// NewDeferred returns nc with first put back before what it reads, or nil where that is not possible: see New.
func NewDeferred(nc net.Conn, first []byte) *Deferred {
	s := New(nc)
	if s == nil {
		return nil
	}
	return &Deferred{TCPConn: s.tcp, first: first, socket: s}
}

// Defer makes Write not wait from now on.
func (d *Deferred) Defer() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.defers = true
}

// Read implements net.Conn.
func (d *Deferred) Read(p []byte) (int, error) {
	if len(d.first) > 0 {
		n := copy(p, d.first)
		if d.first = d.first[n:]; len(d.first) == 0 {
			d.first = nil
		}
		return n, nil
	}
	return d.TCPConn.Read(p)
}

// Write implements net.Conn.
func (d *Deferred) Write(p []byte) (n int, err error) {
	d.mu.Lock()
	if !d.defers {
		d.mu.Unlock()
		return d.TCPConn.Write(p)
	}
	defer d.mu.Unlock()
	if len(d.backlog) == 0 && !d.draining {
		if n, err = d.socket.TryWrite(p); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
	d.backlog = append(d.backlog, p[n:]...)
	return len(p), nil
}

// Backlog tells whether something is kept for Drain.
func (d *Deferred) Backlog() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.draining || len(d.backlog) > 0
}

// Drain writes what is kept, and waits for the peer to take it, until the write deadline. It returns how many bytes it was.
func (d *Deferred) Drain() (int, error) {
	d.mu.Lock()
	p := d.backlog
	d.backlog, d.draining = nil, len(p) > 0
	d.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	n, err := d.TCPConn.Write(p)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.draining = false
	if n < len(p) {
		d.backlog = append(slices.Clip(p[n:]), d.backlog...)
	}
	return n, err
}
