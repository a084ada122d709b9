//go:build !linux

package socket

import "errors"

func setLowWater(uintptr, int) error { return errors.ErrUnsupported }
