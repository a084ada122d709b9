package socket

import (
	"context"
	"net"
	"syscall"
	"time"
)

// Keep-alive probes of accepted connections, as package net sets them: the first after so long a silence, then one each, until so
// many got no answer.
const (
	aliveIdle     = 15 * time.Second
	aliveInterval = 15 * time.Second
	aliveCount    = 9
)

// Listen listens on a TCP address. What every accepted connection is to have is set here, once, where the system lets connections
// have it from the port they came to: package net makes four calls for each of them instead.
func Listen(addr string) (net.Listener, error) {
	lc := net.ListenConfig{}
	if inherits {
		lc.KeepAlive = -1 // none by package net
		lc.Control = func(_, _ string, c syscall.RawConn) error { return c.Control(func(fd uintptr) { keepAlive(fd) }) }
	}
	return lc.Listen(context.Background(), "tcp", addr)
}
