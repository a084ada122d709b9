package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"penstock/rtmp"
)

// listen opens a port. name is the flag and the section of the configuration that say which.
func listen(name, addr string) (net.Listener, error) {
	l, err := rtmp.Listen(addr)
	if err == nil {
		return l, nil
	}
	host, port, _ := net.SplitHostPort(addr)
	another := net.JoinHostPort(host, next(port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %s is in use by another program: stop it, or choose another with --%s %s", port, name, another)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("port %s may not be opened by this user: choose one above 1023, such as --%s %s", port, name,
			net.JoinHostPort(host, "1"+port))
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("this machine has no address %s: choose one of its own, or all with --%s :%s", host, name, port)
	}
	return nil, fmt.Errorf("cannot listen on %s (--%s): %w", addr, name, err)
}

func next(port string) string {
	n, err := strconv.Atoi(port)
	if err != nil || n >= 65535 {
		return "0"
	}
	return strconv.Itoa(n + 1)
}

// checkData reports a folder that could not be made when something needs it. It makes nothing.
func checkData(path string) error {
	for p := filepath.Clean(path); ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("--data %s: %s is a file, name a folder", path, p)
		case err == nil, p == filepath.Dir(p):
			return nil
		case !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
			return fmt.Errorf("--data %s: %w", path, err)
		}
	}
}
