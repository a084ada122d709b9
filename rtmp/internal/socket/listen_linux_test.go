package socket

import (
	"net"
	"syscall"
	"testing"
	"time"
)

func TestListenKeepsAlive(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	raw, err := b.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []struct {
		name       string
		level, opt int
		want       int
	}{
		{"keep-alive", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{"first probe", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, int(aliveIdle / time.Second)},
		{"interval", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, int(aliveInterval / time.Second)},
		{"probes", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, aliveCount},
		{"no delay", syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
	} {
		var got int
		if err := raw.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), o.level, o.opt) }); err != nil {
			t.Fatal(err)
		}
		if err != nil || got != o.want {
			t.Errorf("%s: %d, %v, want %d", o.name, got, err, o.want)
		}
	}
}

func TestListenFails(t *testing.T) {
	if l, err := Listen("127.0.0.1:nothing"); err == nil {
		_ = l.Close()
		t.Error("a port that is none")
	}
}
