// Package socket reads and writes a TCP connection without a detour: it writes what the socket takes at once and never waits for
// it, waits for what comes without a buffer, and lets a little wait in the kernel for more to come (see LowWater).
package socket

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Socket is a TCP connection. One goroutine may use it for writing and another for reading at a time. Writing must not happen
// beside writes to the connection itself: it would wait for these. The descriptor stays in the hands of package net, so that it
// cannot have been closed, and its number given to another connection, in the middle of a call.
type Socket struct {
	raw syscall.RawConn
	tcp *net.TCPConn

	// Of TryWrite. The closures are made once: one per call would be an allocation per call.
	write func(fd uintptr) bool
	out   []byte
	n     int
	err   error

	// Of Read and WaitReadable.
	read, peek func(fd uintptr) bool
	in         []byte
	got        int
	readErr    error
	low        lowWater
}

// New returns a Socket for nc, or nil where writing without waiting is not possible: on other systems than Unix, and on
// connections that are more than a TCP socket.
func New(nc net.Conn) *Socket {
	tcp, ok := nc.(*net.TCPConn)
	if !ok || !supported {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	s := &Socket{raw: raw, tcp: tcp}
	s.write = func(fd uintptr) bool {
		s.n, s.err = tryWrite(fd, s.out)
		return true // whatever came of it: nobody waits here
	}
	s.read = func(fd uintptr) (done bool) {
		if s.got, done, s.readErr = tryRead(fd, s.in); !done {
			s.low.apply(fd)
		}
		return done
	}
	s.peek = func(fd uintptr) (ready bool) {
		if ready, s.readErr = readable(fd); !ready {
			s.low.apply(fd)
		}
		return ready
	}
	return s
}

// TryWrite writes as much of p as the socket takes at once: n < len(p) without an error says that it is full. An error may also
// be that of a write deadline that has passed.
func (s *Socket) TryWrite(p []byte) (n int, err error) {
	s.out, s.n, s.err = p, 0, nil
	err = s.raw.Write(s.write)
	s.out = nil
	if err == nil {
		err = s.err
	}
	return s.n, err
}

// Read is io.Reader, as of the connection itself.
func (s *Socket) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.in, s.got, s.readErr = p, 0, nil
	err = s.raw.Read(s.read)
	s.in = nil
	switch {
	case err != nil:
		return 0, err
	case s.readErr != nil:
		return 0, s.opError(s.readErr)
	case s.got == 0:
		return 0, io.EOF
	}
	return s.got, nil
}

// WaitReadable returns when a read of the connection would not wait: because something has come, or because it would fail. The
// error, if any, is one that the read would not report any more.
func (s *Socket) WaitReadable() error {
	s.readErr = nil
	_ = s.raw.Read(s.peek) // what fails here fails there too
	if s.readErr == nil {
		return nil
	}
	return s.opError(s.readErr)
}

func (s *Socket) opError(err error) error {
	return &net.OpError{Op: "read", Net: "tcp", Source: s.tcp.LocalAddr(), Addr: s.tcp.RemoteAddr(), Err: os.NewSyscallError("read", err)}
}

// LowWater makes the next Read or WaitReadable that has to wait do so until n bytes are there, or patience is over, or the peer
// has ended: to be woken for less costs as much as for all of it. n ≤ 1 waits for the first byte, as usual. It is for the
// goroutine that reads, and does nothing where the system has no such thing.
func (s *Socket) LowWater(n int, patience time.Duration) { s.low.want(s, n, patience) }
