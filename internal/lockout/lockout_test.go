package lockout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func addr(s string) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(s), 1000))
}

func TestAddrKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := AddrKey(addr(in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if AddrKey(nil) != "" || AddrKey(&net.UnixAddr{Name: "x"}) != "x" {
		t.Error("addresses that are not IP")
	}
}

// Five failures within a minute cost a minute, for this address and user only.
func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at, ctx := New(), t.Context()
		try := func(who string, good bool) (time.Duration, bool) {
			wait, ok, err := at.Try(ctx, who, func() (bool, error) { return good, nil })
			if err != nil {
				t.Error(err)
			}
			return wait, ok
		}
		for range 4 {
			try("a", false)
		}
		if wait, ok := try("a", true); wait != 0 || !ok {
			t.Fatalf("the fifth, right: %v %v", wait, ok)
		}
		for i := range 5 { // a success wiped the failures
			if wait, ok := try("a", false); wait != 0 || ok {
				t.Fatalf("%d: %v %v", i, wait, ok)
			}
		}
		if wait, ok := try("a", true); wait != Penalty || ok {
			t.Errorf("right, within the penalty: %v %v", wait, ok)
		}
		if wait, ok := try("b", true); wait != 0 || !ok {
			t.Errorf("another: %v %v", wait, ok)
		}
		time.Sleep(Penalty)
		if wait, ok := try("a", true); wait != 0 || !ok {
			t.Errorf("after the penalty: %v %v", wait, ok)
		}
		for range 12 { // slow guessing is no crime
			try("c", false)
			time.Sleep(15 * time.Second)
		}
		if wait, _ := try("c", false); wait != 0 {
			t.Errorf("slow: %v", wait)
		}
	})
}

// Many attempts at the same moment get no more than five tries.
func TestAttemptsAtOnce(t *testing.T) {
	at := New()
	var tried atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, _, _ = at.Try(t.Context(), "a", func() (bool, error) { tried.Add(1); return false, nil })
		})
	}
	wg.Wait()
	if tried.Load() != MaxFailures {
		t.Errorf("%d tries", tried.Load())
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	at := New()
	for i := range maxAttempts + 100 {
		_, _, _ = at.Try(t.Context(), fmt.Sprint(i), func() (bool, error) { return false, nil })
	}
	if len(at.byWho) != maxAttempts || at.recent.Len() != maxAttempts {
		t.Errorf("%d and %d entries", len(at.byWho), at.recent.Len())
	}
	ok := New()
	_, _, _ = ok.Try(t.Context(), "a", func() (bool, error) { return true, nil })
	if len(ok.byWho) != 0 {
		t.Error("a success is remembered")
	}
	held := New()
	started, end := make(chan struct{}), make(chan struct{})
	go held.Try(t.Context(), "a", func() (bool, error) { close(started); <-end; return true, nil })
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := held.Try(ctx, "a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("whose client has left: %v", err)
	}
	close(end)
}

func TestOwnLimit(t *testing.T) {
	at := NewTable(7)
	for i := range 8 {
		wait, _, _ := at.Try(t.Context(), "a", func() (bool, error) { return false, nil })
		if locked := wait > 0; locked != (i == 7) {
			t.Errorf("attempt %d: wait %v", i+1, wait)
		}
	}
}
