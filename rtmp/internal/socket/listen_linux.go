package socket

import (
	"syscall"
	"time"
)

// inherits: on Linux a connection takes over the options of the socket that accepted it.
const inherits = true

// keepAlive turns probes on. What the system does not know of it has its own value.
func keepAlive(fd uintptr) {
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, seconds(aliveIdle))
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, seconds(aliveInterval))
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, aliveCount)
}
