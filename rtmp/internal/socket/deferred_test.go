package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

func deferred(t *testing.T) (*Deferred, net.Conn) {
	a, b := pair(t)
	d := NewDeferred(a, []byte("read before"))
	if d == nil {
		t.Skip("not on this system")
	}
	return d, b
}

func TestDeferredReads(t *testing.T) {
	d, b := deferred(t)
	_, _ = b.Write([]byte(", and after"))
	_ = b.Close()
	if got, err := io.ReadAll(d); err != nil || string(got) != "read before, and after" {
		t.Errorf("%q, %v", got, err)
	}
}

// Nothing that is written waits, nothing is lost, and a deadline that passes in the middle only interrupts.
func TestDeferredWrites(t *testing.T) {
	d, b := deferred(t)
	d.Defer()
	piece := make([]byte, 10007)
	var want []byte
	for i := range 2000 {
		for j := range piece {
			piece[j] = byte(i + j)
		}
		if n, err := d.Write(piece); n != len(piece) || err != nil {
			t.Fatalf("write %d: %d, %v", i, n, err)
		}
		want = append(want, piece...)
	}
	if !d.Backlog() {
		t.Fatal("20 MB fit into the socket")
	}
	_ = d.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	for {
		if _, err := d.Drain(); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			break
		}
	}
	if n, err := d.Write([]byte("late")); n != 4 || err != nil { // though the deadline has passed
		t.Fatalf("%d, %v", n, err)
	}
	want = append(want, "late"...)
	_ = d.SetWriteDeadline(time.Time{})
	read := make(chan []byte)
	go func() {
		got := make([]byte, len(want))
		n, _ := io.ReadFull(b, got)
		read <- got[:n]
	}()
	for d.Backlog() {
		if _, err := d.Drain(); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-read; !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, %d were written, or they differ", len(got), len(want))
	}
	if n, err := d.Drain(); n != 0 || err != nil {
		t.Errorf("an empty backlog: %d, %v", n, err)
	}
}

// While Drain waits for the peer a Write does not, and what it has comes after.
func TestDeferredWritesWhileDraining(t *testing.T) {
	d, b := deferred(t)
	d.Defer()
	big := make([]byte, 16<<20)
	if _, err := d.Write(big); err != nil {
		t.Fatal(err)
	}
	drained := make(chan error, 1)
	go func() {
		for d.Backlog() {
			if _, err := d.Drain(); err != nil {
				drained <- err
				return
			}
		}
		drained <- nil
	}()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		d.mu.Lock()
		draining := d.draining
		d.mu.Unlock()
		if draining {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("Drain does not begin")
		}
	}
	if n, err := d.Write([]byte("end")); n != 3 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	got := make([]byte, len(big)+3)
	_ = b.SetReadDeadline(time.Now().Add(60 * time.Second))
	if _, err := io.ReadFull(b, got); err != nil || string(got[len(big):]) != "end" {
		t.Errorf("%q, %v", got[len(big):], err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

func TestDeferredFails(t *testing.T) {
	d, _ := deferred(t)
	d.Defer()
	_ = d.Close()
	if _, err := d.Write([]byte{1}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if NewDeferred(a, nil) != nil {
		t.Error("a pipe has no descriptor")
	}
}
