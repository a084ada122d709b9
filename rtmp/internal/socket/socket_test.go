package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

func pair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a, b
}

func TestTryWrite(t *testing.T) {
	a, b := pair(t)
	w := New(a)
	if w == nil {
		t.Skip("not on this system")
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
	total := 0
	for {
		n, err := w.TryWrite(data)
		if err != nil {
			t.Fatal(err)
		}
		total += n
		if n < len(data) {
			break // full, and nobody waited
		}
	}
	got := make([]byte, total)
	if _, err := io.ReadFull(b, got); err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i] != data[i%len(data)] {
			t.Fatalf("byte %d of %d is wrong", i, total)
		}
	}
}

func TestTryWriteFails(t *testing.T) {
	a, _ := pair(t)
	w := New(a)
	if w == nil {
		t.Skip("not on this system")
	}
	_ = a.SetWriteDeadline(time.Now().Add(-time.Second))
	if _, err := w.TryWrite([]byte{1}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	_ = a.SetWriteDeadline(time.Time{})
	if n, err := w.TryWrite([]byte{1}); n != 1 || err != nil {
		t.Errorf("without one: %d, %v", n, err)
	}
	_ = a.Close()
	if _, err := w.TryWrite([]byte{1}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestTryWriteAllocates(t *testing.T) {
	a, b := pair(t)
	w := New(a)
	if w == nil {
		t.Skip("not on this system")
	}
	go func() { _, _ = io.Copy(io.Discard, b) }()
	p := make([]byte, 10)
	if n := testing.AllocsPerRun(100, func() { _, _ = w.TryWrite(p) }); n > 0 {
		t.Errorf("%v allocations for a write", n)
	}
}

func TestNotTCP(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if New(a) != nil {
		t.Error("a pipe has no descriptor")
	}
}

func TestWaitReadable(t *testing.T) {
	a, b := pair(t)
	w := New(a)
	if w == nil {
		t.Skip("not on this system")
	}
	wait := func() <-chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = w.WaitReadable()
		}()
		return done
	}
	want := func(done <-chan struct{}, why string) {
		t.Helper()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatalf("still waits: %s", why)
		}
	}
	done := wait()
	select {
	case <-done:
		t.Fatal("nothing has come")
	case <-time.After(20 * time.Millisecond):
	}
	_, _ = b.Write([]byte{7})
	want(done, "a byte")
	want(wait(), "a byte that is there")
	got := make([]byte, 1)
	if _, err := a.Read(got); err != nil || got[0] != 7 {
		t.Errorf("the byte was taken: %v, %v", got, err)
	}
	_ = a.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	want(wait(), "the deadline")
	_ = a.SetReadDeadline(time.Time{})
	done = wait()
	_ = b.Close()
	want(done, "the end")
	_ = a.Close()
	want(wait(), "closed")
}

// A reset is reported once only, by whoever looks first.
func TestWaitReadableReset(t *testing.T) {
	a, b := pair(t)
	w := New(a)
	if w == nil {
		t.Skip("not on this system")
	}
	_ = b.(*net.TCPConn).SetLinger(0)
	_ = b.Close()
	if err := w.WaitReadable(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v", err)
	}
}
