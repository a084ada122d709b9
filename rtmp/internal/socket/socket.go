// Package socket writes to a TCP connection without ever waiting for it, and waits for what it brings without a buffer.
package socket

import (
	"net"
	"os"
	"syscall"
)

// Writer writes to one connection what its socket takes at once. It is not safe for concurrent use, and not with writes to the
// connection itself under way: it would wait for these. The descriptor stays in the hands of package net, so that it cannot have
// been closed, and its number given to another connection, in the middle of a write.
type Writer struct {
	raw   syscall.RawConn
	write func(fd uintptr) bool // made once: a closure per write would be an allocation per write
	peek  func(fd uintptr) bool
	p     []byte
	n     int
	err   error

	// Of WaitReadable.
	tcp     *net.TCPConn
	peekErr error
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
	w := &Writer{raw: raw, tcp: tcp}
	w.write = func(fd uintptr) bool {
		w.n, w.err = tryWrite(fd, w.p)
		return true // whatever came of it: nobody waits here
	}
	w.peek = func(fd uintptr) (ready bool) {
		ready, w.peekErr = readable(fd)
		return ready
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

// WaitReadable returns when a read of the connection would not wait: because something has come, or because it would fail. The
// error, if any, is one that the read would not report any more. It may be called beside TryWrite.
func (w *Writer) WaitReadable() error {
	w.peekErr = nil
	_ = w.raw.Read(w.peek) // what fails here fails there too
	if w.peekErr == nil {
		return nil
	}
	return &net.OpError{Op: "read", Net: "tcp", Source: w.tcp.LocalAddr(), Addr: w.tcp.RemoteAddr(), Err: os.NewSyscallError("read", w.peekErr)}
}
