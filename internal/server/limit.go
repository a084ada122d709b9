package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// limitedListener is an HTTP listener that lets max connections in at once. Others are told so, as far as that can be done
// without much effort, and closed.
type limitedListener struct {
	net.Listener
	max    int64
	open   atomic.Int64
	turned chan struct{} // a place for each connection that is being told
	log    *slog.Logger
}

// maxTurned is how many connections beyond the limit are told at the same time; further ones are just closed.
const maxTurned = 32

func limitHTTP(l net.Listener, max int, log *slog.Logger) net.Listener {
	return &limitedListener{Listener: l, max: int64(max), turned: make(chan struct{}, maxTurned), log: log}
}

// Accept implements net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.max {
			return &countedConn{Conn: c, listener: l}, nil
		}
		l.open.Add(-1)
		l.log.Warn(refusalMessage, "peer", c.RemoteAddr().String(), "over", "http", "limit", "http_connections", "max", l.max)
		select {
		case l.turned <- struct{}{}:
			go func() {
				defer func() { <-l.turned }()
				turnAway(c)
			}()
		default:
			_ = c.Close()
		}
	}
}

// turnAway answers a request, after it has come: a client takes nothing else for its answer.
func turnAway(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	var request [4096]byte
	for n := 0; !bytes.Contains(request[:n], []byte("\r\n\r\n")); {
		got, err := c.Read(request[n:])
		if n += got; err != nil || n == len(request) {
			return
		}
	}
	const why = "The server's limit http_connections is reached.\n"
	_, _ = fmt.Fprintf(c, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nConnection: close\r\n"+
		"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len(why), why)
}

type countedConn struct {
	net.Conn
	listener *limitedListener
	once     sync.Once
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.once.Do(func() { c.listener.open.Add(-1) })
	return c.Conn.Close()
}
