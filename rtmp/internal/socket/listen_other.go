//go:build !linux

package socket

const inherits = false

func keepAlive(uintptr) {}
