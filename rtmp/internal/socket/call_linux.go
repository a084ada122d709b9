//go:build linux && !386 && !s390x

package socket

import (
	"syscall"
	"unsafe"
)

// write and read do not tell the scheduler that they may take long, for they never wait: a write to a socket takes ten
// microseconds or more, after twenty the scheduler would give the processor to another thread, which would have to be woken to
// find that there is nothing to do.

func write(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
		syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), err
}

func read(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
	return int(n), err
}
