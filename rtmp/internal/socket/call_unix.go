//go:build unix && (!linux || 386 || s390x)

package socket

import "syscall"

func write(fd uintptr, p []byte) (int, syscall.Errno) { return errno(syscall.Write(int(fd), p)) }

func read(fd uintptr, p []byte) (int, syscall.Errno) { return errno(syscall.Read(int(fd), p)) }

func errno(n int, err error) (int, syscall.Errno) {
	e, ok := err.(syscall.Errno)
	if err != nil && !ok {
		e = syscall.EIO
	}
	return n, e
}
