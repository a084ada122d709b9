package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

// reads returns what Reads of s bring, one element each, until the other side ends.
func reads(s *Socket, before func()) <-chan string {
	got := make(chan string, 16)
	go func() {
		defer close(got)
		p := make([]byte, 1<<16)
		for {
			before()
			n, err := s.Read(p)
			if err != nil {
				got <- err.Error()
				return
			}
			got <- string(p[:n])
		}
	}()
	return got
}

func next(t *testing.T, got <-chan string) string {
	t.Helper()
	select {
	case s := <-got:
		return s
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was read")
		return ""
	}
}

func TestLowWater(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("not on this system")
	}
	a, b := pair(t)
	s := New(a)
	mark, patience := 10, time.Hour
	got := reads(s, func() {
		s.LowWater(mark, patience)
		mark, patience = 1000, 10*time.Millisecond // for those that follow
	})
	time.Sleep(20 * time.Millisecond) // it waits now; if it does not yet, the test is only weaker
	for _, p := range []string{"123", "456"} {
		_, _ = b.Write([]byte(p))
		select {
		case s := <-got:
			t.Fatalf("woken for %q", s)
		case <-time.After(20 * time.Millisecond):
		}
	}
	_, _ = b.Write([]byte("7890"))
	if s := next(t, got); s != "1234567890" {
		t.Errorf("read %q", s)
	}
	_, _ = b.Write([]byte("impatient"))
	if s := next(t, got); s != "impatient" {
		t.Errorf("read %q when patience was over", s)
	}
	_, _ = b.Write([]byte("again"))
	if s := next(t, got); s != "again" {
		t.Errorf("read %q when patience was over again", s)
	}
	_, _ = b.Write([]byte("last"))
	_ = b.Close()
	if s := next(t, got); s != "last" {
		t.Errorf("read %q before the end", s)
	}
	if s := next(t, got); s != io.EOF.Error() {
		t.Errorf("the end: %s", s)
	}
}

// The mark holds for waiting without a buffer as well, and 1 takes it away.
func TestLowWaterWait(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("not on this system")
	}
	a, b := pair(t)
	s := New(a)
	s.LowWater(100, 50*time.Millisecond)
	_, _ = b.Write([]byte("x"))
	if err := s.WaitReadable(); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 10)
	if n, err := s.Read(p); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	s.LowWater(1, time.Hour)
	time.AfterFunc(10*time.Millisecond, func() { _, _ = b.Write([]byte("y")) })
	if err := s.WaitReadable(); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Read(p); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestRead(t *testing.T) {
	a, b := pair(t)
	s := New(a)
	if s == nil {
		t.Skip("not on this system")
	}
	want := bytes.Repeat([]byte("0123456789"), 1e5)
	go func() {
		_, _ = b.Write(want)
		_ = b.Close()
	}()
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
	}
	if n, err := s.Read(nil); n != 0 || err != nil {
		t.Errorf("nothing: %d, %v", n, err)
	}
}

func TestReadFails(t *testing.T) {
	a, b := pair(t)
	s := New(a)
	if s == nil {
		t.Skip("not on this system")
	}
	_ = a.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	_ = a.SetReadDeadline(time.Time{})
	_ = b.(*net.TCPConn).SetLinger(0)
	_ = b.Close()
	if _, err := s.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("reset: %v", err)
	}
	_ = a.Close()
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestReadAllocates(t *testing.T) {
	a, b := pair(t)
	s := New(a)
	if s == nil {
		t.Skip("not on this system")
	}
	p := make([]byte, 10)
	if n := testing.AllocsPerRun(100, func() {
		s.LowWater(5, time.Second)
		_, _ = b.Write(p)
		_, _ = s.Read(p)
	}); n > 0 {
		t.Errorf("%v allocations for a read", n)
	}
}
