package app

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"penstock/rtmp"
)

// stamped is a video body that carries its publisher's life, GOP and place in the GOP.
func stamped(life, gop, index uint32) []byte {
	b := frame(index == 0, 0)[:5]
	b = binary.BigEndian.AppendUint32(b, life)
	b = binary.BigEndian.AppendUint32(b, gop)
	b = binary.BigEndian.AppendUint32(b, index)
	return append(b, make([]byte, 700)...)
}

// publisherLife publishes for a moment, then drops the connection in the middle of a frame.
func publisherLife(addr, name string, life uint32) error {
	var raw net.Conn
	cfg := &rtmp.ClientConfig{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		nc, err := d.DialContext(ctx, network, address)
		raw = nc
		return nc, err
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := rtmp.Dial(ctx, "rtmp://"+addr+"/live", cfg)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer c.Close()
	ns, err := c.Publish(ctx, name)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := ns.WriteVideo(ctx, 0, config(byte(life))); err != nil {
		return err
	}
	frames := 1 + rand.IntN(30)
	for i := range frames {
		if err := ns.WriteVideo(ctx, uint32(i*40), stamped(life, uint32(i/8), uint32(i%8))); err != nil {
			return err
		}
		if rand.IntN(4) == 0 {
			time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
		}
	}
	// What was written may wait still, and the half message must not come in between.
	if _, err := c.Call(ctx, "_checkbw"); err != nil {
		return err
	}
	// Half a message by hand, then gone: with FIN or with RST.
	_, _ = raw.Write([]byte{0x06, 0, 0, 40, 0, 2, 188, 9, 1, 0, 0, 0, 0x17, 1, 0, 0, 0, 0xFF, 0xFF})
	if tcp, ok := raw.(*net.TCPConn); ok && rand.IntN(2) == 0 {
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
	return nil
}

// checkGOPs plays name and reports a frame that does not follow from the one before.
func checkGOPs(ctx context.Context, addr, name string, seen *atomic.Int64) error {
	c, err := rtmp.Dial(ctx, "rtmp://"+addr+"/live", nil)
	if err != nil {
		return err
	}
	defer c.Close()
	ns, err := c.Play(ctx, name, rtmp.PlayOptions{})
	if err != nil {
		return err
	}
	var last [3]uint32
	lastTime := uint32(0)
	started := false
	for {
		ev, err := ns.Read(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if ev.Type != rtmp.TypeVideo || ev.Payload[1] == 0 {
			continue
		}
		if len(ev.Payload) != 5+12+700 {
			return fmt.Errorf("%s: a frame of %d bytes: half a message was relayed", name, len(ev.Payload))
		}
		at := [3]uint32{}
		for i := range at {
			at[i] = binary.BigEndian.Uint32(ev.Payload[5+4*i:])
		}
		follows := started && at[0] == last[0] && at[1] == last[1] && at[2] == last[2]+1
		if at[2] != 0 && !follows {
			return fmt.Errorf("%s: broken GOP: frame %v after %v", name, at, last)
		}
		if ev.Timestamp < lastTime {
			return fmt.Errorf("%s: time went back from %d to %d", name, lastTime, ev.Timestamp)
		}
		last, lastTime, started = at, ev.Timestamp, true
		seen.Add(1)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no descriptor list on this system: %v", err)
	}
	return len(d)
}

// 200 publishers that die in the middle of a frame and come back at once.
func TestPublishersDroppedMidFrame(t *testing.T) {
	const publishers, lives = 200, 6
	w := serve(t, live(), nil)
	goroutines, fds := runtime.NumGoroutine(), descriptors(t)

	watchCtx, stopWatching := context.WithCancel(context.Background())
	var players, pubs sync.WaitGroup
	var seen atomic.Int64
	playerErrs := make(chan error, publishers)
	for i := range publishers / 4 {
		players.Go(func() {
			if err := checkGOPs(watchCtx, w.addr, fmt.Sprintf("cam%d", i), &seen); err != nil {
				playerErrs <- err
			}
		})
	}
	errs := make(chan error, publishers*lives)
	for i := range publishers {
		pubs.Go(func() {
			for life := range lives {
				if err := publisherLife(w.addr, fmt.Sprintf("cam%d", i), uint32(life)); err != nil {
					errs <- fmt.Errorf("cam%d life %d: %w", i, life, err)
				}
			}
		})
	}
	pubs.Wait()
	stopWatching()
	players.Wait()
	close(errs)
	close(playerErrs)
	for err := range errs {
		t.Error(err)
	}
	for err := range playerErrs {
		t.Error(err)
	}
	if seen.Load() < publishers {
		t.Errorf("players saw only %d frames", seen.Load())
	}
	// Everything goes away by itself.
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > goroutines+2 || descriptors(t) > fds || len(w.Streams().Streams()) > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("left over: %d goroutines (began with %d), %d descriptors (%d), streams %v",
				runtime.NumGoroutine(), goroutines, descriptors(t), fds, w.Streams().Streams())
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("%d publisher lives, %d frames checked by %d players", publishers*lives, seen.Load(), publishers/4)
}
