//go:build !unix

package socket

import "errors"

const supported = false

func tryWrite(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }

func tryRead(uintptr, []byte) (int, bool, error) { return 0, true, errors.ErrUnsupported }

func readable(uintptr) (bool, error) { return true, nil }
