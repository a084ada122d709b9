//go:build unix

package socket

import "syscall"

const supported = true

func tryWrite(fd uintptr, p []byte) (int, error) {
	for {
		n, err := write(fd, p)
		switch err {
		case 0:
			return n, nil
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, nil
		}
		return 0, err
	}
}

// tryRead reads what is there. done is false when that is nothing yet.
func tryRead(fd uintptr, p []byte) (n int, done bool, err error) {
	for {
		n, errno := read(fd, p)
		switch errno {
		case 0:
			return n, true, nil
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, false, nil
		}
		return 0, true, errno
	}
}

// readable looks at the next byte without taking it. An error of the socket is taken by that.
func readable(fd uintptr) (bool, error) {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		switch err {
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false, nil
		default:
			return true, err
		}
	}
}
