// Package socket writes to a TCP connection without ever waiting for it.
package socket

import (
	"net"
	"syscall"
)

// Writer writes to one connection what its socket takes at once. It is not safe for concurrent use, and not with writes to the
// connection itself under way: it would wait for these. The descriptor stays in the hands of package net, so that it cannot have
// been closed, and its number given to another connection, in the middle of a write.
type Writer struct {
	raw   syscall.RawConn
	write func(fd uintptr) bool // made once: a closure per write would be an allocation per write
	p     []byte
	n     int
	err   error
}

// NewWriter returns a Writer for nc, or nil where writing without waiting is not possible: on other systems than Unix, and on
// connections that are more than a TCP socket.
func NewWriter(nc net.Conn) *Writer {
	tcp, ok := nc.(*net.TCPConn)
	if !ok || !supported {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	w := &Writer{raw: raw}
	w.write = func(fd uintptr) bool {
		w.n, w.err = tryWrite(fd, w.p)
		return true // whatever came of it: nobody waits here
	}
	return w
}

// TryWrite writes as much of p as the socket takes at once: n < len(p) without an error says that it is full. An error may also
// be that of a write deadline that has passed.
func (w *Writer) TryWrite(p []byte) (n int, err error) {
	w.p, w.n, w.err = p, 0, nil
	err = w.raw.Write(w.write)
	w.p = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}
