//go:build unix

package socket

import "syscall"

const supported = true

func tryWrite(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Write(int(fd), p)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, nil
		}
		return 0, err
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
