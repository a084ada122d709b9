package socket

import (
	"syscall"
	"unsafe"
)

// write and read do not tell the scheduler that they may take long, for they never wait: a write to a socket takes ten
// microseconds or more, after twenty the scheduler would give the processor to another thread, which would have to be woken to
// find that there is nothing to do.

func write(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	return int(n), err
}

func read(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, err := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	return int(n), err
}
